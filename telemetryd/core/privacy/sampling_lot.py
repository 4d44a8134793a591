"""Random assignment: whether a user takes part in a question, and in which period. Policy: M4.

Three 64-bit numbers are drawn at the first acceptance. They survive withdrawals, erasures and new acceptances. The period is drawn from
*all* periods of the question, not from the remaining ones. Otherwise late users would pile up at its end and bias the trend.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from telemetryd.core.answers.period import whole_periods
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.core.answers.period import Period
    from telemetryd.core.definition import Question

BITS = 64
"""Of each number of a lot."""


class Lot(NamedTuple):
    """A user's random numbers for a question, each uniform in [0, 2⁶⁴): for taking part, for the period, and its rank among those with one.

    Where not all answers have room in the budget, those of lower ranks get it first.
    """

    part: int
    period: int
    rank: int


def draw_lot(rng: Callable[[int], int]) -> Lot:
    """Draw the numbers; `rng(n)` gives a uniform integer in [0, n)."""
    return Lot(rng(1 << BITS), rng(1 << BITS), rng(1 << BITS))


def bar(share: float, endpoint_share: float) -> int:
    """The number that `Lot.part` must be below: the question's share of the endpoint's share."""
    return int(Decimal(repr(share)) * Decimal(repr(endpoint_share)) * (1 << BITS))


def takes_part(lot: Lot, share: float, endpoint_share: float) -> bool:
    """Whether the user belongs to the part of the consenting users who are asked."""
    return lot.part < bar(share, endpoint_share)


def drawn_period(question: Question, lot: Lot, accepted: int) -> Period | None:
    """The period of a user who accepted at `accepted` (Unix s); None if it had begun by then."""
    period = period_among(whole_periods(question.period, question.starts, question.ends), lot)
    return period if period.start > accepted else None


def period_among(periods: Sequence[Period], lot: Lot) -> Period:
    """The period that the lot draws from all of a question's, each with the same probability."""
    return periods[place_among(len(periods), lot.period)]


def place_among(count: int, drawn: int) -> int:
    """The place that a drawn number of BITS bits gives, each of `count` places with the same probability."""
    return drawn * count >> BITS
