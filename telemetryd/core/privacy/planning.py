"""The precision of a question and the entropy of its answers, computed from assumed shares. Policy: A3, M2, M4."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import ceil, fsum, log2, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Z = 1.9599639845400536
"""Half the width of a 95 % interval in standard errors: the 0.975 quantile of the normal distribution. A literal saves an import."""

ResponseProbabilities = tuple[Fraction, Fraction]
"""(p, q) of randomised response: the probabilities of the true cell and of each other cell."""


def share_error(share: float, reports: float, response: ResponseProbabilities) -> float:
    """Standard error of an answer's estimated share: √(λ(1 - λ)/N) / (p - q), where λ is the share of the reports with it."""
    truth, lie = response
    gain = float(truth - lie)
    arriving = float(lie) + share * gain
    return sqrt(arriving * (1 - arriving) / reports) / gain


def hardest_share(response: ResponseProbabilities) -> float:
    """The share with the largest standard error: that whose answer is in nearest to half of the reports."""
    truth, lie = response
    return min(1.0, float((Fraction(1, 2) - lie) / (truth - lie)))


def reports_needed(margin: float, response: ResponseProbabilities, share: float | None = None) -> int:
    """Reports needed for a 95 % interval of ± `margin` around a share; without one, around the hardest share."""
    assumed = hardest_share(response) if share is None else share
    return ceil((Z * share_error(assumed, 1, response) / margin) ** 2)


def forged_points(reports: int, response: ResponseProbabilities) -> float:
    """Percentage points by which one forged report moves the estimated share of so many: 100 / (N·(p - q))."""
    truth, lie = response
    return 100 / (reports * float(truth - lie))


def entropy_bits(shares: Sequence[float]) -> float:
    """The entropy in bits of one source's shares, which are scaled to the sum 1."""
    total = fsum(shares)
    parts = [share / total for share in shares]
    return fsum(-part * log2(part) for part in parts if part)


def bits_with_none(bits: float) -> float:
    """The largest entropy of an answer of so many bits that may also be `none`, over all shares of `none`: log₂(1 + 2^bits)."""
    return log2(1 + 2**bits)


def sufficient_share(reports: int, users: int) -> float | None:
    """The least `share` of the users that gives so many reports, rounded up to two digits; None if all users are too few."""
    share = Context(prec=2, rounding=ROUND_CEILING).divide(Decimal(reports), Decimal(users))
    return float(share) if share <= 1 else None
