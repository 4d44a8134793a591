"""Randomised response as a channel: the two probabilities with which its effect on counts is undone."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

from telemetryd.core.privacy.noise import probabilities


class Channel(NamedTuple):
    """Exact probabilities. `truth`: an answer arrives as it was. `lie`: it arrives as one particular other answer."""

    truth: Fraction
    lie: Fraction

    @property
    def gain(self) -> Fraction:
        """The fraction of a difference between two shares that is left in the reports, 0 to 1."""
        return self.truth - self.lie


def channel(cells: int, epsilon: float | None) -> Channel:
    """The channel of a question with so many answers, `none` included. Without ε, every answer arrives as it was."""
    if epsilon is None:
        return Channel(Fraction(1), Fraction(0))
    return Channel(*probabilities(cells, epsilon))
