"""A user may have two session buses. One daemon has the state directory, and a start on the other bus is soon told so.

Only that is answered with Error.Busy. A tick or an exit is waited for: else an application would see that something is due. Policy: C3.
"""

import asyncio
import contextlib
import re
import subprocess
import time
from pathlib import Path

import pytest
from support.machine import KATE, TELEMETRY, WAIT_S, CallError, Machine, until
from support.manifests.manifest_texts import STARTUP, application, question, within
from support.shifted_time import hastened
from support.timeline import NO_MATTER_WHEN, at, timer, write_ticks

from telemetryd.core.limits import CLOSINGS_HELD
from telemetryd.runtime.lock import StateLock

KATE_ID = "org.kde.kate"
BUSY = "org.telemetryd.Error.Busy"
SOON_S = 2
"""Within so long a second bus is told that another one is served; its daemon's start comes on top."""
TRIES = 3
"""A start on a busy machine may take longer or shorter by itself: one of some tries counts."""
RATE = 4
"""A daemon that waits counts time so many times as fast, and so does the test: seconds here are its seconds."""
SYNC_MS = 750
"""A disk so slow that a tick holds the lock for longer than a start used to wait (10 s)."""
HOLD_SYNCS = 15
"""Syncs of files while a tick holds the lock, however many periods are over."""
EXIT_S = 11
"""An exit that takes longer than that."""
NAMES = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "TELEMETRYD_DATA_DIRS", "TELEMETRYD_CONFIG_DIRS")


def questions_of(name, count):
    """The manifest of a vendor's application with so many questions, all in the same week of 2026."""
    text = application(f"org.{name}.app", "App", "Application", vendor=name)
    for number in range(count):
        text += STARTUP.replace('"startup"', f'"startup{number}"')
    for number in range(count):
        text += question(f"q{number}", f"startup{number}", purpose=f"Is start {number} too slow?", decision="What is loaded later")
    return within(text, "2026-10-12", "2026-10-18")


@contextlib.contextmanager
def elsewhere(machine):
    """Another session bus of the same user, and the environment of a daemon on it."""
    with Machine(machine.root / "other", library=machine.library) as other:
        yield other, {name: machine.environ[name] for name in NAMES}


async def outcome(client):
    """The name of the error that a push ends with, or ""."""
    try:
        await client.push(KATE_ID, "startup", "d", 700.0)
    except CallError as failure:
        return failure.name
    return ""


async def time_to_answer(machine, **places):
    """How long a daemon takes from its start to the answer of its first call, and the name of that error."""
    begin = time.monotonic()
    with machine.daemon(**places):
        async with machine.client() as client:
            return await outcome(client), time.monotonic() - begin


def is_soon(wait_s):
    """Whether a wait is that of a start that tries for a while to have the state directory, and soon gives up."""
    return 0.5 < wait_s < SOON_S


async def test_a_second_bus_is_told_at_once(any_machine):
    """While a daemon serves one bus, the first call on another bus gets Busy within two seconds. It waited for ten."""
    waits = []
    with any_machine.daemon(), elsewhere(any_machine) as (other, places):
        while len(waits) < TRIES and not any(map(is_soon, waits)):
            _, plain_s = await time_to_answer(other)
            error, busy_s = await time_to_answer(other, **places)
            assert error == BUSY
            waits.append(busy_s - plain_s)
    assert any(map(is_soon, waits)), waits


async def test_who_takes_over_serves(machine):
    """The second bus is served soon after the first daemon's exit, and then it is the first bus that is told Busy."""
    with elsewhere(machine) as (other, places), contextlib.ExitStack() as running:
        first = running.enter_context(machine.daemon())
        with other.daemon(**places):
            async with other.client() as client, machine.client() as former:
                assert await outcome(client) == BUSY
                assert first.stop() == 0
                async with asyncio.timeout(5):
                    while await outcome(client) == BUSY:
                        await asyncio.sleep(0.05)  # nothing tells an application that the daemon is busy no more
                with machine.daemon():
                    assert await outcome(former) == BUSY


