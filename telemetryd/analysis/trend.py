"""A share over the periods as a straight line, by weighted least squares.

Each period's weight is one over the variance that theory gives it *on the line*, not at its own estimate: else low estimates would weigh
more and pull the line down. Among a part of the users the line is that of the ratio: Σ w·(x̂ - (a + b·t)·ŷ) = 0, which stays unbiased where
ŷ is uncertain; with ŷ = 1 it is ordinary weighted least squares.

The standard error counts the noise and who happened to be drawn. It knows nothing of shares that truly jump about the line: `fit` does.
"""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.shares import Estimate, Z, moments, spread

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.analysis.channel import Channel
    from telemetryd.analysis.shares import Moments, Share, Spread

_ROUNDS = 3
"""Times that the weights are taken anew from the line; the second already changes little."""


class Trend(NamedTuple):
    """The line: `slope` per period, `level` at the period `middle`, their covariance, and how well it fits.

    `fit` is the probability of points at least this scattered if the share truly moves on a line; None for two points. Below 0.01 the
    standard error is too small to be believed.
    """

    slope: Estimate
    middle: float
    level: float
    level_variance: float
    covariance: float
    fit: float | None

    def at(self, period: float) -> Estimate:
        """The line at a period's number, with its interval."""
        step = period - self.middle
        value = self.level + step * self.slope.value
        variance = self.level_variance + 2 * step * self.covariance + (step * self.slope.standard_error) ** 2
        return _normal(value, sqrt(max(0.0, variance)))


class _Line(NamedTuple):
    level: float
    slope: float
    level_variance: float = 0.0
    covariance: float = 0.0
    slope_variance: float = 0.0

    def at(self, step: float) -> float:
        return self.level + self.slope * step


class _Point(NamedTuple):
    step: float
    found: Moments
    weight: float


def trend(counts: Mapping[int, Mapping[int, int]], share: Share, channel: Channel) -> Trend | None:
    """The line through the periods, given as period number → cell → reports; None with fewer than two periods."""
    samples = [(period, moments(cells, share, channel)) for period, cells in sorted(counts.items()) if sum(cells.values())]
    if len(samples) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    everything = _pooled([found for _, found in samples])
    if everything.given <= 0:
        return None
    variance = spread(everything, share, channel)
    middle = sum(period * found.reports for period, found in samples) / everything.reports
    line = _Line(everything.of / everything.given, 0.0)
    points: list[_Point] = []
    for _ in range(_ROUNDS):
        points = [_Point(period - middle, found, _weight(line.at(period - middle), found.reports, variance)) for period, found in samples]
        solved = _solve(points)
        if solved is None:
            return None
        line = solved
    return Trend(
        _normal(line.slope, sqrt(line.slope_variance)), middle, line.level, line.level_variance, line.covariance, _fit(points, line)
    )


def _pooled(found: Sequence[Moments]) -> Moments:
    """All periods as one sample."""
    reports = sum(one.reports for one in found)
    of, given, observed = (sum(part * one.reports for part, one in zip(parts, found, strict=True)) / reports for parts in _columns(found))
    return found[0]._replace(reports=reports, of=of, given=given, given_observed=observed)


def _columns(found: Sequence[Moments]) -> tuple[list[float], list[float], list[float]]:
    return [one.of for one in found], [one.given for one in found], [one.given_observed for one in found]


def _weight(share: float, reports: int, variance: Spread) -> float:
    """One over the variance of a period of so many reports, its share kept off 0 and 1 by half a report: there it would be infinite."""
    edge = 1 / (2 * reports + 2)
    return reports / variance.at(min(max(share, edge), 1 - edge))


def _solve(points: Sequence[_Point]) -> _Line | None:
    """The line that the weighted points give; None where they decide nothing."""
    left = [sum(one.weight * one.found.given * one.step**power for one in points) for power in range(3)]
    plain = [sum(one.weight * one.step**power for one in points) for power in range(3)]
    right = [sum(one.weight * one.found.of * one.step**power for one in points) for power in range(2)]
    determinant = left[0] * left[2] - left[1] ** 2
    if determinant <= 0:
        return None
    a, b, c = left[2] / determinant, -left[1] / determinant, left[0] / determinant
    first = (a * plain[0] + b * plain[1], a * plain[1] + b * plain[2])
    last = (b * plain[0] + c * plain[1], b * plain[1] + c * plain[2])
    return _Line(
        level=a * right[0] + b * right[1],
        slope=b * right[0] + c * right[1],
        level_variance=first[0] * a + first[1] * b,
        covariance=first[0] * b + first[1] * c,
        slope_variance=last[0] * b + last[1] * c,
    )


def _fit(points: Sequence[_Point], line: _Line) -> float | None:
    """The chi-square test of the residuals, by Wilson and Hilferty's cube root."""
    freedom = len(points) - 2
    if not freedom:
        return None
    square = sum(one.weight * (one.found.of - line.at(one.step) * one.found.given) ** 2 for one in points)
    middle, deviation = 1 - 2 / (9 * freedom), sqrt(2 / (9 * freedom))
    return 1 - NormalDist(middle, deviation).cdf((square / freedom) ** (1 / 3))


def _normal(value: float, error: float) -> Estimate:
    return Estimate(value, error, value - Z * error, value + Z * error)
