"""The days of the people of linkage.py: when their machines run, when the real core ticks, and what arrives at the server when.

The timer is modelled as systemd runs it (systemd.timer(5), and `initialize_perturb` in its sd-event.c): a minute after the start, then ten
minutes after the last run ended, each put off to the machine's own second of the minute, which stays the same until the next boot. Reports
take no time to arrive, and no server refuses one: both help the attacker.

A fixed day begins at the same second every day, on a machine that sleeps and never boots; any other day begins with a boot, at any time.
"""

import random
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
    ticks, late_day, before = schedule.first_hour(STARTS, chance.randrange), -1, STARTS
    for session in days:
        waiting = [one for one in queue if one.slot < session.end]
        if skips and not waiting:
            ticks, before = None, session.end
            continue
        if ticks is None:
            ticks = _somewhere_in_an_hour(before, chance)
        after = ticks
        for state, is_due in runs(session, ticks, chance):
            after = state
            if is_due and (choice := schedule.choose(waiting, state, late_day, chance.randrange)):
                late_day = schedule.day_of(state.seen) if choice.is_late else late_day
                yield choice.id, state.seen
                waiting = [one for one in waiting if one.id != choice.id]
                queue = [one for one in queue if one.id != choice.id]
                if skips and not waiting:
                    after = None
                    break
        ticks, before = after, session.end


def runs(session: Session, ticks: Ticks, chance: random.Random):
    """The state after each run, and whether it is a tick: what the timer starts stays for a tick that comes before the next run."""
    now = _put_off(session.start + FIRST_RUN_S, session.second)
    while now < session.end:
        ticks = ticks.resume(now, now - ticks.seen, chance.randrange)
        yield ticks, False
        if ticks.tick_in_s is not None:
            now += ticks.tick_in_s
            if now >= session.end:
                return
            ticks, is_due = ticks.advance(now, now - ticks.seen, chance.randrange)
            yield ticks, is_due
        now = _put_off(now + 1 + RUN_S, session.second)


def _put_off(moment: int, second: int) -> int:
    """The next moment at the second of the minute."""
    return moment + (second - moment) % ACCURACY_S


def _somewhere_in_an_hour(seen: int, chance: random.Random) -> Ticks:
    """The state at the end of a session that was passed over: anywhere in a running hour."""
    passed, moment = chance.randrange(HOUR_S), chance.randrange(HOUR_S)
    return Ticks(seen, seen, passed, moment, moment <= passed)
