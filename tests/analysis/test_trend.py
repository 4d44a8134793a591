from math import sqrt

import pytest
from support.manifests.survey_answers import courses, deviation, mean

from telemetryd.analysis.channel import channel
from telemetryd.analysis.shares import Share, estimate
from telemetryd.analysis.trend import trend
from telemetryd.analysis.trend_planning import trend_error

PERIODS = 26
USERS = 5200
REPEATS = 600
FIRST = Share(frozenset({0}), frozenset(range(4)), 4)
FLAT = [[0.1, 0.5, 0.38, 0.02]] * PERIODS
GROWING = [[0.1 + 0.006 * period, 0.5 - 0.006 * period, 0.38, 0.02] for period in range(PERIODS)]


def fit_trends(table, share=FIRST, epsilon=2.0, repeats=REPEATS):
    """The trends of surveys whose users are spread by the uniform draw."""
    noise = channel(len(table[0]), epsilon)
    return [trend(counts, share, noise) for counts in courses(table, epsilon, users=USERS, repeats=repeats, seed=6)]


def rejection_rate(trends):
    """How often the interval leaves 0 out."""
    return mean([not line.slope.low <= 0 <= line.slope.high for line in trends])


def test_planted_trend_is_found():
    """A share that grows by 0.6 points a week is found by the uniform draw, without bias and with the standard error of the theory."""
    trends = fit_trends(GROWING, repeats=500)
    slopes = [line.slope.value for line in trends]
    theory = trend_error(0.175, USERS, channel(4, 2.0), PERIODS)
    assert mean(slopes) == pytest.approx(0.006, abs=3 * theory / sqrt(500))
    assert deviation(slopes) == pytest.approx(theory, rel=0.1)
    assert mean([line.slope.standard_error for line in trends]) == pytest.approx(theory, rel=0.03)
    assert 0.92 < mean([line.slope.low <= 0.006 <= line.slope.high for line in trends]) < 0.98
    assert rejection_rate(trends) > 0.99


def test_no_trend_is_found_where_there_is_none():
    """Where the share stays the same, a trend is seen in about 5 % of surveys; the test of the fit complains as rarely as it should."""
    trends = fit_trends(FLAT)
    assert abs(mean([line.slope.value for line in trends])) < 3 * trend_error(0.1, USERS, channel(4, 2.0), PERIODS) / sqrt(REPEATS)
    assert 0.03 < rejection_rate(trends) < 0.07
    assert 0.03 < mean([line.fit < 0.05 for line in trends]) < 0.07


def part_of(size, share):
    """Shares of four answers: the first two make up `size`, the first is `share` of these."""
    return [size * share, size * (1 - share), (1 - size) / 2, (1 - size) / 2]


def test_trend_of_a_part():
    """The share among a part of the users that grows itself has no trend where it has none, and the planted one where it has."""
    share = Share(frozenset({0}), frozenset({0, 1}), 4)
    steady = fit_trends([part_of(0.1 + 0.01 * period, 0.4) for period in range(PERIODS)], share, repeats=400)
    assert 0.03 < rejection_rate(steady) < 0.07
    growing = fit_trends([part_of(0.1 + 0.01 * period, 0.2 + 0.02 * period) for period in range(PERIODS)], share, repeats=300)
    slopes = [line.slope.value for line in growing]
    assert mean(slopes) == pytest.approx(0.02, abs=4 * deviation(slopes) / sqrt(300))
    assert mean([line.slope.standard_error for line in growing]) == pytest.approx(deviation(slopes), rel=0.1)


def test_a_share_that_jumps_is_no_line():
    """A share that jumps to and fro has no trend, and the fit says that a line does not describe it."""
    trends = fit_trends([[0.1 + 0.3 * (period % 2), 0.5 - 0.3 * (period % 2), 0.38, 0.02] for period in range(PERIODS)], repeats=20)
    assert all(line.fit < 0.001 for line in trends)


@pytest.mark.parametrize("epsilon", [None, 2.0])
def test_weighted_mean_of_periods(epsilon):
    """At its middle the line is close to the estimate from all periods together, with close to its standard error."""
    noise = channel(4, epsilon)
    counts = {7: {0: 30, 1: 170, 2: 90}, 8: {0: 60, 1: 340, 2: 190}, 11: {0: 17, 1: 83, 2: 40, 3: 2}}
    line = trend(counts, FIRST, noise)
    overall = estimate({cell: sum(cells.get(cell, 0) for cells in counts.values()) for cell in range(4)}, FIRST, noise)
    at_middle = line.at(line.middle)
    assert line.middle == pytest.approx((7 * 290 + 8 * 590 + 11 * 142) / 1022)
    assert at_middle.value == pytest.approx(overall.value, abs=overall.standard_error / 5)
    assert at_middle.standard_error == pytest.approx(overall.standard_error, rel=0.05)
    assert line.at(line.middle + 3).value - at_middle.value == pytest.approx(3 * line.slope.value)
    assert line.at(line.middle + 3).standard_error > at_middle.standard_error


def test_too_little_for_a_line():
    """One period gives no line, two give one without a test of its fit; a part that nobody is in gives none."""
    counts = {0: 30, 1: 70}
    assert trend({5: counts}, FIRST, channel(4, None)) is None
    assert trend({5: counts, 6: {}}, FIRST, channel(4, None)) is None
    two = trend({5: counts, 7: {0: 40, 1: 60}}, FIRST, channel(4, None))
    assert two.slope.value == pytest.approx(0.05)
    assert two.fit is None
    nobody = Share(frozenset({2}), frozenset({2, 3}), 4)
    assert trend({5: counts, 7: counts}, nobody, channel(4, None)) is None


def test_a_share_that_nobody_has():
    """Without noise and without a single such answer the line is flat at 0, with an error above 0."""
    line = trend({period: {1: 50} for period in range(5)}, FIRST, channel(4, None))
    assert line.slope.value == 0
    assert line.slope.standard_error > 0
