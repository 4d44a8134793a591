"""A daemon that nobody calls leaves after the idle minutes and comes back with the next call; until then it sleeps. Policy: C3."""

import asyncio
import contextlib
import re
import signal
import sqlite3
import time
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE, TELEMETRY, WAIT_S, CallError, Machine, until
from support.machine_at import accept_last_week, edit
from support.manifests.manifest_texts import this_week
from support.process_sleep import sleeps_s
from support.timeline import HOUR_S, tick_soon, timer

from telemetryd.core.limits import RUN_STEP_MAX_S

KATE_ID = "org.kde.kate"
REST_S = 1
"""Nothing may wake for so long; what sleeps for longer in between says so in the time that it goes to sleep for, or is a second thread."""
IDLE_S = 1.8
IDLE = f"idle_exit_minutes = {IDLE_S / 60}\n"
SENDING_S = 10
"""Long enough for a tick and an uploader's start, on a busy machine too."""
SLOW_S = 25
"""A busy machine's start, or what leaving takes, is no longer than this."""


def switches(process):
    """How often each thread of a process went to sleep so far."""
    found = {}
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            found[task.name] = re.search(r"^voluntary_ctxt_switches:\s+(\d+)$", (task / "status").read_text(), re.MULTILINE)[1]
    return found


def rests(daemon, wait_s, begun):
    """Wait until nothing of a daemon that was begun then wakes any more before a wait of its own, of so many seconds, is over."""
    try:
        sleeps_s(daemon.process)
    except PermissionError:
        pytest.skip("the kernel does not show what a process waits for")

    def is_at_rest():
        before = switches(daemon.process)
        time.sleep(REST_S)  # nothing must happen, and nothing tells that
        is_still = len(before) == 1 and switches(daemon.process) == before
        return is_still and wait_s - (time.monotonic() - begun) <= sleeps_s(daemon.process) <= wait_s

    until(is_at_rest, within_s=2 * WAIT_S)


async def prepare(machine, *, is_collecting):
    """A machine whose next tick is most of an hour of running time away: the ticker's wait is its longest, and not left to chance."""
    machine.install(this_week(KATE))
    if is_collecting:
        await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        text = KATE.replace(KATE_ID, "org.kde.dolphin")  # what is installed is not written down
        machine.busctl("call", *TELEMETRY, "Register", "ssa{sv}", "org.kde.dolphin", text, "0")
    now = int(time.time())
    tick = f"(id, seen, since, passed_s, moment_s, is_done, late_day) VALUES (1, {now}, {now}, 0, {HOUR_S - 1}, 0, -1)"
    edit(machine, f"INSERT OR REPLACE INTO tick {tick}", file="telemetry.sqlite")


@pytest.mark.parametrize(("library", "is_collecting"), [("dbus-next", False), ("dbus-fast", True)], ids=["nothing accepted", "collecting"])
async def test_it_sleeps_while_nobody_calls(tmp_path, library, is_collecting):
    """With or without consent, before and after calls, for ever or till its idle minutes are over, one thread sleeps until it must wake."""
    with Machine(tmp_path / "machine", library=library) as machine:
        await prepare(machine, is_collecting=is_collecting)
        begun = time.monotonic()
        with machine.daemon() as daemon:
            rests(daemon, RUN_STEP_MAX_S, begun)
            async with machine.client() as client:
                assert (await client.questions())["startup-time"]["state"] == ("active" if is_collecting else "pending")
                await client.push(KATE_ID, "startup", "d", 700.0)
                rests(daemon, RUN_STEP_MAX_S, begun)
                machine.configure("idle_exit_minutes = 5\n")
                daemon.process.send_signal(signal.SIGHUP)
                await client.get("Version")
                rests(daemon, 5 * 60, begun)
            assert daemon.stop() == 0


@contextlib.contextmanager
def no_storage(machine):
    """A database of a later version, and the daemon that has to say so."""
    with machine.daemon():
        machine.busctl("call", *TELEMETRY, "Register", "ssa{sv}", KATE_ID, KATE, "0")
    edit(machine, "PRAGMA user_version = 99", file="telemetry.sqlite")
    with machine.daemon() as daemon:
        yield machine, daemon


@contextlib.contextmanager
def no_lock(machine):
    """A daemon on another session bus of the user, beside the one that has the lock."""
    with Machine(machine.root / "other") as other, machine.daemon():
        places = {name: machine.environ[name] for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "TELEMETRYD_CONFIG_DIRS")}
        with other.daemon(**places) as daemon:
            yield other, daemon


FAILURES = pytest.mark.parametrize(("failing", "error"), [(no_storage, "Storage"), (no_lock, "Busy")], ids=["storage", "busy"])


