"""Due work: what is sent, when, and what becomes of it."""

import asyncio
import contextlib
import sqlite3

import pytest
from support.engine_flow import AFTER, APP, CLOSES, DURING, KATE_2026, LATE, OPENS, Running, installed

from telemetryd.core.causes import Cause
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery
from telemetryd.errors import NotDeveloperError, StorageError

DAY_S = 86400
EXPIRES = CLOSES + 56 * DAY_S
AWAY = held_delivery(Hindrance.DNS)


@pytest.fixture
async def running(tmp_path):
    """A report waits in its queue."""
    with installed(tmp_path) as running:
        await running.consent()
        running.to(AFTER)
        assert running.state() == State.REPORTING
        yield running


async def send(running):
    """An attempt at the moment that the clock shows, whatever the slot says."""
    for row in running.store.reports.queue():
        await running.ticker.send(row)


def last(running):
    """The newest row of the history."""
    return running.store.reports.history(0, 10)[0]


ANSWERS = [
    (Delivery(Result.ACCEPTED, 200), "accepted", Outcome.ANSWERED, Cause.SENT),
    (Delivery(Result.ANSWERED, 410), "answered", Outcome.ANSWERED, Cause.SERVER_ANSWERED),
    (Delivery(Result.SUSPENDED, 451), "suspended", Outcome.SUSPENDED, Cause.SERVER_SUSPENDED),
    *((Delivery(Result.REJECTED, status), "rejected", Outcome.ANSWERED, Cause.REJECTED) for status in (302, 404, 408, 425, 429, 500, 503)),
    (Delivery(Result.UNKNOWN), "unknown", Outcome.ANSWERED, Cause.UNKNOWN),
]


