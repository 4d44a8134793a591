"""On a metered line, or in power-saver mode, a report waits for another slot: in the daemon and in the timer's run. It is no try.

The system bus is a real one, and what says that the line is metered is a process of its own that owns NetworkManager's name.
"""

import asyncio

import pytest
from support.bus.system_services import NETWORK, OLD_PROFILES, PROFILES, system_bus
from support.machine import until
from support.timeline import tick_soon, timer

SAYINGS = [{"Metered": 1}, {"Metered": 3}, {"ActiveProfile": "power-saver"}]
ROW = "SELECT outcome, started, held, tries FROM report"


@pytest.fixture
def system(waiting):
    """The system bus of the machine, on which a report's moment has come; the report is not late, and no daemon runs."""
    with system_bus(waiting.machine.root / "system") as system:
        waiting.set_clock(waiting.slot() + 60)
        yield system


async def run_timer(timeline):
    """One run of the timer with a tick in it."""
    tick_soon(timeline)
    with timer(timeline) as process:
        assert await asyncio.to_thread(process.wait, 30) == 0


@pytest.mark.parametrize("values", SAYINGS, ids=["metered", "guessed", "power-saver"])
async def test_the_timer_waits(waiting, system, values):
    """The timer's run sends nothing then, and the report has another slot. On a free line it leaves, once."""
    system.say(**values)
    before = waiting.slot()
    await run_timer(waiting)
    assert {interface for interface, _ in system.asked()} == {NETWORK, PROFILES, OLD_PROFILES}
    assert waiting.slot() > before
    assert waiting.rows(ROW) == [("queued", 0, "", "[]")]
    assert waiting.receiver.peers == []
    system.say(Metered=2, ActiveProfile="balanced")
    waiting.set_clock(waiting.slot() + 60)
    await run_timer(waiting)
    assert waiting.rows("SELECT outcome, tries FROM report") == [("accepted", "[]")]
    waiting.set_clock(int(waiting.now) + 3600)
    await run_timer(waiting)
    assert len(waiting.bodies()) == 1


async def test_the_daemon_waits(waiting, system):
    """So does a tick of the daemon; its report leaves at a tick when the line is free."""
    system.say(Metered=1)
    before = waiting.slot()
    tick_soon(waiting)
    await waiting.start()
    await asyncio.to_thread(until, lambda: waiting.slot() != before)
    assert waiting.rows(ROW) == [("queued", 0, "", "[]")]
    assert waiting.receiver.peers == []
    waiting.stop()
    system.say(Metered=4)
    waiting.set_clock(waiting.slot() + 60)
    tick_soon(waiting)
    await waiting.start()
    await asyncio.to_thread(until, waiting.bodies)
    waiting.stop()
    assert len(waiting.bodies()) == 1


async def test_after_the_window(waiting, system):
    """Once its window is over the report leaves over any line: a machine whose line is always metered loses none."""
    system.say(Metered=1, ActiveProfile="power-saver")
    ((closes,),) = waiting.rows("SELECT closes FROM report")
    waiting.set_clock(closes + 60)
    await run_timer(waiting)
    assert waiting.rows("SELECT outcome, status FROM report") == [("accepted", 204)]


async def test_services_that_are_silent(waiting, system):
    """Services that do not answer keep no report back, and end no run."""
    system.say(Metered=1, is_silent=True)
    await run_timer(waiting)
    assert waiting.rows("SELECT outcome FROM report") == [("accepted",)]


async def test_every_tick_asks(timeline):
    """A tick asks whether or not a report waits: nobody on the system bus sees which. Policy: C3."""
    with system_bus(timeline.machine.root / "system") as system:
        await timeline.start()
        await timeline.accept()
        timeline.stop()
        for number in (1, 2):
            tick_soon(timeline)
            await run_timer(timeline)
            assert len(system.asked()) == 3 * number
