"""The attacks of linkage.py on who sent what: by time, by content, and on a joint report. Success is expected, with ties split.

An attacker holds one report of a person and points at one of all reports of another question as the same person's.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from functools import cache
from math import exp
from statistics import mean
from typing import NamedTuple

from benchmarks.linkage_people import definitions

from telemetryd.core.privacy import noise

DAY_S = 86_400


class Times:
    """The arrival times of all reports of one question, whole or within a cycle (a day, a minute), to be searched for the nearest."""

    def __init__(self, times, cycle=0):
        self._cycle = cycle
        inside = sorted(moment % cycle for moment in times) if cycle else sorted(times)
        self._times = [moment + turn for turn in (-cycle, 0, cycle) for moment in inside] if cycle else inside

    def success(self, known, own):
        """How likely the nearest to `known` is the one at `own`: 1 shared by all that are as near, 0 if another is nearer."""
        known, own = (known % self._cycle, own % self._cycle) if self._cycle else (known, own)
        apart = abs(own - known)
        apart = min(apart, self._cycle - apart) if self._cycle else apart
        low, high = known - apart, known + apart
        times, place = self._times, bisect_left(self._times, known)
        if (place < len(times) and times[place] < high) or (place and times[place - 1] > low):
            return 0.0
        near = bisect_right(times, low) - bisect_left(times, low)
        if apart and (not self._cycle or 2 * apart < self._cycle):
            near += bisect_right(times, high) - bisect_left(times, high)
        return 1 / near


CLUES = {"nearest": 0, "time of day": DAY_S, "second of the minute": 60}
"""What the attacker goes by: the nearest report in time, at the time of day, at the second of the minute."""


def spread_evenly(hours, reports):
    """Success by the time of day against people who are there in the same hours each day and send at any moment of them alike.

    No other way to spread reports over those hours does better (Cauchy and Schwarz), and in other hours the machine is off. Two moments of
    `hours` are x apart with density 2 (hours - x) / hours², and nobody's of so many reports, spread over the day, lies between with
    exp(- 2 reports x / 24).
    """
    crowd = reports * hours / 24
    return 1 / crowd - (1 - exp(-2 * crowd)) / (2 * crowd**2)


def by_time(seen, wanted, kind_of):
    """Successes of pointing at the reports of question `wanted` from each other report of the same person: {(kind, clue): [sum, tries]}."""
    arrived = {one.person: one.arrived for one in seen if one.question == wanted and one.arrived >= 0}
    tables = {clue: Times(arrived.values(), cycle) for clue, cycle in CLUES.items()}
    found = defaultdict(lambda: [0.0, 0])
    for one in seen:
        if one.question != wanted and one.arrived >= 0 and one.person in arrived:
            for clue, times in tables.items():
                tally = found[kind_of(one.person), clue]
                tally[0] += times.success(one.arrived, arrived[one.person])
                tally[1] += 1
    return dict(found)


def groups(seen):
    """How many reports of each cell there are in each (question, period) group."""
    found = defaultdict(Counter)
    for one in seen:
        found[one.question, one.period][one.cell] += 1
    return dict(found)


class Guesses(NamedTuple):
    """Successes of one attacker in the groups of a question: the mean, the mean of k / n, and the worst group's mean in parts of k / n."""

    success: float
    share: float
    worst: float


CONTENT = ("another report of theirs", "their true answer", "the very report")
"""What the attacker by content knows: another report, and how often two answers come together; the truth; everything."""


def by_content(seen, wanted):
    """`Guesses` against question `wanted` within the right group, for each attacker of CONTENT."""
    sizes = {period: counts for (question, period), counts in groups(seen).items() if question == wanted}
    definition = definitions()[wanted]
    own = {one.person: one for one in seen if one.question == wanted}
    others = [one for one in seen if one.question != wanted and one.person in own]
    together = defaultdict(Counter)
    for one in others:
        together[one.question, one.cell][own[one.person].cell] += 1
    truth, lie = map(float, noise.probabilities(definition.cells, definition.question.epsilon))
    cells = range(definition.cells)
    chances = [{cell: truth if cell == told else lie for cell in cells} for told in cells]

    @cache
    def likeliest(known, period):
        counts, likely = sizes[period], chances[known] if isinstance(known, int) else together[known]
        return max(counts, key=lambda cell: likely[cell] / counts[cell])

    def hit(one, known):
        return (one.period, 1 / sizes[one.period][one.cell] if likeliest(known, one.period) == one.cell else 0.0)

    hits = (
        [hit(own[one.person], (one.question, one.cell)) for one in others],
        [hit(one, one.true_cell) for one in own.values()],
        [(one.period, 1 / sizes[one.period][one.cell]) for one in own.values()],
    )
    return {name: _guesses(found, sizes, definition.cells) for name, found in zip(CONTENT, hits, strict=True)}


def _guesses(hits, sizes, cells):
    in_period = defaultdict(list)
    for period, success in hits:
        in_period[period].append(success)
    worst = max(mean(found) * sizes[period].total() / cells for period, found in in_period.items())
    return Guesses(mean(success for _, success in hits), mean(cells / sizes[period].total() for period, _ in hits), worst)


def joint(before, after):
    """(unique, re-linked) parts of joint reports: the same people's ten answers in two weeks, matched by the fewest that differ, 0 or 1."""
    exact, masked = Counter(after), Counter(key for answers in after for key in _masked(answers))
    alike = Counter(before)
    hits = [_match(old, new, exact, masked) for old, new in zip(before, after, strict=True)]
    return mean(alike[one] == 1 for one in before), mean(hits)


def _match(old, new, exact, masked):
    if exact[old]:
        return 1 / exact[old] if new == old else 0.0
    near = sum(masked[key] for key in _masked(old))
    return 1 / near if near and sum(a != b for a, b in zip(old, new, strict=True)) == 1 else 0.0


def _masked(answers):
    """The answers with each one left out in turn."""
    return [(place, answers[:place] + answers[place + 1 :]) for place in range(len(answers))]
