"""Hostile servers: what a server learns that answers what it should not, or does not answer, and how often it sees an answer's body.

Each server does its worst to some people of linkage_living.py, one at a time; the others' reports come as ever. Where it moves no arrival,
doing so to all is the same. Each person's reports are then sought as in linkage_attacks.py, within the right groups: by content, and by
content and time of day together. The attacker knows the class of the person, how often two reports of that class are how far apart in the
time of day, and before which moment the server let no connection stand.

A server that refuses TLS to one person has to know that person's address, which is more than the attacker of the other tables knows.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import pairwise
from statistics import mean
from typing import NamedTuple

from benchmarks.linkage_attacks import DAY_S, groups
from benchmarks.linkage_calendars import CLASSES
from benchmarks.linkage_days import Seen, Server
from benchmarks.linkage_living import Lived, lived
from benchmarks.linkage_people import STARTS, WEEK_S, definitions

from telemetryd.core.limits import UPLOAD_TIMEOUT_S
from telemetryd.core.privacy import noise
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Queued, Result, delivery_of, held_delivery

KNOWN = 2
"""Reports of a person from which each other one is sought."""
_BIN_S, _BINS = 600, DAY_S // 1200
"""Bins of the difference in the time of day."""
_SHUT = STARTS + 13 * WEEK_S


class Answering(Server):
    """Has this outcome for every report whose body it got, after so many seconds."""

    def __init__(self, delivery: Delivery, busy_s: int = 0) -> None:
        super().__init__()
        self._delivery, self._busy_s = delivery, busy_s

    def take(self, report: Queued, now: int) -> tuple[Delivery, int]:
        """See `Server`."""
        super().take(report, now)
        return self._delivery, self._busy_s


class WithoutTls(Server):
    """Lets no connection stand before a moment, nor at the first so many tries for a report; accepts it then."""

    def __init__(self, until: int, tries: int) -> None:
        super().__init__()
        self._until = until
        self._left: dict[int, int] = defaultdict(lambda: tries)

    def take(self, report: Queued, now: int) -> tuple[Delivery, int]:
        """See `Server`."""
        if now >= self._until and not self._left[report.id]:
            return super().take(report, now)
        self._left[report.id] = max(self._left[report.id] - 1, 0)
        return held_delivery(Hindrance.REFUSED), 0


class Kind(NamedTuple):
    """A server as the table names it; it looks only at what came from `opens` on, because before that no report reached it."""

    name: str
    make: Callable[[], Server]
    opens: int = 0


SERVERS = (
    Kind("accepts", Server),
    Kind("answers 503, to all or to one", lambda: Answering(delivery_of(503))),
    Kind("breaks off after the body", lambda: Answering(Delivery(Result.UNKNOWN))),
    Kind("gives no status for a minute", lambda: Answering(Delivery(Result.UNKNOWN), round(UPLOAD_TIMEOUT_S))),
    Kind("refuses TLS to one, once for each report", lambda: WithoutTls(0, 1)),
    Kind("refuses TLS to one for 13 weeks", lambda: WithoutTls(_SHUT, 0)),
    Kind("the same, and looks only at what came later", lambda: WithoutTls(_SHUT, 0), _SHUT),
)


class Served(NamedTuple):
    """One person's reports at one server, the moments of their bodies' arrivals, and the most bodies that it saw of one."""

    server: int
    reports: list[Lived]
    moments: list[int]
    bodies: int


def served(place: int, number: int, seed: int) -> Served:
    """One person's reports at the server of that place in SERVERS."""
    server = SERVERS[place].make()
    found = lived(number, seed, server)
    return Served(place, found, [one.seen.arrived for one in found], max(map(len, server.bodies.values()), default=0))


class Row(NamedTuple):
    """What one server sees: most bodies of an answer, the parts delivered and moved, successes by content in k/n, `by_both`, the mean n."""

    bodies: int
    delivered: float
    moved: float
    content: tuple[float, ...]
    by_both: float
    size: float


