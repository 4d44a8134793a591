import random
from collections import Counter

import pytest
from surveys import deviation, mean, samples

from telemetryd.analysis.channel import channel
from telemetryd.analysis.shares import Share
from telemetryd.analysis.users import Sampling, consenting, with_answer

USERS = 2000
PERIODS = 26


def reports_by_period(repeats):
    """Reports in each period, each user answering once in a period drawn uniformly."""
    chance = random.Random(8)
    for _ in range(repeats):
        counts = Counter(chance.choices(range(PERIODS), k=USERS))
        yield [counts[period] for period in range(PERIODS)]


def test_one_period_tells_how_many_consent():
    """Reports of one period times the periods to draw from is the number of users, without bias; 95 % of the intervals hold it."""
    found = [consenting(reports, Sampling(1 / PERIODS)) for row in reports_by_period(200) for reports in row]
    assert mean([one.value for one in found]) == pytest.approx(USERS, rel=0.001)
    assert 0.94 < mean([one.low <= USERS <= one.high for one in found]) < 0.96
    assert mean([one.standard_error for one in found]) == pytest.approx(deviation([one.value for one in found]), rel=0.03)


def test_several_periods_tell_it_better():
    """Six of 26 periods give the mean number; the interval is a little too wide, as it says, never too narrow."""
    found = [consenting(sum(row[:6]), Sampling(1 / PERIODS, 6)) for row in reports_by_period(500)]
    assert mean([one.value for one in found]) == pytest.approx(USERS, rel=0.01)
    assert mean([one.low <= USERS <= one.high for one in found]) > 0.94


def test_share_of_participants():
    """With `share` a quarter, four times as many users stand behind the same reports."""
    assert consenting(50, Sampling(0.25 / 10)).value == pytest.approx(4 * consenting(50, Sampling(1 / 10)).value)


def test_no_report():
    """No report means about nobody, at most as many as would hardly send none; never fewer than nobody."""
    found = consenting(0, Sampling(1 / 26))
    assert (found.value, found.low) == (0, 0)
    assert 26 < found.high < 110


def test_everyone_reports():
    """Where every user reports in the one period, the number is exact."""
    assert consenting(50, Sampling(1.0)) == (50, 0, 50, 50)


def test_users_with_a_sample():
    """How many of 2,000 consenting users had a sample is found through noise and draw, and the standard error is right."""
    shares, samples_ = [0.3, 0.2, 0.1, 0.4], Share(frozenset(range(3)), frozenset(range(4)), 4)
    chance, noise, found = random.Random(9), channel(4, 2.0), []
    for _ in range(500):
        users = sum(chance.random() < 0.25 for _ in range(USERS))
        (counts,) = samples(shares, 2.0, users=users, repeats=1, seed=chance.getrandbits(64))
        found.append(with_answer(counts, samples_, noise, Sampling(0.25)))
    assert mean([one.value for one in found]) == pytest.approx(1200, rel=0.02)
    assert mean([one.standard_error for one in found]) == pytest.approx(deviation([one.value for one in found]), rel=0.1)
    assert 0.93 <= mean([one.low <= 1200 <= one.high for one in found]) <= 0.97
    assert with_answer({}, samples_, noise, Sampling(0.25)) is None
