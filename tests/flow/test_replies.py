"""However much there is to show, no reply is too long, and no step of the loop is: everyone else is answered meanwhile. Policy: T1, T3."""

import asyncio
import contextlib
import json
import struct
import time

import pytest
from benchmarks import load_applications, replies, stepped
from support.bus.raw_bus import ERROR, RETURN, RawBus, string
from support.machine import CONTROL, TELEMETRY, CallError

from telemetryd.core.limits import REPLY_MAX_BYTES

APPLICATIONS, REPORTS = 80, 3000
STEP_MS = 110
"""Longest step, in processor time, that is taken for bounded. On a quiet machine it is a tenth of this; a busy one takes longer."""
EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"


@pytest.fixture(params=replies.LIBRARIES)
def machine(tmp_path, request):
    """A machine with many applications and a long history."""
    with replies.prepared(tmp_path / "machine", request.param, applications=APPLICATIONS, reports=REPORTS) as machine:
        yield machine


def test_no_step_is_long_and_no_reply(machine):
    """With hundreds of questions and thousands of reports every view is made in short steps, and no reply has more than a megabyte."""
    costs = replies.measure(machine)
    assert {name: cost.step_cpu_ms for name, cost in costs.items() if cost.step_cpu_ms > STEP_MS} == {}
    assert {name: cost.size_bytes for name, cost in costs.items() if cost.size_bytes > REPLY_MAX_BYTES} == {}
    assert [name for name, cost in costs.items() if not cost.size_bytes] == ["ListQuestions, all"]
    assert costs["History, all"].size_bytes > 0.8 * REPLY_MAX_BYTES


def test_a_flood_of_views_is_borne(machine):
    """A program that asks for everything again and again lengthens no step, and others are answered in between."""
    steps = machine.root / "steps"
    steps.touch()
    with machine.daemon(program=(stepped.__file__, str(steps))):
        asyncio.run(replies.accept(machine))
        with contextlib.closing(RawBus(machine.address)) as flood, contextlib.closing(RawBus(machine.address)) as other:
            call = {"interface": CONTROL[2], "path": CONTROL[1]}
            began = time.monotonic()
            for _ in range(20):
                flood.send(flood.call(CONTROL[0], "ListQuestions", signature="s", body=string(""), **call))
                flood.send(flood.call(CONTROL[0], "History", signature="tu", body=struct.pack("<QI", 0, 0), **call))
            name = load_applications.names(1)[0]
            assert other.ask(CONTROL[0], "ListQuestions", signature="s", body=string(name), **call).kind == RETURN
            assert other.ask(CONTROL[0], "Erase", signature="s", body=string(name), **call).kind == RETURN
            assert other.ask(TELEMETRY[0], "Ping", interface="org.freedesktop.DBus.Peer", path=TELEMETRY[1]).kind == RETURN
            answers = [flood.read_until(RETURN, ERROR).kind for _ in range(40)]
            assert 0 < answers.count(RETURN) <= 20
        assert max(step.cpu_ms for step in stepped.read(steps, began)) < STEP_MS  # of processor time


async def test_what_does_not_fit_is_told(machine):
    """What would be too long a reply is refused with what to ask instead; the newest reports are given, as many as fit."""
    with machine.daemon():
        async with machine.client() as client:
            with pytest.raises(CallError, match="ask for one application at a time") as refused:
                await client.call(CONTROL, "ListQuestions", "s", "")
            assert refused.value.name == EXCEEDED
            with pytest.raises(CallError, match="ask for fewer") as refused:
                await client.call(CONTROL, "History", "tu", 0, REPORTS)
            assert refused.value.name == EXCEEDED
            (newest,) = await asyncio.to_thread(machine.ask, CONTROL, "History", "tu", "0", "0")
            (few,) = await asyncio.to_thread(machine.ask, CONTROL, "History", "tu", "0", "50")
            assert few == newest[:50]
            assert 500 < len(newest) < REPORTS


def test_telemetryctl_lists_everything(machine):
    """The user's command asks for pages, or for each application by itself, where one reply does not hold all."""
    with machine.daemon():
        found = json.loads(machine.control("list", "--json").stdout)
        assert len(found) == APPLICATIONS
        assert len(json.loads(machine.control("history", "--limit", "0", "--json").stdout)) == REPORTS
        assert len(json.loads(machine.control("history", "--limit", "333", "--json").stdout)) == 333
        assert len(json.loads(machine.control("erase", "--all", "--yes", "--json").stdout)) == 10 * APPLICATIONS
