import random
from collections import Counter

import pytest
from support.manifests.survey_answers import deviation, mean, samples

from telemetryd.analysis.channel import channel
from telemetryd.analysis.shares import Share
from telemetryd.analysis.users import SampledUsers, consenting_users, users_with_answer

USERS = 2000
PERIODS = 26


def reports_by_period(repeats):
    """Reports in each period, each user answering once in a period drawn uniformly."""
    rng = random.Random(8)
    for _ in range(repeats):
        counts = Counter(rng.choices(range(PERIODS), k=USERS))
        yield [counts[period] for period in range(PERIODS)]


def test_one_period_tells_how_many_consent():
    """Reports of one period times the periods to draw from is the number of users, without bias; 95 % of the intervals hold it."""
    estimates = [consenting_users(reports, SampledUsers(1 / PERIODS)) for row in reports_by_period(200) for reports in row]
    assert mean([estimate.value for estimate in estimates]) == pytest.approx(USERS, rel=0.001)
    assert 0.94 < mean([estimate.low <= USERS <= estimate.high for estimate in estimates]) < 0.96
    errors = [estimate.standard_error for estimate in estimates]
    assert mean(errors) == pytest.approx(deviation([estimate.value for estimate in estimates]), rel=0.03)


def test_several_periods_tell_it_better():
    """Six of 26 periods give the mean number; the interval is a little too wide, as it says, never too narrow."""
    estimates = [consenting_users(sum(row[:6]), SampledUsers(1 / PERIODS, 6)) for row in reports_by_period(500)]
    assert mean([estimate.value for estimate in estimates]) == pytest.approx(USERS, rel=0.01)
    assert mean([estimate.low <= USERS <= estimate.high for estimate in estimates]) > 0.94


def test_share_of_participants():
    """With `share` a quarter, four times as many users stand behind the same reports."""
    assert consenting_users(50, SampledUsers(0.25 / 10)).value == pytest.approx(4 * consenting_users(50, SampledUsers(1 / 10)).value)


def test_no_report():
    """No report means about nobody, at most as many as would hardly send none; never fewer than nobody."""
    estimate = consenting_users(0, SampledUsers(1 / 26))
    assert (estimate.value, estimate.low) == (0, 0)
    assert 26 < estimate.high < 110


def test_everyone_reports():
    """Where every user reports in the one period, the number is exact."""
    assert consenting_users(50, SampledUsers(1.0)) == (50, 0, 50, 50)


def test_users_with_a_sample():
    """How many of 2,000 consenting users had a sample is found through noise and draw, and the standard error is right."""
    shares, samples_ = [0.3, 0.2, 0.1, 0.4], Share(frozenset(range(3)), frozenset(range(4)), 4)
    rng, noise, estimates = random.Random(9), channel(4, 2.0), []
    for _ in range(500):
        users = sum(rng.random() < 0.25 for _ in range(USERS))
        (counts,) = samples(shares, 2.0, users=users, repeats=1, seed=rng.getrandbits(64))
        estimates.append(users_with_answer(counts, samples_, noise, SampledUsers(0.25)))
    assert mean([estimate.value for estimate in estimates]) == pytest.approx(1200, rel=0.02)
    errors = [estimate.standard_error for estimate in estimates]
    assert mean(errors) == pytest.approx(deviation([estimate.value for estimate in estimates]), rel=0.1)
    assert 0.93 <= mean([estimate.low <= 1200 <= estimate.high for estimate in estimates]) <= 0.97
    assert users_with_answer({}, samples_, noise, SampledUsers(0.25)) is None
