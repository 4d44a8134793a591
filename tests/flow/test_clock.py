"""Whatever the wall clock does, nothing is answered twice, no period's closing is lost and no reports leave together. Policy: A2, M4."""

import re
import signal
from collections import Counter

import pytest
from support.machine import CONTROL, KATE_2026, CallError, until
from support.manifests.manifest_texts import within
from support.timeline import APPLICATION, DAY_S, HOUR_S, at, timer

WEEK = "2026-W42"
COLLECTING, CLOSED = at("2026-10-14 12:00"), at("2026-10-19 00:01")
YEAR_S = 365 * DAY_S
ZONES = {"Pacific/Kiritimati": "UTC+14", "Pacific/Pago_Pago": "UTC-11", "Europe/Berlin": "DST, which ends on 25 October"}
MANY = 4


def ask_many():
    """Kate's manifest with so many questions, each of a source of its own, by the month."""
    head, source, question = re.split(r"(?=\[\[)", within(KATE_2026.replace('"week"', '"month"'), "2026-10-01", "2026-10-31"))
    parts = [part.replace('"startup', f'"s{number}-startup') for number in range(MANY) for part in (source, question)]
    return head + "".join(sorted(parts))


async def accept_many(timeline):
    """Many questions accepted in September whose reports about October wait in November: (application, question) → slot."""
    timeline.machine.install(ask_many())
    timeline.set_clock(at("2026-09-20"))
    await timeline.start()
    await timeline.client.consent(APPLICATION)
    await timeline.move(at("2026-11-01 00:01"))
    await timeline.client.questions()
    assert len(timeline.rows("SELECT * FROM report WHERE outcome = 'queued'")) == MANY


async def report_once(timeline):
    """Let the report of the week leave in its time; it is the only one ever, and charged once."""
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=12 * HOUR_S)
    assert await timeline.question() == ("answered", "sent")
    (body,) = timeline.bodies()
    assert f'"period":"{WEEK}"'.encode() in body
    rows = [{key: variant.value for key, variant in row.items()} for row in (await timeline.client.call(CONTROL, "Ledger"))[0]]
    assert {(row["spent"], row["reserved"]) for row in rows} == {(2.0, 0.0)}


async def set_back(timeline, moment, *, is_restarted=True):
    """Set the clock back under the running daemon; the monotonic clock never goes back, so hours can pass only after a restart."""
    await timeline.restart(signal.SIGTERM, is_suspended=True)
    await timeline.move(moment)
    await timeline.client.questions()
    if is_restarted:
        await timeline.restart(signal.SIGKILL)


@pytest.mark.parametrize("is_restarted", [False, True], ids=["running", "restarted"])
async def test_a_year_back_while_collecting(timeline, is_restarted):
    """A year back in mid-period and later forth again: nothing of the past year is kept, and one report of the right week leaves."""
    await timeline.collect()
    (before,) = timeline.rows("SELECT period, cells FROM tally")
    await set_back(timeline, COLLECTING - YEAR_S, is_restarted=is_restarted)
    for _ in range(3):
        await timeline.push(5000)
        await timeline.run(2 * HOUR_S)
    assert (await timeline.question())[0] == "waiting"
    assert timeline.rows("SELECT period, cells FROM tally") == [before]
    await timeline.restart(signal.SIGKILL)
    await timeline.move(COLLECTING + DAY_S)
    await timeline.push(700)
    assert (await timeline.question())[0] == "active"
    await timeline.move(CLOSED)
    assert (await timeline.question())[0] == "reporting"
    await report_once(timeline)


async def test_a_year_back_while_reporting(timeline):
    """A year back while the report waits: it neither leaves early nor is made again, and leaves once the clock has come to its slot."""
    before = await timeline.queue()
    slot = timeline.slot()
    await set_back(timeline, CLOSED - YEAR_S)
    await timeline.run(3 * HOUR_S)
    assert (await timeline.client.history(), timeline.slot(), timeline.sent()) == ([before], slot, 0)
    await report_once(timeline)


async def test_a_year_back_after_the_answer(timeline):
    """A year back after the answer was sent: the question stays answered, can't be accepted again, and its week does not come again."""
    await timeline.queue()
    await report_once(timeline)
    await set_back(timeline, COLLECTING - YEAR_S)
    for moment in (COLLECTING - YEAR_S + HOUR_S, at("2026-10-07"), COLLECTING, CLOSED + DAY_S):
        await timeline.move(moment)
        with pytest.raises(CallError, match="InvalidArgs"):
            await timeline.client.accept(APPLICATION)
        await timeline.push(700)
        await timeline.run(2 * HOUR_S)
        assert await timeline.question() == ("answered", "sent")
    assert len(timeline.bodies()) == 1
    assert timeline.rows("SELECT * FROM tally") == timeline.rows("SELECT * FROM report WHERE outcome = 'queued'") == []


