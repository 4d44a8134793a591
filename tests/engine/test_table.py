"""The table of a question's life: what each event does to one that waits, runs or is reported. Policy: C1, M4, A1.

State, answer, ledger and lot are looked at together, with the real store and the real installed files. `support.state_table` has the rows.
"""

import importlib.util
import json
from datetime import UTC, datetime, timedelta

import pytest
from support.engine_flow import AFTER, APP, DURING, KEY, LATE, Running
from support.machine import ROOT
from support.state_events import (
    BEGINS,
    CHARGED,
    DAY_S,
    NOTHING,
    REPORTING,
    WAITING,
    WEEKS,
    answer,
    bring_to,
    changed,
    erased_while_sending,
    kept,
    ledger,
    opened,
    shown,
)
from support.state_table import BEGINS_ON, SHUTTING, TABLE, plain

from telemetryd.core.causes import Cause
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome
from telemetryd.core.sending.schedule import Delivery, Result


def generator():
    """`docs/generate_states.py` as a module."""
    spec = importlib.util.spec_from_file_location("generate_states", ROOT / "docs" / "generate_states.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_sentences_is_current():
    """docs/states.md has a sentence for each row of the table, and it is what the code says."""
    states = generator()
    assert states.PAGE.read_text(encoding="utf-8") == states.page()
    _, _, events = states.page().partition("## Every event")
    assert events.count("\n| ") == len(TABLE) + 1


def named(one):
    """An event's name."""
    return one.__name__


@pytest.fixture
def running(tmp_path):
    """The running parts."""
    with Running(tmp_path) as running:
        yield running


def expected(row, running):
    """The reason of a row on this machine, and the day on which the report was sent, by the history (Unix s, 0 = never)."""
    root = running.machine.root
    places = {"etc": root / "etc/telemetryd", "reviews": root / "share/telemetryd/reviews.d", "home": root / "home/telemetryd"}
    days = [report.started for report in running.store.reports.history(0, 10) if report.key == KEY and report.started]
    if row.event is erased_while_sending:  # the history is gone, and the clock stands at the attempt
        days = [running.clock.wall // DAY_S * DAY_S]
    day = days[0] if days else 0
    dates = {"DAY": datetime.fromtimestamp(day, UTC).date().isoformat()}
    args = tuple((name, dates.get(value) or value.format(**places)) for name, value in row.reason.args)
    return row.reason._replace(args=args), day


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{named(row.event)}-{row.before.replace(' ', '_')}")
async def test_table(running, row):
    """Each event does what its cell says; the lot stays, what is over stays over, and there is one charge and one report at most."""
    await bring_to(row.before, running)
    lot = running.store.consents.lots[KEY]
    await row.event(running)
    reason, day = expected(row, running)
    assert shown(running) == (row.state, reason)
    record = running.record()
    assert ("queued" if record.outcome is Outcome.REPORTING else record.report, record.sent) == (row.outcome, day)
    assert (kept(running), ledger(running)) == (row.kept, row.ledger)
    assert running.store.consents.lots[KEY] == lot
    await opened(running)
    if row.state in {State.PASSED, State.ANSWERED}:
        assert (running.record().outcome, running.record().reason) == (Outcome(row.state), reason)
        assert (kept(running), ledger(running)) == (NOTHING, row.ledger)
    running.to(LATE)
    assert running.store.consents.lots[KEY] == lot
    reports = [one for one in running.store.reports.history(0, 10) if one.key == KEY]
    assert len(reports) <= ledger(running).startswith("charged")


@pytest.mark.parametrize("event", SHUTTING, ids=named)
async def test_opened_again_before_its_period(running, event):
    """A question that was shut while it waited waits on, and has room again."""
    await bring_to(WAITING, running)
    await event(running)
    await opened(running)
    assert shown(running) == (State.WAITING, BEGINS_ON)
    assert (kept(running), ledger(running)) == (NOTHING, NOTHING)
    running.to(AFTER)
    assert (shown(running)[0], ledger(running)) == (State.REPORTING, CHARGED)


@pytest.mark.parametrize("event", SHUTTING, ids=named)
async def test_opened_again_after_its_period_began(running, event):
    """A question that was shut when its period began is passed, and nothing is held for it."""
    await bring_to(WAITING, running)
    running.to(BEGINS - 1 - DAY_S)
    await event(running)
    running.clock.pass_(DURING - running.clock.wall)
    await opened(running)
    state, reason = shown(running)
    assert state == State.PASSED
    assert reason.cause is SHUTTING[event]
    assert (kept(running), ledger(running)) == (NOTHING, NOTHING)


async def test_changed_and_accepted_anew(running):
    """A changed question that is accepted anew while it waits has the period to which the same lot leads among the new ones."""
    await bring_to(WAITING, running)
    lot = running.store.consents.lots[KEY]
    await changed(running)
    await running.choices.accept(APP, running.digests())
    week = WEEKS[lot.period * len(WEEKS) >> 64]
    assert running.store.consents.lots[KEY] == lot
    assert shown(running) == (State.WAITING, plain(begins=f"{week.date()}", ends=f"{(week + timedelta(days=6)).date()}"))
    assert running.record().period == week.strftime("%G-W%V")
    assert (kept(running), ledger(running)) == (NOTHING, NOTHING)


async def test_changed_while_reporting(running):
    """The report of a question that changed leaves under the definition that was consented to."""
    await bring_to(REPORTING, running)
    (row,) = running.store.reports.queue()
    await changed(running)
    await answer(running, Delivery(Result.ACCEPTED, 204))
    assert [body for _, body in running.server.received] == [row.body]
    assert json.loads(row.body)["revision"] == row.revision != running.catalogue.definition(KEY).revision
    assert shown(running)[1].cause is Cause.SENT
