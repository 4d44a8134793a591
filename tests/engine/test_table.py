"""The table of a question's life: what each event does to one that waits, runs or is reported. Policy: C1, M4, A1.

State, answer, ledger and lot are looked at together, with the real store and the real installed files.
"""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest
from harness import KATE_2026
from running import AFTER, APP, DURING, KEY, LATE, QUESTION, Running, at
from texts import FIRST

from telemetryd.core.gate import Cause
from telemetryd.core.lifecycle import Outcome, State
from telemetryd.core.schedule import Delivery, Result
from telemetryd.errors import InvalidArgumentsError

ASKED = KATE_2026.replace(FIRST, 'draw = "uniform"').replace("2026-01-01", "2026-11-23").replace("2026-12-31", "2026-12-04")
"""The uniform draw among a single whole week, 2026-W48: whatever the lot is, that week is drawn."""
CHANGED = ASKED.replace("[500, 2000]", "[400, 2000]").replace("2026-12-04", "2027-03-31")
"""Other bins, and the weeks are more."""
WEEKS = [datetime(2026, 11, 23, tzinfo=UTC) + timedelta(weeks=number) for number in range(18)]
"""The beginnings of those weeks."""
OTHER = KATE_2026.replace(APP, "org.example.other").replace('vendor = "kde"', 'vendor = "other"')
OTHER_KEY = ("org.example.other", QUESTION)
EARLIER, BEGINS, OVER = at("11.16"), at("11.23", 0), at("12.5")
"""Before the acceptance, the beginning of the week that is drawn, and the day after the question's last."""
DAY_S, STEP_S, GONE_S = 86400, 600, 600
HOST, ELSEWHERE = "telemetry.kde.org", "elsewhere.example"
WAITING, ACTIVE, REPORTING = "waiting", "active", "reporting"
WAITING_NOWHERE, ACTIVE_NOWHERE = "waiting without an endpoint", "active without an endpoint"
BEGINS_ON, ENDS_BEFORE = "its period begins on 2026-11-23", "its period ends before 2026-11-30"
NOTHING, SAMPLE, REPORT = "nothing", "one sample", "a report"
RESERVED, CHARGED = f"reserved for {HOST}", f"charged to {HOST}"


def address(host, vendor="kde"):
    """A vendor's endpoint in the system's configuration."""
    return f'[endpoint.{vendor}]\nname = "{vendor}"\nurl = "https://{host}/v1"\n'


async def bring_to(state, running):
    """Accept the question on a Wednesday and go to a moment of its life; one sample is pushed in its week."""
    is_nowhere = state in {WAITING_NOWHERE, ACTIVE_NOWHERE}
    running.install(ASKED)
    running.configure("" if is_nowhere else address(HOST))
    await running.consent()
    if state not in {WAITING, WAITING_NOWHERE}:
        running.to(DURING)
        running.push("startup", "d", 700.0)
    if state == REPORTING:
        running.to(AFTER)
    assert state.startswith(shown(running)[0])
    assert ledger(running) == (NOTHING if is_nowhere else CHARGED if state == REPORTING else RESERVED)


def shown(running):
    """(state, reason) of the question, as the user is shown them where it is declared."""
    step = running.questions.step(running.questions.definition(KEY))
    return step.state, step.reason


def kept(running):
    """What is kept of the question's answer."""
    samples = sum(sum(row.cells) for row in running.store.tallies.all() if row.key == KEY)
    reports = [row for row in running.store.reports.queue() if row.key == KEY]
    assert samples + len(reports) <= 1
    return SAMPLE if samples else REPORT if reports else NOTHING


def ledger(running, key=KEY):
    """The question's row in the ledger."""
    entry = running.store.consents.ledger.get(key)
    if entry is None:
        return NOTHING
    assert (entry.tenths, entry.sources) == (20, (f"{key[0]}/startup",))
    return f"{'charged to' if entry.is_charged else 'reserved for'} {entry.host}"


