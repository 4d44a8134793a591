"""The uploader dies, or says what no uploader says: the daemon never guesses what became of the report."""

import os
import signal
from pathlib import Path

import pytest
from harness import WAIT_S, until
from installation import Installation
from timeline import DAY_S, HOUR_S, tick_soon, timer
from tries import NO_NONCE, held, never_again, try_again, wait_for_the_next, waiting

from telemetryd.core.hindrance import problem
from telemetryd.core.limits import COURIER_TIMEOUT_S
from telemetryd.core.settings import Endpoint

START = """
import os, signal, socket, sys, time
if "telemetryd.upload" in sys.orig_argv:
    try:
        exec(open({script!r}).read())
    except BaseException:
        os._exit(1)
"""
"""What every Python of the machine does at its start; the uploader's may not get beyond it."""

STAND_IN = """
import json
connection = socket.socket(fileno=int(sys.orig_argv[-1]))
def read():
    data = b""
    while b"\\n" not in data or len(data.partition(b"\\n")[2]) < json.loads(data.partition(b"\\n")[0])["definition"] + 1024:
        data += connection.recv(4096)
def say(*lines):
    read()
    for line in lines:
        connection.sendall(line)
    os._exit(0)
"""
"""The beginning of a program that stands in the uploader's place."""
SENDING = b"sending\n"
YES = SENDING + b'{"result":"accepted","status":204,"retry_after_s":null,"hindrance":""}\n'
GONE = b'{"result":"answered","status":410,"retry_after_s":null,"hindrance":""}\n'
DIE = "os.kill(os.getpid(), signal.SIGKILL)"

FAULTS = {
    # The program itself, to which it happens.
    "killed before its line": f"""
send = socket.socket.send
socket.socket.send = lambda one, data, *more: {DIE} if data[:1] == b"{{" else send(one, data, *more)
""",
    # Another in its place.
    "killed while it sends": f"{STAND_IN}\nread(); connection.sendall({SENDING!r}); {DIE}",
    "answers twice": f"{STAND_IN}\nsay({YES!r}, {GONE!r})",
    "answers before it reads": f"{STAND_IN}\nconnection.sendall({YES!r}); os._exit(0)",
    "says half a line": f"{STAND_IN}\nsay({YES[:-1]!r})",
    "says a line without end": f"{STAND_IN}\nsay({YES[:-1]!r} + b' ' * 100_000)",
    "says no JSON": f"{STAND_IN}\nsay(b'accepted\\n')",
    "says other bytes": f"{STAND_IN}\nsay(bytes(range(256)))",
}
"""After these nobody knows whether anything left."""

EARLIER = {
    "killed before it reads": ("uploader", DIE),
    "killed while it connects": ("uploader", f"socket.socket.connect = lambda *_: {DIE}"),
    "crashes on import": ("uploader", "sys.modules['telemetryd.upload.job'] = None"),
    "no HTTP client": ("client", "sys.modules['aiohttp'] = None"),
    "killed after it read": ("uploader", f"{STAND_IN}\nread(); {DIE}"),
    "ends without a word": ("uploader", f"{STAND_IN}\nread(); os._exit(0)"),
    "closes its socket and stays": ("uploader", f"{STAND_IN}\nread(); connection.close(); signal.pause()"),
}
"""Before a connection stands nothing has left: what is told of it, and what happens."""


class Uploader:
    """The uploader of a timeline's machine, and what befalls it."""

    def __init__(self, timeline, folder):
        self._timeline, self._script = timeline, folder.with_name("script")
        installation = Installation(folder)
        installation.at_start(START.format(script=str(self._script)))
        self.suffer("")
        timeline.machine.python, timeline.machine.folder = str(installation.python), folder

    def suffer(self, fault):
        """What befalls the next ones; nothing if "" is given."""
        following = self._script.with_suffix(".new")
        following.write_text(FAULTS.get(fault, fault))
        following.replace(self._script)

    def running(self):
        """The process ids of those that run."""
        daemon = self._timeline.daemon.process.pid
        tasks = Path(f"/proc/{daemon}/task").iterdir()
        return [int(number) for task in tasks for number in (task / "children").read_text().split()]


@pytest.fixture
def uploader(timeline, tmp_path):
    """The uploader, to which nothing has happened yet."""
    return Uploader(timeline, tmp_path / "installation")


async def the_first_try(timeline):
    """The report waits, and is tried once; the history's row as it was before."""
    before = await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_tried(1, within_s=3 * HOUR_S)
    return before


async def nobody_knows(timeline, before, tries):
    """The report waits on, and the history says no more than how often it was tried."""
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"], row["body"]) == ("queued", 0, tries, before["body"])
    assert (await timeline.question())[0] == "reporting"


