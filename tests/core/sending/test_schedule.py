import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetryd.core.limits import (
    COURIER_TIMEOUT_S,
    DAY_S,
    HOUR_S,
    IDLE_MARGIN_S,
    RUN_STEP_MAX_S,
    UPLOADER_EXIT_S,
)
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import (
    Choice,
    Delivery,
    Queued,
    Result,
    Window,
    choose,
    day_of,
    delivery_of,
    has_time,
    held_delivery,
    is_expired,
    next_slot,
    slot,
    unknown_delivery,
    window,
)
from telemetryd.core.sending.ticks import Ticks, first_hour

MONDAY = 1_763_942_400
"""2025-11-24 00:00 UTC."""
LENGTH_S = 28 * DAY_S
WINDOW = Window(MONDAY, MONDAY + LENGTH_S)
EXPIRES = MONDAY + 84 * DAY_S


def queued(number, moment, window=WINDOW):
    """A report whose slot is `moment` seconds after the beginning of WINDOW."""
    return Queued(number, window, WINDOW.start + moment)


def running(now, since):
    """The state at a tick, in seconds of the window."""
    return Ticks(seen=MONDAY + now, since=MONDAY + since, passed_s=0, moment_s=0)


def never(bound):
    """A random source that must not be used."""
    raise AssertionError(bound)


@pytest.mark.parametrize(
    ("statuses", "result"),
    [
        ([200, 201, 204, 299], Result.ACCEPTED),
        ([410], Result.ANSWERED),
        ([451], Result.SUSPENDED),
        ([400, 401, 403, 404, 408, 409, 413, 422, 425, 429, 499, 500, 502, 503, 599], Result.REJECTED),
        ([100, 101, 300, 301, 302, 303, 307, 308, 0, 99, 600, 999], Result.REJECTED),
    ],
)
def test_answer_codes(statuses, result):
    """Each status of a server has one meaning, and none of them is that the report may leave again."""
    assert {delivery_of(status) for status in statuses} == {Delivery(result, status) for status in statuses}


def test_no_answer_has_no_status():
    """A report that reached nobody, or whose server said nothing, has the status 0, as the history shows it."""
    assert held_delivery(Hindrance.DNS) == Delivery(Result.HELD, 0, "dns")
    assert unknown_delivery(Hindrance.TIMEOUT) == Delivery(Result.UNKNOWN, 0, "timeout")


@pytest.mark.parametrize(("days", "length"), [(1, 28), (7, 28), (28, 28), (31, 31)])
def test_windows(days, length):
    """A window begins seven days after the period's end and is as long as the period, 28 days at least; 56 days more are the second."""
    own = window(MONDAY - days * DAY_S, MONDAY)
    assert own == Window(MONDAY + 7 * DAY_S, MONDAY + (7 + length) * DAY_S)
    assert own.expires == own.end + 56 * DAY_S


def test_slots_are_uniform():
    """Each second of the window is a slot with equal probability, and no other second is."""
    assert slot(WINDOW, lambda bound: (bound == LENGTH_S) - 1) == WINDOW.start
    assert slot(WINDOW, lambda bound: bound - 1) == WINDOW.end - 1


@example(-1, random.Random(0))
@example(LENGTH_S - 1, random.Random(0))
@example(LENGTH_S, random.Random(0))
@example(84 * DAY_S - 1, random.Random(0))
@given(st.integers(-DAY_S, 84 * DAY_S - 1), st.randoms())
def test_next_slot(passed_s, rng):
    """A report that reached nobody gets a uniform slot in what is left of its window, else of the second, never one that has passed."""
    now, bounds = MONDAY + passed_s, []
    end = WINDOW.end if passed_s < LENGTH_S else EXPIRES
    assert next_slot(WINDOW, now, lambda bound: bounds.append(bound) or 0) == max(now, MONDAY)
    assert next_slot(WINDOW, now, lambda bound: bound - 1) == end - 1
    assert bounds == [end - max(now, MONDAY)]
    assert max(now, MONDAY) <= next_slot(WINDOW, now, rng.randrange) < end


