"""Randomised response: plausible deniability for each answer, in exact arithmetic. Policy: A1, A3.

With k cells and ε, a report has the true cell with p = e^ε / (e^ε + k - 1). It has each other cell with q = 1 / (e^ε + k - 1).
So a report multiplies anyone's odds about the truth by at most p / q = e^ε.

The rational ⌊1000·e^ε⌋ / 1000 stands for e^ε, rounded towards more privacy. All arithmetic is on integers, because a
floating-point sampler would leak in its last bits.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ONE = 1000
"""Weight of each other cell; the true cell weighs ⌊1000·e^ε⌋."""


def exp_thousandths(epsilon: float) -> int:
    """⌊1000·e^ε⌋ for an ε in tenths: the rational that stands for e^ε everywhere, rounded towards more privacy."""
    return int(1000 * Decimal(repr(epsilon)).exp())


def respond(cell: int, cells: int, epsilon: float, rng: Callable[[int], int]) -> int:
    """The reported cell for the true `cell` of `cells`; `rng(n)` gives a uniform integer in [0, n)."""
    weight = exp_thousandths(epsilon)
    number = rng(weight + (cells - 1) * _ONE)
    if number < weight:
        return cell
    other = (number - weight) // _ONE
    return other if other < cell else other + 1


def probabilities(cells: int, epsilon: float) -> tuple[Fraction, Fraction]:
    """(p, q): the exact probabilities of the true cell and of each other cell."""
    weight = exp_thousandths(epsilon)
    total = weight + (cells - 1) * _ONE
    return Fraction(weight, total), Fraction(_ONE, total)