@FAILURES
async def test_it_sleeps_while_it_cannot_work(machine, failing, error):
    """A daemon that can keep nothing, or has no lock, tries again when it is called, and sleeps otherwise; the log is told once."""
    begun = time.monotonic()
    with failing(machine) as (place, daemon):
        rests(daemon, RUN_STEP_MAX_S, begun)
        async with place.client() as client:
            with pytest.raises(CallError, match=error):
                await client.set("Usage", 2)
            rests(daemon, RUN_STEP_MAX_S, begun)
        assert daemon.log.count("ERROR") == (error == "Storage")


@FAILURES
def test_it_leaves_though_it_cannot_work(machine, failing, error):
    """A daemon that answers Storage or Busy leaves after the idle minutes that the configuration says, as every other does."""
    machine.configure("idle_exit_minutes = 0\n")
    with failing(machine) as (_, daemon):
        machine.configure(IDLE)
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.process.wait(SLOW_S) == 0
        assert daemon.log.count("ERROR") == (error == "Storage")


async def test_a_call_in_flight_keeps_it(machine):
    """Erase waits for another process for longer than the idle time: it is answered, and only then the idle time begins."""
    machine.configure(IDLE)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
            with contextlib.closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite", isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                with pytest.raises(CallError, match="Busy"):
                    await client.call(CONTROL, "Erase", "s", "")
            answered = time.monotonic()
        assert daemon.process.wait(SLOW_S) == 0
        assert time.monotonic() - answered >= IDLE_S - 0.1


async def test_it_comes_back(any_machine):
    """It leaves with status 0 and both names free; a call starts the next one, which knows what it knew."""
    any_machine.configure(IDLE)
    any_machine.install(KATE)
    with any_machine.daemon() as daemon:
        async with any_machine.client() as client:
            await client.consent(KATE_ID)
            assert daemon.process.wait(SLOW_S) == 0
            assert [await client.bus.owner_of(name) for name in (TELEMETRY[0], CONTROL[0])] == [None, None]
            any_machine.activate()
            assert (await client.questions())["startup-time"]["state"] == "waiting"
            assert await client.bus.owner_of(TELEMETRY[0])
            assert daemon.log == ""


async def test_the_minutes_can_be_changed(machine):
    """0 means to stay; another number counts from SIGHUP or the next look at the files."""
    machine.configure("idle_exit_minutes = 0\n")
    with machine.daemon() as daemon:
        machine.configure(IDLE)
        daemon.process.send_signal(signal.SIGHUP)
        assert daemon.process.wait(SLOW_S) == 0


async def idle_for(timeline, *, is_sending):
    """How long after its last call the daemon leaves; `is_sending`: a delivery is under way by then."""
    await timeline.start(is_suspended=True)
    last = time.monotonic()
    if is_sending:
        await asyncio.to_thread(timeline.receiver.requests.get, timeout=WAIT_S)
    assert await asyncio.to_thread(timeline.daemon.process.wait, SLOW_S) == 0
    idle_s = time.monotonic() - last
    timeline.stop()
    return idle_s


async def queue_due(timeline, *, idle_s, tick_s):
    """A report that is due, for a daemon of so many idle seconds whose tick comes so many seconds after its start."""
    await timeline.queue()
    slot = timeline.slot()
    timeline.stop()  # before the clock moves, or it may send the report itself
    timeline.set_clock(slot + HOUR_S)
    timeline.name_endpoint(timeline.receiver.url(), f"idle_exit_minutes = {idle_s / 60}\n")
    tick = f"seen = {slot + HOUR_S}, since = {slot}, passed_s = 100, moment_s = {100 + tick_s}, is_done = 0"
    edit(timeline.machine, f"UPDATE tick SET {tick}", file="telemetry.sqlite")


async def test_it_breaks_no_delivery_off(timeline):
    """A tick late in the idle time leaves a due report where it is, and the timer sends it: a slow server costs no report. Policy: C3."""
    timeline.receiver.silent_in, timeline.is_settling = "headers", False
    await queue_due(timeline, idle_s=SENDING_S, tick_s=SENDING_S - 2)
    idle_s = await idle_for(timeline, is_sending=False)
    assert abs(idle_s - SENDING_S) < 1
    assert timeline.rows("SELECT is_done FROM tick") == [(1,)]
    assert timeline.rows("SELECT outcome, started FROM report") == [("queued", 0)]
    assert timeline.bodies() == []
    timeline.receiver.silent_in = ""
    tick_soon(timeline)
    with timer(timeline) as process:
        assert await asyncio.to_thread(process.wait, WAIT_S) == 0
    assert timeline.rows("SELECT outcome, status FROM report") == [("accepted", 204)]


async def test_nothing_that_is_due_keeps_it(timeline):
    """A report under way to a server that hangs: the daemon leaves as soon as one without anything to do, so the names tell nothing."""
    timeline.receiver.silent_in, timeline.is_settling = "headers", False
    await queue_due(timeline, idle_s=SENDING_S, tick_s=1)
    sending_s, idle_s = await idle_for(timeline, is_sending=True), await idle_for(timeline, is_sending=False)
    assert timeline.sent() == 1
    assert abs(sending_s - idle_s) < 1
    assert abs(idle_s - SENDING_S) < 1
