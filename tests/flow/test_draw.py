"""The draw: one period of all, by numbers that never change. Policy: M4."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from support.machine import CallError
from support.machine_at import rows
from support.manifests.manifest_texts import kate
from support.timeline import APPLICATION, DAY_S, QUESTION, SOURCE, at

UNIFORM = kate("2026-10-12", "2026-12-31")
"""Kate's question for many weeks. All its weeks begin after the Wednesday on which it is accepted: none is too early."""
ANOTHER_EDGE = UNIFORM.replace("[500, 2000]", "[400, 2000]")
FEWER_WEEKS = ANOTHER_EDGE.replace("2026-12-31", "2026-11-15")
MONDAYS = [datetime(2026, 10, 12, tzinfo=UTC) + timedelta(weeks=number) for number in range(11)]
"""The beginnings of the eleven weeks that are wholly in the question's time."""
MANY, FEW = len(MONDAYS), 5
OVER = at("2026-12-28 12:00")
"""All weeks are over and the question is not: its last day is a Thursday."""


def lots(timeline):
    """Every lot on the disk: application, question, and the three numbers of the draw."""
    return rows(timeline.machine, "SELECT * FROM lot", file="consent.sqlite")


def drawn(timeline, weeks=MANY):
    """The Monday to which the stored lot leads among so many weeks: equal parts of the second number for each."""
    ((*key, _, period, _),) = lots(timeline)
    assert key == [APPLICATION, QUESTION]
    return MONDAYS[int(period, 16) * weeks // 2**64]


def label(monday):
    """What a report calls the week of a Monday."""
    return monday.strftime("%G-W%V")


async def shown(timeline):
    """(state, drawn period) of the question, as the user is shown them."""
    row = (await timeline.client.questions(APPLICATION))[QUESTION]
    return row["state"], row["drawn_period"]


@pytest.fixture
async def accepted(timeline):
    """The question is accepted on the Wednesday before its first week."""
    timeline.machine.install(UNIFORM)
    await timeline.start()
    await timeline.accept()
    return timeline


async def test_one_report_of_the_drawn_period(accepted):
    """What is pushed in the week that was drawn becomes the one report, of that week; in every other week nothing is kept."""
    timeline, week = accepted, drawn(accepted)
    assert await shown(timeline) == ("waiting", label(week))
    for monday in MONDAYS:
        await timeline.move(int(monday.timestamp()) + DAY_S)
        await timeline.push(700)
        is_drawn = monday == week
        state = "active" if is_drawn else "waiting" if monday < week else "answered"
        assert await shown(timeline) == (state, label(week))
        assert len(timeline.rows("SELECT * FROM tally")) == is_drawn
        if is_drawn:
            await timeline.move(int(monday.timestamp()) + 7 * DAY_S)
            assert await shown(timeline) == ("reporting", label(week))
            await timeline.go_to_slot()
            await timeline.run_until_sent()
    (row,) = await timeline.client.history()
    assert (row["period"], row["outcome"]) == (label(week), "accepted")
    (body,) = timeline.bodies()
    assert json.loads(body)["period"] == label(week)


async def test_a_changed_definition_draws_nothing_anew(accepted):
    """Accepted again with another edge, a question has the same lot, and so the same week; with fewer weeks, the lot's among those."""
    timeline, lot = accepted, lots(accepted)
    for text, weeks, day in ((ANOTHER_EDGE, MANY, "2026-01-02"), (FEWER_WEEKS, FEW, "2026-01-03")):
        timeline.machine.install(text, date=day)
        assert await shown(timeline) == ("pending", "")
        await timeline.accept()
        assert lots(timeline) == lot
        assert await shown(timeline) == ("waiting", label(drawn(timeline, weeks)))


async def test_accepted_anew_after_the_drawn_period(accepted):
    """Who accepts the changed question when the drawn week is over gets no other: it is passed, says why, and nothing is collected."""
    timeline, lot = accepted, lots(accepted)
    timeline.machine.install(ANOTHER_EDGE, date="2026-01-02")
    assert await timeline.question() == ("pending", "changed")
    await timeline.move(int(drawn(timeline).timestamp()) + 7 * DAY_S)
    assert (await timeline.question())[0] == "pending"
    await timeline.client.accept(APPLICATION)
    assert await timeline.question() == ("passed", "too_late")
    await assert_silent(timeline)
    assert lots(timeline) == lot


async def test_first_accepted_when_every_period_is_over(timeline):
    """Who accepts for the first time when no week is left gets none, wherever the lot leads."""
    timeline.machine.install(UNIFORM)
    timeline.set_clock(OVER)
    await timeline.start()
    await timeline.client.consent(APPLICATION)
    assert await timeline.question() == ("passed", "too_late")
    assert len(lots(timeline)) == 1
    await assert_silent(timeline)


async def assert_silent(timeline):
    """Nothing can be accepted, kept or reported any more, and nothing is charged."""
    with pytest.raises(CallError, match="InvalidArgs"):
        await timeline.client.accept(APPLICATION)
    await timeline.client.push(APPLICATION, SOURCE, "d", 700.0)
    await timeline.move(int(timeline.now) + 2 * DAY_S)
    assert timeline.rows("SELECT * FROM tally") == []
    assert await timeline.client.history() == []
    assert await timeline.ledger() == {}
