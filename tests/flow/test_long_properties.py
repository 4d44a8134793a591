"""With a thousand faulty files the properties of Control1 are short, quick, and say how many more there are. Policy: T1, T3."""

import asyncio
import contextlib

import pytest
from benchmarks import load_applications, replies, stepped
from support.bus.raw_bus import RawBus

from telemetryd.core.limits import PAGE_MAX_BYTES

MANIFESTS, DROP_INS = 1000, 700
STEP_MS = 20
"""Most processor time for a step of the loop."""
TRIES, LIVES = 40, 3
"""Calls, and daemons' lives for the first call, of which one has to be as short: other processes lengthen the others."""
FAULTY = "".join(f"unknown_{number} = 1\n" for number in range(10))
GET_ALL = next(asked for asked in replies.CALLS if asked.member == "GetAll")


@pytest.fixture
def faulty(any_machine):
    """A machine with a thousand faulty manifests, and one application that pushes."""
    for text in load_applications.manifests(2):
        any_machine.install(text)
    for number in range(MANIFESTS):
        (any_machine.root / f"share/telemetryd/manifests/org.example.faulty{number:04}.toml").write_text(FAULTY)
    return any_machine


def costs(machine):
    """What GetAll costs in one daemon's life: the first time, when every manifest is read, and the best of other times."""
    steps = machine.root / "steps"
    steps.write_text("")
    with contextlib.ExitStack() as stack:
        stack.enter_context(machine.daemon(program=(stepped.__file__, str(steps))))
        pushing = stack.enter_context(replies.Pushing(machine.address))
        bus = stack.enter_context(contextlib.closing(RawBus(machine.address)))
        first = best = replies.cost(bus, GET_ALL, pushing, steps)
        for _ in range(TRIES):
            best = min(best, replies.cost(bus, GET_ALL, pushing, steps), key=lambda cost: cost.step_cpu_ms)
    return first, best


def test_properties_hold_nobody_up(faulty):
    """GetAll reads a thousand faulty manifests in short steps, is made in one, and is no longer than a page."""
    for _ in range(LIVES):
        first, best = costs(faulty)
        assert 0 < first.size_bytes < PAGE_MAX_BYTES
        if max(first.step_cpu_ms, best.step_cpu_ms) < STEP_MS:
            break
    assert max(first.step_cpu_ms, best.step_cpu_ms) < STEP_MS


def limit(machine):
    """An administrator's folder with many files, each of which switches off and locks; only one locks as low."""
    folder = machine.root / "etc/telemetryd/telemetryd.toml.d"
    folder.mkdir(parents=True)
    for number in range(DROP_INS):
        (folder / f"{number:04}.toml").write_text(f"enabled = false\n[limits]\nusage = {int(number != DROP_INS // 2)}\nsystem = 1\n")


def left_out(pairs):
    """How many switches or locks the last pair says are missing."""
    what, file = pairs[-1]
    assert (what.partition("=")[0], file) == ("more", "")
    return int(what.partition("=")[2])


def test_what_is_left_out_is_counted(faulty):
    """Each list that was cut says last how many more there are; what holds can be computed from it; every page counts all."""
    limit(faulty)
    with faulty.daemon():
        properties = asyncio.run(read(faulty))
        status = " ".join(faulty.control("status").stdout.split())
    problems, details = properties["Problems"], properties["ProblemDetails"]
    number = int(details[-1]["cause_args"].value["number"])
    assert problems == [[row["file"].value, row["text"].value] for row in details]
    assert problems[-1] == ["", f"and {number} more"]
    assert details[-1]["cause"].value == "more"
    assert sum("faulty" in file for file, _ in problems) + number == MANIFESTS
    locks, switches = properties["Locks"], properties["KillSwitches"]
    assert len(locks) - 1 + left_out(locks) == 2 * DROP_INS
    assert len(switches) - 1 + left_out(switches) == DROP_INS
    assert min(what for what, _ in locks if what.startswith("usage=")) == "usage=0"
    told = len(problems) - 1 + number
    assert [f"and {all_ - 5} more: see --json" in status for all_ in (DROP_INS, 2 * DROP_INS, told)] == [True] * 3
    assert f"(and {DROP_INS - 1} more)" in status


async def read(machine):
    """All properties."""
    async with machine.client() as client:
        names = ("Problems", "ProblemDetails", "Locks", "KillSwitches")
        return {name: [row if isinstance(row, dict) else list(row) for row in await client.get(name)] for name in names}
