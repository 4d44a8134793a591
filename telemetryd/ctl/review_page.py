"""What a reviewer sees of one question: the register's page, what changed, what is unwise, and the clauses. Policy: R1, R2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.authoring.linter.findings_of import lint
from telemetryd.core import admissibility, report
from telemetryd.core.definition import translations
from telemetryd.core.period import whole_periods
from telemetryd.core.translation import ENGLISH
from telemetryd.ctl import register
from telemetryd.ctl.checklist import Check, checklist
from telemetryd.ctl.sheet import Section, Sheet, fact
from telemetryd.describe import difference
from telemetryd.describe.sentences import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from telemetryd.authoring.linter.finding import Finding
    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.core.signoffs import Reviews
    from telemetryd.ctl.sheet import Fact
    from telemetryd.describe.difference import Change


class Subject(NamedTuple):
    """What is reviewed: a manifest's text on a day, what it declares, definitions of other manifests, and the reviews and stops so far."""

    text: str
    today: date
    declaration: Declaration
    earlier: Sequence[Definition]
    standing: Reviews


class Reviewed(NamedTuple):
    """One question as it is reviewed. `changes` is None if no reviewed definition of it is known to compare with."""

    entry: register.Entry
    changes: tuple[Change, ...] | None
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]


def reviewed(subject: Subject, definitions: Iterable[Definition]) -> list[Reviewed]:
    """The questions with all that is known of them.

    What is compared with is the definition among the earlier ones that the latest review is for, or without reviews the last one given.
    """
    findings = lint(subject.text, subject.today)
    found = []
    for one in definitions:
        told, holds = tell(one), subject.standing.standing(*one.key)
        before = _before(one, subject.earlier, holds.review.definition if holds.review else "")
        changes = tuple(difference.compare(before, one)) if before else None
        texts = translations(one, subject.declaration.texts)
        checks = checklist(one, tuple(texts), None if changes is None else len(changes))
        entry = register.Entry(one, one.application.name, told, told, holds, None)
        about = tuple(finding for finding in findings if _is_about(finding, one, subject.declaration))
        found.append(Reviewed(entry, changes, about, tuple(checks)))
    return found


def _is_about(finding: Finding, definition: Definition, declaration: Declaration) -> bool:
    """Whether a finding is of one question or of what it asks for, and not of another question."""
    match finding.fault.place:
        case ("question", int(number), *_):
            return declaration.definitions[number].key == definition.key
        case ("source", int(number), *_):
            return declaration.sources[number].id in definition.question.sources
        case _:
            return True


def _before(definition: Definition, earlier: Sequence[Definition], digest: str) -> Definition | None:
    if digest == definition.digest:
        return definition
    of_question = [one for one in earlier if one.key == definition.key]
    return next((one for one in of_question if one.digest == digest), of_question[-1] if of_question and not digest else None)


def sheet(one: Reviewed) -> Sheet:
    """The page."""
    page = register.sheet(one.entry, ENGLISH)
    changed = Section("Changes since the last reviewed definition", tuple(_changed(one)))
    unwise = [Section("Findings of lint", tuple(map(_finding, one.findings)))] if one.findings else []
    clauses = Section("Clauses of the policy", tuple(_clause(check) for check in one.checks))
    return page._replace(sections=(*page.sections, changed, *unwise, clauses))


def plain(one: Reviewed) -> dict[str, Any]:
    """Everything as JSON values."""
    definition = one.entry.definition
    asked = definition.question
    of = admissibility.figures(definition)
    return {
        "application": definition.application.id,
        "question": asked.id,
        "definition": definition.digest,
        "told": one.entry.told._asdict() | {"sources": [_plain_source(source) for source in one.entry.told.sources]},
        "example": report.example(definition, whole_periods(asked.period, asked.starts, asked.ends)[0].label),
        "cells": definition.cells,
        "bits": of.max_bits,
        "reports_needed": of.needed,
        "epsilon": asked.epsilon,
        "changes": None if one.changes is None else [change._asdict() for change in one.changes],
        "findings": [{"line": each.line, **each.fault._asdict()} for each in one.findings],
        "clauses": [check._asdict() for check in one.checks],
    }


def _plain_source(source: Any) -> dict[str, Any]:
    return {**source._asdict(), "bins": [each._asdict() for each in source.bins]}


def _changed(one: Reviewed) -> Iterator[Fact]:
    if one.changes is None:
        yield fact("unknown", "no reviewed definition is given to compare with: --since MANIFEST, as it was then")
    elif not one.changes:
        yield fact("none", "this is the reviewed definition; texts in other languages are no part of it")
    else:
        yield from (fact(change.direction, change.text) for change in one.changes)


def _finding(found: Finding) -> Fact:
    fault = found.fault
    return fact(fault.clause, f"{fault.level}, line {found.line}: {fault.message}", fault.help)


def _clause(check: Check) -> Fact:
    verified = [f"verified: {text}" for text in check.verified]
    return fact(check.clause, check.demand, *verified, *(f"to judge: {text}" for text in check.to_judge))
