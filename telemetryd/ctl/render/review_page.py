"""The page for a reviewer: the register's page of a question, its changes, the findings of lint, and the clauses. Policy: R1, R2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.authoring.linter import renamed_facts, user_budget
from telemetryd.authoring.linter.finding import Level
from telemetryd.authoring.linter.findings_of import OtherManifests, lint
from telemetryd.core.answers import report
from telemetryd.core.answers.period import whole_periods
from telemetryd.core.definition import translations
from telemetryd.core.privacy import admissibility
from telemetryd.core.translation import ENGLISH
from telemetryd.ctl.render import register
from telemetryd.ctl.render.checklist import Check, checklist
from telemetryd.ctl.render.sheet import Section, Sheet, fact
from telemetryd.describe import difference
from telemetryd.describe.sentences import describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import date

    from telemetryd.authoring.linter.finding import Finding
    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.core.permission.signoffs import Reviews
    from telemetryd.core.translation import Words
    from telemetryd.ctl.render.sheet import Fact
    from telemetryd.describe.difference import Change


class Subject(NamedTuple):
    """The subject of a review: a manifest's text, the day, its declaration, earlier definitions, and the reviews and stops so far."""

    text: str
    today: date
    declaration: Declaration
    earlier: Sequence[Definition]
    standing: Reviews

    def earlier_definition(self, definition: Definition) -> Definition | None:
        """The definition of the question that the latest review is for; without a review, the last earlier definition."""
        review = self.standing.standing(*definition.key).review
        if review and review.definition == definition.digest:
            return definition
        of_question = [earlier_one for earlier_one in self.earlier if earlier_one.key == definition.key]
        if review:
            return next((earlier_one for earlier_one in of_question if earlier_one.digest == review.definition), None)
        return of_question[-1] if of_question else None

    def findings(self) -> list[Finding]:
        """The findings of lint, beside the earlier definition of each question and all other earlier ones."""
        definitions = self.declaration.definitions
        before = [reviewed for definition in definitions if (reviewed := self.earlier_definition(definition))]
        others = OtherManifests(before, renamed_facts.groups_of([*self.earlier, *definitions]))
        return lint(self.text, self.today, others=others)


class ReviewedQuestion(NamedTuple):
    """One question under review. `changes` is None if its last reviewed definition is not known. `declaration` is the whole manifest."""

    entry: register.RegisterEntry
    changes: tuple[Change, ...] | None
    findings: tuple[Finding, ...]
    checks: tuple[Check, ...]
    declaration: Declaration


def review_questions(subject: Subject, definitions: Iterable[Definition], words: Words = ENGLISH) -> list[ReviewedQuestion]:
    """The questions with their changes, findings and checks. The manifest's own texts are the original ones: these are signed.

    Changes are counted from the earlier definition that the latest review is for. Without a review, from the last earlier definition.
    """
    findings = subject.findings()
    questions = []
    for definition in definitions:
        description, holds = describe(definition, words), subject.standing.standing(*definition.key)
        before = subject.earlier_definition(definition)
        changes = tuple(difference.compare(before, definition, words)) if before else None
        texts = translations(definition, subject.declaration.texts)
        checks = checklist(definition, tuple(texts), None if changes is None else len(changes), words)
        entry = register.RegisterEntry(definition, definition.application.name, description, description, holds, None)
        own_findings = tuple(finding for finding in findings if _is_about(finding, definition, subject.declaration))
        questions.append(ReviewedQuestion(entry, changes, own_findings, tuple(checks), subject.declaration))
    return questions


def _is_about(finding: Finding, definition: Definition, declaration: Declaration) -> bool:
    """Whether a finding is about this question, one of its sources or the whole manifest, and not about another question."""
    match finding.fault.place:
        case ("question", int(number), *_):
            return declaration.definitions[number].key == definition.key
        case ("source", int(number), *_):
            return declaration.sources[number].id in definition.question.sources
        case _:
            return True


def sheet(question: ReviewedQuestion, words: Words = ENGLISH) -> Sheet:
    """The page of one question, in the language in which it was made. Findings of lint are in English."""
    _, page = words.gettext, register.sheet(question.entry, words)
    changed = Section(_("Changes since the last reviewed definition"), tuple(_change_facts(question, words)))
    found = [_finding_fact(finding, words) for finding in question.findings]
    unwise = [Section(_("Findings of lint"), tuple(found))] if found else []
    clauses = Section(_("Clauses of the policy"), tuple(_clause_fact(check, words) for check in question.checks))
    budgets = [fact(_("budget"), text) for text in user_budget.sentences(question.declaration, words)]
    user = Section(_("All questions of the manifest"), tuple(budgets))
    return page._replace(sections=(*page.sections, changed, *unwise, user, clauses))


def json_value(reviewed: ReviewedQuestion) -> dict[str, Any]:
    """Everything as JSON values."""
    definition = reviewed.entry.definition
    question = definition.question
    of = admissibility.figures(definition)
    return {
        "application": definition.application.id,
        "question": question.id,
        "definition": definition.digest,
        "told": reviewed.entry.description._asdict() | {"sources": [_json_source(source) for source in reviewed.entry.description.sources]},
        "example": report.example(definition, whole_periods(question.period, question.starts, question.ends)[0].label),
        "cells": definition.cells,
        "bits": of.max_bits,
        "reports_needed": of.needed,
        "epsilon": question.epsilon,
        "sums": [{"about": line.about, "most": line.most / 10, "cap": line.cap / 10} for line in user_budget.sums_of(reviewed.declaration)],
        "loss": user_budget.loss_of(reviewed.declaration)._asdict(),
        "changes": None if reviewed.changes is None else [change._asdict() for change in reviewed.changes],
        "findings": [{"line": finding.line, **finding.fault._asdict()} for finding in reviewed.findings],
        "clauses": [check._asdict() for check in reviewed.checks],
    }


def _json_source(source: Any) -> dict[str, Any]:
    return {**source._asdict(), "bins": [answer._asdict() for answer in source.bins]}


def _change_facts(question: ReviewedQuestion, words: Words) -> Iterator[Fact]:
    _ = words.gettext
    if question.changes is None:
        yield fact(_("unknown"), _("no reviewed definition is given to compare with: --since MANIFEST, as it was then"))
    elif not question.changes:
        yield fact(words.pgettext("changes", "none"), _("this is the reviewed definition; texts in other languages do not belong to it"))
    else:
        yield from (fact(_(change.direction), change.text) for change in question.changes)


def _finding_fact(finding: Finding, words: Words) -> Fact:
    fault = finding.fault
    level = words.gettext("error, line {number}: {text}") if fault.level is Level.ERROR else words.gettext("warning, line {number}: {text}")
    return fact(fault.clause, level.format(number=finding.line, text=fault.message), fault.help)


def _clause_fact(check: Check, words: Words) -> Fact:
    verified, judged = words.gettext("verified: {text}"), words.gettext("to judge: {text}")
    texts = [*(verified.format(text=text) for text in check.verified), *(judged.format(text=text) for text in check.to_judge)]
    return fact(check.clause, check.demand, *texts)
