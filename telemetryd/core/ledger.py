"""The privacy budget: what all answers together can ever reveal, per endpoint host and per measured thing. Policy: A1, A2.

Each answer charges its ε once to the host that gets it and once to each of its sources. A charge is never refunded; a reservation, made when
a question is accepted, is released if no report came of it. A source's cap counts across hosts: it bounds what can ever be known of one fact.
Amounts are tenths of ε, so that sums are exact. All of this holds for one state directory.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.review import exp_thousandths

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.settings import Budgets

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
    return Caps(0, 0, 0) if is_spent else Caps(*(int(round(one * 10)) for one in budgets))


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


def reserve(kept: Mapping[Key, Entry], wanted: Mapping[Key, Entry], caps: Caps, draw: Callable[[int], int]) -> tuple[dict[Key, Entry], dict[Key, str]]:
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
        found.append(_line(of_host, host, "", 0, caps.life))
        for year in sorted({one.year for one in of_host}):
            found.append(_line([one for one in of_host if one.year == year], host, "", year, caps.year))
    for source in sorted({source for one in kept for source in one.sources}):
        about = [one for one in kept if source in one.sources]
        found.append(_line(about, "", source, 0, caps.source))
    return found


def odds(tenths: int) -> tuple[Fraction, int]:
    """(by how much so much ε can multiply anyone's odds, what even odds become then in whole percent, rounded up)."""
    factor = Fraction(exp_thousandths(tenths / 10), 1000)
    return factor, ceil(100 * factor / (factor + 1))


def _line(entries: Sequence[Entry], host: str, source: str, year: int, cap: int) -> Line:
    charged = _sum(one for one in entries if one.is_charged)
    return Line(host, source, year, charged, _sum(entries) - charged, cap)


def _sum(entries: Iterable[Entry]) -> int:
    return sum(one.tenths for one in entries)


def _shuffled(keys: list[Key], draw: Callable[[int], int]) -> list[Key]:
    """The keys in uniformly random order."""
    for place in range(len(keys) - 1, 0, -1):
        other = draw(place + 1)
        keys[place], keys[other] = keys[other], keys[place]
    return keys
