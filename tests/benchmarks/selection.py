"""Who is asked, and who is left out: simulated users under the rule of the real core, and the tables of docs/for-vendors.md.

    python tests/benchmarks/selection.py [HEAVY_USERS]

The population is described in `selection_people.py`. Chance is seeded, so that a run can be repeated. Takes some minutes on two processors.
"""
# ruff: noqa: T201 - printing is what it is for

import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date
from functools import cache
from itertools import product
from math import erfc, exp, lgamma, log, sqrt
from multiprocessing import get_context
from pathlib import Path
from statistics import mean
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.selection_people import (
    ACCEPTANCES,
    APPLICATIONS,
    CAPS,
    LIGHT_TO_HEAVY,
    PUBLICATIONS,
    WEEK_S,
    Asked,
    answer,
    answer_step_by_step,
    ask,
    at_publication,
    by_alphabet,
    chance_of,
    declared,
    definition_of,
    of_the_other_vendor,
    plan_chance,
    planned,
    published,
    unix,
)

from telemetryd.core.privacy import share_plan
from telemetryd.core.privacy.share_plan import Vendor, year_of

HEAVY, EVEN_USERS = 10_000, 20_000
SEED = 2026
AT_ONCE = next(iter(PUBLICATIONS))
TOGETHER = 0.11
"""The share for questions that are published together, tried where they are not."""
ANSWERS_A_YEAR = 8
"""So many answers of ε 2 have room in a year."""
NEW_YEAR = range(20, 40)
"""The questions over the New Year, among sixty; the others are of the year before and of the year after."""
YES = {True: 0.6, False: 0.2}
"""The part of the heavy and of the light users whose true answer is yes, in every week."""
ONE_FACT = ((4, 0.3), (4, 0.14), (10, 0.1), (10, 0.047))
"""Questions about one fact, and the product of both shares."""
PLANNED = ((9, 1, 0), (12, 1, 0), (40, 10, 0), (100, 10, 0), (400, 10, 0), (40, 10, 2), (40, 10, 5))
"""Questions, applications, and how many of the applications a user has; 0 means all."""


class Bias(NamedTuple):
    """How the part of heavy users among the reports differs from their part among those drawn: the mean and the worst of the questions."""

    publication: str
    acceptance: str
    share: float
    drawn: float
    differences: list[float]
    lost: float

    @property
    def worst(self) -> float:
        """The difference of the question that is furthest off."""
        return max(self.differences, key=abs)


class Step(NamedTuple):
    """The differences between the answers of the weeks before and after the New Year, and how probable each is by chance (two-sided)."""

    name: str
    share: float
    steps: list[float]
    chances: list[float]


class Agreement(NamedTuple):
    """What `plan` says and what the daemon's rule does: the part of the drawn answers without room, or of the users who lose an answer."""

    name: str
    share: float
    planned: float
    simulated: float
    drawn: int


class Figures(NamedTuple):
    """What was measured."""

    biases: list[Bias]
    steps: list[Step]
    counts: list[int]
    chance: float
    agreements: list[Agreement]


