"""Invented users for selection.py, and what the real core lets them answer.

The vendor has ten applications of four questions each: forty questions of 2027, by the week, ε 2, each about a source of its own. Of those
who have an application, a third are *heavy users*: they have all ten, and accept every question. The others are *light users*: they have
this application alone and accept its four questions, which always find room. Heavy users also accept twelve questions of another vendor,
whose first is about the same fact as the first of this vendor.

How vendors publish and users accept is nowhere known; so several orders are tried (`PUBLICATIONS`, `ACCEPTANCES`). No order or population
here is measured. Who is drawn, and when, and who finds room is decided by `core.privacy.sampling_lot`, `core.privacy.ledger` and
`core.privacy.room`.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import NamedTuple

from support.manifests.core_questions import APPLICATION, MEMORY, STARTUP, asking

from telemetryd.core.answers.period import Period, whole_periods
from telemetryd.core.definition import Definition, Key
from telemetryd.core.privacy import ledger, room, share_plan
from telemetryd.core.privacy.sampling_lot import BITS, Lot, bar, period_among
from telemetryd.core.privacy.share_plan import Vendor, year_of
from telemetryd.core.settings import Budgets

CAPS = ledger.caps_of(Budgets(), is_spent=False)
OWN, OTHER = "telemetry.kde.org", "telemetry.gnome.org"
APPLICATIONS, EACH = 10, 4
LIGHT_TO_HEAVY = 2
"""Light users of each application for one heavy user."""
FIRST, LAST = date(2027, 1, 4), date(2027, 12, 26)
WEEKS = 51
DAY_S = 86_400
WEEK_S = 7 * DAY_S
FOREVER = 1 << 40
"""After all periods, Unix s."""


Accept = Callable[[Sequence["Asked"], Callable[[int], int]], list[int]]
"""(questions, chance) → the moments at which a user accepts them, Unix s."""


def unix(day: date) -> int:
    """The beginning of a day, Unix s."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())


class Asked(NamedTuple):
    """A question as users are asked: who is drawn, when it is published (Unix s), its periods, and its entry for each year."""

    definition: Definition
    host: str
    bar: int
    published: int
    periods: Sequence[Period]
    entries: dict[int, ledger.Charge]

    @property
    def key(self) -> Key:
        """Its key."""
        return self.definition.key


class Answers(NamedTuple):
    """One user: the questions for which the user was drawn in time, each with its period, and those of them that are answered."""

    drawn: dict[Key, Period]
    answered: set[Key]


def ask(definition: Definition, share: float, *, host: str = OWN, published: int = 0) -> Asked:
    """Publish a question with an endpoint share."""
    question = definition.question
    periods = whole_periods(question.period, question.starts, question.ends)
    entries = {year: ledger.charge_for(definition, host, year) for year in {year_of(period.end) for period in periods}}
    return Asked(definition, host, bar(question.share, share), published, periods, entries)


def chance_of(name: object) -> Callable[[int], int]:
    """Seeded numbers below a bound; 53 bits of them, as in `telemetryctl plan`."""
    draw = random.Random(str(name)).random
    return lambda bound: int(draw() * bound)


def lots_of(questions: Iterable[Asked], rng: Callable[[int], int]) -> Iterator[tuple[Asked, Lot]]:
    """The lots of a user for the questions for which the user is drawn; the lots of others are not needed."""
    for asked in questions:
        if (part := rng(1 << BITS)) < asked.bar:
            yield asked, Lot(part, rng(1 << BITS), rng(1 << BITS))


def candidate_of(asked: Asked, lot: Lot, accepted: int) -> tuple[Period, room.Candidate]:
    """The drawn period, and the question as it competes for room."""
    period = period_among(asked.periods, lot)
    return period, room.Candidate(lot.rank, accepted, period.start, asked.entries[year_of(period.end)])


def answer(questions: Sequence[Asked], accept: Accept, rng: Callable[[int], int]) -> Answers:
    """What a user answers who accepts these questions at the moments of `accept`: one look, after all periods."""
    lots = list(lots_of(questions, rng))
    if not lots:
        return Answers({}, set())
    moments = dict(zip((asked.key for asked in questions), accept(questions, rng), strict=True))
    drawn, candidates = {}, {}
    for asked, lot in lots:
        period, candidate = candidate_of(asked, lot, max(moments[asked.key], asked.published))
        if candidate.accepted < candidate.begins:
            drawn[asked.key], candidates[asked.key] = period, candidate
    return Answers(drawn, set(drawn) if fit_together(candidates.values()) else set(room.look({}, candidates, CAPS, FOREVER).changes))


def fit_together(candidates: Iterable[room.Candidate]) -> bool:
    """Whether all of them have room at once, so that in no order one takes it from another; with most users it is so."""
    sums = ledger.Sums(CAPS)
    for candidate in candidates:
        if sums.obstacle(candidate.entry):
            return False
        sums.add(candidate.entry)
    return True


def answer_step_by_step(accepted: Sequence[Asked], rng: Callable[[int], int]) -> Answers:
    """The same as the daemon does it, with a look and a ledger at each beginning of a period, for questions accepted before all of them."""
    drawn, candidates, held = {}, {}, {}
    for asked, lot in lots_of(accepted, rng):
        drawn[asked.key], candidates[asked.key] = candidate_of(asked, lot, 0)
    for now in sorted({period.start for period in drawn.values()}):
        held = {key: entry._replace(is_charged=drawn[key].end <= now) for key, entry in held.items()}
        candidates = {key: one for key, one in candidates.items() if drawn[key].end > now}
        changes, passed, _ = room.look(held, candidates, CAPS, now)
        held |= changes
        candidates = {key: one for key, one in candidates.items() if key not in passed}
    return Answers(drawn, set(held))