@pytest.mark.parametrize("state", ["waiting", "active", "reporting"])
async def test_a_year_forward(timeline, state):
    """A year forward ends a question like a year in which the machine was off: answered, nothing sent; back again it stays so."""
    if state == "waiting":
        await timeline.start()
        await timeline.accept()
    else:
        await (timeline.collect() if state == "active" else timeline.queue())
    before = timeline.now
    await timeline.move(int(before) + YEAR_S)
    await timeline.run(2 * HOUR_S)
    assert await timeline.question() == ("answered", "dropped")
    await set_back(timeline, int(before))
    await timeline.push(700)
    await timeline.run(2 * HOUR_S)
    await timeline.move(CLOSED)
    await timeline.run(2 * HOUR_S)
    assert await timeline.question() == ("answered", "dropped")
    assert timeline.rows("SELECT * FROM tally") == timeline.bodies() == []


async def test_over_the_end_of_the_period_and_back(timeline):
    """Set over the period's end, and right again: the period was closed then, never opens again, and is answered once."""
    await timeline.collect()
    await timeline.move(CLOSED + DAY_S)
    assert (await timeline.question())[0] == "reporting"
    slot = timeline.slot()
    assert CLOSED // DAY_S * DAY_S + 7 * DAY_S <= slot < CLOSED // DAY_S * DAY_S + 35 * DAY_S
    await set_back(timeline, COLLECTING - HOUR_S)
    for moment in (COLLECTING, COLLECTING + 2 * DAY_S):
        await timeline.move(moment)
        await timeline.push(5000)
        await timeline.run(HOUR_S)
        assert timeline.rows("SELECT * FROM tally") == []
        assert len(await timeline.client.history()) == 1
    assert (timeline.slot(), timeline.sent()) == (slot, 0)
    await report_once(timeline)


@pytest.mark.parametrize("is_accepted_only", [False, True], ids=["in its last period", "before it"])
async def test_over_the_questions_end(timeline, is_accepted_only):
    """A clock set from a question's last period, or from before it, to after its last day still closes it: one answer."""
    if is_accepted_only:
        await timeline.start()
        await timeline.accept()
    else:
        await timeline.collect()
    await timeline.move(at("2026-10-21"))
    assert (await timeline.question())[0] == "reporting"
    await report_once(timeline)


