"""Due work: what is sent, when, and what becomes of it."""

import asyncio
import contextlib
import sqlite3

import pytest
from harness import KATE_2026
from running import AFTER, APP, DURING, LATE, Running, at, installed

from telemetryd.core.lifecycle import Outcome, State
from telemetryd.core.schedule import Delivery, Result
from telemetryd.errors import NotDeveloperError, StorageError

DAY_S = 86400
END_OF_WINDOW = at("12.7", 0)


@pytest.fixture
async def running(tmp_path):
    """A report waits in its queue."""
    with installed(tmp_path) as running:
        await running.consent()
        running.to(AFTER)
        assert running.state() == State.REPORTING
        yield running


async def send(running):
    """A try at the moment that the clock shows, whatever the slot says."""
    for row in running.store.reports.queue():
        await running.ticker.send(row)


def last(running):
    """The newest row of the history."""
    return running.store.reports.history(0, 10)[0]


ANSWERS = [
    (Delivery(Result.ACCEPTED, 200), "accepted", Outcome.ANSWERED, "sent"),
    (Delivery(Result.ANSWERED, 410), "answered", Outcome.ANSWERED, "the server says that the question is answered"),
    (Delivery(Result.SUSPENDED, 451), "suspended", Outcome.SUSPENDED, "the server says that the question is suspended"),
    (Delivery(Result.REJECTED, 404), "dropped", Outcome.ANSWERED, "dropped"),
]


@pytest.mark.parametrize(("delivery", "outcome", "kept", "reason"), ANSWERS)
async def test_final_answers(running, delivery, outcome, *, kept, reason):
    """Accepted, answered, suspended and 4xx end the report, with its nonce blanked and its question closed for good."""
    running.server.answers.append(delivery)
    await send(running)
    assert (last(running).outcome, last(running).status) == (outcome, delivery.status)
    assert (running.record().outcome, running.record().reason) == (kept, reason)
    assert b'"nonce":"' + b"0" * 32 in last(running).body
    await send(running)
    running.to(LATE)
    assert len(running.server.received) == 1


@pytest.mark.parametrize("result", [Result.RETRY, Result.UNKNOWN])
async def test_three_tries(running, result):
    """Tried again a day later, byte for byte the same, three times at most; then dropped."""
    running.server.answers += [Delivery(result, 503)] * 3
    for number in range(1, 4):
        await send(running)
        assert last(running).tries == number
        if number < 3:
            assert last(running).outcome == "queued"
            assert last(running).not_before >= running.clock.wall + DAY_S
            running.clock.wall += DAY_S
    assert last(running).outcome == "dropped"
    assert len(set(running.server.received)) == 1
    assert len(running.server.received) == 3
    assert running.record().reason == "dropped"


async def test_under_way_elsewhere(running):
    """A try that another process began less than five minutes ago is not given out again, and what it may deliver is not dropped."""
    (row,) = running.store.reports.queue()
    running.clock.wall = END_OF_WINDOW + 7 * DAY_S - 1
    running.store.reports.start(row, running.clock.wall, 0)
    running.clock.wall += 299
    await send(running)
    running.now(running.ticker.tidying())
    assert (running.server.received, last(running).outcome) == ([], "queued")
    running.clock.wall += 1
    running.now(running.ticker.tidying())
    assert last(running).outcome == "dropped"


async def test_ticks(running):
    """Over running time in its window the report leaves at one tick, and none goes before its slot."""
    slot = running.store.reports.queue()[0].slot
    while running.clock.wall < END_OF_WINDOW + DAY_S:
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
    running.ticker.keep()
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
        running.clock.wall = at("12.8")
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
    running.now(running.ticker.tidying())
    assert last(running).outcome == "dropped"
    assert (running.record().outcome, running.record().reason) == (Outcome.ANSWERED, "dropped")
    running.clock.wall += 400 * DAY_S
    running.now(running.ticker.tidying())
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
    assert running.record().reason == "endpoint changed"


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


async def test_leaving_while_sending(running):
    """When the daemon leaves, a delivery that waits is broken off and the ticker ends with it."""
    running.server.may_answer.clear()
    sending = asyncio.ensure_future(send(running))
    await running.server.is_reached.wait()
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending
    assert last(running).outcome == "queued"
    assert last(running).tries == 1


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
    text = KATE_2026 + KATE_2026[KATE_2026.index("[[question]]") :].replace("startup-time", "startup-pace")
    running.install(text, date="2026-12-01")
    assert running.state((APP, "startup-pace")) == State.PENDING
    running.now(running.ticker.tidying())
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
        running.ticker.keep()
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
        running.ticker.keep()
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
                running.ticker.keep()
        await running.ticker.tick()
        running.ticker.keep()
    assert len([record for record in caplog.records if "another process has it locked" in record.message]) == 2
