"""What can happen to a question that waits, runs or is reported: events over the running parts. `state_table` says what follows."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

from support.engine_flow import AFTER, APP, CLOSES, DURING, KATE_2026, KEY, LATE, QUESTION, at

from telemetryd.core.permission.gate import Cause
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.errors import InvalidArgumentsError

ASKED = KATE_2026.replace("2026-12-31", "2026-12-04")
"""A single whole week, 2026-W48: whatever the lot is, that week is drawn."""
CHANGED = ASKED.replace("[500, 2000]", "[400, 2000]").replace("2026-12-04", "2027-03-31")
"""Other bins, and the weeks are more."""
WEEKS = [datetime(2026, 11, 23, tzinfo=UTC) + timedelta(weeks=number) for number in range(18)]
"""The beginnings of those weeks."""
EARLIER, BEGINS, OVER = at("11.16"), at("11.23", 0), at("12.5")
"""Before the acceptance, the beginning of the week that is drawn, and the day after the question's last."""
DAY_S, STEP_S, GONE_S = 86400, 600, 600
HOST, ELSEWHERE = "telemetry.kde.org", "elsewhere.example"
MISSING = "/nonexistent/authority.pem"
WAITING, ACTIVE, REPORTING = "waiting", "active", "reporting"
WAITING_NOWHERE, ACTIVE_NOWHERE = "waiting without an endpoint", "active without an endpoint"
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
    assert ledger(running) == {ACTIVE: RESERVED, REPORTING: CHARGED}.get(state, NOTHING)


def shown(running):
    """(state, reason) of the question."""
    step = running.questions.step_of(KEY)
    return step.state, step.reason


def kept(running):
    """What is kept of the question's answer."""
    samples = sum(sum(row.cells) for row in running.store.tallies.all() if row.key == KEY)
    reports = [row for row in running.store.reports.queue() if row.key == KEY]
    assert samples + len(reports) <= 1
    return SAMPLE if samples else REPORT if reports else NOTHING


def ledger(running):
    """The question's row in the ledger."""
    entry = running.store.consents.ledger.get(KEY)
    if entry is None:
        return NOTHING
    assert (entry.tenths, entry.sources) == (20, (f"{APP}/startup",))
    return f"{'charged to' if entry.is_charged else 'reserved for'} {entry.host}"


# What shuts a question.


async def level_off(running):
    """The user sets the level for all applications lower."""
    await running.choices.set_level("usage", 0)


async def application_off(running):
    """The user sets the level for this application lower."""
    await running.choices.set_application(APP, 3, 0)


async def refused(running):
    """The user refuses the question."""
    await running.choices.set_question(*KEY, is_allowed=False)


async def locked(running):
    """The administrator sets a limit."""
    running.configure(f"[limits]\nusage = 0\n{address(HOST)}")


async def killed(running):
    """The administrator switches telemetry off."""
    running.configure(f"enabled = false\n{address(HOST)}")


async def unreadable(running):
    """A configuration file cannot be read for a day."""
    running.configure("enabled = = true")
    running.to(running.clock.wall + DAY_S)


