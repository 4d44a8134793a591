"""The draw: whether a user takes part in a question, and in which period. Policy: M4.

Two 64-bit numbers are drawn when a question is first accepted, and kept whatever is withdrawn, erased or accepted again. The period is
drawn over *all* periods of the question, not over the remaining ones: else those who come late would pile up at its end and bias the trend.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import Draw
from telemetryd.core.period import first_whole_period, whole_periods

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.core.definition import Question
    from telemetryd.core.period import Period

_BITS = 64


class Lot(NamedTuple):
    """A user's two numbers for a question, each uniform in [0, 2⁶⁴): one for taking part, one for the period."""

    part: int
    period: int


def draw_lot(draw: Callable[[int], int]) -> Lot:
    """Draw both numbers; `draw(n)` gives a uniform integer in [0, n)."""
    return Lot(draw(1 << _BITS), draw(1 << _BITS))


def takes_part(lot: Lot, share: float) -> bool:
    """Whether a user with this lot is among the `share` of consenting users who are asked."""
    return lot.part < int(Decimal(repr(share)) * (1 << _BITS))


def drawn_period(question: Question, lot: Lot, accepted: int) -> Period | None:
    """The period in which a user answers who accepted at `accepted` (Unix s); None: it had begun by then, or there is none left."""
    if question.draw is Draw.FIRST:
        return first_whole_period(question.period, question.starts, question.ends, accepted + 1)
    periods = whole_periods(question.period, question.starts, question.ends)
    period = periods[lot.period * len(periods) >> _BITS]
    return period if period.start > accepted else None
