"""How many users consent, from how many reports arrive.

A consenting user takes part with probability `share`, and is then drawn for one of the question's P periods, all equally likely. So a user
who consents through a period reports for it with probability π = share / P, with or without a sample. R reports mean R / π users.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.shares import Estimate, Z, moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.analysis.channel import Channel
    from telemetryd.analysis.shares import Share


class SampledUsers(NamedTuple):
    """A user reports in one period with this `probability`; the reports of so many `periods` are counted."""

    probability: float
    periods: int = 1

    @property
    def reports_per_user(self) -> float:
        """Reports for each user who consents throughout."""
        return self.probability * self.periods


def consenting_users(reports: float, sampling: SampledUsers) -> Estimate:
    """Users who consent through a period; for several periods the mean number.

    The interval treats reports of different periods as independent, which makes it slightly too wide. It inverts the score test of a
    binomial count, so it is never below 0 and is valid without any report.
    """
    spare = 1 - sampling.probability
    middle = reports + Z * Z * spare / 2
    reach = Z * sqrt(spare * (reports + Z * Z * spare / 4))
    error = sqrt(reports * spare)
    return Estimate(*(part / sampling.reports_per_user for part in (reports, error, middle - reach, middle + reach)))


def users_with_answer(counts: Mapping[int, int], share: Share, channel: Channel, sampling: SampledUsers) -> Estimate | None:
    """The number of consenting users whose answer is in `share.of`: unbiased, so a small number can come out below 0."""
    if not sum(counts.values()):
        return None
    sample = moments(counts, share, channel)
    gain = float(channel.gain)
    seen = sample.of * gain + len(share.of) * float(channel.lie)
    square = sample.of**2 + seen * (1 - seen) / gain**2
    value = sample.reports * sample.of / sampling.reports_per_user
    error = sqrt(max(0.0, sample.reports * (square - sampling.probability * sample.of**2))) / sampling.reports_per_user
    return Estimate(value, error, value - Z * error, value + Z * error)
