"""The rows of what the user is shown: one application, one question, with the keys of Control1. Policy: T1, T2, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core import admissibility, report
from telemetryd.core.definition import Application, canonical_text, translations
from telemetryd.core.gate import ApplicationLevels, Cause, Decision, effective
from telemetryd.core.lifecycle import State
from telemetryd.core.period import period_at
from telemetryd.describe import difference
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.known_questions import Known
    from telemetryd.engine.period_close import Closing
    from telemetryd.engine.ports import Clock, Consents, Key, Reports
    from telemetryd.engine.questions import Questions

Shown = dict[str, Any]
"""One dictionary of Control1: key → plain value."""


class Sources(NamedTuple):
    """Where the views look."""

    catalogue: Catalogue
    consents: Consents
    questions: Questions
    closing: Closing
    reports: Reports
    clock: Clock
    known: Known


class _Told(NamedTuple):
    """What a definition says in words, whatever the user decides."""

    definition: str
    fields: list[str]
    figures: list[str]
    warnings: list[str]


class Rows:
    """Makes rows, from what is enforced now; nothing is written."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._told: dict[tuple[object, ...], _Told] = {}

    def application(self, declaration: Declaration, callers: list[str]) -> Shown:
        """An application that is declared."""
        levels, settings = self._sources.consents.levels, self._sources.catalogue.settings
        states = [self._sources.questions.step(definition).state for definition in declaration.definitions]
        is_asked = min(levels.new_questions, settings.ceiling("new_questions"))
        return {
            **self._about(declaration.application, callers),
            "pending": states.count(State.PENDING) if is_asked else 0,
            "warnings": admissibility.warnings_of(declaration),
        }

    def absent(self, name: str, kept: set[str], callers: list[str]) -> Shown:
        """An application that declares nothing now: what it was, as far as an accepted definition says it."""
        definitions = (self._sources.questions.definition((name, question)) for question in sorted(kept))
        about = next((one.application for one in definitions if one), None) or Application(name, name, "", "", "")
        kind = "unreadable" if self._sources.catalogue.is_installed(name) else "gone"
        return {**self._about(about, callers), "kind": kind, "pending": 0, "warnings": []}

    def _about(self, about: Application, callers: list[str]) -> Shown:
        settings, levels = self._sources.catalogue.settings, self._sources.consents.levels
        own = self._sources.consents.applications.get(about.id, ApplicationLevels())
        return {
            "id": about.id,
            "name": about.name,
            "summary": about.summary,
            "vendor": about.vendor,
            "contact": about.contact,
            "kind": str(about.kind),
            "system": own.system,
            "usage": own.usage,
            "effective_system": effective("system", levels, own, settings),
            "effective_usage": effective("usage", levels, own, settings),
            "installed": self._sources.catalogue.is_installed(about.id),
            "callers": callers,
        }

    def question(self, definition: Definition, last_sent: int) -> Shown:
        """A question: as it is asked or, where it is not any more, as it was consented to."""
        asked = definition.question
        step = self._sources.questions.step(definition)
        decision = self._sources.consents.decisions.get(definition.key, Decision())
        admitted = self._sources.catalogue.standing(definition).review
        before, changes = self._changes(definition, decision)
        stop = self._sources.catalogue.standing(definition).stop
        is_reviewed = admitted is not None and admitted.definition == definition.digest
        told = self._in_words(definition)
        return {
            "application": definition.application.id,
            "id": asked.id,
            "state": str(step.state),
            "reason": stop.sentence if stop and step.reason in _STOPPED else step.reason,
            "digest": definition.digest,
            "purpose": asked.purpose,
            "decision": asked.decision,
            "category": str(asked.category),
            "detail": asked.detail.name.lower(),
            "period": str(asked.period),
            "ends": asked.ends.isoformat(),
            "fields": told.fields,
            "definition": told.definition,
            "translations": self._translations(definition),
            "changes": changes,
            "accepted_definition": canonical_text(before) if before else "",
            "example": report.example(definition, period_at(asked.period, self._sources.clock.now()).label),
            "consent": 2 if decision.refused else int(definition.digest in decision.accepted),
            "accepted_digest": _last_accepted(decision),
            "last_sent": last_sent,
            "drawn_period": step.record.period,
            "epsilon": float(asked.epsilon),
            "endpoint": self._url(definition),
            "reviewers": list(admitted.reviewers) if admitted and is_reviewed else [],
            "record": admitted.record if admitted and is_reviewed else "",
            "expected_users": asked.expected_users,
            "expected": {reference: list(shares) for reference, shares in asked.expected},
            "figures": told.figures,
            "warnings": told.warnings,
        }

    def lost(self, key: Key, last_sent: int) -> Shown:
        """A question of which no definition can be read any more: what is kept of it. The same keys, empty where nobody knows."""
        step, decision = self._sources.questions.step_of(key), self._sources.consents.decisions.get(key, Decision())
        is_remembered = key in self._sources.consents.records
        state = step.state if is_remembered else State.REFUSED if decision.refused else State.ANSWERED  # the last: a report alone is left
        nothing: Shown = {name: [] for name in ("fields", "changes", "reviewers", "figures", "warnings")}
        nothing |= dict.fromkeys(("digest", "purpose", "decision", "category", "detail", "period", "ends", "definition"), "")
        nothing |= {"accepted_definition": "", "example": "", "endpoint": "", "record": "", "translations": {}, "expected": {}}
        return {
            **nothing,
            "application": key[0],
            "id": key[1],
            "state": str(state),
            "reason": step.reason,
            "consent": 2 if decision.refused else 0,
            "accepted_digest": _last_accepted(decision),
            "last_sent": last_sent,
            "drawn_period": step.record.period,
            "epsilon": 0.0,
            "expected_users": 0,
        }

    def _in_words(self, definition: Definition) -> _Told:
        """What a definition says, kept by what it is made of: the arithmetic takes longer than all the rest of a row."""
        asked = definition.question
        name = definition.digest, asked.expected_users, asked.expected
        found = self._told.pop(name, None)
        if found is None:
            figures = admissibility.sentences(admissibility.figures(definition))
            found = _Told(canonical_text(definition), difference.fields(definition), figures, admissibility.warnings(definition))
        while len(self._told) >= _TOLD_MAX:
            del self._told[next(iter(self._told))]
        self._told[name] = found
        return found

    def _changes(self, definition: Definition, decision: Decision) -> tuple[Definition | None, list[str]]:
        """The definition that was accepted last, if it is another one and still known, and how this one differs from it."""
        accepted = _last_accepted(decision)
        if not accepted or definition.digest in decision.accepted:
            return None, []
        from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

        try:
            before = manifest.parse(self._sources.consents.accepted_text(definition.key, accepted))
        except InvalidManifestError:
            return None, ["The definition that you accepted is of another version of telemetryd and cannot be compared."]
        old = next((one for one in before.definitions if one.digest == accepted), None)
        return old, difference.changes(old, definition) if old else []

    def _translations(self, definition: Definition) -> dict[str, dict[str, str]]:
        """The question's texts in other languages, which no digest covers: only of a manifest that was installed with the system."""
        catalogue, application = self._sources.catalogue, definition.application.id
        declaration = catalogue.find(application) if catalogue.is_installed(application) else None
        return translations(definition, declaration.texts) if declaration else {}

    def _url(self, definition: Definition) -> str:
        endpoint = self._sources.catalogue.settings.endpoint(definition.application.vendor)
        return endpoint.url if endpoint else ""


def _last_accepted(decision: Decision) -> str:
    return max(decision.accepted, key=lambda digest: decision.accepted[digest], default="")


_STOPPED = {Cause.STOPPED, Cause.SUSPENDED}
"""What is remembered of a question that passed, or whose report was erased, because of a stop; while that is there, it says more."""
_TOLD_MAX = 1000
"""Definitions whose words are kept (some 3 KB each): those that were asked for last."""
