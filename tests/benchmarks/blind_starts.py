"""Rows of `blind_moments.py`: the first pushes after a start, and the first call while the timer's run closes or has nothing to do."""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.blind_judging import Compared, Connection
from benchmarks.blind_kits import MOMENT, SINGLE, applications_with_tally, check, declared, machine_of, restore, save
from benchmarks.blind_registering import push
from support.bus.raw_bus import ERROR, RETURN, SIGNAL, RawBus, string
from support.machine import TELEMETRY
from support.machine_at import daemon_at, edit, rows
from support.manifests.manifest_texts import this_week

KEPT, REFUSED = "org.kde.kate", "org.kde.kite"
SPREAD_S = 0.12
"""The daemon is started up to so much earlier or later than the timer's run."""
LOOK_S = 0.002


def first_pushes(task):
    """Each trial starts a daemon in the same state, and two applications push, each once, over new connections and in random order."""
    with machine_of(task) as machine:
        for application in (KEPT, REFUSED):
            machine.install(declared(application))
        asyncio.run(_collect(machine))
        save(machine)
        found = {(place, application): [] for place in (0, 1) for application in (KEPT, REFUSED)}
        while min(map(len, found.values())) < task.trials:
            restore(machine)
            with machine.daemon():
                for place, application in enumerate(task.chance.sample([KEPT, REFUSED], 2)):
                    connection = Connection(machine)
                    found[place, application].append(connection.ask(push(application)))
                    connection.close()
            check({KEPT}, applications_with_tally(machine), "kept")
    yield Compared("first push after a start: kept or refused", found[0, KEPT], found[0, REFUSED], SINGLE)
    yield Compared("the next application's: kept or refused", found[1, KEPT], found[1, REFUSED], SINGLE)


async def _collect(machine, since=7):
    """Accepted so many days ago; in the week after that both applications pushed."""
    with daemon_at(machine, f"-{since}d"):
        async with machine.client() as client:
            await client.consent(KEPT)
    with daemon_at(machine, f"-{since - 7}d"):
        async with machine.client() as client:
            for application in (KEPT, REFUSED):
                await client.push(application, "startup", "d", 700.0)
    check({KEPT}, applications_with_tally(machine), "kept")
    edit(machine, "UPDATE tick SET is_done = 1", file="telemetry.sqlite")


def beside_timer(task):
    """The bus starts the daemon for a push while the timer's run has the lock. In one state a period is over, and the run closes it."""
    with contextlib.ExitStack() as stack:
        machines = {is_over: stack.enter_context(machine_of(task, f"is-{int(is_over)}")) for is_over in (False, True)}
        for is_over, machine in machines.items():
            for application in (KEPT, REFUSED):
                machine.install(this_week(declared(application), later=-is_over))
            asyncio.run(_collect(machine, 14 if is_over else 7))
            save(machine)
            machine.activate()
        found, met = {True: [], False: []}, 0
        while len(found[True]) < task.trials:
            for is_over in task.chance.sample([True, False], 2):
                restore(machines[is_over])
                took_ns, is_met = _start_beside_timer(machines[is_over], task.chance)
                found[is_over].append(took_ns)
                met += is_met
                check(int(is_over), len(rows(machines[is_over], "SELECT 1 FROM report")), "reports")
    name = f"first call beside the timer's run ({100 * met // 2 // len(found[True])} % met): closes or not"
    yield Compared(name, found[True], found[False], MOMENT)


def _start_beside_timer(machine, chance):
    """The time (ns) from a push to its reply, where the bus has to start a daemon first, and whether the timer's run had the lock then."""
    bus = RawBus(machine.address)
    bus.read_until(SIGNAL)
    message, wait_s, is_met = bytes(push(REFUSED)), (chance.random() * 2 - 1) * SPREAD_S, False
    if wait_s > 0:
        timer = start_timer(machine)
        time.sleep(wait_s)
    begin = time.perf_counter_ns()
    bus.send(message)
    if wait_s <= 0:
        time.sleep(-wait_s)
        timer = start_timer(machine)
    with timer:
        while not select.select([bus.socket], [], [], LOOK_S)[0]:
            is_met = is_met or has_lock(timer.pid)
        took_ns = time.perf_counter_ns() - begin
        check(RETURN, bus.read_until(RETURN, ERROR).kind, "reply")
        check(0, timer.wait(), "status of the timer's run")
    end_daemon(bus)
    return took_ns, is_met


def start_timer(machine):
    """One run of the timer."""
    return subprocess.Popen([sys.executable, "-m", "telemetryd", "--tick"], env=machine.environ, cwd=machine.folder)


def has_lock(process):
    """Whether a process holds a lock of a whole file."""
    return any(f" {process} " in line and "FLOCK" in line for line in Path("/proc/locks").read_text().splitlines())


def end_daemon(bus):
    """End the daemon that the bus started; its state is put back for the next trial."""
    interface, path = "org.freedesktop.DBus", "/org/freedesktop/DBus"
    answer = bus.ask(interface, "GetConnectionUnixProcessID", interface=interface, path=path, signature="s", body=string(TELEMETRY[0]))
    number = int.from_bytes(answer.body[:4], "little")
    os.kill(number, signal.SIGKILL)
    while is_running(number):
        time.sleep(LOOK_S)
    bus.close()


def is_running(number):
    """Whether there is a process with this number that has not ended."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
