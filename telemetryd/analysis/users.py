"""How many users consent, from how many reports arrive.

Each consenting user is drawn for one of the question's P periods, evenly, and with probability `share` takes part at all. Whoever consents
through a period therefore reports for it with probability π = share / P, whether or not there was anything to report. So R reports mean
R / π users. With `draw = "first"` each report is a user who accepted in the time before that period, and π = share.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.analysis.shares import Estimate, Z, moments

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.analysis.channel import Channel
    from telemetryd.analysis.shares import Share


class Sampling(NamedTuple):
    """How reports come about: a user reports in one period with probability `chance`; the reports counted are those of `periods` ones."""

    chance: float
    periods: int = 1

    @property
    def whole(self) -> float:
        """Reports for each user who consents throughout."""
        return self.chance * self.periods


def consenting(reports: float, sampling: Sampling) -> Estimate:
    """Users who consent through a period; for several periods the mean number.

    Reports of different periods are taken as independent, which makes the interval somewhat too wide. It inverts the score test of a
    binomial count, so it is never below 0, and holds for no report too.
    """
    spare = 1 - sampling.chance
    middle = reports + Z * Z * spare / 2
    reach = Z * sqrt(spare * (reports + Z * Z * spare / 4))
    error = sqrt(reports * spare)
    return Estimate(*(part / sampling.whole for part in (reports, error, middle - reach, middle + reach)))


def with_answer(counts: Mapping[int, int], share: Share, channel: Channel, sampling: Sampling) -> Estimate | None:
    """Those of the consenting users whose answer is in `share.of`, as a number: unbiased, and below 0 by chance where there are few."""
    if not sum(counts.values()):
        return None
    found = moments(counts, share, channel)
    gain = float(channel.gain)
    seen = found.of * gain + len(share.of) * float(channel.lie)
    square = found.of**2 + seen * (1 - seen) / gain**2
    value = found.reports * found.of / sampling.whole
    error = sqrt(max(0.0, found.reports * (square - sampling.chance * found.of**2))) / sampling.whole
    return Estimate(value, error, value - Z * error, value + Z * error)
