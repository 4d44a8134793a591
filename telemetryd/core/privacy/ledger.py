"""The privacy budget: the total ε of all answers, per endpoint host and per source. Policy: A1, A2.

Each answer charges its ε once to the host that receives it and once to each of its sources. A charge is never refunded. From the beginning
of its period an answer is held, and it is released if no report results (`core.privacy.room`). A source's cap counts across hosts: it
bounds what anyone can learn of one fact.

Amounts are tenths of ε, so that sums are exact. A ledger covers one state directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.causes import Cause, because
from telemetryd.core.privacy.odds import Revealed
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from telemetryd.core.causes import Reason
    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.settings import Budgets


class Charge(NamedTuple):
    """The cost of one answer: `tenths` of ε about `sources`, sent to `host`. `year` is that of the last second of its period (UTC)."""

    host: str
    year: int
    tenths: int
    sources: tuple[str, ...]
    is_charged: bool = False


class Line(NamedTuple):
    """One sum of the ledger and its cap, in tenths of ε.

    The sum of a host has `source` "". The sum of a source has `host` "", because its cap counts across hosts. `year` 0 means for life. The
    sum of an application's answers has neither, and no cap of its own (0). `answers` counts the reports that were made.
    """

    host: str
    source: str
    year: int
    spent: int
    reserved: int
    cap: int
    application: str = ""
    answers: int = 0


class Caps(NamedTuple):
    """The caps of a source, of a host in a year, and of a host for life, in tenths of ε."""

    source: int
    year: int
    life: int


def caps_of(budgets: Budgets, *, is_spent: bool) -> Caps:
    """The caps in force. All are 0 for a lost ledger, because nobody knows what was spent."""
    return Caps(0, 0, 0) if is_spent else Caps(*(round(cap * 10) for cap in budgets))


def charge_for(definition: Definition, host: str, year: int) -> Charge:
    """The charge of a question's answer, not yet final."""
    application = definition.application.id
    sources = tuple(source if "/" in source else f"{application}/{source}" for source in definition.question.sources)
    return Charge(host, year, round(definition.question.epsilon * 10), sources)


class Sums:
    """The sums of entries under their caps, and whether another answer fits beside them."""

    def __init__(self, caps: Caps, entries: Iterable[Charge] = ()) -> None:
        self._caps = caps
        self._hosts: dict[str, int] = {}
        self._years: dict[tuple[str, int], int] = {}
        self._sources: dict[str, int] = {}
        for entry in entries:
            self.add(entry)

    @property
    def is_exceeded(self) -> bool:
        """Whether any sum exceeds its cap, because the cap was lowered afterwards."""
        caps = self._caps
        pairs = ((self._hosts, caps.life), (self._years, caps.year), (self._sources, caps.source))
        return any(total > cap for sums, cap in pairs for total in sums.values())

    def add(self, entry: Charge) -> None:
        """Count an answer, whether it fits or not."""
        year = entry.host, entry.year
        self._hosts[entry.host] = self._hosts.get(entry.host, 0) + entry.tenths
        self._years[year] = self._years.get(year, 0) + entry.tenths
        for source in entry.sources:
            self._sources[source] = self._sources.get(source, 0) + entry.tenths

    def obstacle(self, entry: Charge) -> Reason | None:
        """The first cap that the answer would exceed; None if it fits."""
        caps, host, tenths = self._caps, entry.host, entry.tenths
        if self._hosts.get(host, 0) + tenths > caps.life:
            return because(Cause.NO_ROOM, cap="life", host=host)
        if self._years.get((host, entry.year), 0) + tenths > caps.year:
            return because(Cause.NO_ROOM, cap="year", host=host, year=str(entry.year))
        # Across all hosts, because hosts may share what they learn of one fact.
        for source in entry.sources:
            if self._sources.get(source, 0) + tenths > caps.source:
                return because(Cause.NO_ROOM, cap="source", source=source)
        return None

    def copy(self) -> Sums:
        """Sums that grow apart from these."""
        other = Sums(self._caps)
        other._hosts, other._years, other._sources = dict(self._hosts), dict(self._years), dict(self._sources)
        return other


def lines(entries: Mapping[Key, Charge], caps: Caps) -> list[Line]:
    """Every sum that is not zero: hosts for life and by year, then sources, then applications."""
    charges = list(entries.values())
    sums = []
    for host in sorted({charge.host for charge in charges}):
        of_host = [charge for charge in charges if charge.host == host]
        sums.append(_line(of_host, Line(host, "", 0, 0, 0, caps.life)))
        years = sorted({charge.year for charge in of_host})
        sums += [_line([charge for charge in of_host if charge.year == year], Line(host, "", year, 0, 0, caps.year)) for year in years]
    sources = sorted({source for charge in charges for source in charge.sources})
    return [
        *sums,
        *(_line([charge for charge in charges if source in charge.sources], Line("", source, 0, 0, 0, caps.source)) for source in sources),
        *(
            _line([entry for key, entry in entries.items() if key[0] == application], Line("", "", 0, 0, 0, 0, application))
            for application in sorted({application for application, _ in entries})
        ),
    ]


def revealed(line: Line, entries: Mapping[Key, Charge]) -> Revealed:
    """What a line stands for, in ε: which answers it sums up, and the largest of them."""
    concerned = [charge.tenths for key, charge in entries.items() if _concerns(line, key, charge)]
    return Revealed(line.spent / 10, line.reserved / 10, max(concerned, default=0) / 10, len(concerned), line.application)


def _concerns(line: Line, key: Key, entry: Charge) -> bool:
    if line.application:
        return key[0] == line.application
    if line.source:
        return line.source in entry.sources
    return entry.host == line.host and line.year in {0, entry.year}


def _line(entries: Sequence[Charge], empty: Line) -> Line:
    charged = [entry for entry in entries if entry.is_charged]
    return empty._replace(spent=_sum(charged), reserved=_sum(entries) - _sum(charged), answers=len(charged))


def _sum(entries: Iterable[Charge]) -> int:
    return sum(charge.tenths for charge in entries)
