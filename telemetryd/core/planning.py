"""What a question can find out and an answer give away, before it is asked: arithmetic with assumed numbers. Policy: A3, M2, M4."""

from __future__ import annotations

from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from math import ceil, fsum, log2, sqrt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Z = 1.9599639845400536
"""Standard errors on either side of an interval of 95 %: the normal distribution's 0.975 quantile, written out to save its import."""

Chances = tuple[Fraction, Fraction]
"""How answers arrive: the probabilities of the true cell, and of any one of the others."""


def share_error(share: float, reports: float, chances: Chances) -> float:
    """Standard error of an answer's share among all users: √(λ(1 - λ)/N) / (p - q), λ being how often that answer arrives."""
    truth, lie = chances
    gain = float(truth - lie)
    arriving = float(lie) + share * gain
    return sqrt(arriving * (1 - arriving) / reports) / gain


def hardest_share(chances: Chances) -> float:
    """The share that is estimated worst: the one whose answer arrives nearest to half of the time."""
    truth, lie = chances
    return min(1.0, float((Fraction(1, 2) - lie) / (truth - lie)))


def reports_needed(margin: float, chances: Chances, share: float | None = None) -> int:
    """Reports for an interval of ± `margin` around a share, or around whichever is estimated worst."""
    assumed = hardest_share(chances) if share is None else share
    return ceil((Z * share_error(assumed, 1, chances) / margin) ** 2)


def entropy_bits(shares: Sequence[float]) -> float:
    """The entropy of one source's shares; they may add up to something near 1 and are taken as parts of their sum."""
    whole = fsum(shares)
    parts = [share / whole for share in shares]
    return fsum(-part * log2(part) for part in parts if part)


def bits_with_none(bits: float) -> float:
    """The most entropy of an answer that is `none` or has so many bits, however frequent `none` is: log₂(1 + 2^bits)."""
    return log2(1 + 2**bits)


def sufficient_share(reports: int, users: int) -> float | None:
    """The least `share` of so many users that gives so many reports, rounded up to two digits; None if all of them are too few."""
    share = Context(prec=2, rounding=ROUND_CEILING).divide(Decimal(reports), Decimal(users))
    return float(share) if share <= 1 else None
