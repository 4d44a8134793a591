import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.limits import DAY_OF_USE_GAP_S, DAY_S, HOUR_S, MAX_TRIES, RUN_GAP_S, RUN_STEP_MAX_S
from telemetryd.core.schedule import (
    Choice,
    Delivery,
    Queued,
    Result,
    Ticks,
    Window,
    choose,
    day_of,
    delivery_of,
    first_hour,
    is_expired,
    is_over,
    next_try,
    retry_at,
    slot,
    window,
)

MONDAY = 1_763_942_400
"""2025-11-24 00:00 UTC."""
WEEK_S = 7 * DAY_S
WINDOW = Window(MONDAY, MONDAY + WEEK_S)
RETRIED = (Result.RETRY, Result.UNKNOWN)


def queued(number, moment, **fields):
    """A report whose slot is `moment` seconds into the window."""
    return Queued(number, WINDOW, WINDOW.start + moment, **fields)


def running(now, since):
    """The state at a tick, in seconds of the window."""
    return Ticks(seen=MONDAY + now, since=MONDAY + since, passed_s=0, moment_s=0)


def never(bound):
    """Chance where there is none to take."""
    raise AssertionError(bound)


@pytest.mark.parametrize(
    ("statuses", "result"),
    [
        ([200, 201, 204, 299], Result.ACCEPTED),
        ([410], Result.ANSWERED),
        ([451], Result.SUSPENDED),
        ([400, 401, 403, 404, 409, 413, 422, 499], Result.REJECTED),
        ([408, 425, 429, 500, 502, 503, 599], Result.RETRY),
        ([100, 101, 300, 301, 302, 303, 307, 308, 0, 99, 600, 999], Result.REJECTED),
    ],
)
def test_answer_codes(statuses, result):
    """Each status of a server means one thing."""
    assert {delivery_of(status, None, MONDAY) for status in statuses} == {Delivery(result, status) for status in statuses}


