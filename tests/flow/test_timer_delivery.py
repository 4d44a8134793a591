"""The timer's run delivers without the lock: whatever a daemon does meanwhile, the outcome counts once and nothing is sent twice."""

import asyncio
import contextlib
import json
import signal
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from support.machine import CONTROL, WAIT_S, until
from support.machine_at import found_on_disk, rows
from support.net.tls_receiver import NO_CONTENT
from support.timeline import APPLICATION, DAY_S, HOUR_S, tick_soon, timer

from telemetryd.core.limits import ANSWER_TIMEOUT_S, JOB_MAX_S

SENT = ("answered", "sent")


class Held:
    """The server has the whole report and says nothing until it is told to; `timeline.receiver.silent_in` makes it say nothing at all."""

    def __init__(self, timeline):
        self.timeline, self._released = timeline, threading.Event()
        timeline.receiver.answer = self._answer
        timeline.is_settling = False

    def release(self):
        """Let the server accept the report."""
        self._released.set()

    async def until_sent(self):
        """The report's bytes are there."""
        await asyncio.to_thread(until, self.timeline.bodies)

    def _answer(self, _request):
        self._released.wait(WAIT_S)
        return NO_CONTENT


@contextlib.asynccontextmanager
async def begun(timeline):
    """A run of the timer, up to where the server has the report."""
    held = Held(timeline)
    tick_soon(timeline)
    with timer(timeline) as held.process:
        await held.until_sent()
        yield held


@pytest.fixture
async def held(waiting):
    """The timer's process waits for the server's answer."""
    async with begun(waiting) as held:
        yield held
        held.release()


@pytest.fixture
async def unanswered(waiting):
    """The same, and there will be no answer: the server sees at once when the connection ends."""
    waiting.receiver.silent_in = "headers"
    async with begun(waiting) as held:
        yield held


async def broken_off(timeline):
    """See the connection end, long before the uploader would give up by itself."""
    begin = time.monotonic()
    assert await timeline.receiver.end() - begin < ANSWER_TIMEOUT_S / 2


async def end_of(process):
    """The exit status of the timer's process."""
    return await asyncio.to_thread(process.wait, WAIT_S)


def nonce_of(timeline):
    """The nonce that the server saw, as it stands in a file."""
    return json.loads(timeline.bodies()[0])["nonce"].encode()


async def assert_sent_once(timeline):
    """The daemon shows one report, accepted, charged once, and no file holds what would tie it to what the server has."""
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"]) == ("accepted", 204)
    assert await timeline.question() == SENT
    assert await timeline.ledger() == {"": (2.0, 0.0), "org.kde.kate/startup": (2.0, 0.0)}
    assert found_on_disk(timeline.machine, nonce_of(timeline)) == set()
    assert len(timeline.bodies()) == 1