def measure(heavy: int, *, answers: int) -> Figures:
    """All of it with so many heavy users; `answers` are drawn for each comparison with `plan`."""
    with get_context("spawn").Pool(2) as pool:
        shares = dict(zip(PUBLICATIONS, pool.map(planned_for, PUBLICATIONS, chunksize=1), strict=True))
        tasks = [(bias, *order, heavy, shares[order[0]]) for order in product(PUBLICATIONS, ACCEPTANCES)]
        tasks += [(bias, publication, "by alphabet", heavy // 2, TOGETHER) for publication in PUBLICATIONS if publication != AT_ONCE]
        tasks += [(bias, publication, "by alphabet", heavy // 8, 1.0) for publication in PUBLICATIONS]
        tasks += [(step, is_at_once, heavy, None) for is_at_once in (True, False)]
        tasks += [(step, is_at_once, heavy // 8, 1.0) for is_at_once in (True, False)]
        tasks += [(evenly, EVEN_USERS)]
        tasks += [(agreement, *one, answers) for one in PLANNED] + [(agreement_about_a_fact, *one, 4 * answers) for one in ONE_FACT]
        found = pool.map(_call, tasks, chunksize=1)
    (counts,) = (one for one in found if isinstance(one, list))
    biases, steps, agreements = ([one for one in found if isinstance(one, kind)] for kind in (Bias, Step, Agreement))
    return Figures(biases, steps, counts, evenness(counts, [ANSWERS_A_YEAR] * EVEN_USERS), agreements)


@cache
def planned_for(publication: str) -> float:
    """The endpoint share that `plan` says for an order of publication."""
    return planned(declared(publication), is_in_turn=publication != AT_ONCE)


def _call(task):
    function, *arguments = task
    return function(*arguments)


def bias(publication: str, acceptance: str, heavy: int, share: float) -> Bias:
    """The part of heavy users in one order of publication and of acceptance."""
    own, rng = published(publication, share), chance_of((SEED, publication, acceptance, share))
    drawn, answered = Counter(), Counter()
    for is_heavy, asked in _users(own, heavy):
        everything = [*of_the_other_vendor(), *own] if is_heavy else asked
        given = answer(everything, ACCEPTANCES[acceptance][not is_heavy], rng)
        drawn.update((key, is_heavy) for key in given.drawn)
        answered.update((key, is_heavy) for key in given.answered)
    parts = {asked.key: (_part(answered, asked.key), _part(drawn, asked.key)) for asked in own}
    lost = 1 - sum(answered[key, True] for key in parts) / sum(drawn[key, True] for key in parts)
    return Bias(publication, acceptance, share, mean(of for _, of in parts.values()), [among - of for among, of in parts.values()], lost)


def _users(questions: Sequence[Asked], heavy: int) -> Iterator[tuple[bool, list[Asked]]]:
    """Whether a user is heavy, and the questions of the vendor that the user accepts."""
    yield from ((True, list(questions)) for _ in range(heavy))
    for name in sorted({asked.key[0] for asked in questions}):
        own = [asked for asked in questions if asked.key[0] == name]
        yield from ((False, own) for _ in range(heavy * LIGHT_TO_HEAVY))


def _part(counts: Counter, key: object) -> float:
    return counts[key, True] / (counts[key, True] + counts[key, False])


def step(is_at_once: bool, heavy: int, share: float | None) -> Step:
    """The answers to the questions over the New Year, before and after it, of users whose truth does not change; without noise."""
    questions, rng = _over_new_year(share, is_at_once=is_at_once), chance_of((SEED, "new year", is_at_once, share))
    counts = Counter()
    for is_heavy, asked in _users(questions, heavy):
        given = answer(asked, at_publication, rng)
        for key in sorted(given.answered):
            counts[key, year_of(given.drawn[key].end), rng(1000) < 1000 * YES[is_heavy]] += 1
    asked_about = [questions[number].key for number in NEW_YEAR]
    tests = [_compared(*(counts[key, year, is_yes] for year in (2026, 2027) for is_yes in (True, False))) for key in asked_about]
    name = "all published at once" if is_at_once else "each published a week before it begins"
    return Step(name, questions[0].bar / (1 << 64), [one for one, _ in tests], [one for _, one in tests])


def _over_new_year(share: float | None, *, is_at_once: bool) -> list[Asked]:
    """Sixty questions: twenty of 2026, twenty from October to March, twenty of 2027."""
    times = ((date(2026, 1, 5), date(2026, 12, 27)), (date(2026, 10, 5), date(2027, 3, 28)), (date(2027, 1, 4), date(2027, 12, 26)))
    definitions = [definition_of(number, *times[number // 20], application=number % APPLICATIONS) for number in range(60)]
    share = planned(definitions, is_in_turn=not is_at_once) if share is None else share
    return [ask(one, share, published=unix(times[0][0] if is_at_once else one.question.starts) - WEEK_S) for one in definitions]


def _compared(yes_before: int, no_before: int, yes_after: int, no_after: int) -> tuple[float, float]:
    """The step between two parts, and its probability by chance (two-sided)."""
    before, after = yes_before + no_before, yes_after + no_after
    together = (yes_before + yes_after) / (before + after)
    error = sqrt(together * (1 - together) * (1 / before + 1 / after))
    found = yes_after / after - yes_before / before
    return found, erfc(abs(found) / error / sqrt(2))


def evenly(users: int) -> list[int]:
    """How often each question is answered by users who accept all forty in alphabetical order before the first period, at share 1."""
    questions, rng, counts = published(AT_ONCE, 1.0), chance_of((SEED, "evenly")), Counter()
    for _ in range(users):
        counts.update(answer(questions, by_alphabet, rng).answered)
    return [counts[asked.key] for asked in questions]


def evenness(counts: Sequence[int], answers: Sequence[int]) -> float:
    """The probability of counts that are no more even, if each user answers so many questions and all are equally likely (chi-square).

    A user answers each question once at most, so that the counts vary less than those of independent answers.
    """
    number = len(counts)
    variance = sum(one / number * (1 - one / number) for one in answers)
    expected = sum(answers) / number
    return chi_square(sum((count - expected) ** 2 for count in counts) / variance * (number - 1) / number, number - 1)


def chi_square(value: float, degrees: int) -> float:
    """The upper tail of the chi-square distribution."""
    if not value:
        return 1.0
    half, order = value / 2, 1.0 if degrees % 2 == 0 else 0.5
    tail = exp(-half) if degrees % 2 == 0 else erfc(sqrt(half))
    while order < degrees / 2:
        tail += exp(order * log(half) - half - lgamma(order + 1))
        order += 1
    return tail


def agreement(questions: int, applications: int, have: int, answers: int) -> Agreement:
    """What `plan` says of its own share, and what other users lose by the daemon's rule."""
    each = questions // applications
    definitions = [definition_of(number + 1, application=number // each) for number in range(questions)]
    share = planned(definitions, have)
    said = share_plan.losses(Vendor(definitions, CAPS, have), share, plan_chance()).lost
    lost, drawn, _, _ = _simulated([ask(one, share) for one in definitions], have or applications, answers)
    return Agreement(
        f"{questions} questions" + (f", {have} of {applications} applications" if have else ""), share, said, lost / drawn, drawn
    )


def agreement_about_a_fact(questions: int, share: float, answers: int) -> Agreement:
    """What `plan` says of questions about one fact, and what other users lose by the daemon's rule."""
    definitions = [definition_of(number, application=0, source="fact") for number in range(questions)]
    needs = share_plan.source_needs(Vendor(definitions, CAPS), share)
    said = needs[0].exceeded if needs else share_plan.TOLERATED  # `plan` rounds the share that it recommends
    _, drawn, losers, users = _simulated([ask(one, share) for one in definitions], 1, answers)
    return Agreement(f"{questions} questions on one fact: users who lose an answer", share, said, losers / users, drawn)


def _simulated(questions: Sequence[Asked], have: int, answers: int) -> tuple[int, int, int, int]:
    """(answers without room, drawn answers, users who lose one, users), for users with so many of the applications."""
    chance, rng = random.Random(f"{SEED} {have}"), chance_of((SEED, len(questions), have))
    lost = drawn = losers = users = 0
    applications = sorted({asked.key[0] for asked in questions})
    while drawn < answers:
        owned = set(chance.sample(applications, have))
        given = answer_step_by_step([asked for asked in questions if asked.key[0] in owned], rng)
        missing = len(given.drawn) - len(given.answered)
        lost, drawn, losers, users = lost + missing, drawn + len(given.drawn), losers + bool(missing), users + 1
    return lost, drawn, losers, users


BIAS_HEADS = ("published", "accepted", "share", "heavy users among those drawn", "difference, mean", "worst of 40", "without room, heavy")
STEP_HEADS = ("questions over the New Year", "share", "mean step", "largest step", "smallest of 20 p")
PLAN_HEADS = ("`plan` for", "share", "`plan` says", "the daemon's rule", "difference")


def bias_rows(figures: Figures) -> list[tuple[str, ...]]:
    """Each order with the part of heavy users, in percent and points."""
    return [
        (
            *(one.publication, one.acceptance, f"{one.share:.2f}", _percent(one.drawn, 1)),
            *(_points(mean(one.differences)), _points(one.worst), _percent(one.lost)),
        )
        for one in figures.biases
    ]


def step_rows(figures: Figures) -> list[tuple[str, ...]]:
    """The steps at the New Year, in points."""
    return [
        (one.name, f"{one.share:.2f}", _points(mean(one.steps)), _points(max(one.steps, key=abs)), f"{min(one.chances):.2g}")
        for one in figures.steps
    ]


def plan_rows(figures: Figures) -> list[tuple[str, ...]]:
    """What is without room, as `plan` says and by the daemon's rule, in percent of the drawn answers or of the users."""
    return [
        (one.name, f"{one.share:g}", _percent(one.planned), _percent(one.simulated), _points(one.simulated - one.planned))
        for one in figures.agreements
    ]


def _percent(part: float, digits: int = 2) -> str:
    return f"{100 * part:.{digits}f} %"


def _points(difference: float) -> str:
    return f"{100 * difference:+.2f}"


def table(heads: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, ("---",) * len(heads), *lines))


def main() -> None:
    """Measure and print."""
    heavy = int(sys.argv[1]) if len(sys.argv) > 1 else HEAVY
    begin = time.monotonic()
    figures = measure(heavy, answers=6 * heavy)
    print(f"{heavy:,} heavy users, {LIGHT_TO_HEAVY * heavy:,} light users of each of {APPLICATIONS} applications, seed {SEED}\n")
    print(table(BIAS_HEADS, bias_rows(figures)), end="\n\n")
    print(table(STEP_HEADS, step_rows(figures)), end="\n\n")
    print(table(PLAN_HEADS, plan_rows(figures)), end="\n\n")
    counts, judged = figures.counts, f"chi-square with 39 degrees of freedom, p = {figures.chance:.3g}"
    print(f"{EVEN_USERS:,} users accept forty questions in alphabetical order, share 1:")
    print(f"each is answered {min(counts):,} to {max(counts):,} times, mean {mean(counts):,.0f}; {judged}")
    print(f"\n{time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
