"""Lines that a server stored become counts: one report a line, repeated deliveries dropped, anything else named by its line alone."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import PeriodKind
from telemetryd.core.period import whole_periods
from telemetryd.core.report import REPORT_BYTES, InvalidReportError, cell_of_labels, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.core.report import Report

Definitions = dict[tuple[str, str, str], "Definition"]
"""What is known of the questions, by (application, question, revision)."""

_DAY_LABEL = len("2026-11-24")
_MONTHS = 12
_WEEK_DAYS = 7


class Asked(NamedTuple):
    """Reports that can be counted together. `fields` is the number of labels in an answer."""

    application: str
    question: str
    revision: str
    epsilon: float | None
    kind: PeriodKind
    fields: int


Tally = dict[str, Counter[tuple[str, ...]]]
"""How many reports: period's label → answer → count."""


class Lines(NamedTuple):
    """What became of the lines of one file, by their numbers from 1: `unfit` is a report that its definition does not allow."""

    name: str
    accepted: list[int]
    repeated: list[int]
    broken: list[int]
    unfit: list[int]


def by_revision(definitions: Iterable[Definition]) -> Definitions:
    """Definitions as `Received` looks for them."""
    return {(*one.key, one.revision): one for one in definitions}


class Received:
    """Collects files of reports; `tallies` are the counts so far, `files` what became of each line."""

    def __init__(self, definitions: Definitions) -> None:
        self.tallies: dict[Asked, Tally] = {}
        self.files: list[Lines] = []
        self._definitions = definitions
        self._periods: dict[tuple[str, str, str], frozenset[str]] = {}
        self._nonces: set[bytes] = set()

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Take in one file; its name is for the reader only. Empty lines are nothing."""
        found = Lines(name, [], [], [], [])
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._take(line, found).append(number)
        self.files.append(found)

    def definition(self, asked: Asked) -> Definition | None:
        """What is known of a question."""
        return self._definitions.get((asked.application, asked.question, asked.revision))

    def _take(self, line: bytes, found: Lines) -> list[int]:
        """Count one line; the list that its number belongs to. A server may have cut the padding off."""
        try:
            report = parse(line.rstrip().ljust(REPORT_BYTES))
        except InvalidReportError:
            return found.broken
        kind = kind_of(report.period)
        if kind is None or not self._fits(report):
            return found.unfit
        nonce = bytes.fromhex(report.nonce)
        if nonce in self._nonces:
            return found.repeated
        self._nonces.add(nonce)
        asked = Asked(report.application, report.question, report.revision, report.epsilon, kind, len(report.answer))
        self.tallies.setdefault(asked, {}).setdefault(report.period, Counter())[report.answer] += 1
        return found.accepted

    def _fits(self, report: Report) -> bool:
        """Whether a definition that is known allows this answer, period and ε (which is missing where no noise was added)."""
        key = report.application, report.question, report.revision
        definition = self._definitions.get(key)
        if definition is None:
            return True
        asked = definition.question
        if key not in self._periods:
            self._periods[key] = frozenset(period.label for period in whole_periods(asked.period, asked.starts, asked.ends))
        if report.period not in self._periods[key] or report.epsilon not in {None, asked.epsilon}:
            return False
        if len(report.answer) != len(definition.fields):
            return False
        try:
            cell_of_labels(definition, report.answer)
        except InvalidReportError:
            return False
        return True


def kind_of(label: str) -> PeriodKind | None:
    """The kind of a period by its label; None where the calendar has no such period."""
    kind = PeriodKind.WEEK if "W" in label else PeriodKind.DAY if len(label) == _DAY_LABEL else PeriodKind.MONTH
    try:
        number_of(kind, label)
    except ValueError:
        return None
    return kind


def number_of(kind: PeriodKind, label: str) -> int:
    """The number of a period among its kind: consecutive periods have consecutive numbers. Raises ValueError."""
    match kind:
        case PeriodKind.DAY:
            return date.fromisoformat(label).toordinal()
        case PeriodKind.WEEK:
            return date.fromisocalendar(int(label[:4]), int(label[-2:]), 1).toordinal() // _WEEK_DAYS
        case PeriodKind.MONTH:
            first = date.fromisoformat(label + "-01")
            return first.year * _MONTHS + first.month - 1


def in_order(kind: PeriodKind, tally: Mapping[str, Counter[tuple[str, ...]]]) -> Iterator[tuple[int, str]]:
    """(number, label) of the periods that reports came from, in order."""
    yield from sorted((number_of(kind, label), label) for label in tally)
