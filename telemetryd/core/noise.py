"""Randomised response: an answer that its giver can always deny, and its exact arithmetic. Policy: A1, A3.

With k cells and ε, the true cell is told with p = e^ε / (e^ε + k - 1) and each other one with q = 1 / (e^ε + k - 1), so that no report can
multiply anyone's odds about the truth by more than p / q = e^ε. e^ε stands as the rational ⌊1000·e^ε⌋ / 1000, rounded towards more privacy,
and everything is integers: a floating-point sampler would leak in its last bits.
"""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ONE = 1000
"""Weight of each other cell, where the true one weighs ⌊1000·e^ε⌋."""


def exp_thousandths(epsilon: float) -> int:
    """⌊1000·e^ε⌋ for an ε in tenths: the rational that stands for e^ε everywhere, rounded towards more privacy."""
    return int(1000 * Decimal(repr(epsilon)).exp())


def respond(cell: int, cells: int, epsilon: float, draw: Callable[[int], int]) -> int:
    """The cell to report for the true one, of `cells` in all; `draw(n)` gives a uniform integer in [0, n)."""
    weight = exp_thousandths(epsilon)
    drawn = draw(weight + (cells - 1) * _ONE)
    if drawn < weight:
        return cell
    other = (drawn - weight) // _ONE
    return other if other < cell else other + 1


def probabilities(cells: int, epsilon: float) -> tuple[Fraction, Fraction]:
    """(p, q): the exact probabilities of telling the true cell, and any one of the others."""
    weight = exp_thousandths(epsilon)
    total = weight + (cells - 1) * _ONE
    return Fraction(weight, total), Fraction(_ONE, total)