@contextlib.contextmanager
def slow_once(process):
    """The next time that a process's main thread removes a file, as its exit does with a log, it takes so long."""
    delay = f"inject=?unlink,unlinkat:delay_enter={EXIT_S * 1000 // RATE}ms:when=1"
    command = ["strace", "-qq", "-o", "/dev/null", "-e", delay, "-p", str(process.pid)]
    with subprocess.Popen(command) as tracer:
        until(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{process.pid}/status").read_text())
        yield
        tracer.terminate()


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("where", ["same bus", "another bus"])
async def test_an_exit_is_waited_for(machine, where):
    """An exit that takes eleven seconds is waited for, on the same bus and on another: the call is served, and does not get Busy."""
    machine.install(KATE)
    with elsewhere(machine) as (other, places), machine.daemon() as first:
        async with machine.client() as client:
            await client.register("org.kde.kwrite", KATE.replace(KATE_ID, "org.kde.kwrite"))  # the exit brings this to the disk
            place = machine if where == "same bus" else other
            with slow_once(first.process):
                begin = time.monotonic()
                first.process.terminate()
                async with asyncio.timeout(WAIT_S):
                    while await client.bus.owner_of(TELEMETRY[0]):
                        await asyncio.sleep(0.01)
                with place.daemon(**places, **hastened(RATE)):
                    async with place.client() as late:
                        assert await outcome(late) == ""
                assert (time.monotonic() - begin) * RATE > EXIT_S
                assert first.process.wait(WAIT_S) == 0


async def end_periods(timeline, *counts):
    """Vendors with so many questions each, whose period is over; none is closed, and no daemon runs."""
    names = ["kde", "gnome", "xfce"][: len(counts)]
    for name, count in zip(names, counts, strict=True):
        timeline.machine.install(questions_of(name, count))
    timeline.machine.configure("".join(f'[endpoint.{name}]\nname = "{name}"\nurl = "https://{name}.example.org/"\n' for name in names))
    await timeline.start()
    for name in names:
        await timeline.client.consent(f"org.{name}.app")
    await timeline.move(at("2026-10-14 12:00"))
    timeline.stop()
    timeline.set_clock(at("2026-10-19 06:00"))
    write_ticks(timeline, NO_MATTER_WHEN, passed_s=100, moment_s=3000)


def reports(timeline):
    """How many reports were made."""
    return len(timeline.rows("SELECT 1 FROM report"))


def is_locked(machine):
    """Whether another process has the lock of the state directory."""
    lock = StateLock(machine.root / "state/telemetryd")
    is_free = lock.try_take()
    lock.release()
    return not is_free


@pytest.mark.usefixtures("strace")
async def test_a_tick_is_waited_for(timeline):
    """A start waits while a tick closes periods on a slow disk. It gets the lock before all are closed, and its call does not get Busy."""
    await end_periods(timeline, CLOSINGS_HELD, CLOSINGS_HELD)
    only = ("-f", "--seccomp-bpf", "-e", "trace=fdatasync,fsync")
    slow = ("strace", *only, "-qq", "-o", "/dev/null", "-e", f"inject=fdatasync,fsync:delay_enter={SYNC_MS // RATE}ms")
    with timer(timeline, prefix=slow) as tick:
        until(lambda: is_locked(timeline.machine))
        begin = time.monotonic()
        await timeline.start(**hastened(RATE))
        assert await outcome(timeline.client) == ""
        assert (time.monotonic() - begin) * RATE > HOLD_SYNCS * SYNC_MS / 1000 / 2
        assert tick.wait(WAIT_S) == 0
    assert reports(timeline) == 2 * CLOSINGS_HELD


def syncs_of_holds(timeline):
    """Run the timer. How many syncs of files happened in each hold of the lock."""
    trace = timeline.machine.root / "trace"
    watched = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-o", str(trace), "-e", "trace=flock,fsync,fdatasync,close")
    with timer(timeline, prefix=watched) as tick:
        assert tick.wait(WAIT_S) == 0
    kinds = re.findall(r"(flock\(\d+<[^>]*/lock>|close\(\d+<[^>]*/lock>|f(?:data)?sync\()", trace.read_text())
    holds = "".join({"fl": "[", "cl": "]"}.get(kind[:2], ".") for kind in kinds)
    assert re.fullmatch(r"(\[\.*\])+", holds)
    return [len(hold) for hold in re.findall(r"\.+", holds)]


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("counts", [(1,), (CLOSINGS_HELD,), (CLOSINGS_HELD, CLOSINGS_HELD), (CLOSINGS_HELD, 1)], ids=str)
async def test_a_tick_holds_the_lock_as_long_as_for_one_closing(timeline, counts):
    """A hold has no more syncs with eight periods that are over than with one. If there are more, the tick releases the lock in between."""
    await end_periods(timeline, *counts)
    holds = syncs_of_holds(timeline)
    assert reports(timeline) == sum(counts)
    assert len(holds) == len(counts)
    assert max(holds) <= HOLD_SYNCS
