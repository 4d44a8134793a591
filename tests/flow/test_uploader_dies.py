"""The uploader dies, or says what no uploader says: the daemon never guesses what became of the report."""

import os
import signal
from pathlib import Path

import pytest
from harness import WAIT_S, until
from timeline import DAY_S, HOUR_S, tick_soon, timer
from tries import NO_NONCE, never_again, try_again

from telemetryd.core.limits import COURIER_TIMEOUT_S

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
connection = socket.socket(fileno=int(sys.orig_argv[-1]))
def read():
    data = b""
    while b"\\n" not in data or len(data.partition(b"\\n")[2]) < 1024:
        data += connection.recv(4096)
def say(*lines):
    read()
    for line in lines:
        connection.sendall(line)
    os._exit(0)
"""
"""The beginning of a program that stands in the uploader's place."""
YES = b'{"result":"accepted","status":204,"retry_after_s":null}\n'
GONE = b'{"result":"answered","status":410,"retry_after_s":null}\n'
DIE = "os.kill(os.getpid(), signal.SIGKILL)"

FAULTS = {
    # The program itself, to which it happens.
    "killed before it reads": DIE,
    "killed while it connects": f"socket.socket.connect = lambda *_: {DIE}",
    "killed before its line": f"""
send = socket.socket.send
socket.socket.send = lambda one, data, *more: {DIE} if data[:1] == b"{{" else send(one, data, *more)
""",
    "crashes on import": "sys.modules['telemetryd.upload.job'] = None",
    "crashes on its HTTP client": "sys.modules['aiohttp'] = None",
    # Another in its place.
    "killed after it read": f"{STAND_IN}\nread(); {DIE}",
    "ends without a word": f"{STAND_IN}\nread(); os._exit(0)",
    "closes its socket and stays": f"{STAND_IN}\nread(); connection.close(); signal.pause()",
    "answers twice": f"{STAND_IN}\nsay({YES!r}, {GONE!r})",
    "answers before it reads": f"{STAND_IN}\nconnection.sendall({YES!r}); os._exit(0)",
    "says half a line": f"{STAND_IN}\nsay({YES[:-1]!r})",
    "says a line without end": f"{STAND_IN}\nsay({YES[:-1]!r} + b' ' * 100_000)",
    "says no JSON": f"{STAND_IN}\nsay(b'accepted\\n')",
    "says other bytes": f"{STAND_IN}\nsay(bytes(range(256)))",
}


class Uploader:
    """The uploader of a timeline's machine, and what befalls it."""

    def __init__(self, timeline, folder):
        self._timeline, self._script = timeline, folder / "script"
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(START.format(script=str(self._script)))
        self.suffer("")
        timeline.machine.prefix = ("env", f"PYTHONPATH={folder}")

    def suffer(self, fault):
        """What befalls the next ones; nothing if "" is given."""
        self._script.write_text(FAULTS.get(fault, fault))

    def running(self):
        """The process ids of those that run."""
        daemon = self._timeline.daemon.process.pid
        tasks = Path(f"/proc/{daemon}/task").iterdir()
        return [int(number) for task in tasks for number in (task / "children").read_text().split()]


@pytest.fixture
def uploader(timeline, tmp_path):
    """The uploader, to which nothing has happened yet."""
    return Uploader(timeline, tmp_path / "start")


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


@pytest.mark.parametrize(("silent_in", "bodies"), [("handshake", 1), ("headers", 2)])
async def test_killed_at_the_servers_moment(timeline, uploader, *, silent_in, bodies):
    """An uploader killed before the bytes left and one killed after are the same to the daemon, and to the server if it drops by nonce."""
    timeline.receiver.silent_in, timeline.is_settling = silent_in, False
    before = await the_first_try(timeline)
    assert timeline.receiver.met.wait(WAIT_S)
    until(lambda: timeline.bodies() or silent_in == "handshake")
    (process,) = uploader.running()
    os.kill(process, signal.SIGKILL)
    timeline.receiver.silent_in, timeline.is_settling = "", True
    await timeline.wake()
    await nobody_knows(timeline, before, 1)
    await accepted_at_last(timeline, before, 2, bodies)


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


async def test_uploader_that_never_answers(timeline, uploader):
    """The daemon waits for an uploader as long as the limits say and no longer; then it ends it, and serves all the while."""
    uploader.suffer(f"{STAND_IN}\nread(); signal.pause()")
    timeline.is_settling = False
    before = await the_first_try(timeline)
    (process,) = uploader.running()
    assert len(list(Path(f"/proc/{timeline.daemon.process.pid}/task").iterdir())) == 1, "no thread waits for it"
    began = timeline.now
    await timeline.move(int(began + COURIER_TIMEOUT_S) - 10)
    assert uploader.running() == [process]
    await nobody_knows(timeline, before, 1)
    await timeline.move(int(began + COURIER_TIMEOUT_S) + 2)
    until(lambda: uploader.running() == [])
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