def test_next_slot_of_an_expired_report():
    """After the second window there is no slot: the report is dropped by the next look."""
    assert next_slot(WINDOW, EXPIRES, never) == EXPIRES
    assert is_expired(WINDOW, EXPIRES)


def test_expiry():
    """A report may leave until the end of the second window, 56 days after the first."""
    assert not is_expired(WINDOW, EXPIRES - 1)
    assert is_expired(WINDOW, EXPIRES)


@pytest.mark.parametrize(
    ("idle_s", "rest_s", "is_enough"),
    [
        (0, -1, True),
        (300, IDLE_MARGIN_S, True),
        (300, IDLE_MARGIN_S - 1, False),
        (60, 30, True),
        (60, 29, False),
        (300, -5, False),
    ],
)
def test_a_delivery_ends_before_an_idle_exit(idle_s, rest_s, is_enough):
    """Nothing is begun that an idle exit could break off: its margin is longer than a delivery. Half of a short idle time is kept."""
    assert has_time(idle_s, rest_s) is is_enough
    assert IDLE_MARGIN_S > COURIER_TIMEOUT_S + UPLOADER_EXIT_S


def test_nothing_due():
    """A tick sends nothing before a slot, and nothing after the second window."""
    over = Window(MONDAY - 84 * DAY_S, MONDAY - 56 * DAY_S)
    assert choose([queued(1, 500), queued(2, 0, over)], running(499, 0), -1, never) is None
    assert choose([], running(499, 0), -1, never) is None


def test_one_on_time():
    """Reports of the current session leave one a tick, at random, before late ones, and do not use up the day."""
    queue = [queued(1, 50), queued(2, 200), queued(3, 300), queued(4, 900)]
    today = day_of(MONDAY)
    assert choose(queue, running(400, 100), today, lambda bound: bound - 1) == Choice(3, is_late=False)
    assert choose(queue, running(400, 100), today, lambda bound: bound - 2) == Choice(2, is_late=False)
    assert choose(queue, running(50, 50), today, lambda bound: bound - 1) == Choice(1, is_late=False)


def test_one_late_a_day():
    """Reports whose slot came before the running session leave one a day."""
    queue = [queued(1, 10), queued(2, 20), queued(3, 30)]
    assert [choose(queue, running(400, 100), -1, lambda bound, at=at: at % bound) for at in range(3)] == [
        Choice(number, is_late=True) for number in (1, 2, 3)
    ]
    assert choose(queue, running(400, 100), day_of(MONDAY), never) is None
    assert choose(queue, running(DAY_S, 100), day_of(MONDAY), lambda _: 0) == Choice(1, is_late=True)


def test_the_late_report_that_expires_soonest_leaves_first():
    """Of late reports those whose second window ends first leave first, by chance among them, whatever their slots and order."""
    earlier = Window(WINDOW.start - DAY_S, WINDOW.end - DAY_S)
    queue = [queued(1, 0), queued(2, 30, earlier), queued(3, 10), queued(4, 20, earlier)]
    assert {choose(queue, running(400, 100), -1, lambda bound, at=at: at % bound) for at in range(4)} == {
        Choice(2, is_late=True),
        Choice(4, is_late=True),
    }


def test_clock_that_was_ahead():
    """A day recorded by a clock that was years ahead does not hold late reports back."""
    assert choose([queued(1, 10)], running(400, 100), day_of(MONDAY) + 5000, lambda _: 0) == Choice(1, is_late=True)


def test_clock_set_forward():
    """Slots that a clock's jump passes over are late."""
    ticks, _ = first_hour(MONDAY, lambda _: 0).advance(MONDAY + 4 * DAY_S, 60, lambda _: 0)
    assert choose([queued(1, DAY_S)], ticks, -1, lambda _: 0) == Choice(1, is_late=True)


@given(st.integers(0, 24), st.integers(0, 24), st.integers(1, 24))
def test_late_reports_are_spread_over_a_day_of_use(before, earlier, today):
    """A late report leaves at each tick of a usual day of use with exactly equal probability."""
    usual, waits, leaves = max(before, earlier, 1), Fraction(1), []
    for number in range(1, today + 1):
        ticks = running(400, 100)._replace(today=number, before=before, earlier=earlier)
        goes = [choose([queued(1, 0)], ticks, -1, lambda _, number=number: number) is not None for number in range(ticks.left)]
        leaves.append(waits * Fraction(sum(goes), len(goes)))
        waits -= leaves[-1]
    assert leaves == [Fraction(1, usual)] * min(usual, today) + [0] * (today - usual)