async def leave_one_a_day(timeline):
    """Hours of use on each of the next days: all reports leave, never two on one day."""
    days = Counter()
    while sum(days.values()) < MANY:
        assert len(days) < 3 * MANY
        await timeline.run(3 * HOUR_S)
        days[timeline.now // DAY_S] = len(timeline.bodies()) - sum(days.values())
        await timeline.move((int(timeline.now) // DAY_S + 1) * DAY_S + 8 * HOUR_S)
    assert max(days.values()) == 1


@pytest.mark.parametrize("how", ["suspended", "set forward", "off"])
async def test_a_month_passes_at_once(timeline, how):
    """Four reports whose moments all came in a month of sleep, of a clock set forward, or switched off: one leaves a day, no burst."""
    # The window of October's reports ends on 9 December: 31 days that begin a week after October.
    await accept_many(timeline)
    if how == "off":
        timeline.stop()
        timeline.set_clock(at("2026-12-09 08:00"))
        await timeline.start()
    elif how == "suspended":
        await timeline.restart(signal.SIGTERM, is_suspended=True)
        await timeline.move(at("2026-12-09 08:00"))
        await timeline.restart(signal.SIGKILL)
    else:
        await timeline.move(at("2026-12-09 08:00"))
    await leave_one_a_day(timeline)


async def test_forward_and_back_again_is_no_burst(timeline):
    """One late report left under a clock that was a day fast: set right it does not let another one leave on the same day."""
    await accept_many(timeline)
    await timeline.move(at("2026-12-09 08:00"))
    while not timeline.bodies():
        assert timeline.now < at("2026-12-09 20:00")
        await timeline.run(HOUR_S)
    await set_back(timeline, at("2026-12-01 13:00"))
    await timeline.run(3 * HOUR_S)
    assert len(timeline.bodies()) == 1
    while len(timeline.bodies()) == 1:
        assert timeline.now < at("2026-12-12")
        await timeline.move((int(timeline.now) // DAY_S + 1) * DAY_S + 8 * HOUR_S)
        await timeline.run(3 * HOUR_S)


@pytest.mark.parametrize("zone", ZONES)
async def test_time_zones(timeline, zone):
    """Periods begin and end at midnight in UTC whatever the time zone, one that changes during the period or the window included."""
    timeline.machine.prefix = ("env", f"TZ={zone}")
    await timeline.start()
    await timeline.accept()
    for moment, state in (
        ("2026-10-11 23:59:58", "waiting"),
        ("2026-10-12 00:00:01", "active"),
        ("2026-10-18 23:59:55", "active"),
        ("2026-10-19 00:00:01", "reporting"),
    ):
        await timeline.move(at(moment))
        await timeline.push(700)
        assert (await timeline.question())[0] == state, moment
    assert timeline.rows("SELECT period, opens, closes FROM report") == [(WEEK, at("2026-10-26"), at("2026-11-23"))]
    await report_once(timeline)


async def test_back_below_the_month_of_the_registration(timeline):
    """An application that registers while the clock stands years back is not taken for one that is gone when it is set right."""
    text = (timeline.machine.root / f"share/telemetryd/manifests/{APPLICATION}.toml").read_text()
    (timeline.machine.root / f"share/telemetryd/manifests/{APPLICATION}.toml").unlink()
    await timeline.start()
    await timeline.client.register(APPLICATION, text)
    await timeline.accept()
    await timeline.move(COLLECTING)
    await timeline.push(700)
    await set_back(timeline, at("1970-01-01 00:05"))
    await timeline.client.register(APPLICATION, text)
    assert timeline.rows("SELECT month FROM text") == [("2026-10",)]
    await timeline.move(COLLECTING + HOUR_S)
    for _ in range(3):
        await timeline.run(HOUR_S)
        assert (await timeline.question())[0] == "active"
    await timeline.move(CLOSED)
    assert (await timeline.question())[0] == "reporting"
    await report_once(timeline)


MANIFEST = f"share/telemetryd/manifests/{APPLICATION}.toml"
ABSENCES = {"unreadable/configuration": "etc/telemetryd/telemetryd.toml", "unreadable/manifest": MANIFEST, "gone/removed": MANIFEST}


def spoil(timeline, cause):
    """A file goes, or cannot be read any more; gives what puts it right again."""
    path = timeline.machine.root / ABSENCES[cause]
    text = path.read_text()
    if cause == "gone/removed":
        path.unlink()
    else:
        path.write_text("= broken")
    return lambda: path.write_text(text)


async def look(timeline):
    """A look at the files by a user's program; the rows of tallies after it."""
    await timeline.client.questions()
    return len(timeline.rows("SELECT * FROM tally"))


@pytest.mark.parametrize("cause", ABSENCES)
async def test_a_clock_that_is_set_forth_loses_nothing(timeline, cause):
    """Two days in a second, by NTP or a hand, are no two days: what an unreadable or missing file pauses is there when it is mended."""
    await timeline.collect()
    await timeline.restart(signal.SIGTERM, is_suspended=True)
    mend = spoil(timeline, cause)
    assert await look(timeline) == 1
    for _ in range(2):
        await timeline.move(int(timeline.now) + 2 * DAY_S)
        assert await look(timeline) == 1
        await timeline.restart(signal.SIGKILL, is_suspended=True)
        assert await look(timeline) == 1
    mend()
    assert (await timeline.question())[0] == "active"
    await timeline.move(CLOSED)
    assert (await timeline.question())[0] == "reporting"


@pytest.mark.parametrize("cause", ABSENCES)
async def test_daemons_that_live_for_minutes_count_together(timeline, cause):
    """On a machine that runs on, what is missing for long enough is final at the next look of whatever daemon there is, with its cause."""
    await timeline.collect()
    spoil(timeline, cause)
    assert await look(timeline) == 1
    steps = [240, 240, 240] if cause == "gone/removed" else [DAY_S - 1800, 1200, 660]
    for number, step_s in enumerate(steps):
        await timeline.restart(signal.SIGTERM if number else signal.SIGKILL)
        assert await look(timeline) == 1
        await timeline.move(int(timeline.now) + step_s)
    await timeline.restart(signal.SIGTERM)
    assert await look(timeline) == 0
    timeline.machine.install(KATE_2026)
    timeline.name_endpoint(timeline.receiver.url())
    assert await timeline.question() == ("passed", cause.partition("/")[0])


async def test_the_timer_closes_what_the_clock_ran_over(timeline):
    """Without a daemon `--tick` does the same: a period that is over is closed once, whatever the clock did, and nothing leaves early."""
    await timeline.collect()
    timeline.stop()
    for moment in (COLLECTING - YEAR_S, COLLECTING + HOUR_S, CLOSED, COLLECTING, CLOSED - YEAR_S, CLOSED + HOUR_S):
        timeline.set_clock(moment)
        run_timer(timeline)
    assert timeline.rows("SELECT outcome, started, period FROM report") == [("queued", 0, WEEK)]
    timeline.set_clock(timeline.slot() + HOUR_S)
    await timeline.start()
    await timeline.run_until_sent(within_s=12 * HOUR_S)
    assert len(timeline.bodies()) == 1


def run_timer(timeline):
    """One run of the timer that finds no tick to wait for in the next ten minutes, and does not stay if it does."""
    with timer(timeline) as process:
        seen = int(timeline.now)
        until(lambda: process.poll() is not None or timeline.rows(f"SELECT 1 FROM tick WHERE abs(seen - {seen}) < 60"))
    assert process.returncode in {0, -9}
