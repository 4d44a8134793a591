"""Attacks on presence: was a machine off in all of a period, and whose report is it, if one moment is known at which a machine was on.

- *Off.* The attacker knows the class of a report's sender and in which week of the windows it arrived. How much more likely than before is
  it then that the machine was off in all of the period? The factor on the odds is that of Bayes.
- *One moment.* The attacker saw at one moment that a machine was on, while its report could leave. They point at the report of the same
  group that arrived nearest to that moment, or nearest to it by the day of the week, or by the second of the week.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

from benchmarks.linkage_attacks import DAY_S, Times
from benchmarks.linkage_living import Lived
from benchmarks.linkage_people import WEEK_S

LEAST_REPORTS, LEAST_OFF = 100, 50
"""Weeks are taken together until they have so many reports. Classes with fewer reports of machines that were off have no figure."""
MOMENTS = {"nearest": (1, 0), "day of the week": (DAY_S, 7), "hour of the week": (1, WEEK_S)}
"""What the attacker who knows one moment goes by: the unit (s) of time, and after how many units it repeats itself."""


class Odds(NamedTuple):
    """The largest and the least factor on the odds of *off* that the week of arrival makes, and the weeks in which that is so."""

    up: float
    up_weeks: str
    down: float
    down_weeks: str


def odds(own: list[Lived]) -> Odds | None:
    """Of the reports of a class that arrived; None if too few of them were off."""
    came = [((one.seen.arrived - one.window.start) // WEEK_S + 1, one.was_off) for one in own if one.seen.arrived >= 0]
    off = sum(was_off for _, was_off in came)
    if off < LEAST_OFF:
        return None
    prior = off / (len(came) - off)
    factors = [(_odds(counts) / prior, weeks) for weeks, counts in _weeks(came)]
    return Odds(*max(factors), *min(factors))


def _weeks(came: list[tuple[int, bool]]) -> list[tuple[str, Counter[bool]]]:
    """(first and last week, how many were off or not) of weeks that have enough reports together; the rest is with the last."""
    found: list[tuple[int, int, Counter[bool]]] = []
    first, counts = 1, Counter[bool]()
    last = max(week for week, _ in came)
    for week in range(1, last + 1):
        counts = counts + Counter(was_off for when, was_off in came if when == week)
        if counts.total() >= LEAST_REPORTS:
            found.append((first, week, counts))
            first, counts = week + 1, Counter()
    if counts:
        begins, _, before = found.pop() if found else (first, last, Counter())
        found.append((begins, last, before + counts))
    return [(str(begins) if begins == ends else f"{begins} to {ends}", counts) for begins, ends, counts in found]


def _odds(counts: Counter[bool]) -> float:
    return counts[True] / counts[False] if counts[False] else float("inf")


Found = dict[tuple[int, str], tuple[float, float, int]]
"""(class, clue) → sum of successes, sum of successes in parts of 1 / n, tries."""


def by_moment(everything: list[Lived], wanted: int) -> Found:
    """Successes against question `wanted` of those who know one moment at which a report's machine was on."""
    own = [one for one in everything if one.seen.question == wanted and one.seen.arrived >= 0]
    groups = defaultdict(list)
    for one in own:
        groups[one.seen.period].append(one.seen.arrived)
    tables = {
        (period, clue): Times([moment // unit for moment in times], cycle)
        for period, times in groups.items()
        for clue, (unit, cycle) in MOMENTS.items()
    }
    found: Found = defaultdict(lambda: (0.0, 0.0, 0))
    for one in own:
        for clue, (unit, _) in MOMENTS.items():
            success = tables[one.seen.period, clue].success(one.known // unit, one.seen.arrived // unit)
            sums, parts, tries = found[one.kind, clue]
            found[one.kind, clue] = (sums + success, parts + success * len(groups[one.seen.period]), tries + 1)
    return dict(found)


def summed(each: list[Found]) -> dict[tuple[int, str], tuple[float, float]]:
    """(class, clue) → success, and the same in parts of 1 / n, over all questions."""
    found = defaultdict(list)
    for one in each:
        for key, sums in one.items():
            found[key].append(sums)
    means = {}
    for key, several in found.items():
        success, parts, tries = map(sum, zip(*several, strict=True))
        means[key] = (success / tries, parts / tries)
    return means
