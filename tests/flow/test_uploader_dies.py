"""The uploader dies, or says what no uploader says: the daemon never guesses what became of the report."""

import contextlib
import os
import signal
from pathlib import Path

import pytest
from support.installation import Installation
from support.machine import WAIT_S, until
from support.timeline import DAY_S, HOUR_S, tick_soon, timer
from support.upload_tries import NO_NONCE, held, never_again, waiting

from telemetryd.core.limits import COURIER_TIMEOUT_S
from telemetryd.core.sending.hindrance import problem
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
YES = SENDING + b'{"result":"accepted","status":204,"hindrance":""}\n'
GONE = b'{"result":"answered","status":410,"hindrance":""}\n'
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
IN_TURN = [list(EARLIER)[first::3] for first in range(3)]
"""Which happen to one report. Each slot takes half of the time that is left, on average: after seven, one report in 300 had none."""


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
        daemon, numbers = self._timeline.daemon.process.pid, []
        for task in Path(f"/proc/{daemon}/task").iterdir():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that ended meanwhile
                numbers += (task / "children").read_text().split()
        return [int(number) for number in numbers]


@pytest.fixture
def uploader(timeline, tmp_path):
    """The uploader, to which nothing has happened yet."""
    return Uploader(timeline, tmp_path / "installation")


async def send(timeline):
    """The report waits, and is handed over; the history's row as it was before."""
    before = await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    return before


async def nobody_knows(timeline, bodies):
    """The report is over, the history says that nobody knows more, and the server has got so many copies for good."""
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"]) == ("unknown", 0)
    assert NO_NONCE in row["body"]
    assert await timeline.question() == ("answered", "unknown")
    await never_again(timeline)
    assert timeline.bodies() == bodies


@pytest.mark.parametrize("fault", FAULTS)
async def test_outcome_is_not_guessed(timeline, uploader, fault):
    """Whatever befalls the uploader once bytes may have left, nothing is said of the report but that, and it never leaves again."""
    uploader.suffer(fault)
    before = await send(timeline)
    uploader.suffer("")
    await nobody_knows(timeline, [before["body"].encode()] * (fault == "killed before its line"))
    assert uploader.running() == []


@pytest.mark.parametrize("faults", IN_TURN, ids=lambda faults: faults[0])
async def test_what_happens_before_a_connection_stands(timeline, uploader, faults):
    """What is wrong with our own installation uses up no report: it waits for another slot, two or three times, and the cause is told."""
    before = await timeline.queue()
    words = [EARLIER[fault][0] for fault in faults]
    for word, fault in zip(words, faults, strict=True):
        uploader.suffer(EARLIER[fault][1])
        await held(timeline, word)
        (row,) = await timeline.client.history()
        assert (row["outcome"], row["sent"], row["error"], row["body"]) == ("queued", 0, "own", before["body"])
        assert await waiting(timeline) == [problem(word, Endpoint("kde", "KDE", ""))[:2]]
    assert timeline.bodies() == []
    ended = "telemetryd-upload ended, or hung, before it had a connection"
    assert timeline.daemon.log.count(ended) == words.count("uploader")
    missing = "telemetryd-upload: [endpoint.kde] aiohttp is missing or too old (no module aiohttp)"
    assert timeline.daemon.log.count(missing) == words.count("client")
    uploader.suffer("")
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=30 * HOUR_S)
    assert timeline.rows("SELECT outcome, status, held FROM report") == [("accepted", 204, "")]
    assert timeline.bodies() == [before["body"].encode()]
    assert await waiting(timeline) == []
    assert uploader.running() == []


@pytest.mark.parametrize("silent_in", ["handshake", "headers"])
async def test_killed_at_the_servers_moment(timeline, uploader, *, silent_in):
    """An uploader that is killed before its connection stood has sent nothing: another slot. Of one killed after that nobody knows."""
    timeline.receiver.silent_in, timeline.is_settling = silent_in, False
    before = await send(timeline)
    assert timeline.receiver.met.wait(WAIT_S)
    until(lambda: timeline.bodies() or silent_in == "handshake")
    (process,) = uploader.running()
    os.kill(process, signal.SIGKILL)
    timeline.receiver.silent_in, timeline.is_settling = "", True
    await timeline.wake()
    if silent_in == "headers":
        await nobody_knows(timeline, [before["body"].encode()])
        return
    assert timeline.rows("SELECT outcome, started, held FROM report") == [("queued", 0, "uploader")]
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=30 * HOUR_S)
    assert timeline.rows("SELECT outcome FROM report") == [("accepted",)]
    assert timeline.bodies() == [before["body"].encode()]


async def test_uploader_that_never_answers(timeline, uploader, tmp_path):
    """The daemon waits for an uploader as long as the limits say and no longer; then it ends it, and serves all the while."""
    said = tmp_path / "said"
    uploader.suffer(f"{STAND_IN}\nread(); connection.sendall({SENDING!r}); open({str(said)!r}, 'w'); signal.pause()")
    timeline.is_settling = False
    await send(timeline)
    until(said.exists, within_s=60)  # the time that the machine takes to start it is not the daemon's
    (process,) = uploader.running()
    began = timeline.now
    await timeline.move(int(began + COURIER_TIMEOUT_S / 2))
    assert uploader.running() == [process]
    assert [row["outcome"] for row in await timeline.client.history()] == ["queued"]
    await timeline.move(int(began + COURIER_TIMEOUT_S) + 2)
    for _ in range(60):  # however late it started, and whenever a timer is looked at: each call lets the daemon see what time it is
        if not uploader.running():
            break
        await timeline.move(int(timeline.now) + 2)
    assert uploader.running() == []
    assert timeline.now < began + 5 * COURIER_TIMEOUT_S
    timeline.is_settling = True
    uploader.suffer("")
    await timeline.wake()
    await nobody_knows(timeline, [])


async def test_death_in_a_run_of_the_timer(timeline, uploader):
    """`telemetryd --tick` guesses no more than the daemon does: nobody knows, and no later run sends the report."""
    before = await timeline.queue()
    timeline.stop()  # before the clock moves, or it may send the report itself
    timeline.set_clock(timeline.slot() + DAY_S)
    for fault in ("killed before its line", ""):
        uploader.suffer(fault)
        tick_soon(timeline)
        with timer(timeline, prefix=timeline.machine.prefix) as process:
            assert process.wait(WAIT_S) == 0
        assert timeline.rows("SELECT outcome, status FROM report") == [("unknown", 0)]
        timeline.set_clock(int(timeline.now) + 2 * DAY_S)
    assert timeline.bodies() == [before["body"].encode()]
