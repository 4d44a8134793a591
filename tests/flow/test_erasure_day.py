"""The day on which the user emptied the history is kept, so that an empty list can be explained, and nothing else. Policy: C2, T1."""

from support.machine import CONTROL
from support.timeline import at

KATE_ID = "org.kde.kate"


async def test_the_day_is_kept(timeline):
    """It is the day of the erasure in UTC, whatever the hour. It is there after a restart, and telemetryctl says it."""
    await timeline.queue()
    timeline.set_clock(at("2026-10-21 17:45"))
    assert await timeline.client.get("HistoryErased") == 0
    await timeline.client.call(CONTROL, "Erase", "s", KATE_ID)
    assert await timeline.client.get("HistoryErased") == at("2026-10-21")
    assert await timeline.client.history() == []
    await timeline.restart(15)
    assert await timeline.client.get("HistoryErased") == at("2026-10-21")
    assert "You last erased the whole list on 2026-10-21." in timeline.machine.control("history").stdout


async def test_only_what_was_there_can_be_erased(timeline):
    """An erasure that finds no report keeps no day, neither on a new account nor while something is measured."""
    await timeline.start()
    await timeline.client.call(CONTROL, "Erase", "s", "")
    assert await timeline.client.get("HistoryErased") == 0
    assert not [name for name, data in timeline.machine.state().items() if b"history_erased" in data]
    await timeline.accept()
    await timeline.move(at("2026-10-14 12:00"))
    await timeline.push(700)
    await timeline.client.call(CONTROL, "Erase", "s", "")
    assert await timeline.client.get("HistoryErased") == 0


async def test_it_is_kept_while_telemetry_is_off(timeline):
    """Who turned everything off first and erases then is told the day too. Of what was erased nothing is in any file."""
    await timeline.queue()
    for name in ("System", "Usage"):
        await timeline.client.set(name, 0)
    await timeline.client.call(CONTROL, "Erase", "s", "")
    assert await timeline.client.get("HistoryErased") == at("2026-10-19")
    assert not [name for name, data in timeline.machine.state().items() if b"500..2000" in data]