@pytest.mark.parametrize(
    ("header", "days"),
    [
        (None, None),
        ("", None),
        ("0", None),
        ("-5", None),
        ("+5", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("1", 1),
        (" 120 ", 1),
        ("86400", 1),
        ("86401", 2),
        (str(62 * DAY_S), 62),
        (str(62 * DAY_S + 1), None),
        ("99999999999999999999", None),
        ("Mon, 24 Nov 2025 00:00:01 GMT", 1),
        ("Wed, 26 Nov 2025 12:00:00 GMT", 3),
        ("Mon, 24 Nov 2025 00:00:00 GMT", None),
        ("Sun, 23 Nov 2025 00:00:00 GMT", None),
        ("Fri, 24 Nov 2028 00:00:00 GMT", None),
        ("Mon, 31 Feb 2026 00:00:00 GMT", None),
        ("Mon, 01 Dec 2025 25:00:00 GMT", None),
        ("Wed, 26 Nov 2025 12:00:00 CET", None),
        ("Wednesday, 26-Nov-25 12:00:00 GMT", None),
    ],
)
def test_retry_after(header, days):
    """Retry-After counts in both its forms, in whole days rounded up; what is past, absurd or unreadable counts as absent."""
    expected = None if days is None else days * DAY_S
    assert delivery_of(503, header, MONDAY) == Delivery(Result.RETRY, 503, expected)


def test_retry_after_elsewhere():
    """Retry-After means nothing with an answer that ends a report."""
    assert [delivery_of(status, "86400", MONDAY).retry_after_s for status in (200, 301, 404, 410, 451)] == [None] * 5


@pytest.mark.parametrize("result", Result)
def test_next_try(result):
    """A failed try is followed by another at least a day later, three at most; what is held is no try; all else is final."""
    moments = [next_try(tries, MONDAY, Delivery(result)) for tries in range(1, 5)]
    if result is Result.HELD:
        assert moments == [MONDAY + DAY_S] * 4
    else:
        assert moments == ([MONDAY + DAY_S, MONDAY + DAY_S, None, None] if result in RETRIED else [None] * 4)


def test_next_try_when_told():
    """Retry-After puts the next try off, never forward."""
    assert next_try(1, MONDAY, Delivery(Result.RETRY, 503, 5 * DAY_S)) == MONDAY + 5 * DAY_S
    assert next_try(1, MONDAY, Delivery(Result.RETRY, 503, DAY_S)) == MONDAY + DAY_S


@pytest.mark.parametrize(("days", "length"), [(1, 7), (7, 7), (28, 28), (31, 31)])
def test_windows(days, length):
    """A window begins at the close and is as long as the period, seven days at least."""
    assert window(MONDAY - days * DAY_S, MONDAY) == Window(MONDAY, MONDAY + length * DAY_S)


def test_slots_are_uniform():
    """Every second of the window, and no other, is a slot as likely as any: the draw's number is the slot."""
    assert slot(WINDOW, lambda bound: (bound == WEEK_S) - 1) == WINDOW.start
    assert slot(WINDOW, lambda bound: bound - 1) == WINDOW.end - 1


def test_expiry():
    """A report may leave until the end of the second window."""
    assert not is_expired(WINDOW, MONDAY + 2 * WEEK_S - 1)
    assert is_expired(WINDOW, MONDAY + 2 * WEEK_S)


def test_over():
    """A report is over when no try is left or its second window is; the last try has a day to say how it went."""
    last = queued(1, 0, tries=MAX_TRIES, not_before=retry_at(MONDAY + 5))
    assert not is_over(last, MONDAY + 10)
    assert is_over(last, MONDAY + 5 + DAY_S)
    assert is_over(queued(1, 0), MONDAY + 2 * WEEK_S)
    assert not is_over(queued(1, 0, tries=MAX_TRIES - 1, not_before=MONDAY), MONDAY + DAY_S)


def test_nothing_due():
    """A tick sends nothing before a slot, before a retry's moment, after the third try, and after the second window."""
    queue = [
        queued(1, 500),
        queued(2, 0, tries=1, not_before=MONDAY + 500),
        queued(3, 0, tries=MAX_TRIES),
        queued(4, 0)._replace(window=Window(MONDAY - 2 * WEEK_S, MONDAY - WEEK_S)),
    ]
    assert choose(queue, running(499, 0), -1, never) is None
    assert choose([], running(499, 0), -1, never) is None


def test_one_on_time():
    """Reports whose slot came in the running session leave one a tick, at random, before late ones and without using up the day."""
    queue = [queued(1, 50), queued(2, 200), queued(3, 300), queued(4, 900)]
    today = day_of(MONDAY)
    assert choose(queue, running(400, 100), today, lambda bound: bound - 1) == Choice(3, is_late=False)
    assert choose(queue, running(400, 100), today, lambda bound: bound - 2) == Choice(2, is_late=False)
    assert choose(queue, running(50, 50), today, lambda bound: bound - 1) == Choice(1, is_late=False)


def test_one_late_a_day():
    """Reports whose moment came before the running session leave one a day, at random."""
    queue = [queued(1, 10), queued(2, 20), queued(3, 0, tries=1, not_before=MONDAY + 30)]
    assert [choose(queue, running(400, 100), -1, lambda bound, at=at: at % bound) for at in range(3)] == [
        Choice(number, is_late=True) for number in (1, 2, 3)
    ]
    assert choose(queue, running(400, 100), day_of(MONDAY), never) is None
    assert choose(queue, running(DAY_S, 100), day_of(MONDAY), lambda _: 0) == Choice(1, is_late=True)


def test_clock_that_was_ahead():
    """A day recorded by a clock that was years ahead does not hold late reports back."""
    assert choose([queued(1, 10)], running(400, 100), day_of(MONDAY) + 5000, lambda _: 0) == Choice(1, is_late=True)


def test_moment_of_the_tick():
    """The tick comes in the first run that reaches the drawn moment, once an hour; each hour draws its own."""
    draws = iter([1000, 3599, 0])
    ticks, came = first_hour(0, lambda _: next(draws)), []
    for now in range(600, 3 * HOUR_S + 1, 600):
        ticks, is_due = ticks.advance(now, 600, lambda _: next(draws, 1800))
        came += [now] if is_due else []
    assert came == [1200, 7200, 7800]


@given(st.lists(st.integers(-100, 5000), max_size=200), st.randoms())
def test_one_tick_an_hour(steps, chance):
    """However the runs fall, each whole hour of running time has exactly one tick, and the running hour one at most."""
    ticks, now, came, passed = first_hour(0, chance.randrange), 0, 0, 0
    for step in steps:
        now += step
        ticks, is_due = ticks.advance(now, step, chance.randrange)
        came, passed = came + is_due, passed + min(max(step, 0), RUN_STEP_MAX_S)
        assert came == passed // HOUR_S + ticks.is_done
        assert ticks.passed_s == passed % HOUR_S
        assert 1 <= ticks.wait_s <= RUN_STEP_MAX_S


def test_start_by_a_timer_is_no_tick():
    """A process that a timer starts ticks at no moment of the timer's: one that passed unseen is drawn anew from the next hour."""
    asked = []
    ticks = Ticks(0, 0, passed_s=1000, moment_s=1100).resume(9000, 9000, lambda bound: asked.append(bound) or 599)
    assert (ticks, asked) == (Ticks(9000, 9000, 1600, 2199), [HOUR_S])
    assert ticks.tick_in_s == 599
    assert ticks.advance(9599, 599, never) == (Ticks(9599, 9000, 2199, 2199, is_done=True, today=1), True)


def test_hour_that_begins_before_a_timer_starts():
    """The moment of the running hour too is drawn anew if it has passed when the process starts: else the tick came a second after that."""
    draws = iter([100, 900])
    assert Ticks(0, 0, 3500, 50, is_done=True).resume(600, 600, lambda _: next(draws)) == Ticks(600, 0, 500, 1400)


def test_wait_for_a_tick():
    """A tick that comes before the timer's next run is waited for; others are not, nor is there a second one in an hour."""
    assert Ticks(0, 0, 100, 1300).resume(600, 600, never).tick_in_s == 600
    assert Ticks(0, 0, 100, 1301).resume(600, 600, never).tick_in_s is None
    assert Ticks(0, 0, 100, 50, is_done=True).resume(600, 600, never).tick_in_s is None
    assert Ticks(0, 0, 3500, 50, is_done=True).resume(600, 600, lambda _: 700).tick_in_s == 200


def test_tick_after_the_hour():
    """An hour is not over before its tick; hours that passed without one are not made up for."""
    ticks = Ticks(0, 0, HOUR_S - 1, HOUR_S - 1).resume(600, 600, lambda _: 300)
    assert ticks == Ticks(600, 0, HOUR_S + 599, HOUR_S + 899)
    ticks = ticks.resume(1200, 600, lambda _: 10)
    assert ticks == Ticks(1200, 0, HOUR_S + 1199, HOUR_S + 1209)
    assert ticks.advance(1210, 10, lambda _: 2000) == (Ticks(1210, 0, 1209, 2000, today=1), True)


def test_sessions():
    """A session goes on from run to run; a gap, or a clock set back, begins another."""
    ticks = first_hour(1000, lambda _: 0)
    sinces = []
    for now in (1000 + RUN_GAP_S, 1500 + RUN_GAP_S, 1501 + 2 * RUN_GAP_S, 900, 1000):
        ticks, _ = ticks.advance(now, 600, lambda _: 0)
        sinces.append(ticks.since)
    assert sinces == [1000, 1000, 1501 + 2 * RUN_GAP_S, 900, 900]


def test_wait():
    """A resident daemon need not look before the drawn moment, nor before the timer would."""
    assert Ticks(0, 0, 100, 350).wait_s == 250
    assert Ticks(0, 0, 100, 350, is_done=True).wait_s == 600
    assert Ticks(0, 0, 3500, 350, is_done=True).wait_s == 100


def test_clock_set_forward():
    """Slots that a clock's jump passes over are late."""
    ticks, _ = first_hour(MONDAY, lambda _: 0).advance(MONDAY + 4 * DAY_S, 60, lambda _: 0)
    assert choose([queued(1, DAY_S)], ticks, -1, lambda _: 0) == Choice(1, is_late=True)


def test_days_of_use():
    """A gap of more than four hours ends a day of use, a shorter one or a clock set back does not; days without a tick do not count."""
    ticks = Ticks(MONDAY, MONDAY, 0, 0, today=3, before=2, earlier=5)
    for gap_s, counts in ((DAY_OF_USE_GAP_S, (3, 2, 5)), (DAY_OF_USE_GAP_S + 1, (0, 3, 2)), (-DAY_S, (3, 2, 5)), (9 * DAY_S, (0, 3, 2))):
        after = ticks.resume(MONDAY + gap_s, 0, lambda _: 0)
        assert (after.today, after.before, after.earlier) == counts
    assert after.resume(MONDAY + 20 * DAY_S, 0, lambda _: 0)[5:] == (0, 3, 2)
    assert ticks._replace(today=23).advance(MONDAY, 0, lambda _: 0)[0][5:] == (24, 2, 5)
    assert ticks._replace(today=24).advance(MONDAY, 0, lambda _: 0)[0][5:] == (1, 24, 2)


@given(st.integers(0, 24), st.integers(0, 24), st.integers(1, 24))
def test_late_reports_are_spread_over_a_day_of_use(before, earlier, today):
    """A late report leaves at each tick of a day of use as likely as at each other, in a usual day for certain; exactly, by counting."""
    usual, waits, leaves = max(before, earlier, 1), Fraction(1), []
    for number in range(1, today + 1):
        ticks = running(400, 100)._replace(today=number, before=before, earlier=earlier)
        goes = [choose([queued(1, 0)], ticks, -1, lambda _, drawn=drawn: drawn) is not None for drawn in range(ticks.left)]
        leaves.append(waits * Fraction(sum(goes), len(goes)))
        waits -= leaves[-1]
    assert leaves == [Fraction(1, usual)] * min(usual, today) + [0] * (today - usual)


def life_of_two_reports(chance, days):
    """Two reports of one user who is there on the days (start, length): (second of the day's use, late, day) of those that left."""
    queue = [Queued(number, WINDOW, slot(WINDOW, chance.randrange)) for number in (1, 2)]
    ticks, last_late_day, sent = first_hour(MONDAY - DAY_S, chance.randrange), -1, []
    ticks = ticks._replace(passed_s=chance.randrange(HOUR_S))
    for start, length in days:
        now = start + 60
        while now < start + length:
            ticks = ticks.resume(now, now - ticks.seen, chance.randrange)
            wait = ticks.tick_in_s
            if wait and now + wait < start + length:
                now += wait
                ticks, is_due = ticks.advance(now, wait, chance.randrange)
                if is_due and (choice := choose(queue, ticks, last_late_day, chance.randrange)):
                    queue = [one for one in queue if one.id != choice.id]
                    sent.append((now - start, choice.is_late, day_of(now)))
                    last_late_day = day_of(now) if choice.is_late else last_late_day
            now += RUN_STEP_MAX_S
    return sent


def days_of(lengths, start):
    """The days until the second window ends, from the lengths of their use (-1: a day off); each begins at the given second."""
    return [(MONDAY + day * DAY_S + start, length) for day, length in enumerate(lengths, 15 - len(lengths)) if length >= 0]


def test_half_an_hour_a_day():
    """At half an hour of use a day 97 of 100 reports arrive, and no two of one user on one day but those whose slot found it running."""
    chance = random.Random(7)
    arrived, users = 0, 400
    for _user in range(users):
        days = [(start + chance.randrange(DAY_S - 1800), length) for start, length in days_of([1800] * 15, 0)]
        sent = life_of_two_reports(chance, days)
        arrived += len(sent)
        assert all(a != b for a, b in pairwise(day for _, is_late, day in sent if is_late))
    assert arrived >= 0.97 * 2 * users


IRREGULAR = {
    "weekends": [-1] * 5 + [8 * HOUR_S] * 2,
    "working days": [9 * HOUR_S] * 5 + [-1] * 2,
    "a long day, then half hours": [1800] * 6 + [16 * HOUR_S],
    "all lengths": [1800, 16 * HOUR_S, HOUR_S, 8 * HOUR_S, -1, 4 * HOUR_S, 2 * HOUR_S],
}


@pytest.mark.parametrize("week", IRREGULAR.values(), ids=IRREGULAR)
def test_irregular_days(week):
    """Days that are longer or shorter than the last ones cost no reports."""
    chance = random.Random(8)
    sent = [len(life_of_two_reports(chance, days_of(week * 3 + week[:1], 8 * HOUR_S))) for _ in range(100)]
    assert sum(sent) >= 0.97 * 200


def test_the_same_hours_each_day():
    """Whoever is there in the same hours each day sends late reports as likely in each of them: also if midnight (UTC) lies between."""
    chance = random.Random(9)
    for start in (8, 22):
        lives = [life_of_two_reports(chance, days_of([4 * HOUR_S] * 18, start * HOUR_S)) for _ in range(400)]
        hours = Counter(second // HOUR_S for sent in lives for second, is_late, _ in sent if is_late)
        assert all(hours[hour] == pytest.approx(hours.total() / 4, rel=0.25) for hour in range(4))
