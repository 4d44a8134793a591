"""A population that lives: on which days, at which hours and for how long its machines run.

`CLASSES` has the classes and the part of the people in each. The parts are assumed: nowhere is published how often machines are on. A
quarter is on once a week or less, because delivery and presence depend on those most.

- *Days.* `every`; `working` and `weekend` by the local week; `weekly` on a weekday of one's own, `fortnightly` on every fourteenth day; `by
  chance` on each day with the same probability; `monthly` on one day, drawn anew, in each thirty. `holidays`: all days but 20 December to 3
  January and two weeks of one's own. `absences`: two to ten weeks there, one to five away, in turn. `casual`: each day by chance, with a
  probability of one's own between 1/30 and 1/5.
- *Hours* are local: `any` time of the day; `evening` (19:00 ± 1.5 h) and `office` (8:30 ± 20 min), each drawn anew each day; `one` is the
  same second of the day, on a machine that sleeps and never boots. `ZONES` has the part of the people in each time zone.
- *Lengths.* An hour is sixty minutes. Other lengths than an hour and half an hour vary from day to day, by up to a half. Sessions of casual
  people have ten to ninety minutes.
"""

import random
from collections.abc import Callable
from typing import NamedTuple

from benchmarks.linkage_days import DAY_S, DAYS, Session
from benchmarks.linkage_people import ACCEPTED_BEFORE, STARTS

from telemetryd.core.limits import HOUR_S

FIRST_DAY = -ACCEPTED_BEFORE // DAY_S
"""The first day of a calendar, counted from the questions' start: before the first acceptance."""
ZONES = {-8: 6, -5: 12, -3: 7, 0: 12, 1: 34, 2: 9, 3: 7, 5.5: 7, 8: 4, 9: 2}
"""Hours east of UTC: per cent of the people."""
_CHRISTMAS = range(48, 63)
"""20 December to 3 January, counted from the questions' start."""

Days = Callable[[random.Random, range], list[int]]


def every(_chance: random.Random, span: range) -> list[int]:
    """All days."""
    return list(span)


def working(_chance: random.Random, span: range) -> list[int]:
    """Monday to Friday."""
    return [day for day in span if day % 7 < 5]


def weekend(_chance: random.Random, span: range) -> list[int]:
    """Saturday and Sunday."""
    return [day for day in span if day % 7 >= 5]


def each(days: int) -> Days:
    """One day in so many, always the same."""
    return lambda chance, span: list(span[chance.randrange(days) :: days])


def by_chance(days: int) -> Days:
    """Each day with probability 1 / days."""
    return lambda chance, span: [day for day in span if not chance.randrange(days)]


def monthly(chance: random.Random, span: range) -> list[int]:
    """One day, drawn anew, in each thirty."""
    return [day for start in span[::30] if (day := start + chance.randrange(30)) in span]


def holidays(chance: random.Random, span: range) -> list[int]:
    """All days but those about Christmas and two weeks of one's own."""
    own = chance.choice(span)
    return [day for day in span if day not in _CHRISTMAS and not own <= day < own + 14]


def absences(chance: random.Random, span: range) -> list[int]:
    """Two to ten weeks of every day, then one to five weeks of none, in turn."""
    days, start = [], span.start - chance.randrange(70)
    while start < span.stop:
        end = start + chance.randrange(14, 71)
        days += range(max(start, span.start), min(end, span.stop))
        start = end + chance.randrange(7, 36)
    return days


def casual(chance: random.Random, span: range) -> list[int]:
    """Each day by chance, with a probability of one's own between 1/30 and 1/5."""
    part = chance.uniform(1 / 30, 1 / 5)
    return [day for day in span if chance.random() < part]


class Class(NamedTuple):
    """People who use their machines alike: `part` per cent of all, for so many `hours` a day; 0 are those of casual people.

    `least` is the part of their reports that has to arrive, if any is promised.
    """

    name: str
    part: int
    days: Days
    at: str
    hours: float
    least: float = 0.0


CLASSES = (
    Class("always on", 4, every, "one", 24, 0.999),
    Class("daily, evenings, about 4 h", 12, every, "evening", 4, 0.999),
    Class("daily, 1 h, at any time", 6, every, "any", 1, 0.999),
    Class("daily, half an hour, at any time", 5, every, "any", 0.5, 0.999),
    Class("daily, 1 h, at one hour", 5, every, "one", 1, 0.999),
    Class("daily, half an hour, at one hour", 5, every, "one", 0.5, 0.999),
    Class("daily but for holidays, about 4 h", 6, holidays, "evening", 4, 0.999),
    Class("daily but for absences of weeks, about 4 h", 6, absences, "evening", 4),
    Class("working days, about 8 h", 13, working, "office", 8, 0.999),
    Class("weekends, about 3 h", 5, weekend, "any", 3, 0.99),
    Class("a fixed day a week, about 2 h", 4, each(7), "evening", 2, 0.99),
    Class("a fixed day a week, 1 h", 3, each(7), "evening", 1, 0.99),
    Class("a fixed day a week, half an hour", 3, each(7), "evening", 0.5, 0.98),
    Class("by chance once in 7 days, about 2 h", 3, by_chance(7), "evening", 2, 0.99),
    Class("by chance once in 7 days, 1 h", 3, by_chance(7), "evening", 1, 0.99),
    Class("by chance once in 7 days, half an hour", 3, by_chance(7), "evening", 0.5, 0.98),
    Class("every 14th day, about 2 h", 3, each(14), "evening", 2, 0.99),
    Class("by chance once in 14 days, about 2 h", 3, by_chance(14), "evening", 2),
    Class("one day in each 30, about 2 h", 3, monthly, "evening", 2),
    Class("casual, 10 to 90 min", 5, casual, "any", 0),
)


def class_of(number: int) -> int:
    """The place in CLASSES of one of the people: each hundred has them by their parts."""
    rest = number % 100
    for place, one in enumerate(CLASSES):
        rest -= one.part
        if rest < 0:
            return place
    raise AssertionError("the parts add up to a hundred")


def calendar(kind: Class, chance: random.Random, days: int = DAYS) -> list[Session]:
    """When a machine runs, from FIRST_DAY to so many days after the questions' start, one session a day."""
    zone_s = round(HOUR_S * chance.choices(list(ZONES), list(ZONES.values()))[0])
    own, second = chance.randrange(DAY_S), chance.randrange(60)
    found: list[Session] = []
    for day in kind.days(chance, range(FIRST_DAY, days)):
        length = _length(kind, chance)
        start = STARTS + day * DAY_S - zone_s + _start(kind.at, own, length, chance)
        start = max(start, found[-1].end) if found else start
        found.append(Session(start, start + length, second if kind.at == "one" else chance.randrange(60)))
    return found


def _length(kind: Class, chance: random.Random) -> int:
    """Seconds of use on one day."""
    if not kind.hours:
        return chance.randrange(10 * 60, 90 * 60)
    varies = 1 < kind.hours < 24
    return round(kind.hours * HOUR_S * (chance.uniform(0.5, 1.5) if varies else 1))


def _start(at: str, own: int, length: int, chance: random.Random) -> int:
    """The second of the local day at which one day's use begins."""
    match at:
        case "one":
            return own
        case "evening":
            return round(chance.gauss(19 * HOUR_S, 1.5 * HOUR_S))
        case "office":
            return round(chance.gauss(8.5 * HOUR_S, HOUR_S / 3))
        case _:
            return chance.randrange(DAY_S - length)