async def accepted_at_last(timeline, before, tries, bodies):
    """A day later the server gets the same bytes, and then the report is over."""
    await try_again(timeline, tries, DAY_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"]) == ("accepted", 204, tries)
    assert timeline.bodies() == [before["body"].encode()] * bodies


NAMES = list(FAULTS)


@pytest.mark.parametrize(("first", "second"), [*zip(NAMES[::2], NAMES[1::2], strict=True)])
async def test_outcome_is_not_guessed(timeline, uploader, first, second):
    """Whatever befalls two uploaders, the report stays queued, nothing is said of it, the same bytes go out a day after each."""
    uploader.suffer(first)
    before = await the_first_try(timeline)
    await nobody_knows(timeline, before, 1)
    uploader.suffer(second)
    await try_again(timeline, 2, DAY_S)
    await nobody_knows(timeline, before, 2)
    uploader.suffer("")
    await accepted_at_last(timeline, before, 3, 1 + [first, second].count("killed before its line"))
    assert uploader.running() == []


async def test_what_happens_before_a_connection_stands(timeline, uploader):
    """What is wrong with our own installation uses up no report, however often: a day later it is tried again, and the cause is told."""
    before = await timeline.queue()
    await timeline.go_to_slot()
    for word, fault in EARLIER.values():
        uploader.suffer(fault)
        await held(timeline, word)
        (row,) = await timeline.client.history()
        assert (row["outcome"], row["tries"], row["body"]) == ("queued", 0, before["body"])
        assert await waiting(timeline) == [problem(word, Endpoint("kde", "KDE", ""))]
    assert timeline.bodies() == []
    assert timeline.daemon.log.count("telemetryd-upload ended, or hung, before it had a connection") == len(EARLIER) - 1
    assert timeline.daemon.log.count("telemetryd-upload: [endpoint.kde] aiohttp is missing or too old (no module aiohttp)") == 1
    uploader.suffer("")
    await wait_for_the_next(timeline)
    await timeline.run_until_tried(1, within_s=4 * HOUR_S)
    assert timeline.rows("SELECT outcome, status, tries, held FROM report") == [("accepted", 204, 1, "")]
    assert timeline.bodies() == [before["body"].encode()]
    assert await waiting(timeline) == []
    assert uploader.running() == []


@pytest.mark.parametrize(("silent_in", "tries", "bodies"), [("handshake", 0, 1), ("headers", 1, 2)])
async def test_killed_at_the_servers_moment(timeline, uploader, *, silent_in, tries, bodies):
    """An uploader that is killed before its connection stood was no try; of one killed after that nobody knows. Both send again."""
    timeline.receiver.silent_in, timeline.is_settling = silent_in, False
    before = await the_first_try(timeline)
    assert timeline.receiver.met.wait(WAIT_S)
    until(lambda: timeline.bodies() or silent_in == "handshake")
    (process,) = uploader.running()
    os.kill(process, signal.SIGKILL)
    timeline.receiver.silent_in, timeline.is_settling = "", True
    await timeline.wake()
    await nobody_knows(timeline, before, tries)
    await accepted_at_last(timeline, before, tries + 1, bodies)


async def test_three_deaths(timeline, uploader):
    """After three uploaders that took the report and died it is dropped: the server has the same bytes three times, and never again."""
    uploader.suffer("killed before its line")
    before = await the_first_try(timeline)
    for tries in (2, 3):
        await nobody_knows(timeline, before, tries - 1)
        await try_again(timeline, tries, DAY_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"]) == ("dropped", 0, 3)
    assert NO_NONCE in row["body"]
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()] * 3


async def test_uploader_that_never_answers(timeline, uploader, tmp_path):
    """The daemon waits for an uploader as long as the limits say and no longer; then it ends it, and serves all the while."""
    said = tmp_path / "said"
    uploader.suffer(f"{STAND_IN}\nread(); connection.sendall({SENDING!r}); open({str(said)!r}, 'w'); signal.pause()")
    timeline.is_settling = False
    before = await the_first_try(timeline)
    until(said.exists, within_s=60)  # the time that the machine takes to start it is not the daemon's
    (process,) = uploader.running()
    began = timeline.now
    await timeline.move(int(began + COURIER_TIMEOUT_S / 2))
    assert uploader.running() == [process]
    await nobody_knows(timeline, before, 1)
    await timeline.move(int(began + COURIER_TIMEOUT_S) + 2)
    for _ in range(60):  # however late it started, and whenever a timer is looked at: each call lets the daemon see what time it is
        if not uploader.running():
            break
        await timeline.move(int(timeline.now) + 2)
    assert uploader.running() == []
    assert timeline.now < began + 5 * COURIER_TIMEOUT_S
    timeline.is_settling = True
    uploader.suffer("")
    await accepted_at_last(timeline, before, 2, 1)


async def test_death_in_a_run_of_the_timer(timeline, uploader):
    """`telemetryd --tick` guesses no more than the daemon does: the report stays, and the next run that may sends the same bytes."""
    before = await timeline.queue()
    timeline.stop()  # before the clock moves, or it may send the report itself
    timeline.set_clock(timeline.slot() + DAY_S)
    for fault, tries in (("killed before its line", 1), ("", 2)):
        uploader.suffer(fault)
        tick_soon(timeline)
        with timer(timeline, prefix=timeline.machine.prefix) as process:
            assert process.wait(WAIT_S) == 0
        assert timeline.tries() == tries
        if fault:
            assert timeline.rows("SELECT outcome, status, started FROM report") == [("queued", 0, 0)]
            timeline.set_clock(int(timeline.now) + 2 * DAY_S)
    assert timeline.rows("SELECT outcome, status FROM report") == [("accepted", 204)]
    assert timeline.bodies() == [before["body"].encode()] * 2