@pytest.mark.parametrize(("delivery", "outcome", "kept", "cause"), ANSWERS)
async def test_final_answers(running, delivery, outcome, *, kept, cause):
    """Every status, and none, ends the report, with its nonce blanked and its question closed for good. It never leaves again."""
    running.server.answers.append(delivery)
    await send(running)
    assert (last(running).outcome, last(running).status) == (outcome, delivery.status)
    assert (running.record().outcome, running.record().cause) == (kept, cause)
    assert (running.record().report, running.record().sent) == (outcome, running.clock.wall // DAY_S * DAY_S)
    assert b'"nonce":"' + b"0" * 32 in last(running).body
    assert (last(running).started, last(running).slot) == (running.clock.wall // DAY_S * DAY_S, 0)
    await send(running)
    running.to(LATE)
    assert len(running.server.received) == 1


async def test_what_reached_nobody_gets_another_slot(running):
    """However often nobody is reached: the same bytes wait for a slot in what is left of the window, then of the second window."""
    (row,) = running.store.reports.queue()
    running.server.answers += [AWAY] * 20
    for day in range(20):
        running.clock.wall = OPENS + day * 4 * DAY_S
        await send(running)
        (again,) = running.store.reports.queue()
        assert again == row._replace(slot=again.slot, held="dns", tries=again.tries)
        assert again.tries[-1] == (running.clock.wall // DAY_S * DAY_S, "dns")
        assert len(again.tries) == day + 1
        assert running.clock.wall <= again.slot < (CLOSES if running.clock.wall < CLOSES else EXPIRES)
    assert running.ticker.problems() == []
    await send(running)
    assert {body for _, body in running.server.received} == {row.body}
    assert (last(running).outcome, last(running).held) == ("accepted", "")


async def test_a_fault_that_somebody_has_to_repair(running):
    """A fault of this installation is a problem that the user is told, as long as the report waits; then it is dropped with its cause."""
    running.server.answers.append(held_delivery(Hindrance.CA_FILE))
    await send(running)
    assert len(running.ticker.problems()) == 1
    running.clock.wall = EXPIRES
    running.now(running.ticker.tidy_steps())
    assert (last(running).outcome, last(running).held) == ("dropped", "ca-file")
    assert running.ticker.problems() == []


async def tick_at_slot(running):
    """A tick once the only report's slot has come; the row afterwards."""
    running.clock.wall = max(running.clock.wall, running.store.reports.queue()[0].slot)
    running.ticker.advance()
    await running.ticker.tick()
    return last(running)


async def test_a_metered_line(running):
    """On a metered line or with little power a report waits for another slot, without a try, until its window is over; then it leaves."""
    running.is_sparing = True
    (row,) = running.store.reports.queue()
    waited = 0
    while (after := await tick_at_slot(running)).outcome == "queued":
        assert after == row._replace(slot=after.slot)
        assert running.clock.wall < CLOSES
        assert running.clock.wall < after.slot < CLOSES + 28 * DAY_S
        waited += 1
    assert waited >= 1
    assert running.clock.wall >= CLOSES
    assert (after.outcome, after.tries, len(running.server.received)) == ("accepted", (), 1)


async def test_a_line_that_is_free_again(running):
    """A report that waited for a free line leaves in its next slot, once."""
    running.is_sparing = True
    assert (await tick_at_slot(running)).outcome == "queued"
    running.is_sparing = False
    assert (await tick_at_slot(running)).outcome == "accepted"
    running.to(LATE)
    await running.ticker.tick()
    assert len(running.server.received) == 1


async def test_waiting_leaves_the_day_free(running):
    """A late report that waits for a free line does not use up the late report of the day."""
    running.is_sparing = True
    running.clock.wall = running.store.reports.queue()[0].slot + DAY_S
    running.ticker.start_by_timer()
    late_day = running.ticker._late_day
    for _ in range(40):
        running.clock.wall += 600
        if running.now(running.ticker.run_by_timer_steps(is_sparing=True)) is not None:
            raise AssertionError("it was sent")
    assert running.ticker._late_day == late_day == -1
    assert running.server.received == []


async def test_a_tick_before_another_slot(running):
    """A report that reached nobody does not leave before its new slot."""
    running.clock.wall = running.store.reports.queue()[0].slot
    running.ticker.advance()
    running.server.answers.append(AWAY)
    await running.ticker.tick()
    slot = running.store.reports.queue()[0].slot
    assert slot > running.clock.wall
    for wall in (slot - 1, slot):
        running.clock.wall = wall
        running.ticker.advance()
        await running.ticker.tick()
    assert [len(running.server.received), last(running).outcome] == [2, "accepted"]


async def test_under_way_elsewhere(running):
    """An attempt that another process began less than five minutes ago may still end well; an older one ended without an outcome.

    Its bytes may have left: the report is unknown for good, and never given out again.
    """
    (row,) = running.store.reports.queue()
    running.clock.wall = EXPIRES - 1
    running.store.reports.start(row._replace(started=running.clock.wall))
    running.clock.wall += 299
    await send(running)
    running.now(running.ticker.tidy_steps())
    assert (running.server.received, last(running).outcome) == ([], "queued")
    running.clock.wall += 1
    await send(running)
    running.now(running.ticker.tidy_steps())
    assert (running.server.received, last(running).outcome, last(running).held) == ([], "unknown", "interrupted")
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, "unknown")


async def test_a_clock_that_is_set_back_after_a_crash(running):
    """An attempt that began in the future is not taken for a new one: nobody sends the report again."""
    (row,) = running.store.reports.queue()
    running.store.reports.start(row._replace(started=running.clock.wall + DAY_S))
    running.restart()
    await send(running)
    running.now(running.ticker.tidy_steps())
    assert (running.server.received, last(running).outcome) == ([], "unknown")


async def test_ticks(running):
    """Over running time in its window the report leaves at one tick, and none goes before its slot."""
    slot = running.store.reports.queue()[0].slot
    while running.clock.wall < CLOSES + DAY_S:
        running.clock.wall += 600
        running.clock.steady += 600
        if running.ticker.advance():
            await running.ticker.tick()
        if running.server.received:
            break
    assert slot <= running.clock.wall < slot + 2 * 3600
    assert running.record().outcome is Outcome.ANSWERED


async def test_running_time_is_kept_over_sessions(running):
    """The hour's moment and what has passed of it outlive a restart."""
    running.clock.steady += 500
    running.clock.wall += 500
    running.ticker.advance()
    running.ticker.save_ticks()
    kept = running.ticker._ticks
    running.restart()
    assert running.ticker._ticks == kept


@pytest.fixture
async def late(tmp_path):
    """Two reports found after their slots at a start, and one of them has left."""
    with Running(tmp_path) as running:
        running.install()
        running.install(KATE_2026.replace(APP, "org.kde.dolphin"))
        running.endpoint()
        await running.consent(APP, "org.kde.dolphin")
        running.to(AFTER)
        running.clock.wall = CLOSES + 12 * 3600
        running.restart()
        await running.ticker.tick()
        assert len(running.server.received) == 1
        yield running


async def test_late_reports_leave_one_a_day(late):
    """One late report leaves, the other on another day."""
    await late.ticker.tick()
    assert len(late.server.received) == 1
    late.clock.wall += DAY_S
    late.ticker.advance()
    await late.ticker.tick()
    assert len({body for _, body in late.server.received}) == 2


async def test_one_a_day_after_a_kill(late):
    """A daemon that was killed after a late report sends no second one on that day, and the next one on the day after."""
    late.restart()
    await late.ticker.tick()
    assert late.server.received == []
    late.clock.wall += DAY_S
    late.ticker.advance()
    await late.ticker.tick()
    assert len(late.server.received) == 1


async def test_one_a_day_by_a_clock_that_is_set_right(late):
    """A clock that was a day fast when a late report left, and is set right, frees no second one on the day that it is then."""
    late.clock.wall -= DAY_S
    late.ticker.advance()
    await late.ticker.tick()
    assert len(late.server.received) == 1


async def test_window_over(running):
    """Not sent by the end of the second window: dropped and recorded."""
    running.clock.wall = LATE
    running.now(running.ticker.tidy_steps())
    assert last(running).outcome == "dropped"
    assert (running.record().outcome, running.record().cause) == (Outcome.ANSWERED, "dropped")
    running.clock.wall += 400 * DAY_S
    running.now(running.ticker.tidy_steps())
    assert running.store.reports.history(0, 10) == []


@pytest.mark.parametrize(
    "text",
    [
        'enabled = true\n[endpoint.other]\nname = "O"\nurl = "https://other.org/v1"',
        "enabled = maybe",
    ],
)
async def test_held_back(running, text):
    """Without an endpoint, or while a file cannot be read, nothing is sent and nothing is lost."""
    running.configure(text)
    await running.ticker.tick()
    await send(running)
    assert running.server.received == []
    assert len(running.store.reports.queue()) == 1
    running.endpoint()
    await send(running)
    assert len(running.server.received) == 1


async def test_kill_switch(running):
    """A kill switch erases the report; nothing is sent."""
    running.machine.configure("enabled = false")
    await running.ticker.tick()
    await send(running)
    assert running.server.received == []
    assert running.record().outcome is Outcome.ANSWERED


async def test_other_host(running):
    """Another host than the one consented to: erased, not sent."""
    running.endpoint(url="https://elsewhere.org/v1")
    await send(running)
    assert running.server.received == []
    assert running.record().cause == "endpoint_changed"


async def test_withdrawal_while_sending(running):
    """A withdrawal breaks off the delivery; the history says that bytes may have left."""
    running.server.may_answer.clear()
    sending = asyncio.ensure_future(send(running))
    await running.server.is_reached.wait()
    await running.choices.set_level("usage", 0)
    await sending
    assert (last(running).outcome, last(running).body) == ("unknown", b"")
    assert running.record().outcome is Outcome.ANSWERED


async def test_two_ticks_do_not_send_one_report_twice(running):
    """While a report is under way no other tick takes or drops it."""
    running.server.may_answer.clear()
    sending = asyncio.ensure_future(send(running))
    await running.server.is_reached.wait()
    running.clock.wall = LATE
    await running.ticker.tick()
    await send(running)
    running.server.may_answer.set()
    await sending
    assert len(running.server.received) == 1
    assert last(running).outcome == "accepted"


@pytest.mark.parametrize("is_silent", [True, False])
async def test_leaving_while_sending(running, is_silent):
    """When the daemon leaves, a delivery is broken off and the ticker ends with it.

    A report of which surely nothing left waits for another slot. Any other never leaves again.
    """
    (row,) = running.store.reports.queue()
    running.server.may_answer.clear()
    running.server.is_silent = is_silent
    sending = asyncio.ensure_future(send(running))
    await running.server.is_reached.wait()
    assert running.store.reports.queue()[0].started == running.clock.wall
    await running.ticker.end()
    await sending
    assert (last(running).outcome, last(running).started) == ("queued", 0 if is_silent else running.clock.wall)
    running.clock.wall += DAY_S
    running.restart()
    running.now(running.ticker.tidy_steps())
    await send(running)
    assert (last(running).outcome, len(running.server.received)) == (("accepted", 1) if is_silent else ("unknown", 0))
    assert {body for _, body in running.server.received} <= {row.body}


async def test_cancelled_while_sending(running):
    """A caller that is cancelled ends with the delivery, and the attempt stays begun."""
    running.server.may_answer.clear()
    sending = asyncio.ensure_future(send(running))
    await running.server.is_reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert (last(running).outcome, last(running).started) == ("queued", running.clock.wall)


async def test_waiting_for_the_next_moment(running):
    """One round: wait, count the time, and work if it is a tick."""
    running.clock.wall = LATE
    running.clock.steady += 3600
    running.ticker._ticks = running.ticker._ticks._replace(passed_s=running.ticker._ticks.moment_s - 1)
    await running.ticker.run_once()
    assert last(running).outcome == "dropped"


async def test_new_questions(running):
    """NewQuestions = accept takes effect at a tick."""
    await running.choices.set_level("new_questions", 2)
    text = KATE_2026 + KATE_2026[KATE_2026.index("[[question]]") :].replace("startup-time", "startup-pace").replace("11-23", "12-07")
    running.install(text, date="2026-12-01")
    assert running.state((APP, "startup-pace")) == State.PENDING
    running.now(running.ticker.tidy_steps())
    assert running.state((APP, "startup-pace")) == State.WAITING


async def test_a_full_disk_is_no_end(running, caplog):
    """A tick that cannot write says so, without a name or value, and the next one works."""
    running.clock.wall = LATE
    with running.broken_disk():
        await running.ticker.tick()
    assert "a tick could not do its work" in caplog.text
    assert "startup" not in caplog.text
    await running.ticker.tick()
    assert last(running).outcome == "dropped"


async def test_nothing_is_written_without_consent(tmp_path):
    """Ticks leave no file where nothing was accepted."""
    with Running(tmp_path, now=DURING) as running:
        running.install()
        for _ in range(20):
            running.clock.wall += 600
            running.clock.steady += 600
            if running.ticker.advance():
                await running.ticker.tick()
        running.ticker.save_ticks()
        assert running.files() == {}


async def test_submit(tmp_path):
    """Developer mode: everything is closed and sent at once; otherwise Submit is refused."""
    with Running(tmp_path, now=DURING) as running:
        running.machine.install(KATE_2026, reviewed=False)
        with pytest.raises(NotDeveloperError):
            await running.ticker.submit()
        running.machine.develop()
        running.restart(developer=True)
        await running.consent()
        running.push("startup", "d", 700.0)
        await running.ticker.submit()
        assert [url for url, _ in running.server.received] == ["http://127.0.0.1:9/v1"]
        assert b'"answer":["500..2000"]' in running.server.received[0][1]
        assert running.state() == State.ACTIVE


async def test_no_running_time_is_kept_while_a_waiting_question_is_shut(tmp_path):
    """With a kill switch on, a question that waits for its period is no reason to write: not even the running time. Policy: C4."""
    with Running(tmp_path) as running:
        running.install()
        running.endpoint()
        await running.consent()
        assert running.state() == State.WAITING
        running.configure("enabled = false\n", name="telemetryd.toml.d/50-off.toml")
        before = running.store.reports.ticks()
        running.clock.wall += 600
        running.ticker.advance(600)
        running.ticker.save_ticks()
        assert running.store.reports.ticks() == before


@contextlib.contextmanager
def locked(running, name):
    """A file that takes nothing, as with a full disk: another process writes to it."""
    with contextlib.closing(sqlite3.connect(running.directory / name, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@pytest.mark.parametrize("files", [("consent.sqlite",), ("telemetry.sqlite",), ("consent.sqlite", "telemetry.sqlite")])
@pytest.mark.parametrize("act", ["level", "erase"])
async def test_what_is_taken_back_is_not_sent_whatever_the_disk_takes(running, files, act):
    """With a disk that takes nothing in either file, or in both, the report is not sent from the answer on; later it is erased."""
    with contextlib.ExitStack() as stack:
        for name in files:
            stack.enter_context(locked(running, name))
        with pytest.raises(StorageError, match="it holds from now on, but it is not on disk yet"):
            await (running.choices.set_level("usage", 0) if act == "level" else running.choices.erase(""))
        for _ in range(2):
            await running.ticker.tick()
            await send(running)
        assert running.server.received == []
        assert running.state() == State.ANSWERED
    await running.ticker.tick()
    assert running.store.reports.queue() == []
    assert not running.store.consents.is_owed
    assert not running.lowered.is_any
    running.restart()
    assert running.state() == State.ANSWERED
    assert running.store.consents.levels.usage == (0 if act == "level" else 2)


async def test_a_problem_is_named_once(running, caplog):
    """A disk that takes nothing is told at the first tick, not at each; and again when it comes back."""
    for _ in range(2):
        with locked(running, "telemetry.sqlite"):
            for _ in range(3):
                running.clock.wall += 3600
                await running.ticker.tick()
                running.ticker.save_ticks()
        await running.ticker.tick()
        running.ticker.save_ticks()
    assert len([record for record in caplog.records if "another process has it locked" in record.message]) == 2