class Crowd:
    """What the attacker knows of the reports of all."""

    def __init__(self, everything: list[Lived]) -> None:
        came = [one for one in everything if one.seen.arrived >= 0]
        self.counts = groups([one.seen for one in came])
        self.members: dict[tuple[int, str], list[Seen]] = defaultdict(list)
        of_person: dict[tuple[int, int], list[Seen]] = defaultdict(list)
        for one in came:
            self.members[one.seen.question, one.seen.period].append(one.seen)
            of_person[one.seen.person, one.kind].append(one.seen)
        self.together: dict[tuple[int, int, int], Counter[int]] = defaultdict(Counter)
        apart: list[Counter[int]] = [Counter() for _ in CLASSES]
        for (_, kind), own in of_person.items():
            apart[kind].update(_apart(one.arrived, other.arrived) for one, other in pairwise(own))
            for one in own:
                for other in own:
                    self.together[one.question, one.cell, other.question][other.cell] += 1
        self.apart = [[(found[place] + 1) / (found.total() + _BINS) for place in range(_BINS)] for found in apart]

    def successes(self, known: Lived, wanted: Lived, opens: int) -> tuple[float, ...]:
        """Of pointing at `wanted` from `known`: by each knowledge of `CONTENT` in linkage_attacks.py; by the first with the time of day."""
        own, counts = wanted.seen, self.counts[wanted.seen.question, wanted.seen.period]
        others = self.members[own.question, own.period]
        candidates = [own, *(one for one in others if one.person != own.person and one.arrived >= opens)]
        weights = [{cell: likely[cell] / counts[cell] for cell in counts} for likely in self._likely(known.seen, own)]
        by_content = [_success([weight[one.cell] for one in candidates]) for weight in weights]
        apart, arrived = self.apart[known.kind], known.seen.arrived
        return *by_content, _success([weights[0][one.cell] * apart[_apart(one.arrived, arrived)] for one in candidates])

    def _likely(self, known: Seen, own: Seen) -> tuple[dict[int, float], ...]:
        """How likely each answer is, by each of them."""
        definition = definitions()[own.question]
        truth, lie = map(float, noise.probabilities(definition.cells, definition.question.epsilon))
        cells = range(definition.cells)
        told = {cell: truth if cell == own.true_cell else lie for cell in cells}
        return self.together[known.question, known.cell, own.question], told, {cell: float(cell == own.cell) for cell in cells}

    def size(self, seen: Seen) -> int:
        """How many reports there are in its group."""
        return self.counts[seen.question, seen.period].total()


def _apart(one: int, other: int) -> int:
    """The bin of the difference in the time of day."""
    apart_s = abs(one - other) % DAY_S
    return min(min(apart_s, DAY_S - apart_s) // _BIN_S, _BINS - 1)


def _success(scores: list[float]) -> float:
    """How likely the first is pointed at: one of the highest is."""
    best = max(scores)
    return 1 / scores.count(best) if scores[0] == best else 0.0


def attack(crowd: Crowd, people: list[Served], honest: list[Served], seed: int) -> Row:
    """What one server finds out about these people, who would have sent `honest` to one that accepts."""
    place = people[0].server
    chance = random.Random(f"{seed} known")
    found, shares, sizes = [], [], []
    for one in people:
        came = [report for report in one.reports if report.seen.arrived >= 0]
        for wanted in came:
            others = [report for report in came if report is not wanted]
            for known in chance.sample(others, min(KNOWN, len(others))):
                found.append(crowd.successes(known, wanted, SERVERS[place].opens))
                sizes.append(crowd.size(wanted.seen))
                shares.append(definitions()[wanted.seen.question].cells / sizes[-1])
    *contents, by_both = (mean(each) for each in zip(*found, strict=True))
    before = [moment for one in honest for moment in one.moments]
    moments = [moment for one in people for moment in one.moments]
    return Row(
        bodies=max(one.bodies for one in people),
        delivered=mean(moment >= 0 for moment in moments),
        moved=mean(one != other for one, other in zip(moments, before, strict=True)),
        content=tuple(success / mean(shares) for success in contents),
        by_both=by_both,
        size=mean(sizes),
    )
