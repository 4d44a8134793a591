"""What people who live as in linkage_calendars.py send: which part arrives, and which part of it says that the machine was off.

They owe the answers of linkage_people.py. A machine that was off in all of a period owes the answer `none` for it, to any question. Who
accepts does so at a session's start.
"""

import random
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from benchmarks.linkage_calendars import CLASSES, calendar, class_of
from benchmarks.linkage_days import DAY_S, DAYS, Outbox, Seen, Server, Session, reports, walk
from benchmarks.linkage_people import ACCEPTED_AFTER, ACCEPTED_BEFORE, STARTS, Due, Person, facts, owed, true_cell

from telemetryd.core.answers.period import Period, period_at
from telemetryd.core.definition import PeriodKind
from telemetryd.core.privacy import sampling_lot
from telemetryd.core.sending import schedule
from telemetryd.core.sending.schedule import Queued, Window
from telemetryd.core.sending.ticks import first_hour

YEAR_DAYS = 364
YEARLY = (8, 24)
"""Other loads than the ten questions of half a year: so many answers, whose weeks are drawn from a year: the caps of one host, of three."""
_WARM = 6
"""Sessions that are walked before those in which a report may leave: the days of use are counted then."""


class Lived(NamedTuple):
    """One report with what is true of it: its class, its window, whether the machine was off in all of its period.

    `known` is a moment at which the machine was on while the report could leave, for an attacker to know.
    """

    seen: Seen
    kind: int
    window: Window
    was_off: bool
    known: int


class Life(NamedTuple):
    """One machine: its user, its sessions and what it owes, with the chance that the rest is drawn from."""

    one: Person
    kind: int
    days: list[Session]
    dues: list[Due]
    offs: list[bool]
    chance: random.Random


def begin(number: int, seed: int) -> Life:
    """One of the people, who live by themselves: no server changes it."""
    chance = random.Random(f"{seed} living {number}")
    kind = class_of(number)
    days = calendar(CLASSES[kind], chance)
    moment = STARTS - ACCEPTED_BEFORE + chance.randrange(ACCEPTED_BEFORE + ACCEPTED_AFTER)
    accepted = next((session.start for session in days if session.start >= moment), moment)
    one = Person(number, CLASSES[kind].hours, -1, accepted, facts(chance))
    dues = owed(one, chance)
    offs = [_was_off(due.period, days) for due in dues]
    dues = [due._replace(cell=true_cell(due.question, {})) if off else due for due, off in zip(dues, offs, strict=True)]
    return Life(one, kind, days, dues, offs, chance)


def lived(number: int, seed: int, server: Server | None = None) -> list[Lived]:
    """Everything that one of the people sends to that server."""
    life = begin(number, seed)
    sent = reports(life.one, life.dues, server or Server(), life.chance, lambda outbox: run(life.days, outbox, life.chance))
    found = []
    for one, due, off in zip(sent, life.dues, life.offs, strict=True):
        window = schedule.window(due.period.start, due.period.end)
        found.append(Lived(one, life.kind, window, off, _moment_on(window, life.days, life.chance)))
    return found


def run(days: list[Session], outbox: Outbox, chance: random.Random, *, skips: bool = True) -> None:
    """Sessions by the real ticks and choices; with `skips` those before which and soon after which nothing can leave are passed over."""
    ticks = first_hour(days[0].start, chance.randrange) if days else None
    for number, session in enumerate(days):
        outbox.queue = [one for one in outbox.queue if not schedule.is_expired(one.window, session.start)]
        if not outbox.queue:
            return
        ahead = days[min(number + _WARM, len(days) - 1)].end
        if not skips or any(one.slot < ahead for one in outbox.queue):
            ticks = walk(session, ticks, outbox, chance)


class Count(NamedTuple):
    """How many reports were owed and how many arrived; of both, how many were for a period in which the machine was off."""

    owed: int
    arrived: int
    off: int
    off_arrived: int

    @property
    def delivered(self) -> float:
        """The part that arrived."""
        return self.arrived / self.owed

    @property
    def off_parts(self) -> tuple[float, float]:
        """The part off in all of the period: of all that were drawn, and of those that arrived."""
        return self.off / self.owed, self.off_arrived / self.arrived


def count(found: Iterable[tuple[bool, bool]]) -> Count:
    """Of reports, given as (arrived, off)."""
    each = Counter(found)
    off = each[True, True] + each[False, True]
    return Count(each.total(), each[True, True] + each[True, False], off, each[True, True])


class Owed(NamedTuple):
    """One report that is owed: whether it arrived, whether the machine was on at any time in which it could leave, or off in its period."""

    arrived: bool
    could: bool
    was_off: bool


def year(kind: int, number: int, answers: int, seed: int) -> list[Owed]:
    """Each report of one person of that class who owes so many answers, whose weeks are drawn from a year."""
    chance = random.Random(f"{seed} year {kind} {number} {answers}")
    days = calendar(CLASSES[kind], chance, YEAR_DAYS + DAYS)
    weeks = [period_at(PeriodKind.WEEK, STARTS + day * DAY_S) for day in range(0, YEAR_DAYS, 7)]
    drawn = [sampling_lot.period_among(weeks, sampling_lot.draw_lot(chance.randrange)) for _ in range(answers)]
    windows = [schedule.window(period.start, period.end) for period in drawn]
    queue, server = [Queued(id_, one, schedule.slot(one, chance.randrange)) for id_, one in enumerate(windows)], Server()
    run(days, Outbox(list(queue), server, chance), chance)
    return [Owed(one.id in server.bodies, _could_leave(one, days), _was_off(drawn[one.id], days)) for one in queue]


def _could_leave(report: Queued, days: list[Session]) -> bool:
    return any(session.start < report.window.expires and session.end > report.slot for session in days)


def _was_off(period: Period, days: list[Session]) -> bool:
    return not any(session.start < period.end and session.end > period.start for session in days)


def _moment_on(window: Window, days: list[Session], chance: random.Random) -> int:
    """A moment of a session in the window, both drawn; of the first session after it if there is none; -1 without any."""
    inside = [session for session in days if session.start < window.end and session.end > window.start]
    inside = inside or [session for session in days if session.start >= window.end][:1]
    if not inside:
        return -1
    session = chance.choice(inside)
    return chance.randrange(max(session.start, window.start), session.end)
