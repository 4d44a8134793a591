"""The figures of docs/privacy.md and docs/for-vendors.md that can be calculated, from the core's and the analysis' own functions.

    python tests/benchmarks/claims.py

Prints each figure with the page and the words in which it stands there. `test_claims.py` looks for them.
"""
# ruff: noqa: T201 - printing is what it is for

import sys
from fractions import Fraction
from math import comb, exp, lgamma, log, log2
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from telemetryd.analysis.channel import channel
from telemetryd.analysis.shares import Share, estimate
from telemetryd.core.limits import DAY_S, HOUR_S
from telemetryd.core.privacy import ledger, noise
from telemetryd.core.privacy.ledger import Charge, Sums
from telemetryd.core.privacy.planning import entropy_bits
from telemetryd.core.sending import schedule
from telemetryd.core.settings import Budgets

EPSILON, TENTHS = 2.0, 20
CELLS = 4
"""Answers of the question that the pages take as their example."""
THRESHOLDS = 16
REPORTS = 2000
CAPS = ledger.caps_of(Budgets(), is_spent=False)
HOST = "telemetry.example.org"


class Claim(NamedTuple):
    """A calculated figure, and the words with which a page has it."""

    page: str
    words: str


def agreement(cells: int) -> tuple[float, float]:
    """How often two answers to one question agree, and how often the answer is true then; all cells are equally likely before."""
    truth, lie = noise.probabilities(cells, EPSILON)
    agree = truth**2 + (cells - 1) * lie**2
    return float(agree), float(truth**2 / agree)


def information_bits(cells: int) -> float:
    """What an answer tells on average about a truth whose cells are equally likely, in bits."""
    truth, lie = map(float, noise.probabilities(cells, EPSILON))
    return log2(cells) - entropy_bits([truth] + [lie] * (cells - 1))


def bound_bits() -> float:
    """What the factor e^ε permits an answer to tell at most, in bits."""
    return log2(noise.exp_thousandths(EPSILON) / 1000)


def use_told(answers: int, cells: int) -> float:
    """How often the likelier of "always `none`" and "never `none`" is right, from so many answers of one person; even odds before."""
    truth, lie = noise.probabilities(cells, EPSILON)
    return float(sum(max(_binomial(answers, nones, truth), _binomial(answers, nones, lie)) for nones in range(answers + 1)) / 2)


def _binomial(tries: int, hits: int, chance: Fraction) -> Fraction:
    return comb(tries, hits) * chance**hits * (1 - chance) ** (tries - hits)


def answers_in_years(years: int, asked: int) -> int:
    """How many of so many answers a year about things of their own the ledger permits, each thing asked at most twice in all."""
    sums, given = Sums(CAPS), 0
    for year in range(years):
        for number in range(asked):
            entry = Charge(HOST, 2026 + year, TENTHS, (f"editor/startup{(year * asked + number) % THRESHOLDS}",))
            if not sums.obstacle(entry):
                sums.add(entry)
                given += 1
    return given


def threshold_told(each: int) -> float:
    """How often the likeliest of 17 equally likely bins is the true one, with every threshold answered so many times; ties shared.

    A threshold's answers compare two bins beside each other. So the likelihood of the bins is a walk to either side of the true bin, and
    the true bin is found if neither walk rises above it.
    """
    step = _step(each)
    found = 0.0
    for left in range(THRESHOLDS + 1):
        for ties, chance in _never_above(step, left).items():
            found += sum(chance * other / (1 + ties + more) for more, other in _never_above(step, THRESHOLDS - left).items())
    return found / (THRESHOLDS + 1)


def _step(each: int) -> dict[int, float]:
    """The distribution of (answers for the further bin) - (answers for the nearer bin) of one threshold of three cells."""
    truth, lie = map(float, noise.probabilities(3, EPSILON))
    step = {0: 1.0}
    for _ in range(each):
        after: dict[int, float] = {}
        for height, chance in step.items():
            for change, part in ((-1, truth), (1, lie), (0, lie)):
                after[height + change] = after.get(height + change, 0.0) + chance * part
        step = after
    return step


