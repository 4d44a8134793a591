"""The days of the people of linkage.py: when their machines run, when the real core ticks, and what arrives at the server when.

The timer is modelled as systemd runs it (systemd.timer(5), and `initialize_perturb` in its sd-event.c): a minute after the start, then ten
minutes after the last run ended, each put off to the machine's own second of the minute, which stays the same until the next boot. Reports
take no time to arrive, and no server refuses one: both help the attacker.

A fixed day begins at the same second every day, on a machine that sleeps and never boots; any other day begins with a boot, at any time.
"""

import random
from functools import cache
from typing import NamedTuple

from benchmarks.linkage_people import PERIODS, STARTS, Due, Person, definitions, owed

from telemetryd.core import noise, report, schedule
from telemetryd.core.limits import HOUR_S
from telemetryd.core.schedule import Queued, Ticks

DAY_S = 86_400
DAYS = (PERIODS + 2) * 7
"""The questions' weeks, then both windows of the last."""
FIRST_RUN_S, RUN_S, ACCURACY_S = 60, 600, 60
"""OnStartupSec, OnUnitInactiveSec, AccuracySec of systemd/telemetryd-tick.timer."""


class Seen(NamedTuple):
    """What the server sees of one report, and (for counting only) whose it is and what was true; `arrived` -1: it never left."""

    person: int
    true_cell: int
    question: int
    period: str
    cell: int
    arrived: int
    size: int


class Session(NamedTuple):
    """One stretch of use, in Unix seconds, and the second of the minute at which this boot's timers run."""

    start: int
    end: int
    second: int


def life(one: Person, seed: int, *, skips: bool = True) -> list[Seen]:
    """Everything that one person sends; with `skips` sessions in which nothing can leave are passed over, else all are walked."""
    chance = random.Random(f"{seed} life {one.number}")
    bodies = {number: (due, body(due, chance)) for number, due in enumerate(owed(one, chance))}
    queue = [_queued(number, due, chance) for number, (due, _) in bodies.items()]
    arrived = dict(_deliver(sessions(one, chance), queue, chance, skips=skips))
    return [_seen(one, due, text, arrived.get(number, -1)) for number, (due, text) in bodies.items()]


def body(due: Due, chance: random.Random) -> bytes:
    """The bytes of a report, as the daemon makes them."""
    definition = definitions()[due.question]
    question = definition.question
    cell = noise.respond(due.cell, definition.cells, question.epsilon, chance.randrange)
    nonce = f"{chance.getrandbits(128):032x}"
    answer = report.label_of_cell(definition, cell)
    return report.encode(report.Report(*definition.key, definition.revision, due.period.label, answer, question.epsilon, nonce))


def sessions(one: Person, chance: random.Random) -> list[Session]:
    """When the machine runs, one session a day."""
    length = round(one.hours * HOUR_S)
    if one.start >= 0:
        second = chance.randrange(60)
        return [Session(begin, begin + length, second) for begin in (STARTS + day * DAY_S + one.start for day in range(DAYS))]
    begins = [STARTS + day * DAY_S + int(chance.random() * (DAY_S - length)) for day in range(DAYS)]
    return [Session(begin, begin + length, int(chance.random() * 60)) for begin in begins]


def _queued(number: int, due: Due, chance: random.Random) -> Queued:
    window = schedule.window(due.period.start, due.period.end)
    return Queued(number, window, schedule.slot(window, chance.randrange))


def _seen(one: Person, due: Due, text: bytes, arrived: int) -> Seen:
    """The server reads the bytes; the person is what the attacker wants to know."""
    read = report.parse(text)
    cell = report.cell_of_labels(definitions()[due.question], read.answer)
    return Seen(one.number, due.cell, due.question, read.period, cell, arrived, len(text))


def _deliver(days: list[Session], queue: list[Queued], chance: random.Random, *, skips: bool):
    """(report, moment) of each that leaves, by the real ticks and choices."""
    ticks, late_day = schedule.first_hour(STARTS, chance.randrange), -1
    for number, session in enumerate(days):
        waiting = [one for one in queue if one.slot < session.end]
        if skips and not waiting:
            ticks = None
            continue
        if ticks is None:
            ticks = _later(days, number, chance)
        for state, is_due in runs(session, ticks, chance):
            ticks = state
            if is_due and (choice := schedule.choose(waiting, ticks, late_day, chance.randrange)):
                late_day = schedule.day_of(ticks.seen) if choice.is_late else late_day
                yield choice.id, ticks.seen
                waiting = [one for one in waiting if one.id != choice.id]
                queue = [one for one in queue if one.id != choice.id]


def runs(session: Session, ticks: Ticks, chance: random.Random, *, skips: bool = True):
    """The state after each run, and whether it is a tick: what the timer starts stays for a tick that comes before the next run.

    With `skips` those between which nothing happens but that time passes are passed over.
    """
    now = _put_off(session.start + FIRST_RUN_S, session.second)
    while now < session.end:
        ticks = ticks.resume(now, now - ticks.seen, chance.randrange)
        if skips:
            ticks = _before_something_happens(ticks, session.end)
            now = ticks.seen
        yield ticks, False
        if ticks.tick_in_s is not None:
            now += ticks.tick_in_s
            if now >= session.end:
                return
            ticks, is_due = ticks.advance(now, now - ticks.seen, chance.randrange)
            yield ticks, is_due
        now = _put_off(now + 1 + RUN_S, session.second)


_PERIOD_S = RUN_S + ACCURACY_S
"""From a run to the next, between ticks."""


def _before_something_happens(ticks: Ticks, end: int) -> Ticks:
    """The state after the last run of a session that ends at `end` before which no hour ends and no tick is waited for."""
    goal = HOUR_S if ticks.is_done else ticks.moment_s - RUN_S
    number = max(min((goal - 1 - ticks.passed_s) // RUN_S, (end - 1 - ticks.seen) // _PERIOD_S), 0)
    return ticks._replace(seen=ticks.seen + number * _PERIOD_S, passed_s=ticks.passed_s + number * RUN_S)


def _put_off(moment: int, second: int) -> int:
    """The next moment at the second of the minute."""
    return moment + (second - moment) % ACCURACY_S


def _later(days: list[Session], number: int, chance: random.Random) -> Ticks:
    """The state before a day when those before it were passed over: how the real ticks stood after one of many days of as many hours."""
    end = days[number - 1].end if number else STARTS
    ticks = chance.choice(_states(days[0].end - days[0].start, days[0].start % DAY_S == days[1].start % DAY_S))
    moment_s = max(ticks.moment_s + chance.randrange(-_MOVED_S, _MOVED_S), 0)
    return ticks._replace(seen=ticks.seen + end, since=ticks.since + end, moment_s=moment_s)


@cache
def _states(length: int, has_fixed_start: bool) -> list[Ticks]:
    """The states at the ends of days of that length, with times counted from there, of some people over all days."""
    found = []
    for number in range(_WALKED):
        chance = random.Random(f"{length} {has_fixed_start} {number}")
        start = chance.randrange(DAY_S) if has_fixed_start else -1
        ticks, days = schedule.first_hour(STARTS, chance.randrange), sessions(Person(0, length / HOUR_S, start, 0, {}), chance)
        for session in days:
            *_, (ticks, _) = runs(session, ticks, chance)
            found.append(ticks._replace(seen=ticks.seen - session.end, since=ticks.since - session.end))
        del found[-len(days) : _SETTLED - len(days)]
    return found


_WALKED, _SETTLED, _MOVED_S = 5, 7, 60
"""How many people's days are walked, how many of the first do not count, and how far a moment is moved: nobody has the same one twice."""
