"""What a reviewer sees of one question: the register's page, what changed, what is unwise, and the clauses. Policy: R1, R2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core import difference, report, review
from telemetryd.core.definition import translations
from telemetryd.core.language import ENGLISH
from telemetryd.core.period import whole_periods
from telemetryd.core.reviews import Reviews
from telemetryd.core.telling import tell
from telemetryd.ctl import register
from telemetryd.ctl.checklist import Check, Subject, checklist
from telemetryd.ctl.sheet import Section, Sheet, fact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.core.difference import Change
    from telemetryd.core.reviews import Review
    from telemetryd.ctl.sheet import Fact


class Reviewed(NamedTuple):
    """One question as it is reviewed. `changes` is None if no reviewed definition of it is known to compare with."""

    entry: register.Entry
    changes: tuple[Change, ...] | None
    warnings: tuple[str, ...]
    checks: tuple[Check, ...]


def reviewed(
    declaration: Declaration, definitions: Iterable[Definition], earlier: Sequence[Definition], reviews: Sequence[Review]
) -> list[Reviewed]:
    """The questions with all that is known of them.

    `earlier` are definitions of other manifests: the one that the latest review is for, or without reviews the last one given.
    """
    standing = Reviews(reviews).standing
    found = []
    for one in definitions:
        told, holds = tell(one), standing(*one.key)
        before = _before(one, earlier, holds.review.definition if holds.review else "")
        changes = tuple(difference.compare(before, one)) if before else None
        texts = translations(one, declaration.texts)
        subject = Subject(one, tuple(texts), [change.text for change in changes] if changes is not None else None)
        warnings = (*review.warnings(one), *review.warnings_of(declaration))
        entry = register.Entry(one, told, told, holds, None)
        found.append(Reviewed(entry, changes, warnings, tuple(checklist(subject))))
    return found


def _before(definition: Definition, earlier: Sequence[Definition], digest: str) -> Definition | None:
    if digest == definition.digest:
        return definition
    of_question = [one for one in earlier if one.key == definition.key]
    return next((one for one in of_question if one.digest == digest), of_question[-1] if of_question and not digest else None)


def sheet(one: Reviewed) -> Sheet:
    """The page."""
    page = register.sheet(one.entry, ENGLISH)
    changed = Section("Changes since the last reviewed definition", tuple(_changed(one)))
    unwise = [Section("Warnings", tuple(fact("warning", text) for text in one.warnings))] if one.warnings else []
    clauses = Section("Clauses of the policy", tuple(_clause(check) for check in one.checks))
    return page._replace(sections=(*page.sections, changed, *unwise, clauses))


def plain(one: Reviewed) -> dict[str, Any]:
    """Everything as JSON values."""
    definition = one.entry.definition
    asked = definition.question
    of = review.figures(definition)
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
        "warnings": list(one.warnings),
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


def _clause(check: Check) -> Fact:
    verified = [f"verified: {text}" for text in check.verified]
    return fact(check.clause, check.demand, *verified, *(f"to judge: {text}" for text in check.to_judge))
