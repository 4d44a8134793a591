"""The attacks of linkage.py on single answers: whether a sample was pushed at all, asking again, and many thresholds on one number."""

import random
from collections import Counter
from itertools import product
from math import comb, prod, sqrt
from typing import NamedTuple

from benchmarks.linkage_people import HOST, definitions, true_cell

from telemetryd.core.privacy import ledger, noise, room
from telemetryd.core.privacy.ledger import Charge
from telemetryd.core.settings import Budgets

EPSILON, TENTHS = 2.0, 20
CAPS = ledger.caps_of(Budgets(), is_spent=False)
CRASHES = 9
"""The question whose sample is pushed or not."""


class Measured(NamedTuple):
    """A figure of so many tries, its standard error, and what theory says."""

    figure: float
    error: float
    theory: float

    @property
    def is_as_theory(self) -> bool:
        """Whether the two differ by no more than chance makes likely."""
        return abs(self.figure - self.theory) <= 3 * self.error


def told(cell: int, cells: int, chance: random.Random) -> int:
    """One answer through the noise of the core."""
    return noise.respond(cell, cells, EPSILON, chance.randrange)


def attributed(tries: int, seed: int) -> Measured:
    """Membership: the attacker knows whose report it is, and says "pushed" if it tells the pushed bin. Advantage, in theory p - q."""
    chance = random.Random(f"{seed} attributed")
    cells = definitions()[CRASHES].cells
    pushed, absent = true_cell(CRASHES, {"crashes": 0}), true_cell(CRASHES, {})
    rates = [sum(told(cell, cells, chance) == pushed for _ in range(tries)) / tries for cell in (pushed, absent)]
    truth, lie = map(float, noise.probabilities(cells, EPSILON))
    return Measured(rates[0] - rates[1], _error_of_difference(rates, tries), truth - lie)


def unattributed(pool: list[int], size: int, tries: int, seed: int) -> Measured:
    """Membership: the attacker sees a whole group of reports and knows only that the person's is among them.

    `pool` are cells that other people reported; groups are drawn from it. The best attacker weighs how many told each bin.
    """
    chance = random.Random(f"{seed} unattributed")
    cells = definitions()[CRASHES].cells
    shares = [count / len(pool) for _, count in sorted(Counter(pool).items())]
    pushed, absent = true_cell(CRASHES, {"crashes": 0}), true_cell(CRASHES, {})
    rates = []
    for cell in (pushed, absent):
        said = 0.0
        for _ in range(tries):
            group = Counter(chance.choices(pool, k=size - 1))
            group[told(cell, cells, chance)] += 1
            weight = group[pushed] * shares[absent] - group[absent] * shares[pushed]
            said += 0.5 if abs(weight) < _EVEN else weight > 0
        rates.append(said / tries)
    return Measured(rates[0] - rates[1], _error_of_difference(rates, tries), _advantage(shares[pushed], shares[absent], size, cells))


_EVEN = 1e-12


def _advantage(pushed: float, absent: float, size: int, cells: int) -> float:
    """(p - q) / 2 · E |n₁ / (n r₁) - n₂ / (n r₂)| over what a group tells if the person's report were like any other.

    The likelihood of a group's counts, given the person's true cell, is that of all being alike times Σ M(cell, c) · n_c / (n r_c).
    """
    truth, lie = map(float, noise.probabilities(cells, EPSILON))
    both = pushed + absent
    expected = 0.0
    for count in range(size + 1):
        outer = _binomial(size, count, both)
        if outer > _EVEN:
            expected += outer * sum(
                _binomial(count, first, pushed / both) * abs(first / pushed - (count - first) / absent) for first in range(count + 1)
            )
    return (truth - lie) / 2 * expected / size


def _binomial(size: int, count: int, share: float) -> float:
    return comb(size, count) * share**count * (1 - share) ** (size - count)


def _error_of_difference(rates: list[float], tries: int) -> float:
    return sqrt(sum(rate * (1 - rate) for rate in rates) / tries)


def answers_allowed(sources: list[str], chance: random.Random) -> list[int]:
    """Which of these questions, one to each source and accepted together, the ledger lets a person answer."""
    ranks = sorted(range(len(sources)), key=lambda _: chance.random())
    contenders = [
        room.Contender(rank, ("org.example.Editor", str(number)), Charge(HOST, 2026, TENTHS, (sources[number],)))
        for rank, number in enumerate(ranks)
    ]
    return sorted(int(number) for (_, number), obstacle in room.view(ledger.Sums(CAPS), contenders).items() if not obstacle)


def averaging(asked: int, people: int, seed: int, *, has_ledger: bool) -> float:
    """How often the mode of the answers to one question of four cells, asked again and again, is the truth; ties split."""
    chance = random.Random(f"{seed} averaging {asked}")
    hits = 0.0
    for _ in range(people):
        truth = chance.randrange(4)
        number = len(answers_allowed(["editor/startup"] * asked, chance)) if has_ledger else asked
        counts = Counter(told(truth, 4, chance) for _ in range(number))
        best = [cell for cell, count in counts.items() if count == max(counts.values())]
        hits += (truth in best) / len(best)
    return hits / people


def mode_is_right(answers: int) -> float:
    """The theory of `averaging`: over all counts of so many answers."""
    truth, lie = map(float, noise.probabilities(4, EPSILON))
    found = 0.0
    for counts in product(range(answers + 1), repeat=4):
        if sum(counts) == answers and counts[0] == max(counts):
            ways = prod(comb(sum(counts[place:]), counts[place]) for place in range(4))
            found += ways * truth ** counts[0] * lie ** (answers - counts[0]) / counts.count(counts[0])
    return found


_THRESHOLDS = 16
"""Two bins and `none` each, on one number of 17 equally likely bins."""


def thresholds(people: int, seed: int, sources: list[str] | None) -> float:
    """How often the likeliest of the 17 bins is the true one; without sources there is no ledger."""
    chance = random.Random(f"{seed} thresholds {sources}")
    hits = 0.0
    for _ in range(people):
        truth = chance.randrange(_THRESHOLDS + 1)
        allowed = answers_allowed(sources, chance) if sources else range(_THRESHOLDS)
        answers = {number: told(int(truth > number), 3, chance) for number in allowed}
        agreed = [sum(answer == (bin_ > number) for number, answer in answers.items()) for bin_ in range(_THRESHOLDS + 1)]
        best = [bin_ for bin_, count in enumerate(agreed) if count == max(agreed)]
        hits += (truth in best) / len(best)
    return hits / people
