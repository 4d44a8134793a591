"""What the user is shown: dictionaries with the keys of Control1, made from what is enforced. Nothing is written. Policy: T1, T2, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.budget import caps_in_force
from telemetryd.core import difference, ledger, report, review
from telemetryd.core.consent import ApplicationLevels, Cause, Decision, effective
from telemetryd.core.definition import canonical_text, translations
from telemetryd.core.life import State
from telemetryd.core.period import period_at
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.catalogue import Catalogue
    from telemetryd.closing import Closing
    from telemetryd.core.definition import Declaration, Definition
    from telemetryd.ports import Clock, Consents, Key, Reports
    from telemetryd.questions import Questions

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


class Views:
    """Read-only; each method opens nothing and keeps nothing."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def applications(self, callers: Mapping[str, frozenset[str]]) -> list[Shown]:
        """Every declared application; `callers` are the identities seen calling for each."""
        found = map(self._sources.catalogue.find, self._sources.catalogue.applications())
        return [self._application(one, sorted(callers.get(one.application.id, ()))) for one in found if one]

    def questions(self, application: str) -> list[Shown]:
        """Every question of an application, or of all ("")."""
        sent: dict[Key, int] = {}
        for row in reversed(self._sources.reports.history(0, _ALL)):
            if row.outcome == "accepted":
                sent[row.key] = row.created
        return [self._question(one, sent.get(one.key, 0)) for one in self._definitions(application)]

    def preview(self, application: str) -> list[tuple[str, str, str]]:
        """(application/question, URL, body) of each report that is being made or waits; the nonce of one being made is blank."""
        rows = [
            (f"{row.application}/{row.question}", row.url, row.body.decode(errors="replace"))
            for row in self._sources.reports.queue()
            if application in {"", row.application}
        ]
        for definition in self._definitions(application):
            step = self._sources.questions.step(definition)
            if step.is_collecting:
                body = self._sources.closing.preview(definition, step.record.period).decode()
                rows.append((f"{definition.application.id}/{definition.question.id}", self._url(definition), body))
        return rows

    def history(self, since: int, limit: int) -> list[Shown]:
        """The newest reports created at or after `since` (Unix s), newest first; `limit` 0 gives all."""
        keys = ("application", "question", "revision", "period", "created", "tries", "outcome", "status")
        return [
            {
                **{key: getattr(row, key) for key in keys},
                "endpoint": row.url,
                "headers": [list(header) for header in row.headers],
                "body": row.body.decode(errors="replace"),
            }
            for row in self._sources.reports.history(min(since, _LATEST), limit or _ALL)
        ]

    def ledger(self) -> list[Shown]:
        """Every sum of the privacy budget, and what it means."""
        caps = caps_in_force(self._sources.catalogue, self._sources.consents)
        entries = self._sources.consents.ledger.values()
        return [
            {
                "host": line.host,
                "source": line.source,
                "year": line.year,
                "spent": line.spent / 10,
                "reserved": line.reserved / 10,
                "cap": line.cap / 10,
                "text": ledger.words(line, entries),
            }
            for line in ledger.lines(entries, caps)
        ]

    def _definitions(self, application: str) -> list[Definition]:
        if application:
            return list(self._sources.catalogue.get(application).definitions)
        found = map(self._sources.catalogue.find, self._sources.catalogue.applications())
        return [definition for one in found if one for definition in one.definitions]

    def _application(self, declaration: Declaration, callers: list[str]) -> Shown:
        about, settings = declaration.application, self._sources.catalogue.settings
        own = self._sources.consents.applications.get(about.id, ApplicationLevels())
        levels = self._sources.consents.levels
        states = [self._sources.questions.step(definition).state for definition in declaration.definitions]
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
            "pending": states.count(State.PENDING) if min(levels.new_questions, settings.ceiling("new_questions")) else 0,
            "warnings": review.warnings_of(declaration),
        }

    def _question(self, definition: Definition, last_sent: int) -> Shown:
        asked = definition.question
        step = self._sources.questions.step(definition)
        decision = self._sources.consents.decisions.get(definition.key, Decision())
        admitted = self._sources.catalogue.standing(definition).review
        before, changes = self._changes(definition, decision)
        stop = self._sources.catalogue.standing(definition).stop
        is_reviewed = admitted is not None and admitted.definition == definition.digest
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
            "fields": difference.fields(definition),
            "definition": canonical_text(definition),
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
            "figures": review.sentences(review.figures(definition)),
            "warnings": review.warnings(definition),
        }

    def _changes(self, definition: Definition, decision: Decision) -> tuple[Definition | None, list[str]]:
        """The definition that was accepted last, if it is another one and still known, and how this one differs from it."""
        accepted = _last_accepted(decision)
        if not accepted or definition.digest in decision.accepted:
            return None, []
        from telemetryd.core import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

        try:
            before = manifest.parse(self._sources.consents.accepted_text(definition.key, accepted))
        except InvalidManifestError:
            return None, ["The definition that you accepted is of another version of telemetryd and cannot be compared."]
        old = next((one for one in before.definitions if one.digest == accepted), None)
        return old, difference.changes(old, definition) if old else []

    def _translations(self, definition: Definition) -> dict[str, dict[str, str]]:
        """The question's texts in other languages, which no digest covers: only of a manifest that was installed with the system."""
        if not self._sources.catalogue.is_installed(definition.application.id):
            return {}
        return translations(definition, self._sources.catalogue.get(definition.application.id).texts)

    def _url(self, definition: Definition) -> str:
        endpoint = self._sources.catalogue.settings.endpoint(definition.application.vendor)
        return endpoint.url if endpoint else ""


def _last_accepted(decision: Decision) -> str:
    return max(decision.accepted, key=lambda digest: decision.accepted[digest], default="")


_STOPPED = {Cause.STOPPED, Cause.SUSPENDED}
"""What is remembered of a question that passed, or whose report was erased, because of a stop; while that is there, it says more."""
_LATEST = (1 << 63) - 1
"""The latest time that the store knows; the bus's `t` goes further."""
_ALL = 1 << 31
"""No limit on the rows of the history."""
