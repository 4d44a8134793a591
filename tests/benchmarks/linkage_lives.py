"""Runs the attacks on people who live, and hostile servers, on two processes; makes their tables for linkage.py."""

from collections import defaultdict
from functools import cache
from multiprocessing import get_context
from statistics import median
from typing import NamedTuple

from benchmarks import linkage_living as living
from benchmarks.linkage_attacks import groups
from benchmarks.linkage_calendars import CLASSES
from benchmarks.linkage_living import YEARLY, Count, Lived, count
from benchmarks.linkage_people import definitions
from benchmarks.linkage_presence import MOMENTS, Odds, by_moment, odds, summed
from benchmarks.linkage_servers import SERVERS, Crowd, Row, Served, attack, served
from benchmarks.linkage_tables import percent

SEED = 2026
_A_YEAR = {8: 40, 24: 200}
_SERVED = 50
"""One in so many people lives a year with that load in each class; one in so many, and a hundred at least, is served by each server."""


class Lives(NamedTuple):
    """What was measured. Lists are by class, or by server."""

    people: int
    groups: list[int]
    delivered: list[Count]
    yearly: dict[tuple[int, int], Count]
    best: list[Count]
    """Of the reports of `YEARLY[0]`, those that could arrive: the machine was on at any time between slot and the second window's end."""
    odds: list[Odds | None]
    odds_of_all: Odds | None
    moments: dict[tuple[int, str], tuple[float, float]]
    servers: list[Row]

    @property
    def reports(self) -> str:
        """How many reports arrived, and how many there are in a group."""
        return f"{sum(self.groups):,} reports; in a group (n): {self.groups[0]}, {round(median(self.groups))}, {self.groups[-1]}"


_EVERYTHING: list[Lived] = []
"""What the server received: given to each process once, not with each task."""


def measure(people: int) -> Lives:
    """All of it, with so many people."""
    start = get_context("spawn").Pool
    with start(2) as pool:
        lives = pool.map_async(_lived, range(people), chunksize=50)
        years = pool.map_async(_year, _years(people), chunksize=10)
        tasks = [(place, number) for place in range(len(SERVERS)) for number in range(max(people // _SERVED, 100))]
        sorted_out = _by_server(pool.map(_served, tasks, chunksize=10))
        _EVERYTHING[:] = [one for sent in lives.get() for one in sent]
        owed = _by_load(years.get())
    with start(2, _keep, (_EVERYTHING,)) as pool:
        moments = pool.map_async(_by_moment, range(len(definitions())), chunksize=1)
        servers = pool.map(_attack, [(people, sorted_out[0]) for people in sorted_out], chunksize=1)
        found = summed(moments.get())
    own = [[one for one in _EVERYTHING if one.kind == kind] for kind in range(len(CLASSES))]
    return Lives(
        people=people,
        groups=sorted(counts.total() for counts in groups([one.seen for one in _EVERYTHING if one.seen.arrived >= 0]).values()),
        delivered=[count((one.seen.arrived >= 0, one.was_off) for one in each) for each in own],
        yearly={load: count((one.arrived, one.was_off) for one in each) for load, each in owed.items()},
        best=[count((one.could, one.was_off) for one in owed[kind, YEARLY[0]]) for kind in range(len(CLASSES))],
        odds=[odds(each) for each in own],
        odds_of_all=odds(_EVERYTHING),
        moments=found,
        servers=servers,
    )


def _keep(everything):
    _EVERYTHING[:] = everything


def _lived(number):
    return living.lived(number, SEED)


def _years(people):
    return [(kind, load, number) for load, part in _A_YEAR.items() for kind in range(len(CLASSES)) for number in range(people // part)]


def _year(task):
    kind, load, number = task
    return kind, load, living.year(kind, number, load, SEED)


def _by_load(years):
    found = defaultdict(list)
    for kind, load, sent in years:
        found[kind, load] += sent
    return found


def _served(task):
    return served(*task, SEED)


def _by_server(found: list[Served]) -> list[list[Served]]:
    return [[one for one in found if one.server == place] for place in range(len(SERVERS))]


def _by_moment(wanted):
    return by_moment(_EVERYTHING, wanted)


@cache
def _crowd():
    return Crowd(_EVERYTHING)


def _attack(task):
    return attack(_crowd(), *task, SEED)


SERVER_HEADS = ("the server", "bodies of an answer, at most", "delivered", "arrivals moved", "content", "content and time of day")
LIVING_HEADS = (
    "who",
    "of all",
    f"could arrive, {YEARLY[0]} a year",
    *(f"{load} a year" for load in YEARLY),
    "ten in half a year",
    f"off, {YEARLY[0]} a year",
    "off, ten in half a year",
)
PRESENCE_HEADS = ("whose machine", "odds of off, times at most", "times at least", *(f"one moment known: {clue}" for clue in MOMENTS))


def tables(lives: Lives) -> list[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """(heads, rows) of each table."""
    return [(SERVER_HEADS, server_rows(lives)), (LIVING_HEADS, living_rows(lives)), (PRESENCE_HEADS, presence_rows(lives))]


def server_rows(lives: Lives) -> list[tuple[str, ...]]:
    """(server, bodies, delivered, moved, content by each knowledge, content and time of day)."""
    return [
        (
            kind.name,
            str(row.bodies),
            percent(row.delivered),
            percent(row.moved),
            ", ".join(f"{part:.2f}" for part in row.content) + " k/n",
            _times(row.by_both, row.by_both * row.size),
        )
        for kind, row in zip(SERVERS, lives.servers, strict=True)
    ]


def living_rows(lives: Lives) -> list[tuple[str, ...]]:
    """(class, its part of the people, what could arrive, delivered with each load, off of what was drawn and of what arrived)."""
    rows = []
    for kind, one in enumerate(CLASSES):
        loads = [*(lives.yearly[kind, load] for load in YEARLY), lives.delivered[kind]]
        off = [" → ".join(map(percent, load.off_parts)) for load in (loads[0], loads[-1])]
        parts = (percent(load.delivered) for load in (lives.best[kind], *loads))
        rows.append((one.name, f"{one.part} %", *parts, *off))
    return rows


def presence_rows(lives: Lives) -> list[tuple[str, ...]]:
    """(class, odds up, odds down, success by each clue); last, the odds if the class is not known."""
    rows = []
    for kind, one in enumerate(CLASSES):
        found = (lives.moments[kind, clue] for clue in MOMENTS)
        rows.append((one.name, *_odds(lives.odds[kind]), *(_times(*each) for each in found)))
    return [*rows, ("anybody's, the class unknown", *_odds(lives.odds_of_all), *[""] * len(MOMENTS))]


def _times(success: float, parts: float) -> str:
    return f"{percent(success)} = {parts:.1f}/n"


def _odds(found: Odds | None) -> tuple[str, str]:
    """The factors with their weeks."""
    if found is None:
        return "hardly ever off", ""
    return f"{found.up:.2f} (week {found.up_weeks})", f"{found.down:.2f} (week {found.down_weeks})"
