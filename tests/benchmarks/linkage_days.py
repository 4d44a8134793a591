"""The days of the people of linkage.py: when their machines run, when the real core ticks, and what arrives at the server when.

The timer is modelled as systemd runs it (systemd.timer(5), and `initialize_perturb` in its sd-event.c): a minute after the start, then ten
minutes after the last run ended, each put off to the machine's own second of the minute, which stays the same until the next boot. Reports
take no time to arrive, and this server refuses none: both help the attacker. linkage_servers.py has others.

A fixed day begins at the same second every day, on a machine that sleeps and never boots; any other day begins with a boot, at any time.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cache
from math import inf
from typing import NamedTuple

from benchmarks.linkage_people import PERIODS, STARTS, Due, Person, definitions, owed

from telemetryd.core.answers import report
from telemetryd.core.limits import HOUR_S
from telemetryd.core.privacy import noise
from telemetryd.core.sending import schedule
from telemetryd.core.sending.schedule import Delivery, Queued, Result
from telemetryd.core.sending.ticks import Ticks, first_hour

DAY_S = 86_400
DAYS = PERIODS * 7 + 7 + 28 + 56
"""The questions' weeks, then the delay and both windows of the last."""
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


class Server:
    """Accepts every report. `bodies` has the moments at which each report's body came; deliveries take it no time."""

    def __init__(self) -> None:
        self.bodies: dict[int, list[int]] = defaultdict(list)

    def take(self, report: Queued, now: int) -> tuple[Delivery, int]:
        """The outcome of handing over a report at `now`, and how many seconds that took."""
        self.bodies[report.id].append(now)
        return schedule.delivery_of(200), 0


class Outbox:
    """The reports of one machine that wait for a server, which leave by the real choices."""

    def __init__(self, queue: Iterable[Queued], server: Server, chance: random.Random) -> None:
        self.queue = list(queue)
        self.busy_s = 0
        self._server, self._chance, self._late_day = server, chance, -1

    def earliest(self) -> float:
        """The first moment at which a report of the queue may leave; none ever, if it is empty."""
        return min((one.slot for one in self.queue), default=inf)

    def tick(self, ticks: Ticks) -> None:
        """Hand over the report that this tick sends, if any. What surely reached nobody gets another slot; all else is final."""
        if choice := schedule.choose(self.queue, ticks, self._late_day, self._chance.randrange):
            self._late_day = schedule.day_of(ticks.seen) if choice.is_late else self._late_day
            (sent,) = (one for one in self.queue if one.id == choice.id)
            delivery, self.busy_s = self._server.take(sent, ticks.seen)
            self.queue.remove(sent)
            if delivery.result is Result.HELD:
                slot = schedule.next_slot(sent.window, ticks.seen + self.busy_s, self._chance.randrange)
                self.queue.append(sent._replace(slot=slot))


Deliver = Callable[[Outbox], None]
"""Has a machine run until all its reports have left or expired."""


def life(one: Person, seed: int, *, skips: bool = True) -> list[Seen]:
    """Everything that one person sends; with `skips` sessions in which nothing can leave are passed over, else all are walked."""
    chance = random.Random(f"{seed} life {one.number}")
    return reports(one, owed(one, chance), Server(), chance, lambda outbox: _deliver(sessions(one, chance), outbox, chance, skips=skips))


def reports(one: Person, dues: list[Due], server: Server, chance: random.Random, deliver: Deliver) -> list[Seen]:
    """What becomes of the answers that a person owes, at that server."""
    bodies = {number: (due, body(due, chance)) for number, due in enumerate(dues)}
    deliver(Outbox([_queued(number, due, chance) for number, (due, _) in bodies.items()], server, chance))
    return [_seen(one, due, text, min(server.bodies.get(number, [-1]))) for number, (due, text) in bodies.items()]


def body(due: Due, chance: random.Random) -> bytes:
    """The bytes of a report, as the daemon makes them."""
    definition = definitions()[due.question]
    question = definition.question
    cell = noise.respond(due.cell, definition.cells, question.epsilon, chance.randrange)
    nonce = f"{chance.getrandbits(128):032x}"
    answer = report.label_of_cell(definition, cell)
    return report.encode(report.Report(*definition.key, _revisions()[due.question], due.period.label, answer, question.epsilon, nonce))


@cache
def _revisions() -> list[str]:
    """The name of each question's definition in reports."""
    return [definition.revision for definition in definitions()]


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


def _deliver(days: list[Session], outbox: Outbox, chance: random.Random, *, skips: bool) -> None:
    """Days of as many hours each, by the real ticks and choices."""
    ticks, earliest = first_hour(STARTS, chance.randrange), outbox.earliest()
    for number, session in enumerate(days):
        if skips and earliest >= session.end:
            ticks = None
            continue
        if ticks is None:
            ticks = _later(days, number, chance)
        ticks, earliest = walk(session, ticks, outbox, chance), outbox.earliest()


def walk(session: Session, ticks: Ticks, outbox: Outbox, chance: random.Random) -> Ticks:
    """The state after a session in which reports leave."""
    for state, is_due in runs(session, ticks, chance, busy=lambda: outbox.busy_s):
        ticks = state
        outbox.busy_s = 0
        if is_due:
            outbox.tick(ticks)
    return ticks


def runs(session: Session, ticks: Ticks, chance: random.Random, *, skips: bool = True, busy: Callable[[], int] = int):
    """The state after each run, and whether it is a tick: what the timer starts stays for a tick that comes before the next run.

    With `skips` those between which nothing happens but that time passes are passed over. `busy` says for how many seconds a run went on.
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
        now = _put_off(now + 1 + busy() + RUN_S, session.second)


_PERIOD_S = RUN_S + ACCURACY_S
"""From a run to the next, between ticks."""


def _before_something_happens(ticks: Ticks, end: int) -> Ticks:
    """The state after the last run of a session that ends at `end` before which no hour ends and no tick is waited for."""
    goal = HOUR_S if ticks.is_done else ticks.moment_s - RUN_S
    number = min((goal - 1 - ticks.passed_s) // RUN_S, (end - 1 - ticks.seen) // _PERIOD_S)
    if number <= 0:
        return ticks
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
        ticks, days = first_hour(STARTS, chance.randrange), sessions(Person(0, length / HOUR_S, start, 0, {}), chance)
        for session in days:
            *_, (ticks, _) = runs(session, ticks, chance)
            found.append(ticks._replace(seen=ticks.seen - session.end, since=ticks.since - session.end))
        del found[-len(days) : _SETTLED - len(days)]
    return found


_WALKED, _SETTLED, _MOVED_S = 5, 7, 60
"""How many people's days are walked, how many of the first do not count, and how far a moment is moved: nobody has the same one twice."""
