import random
from collections import Counter
from itertools import pairwise

import pytest

from telemetryd.core.limits import DAY_S, HOUR_S, RUN_STEP_MAX_S, SECOND_WINDOW_S, SPARING_STEP_S
from telemetryd.core.sending.schedule import Queued, Window, choose, day_of, slot
from telemetryd.core.sending.sparing import later_slot, may_wait
from telemetryd.core.sending.ticks import first_hour

MONDAY = 1_796_601_600
"""The 7th of December 2026."""
WINDOW = Window(MONDAY, MONDAY + 28 * DAY_S)


def test_the_rule_ends_with_the_window():
    """A report may wait until the last second of its window, and not after it: then it leaves over any line."""
    assert [may_wait(WINDOW, now) for now in (WINDOW.start, WINDOW.end - 1, WINDOW.end, WINDOW.expires)] == [True, True, False, False]


@pytest.mark.parametrize("left", [1, DAY_S, SPARING_STEP_S, SPARING_STEP_S + 1, 20 * DAY_S])
def test_another_slot(left):
    """The new slot is uniform in the next three days; in the last three of the window, in the first half of the second window."""
    now, rng = WINDOW.end - left, random.Random(left)
    slots = [later_slot(WINDOW, now, rng.randrange) for _ in range(400)]
    span = (now, now + SPARING_STEP_S) if left > SPARING_STEP_S else (WINDOW.end, WINDOW.end + SECOND_WINDOW_S // 2)
    assert all(span[0] <= moment < span[1] for moment in slots)
    assert sum(slots) / len(slots) == pytest.approx(sum(span) / 2, abs=(span[1] - span[0]) / 10)


def life(rng, days, *, is_metered, reports=2):
    """What leaves of one user's reports, who is there on the days (start, length), with a line that is metered or not: the moments."""
    queue = [Queued(number, WINDOW, slot(WINDOW, rng.randrange)) for number in range(reports)]
    ticks, last_late_day, sent = first_hour(MONDAY - DAY_S, rng.randrange), -1, []
    ticks = ticks._replace(passed_s=rng.randrange(HOUR_S))
    for start, length in days:
        now = start + 60
        while now < start + length and queue:
            ticks = ticks.resume(now, now - ticks.seen, rng.randrange)
            wait = ticks.tick_in_s
            if wait and now + wait < start + length:
                now += wait
                ticks, is_due = ticks.advance(now, wait, rng.randrange)
                choice = choose(queue, ticks, last_late_day, rng.randrange) if is_due else None
                if choice and is_metered(now) and may_wait(WINDOW, now):
                    moment = later_slot(WINDOW, now, rng.randrange)
                    queue = [report._replace(slot=moment) if report.id == choice.id else report for report in queue]
                elif choice:
                    queue = [report for report in queue if report.id != choice.id]
                    sent.append(now)
                    last_late_day = day_of(now) if choice.is_late else last_late_day
            now += RUN_STEP_MAX_S
    return sent


def weekly(hours, turn):
    """One day of use a week, of so many hours, until the second window is over."""
    return [(MONDAY + (7 * week + turn) * DAY_S + 9 * HOUR_S, round(hours * HOUR_S)) for week in range(-1, 12)]


@pytest.mark.parametrize(("hours", "part"), [(0.5, 0.98), (1, 0.99), (8, 0.99)])
def test_nothing_is_lost_on_a_line_that_is_always_metered(hours, part):
    """What arrives of two reports with one day of use a week over a metered line is what has to arrive over any line."""
    rng = random.Random(6)
    arrived = [len(life(rng, weekly(hours, turn), is_metered=lambda _: True)) for turn in range(7) for _ in range(60)]
    assert sum(arrived) >= part * 2 * len(arrived)


def test_a_line_that_is_always_metered_bunches_nothing():
    """With hours of use each day the reports of such machines leave all over the first half of the second window, not on one day."""
    rng = random.Random(4)
    days = [(MONDAY + day * DAY_S + 9 * HOUR_S, 4 * HOUR_S) for day in range(-1, 84)]
    lives = [life(rng, days, is_metered=lambda _: True) for _ in range(300)]
    weeks = Counter((moment - WINDOW.end) // (7 * DAY_S) for sent in lives for moment in sent)
    assert weeks.total() == 600
    assert all(weeks[week] == pytest.approx(150, rel=0.25) for week in range(4))
    close = sum(later - earlier < 6 * HOUR_S for sent in lives for earlier, later in pairwise(sent))
    assert close < 0.05 * len(lives)


def test_reports_that_waited_together():
    """Two reports that waited during weeks on a metered line do not leave together when it is free: seldom within six hours."""
    rng = random.Random(3)
    days = [(MONDAY + day * DAY_S + 9 * HOUR_S, 4 * HOUR_S) for day in range(-1, 84)]
    lives = [life(rng, days, is_metered=lambda now: now < MONDAY + 20 * DAY_S) for _ in range(300)]
    assert sum(map(len, lives)) == 600
    assert sum(later - earlier < 6 * HOUR_S for sent in lives for earlier, later in pairwise(sent)) < 0.1 * len(lives)


def test_a_free_line_now_and_then():
    """If the line is free on weekends, most reports leave then, and all leave."""
    rng = random.Random(5)
    days = [(MONDAY + day * DAY_S + 9 * HOUR_S, 4 * HOUR_S) for day in range(-1, 84)]

    def is_weekday(moment):
        return (moment - MONDAY) // DAY_S % 7 < 5

    sent = [moment for _ in range(200) for moment in life(rng, days, is_metered=is_weekday)]
    assert len(sent) == 400
    assert sum(not is_weekday(moment) for moment in sent) > 0.8 * len(sent)
