"""What randomised response does to an answer, as the two probabilities that undo it on average."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from telemetryd.core.noise import probabilities


class Channel(NamedTuple):
    """`truth`: probability that an answer arrives as it was; `lie`: that it arrives as any one given other answer. Exact."""

    truth: Fraction
    lie: Fraction

    @property
    def gain(self) -> Fraction:
        """How much of a difference between two shares is left in what arrives, 0 to 1."""
        return self.truth - self.lie


def channel(cells: int, epsilon: float | None) -> Channel:
    """The channel of a question of so many answers, `none` included; without ε every answer arrives as it was."""
    if epsilon is None:
        return Channel(Fraction(1), Fraction(0))
    return Channel(*probabilities(cells, epsilon))
