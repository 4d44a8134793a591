"""With a thousand questions and ten thousand reports pages are quick, short and delay nobody, and so is `status`. Policy: T1, T3."""

import asyncio
import contextlib
import os
import statistics
import subprocess
from pathlib import Path

import pytest
from benchmarks import load_applications, replies, stepped
from support.bus.raw_bus import RETURN, RawBus, dictionary
from support.machine import CONTROL

from telemetryd.core.limits import OPEN_QUESTIONS_MAX

APPLICATIONS, REPORTS = 100, 10_000
QUESTIONS_MS, STEP_MS = 10, 20
"""Most processor time for the questions of one application, and for a step of the loop."""
STATUS_MORE_S, STATUS_LINES, RUNS = 0.15, 30, 7
"""What `status` and the daemon may take together on top of `--help`, of processor time."""
TURNS = 400
"""Attempts of which one has to be as short: other processes lengthen the others, and may do so for a second or two."""
LIVES = 3
"""The same of daemons: a page's first steps can be measured once in each."""
PAGES = [asked for asked in replies.CALLS if asked.member in {"Questions", "HistoryPage"}]


@pytest.fixture(scope="module", params=replies.LIBRARIES)
def machine(tmp_path_factory, request):
    """A machine with a hundred applications of ten questions and a long history, for all tests with one library."""
    folder = tmp_path_factory.mktemp("machine")
    with replies.prepared(folder, request.param, applications=APPLICATIONS, reports=REPORTS) as machine:
        yield machine


async def accept(machine):
    """The user accepts as many questions as may be open at once."""
    async with machine.client() as client:
        for level in ("System", "Usage"):
            await client.set(level, 2)
        for name in load_applications.names(OPEN_QUESTIONS_MAX // 10):
            await client.accept(name)


def work_of_one(machine, daemon):
    """The least processor time (ms) that the daemon needs for the questions of one application, in as many attempts as that takes."""
    call = {"interface": CONTROL[2], "path": CONTROL[1], "signature": "a{sv}", "body": dictionary(application=replies.ONE)}
    times = []
    with contextlib.closing(RawBus(machine.address)) as bus:
        while len(times) < TURNS and min(times, default=QUESTIONS_MS) >= QUESTIONS_MS:
            began = processor_time(daemon)
            assert bus.ask(CONTROL[0], "Questions", **call).kind == RETURN
            times.append((processor_time(daemon) - began) * 1000)
    return min(times)


def work_of(machine, daemon, *arguments):
    """The processor time (s) of a command and of the daemon meanwhile, and the output.

    Where nothing else runs, it takes as long. Other processes lengthen the time, but hardly this.
    """
    before, served = os.times(), processor_time(daemon)
    done = machine.control(*arguments)
    after = os.times()
    own = after.children_user + after.children_system - before.children_user - before.children_system
    return own + processor_time(daemon) - served, done.stdout


def processor_time(daemon):
    """What the daemon used so far (s)."""
    spent = Path(f"/proc/{daemon.process.pid}/schedstat").read_text().split()[0]
    return int(spent) / 1e9


def longest_steps(machine):
    """Page → processor time (ms) of its longest step, in one daemon's life, while an application pushes."""
    steps = machine.root / "steps"
    steps.write_text("")
    with machine.daemon(program=(stepped.__file__, str(steps))) as daemon:
        asyncio.run(accept(machine))
        with replies.Pushing(machine.address) as pushing, contextlib.closing(RawBus(machine.address)) as bus:
            costs = {asked.name: replies.cost(bus, asked, pushing, steps) for asked in PAGES}
            assert work_of_one(machine, daemon) < QUESTIONS_MS
    assert [name for name, cost in costs.items() if not cost.size_bytes] == []
    return {name: cost.step_cpu_ms for name, cost in costs.items()}


def test_pages_are_quick_and_hold_nobody_up(machine):
    """While an application pushes: each page is made in short steps, and the questions of one application take milliseconds."""
    too_long = {asked.name: [] for asked in PAGES}
    for _ in range(LIVES):
        found = longest_steps(machine)
        too_long = {name: [*tries, found[name]] for name, tries in too_long.items() if found[name] > STEP_MS}
        if not too_long:
            break
    assert too_long == {}


@pytest.mark.timeout(300)
def test_status_is_quick_and_short(machine):
    """`status` takes little longer than `--help`, in runs that take turns, and fits a screen."""
    with machine.daemon() as daemon:
        asyncio.run(accept(machine))
        runs = [[work_of(machine, daemon, command) for command in ("--help", "status")] for _ in range(RUNS)]
        output = runs[-1][1][1]
        assert len(output.splitlines()) <= STATUS_LINES
        command, environ = [machine.python, "-m", "telemetryd.ctl", "status"], machine.environ | {"COLUMNS": "80"}
        narrow = subprocess.run(command, env=environ, cwd=machine.folder, check=True, capture_output=True, text=True)
        assert len(narrow.stdout.splitlines()) <= STATUS_LINES
        assert f"{OPEN_QUESTIONS_MAX} accepted questions have not started" in " ".join(output.split())
        assert (
            statistics.median(status_s for _, (status_s, _) in runs) - statistics.median(help_s for (help_s, _), _ in runs) < STATUS_MORE_S
        )