async def test_daemon_takes_the_lock(held):
    """A daemon that started meanwhile shows the report under way and never sends it; the outcome shows in it as soon as the run ends."""
    timeline = held.timeline
    await timeline.start()
    (row,) = await timeline.client.history()
    assert (row["outcome"], (await timeline.question())[0]) == ("queued", "reporting")
    await timeline.move(int(timeline.now) + JOB_MAX_S // 2)
    held.release()
    assert await end_of(held.process) == 0
    await assert_sent_once(timeline)
    timeline.is_settling = True
    await timeline.move(int(timeline.now) + 2 * DAY_S)
    await timeline.run(2 * HOUR_S)
    await assert_sent_once(timeline)
    await timeline.restart(signal.SIGKILL)
    await assert_sent_once(timeline)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_daemon_comes_and_goes(held, number):
    """With the daemon gone again the run records everything itself."""
    timeline = held.timeline
    await timeline.start()
    assert (await timeline.question())[0] == "reporting"
    timeline.stop(number)
    held.release()
    assert await end_of(held.process) == 0
    assert rows(timeline.machine, "SELECT outcome, cause FROM life", file="consent.sqlite") == [SENT]
    assert found_on_disk(timeline.machine, nonce_of(timeline)) == set()
    await timeline.start()
    await assert_sent_once(timeline)


async def _level(timeline):
    await timeline.client.set("Usage", 0)
    return "level", ["unknown"]


async def _erase(timeline):
    await timeline.client.call(CONTROL, "Erase", "s", APPLICATION)
    return "erased", []


async def _developer(timeline):
    timeline.machine.develop()
    assert await timeline.client.history() == []
    await broken_off(timeline)
    timeline.machine.configure_user("")
    await timeline.client.get("Developer")
    return "developer", ["unknown"]


@pytest.mark.parametrize("withdraw", [_level, _erase, _developer])
async def test_withdrawn_meanwhile(unanswered, withdraw):
    """Withdrawal erases the report, and the run breaks the connection off; the history says that nobody knows, or nothing. Policy: C2."""
    timeline = unanswered.timeline
    await timeline.start()
    reason, outcomes = await withdraw(timeline)
    if withdraw is not _developer:
        assert found_on_disk(timeline.machine, nonce_of(timeline)) == set()
        await broken_off(timeline)
    assert await end_of(unanswered.process) == 0
    assert await timeline.question() == ("answered", reason)
    rows = await timeline.client.history()
    assert [row["outcome"] for row in rows] == outcomes
    assert {row["body"] for row in rows} <= {""}
    timeline.is_settling = True
    await timeline.move(int(timeline.now) + 2 * DAY_S)
    await timeline.run(2 * HOUR_S)
    assert await timeline.question() == ("answered", reason)
    assert len(timeline.bodies()) == 1


async def test_file_lost_meanwhile(unanswered):
    """Where a daemon found the main file damaged and began another, the run breaks off and writes to neither."""
    timeline = unanswered.timeline
    path = timeline.machine.root / "state/telemetryd/telemetry.sqlite"
    damaged = path.with_suffix(".new")
    damaged.write_bytes(b"\xff" * 4096)
    damaged.replace(path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    await timeline.start()
    await broken_off(timeline)
    assert await end_of(unanswered.process) == 0
    assert await timeline.question() == ("answered", "lost")
    assert await timeline.client.history() == []
    assert len(timeline.bodies()) == 1


async def test_directory_moved_meanwhile(unanswered):
    """Where a copy of the state directory was put in its place and the report withdrawn there, the run breaks off. Policy: C2."""
    timeline = unanswered.timeline
    folder = timeline.machine.root / "state/telemetryd"
    folder.rename(folder.with_name("old"))
    timeline.machine.run("cp", "-a", folder.with_name("old"), folder)
    await timeline.start()
    reason, outcomes = await _level(timeline)
    await broken_off(timeline)
    assert await end_of(unanswered.process) == 0
    assert await timeline.question() == ("answered", reason)
    assert [row["outcome"] for row in await timeline.client.history()] == outcomes


async def test_daemon_that_has_waited_long_enough(unanswered):
    """An attempt that is five minutes old counts as over, whatever its process does: it is broken off, and nothing leaves again."""
    timeline = unanswered.timeline
    timeline.set_clock(int(timeline.now) + JOB_MAX_S)
    await timeline.start()
    await timeline.run(2 * HOUR_S)
    assert await timeline.question() == ("answered", "unknown")
    await broken_off(timeline)
    assert await end_of(unanswered.process) == 0
    assert await timeline.question() == ("answered", "unknown")
    assert len(timeline.bodies()) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_killed_while_it_waits(unanswered, number):
    """Killed with the server's answer due, the connection ends; nobody knows, and the report never goes out again."""
    timeline = unanswered.timeline
    unanswered.process.send_signal(number)
    await broken_off(timeline)
    await end_of(unanswered.process)
    timeline.receiver.silent_in = ""
    unanswered.release()
    for later_s in (JOB_MAX_S // 2, HOUR_S, DAY_S):
        timeline.set_clock(int(timeline.now) + later_s)
        tick_soon(timeline)
        with timer(timeline) as process:
            assert await end_of(process) == 0
        outcome = "queued" if later_s < JOB_MAX_S else "unknown"
        assert timeline.rows("SELECT outcome FROM report") == [(outcome,)]
    assert len(timeline.bodies()) == 1
    await timeline.start()
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], await timeline.question()) == ("unknown", 0, ("answered", "unknown"))


async def test_told_to_end_before_it_sends(waiting):
    """Told to end while no connection stands, as at a logout, the run gives the report back, and a later one sends it."""
    timeline, before = waiting, waiting.slot()
    timeline.receiver.silent_in, timeline.is_settling = "handshake", False
    tick_soon(timeline)
    with timer(timeline) as process:
        await asyncio.to_thread(timeline.receiver.met.wait, WAIT_S)
        process.send_signal(signal.SIGTERM)
        await broken_off(timeline)
        assert await end_of(process) == 0
    assert timeline.rows("SELECT outcome, started FROM report") == [("queued", 0)]
    assert timeline.slot() > before
    timeline.receiver.silent_in = ""
    timeline.set_clock_to_next_try()
    tick_soon(timeline)
    with timer(timeline) as process:
        assert await end_of(process) == 0
    assert timeline.rows("SELECT outcome FROM report") == [("accepted",)]


async def test_another_writes_when_the_outcome_comes(held):
    """A process that has the database locked while the outcome comes only delays it."""
    timeline = held.timeline
    path = timeline.machine.root / "state/telemetryd/telemetry.sqlite"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        held.release()
        await timeline.receiver.end()
        until(lambda: not Path(f"/proc/{held.process.pid}/task/{held.process.pid}/children").read_text())
        assert held.process.poll() is None
        writer.execute("ROLLBACK")
    assert await end_of(held.process) == 0
    await timeline.start()
    await assert_sent_once(timeline)