def life_of_two_reports(rng, days):
    """Two reports of one user who is there on the days (start, length): (second of the day's use, late, day) of those that left."""
    queue = [Queued(number, WINDOW, slot(WINDOW, rng.randrange)) for number in (1, 2)]
    ticks, last_late_day, sent = first_hour(MONDAY - DAY_S, rng.randrange), -1, []
    ticks = ticks._replace(passed_s=rng.randrange(HOUR_S))
    for start, length in days:
        if not queue:
            break
        now = start + 60
        while now < start + length:
            ticks = ticks.resume(now, now - ticks.seen, rng.randrange)
            wait = ticks.tick_in_s
            if wait and now + wait < start + length:
                now += wait
                ticks, is_due = ticks.advance(now, wait, rng.randrange)
                if is_due and (choice := choose(queue, ticks, last_late_day, rng.randrange)):
                    queue = [report for report in queue if report.id != choice.id]
                    sent.append((now - start, choice.is_late, day_of(now)))
                    last_late_day = day_of(now) if choice.is_late else last_late_day
            now += RUN_STEP_MAX_S
    return sent


def days_of(lengths, start):
    """The days until the second window ends, from the lengths of their use (-1: a day off), which repeat; each begins at that second."""
    return [(MONDAY + day * DAY_S + start, lengths[day % len(lengths)]) for day in range(-1, 84) if lengths[day % len(lengths)] >= 0]


def test_half_an_hour_a_day():
    """At half an hour of use a day all reports arrive, and two of one user on one day only in their slots."""
    rng = random.Random(7)
    arrived, users = 0, 200
    for _user in range(users):
        days = [(start + rng.randrange(DAY_S - 1800), length) for start, length in days_of([1800], 0)]
        sent = life_of_two_reports(rng, days)
        arrived += len(sent)
        assert all(a != b for a, b in pairwise(day for _, is_late, day in sent if is_late))
    assert arrived >= 0.999 * 2 * users


@pytest.mark.parametrize(("hours", "part"), [(0.5, 0.98), (1, 0.99), (8, 0.99)])
def test_a_day_a_week(hours, part):
    """With one day of use a week, of an hour or more, 99 of 100 reports arrive, and 98 with half an hour."""
    rng = random.Random(6)
    week = [round(hours * HOUR_S), *[-1] * 6]
    arrived = [len(life_of_two_reports(rng, days_of(week[turn:] + week[:turn], 9 * HOUR_S))) for turn in range(7) for _ in range(60)]
    assert sum(arrived) >= part * 2 * len(arrived)


IRREGULAR = {
    "weekends": [-1] * 5 + [8 * HOUR_S] * 2,
    "working days": [9 * HOUR_S] * 5 + [-1] * 2,
    "a long day, then half hours": [1800] * 6 + [16 * HOUR_S],
    "all lengths": [1800, 16 * HOUR_S, HOUR_S, 8 * HOUR_S, -1, 4 * HOUR_S, 2 * HOUR_S],
}


@pytest.mark.parametrize("week", IRREGULAR.values(), ids=IRREGULAR)
def test_irregular_days(week):
    """Days that are longer or shorter than the last ones cost no reports."""
    rng = random.Random(8)
    sent = [len(life_of_two_reports(rng, days_of(week, 8 * HOUR_S))) for _ in range(100)]
    assert sum(sent) >= 0.99 * 200


def test_the_same_hours_each_day():
    """Users with the same hours each day send late reports in each hour with equal probability, even across midnight (UTC)."""
    rng = random.Random(9)
    for start in (8, 22):
        lives = [life_of_two_reports(rng, days_of([4 * HOUR_S], start * HOUR_S)) for _ in range(400)]
        hours = Counter(second // HOUR_S for sent in lives for second, is_late, _ in sent if is_late)
        assert all(hours[hour] == pytest.approx(hours.total() / 4, rel=0.25) for hour in range(4))
