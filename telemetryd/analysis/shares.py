"""Unbiased shares with confidence intervals, from counts.

A share is the fraction of users whose answer is in a set of cells, `of`. It is among all users, or among those in a larger set, `given`.
Let θ be the true share of a set of s cells. Of N reports, the set's count C is binomial with λ = s·q + θ·(p - q). So
θ̂ = (C/N - s·q)/(p - q) is unbiased. It is never clipped: a value below 0 only means fewer such reports than the noise gives on average.
Clipping would bias every mean of shares.

Intervals invert the score test. They hold every share r for which |x̂ - r·ŷ| is within z standard deviations *under r*. Here x̂ and ŷ are
the estimates of the two sets. Among all users, this is Wilson's interval of C/N, transformed. Without noise, it is Wilson's interval of
the count within `given`. In general it is Fieller's, with the variance taken at r instead of at the estimate.
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
    """A share to estimate: the users with an answer in `of`, among those with an answer in its superset `given`.

    `cells` is the number of all answers; `given` is all of them for a share among all users.
    """

    of: frozenset[int]
    given: frozenset[int]
    cells: int


class Moments(NamedTuple):
    """From so many `reports`: unbiased estimates of the shares of both sets, and the observed share of `given`."""

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
    """The estimated shares of both sets, from the reports of each cell. There must be at least one report."""
    reports = sum(counts.values())
    seen = [sum(counts.get(cell, 0) for cell in cells) / reports for cells in (share.of, share.given)]
    gain, lie = float(channel.gain), float(channel.lie)
    of, given = ((part - len(cells) * lie) / gain for part, cells in zip(seen, (share.of, share.given), strict=True))
    return Moments(reports, of, given, seen[1]) if len(share.given) < share.cells else Moments(reports, of, 1.0, 1.0)


def spread(sample: Moments, share: Share, channel: Channel) -> Spread:
    """The variance of one report's x - r·y if r were the share, with `given` as frequent as in the sample."""
    gain, floor = float(channel.gain), len(share.of) * float(channel.lie)
    slope, outside = sample.given * gain, 1 - sample.given_observed
    constant = floor * (1 - floor)
    linear = slope * (1 - 2 * floor) - 2 * floor * outside
    square = sample.given_observed * outside - slope * slope - 2 * slope * outside
    return Spread(constant / gain**2, linear / gain**2, square / gain**2)


def estimate(counts: Mapping[int, int], share: Share, channel: Channel) -> Estimate | None:
    """The share with its interval; None if `given` is not significantly above 0, because then any share is possible."""
    if not sum(counts.values()):
        return None
    sample = moments(counts, share, channel)
    variance = spread(sample, share, channel)
    scale = Z * Z / sample.reports
    square = sample.given**2 - scale * variance.square
    if sample.given <= 0 or square <= 0:
        return None
    middle = (2 * sample.of * sample.given + scale * variance.linear) / (2 * square)
    reach = sqrt(max(0.0, middle**2 - (sample.of**2 - scale * variance.constant) / square))
    value = sample.of / sample.given
    error = sqrt(variance.at(value) / sample.reports) / sample.given
    return Estimate(value, error, middle - reach, middle + reach)