# What shuts a question.


async def level_off(running):
    """The user's level for the axis."""
    await running.choices.set_level("usage", 0)


async def application_off(running):
    """The user's level for the application."""
    await running.choices.set_application(APP, 3, 0)


async def refused(running):
    """The user refuses the question."""
    await running.choices.set_question(*KEY, is_allowed=False)


async def locked(running):
    """An administrator's limit."""
    running.configure(f"[limits]\nusage = 0\n{address(HOST)}")


async def killed(running):
    """The kill switch."""
    running.configure(f"enabled = false\n{address(HOST)}")


async def unreadable(running):
    """A configuration that cannot be read for a day."""
    running.configure("enabled = = true")
    running.to(running.clock.wall + DAY_S)


async def unreadable_for_an_hour(running):
    """The same, for less than a day so far: a pause."""
    running.configure("enabled = = true")
    running.to(running.clock.wall + DAY_S // 24)


def stop(running, reason):
    """A stop comes with an update."""
    text = f'[[stop]]\napplication = "{APP}"\nquestion = "{QUESTION}"\nreason = "{reason}"\ndate = 2026-11-19\n'
    (running.machine.root / "share/telemetryd/reviews.d/stop.toml").write_text(text)
    running.look()


async def stopped(running):
    """The question is answered, for everyone."""
    stop(running, "answered")


async def suspended(running):
    """The question is under review again."""
    stop(running, "suspended")


def remove(running, pattern):
    """Files go, and are missing at a second look ten minutes later."""
    for path in (running.machine.root / "share/telemetryd").glob(pattern):
        path.unlink()
    running.look()
    running.to(running.clock.wall + GONE_S)


async def unreviewed(running):
    """The review goes."""
    remove(running, "reviews.d/*.toml")


async def manifest_gone(running):
    """The manifest goes."""
    remove(running, "manifests/*.toml")


async def developer_mode(running):
    """Developer mode begins: these files stay closed meanwhile."""
    running.now(running.daemon.shutting(Cause.DEVELOPER))


async def developer_mode_and_back(running):
    """Developer mode begins and ends."""
    await developer_mode(running)
    running.decide()


async def opened(running):
    """Nothing shuts the question any more, and whatever can be accepted is accepted."""
    (running.machine.root / "share/telemetryd/reviews.d/stop.toml").unlink(missing_ok=True)
    running.install(ASKED, date="2026-11-30")
    running.configure(address(HOST))
    await running.choices.set_level("usage", 2)
    await running.choices.set_application(APP, 3, 3)
    await running.choices.set_question(*KEY, is_allowed=True)
    with contextlib.suppress(InvalidArgumentsError):
        await running.choices.accept(APP, running.digests())


# The other events.


async def changed(running):
    """Another definition is installed and reviewed."""
    running.install(CHANGED, date="2026-11-20")


async def changed_and_over(running):
    """Another definition, which nobody accepts before the question's last day is over."""
    running.install(ASKED.replace("[500, 2000]", "[500]"), date="2026-11-20")
    running.to(OVER)


async def ends_over(running):
    """The machine is off until the question's last day is over."""
    running.daemon.commit()
    running.clock.wall = OVER
    running.restart()


async def erased(running):
    """The user erases everything."""
    await running.choices.erase("")


async def no_endpoint(running):
    """The vendor's endpoint goes."""
    running.configure("")


async def no_endpoint_for_a_while(running):
    """It goes and comes back."""
    running.configure("")
    running.configure(address(HOST))


async def an_endpoint_appears(running):
    """The vendor has an endpoint now."""
    running.configure(address(HOST))


async def no_endpoint_at_the_close(running):
    """It is not there when the week ends, and comes back after it."""
    running.configure("")
    running.to(AFTER)
    running.configure(address(HOST))


async def no_endpoint_until_it_is_late(running):
    """It is not there when the report's second window ends."""
    running.configure("")
    await tick_at(running, LATE)


async def moved(running):
    """The vendor's endpoint is on another host."""
    running.configure(address(ELSEWHERE))


async def moved_until_the_close(running):
    """It is so when the week ends."""
    await moved(running)
    running.to(AFTER)


async def moved_by_way_of_none(running):
    """It goes, and comes back on another host."""
    running.configure("")
    await moved(running)


async def moved_where_no_room_is(running):
    """It is on another host, and what that one may be told is promised to another vendor's question."""
    running.install(OTHER)
    running.configure(address(HOST) + address(ELSEWHERE, "other"))
    await running.choices.accept(OTHER_KEY[0], running.digests(OTHER_KEY[0]))
    running.configure(f"budget_epsilon = 3.0\n{address(ELSEWHERE)}{address(ELSEWHERE, 'other')}")
    assert ledger(running, OTHER_KEY) == f"reserved for {ELSEWHERE}"


async def tick_at(running, moment):
    """Go to a moment, and on to the next tick."""
    running.clock.wall = moment
    while not running.ticker.advance():
        running.clock.wall += STEP_S
        running.clock.steady += STEP_S
    await running.ticker.tick()


async def answer(running, delivery, tries):
    """A server that answers so at a tick in the report's slot and on the days after; so many tries reach it."""
    running.server.answers = [delivery] * 5
    start = max([running.clock.wall, *(row.slot for row in running.store.reports.queue())])
    for day in range(5):
        await tick_at(running, start + day * DAY_S)
    assert len(running.server.received) == tries


async def ticked(running):
    """A tick, while there is no report that could be answered, tried or dropped."""
    await tick_at(running, running.clock.wall)
    assert running.server.received == []


async def status_4xx(running):
    """The server will never take the report."""
    await answer(running, Delivery(Result.REJECTED, 404), 1)


async def third_try(running):
    """The server does not take it now, and not the next two times."""
    await answer(running, Delivery(Result.RETRY, 503), 3)


async def window_over(running):
    """The machine is off until the report's second window is over."""
    await tick_at(running, LATE)


def back_to(running, moment):
    """The clock is set back, and there is a sample."""
    running.to(moment)
    running.push("startup", "d", 100.0)


async def back(running):
    """The clock says that the week has not begun."""
    back_to(running, EARLIER)


async def back_and_right(running):
    """And then it is right again."""
    right = running.clock.wall
    back_to(running, EARLIER)
    running.to(right)


async def back_into_the_week(running):
    """The clock says that the week still runs."""
    slots = [row.slot for row in running.store.reports.queue()]
    back_to(running, DURING)
    assert [row.slot for row in running.store.reports.queue()] == slots


async def forward_into_the_week(running):
    """The clock says that the week runs."""
    running.to(DURING)


async def forward_over_the_week(running):
    """The clock says that the week is over."""
    running.to(AFTER)


async def forward_over_the_window(running):
    """The clock says that the report's first window is over: it is late, and leaves at some tick of the day."""
    for hour in range(24):
        await tick_at(running, at("12.8", hour))
    assert len(running.server.received) == 1


async def database_lost(running):
    """The main database is damaged."""
    running.daemon.commit()
    running.store.close()
    (running.directory / "telemetry.sqlite").write_bytes(b"damaged" * 1000)
    running.put_together()
    running.now(running.daemon.starting())


class Row(NamedTuple):
    """One cell of the table: what it was, and after the event its state and reason, what is kept of the answer, and the ledger's row."""

    event: object
    before: str
    state: State
    reason: str
    kept: str
    ledger: str


def shutting(event, state, text, cause):
    """The three cells of what shuts a question: released while it waits, passed while it runs, and a charge stays."""
    return [
        Row(event, WAITING, state, text, NOTHING, NOTHING),
        Row(event, ACTIVE, State.PASSED, cause, NOTHING, NOTHING),
        Row(event, REPORTING, State.ANSWERED, cause, NOTHING, CHARGED),
    ]


UNREADABLE = "{etc}/telemetryd.toml cannot be read, which counts as off"
NO_ROOM = f"no budget: the budget of {ELSEWHERE} is spent"
TABLE = [
    *shutting(level_off, State.WAITING, "Usage is below basic", Cause.LEVEL),
    *shutting(application_off, State.WAITING, f"Usage is below basic for {APP}", Cause.APPLICATION),
    *shutting(refused, State.REFUSED, "you refused this question", Cause.REFUSED),
    *shutting(locked, State.WAITING, "the administrator limits Usage in {etc}/telemetryd.toml", Cause.LOCK),
    *shutting(killed, State.WAITING, "{etc}/telemetryd.toml says enabled = false", Cause.KILL_SWITCH),
    *shutting(unreadable, State.WAITING, UNREADABLE, Cause.UNREADABLE),
    Row(unreadable_for_an_hour, WAITING, State.WAITING, UNREADABLE, NOTHING, NOTHING),
    Row(unreadable_for_an_hour, ACTIVE, State.ACTIVE, f"paused: {UNREADABLE}", SAMPLE, RESERVED),
    Row(unreadable_for_an_hour, REPORTING, State.REPORTING, f"paused: {UNREADABLE}", REPORT, CHARGED),
    *shutting(stopped, State.STOPPED, "the question has been answered ({reviews}/stop.toml, 2026-11-19)", Cause.STOPPED),
    *shutting(suspended, State.SUSPENDED, "the question is suspended ({reviews}/stop.toml, 2026-11-19)", Cause.SUSPENDED),
    *shutting(unreviewed, State.UNREVIEWED, "no review of this definition is installed", Cause.UNREVIEWED),
    *shutting(manifest_gone, State.WAITING, f"the manifest of {APP} is gone", Cause.GONE),
    *shutting(developer_mode_and_back, State.WAITING, BEGINS_ON, Cause.DEVELOPER)[1:],
    Row(developer_mode_and_back, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(changed, WAITING, State.PENDING, "the definition changed since you accepted it", NOTHING, NOTHING),
    Row(changed, ACTIVE, State.PASSED, Cause.CHANGED, NOTHING, NOTHING),
    Row(changed, REPORTING, State.REPORTING, "", REPORT, CHARGED),
    Row(changed_and_over, WAITING, State.EXPIRED, "it ended on 2026-12-04", NOTHING, NOTHING),
    Row(ends_over, WAITING, State.REPORTING, "", REPORT, CHARGED),
    Row(ends_over, ACTIVE, State.REPORTING, "", REPORT, CHARGED),
    Row(ends_over, REPORTING, State.REPORTING, "", REPORT, CHARGED),
    Row(erased, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(erased, ACTIVE, State.PASSED, "erased", NOTHING, NOTHING),
    Row(erased, REPORTING, State.ANSWERED, "erased", NOTHING, CHARGED),
    Row(no_endpoint, WAITING, State.WAITING, BEGINS_ON, NOTHING, NOTHING),
    Row(no_endpoint, ACTIVE, State.ACTIVE, ENDS_BEFORE, SAMPLE, RESERVED),
    Row(no_endpoint, REPORTING, State.REPORTING, "", REPORT, CHARGED),
    Row(no_endpoint_for_a_while, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(no_endpoint_for_a_while, ACTIVE, State.ACTIVE, ENDS_BEFORE, SAMPLE, RESERVED),
    Row(no_endpoint_for_a_while, REPORTING, State.REPORTING, "", REPORT, CHARGED),
    Row(an_endpoint_appears, WAITING_NOWHERE, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(an_endpoint_appears, ACTIVE_NOWHERE, State.ACTIVE, ENDS_BEFORE, SAMPLE, RESERVED),
    Row(forward_over_the_week, ACTIVE_NOWHERE, State.PASSED, "no endpoint", NOTHING, NOTHING),
    Row(no_endpoint_at_the_close, WAITING, State.PASSED, "no endpoint", NOTHING, NOTHING),
    Row(no_endpoint_at_the_close, ACTIVE, State.PASSED, "no endpoint", NOTHING, NOTHING),
    Row(no_endpoint_until_it_is_late, REPORTING, State.ANSWERED, "dropped", NOTHING, CHARGED),
    Row(moved, WAITING, State.WAITING, BEGINS_ON, NOTHING, f"reserved for {ELSEWHERE}"),
    Row(moved, ACTIVE, State.ACTIVE, ENDS_BEFORE, SAMPLE, f"reserved for {ELSEWHERE}"),
    Row(moved, REPORTING, State.ANSWERED, Cause.ENDPOINT, NOTHING, CHARGED),
    Row(moved_until_the_close, WAITING, State.REPORTING, "", REPORT, f"charged to {ELSEWHERE}"),
    Row(moved_until_the_close, ACTIVE, State.REPORTING, "", REPORT, f"charged to {ELSEWHERE}"),
    Row(moved_by_way_of_none, WAITING, State.WAITING, BEGINS_ON, NOTHING, f"reserved for {ELSEWHERE}"),
    Row(moved_by_way_of_none, ACTIVE, State.ACTIVE, ENDS_BEFORE, SAMPLE, f"reserved for {ELSEWHERE}"),
    Row(moved_by_way_of_none, REPORTING, State.ANSWERED, Cause.ENDPOINT, NOTHING, CHARGED),
    Row(moved_where_no_room_is, WAITING, State.PASSED, NO_ROOM, NOTHING, NOTHING),
    Row(moved_where_no_room_is, ACTIVE, State.PASSED, NO_ROOM, NOTHING, NOTHING),
    Row(moved_where_no_room_is, REPORTING, State.ANSWERED, Cause.ENDPOINT, NOTHING, CHARGED),
    Row(ticked, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(ticked, ACTIVE, State.ACTIVE, ENDS_BEFORE, SAMPLE, RESERVED),
    Row(status_4xx, REPORTING, State.ANSWERED, "dropped", NOTHING, CHARGED),
    Row(third_try, REPORTING, State.ANSWERED, "dropped", NOTHING, CHARGED),
    Row(window_over, REPORTING, State.ANSWERED, "dropped", NOTHING, CHARGED),
    Row(back, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(back, ACTIVE, State.WAITING, BEGINS_ON, SAMPLE, RESERVED),
    Row(back, REPORTING, State.REPORTING, "", REPORT, CHARGED),
    Row(back_and_right, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(back_and_right, ACTIVE, State.ACTIVE, ENDS_BEFORE, SAMPLE, RESERVED),
    Row(back_into_the_week, REPORTING, State.REPORTING, "", REPORT, CHARGED),
    Row(forward_into_the_week, WAITING, State.ACTIVE, ENDS_BEFORE, NOTHING, RESERVED),
    Row(forward_over_the_week, WAITING, State.REPORTING, "", REPORT, CHARGED),
    Row(forward_over_the_week, ACTIVE, State.REPORTING, "", REPORT, CHARGED),
    Row(forward_over_the_window, REPORTING, State.ANSWERED, "sent", NOTHING, CHARGED),
    Row(database_lost, WAITING, State.WAITING, BEGINS_ON, NOTHING, RESERVED),
    Row(database_lost, ACTIVE, State.PASSED, "damaged", NOTHING, NOTHING),
    Row(database_lost, REPORTING, State.ANSWERED, "lost", NOTHING, CHARGED),
]
SHUTTING = {
    level_off: Cause.LEVEL,
    application_off: Cause.APPLICATION,
    refused: Cause.REFUSED,
    locked: Cause.LOCK,
    killed: Cause.KILL_SWITCH,
    unreadable: Cause.UNREADABLE,
    stopped: Cause.STOPPED,
    suspended: Cause.SUSPENDED,
    unreviewed: Cause.UNREVIEWED,
    manifest_gone: Cause.GONE,
    developer_mode: Cause.DEVELOPER,
}


def named(one):
    """An event's name."""
    return one.__name__


@pytest.fixture
def running(tmp_path):
    """The running parts."""
    with Running(tmp_path) as running:
        yield running


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"{named(row.event)}-{row.before.replace(' ', '_')}")
async def test_table(running, row):
    """Each event does what its cell says; the lot stays, what is over stays over, and there is one charge and one report at most."""
    await bring_to(row.before, running)
    lot = running.store.consents.lots[KEY]
    await row.event(running)
    places = {"etc": f"{running.machine.root}/etc/telemetryd", "reviews": f"{running.machine.root}/share/telemetryd/reviews.d"}
    assert shown(running) == (row.state, row.reason.format(**places))
    assert (kept(running), ledger(running)) == (row.kept, row.ledger)
    assert running.store.consents.lots[KEY] == lot
    await opened(running)
    if row.state in {State.PASSED, State.ANSWERED}:
        assert (running.record().outcome, running.record().reason) == (Outcome(row.state), row.reason)
        assert (kept(running), ledger(running)) == (NOTHING, row.ledger)
    running.to(LATE)
    assert running.store.consents.lots[KEY] == lot
    reports = [one for one in running.store.reports.history(0, 10) if one.key == KEY]
    assert len(reports) <= ledger(running).startswith("charged")


@pytest.mark.parametrize("event", SHUTTING, ids=named)
async def test_opened_again_before_its_period(running, event):
    """A question that was shut while it waited waits on: its answer is reserved for anew."""
    await bring_to(WAITING, running)
    await event(running)
    await opened(running)
    assert shown(running) == (State.WAITING, BEGINS_ON)
    assert (kept(running), ledger(running)) == (NOTHING, RESERVED)
    running.to(AFTER)
    assert (shown(running)[0], ledger(running)) == (State.REPORTING, CHARGED)


@pytest.mark.parametrize("event", SHUTTING, ids=named)
async def test_opened_again_after_its_period_began(running, event):
    """A question that was shut when its period began is passed, and nothing is reserved for it."""
    await bring_to(WAITING, running)
    running.to(BEGINS - 1 - DAY_S)
    await event(running)
    running.clock.pass_(DURING - running.clock.wall)
    await opened(running)
    state, reason = shown(running)
    assert state == State.PASSED
    assert SHUTTING[event] in reason
    assert (kept(running), ledger(running)) == (NOTHING, NOTHING)


async def test_changed_and_accepted_anew(running):
    """A changed question that is accepted anew while it waits has the period to which the same lot leads among the new ones."""
    await bring_to(WAITING, running)
    lot = running.store.consents.lots[KEY]
    await changed(running)
    await running.choices.accept(APP, running.digests())
    week = WEEKS[lot.period * len(WEEKS) >> 64]
    assert running.store.consents.lots[KEY] == lot
    assert shown(running) == (State.WAITING, f"its period begins on {week.date()}")
    assert running.record().period == week.strftime("%G-W%V")
    assert (kept(running), ledger(running)) == (NOTHING, RESERVED)


async def test_changed_while_reporting(running):
    """The report of a question that changed leaves under the definition that was consented to."""
    await bring_to(REPORTING, running)
    (row,) = running.store.reports.queue()
    await changed(running)
    await answer(running, Delivery(Result.ACCEPTED, 204), 1)
    assert [body for _, body in running.server.received] == [row.body]
    assert json.loads(row.body)["revision"] == row.revision != running.catalogue.definition(KEY).revision
    assert shown(running) == (State.ANSWERED, "sent")
