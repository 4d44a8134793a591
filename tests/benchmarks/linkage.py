"""Attacks what is promised about reports, with reports that the real core makes, and prints the tables of docs/privacy.md.

    python tests/benchmarks/linkage.py [PEOPLE]

20,000 people answer ten questions within 26 weeks; whoever attacks sees every report with the moment of its arrival. Chance is seeded, so
that a run can be repeated; the daemon's own comes from the kernel. As many people who live as in linkage_calendars.py follow, and hostile
servers. Takes less than six minutes on two processors.
"""
# ruff: noqa: T201 - printing is what it is for

import random
import sys
import time
from collections import defaultdict
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import linkage_answers as answers
from benchmarks import linkage_lives
from benchmarks.linkage_attacks import CLUES, CONTENT, Times, by_content, by_time, groups, joint, spread_evenly
from benchmarks.linkage_days import Seen, life
from benchmarks.linkage_people import HOURS, a_week_later, definitions, has_fixed_start, hours_of, person, true_cell
from benchmarks.linkage_tables import percent, table

PEOPLE, SEED = 20_000, linkage_lives.SEED
RENEWALS = (1, 2, 4, 8, 16)
ON_OFF = 500
"""People whose samples are turned on and off."""
NAMES = tuple(f"editor/startup{number}" for number in range(16))
KINDS = ("another start each day", "the same start each day")
_KINDS = len(HOURS) * len(KINDS)
"""People whose numbers are so far apart are of one kind: `kind_of`."""


class Figures(NamedTuple):
    """What was measured."""

    content: dict
    time: dict
    delivered: dict
    one_after_another: float
    groups: list
    membership: tuple
    joint: tuple
    renewed: dict
    thresholds: tuple
    differing: int


_SEEN: list[Seen] = []
"""What the server saw: given to each process once, not with each task."""


def measure(people: int, *, tries: int) -> Figures:
    """All attacks; `tries` is the number of people or groups in those on single answers."""
    start = get_context("spawn").Pool
    with start(2) as pool:
        found = pool.map(_lives, [range(first, people, _KINDS) for first in range(_KINDS)], chunksize=1)
        _keep(sorted((one for sent, _ in found for one in sent), key=attrgetter("person")))
        single = pool.map_async(_call, _on_single_answers(tries), chunksize=1)
        weeks = pool.map(_two_weeks, range(people), chunksize=100)
        attributed, unattributed, renewed, thresholds = _sorted_out(single.get())
    with start(2, _keep, (_SEEN,)) as pool:
        content = pool.map(_content, range(len(definitions())), chunksize=1)
        times = pool.map(_time, range(len(definitions())), chunksize=1)
    sizes = sorted(counts.total() for counts in groups(_SEEN).values())
    return Figures(
        content={name: [one[name] for one in content] for name in CONTENT},
        time=_summed(times),
        delivered=_delivered(),
        one_after_another=_one_after_another(people),
        groups=sizes,
        membership=(attributed, unattributed),
        joint=joint(*zip(*weeks, strict=True)),
        renewed=renewed,
        thresholds=thresholds,
        differing=sum(different for _, different in found),
    )


def kind_of(number: int) -> tuple[float, str]:
    """Hours of use a day, and whether the days begin alike, of one of the people."""
    return hours_of(number), KINDS[has_fixed_start(number)]


def _keep(seen):
    _SEEN[:] = seen


def _lives(numbers):
    """What the people of those numbers send, and how many of the first `ON_OFF` people `differing` counts.

    All of one kind in one process: what linkage_days.py works out once for a kind and a process is not worked out twice.
    """
    sent = {number: life(person(number, SEED), SEED) for number in numbers}
    return [one for each in sent.values() for one in each], differing({number: sent[number] for number in numbers if number < ON_OFF})


def _content(wanted):
    return by_content(_SEEN, wanted)


def _time(wanted):
    return by_time(_SEEN, wanted, kind_of)


def _two_weeks(number):
    before = person(number, SEED).facts
    after = a_week_later(before, random.Random(f"{SEED} week {number}"))
    return tuple(tuple(true_cell(question, samples) for question in range(len(definitions()))) for samples in (before, after))


def _on_single_answers(tries):
    """(name, function, arguments) of each attack."""
    cells = [one.cell for one in _SEEN if one.question == answers.CRASHES]
    size = round(median(counts.total() for counts in groups(_SEEN).values()))
    yield "attributed", answers.attributed, (10 * tries, SEED)
    yield "unattributed", answers.unattributed, (cells, size, 2 * tries, SEED)
    for has_ledger in (False, True):
        for asked in RENEWALS:
            yield (asked, has_ledger), _averaging, (asked, tries, has_ledger)
    for sources in (None, [NAMES[0]] * len(NAMES), list(NAMES)):
        yield "thresholds", answers.thresholds, (tries, SEED, sources)


def _averaging(asked, tries, has_ledger):
    return answers.averaging(asked, tries, SEED, has_ledger=has_ledger)


def _call(task):
    name, function, arguments = task
    return name, function(*arguments)


