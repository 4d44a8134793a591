from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.limits import DAY_OF_USE_GAP_S, DAY_S, HOUR_S, RUN_GAP_S, RUN_STEP_MAX_S
from telemetryd.core.sending.ticks import Ticks, first_hour

MONDAY = 1_763_942_400
"""2025-11-24 00:00 UTC."""


def never(bound):
    """A random source that must not be used."""
    raise AssertionError(bound)


def test_moment_of_the_tick():
    """The tick comes in the first run that reaches the drawn moment, once an hour; each hour has its own draw."""
    draws = iter([1000, 3599, 0])
    ticks, came = first_hour(0, lambda _: next(draws)), []
    for now in range(600, 3 * HOUR_S + 1, 600):
        ticks, is_due = ticks.advance(now, 600, lambda _: next(draws, 1800))
        came += [now] if is_due else []
    assert came == [1200, 7200, 7800]


@given(st.lists(st.integers(-100, 5000), max_size=200), st.randoms())
def test_one_tick_an_hour(steps, rng):
    """Whatever the runs, each whole hour of running time has exactly one tick, and the current hour at most one."""
    ticks, now, came, passed = first_hour(0, rng.randrange), 0, 0, 0
    for step in steps:
        now += step
        ticks, is_due = ticks.advance(now, step, rng.randrange)
        came, passed = came + is_due, passed + min(max(step, 0), RUN_STEP_MAX_S)
        assert came == passed // HOUR_S + ticks.is_done
        assert ticks.passed_s == passed % HOUR_S
        assert 1 <= ticks.wait_s <= RUN_STEP_MAX_S


def test_start_by_a_timer_is_no_tick():
    """A process that a timer starts does not tick at once: a moment that passed is drawn again from the next hour."""
    bounds = []
    ticks = Ticks(0, 0, passed_s=1000, moment_s=1100).resume(9000, 9000, lambda bound: bounds.append(bound) or 599)
    assert (ticks, bounds) == (Ticks(9000, 9000, 1600, 2199), [HOUR_S])
    assert ticks.tick_in_s == 599
    assert ticks.advance(9599, 599, never) == (Ticks(9599, 9000, 2199, 2199, is_done=True, today=1), True)


def test_hour_that_begins_before_a_timer_starts():
    """The moment of the current hour is drawn again if it has passed at the start. Otherwise the tick would come a second later."""
    draws = iter([100, 900])
    assert Ticks(0, 0, 3500, 50, is_done=True).resume(600, 600, lambda _: next(draws)) == Ticks(600, 0, 500, 1400)


def test_wait_for_a_tick():
    """The process waits for a tick before the timer's next run, but not for later ones, nor for a second one in an hour."""
    assert Ticks(0, 0, 100, 1300).resume(600, 600, never).tick_in_s == 600
    assert Ticks(0, 0, 100, 1301).resume(600, 600, never).tick_in_s is None
    assert Ticks(0, 0, 100, 50, is_done=True).resume(600, 600, never).tick_in_s is None
    assert Ticks(0, 0, 3500, 50, is_done=True).resume(600, 600, lambda _: 700).tick_in_s == 200


def test_tick_after_the_hour():
    """An hour is not over before its tick; hours without one are not made up for."""
    ticks = Ticks(0, 0, HOUR_S - 1, HOUR_S - 1).resume(600, 600, lambda _: 300)
    assert ticks == Ticks(600, 0, HOUR_S + 599, HOUR_S + 899)
    ticks = ticks.resume(1200, 600, lambda _: 10)
    assert ticks == Ticks(1200, 0, HOUR_S + 1199, HOUR_S + 1209)
    assert ticks.advance(1210, 10, lambda _: 2000) == (Ticks(1210, 0, 1209, 2000, today=1), True)


def test_tick_after_several_hours():
    """What has passed of the next hour is less than an hour, however late the tick came."""
    ticks = Ticks(0, 0, 3 * HOUR_S + 100, 50, is_done=True).resume(600, 600, lambda _: 900)
    assert (ticks.passed_s, ticks.is_done) == (700, False)


def test_sessions():
    """A session continues from run to run; a gap, or a clock that is set back, begins another."""
    ticks = first_hour(1000, lambda _: 0)
    sinces = []
    for now in (1000 + RUN_GAP_S, 1500 + RUN_GAP_S, 1501 + 2 * RUN_GAP_S, 900, 1000):
        ticks, _ = ticks.advance(now, 600, lambda _: 0)
        sinces.append(ticks.since)
    assert sinces == [1000, 1000, 1501 + 2 * RUN_GAP_S, 900, 900]


def test_wait():
    """A resident daemon need not run before the drawn moment or the timer's interval."""
    assert Ticks(0, 0, 100, 350).wait_s == 250
    assert Ticks(0, 0, 100, 350, is_done=True).wait_s == 600
    assert Ticks(0, 0, 3500, 350, is_done=True).wait_s == 100


def test_days_of_use():
    """Only a gap of more than four hours ends a day of use, not a clock that is set back. Days without a tick do not count."""
    ticks = Ticks(MONDAY, MONDAY, 0, 0, today=3, before=2, earlier=5)
    for gap_s, counts in ((DAY_OF_USE_GAP_S, (3, 2, 5)), (DAY_OF_USE_GAP_S + 1, (0, 3, 2)), (-DAY_S, (3, 2, 5)), (9 * DAY_S, (0, 3, 2))):
        after = ticks.resume(MONDAY + gap_s, 0, lambda _: 0)
        assert (after.today, after.before, after.earlier) == counts
    assert after.resume(MONDAY + 20 * DAY_S, 0, lambda _: 0)[5:] == (0, 3, 2)
    assert ticks._replace(today=23).advance(MONDAY, 0, lambda _: 0)[0][5:] == (24, 2, 5)
    assert ticks._replace(today=24).advance(MONDAY, 0, lambda _: 0)[0][5:] == (1, 24, 2)
