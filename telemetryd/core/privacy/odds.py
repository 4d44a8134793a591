"""What answers can reveal at most, in words: the factor of the odds, and what a line of the ledger means. Policy: A1, T1.

An answer under ε multiplies the odds of any guess by at most e^ε. All texts about this are made here, so that all say the same number.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from telemetryd.core.privacy.noise import exp_thousandths
from telemetryd.core.translation import ENGLISH, decimal, joined, mark
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from telemetryd.core.translation import Words

_TWO_DIGITS = 10_000
"""The least factor, in thousandths, that is rounded to two digits without a fraction."""

_PROMISED = mark("Nothing of this was told yet, it is only promised.")
_ONE = mark(
    "Your answer can change anyone's odds about you by a factor of {factor} at most. "
    "Someone who gave it even odds before could become up to {percent} % sure."
)
_EACH = mark(
    "Each answer can change anyone's odds about you by a factor of {factor} at most. "
    "Someone who gave it even odds before could become up to {percent} % sure."
)
_TOGETHER = mark(
    "Reports carry nothing that ties them together. Someone who records network addresses could still tie yours. "
    "Then the factors multiply, to {factor} at most."
)
_USE = mark(
    "Each report names {application}, and its answer tells whether you used it in that period. "
    "Whoever ties your reports together learns whether you use it at all, by a factor of {factor} at most. "
    "This has no limit of its own, only those of the server."
)


class Revealed(NamedTuple):
    """What a line of the ledger stands for: sums of ε, the largest ε of one answer, the number of answers, the application or ""."""

    spent: float
    reserved: float
    largest: float
    answers: int
    application: str = ""


def sentences(revealed: Revealed, words: Words = ENGLISH) -> str:
    """The meaning of a line of the ledger; "" if it stands for no answer."""
    if not revealed.answers:
        return ""
    _ = words.gettext
    promised = [] if revealed.spent else [_(_PROMISED)]
    total = factor(round(revealed.spent + revealed.reserved, 1), words)
    if revealed.application:
        return joined([*promised, _(_USE).format(application=revealed.application, factor=total)], words)
    # Never "at most so sure" without the guess before: certainty depends on prior knowledge, and only the factor has a bound.
    alone = _(_ONE if revealed.answers == 1 else _EACH).format(factor=factor(revealed.largest, words), percent=_percent(revealed.largest))
    together = [] if revealed.answers == 1 else [_(_TOGETHER).format(factor=total)]
    return joined([*promised, alone, *together], words)


def factor(epsilon: float, words: Words = ENGLISH) -> str:
    """e^ε rounded up to two digits: 7.4, 55, 8,900,000."""
    thousandths = exp_thousandths(epsilon)
    if thousandths < _TWO_DIGITS:
        return decimal(f"{ceil(thousandths / 100) / 10:.1f}", words)
    unit = 10 ** (len(str(thousandths // 1000)) - 2)
    return f"{-(-thousandths // (1000 * unit)) * unit:,}".replace(",", words.pgettext("between thousands", ","))


def _percent(epsilon: float) -> int:
    """The probability in whole percent that even odds become at most."""
    odds = exp_thousandths(epsilon)
    return round(100 * odds / (odds + 1000))
