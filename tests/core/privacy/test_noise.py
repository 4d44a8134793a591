"""Randomised response is exact: the probabilities are the declared ones, not nearly. Policy: A1, A3."""

import math
import random
from collections import Counter
from fractions import Fraction
from itertools import pairwise

import pytest
from support.campaign import IS_CAMPAIGN

from telemetryd.core.privacy.noise import exp_thousandths, probabilities, respond

EPSILONS = [step / 2 for step in range(1, 9)]


def outcomes(cell, cells, epsilon):
    """Reported cell → number of draws that lead to it, counted by the thresholds between them, each checked at both ends."""
    weight = exp_thousandths(epsilon)
    edges = [0, *range(weight, weight + cells * 1000, 1000)]
    counts = Counter()
    for low, high in pairwise(edges):
        (reported,) = {respond(cell, cells, epsilon, lambda _, number=number: number) for number in (low, high - 1)}
        counts[reported] += high - low
    return counts


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_probabilities_are_exact(epsilon):
    """For every k and ε the true cell is reported with exactly e^ε / (e^ε + k - 1), each other one with 1 / (e^ε + k - 1)."""
    rational = Fraction(math.floor(1000 * Fraction(math.exp(epsilon))), 1000)
    for cells in range(2, 33):
        true, other = rational / (rational + cells - 1), 1 / (rational + cells - 1)
        assert probabilities(cells, epsilon) == (true, other), cells
        for cell in (0, cells // 2, cells - 1):
            counts = outcomes(cell, cells, epsilon)
            shares = {reported: Fraction(count, counts.total()) for reported, count in counts.items()}
            assert shares == {reported: true if reported == cell else other for reported in range(cells)}, (cells, cell)


def test_the_draw_is_asked_for_its_whole_range_once():
    """One uniform draw below the sum of the weights decides; no other randomness is used."""
    bounds = []
    respond(1, 4, 2.0, lambda bound: bounds.append(bound) or 0)
    assert bounds == [7389 + 3000]


@pytest.mark.parametrize(("cells", "epsilon", "critical"), [(4, 2.0, 30.66), (2, 0.5, 23.93), (12, 2.0, 48.0)])
def test_chi_square(cells, epsilon, critical):
    """Draws of the kernel's generator fit the declared probabilities (p > 1e-6): 40,000, or 200,000 in a campaign."""
    rng = random.SystemRandom().randrange
    true, other = probabilities(cells, epsilon)
    count = 200_000 if IS_CAMPAIGN else 40_000
    counts = Counter(respond(1, cells, epsilon, rng) for _ in range(count))
    expected = [count * float(true if cell == 1 else other) for cell in range(cells)]
    assert sum((counts[cell] - expected[cell]) ** 2 / expected[cell] for cell in range(cells)) < critical


@pytest.fixture
def opendp():
    """Another implementation of the mechanism."""
    prelude = pytest.importorskip("opendp.prelude", reason="opendp is not installed: no other mechanism to compare with")
    prelude.enable_features("contrib")
    return prelude


@pytest.mark.parametrize("epsilon", EPSILONS)
def test_opendp_agrees(opendp, epsilon):
    """OpenDP gives the same mechanism the same ε, from above: the declared ε is what it costs, or a little less."""
    for cells in (2, 4, 12, 24, 32):
        true, _ = probabilities(cells, epsilon)
        mechanism = opendp.m.make_randomized_response(categories=list(range(cells)), prob=float(true))
        assert epsilon - 0.001 < mechanism.map(1) <= epsilon + 1e-9, cells
