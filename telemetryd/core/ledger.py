"""The privacy budget: what all answers together can ever reveal, per endpoint host and per measured thing. Policy: A1, A2.

Each answer charges its ε once to the host that gets it and once to each of its sources. A charge is never refunded; a reservation, made
when a question is accepted, is released if no report came of it. A source's cap counts across hosts: it bounds what can ever be known of
one fact.
Amounts are tenths of ε, so that sums are exact. All of this holds for one state directory.
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.noise import exp_thousandths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.settings import Budgets

_TWO_DIGITS = 10_000
"""Thousandths of a factor from which on two digits need no fraction."""

Key = tuple[str, str]
"""(application id, question id)."""


class Entry(NamedTuple):
    """What one answer costs: `tenths` of ε, in calendar year `year`, told to `host`, about `sources`."""

    host: str
    year: int
    tenths: int
    sources: tuple[str, ...]
    is_charged: bool = False


class Line(NamedTuple):
    """One sum of the ledger, in tenths of ε. `source` "" is the host as a whole; for a source `host` is "": its cap counts across hosts.

    `year` 0 is for life.
    """

    host: str
    source: str
    year: int
    spent: int
    reserved: int
    cap: int


class Caps(NamedTuple):
    """The caps in tenths of ε."""

    source: int
    year: int
    life: int


def caps_of(budgets: Budgets, *, is_spent: bool) -> Caps:
    """The caps in force; a damaged ledger reads as spent."""
    return Caps(0, 0, 0) if is_spent else Caps(*(round(one * 10) for one in budgets))


def entry_of(definition: Definition, host: str, year: int) -> Entry:
    """What answering a question costs."""
    application = definition.application.id
    sources = tuple(one if "/" in one else f"{application}/{one}" for one in definition.question.sources)
    return Entry(host, year, round(definition.question.epsilon * 10), sources)


def obstacle(entries: Iterable[Entry], wanted: Entry, caps: Caps) -> str:
    """The cap that leaves no room for an answer, in words, or ""."""
    kept = list(entries)
    to_host = [one for one in kept if one.host == wanted.host]
    if _sum(to_host) + wanted.tenths > caps.life:
        return f"the budget of {wanted.host} is spent"
    if _sum(one for one in to_host if one.year == wanted.year) + wanted.tenths > caps.year:
        return f"the budget of {wanted.host} for {wanted.year} is spent"
    for source in wanted.sources:
        if _sum(one for one in kept if source in one.sources) + wanted.tenths > caps.source:
            return f"the budget of {source} is spent"
    return ""


def is_exceeded(entries: Iterable[Entry], caps: Caps) -> bool:
    """Whether any cap is exceeded: it was lowered since."""
    return any(line.spent + line.reserved > line.cap for line in lines(entries, caps))


def reserve(
    kept: Mapping[Key, Entry], wanted: Mapping[Key, Entry], caps: Caps, draw: Callable[[int], int]
) -> tuple[dict[Key, Entry], dict[Key, str]]:
    """Reserve for questions in random order, so that which of them finds no room says nothing: (reserved, obstacle of each other one)."""
    reserved: dict[Key, Entry] = {}
    refused: dict[Key, str] = {}
    for key in _shuffled(sorted(wanted), draw):
        obstacle_found = obstacle((*kept.values(), *reserved.values()), wanted[key], caps)
        if obstacle_found:
            refused[key] = obstacle_found
        else:
            reserved[key] = wanted[key]
    return reserved, refused


def lines(entries: Iterable[Entry], caps: Caps) -> list[Line]:
    """Every sum that has a cap and is not zero: hosts for life and by year, then sources."""
    kept = list(entries)
    found = []
    for host in sorted({one.host for one in kept}):
        of_host = [one for one in kept if one.host == host]
        found.append(_line(of_host, Line(host, "", 0, 0, 0, caps.life)))
        years = sorted({one.year for one in of_host})
        found += [_line([one for one in of_host if one.year == year], Line(host, "", year, 0, 0, caps.year)) for year in years]
    sources = sorted({source for one in kept for source in one.sources})
    return [*found, *(_line([one for one in kept if source in one.sources], Line("", source, 0, 0, 0, caps.source)) for source in sources)]


def words(line: Line, entries: Iterable[Entry]) -> str:
    """What a line means, in computed words. Never "at most so sure": how sure someone becomes depends on what they knew before."""
    told = [one for one in entries if _concerns(line, one)]
    if not told:
        return ""
    most = max(one.tenths for one in told)
    alone = f"Each answer can multiply anyone's odds about you by at most {_factor(most)} (even odds become {_percent(most)} %)."
    if len(told) == 1:
        return alone.replace("Each answer", "This answer")
    together = _factor(line.spent + line.reserved)
    about = f"about {line.source}" if line.source else "about everything that they tell together"
    return (  # the sign of multiplication is meant
        f"{alone} Reports carry nothing that ties them together, but whoever records network addresses could tie yours, and then the"
        f" factors multiply: {about} at most × {together}."  # noqa: RUF001 - the same
    )


def _concerns(line: Line, entry: Entry) -> bool:
    if line.source:
        return line.source in entry.sources
    return entry.host == line.host and line.year in {0, entry.year}


def _factor(tenths: int) -> str:
    """e^ε rounded up to two digits: 7.4, 55, 8,900,000."""
    thousandths = exp_thousandths(tenths / 10)
    if thousandths < _TWO_DIGITS:
        return f"{ceil(thousandths / 100) / 10:.1f}"
    unit = 10 ** (len(str(thousandths // 1000)) - 2)
    return f"{-(-thousandths // (1000 * unit)) * unit:,}"


def _percent(tenths: int) -> int:
    """What even odds become, in whole percent."""
    factor = exp_thousandths(tenths / 10)
    return round(100 * factor / (factor + 1000))


def _line(entries: Sequence[Entry], empty: Line) -> Line:
    charged = _sum(one for one in entries if one.is_charged)
    return empty._replace(spent=charged, reserved=_sum(entries) - charged)


def _sum(entries: Iterable[Entry]) -> int:
    return sum(one.tenths for one in entries)


def _shuffled(keys: list[Key], draw: Callable[[int], int]) -> list[Key]:
    """The keys in uniformly random order."""
    for place in range(len(keys) - 1, 0, -1):
        other = draw(place + 1)
        keys[place], keys[other] = keys[other], keys[place]
    return keys
