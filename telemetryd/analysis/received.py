"""Counts from the lines that a server stored, one report a line. Repeated deliveries are dropped; other lines are listed by number."""

from __future__ import annotations

from collections import Counter
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.answers.period import whole_periods
from telemetryd.core.answers.report import REPORT_BYTES, TEST_QUESTION, InvalidReportError, cell_of_labels, parse
from telemetryd.core.definition import PeriodKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from telemetryd.core.answers.report import Report
    from telemetryd.core.definition import Definition

Definitions = dict[tuple[str, str, str], "Definition"]
"""Definitions by (application, question, revision)."""

_DAY_LABEL = len("2026-11-24")
_MONTHS = 12
_WEEK_DAYS = 7


class ReportGroup(NamedTuple):
    """The key of reports that are counted together. `fields` is the number of labels in an answer."""

    application: str
    question: str
    revision: str
    epsilon: float | None
    kind: PeriodKind
    fields: int


Tally = dict[str, Counter[tuple[str, ...]]]
"""How many reports: period's label → answer → count."""


class Lines(NamedTuple):
    """The lines of one file by outcome, as numbers from 1.

    `unfit` lines are reports that their definition does not allow. `tests` are test reports, which no estimate counts.
    """

    name: str
    accepted: list[int]
    repeated: list[int]
    broken: list[int]
    unfit: list[int]
    tests: list[int]


def by_revision(definitions: Iterable[Definition]) -> Definitions:
    """Definitions under the keys of `Definitions`."""
    return {(*definition.key, definition.revision): definition for definition in definitions}


class Received:
    """Collects files of reports. `tallies` are the counts so far, `files` the outcome of each line."""

    def __init__(self, definitions: Definitions) -> None:
        self.tallies: dict[ReportGroup, Tally] = {}
        self.files: list[Lines] = []
        self._definitions = definitions
        self._periods: dict[tuple[str, str, str], frozenset[str]] = {}
        self._nonces: set[bytes] = set()

    def read(self, name: str, lines: Iterable[bytes]) -> None:
        """Count the reports of one file. The name is only for messages; empty lines are skipped."""
        file_lines = Lines(name, [], [], [], [], [])
        for number, line in enumerate(lines, 1):
            if line.strip():
                self._count(line, file_lines).append(number)
        self.files.append(file_lines)

    def definition(self, group: ReportGroup) -> Definition | None:
        """The group's definition, or None if no manifest gives it."""
        return self._definitions.get((group.application, group.question, group.revision))

    def _count(self, line: bytes, file_lines: Lines) -> list[int]:
        """Count one line; returns the list for its number. The line may lack its padding: servers may cut that off."""
        try:
            report = parse(line.rstrip().ljust(REPORT_BYTES))
        except InvalidReportError:
            return file_lines.broken
        if report.question == TEST_QUESTION:
            return file_lines.tests
        kind = kind_of(report.period)
        if kind is None or not self._fits(report):
            return file_lines.unfit
        nonce = bytes.fromhex(report.nonce)
        if nonce in self._nonces:
            return file_lines.repeated
        self._nonces.add(nonce)
        group = ReportGroup(report.application, report.question, report.revision, report.epsilon, kind, len(report.answer))
        self.tallies.setdefault(group, {}).setdefault(report.period, Counter())[report.answer] += 1
        return file_lines.accepted

    def _fits(self, report: Report) -> bool:
        """Whether the definition allows this answer, period and ε. Without a definition every report fits; without noise ε is None."""
        key = report.application, report.question, report.revision
        definition = self._definitions.get(key)
        if definition is None:
            return True
        question = definition.question
        if key not in self._periods:
            self._periods[key] = frozenset(period.label for period in whole_periods(question.period, question.starts, question.ends))
        if report.period not in self._periods[key] or report.epsilon not in {None, question.epsilon}:
            return False
        if len(report.answer) != len(definition.fields):
            return False
        try:
            cell_of_labels(definition, report.answer)
        except InvalidReportError:
            return False
        return True


def kind_of(label: str) -> PeriodKind | None:
    """The kind of a period by its label; None if the calendar has no such period."""
    kind = PeriodKind.WEEK if "W" in label else PeriodKind.DAY if len(label) == _DAY_LABEL else PeriodKind.MONTH
    try:
        number_of(kind, label)
    except ValueError:
        return None
    return kind


def number_of(kind: PeriodKind, label: str) -> int:
    """The number of a period; consecutive periods have consecutive numbers. Raises ValueError."""
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
