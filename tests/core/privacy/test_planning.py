import math
from decimal import Decimal
from fractions import Fraction
from itertools import product
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.privacy import planning
from telemetryd.core.privacy.noise import probabilities

CELLS = st.integers(2, 32)
EPSILONS = st.integers(1, 40).map(lambda tenths: tenths / 10)
SHARES = st.lists(st.floats(0, 1), min_size=2, max_size=12).filter(lambda shares: sum(shares) > 0.01)


def exact_need(share, cells, epsilon, margin):
    """z²·λ(1 - λ) / (gain·margin)² as a fraction, before it is rounded up."""
    truth, lie = probabilities(cells, epsilon)
    arriving = share * truth + (1 - share) * lie
    return Fraction(planning.Z) ** 2 * arriving * (1 - arriving) / ((truth - lie) * margin) ** 2


def test_quantile():
    """The constant is the normal distribution's quantile, to the last bit."""
    assert NormalDist().inv_cdf(0.975) == planning.Z


def test_known_figures():
    """K = 4, ε = 2: 6,349 reports for ± 2 points at the worst share, 3,374 at 10 %; without noise the textbook's 2,401."""
    noise = probabilities(4, 2.0)
    assert planning.reports_needed(0.02, noise) == 6349
    assert planning.reports_needed(0.02, noise, 0.1) == 3374
    assert planning.reports_needed(0.02, (Fraction(1), Fraction(0))) == 2401


@given(CELLS, EPSILONS, st.integers(0, 100))
def test_reports_needed(cells, epsilon, percent):
    """The number is that of exact arithmetic, and no share needs more than the one that is called the hardest."""
    noise = probabilities(cells, epsilon)
    exact = exact_need(Fraction(percent, 100), cells, epsilon, Fraction(2, 100))
    needed = planning.reports_needed(0.02, noise, percent / 100)
    assert exact * (1 - Fraction(1, 10**9)) <= needed <= exact * (1 + Fraction(1, 10**9)) + 1
    assert needed <= planning.reports_needed(0.02, noise)


@given(CELLS, EPSILONS)
def test_hardest_share(cells, epsilon):
    """The hardest of a hundred shares, tried one by one, is next to the one that is computed."""
    tried = max((Fraction(share, 100) for share in range(101)), key=lambda share: exact_need(share, cells, epsilon, 1))
    assert abs(planning.hardest_share(probabilities(cells, epsilon)) - tried) <= Fraction(1, 100)


@given(st.integers(1, 2000), EPSILONS)
def test_interval_is_kept(share, epsilon):
    """With the reports that are needed the interval fits into the margin, with one report fewer it does not."""
    noise = probabilities(4, epsilon)
    needed = planning.reports_needed(0.02, noise, share / 2000)
    assert planning.Z * planning.share_error(share / 2000, needed, noise) <= 0.02 * (1 + 1e-9)
    assert planning.Z * planning.share_error(share / 2000, needed - 1, noise) >= 0.02 * (1 - 1e-9)


@given(SHARES)
def test_entropy(shares):
    """Entropy is that of decimal arithmetic with forty digits, between 0 and the logarithm of the labels, whatever the shares' sum."""
    total = sum(map(Decimal, shares))
    parts = [Decimal(share) / total for share in shares if share]
    exact = -sum(part * part.ln() for part in parts) / Decimal(2).ln()
    assert planning.entropy_bits(shares) == pytest.approx(float(exact), abs=1e-9)
    assert -1e-12 <= planning.entropy_bits(shares) <= math.log2(len(shares)) + 1e-12


@pytest.mark.parametrize(("shares", "bits"), [((1.0, 0.0), 0), ((0.5, 0.5), 1), ((0.25,) * 4, 2), ((0.5, 0.25, 0.25), 1.5), ((99, 99), 1)])
def test_known_entropy(shares, bits):
    """Entropies that can be told without a computer; only the proportions count."""
    assert planning.entropy_bits(shares) == bits


@given(SHARES, SHARES, st.integers(0, 1000))
def test_bound_holds_however_frequent_none_is(first, second, none):
    """The joint distribution of two independent sources and any share of `none`, written out cell by cell, never has more entropy."""
    bound = planning.bits_with_none(planning.entropy_bits(first) + planning.entropy_bits(second))
    joint = [(1 - none / 1000) * a * b / (sum(first) * sum(second)) for a, b in product(first, second)]
    assert planning.entropy_bits([*joint, none / 1000]) <= bound + 1e-9


@given(SHARES)
def test_bound_is_reached(shares):
    """It is the entropy itself at the share of `none` that hides most, 1 / (1 + 2^H): no smaller number would be a bound."""
    bits = planning.entropy_bits(shares)
    none = 1 / (1 + 2**bits)
    joint = [*((1 - none) * share / sum(shares) for share in shares), none]
    assert planning.entropy_bits(joint) == pytest.approx(planning.bits_with_none(bits))


def test_bound_for_sources_that_go_together():
    """Sources that depend on each other have less joint entropy than their shares allow: two copies of one have only that of one."""
    assert planning.entropy_bits([0.5, 0, 0, 0.5]) < planning.entropy_bits([0.5, 0.5]) * 2


@given(st.integers(1, 10**6), st.integers(1, 2**53))
def test_sufficient_share(reports, users):
    """The share is enough, has two digits, and the next lower one of two digits is not enough; None only where everybody is too few."""
    share = planning.sufficient_share(reports, users)
    if share is None:
        assert users < reports
        return
    exact = Decimal(repr(share))
    assert 0 < exact <= 1
    assert exact * users >= reports
    is_power_of_ten = exact.normalize().as_tuple().digits == (1,)
    step = Decimal(1).scaleb(exact.adjusted() - (2 if is_power_of_ten else 1))
    assert (exact - step) * users < reports


@given(st.integers(1, 10**6), st.integers(1, 10**9), st.integers(0, 10**9))
def test_more_users_never_need_a_larger_share(reports, users, more):
    """A larger population is never asked for a larger part of itself."""
    few, many = planning.sufficient_share(reports, users), planning.sufficient_share(reports, users + more)
    assert many is None if few is None and users + more < reports else many is not None and many <= (few or 1)