def _sorted_out(found):
    results = defaultdict(list)
    for name, result in found:
        results[name].append(result)
    renewed = {name: results[name][0] for name in results if isinstance(name, tuple)}
    return results["attributed"][0], results["unattributed"][0], renewed, tuple(results["thresholds"])


def differing(sent: dict[int, list[Seen]]) -> int:
    """People whose samples, turned on and off, make a difference to the number, the questions, the size or the times of what they send."""
    return sum(_plain(each) != _plain(life(person(number, SEED)._replace(facts={}), SEED)) for number, each in sent.items())


def _plain(sent):
    return [(report.question, report.period, report.arrived, report.size) for report in sent]


def _summed(times):
    """(class, clue) → mean success."""
    sums = defaultdict(lambda: [0.0, 0])
    for found in times:
        for key, (hits, tries) in found.items():
            sums[key][0] += hits
            sums[key][1] += tries
    return {key: hits / tries for key, (hits, tries) in sums.items()}


def _delivered():
    sent = defaultdict(list)
    for one in _SEEN:
        sent[kind_of(one.person)].append(one.arrived >= 0)
    return {kind: mean(found) for kind, found in sent.items()}


def _one_after_another(people):
    """The same attack on people who send each report a second after the other, at any moment of a week: does it find them?"""
    chance = random.Random(SEED)
    first = [chance.randrange(7 * 86_400) for _ in range(people)]
    table = Times([moment + 1 for moment in first])
    return mean(table.success(moment, moment + 1) for moment in first)


def rows(figures: Figures) -> list[tuple[str, str, str]]:
    """(attack, measured, promise or theory) of all but the attack by time."""
    return [*_content_rows(figures), *_membership_rows(figures), *_joint_rows(figures), *_repeated_rows(figures), _on_off_row(figures)]


def _content_rows(figures):
    for name, asked in figures.content.items():
        success, share = mean(one.success for one in asked), mean(one.share for one in asked)
        worst = max(one.worst for one in asked)
        measured = f"{percent(success)} = {success / share:.2f} k/n; worst group {worst:.2f} k/n"
        yield f"content: pointing at a report, knowing {name}", measured, "at most 1.1 k/n"
    sizes = figures.groups
    yield "reports in a group (n): least, median, most", f"{sizes[0]}, {round(median(sizes))}, {sizes[-1]}", ""


def _membership_rows(figures):
    names = ("knowing whose report it is", "knowing the median group it is in")
    for name, one in zip(names, figures.membership, strict=True):
        yield f"was a sample pushed: advantage, {name}", f"{one.figure:.3f} ± {one.error:.3f}", f"{one.theory:.3f}"


def _joint_rows(figures):
    unique, linked = figures.joint
    yield "instead ten answers in one report: unique", percent(unique), ""
    yield "instead ten answers in one report: found again a week later", percent(linked), "above 60 %: the reason for all this"


def _repeated_rows(figures):
    for asked in RENEWALS:
        theory = answers.mode_is_right(asked), answers.mode_is_right(min(asked, 2))
        measured = (figures.renewed[asked, False], figures.renewed[asked, True])
        columns = (f"{percent(without)}; with the ledger {percent(with_it)}" for without, with_it in (measured, theory))
        yield f"question renewed, answers averaged: {asked}", *columns
    free, one_name, many_names = figures.thresholds
    yield "sixteen thresholds: the exact bin of 17, no ledger", percent(free), "about 62 %"
    yield "sixteen thresholds: with the ledger", percent(one_name), "at most 15 %"
    yield "sixteen thresholds: with it, the number under sixteen names", percent(many_names), "eight answers; for reviewers to see"


def _on_off_row(figures):
    return f"samples on or off: people of {ON_OFF} who send anything but other answers", str(figures.differing), "0"


def time_rows(figures: Figures) -> list[tuple[str, ...]]:
    """(class, delivered, success by each clue) of the attack by time; last, by the time of day if all were spread evenly over the hours."""
    found, reports = [], sum(figures.groups) / len(definitions())
    for kind in KINDS:
        for hours in HOURS:
            successes = [percent(figures.time[(hours, kind), clue], 4) for clue in CLUES]
            floor = percent(spread_evenly(hours if kind == KINDS[1] else 24, reports), 4)
            found.append((f"{hours:g} h, {kind}", percent(figures.delivered[hours, kind]), *successes, floor))
    found.append(("instead one report after another, a second apart", "", percent(figures.one_after_another), "", "", ""))
    return found


HEADS = ("what is tried", "measured", "promise or theory")
TIME_HEADS = ("hours a day", "delivered", *CLUES, "time of day, spread evenly")


def main() -> None:
    """Measure and print."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    begin = time.monotonic()
    figures = measure(people, tries=4000)
    print(f"{people:,} people, {len(_SEEN):,} reports, seed {SEED}\n")
    print(table(HEADS, rows(figures)), end="\n\n")
    print(table(TIME_HEADS, time_rows(figures)), end="\n\n")
    lives = linkage_lives.measure(people)
    print(f"{people:,} people who live, {lives.reports}\n")
    for heads, lines in linkage_lives.tables(lives):
        print(table(heads, lines), end="\n\n")
    print(f"{time.monotonic() - begin:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
