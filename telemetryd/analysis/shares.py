"""Counts become unbiased shares with confidence intervals.

A share is that of the users whose answer is in a set of cells (`of`), among all, or among those whose answer is in a larger set (`given`).
Of N reports the count of a set of s cells is binomial with λ = s·q + θ·(p - q), θ being the set's true share; so θ̂ = (C/N - s·q)/(p - q) is
unbiased. It is never clipped: below 0 it says that chance alone gave fewer such reports than the noise does on average, and cutting it off
would bias every mean of shares.

Intervals invert the score test: they hold every share r for which |x̂ - r·ŷ| is within z standard deviations *under r*, x̂ and ŷ being the
estimates of the two sets. Among all users that is Wilson's interval of C/N, carried over; without noise, Wilson's interval of the count
among the given ones; in general Fieller's, with the variance taken at r instead of at the estimate.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.analysis.channel import Channel

LEVEL = 0.95
"""Confidence of every interval."""
Z = NormalDist().inv_cdf((1 + LEVEL) / 2)
"""Standard errors on either side that an interval reaches."""


class Estimate(NamedTuple):
    """An estimate, its standard error, and its interval at `LEVEL`."""

    value: float
    standard_error: float
    low: float
    high: float


class Share(NamedTuple):
    """What is asked of the counts: the users with an answer in `of`, among those with one in `given`, a superset of it.

    `cells` is the number of all answers; `given` is all of them for a share among all users.
    """

    of: frozenset[int]
    given: frozenset[int]
    cells: int


class Moments(NamedTuple):
    """Of one sample of `reports`: unbiased estimates of the shares of both sets, and the observed share of `given`."""

    reports: int
    of: float
    given: float
    given_observed: float


class Spread(NamedTuple):
    """The variance of x - r·y for one report as a polynomial in the share r: `constant + linear·r + square·r²`."""

    constant: float
    linear: float
    square: float

    def at(self, share: float) -> float:
        """The variance, never below 0."""
        return max(0.0, self.constant + self.linear * share + self.square * share * share)


def moments(counts: Mapping[int, int], share: Share, channel: Channel) -> Moments:
    """The two sets' estimated shares from how many reports each cell got; at least one report."""
    reports = sum(counts.values())
    seen = [sum(counts.get(cell, 0) for cell in cells) / reports for cells in (share.of, share.given)]
    gain, lie = float(channel.gain), float(channel.lie)
    of, given = ((part - len(cells) * lie) / gain for part, cells in zip(seen, (share.of, share.given), strict=True))
    return Moments(reports, of, given, seen[1]) if len(share.given) < share.cells else Moments(reports, of, 1.0, 1.0)


def spread(found: Moments, share: Share, channel: Channel) -> Spread:
    """The variance of one report's x - r·y, were r the share, with `given` as common as it was found to be."""
    gain, floor = float(channel.gain), len(share.of) * float(channel.lie)
    slope, outside = found.given * gain, 1 - found.given_observed
    constant = floor * (1 - floor)
    linear = slope * (1 - 2 * floor) - 2 * floor * outside
    square = found.given_observed * outside - slope * slope - 2 * slope * outside
    return Spread(constant / gain**2, linear / gain**2, square / gain**2)


def estimate(counts: Mapping[int, int], share: Share, channel: Channel) -> Estimate | None:
    """The share with its interval; None where `given` is too rare to be told from nobody: then any share is possible."""
    if not sum(counts.values()):
        return None
    found = moments(counts, share, channel)
    variance = spread(found, share, channel)
    scale = Z * Z / found.reports
    square = found.given**2 - scale * variance.square
    if found.given <= 0 or square <= 0:
        return None
    middle = (2 * found.of * found.given + scale * variance.linear) / (2 * square)
    reach = sqrt(max(0.0, middle**2 - (found.of**2 - scale * variance.constant) / square))
    value = found.of / found.given
    error = sqrt(variance.at(value) / found.reports) / found.given
    return Estimate(value, error, middle - reach, middle + reach)