def _never_above(step: dict[int, float], length: int) -> dict[int, float]:
    """The number of returns to 0 → its chance, over walks of this length that never rise above 0."""
    walks = {(0, 0): 1.0}
    for _ in range(length):
        after: dict[tuple[int, int], float] = {}
        for (height, ties), chance in walks.items():
            for change, part in step.items():
                if height + change <= 0:
                    place = height + change, ties + (height + change == 0)
                    after[place] = after.get(place, 0.0) + chance * part
        walks = after
    found: dict[int, float] = {}
    for (_, ties), chance in walks.items():
        found[ties] = found.get(ties, 0.0) + chance
    return found


def intervals_hold(answers: int) -> tuple[float, float]:
    """How often the interval of one answer holds the true share, and those of all answers at once; all shares are equal.

    Counts are multinomial: Poisson counts given their sum.
    """
    mean = REPORTS / answers
    weights = [exp(count * log(mean) - mean - lgamma(count + 1)) for count in range(REPORTS + 1)]
    held = [count for count in range(REPORTS + 1) if weights[count] > _RARE and _holds(count, answers)]
    all_hold = _sums_of(held, weights, answers)[REPORTS] / exp(REPORTS * log(REPORTS) - REPORTS - lgamma(REPORTS + 1))
    return float(sum(_binomial(REPORTS, count, Fraction(1, answers)) for count in held)), all_hold


_RARE = 1e-15


def _holds(count: int, answers: int) -> bool:
    """Whether the interval from so many reports of an answer holds its share."""
    share = Share(frozenset({0}), frozenset(range(answers)), answers)
    found = estimate({0: count, 1: REPORTS - count}, share, channel(answers, EPSILON))
    return found is not None and found.low <= 1 / answers <= found.high


def _sums_of(held: list[int], weights: list[float], answers: int) -> list[float]:
    """The weight of each sum of so many counts that are held."""
    sums = [1.0] + [0.0] * REPORTS
    for _ in range(answers):
        after = [0.0] * (REPORTS + 1)
        for total, weight in enumerate(sums):
            if weight:
                for count in held:
                    if total + count <= REPORTS:
                        after[total + count] += weight * weights[count]
        sums = after
    return sums


def lost_in_an_hour() -> float:
    """The part of a week's answers whose moment lies in one hour of their window."""
    window = schedule.window(0, 7 * DAY_S)
    return HOUR_S / (window.end - window.start)


def _percent(part: float, digits: int = 0) -> str:
    return f"{100 * part:.{digits}f} %"


def claims() -> list[Claim]:
    """All of them."""
    agree, sure = agreement(CELLS)
    one, together = intervals_hold(12)
    bits = [information_bits(cells) for cells in range(2, 13)]
    return [
        Claim("privacy.md", f"agree in {_percent(agree)} of the cases"),
        Claim("privacy.md", f"true with {_percent(sure)}"),
        Claim("privacy.md", f"{min(bits):.1f} to {max(bits):.1f} bits"),
        Claim("privacy.md", f"{bound_bits():.1f} bits"),
        Claim("privacy.md", f"Eight such answers that are tied together tell it with {_percent(use_told(8, CELLS))}"),
        Claim("privacy.md", f"One answer with four cells then tells which, with {_percent(use_told(1, CELLS))}"),
        Claim("privacy.md", f"In four years they are {answers_in_years(4, 16)} answers"),
        Claim("privacy.md", f"the exact bin with {_percent(threshold_told(2))}"),
        Claim("for-vendors.md", f"The intervals of twelve answers all hold at once in only {_percent(together)} of the cases"),
        Claim("for-vendors.md", f"holds in {_percent(one)} of the cases"),
        Claim("for-vendors.md", f"loses {_percent(lost_in_an_hour(), 2)} of a period's answers"),
    ]


if __name__ == "__main__":
    for claim in claims():
        print(f"{claim.page}: … {claim.words} …")