async def unreadable_for_an_hour(running):
    """A configuration file cannot be read for an hour so far."""
    running.configure("enabled = = true")
    running.to(running.clock.wall + DAY_S // 24)


def stop(running, reason, folder="share/telemetryd/reviews.d"):
    """A stop comes with an update, or the user writes one."""
    text = f'[[stop]]\napplication = "{APP}"\nquestion = "{QUESTION}"\nreason = "{reason}"\ndate = 2026-11-19\n'
    path = running.machine.root / folder / "stop.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    running.look()


async def stopped(running):
    """An update says that the question is answered for everyone."""
    stop(running, "answered")


async def suspended(running):
    """An update says that the question is under review again."""
    stop(running, "suspended")


OWN = "home/telemetryd/reviews.d"
"""The user's own folder of stops."""


async def stopped_by_the_user(running):
    """The user ends the question for this account: `telemetryctl stop --user`."""
    stop(running, "answered", OWN)


async def suspended_by_the_user(running):
    """The user suspends the question for this account: `telemetryctl suspend --user`."""
    stop(running, "suspended", OWN)


async def locked_by_the_user(running):
    """The user writes a limit into a file for this account."""
    running.machine.configure_user("[limits]\nusage = 0\n")
    running.look()


def remove(running, pattern):
    """Files go, and are missing at a second look ten minutes later."""
    for path in (running.machine.root / "share/telemetryd").glob(pattern):
        path.unlink()
    running.look()
    running.to(running.clock.wall + GONE_S)


async def unreviewed(running):
    """The review is removed."""
    remove(running, "reviews.d/*.toml")


async def manifest_gone(running):
    """The manifest is removed."""
    remove(running, "manifests/*.toml")


async def developer_mode(running):
    """Developer mode begins: these files stay closed meanwhile."""
    running.now(running.sampling.shut_steps(Cause.DEVELOPER))


async def developer_mode_and_back(running):
    """Developer mode begins and ends."""
    await developer_mode(running)
    running.decide()


async def opened(running):
    """Nothing shuts the question any more, and whatever can be accepted is accepted."""
    for name in ("share/telemetryd/reviews.d/stop.toml", f"{OWN}/stop.toml", "home/telemetryd/telemetryd.toml"):
        (running.machine.root / name).unlink(missing_ok=True)
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
    """Another definition is installed, and the user does not accept it before its last day is over."""
    running.install(ASKED.replace("[500, 2000]", "[500]"), date="2026-11-20")
    running.to(OVER)


async def ends_over(running):
    """The machine is off until the question's last day is over."""
    running.sampling.commit()
    running.clock.wall = OVER
    running.restart()


async def erased(running):
    """The user erases everything."""
    await running.choices.erase("")


async def no_endpoint(running):
    """The vendor's endpoint is removed."""
    running.configure("")


async def no_endpoint_for_a_while(running):
    """The vendor's endpoint is removed and comes back."""
    running.configure("")
    running.configure(address(HOST))


async def an_endpoint_appears(running):
    """The vendor has an endpoint now."""
    running.configure(address(HOST))


async def authority_missing(running):
    """The certificate file that the vendor's endpoint names is missing."""
    running.configure(f'{address(HOST)}ca_file = "{MISSING}"\n')


async def authority_missing_at_the_close(running):
    """The certificate file that the vendor's endpoint names is missing when the week ends, and comes back later."""
    await authority_missing(running)
    running.to(AFTER)
    running.configure(address(HOST))


async def no_endpoint_at_the_close(running):
    """The vendor's endpoint is missing when the week ends, and comes back later."""
    running.configure("")
    running.to(AFTER)
    running.configure(address(HOST))


async def no_endpoint_until_it_is_late(running):
    """The vendor's endpoint is missing until the report's second window ends."""
    running.configure("")
    await tick_at(running, LATE)


async def moved(running):
    """The vendor's endpoint is on another host."""
    running.configure(address(ELSEWHERE))


async def moved_until_the_close(running):
    """The vendor's endpoint is on another host when the week ends."""
    await moved(running)
    running.to(AFTER)


async def moved_by_way_of_none(running):
    """The vendor's endpoint is removed, and comes back on another host."""
    running.configure("")
    await moved(running)


async def moved_where_no_room_is(running):
    """The vendor's endpoint is on another host, which may not be told so much."""
    running.configure(f"budget_epsilon = 1.0\n{address(ELSEWHERE)}")


async def tick_at(running, moment):
    """Go to a moment, and on to the next tick."""
    running.clock.wall = moment
    while not running.ticker.advance():
        running.clock.wall += STEP_S
        running.clock.steady += STEP_S
    await running.ticker.tick()


async def answer(running, delivery):
    """A server that answers so at a tick in the report's slot and on the days after; one report reaches it."""
    running.server.answers = [delivery] * 5
    start = max([running.clock.wall, *(row.slot for row in running.store.reports.queue())])
    for day in range(5):
        await tick_at(running, start + day * DAY_S)
    assert len(running.server.received) == 1


async def ticked(running):
    """A tick comes, and no report waits."""
    await tick_at(running, running.clock.wall)
    assert running.server.received == []


async def status_2xx(running):
    """The server takes the report."""
    await answer(running, Delivery(Result.ACCEPTED, 204))


async def status_410(running):
    """The server says that it needs no more answers."""
    await answer(running, Delivery(Result.ANSWERED, 410))


async def status_451(running):
    """The server says that the question is suspended."""
    await answer(running, Delivery(Result.SUSPENDED, 451))


async def status_4xx(running):
    """The server answers with status 404."""
    await answer(running, Delivery(Result.REJECTED, 404))


async def status_5xx(running):
    """The server answers with status 503."""
    await answer(running, Delivery(Result.REJECTED, 503))


async def no_status(running):
    """The connection breaks down after the first byte."""
    await answer(running, unknown_delivery(Hindrance.REFUSED))


async def nobody_reached(running):
    """The server's certificate is not trusted until the report's second window is over."""
    running.server.answers = [held_delivery(Hindrance.AUTHORITY)] * 9
    for slot in [row.slot + DAY_S for row in running.store.reports.queue()]:
        await tick_at(running, slot)
    assert running.server.received
    await window_over(running)


async def while_sending(running, act):
    """Act once the server is reached, and before it answers."""
    running.server.may_answer.clear()
    (row,) = running.store.reports.queue()
    tick = asyncio.ensure_future(tick_at(running, row.slot))
    await running.server.is_reached.wait()
    await act(running)
    await tick


async def refused_while_sending(running):
    """The user refuses the question while its report is being sent."""
    await while_sending(running, refused)


async def erased_while_sending(running):
    """The user erases everything while the report is being sent."""
    await while_sending(running, erased)


async def forgotten(running):
    """The application is uninstalled, and the user has it forgotten."""
    for path in (running.machine.root / "share/telemetryd").glob("manifests/*.toml"):
        path.unlink()
    running.look()
    await running.choices.forget(APP)


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
    """The clock says that the week has not begun, and then is right again."""
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
    """The clock says that the report's first window is over, so it leaves late."""
    for hour in range(24):
        await tick_at(running, CLOSES + DAY_S + hour * 3600)
    assert len(running.server.received) == 1


async def database_lost(running):
    """The main database is damaged."""
    running.sampling.commit()
    running.store.close()
    (running.directory / "telemetry.sqlite").write_bytes(b"damaged" * 1000)
    running.put_together()
    running.now(running.sampling.start_steps())
