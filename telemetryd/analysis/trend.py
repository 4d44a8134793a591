"""A share over the periods as a straight line, by weighted least squares.

A period's weight is the inverse of its theoretical variance *on the line*, not at its own estimate. Otherwise low estimates would weigh
more and pull the line down. Among a part of the users, the line is that of the ratio: Σ w·(x̂ - (a + b·t)·ŷ) = 0. This stays unbiased if
ŷ is uncertain; with ŷ = 1 it is ordinary weighted least squares.

The standard error covers the noise and the random sample of users. It does not cover true shares that scatter about the line: `fit` does.
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
"""How often the weights are recomputed from the line; the second round already changes little."""


class Trend(NamedTuple):
    """The line: `slope` per period, `level` at the period `middle`, their covariance, and the goodness of fit.

    `fit` is the probability of points at least as scattered if the true share moves on a line; None for two points. Below 0.01 the
    standard error is too small to be trusted.
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
        return _normal_estimate(value, sqrt(max(0.0, variance)))


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
    sample: Moments
    weight: float


def trend(counts: Mapping[int, Mapping[int, int]], share: Share, channel: Channel) -> Trend | None:
    """The line through the periods; None with fewer than two. `counts` is period number → cell → reports."""
    samples = [(period, moments(cells, share, channel)) for period, cells in sorted(counts.items()) if sum(cells.values())]
    if len(samples) < 2:  # noqa: PLR2004 - a line needs two points
        return None
    everything = _pool([sample for _, sample in samples])
    if everything.given <= 0:
        return None
    variance = spread(everything, share, channel)
    middle = sum(period * sample.reports for period, sample in samples) / everything.reports
    line = _Line(everything.of / everything.given, 0.0)
    points: list[_Point] = []
    for _ in range(_ROUNDS):
        points = [
            _Point(period - middle, sample, _weight(line.at(period - middle), sample.reports, variance)) for period, sample in samples
        ]
        solved = _solve(points)
        if solved is None:
            return None
        line = solved
    return Trend(
        _normal_estimate(line.slope, sqrt(line.slope_variance)),
        middle,
        line.level,
        line.level_variance,
        line.covariance,
        _fit(points, line),
    )


def _pool(samples: Sequence[Moments]) -> Moments:
    """All periods as one sample."""
    reports = sum(sample.reports for sample in samples)
    of, given, observed = (
        sum(part * sample.reports for part, sample in zip(parts, samples, strict=True)) / reports for parts in _shares_by_set(samples)
    )
    return samples[0]._replace(reports=reports, of=of, given=given, given_observed=observed)


def _shares_by_set(samples: Sequence[Moments]) -> tuple[list[float], list[float], list[float]]:
    return [sample.of for sample in samples], [sample.given for sample in samples], [sample.given_observed for sample in samples]


def _weight(share: float, reports: int, variance: Spread) -> float:
    """The inverse variance of a period with so many reports."""
    # At a share of 0 or 1 the variance can be 0 and the weight infinite, so the share stays half a report away from both.
    edge = 1 / (2 * reports + 2)
    return reports / variance.at(min(max(share, edge), 1 - edge))


def _solve(points: Sequence[_Point]) -> _Line | None:
    """The weighted least-squares line; None if the points do not determine one."""
    left = [sum(point.weight * point.sample.given * point.step**power for point in points) for power in range(3)]
    plain = [sum(point.weight * point.step**power for point in points) for power in range(3)]
    right = [sum(point.weight * point.sample.of * point.step**power for point in points) for power in range(2)]
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
    square = sum(point.weight * (point.sample.of - line.at(point.step) * point.sample.given) ** 2 for point in points)
    middle, deviation = 1 - 2 / (9 * freedom), sqrt(2 / (9 * freedom))
    return 1 - NormalDist(middle, deviation).cdf((square / freedom) ** (1 / 3))


def _normal_estimate(value: float, error: float) -> Estimate:
    return Estimate(value, error, value - Z * error, value + Z * error)