def definition_of(
    number: int, starts: date = FIRST, ends: date = LAST, *, application: int = -1, vendor: str = "kde", source: str = ""
) -> Definition:
    """Question `number` of a vendor, of an application in turn, about a source of its own; the first is also about the machine's memory."""
    of = number // EACH if application < 0 else application
    about = APPLICATION._replace(id=f"org.{vendor}.app{of:02}", vendor=vendor)
    fields = (STARTUP._replace(id=source or f"source{number:03}"), *([MEMORY] if not (number or source) else []))
    return asking(*fields, application=about, id=f"question{number:03}", starts=starts, ends=ends)


# How the forty questions are published: question → (its first day, its last day); it is published a week before.


def _at_once(number: int) -> tuple[date, date]:
    return FIRST, LAST


def _by_application(number: int) -> tuple[date, date]:
    """An application a month, by alphabet; each asks until the year is over."""
    return FIRST + timedelta(weeks=4 * (number // EACH)), LAST


def _by_quarter(number: int) -> tuple[date, date]:
    quarter = number * 4 // (APPLICATIONS * EACH)
    return FIRST + timedelta(weeks=13 * quarter), min(LAST, FIRST + timedelta(weeks=13 * quarter + 13, days=-1))


def _one_by_one(number: int) -> tuple[date, date]:
    week = number * WEEKS // (APPLICATIONS * EACH)
    return FIRST + timedelta(weeks=week), FIRST + timedelta(weeks=week + 1, days=-1)


def _at_random(number: int) -> tuple[date, date]:
    chance = random.Random(number)
    first = chance.randrange(WEEKS - 1)
    return FIRST + timedelta(weeks=first), FIRST + timedelta(weeks=chance.randrange(first, WEEKS) + 1, days=-1)


PUBLICATIONS: dict[str, Callable[[int], tuple[date, date]]] = {
    "all at once, for the year": _at_once,
    "at random, for a random time": _at_random,
    "an application each four weeks, until the year's end": _by_application,
    "ten a quarter, for the quarter": _by_quarter,
    "one after another, for a week each": _one_by_one,
}
YEAR_S = WEEKS * WEEK_S
BEFORE = unix(FIRST) - 30 * DAY_S


# When a user accepts the questions, which are in alphabetical order: Unix s. Nothing is accepted before it is published.


def by_alphabet(questions: Sequence[Asked], _rng: object = None) -> list[int]:
    """One question a minute."""
    return [BEFORE + 60 * place for place in range(len(questions))]


def at_publication(questions: Sequence[Asked], _rng: object) -> list[int]:
    """Each as soon as it is there."""
    return [asked.published for asked in questions]


def _by_vendor(questions: Sequence[Asked], _rng: object) -> list[int]:
    """First this vendor's questions, then those of the other vendor, which come first in the alphabet."""
    return [BEFORE + (DAY_S if asked.host == OTHER else 0) + 60 * place for place, asked in enumerate(questions)]


def _at_any_moment(questions: Sequence[Asked], rng: Callable[[int], int]) -> list[int]:
    return [BEFORE + rng(YEAR_S) for _ in questions]


def _late(questions: Sequence[Asked], rng: Callable[[int], int]) -> list[int]:
    """The user joins at a random moment of the year, and then accepts everything."""
    return [BEFORE + rng(YEAR_S)] * len(questions)


ACCEPTANCES: dict[str, tuple[Accept, Accept]] = {
    "by alphabet": (by_alphabet, by_alphabet),
    "by vendor": (_by_vendor, _by_vendor),
    "each at a random moment": (_at_any_moment, _at_any_moment),
    "heavy users join late": (_late, by_alphabet),
    "heavy users are early": (by_alphabet, _late),
}
"""When heavy users accept, and light users."""


def declared(publication: str) -> list[Definition]:
    """The forty questions in an order of publication."""
    return [definition_of(number, *PUBLICATIONS[publication](number)) for number in range(APPLICATIONS * EACH)]


def published(publication: str, share: float) -> list[Asked]:
    """The forty questions with an endpoint share, each published a week before it begins."""
    return [ask(one, share, published=unix(one.question.starts) - WEEK_S) for one in declared(publication)]


@cache
def of_the_other_vendor() -> list[Asked]:
    """Twelve questions with the share that `plan` says."""
    definitions = [definition_of(number, vendor="gnome") for number in range(12)]
    share = planned(definitions)
    return [ask(one, share, host=OTHER) for one in definitions]


def planned(definitions: Sequence[Definition], applications: int = 0, *, is_in_turn: bool = False) -> float:
    """The endpoint share that `telemetryctl plan` says."""
    shares = share_plan.fitting_shares(Vendor(definitions, CAPS, applications), plan_chance())
    return shares.in_turn if is_in_turn else shares.together


def plan_chance() -> Callable[[int], int]:
    """The numbers of `telemetryctl plan`."""
    draw = random.Random(2026).random
    return lambda bound: int(draw() * bound)
