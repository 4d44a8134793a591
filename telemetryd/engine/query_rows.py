"""The rows of the views: one application or one question, with the keys of Control1. Policy: T1, T2, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core import admissibility, report, room
from telemetryd.core.causes import Cause, because
from telemetryd.core.definition import Application, canonical_text, translations
from telemetryd.core.explanation import Situation, explain
from telemetryd.core.gate import REFUSE_SILENTLY, ApplicationLevels, Decision, effective_level
from telemetryd.core.hindrance import error_of_last_try
from telemetryd.core.lifecycle import ANSWERABLE, State, Step
from telemetryd.core.period import period_at
from telemetryd.core.record import ERASED, Ending, Outcome, Record, iso_date, record_delivery
from telemetryd.describe import difference
from telemetryd.engine.ports import QUEUED, ending_of
from telemetryd.errors import InvalidManifestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.core.definition import Declaration, Definition, Key
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.ports import Clock, ConsentStore, StoredReport
    from telemetryd.engine.questions import Questions

Shown = dict[str, Any]
"""One dictionary of Control1: key → plain value."""


class _Wording(NamedTuple):
    """The texts of a definition, which do not depend on the user's decisions."""

    definition: str
    fields: list[str]
    figures: list[str]
    warnings: list[str]


class QueryRows:
    """Makes rows from the state that is enforced now."""

    def __init__(  # noqa: PLR0913 - what the views are made from
        self,
        catalogue: Catalogue,
        consents: ConsentStore,
        questions: Questions,
        clock: Clock,
        *,
        newest: Callable[[Key], StoredReport | None],
    ) -> None:
        self._catalogue, self._consents, self._questions, self._clock = catalogue, consents, questions, clock
        self._newest = newest
        self._wordings: dict[tuple[object, ...], _Wording] = {}

    def application(self, declaration: Declaration, callers: list[str]) -> Shown:
        """An application that is declared."""
        levels, settings = self._consents.levels, self._catalogue.settings
        steps = [self._questions.step(definition) for definition in declaration.definitions]
        reasons = [step.reason for step in steps if step.state is State.PENDING]
        is_asked = min(levels.new_questions, settings.ceiling("new_questions")) != REFUSE_SILENTLY
        startable = sum(reason.cause in ANSWERABLE for reason in reasons) if is_asked else 0
        return {
            **self._about(declaration.application, callers),
            "pending": startable,
            "pending_shut": len(reasons) - startable,
            "warnings": admissibility.warnings_of(declaration),
        }

    def absent(self, name: str, stored: set[str], callers: list[str]) -> Shown:
        """An application without a declaration. Name and vendor come from an accepted definition, if there is one."""
        definitions = (self._questions.definition((name, question)) for question in sorted(stored))
        about = next((definition.application for definition in definitions if definition), None) or Application(name, name, "", "", "")
        kind = "unreadable" if self._catalogue.is_installed(name) else "gone"
        return {**self._about(about, callers), "kind": kind, "pending": 0, "pending_shut": 0, "warnings": []}

    def _about(self, about: Application, callers: list[str]) -> Shown:
        settings, levels = self._catalogue.settings, self._consents.levels
        own = self._consents.applications.get(about.id, ApplicationLevels())
        return {
            "id": about.id,
            "name": about.name,
            "summary": about.summary,
            "vendor": about.vendor,
            "contact": about.contact,
            "kind": str(about.kind),
            "system": own.system,
            "usage": own.usage,
            "effective_system": effective_level("system", levels, own, settings),
            "effective_usage": effective_level("usage", levels, own, settings),
            "installed": self._catalogue.is_installed(about.id),
            "callers": callers,
        }

    def question(self, definition: Definition) -> Shown:
        """A question: the declared definition, else the one that was consented to."""
        question = definition.question
        step = self._with_tries(definition.key, self._questions.step(definition))
        decision = self._consents.decisions.get(definition.key, Decision())
        review = self._catalogue.standing(definition).review
        before, changes = self._changes(definition, decision)
        is_reviewed = review is not None and review.definition == definition.digest
        wording = self._wording_of(definition)
        return {
            "application": definition.application.id,
            "id": question.id,
            **_standing(step),
            "digest": definition.digest,
            "purpose": question.purpose,
            "decision": question.decision,
            "category": str(question.category),
            "detail": question.detail.name.lower(),
            "period": str(question.period),
            "ends": question.ends.isoformat(),
            "fields": wording.fields,
            "definition": wording.definition,
            "translations": self._translations(definition),
            "changes": changes,
            "accepted_definition": canonical_text(before) if before else "",
            "example": report.example(definition, period_at(question.period, self._clock.now()).label),
            "consent": 2 if decision.refused else int(definition.digest in decision.accepted),
            "accepted_digest": _last_accepted(decision),
            "drawn_period": step.record.period,
            "room": room.word(self._questions.room_of(definition.key)),
            "epsilon": float(question.epsilon),
            "endpoint": self._url(definition),
            "reviewers": list(review.reviewers) if review and is_reviewed else [],
            "record": review.record if review and is_reviewed else "",
            "expected_users": question.expected_users,
            "expected": {reference: list(shares) for reference, shares in question.expected},
            "figures": wording.figures,
            "warnings": wording.warnings,
        }

    def question_without_definition(self, key: Key, newest: StoredReport | None) -> Shown:
        """A question of which no definition can be read. It has the same keys, with empty values where nothing is known.

        If nothing but its `newest` report is known, the report says where it stands.
        """
        step, decision = self._questions.step_of(key), self._consents.decisions.get(key, Decision())
        if key not in self._consents.records and not decision.accepted:
            step = Step(Record(), State.REFUSED, because(Cause.REFUSED)) if decision.refused else _step_of_report(newest)
        defaults: Shown = {name: [] for name in ("fields", "changes", "reviewers", "figures", "warnings")}
        defaults |= dict.fromkeys(("digest", "purpose", "decision", "category", "detail", "period", "ends", "definition"), "")
        defaults |= {"accepted_definition": "", "example": "", "endpoint": "", "record": "", "translations": {}, "expected": {}}
        return {
            **defaults,
            "application": key[0],
            "id": key[1],
            **_standing(self._with_tries(key, step)),
            "consent": 2 if decision.refused else 0,
            "accepted_digest": _last_accepted(decision),
            "drawn_period": step.record.period,
            "room": "",
            "epsilon": 0.0,
            "expected_users": 0,
        }

    def _with_tries(self, key: Key, step: Step) -> Step:
        """For a report that waits only for its time, say when and why the last try to send it reached nobody."""
        if step.state is not State.REPORTING or step.reason.cause:
            return step
        newest = self._newest(key)
        last = error_of_last_try(newest.tries) if newest and newest.outcome == QUEUED else None
        if last is None:
            return step
        day, error = last
        return step._replace(reason=step.reason._replace(args=(*step.reason.args, ("tried", iso_date(day)), ("error", error))))

    def _wording_of(self, definition: Definition) -> _Wording:
        """The texts of a definition, cached by their inputs: their arithmetic takes longer than the rest of a row."""
        question = definition.question
        cache_key = definition.digest, question.expected_users, question.expected
        wording = self._wordings.pop(cache_key, None)
        if wording is None:
            figures = admissibility.sentences(admissibility.figures(definition))
            wording = _Wording(canonical_text(definition), difference.fields(definition), figures, admissibility.warnings(definition))
        while len(self._wordings) >= _WORDINGS_MAX:
            del self._wordings[next(iter(self._wordings))]
        self._wordings[cache_key] = wording
        return wording

    def _changes(self, definition: Definition, decision: Decision) -> tuple[Definition | None, list[str]]:
        """The last accepted definition, if it differs and can be read, and the differences from it to this one."""
        accepted = _last_accepted(decision)
        if not accepted or definition.digest in decision.accepted:
            return None, []
        from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

        try:
            before = manifest.parse(self._consents.accepted_text(definition.key, accepted))
        except InvalidManifestError:
            return None, ["The definition that you accepted is of another version of telemetryd and cannot be compared."]
        old = next((definition for definition in before.definitions if definition.digest == accepted), None)
        return old, difference.changes(old, definition) if old else []

    def _translations(self, definition: Definition) -> dict[str, dict[str, str]]:
        """The question's texts in other languages. No digest covers them, so only those of installed manifests are shown."""
        catalogue, application = self._catalogue, definition.application.id
        declaration = catalogue.find(application) if catalogue.is_installed(application) else None
        return translations(definition, declaration.texts) if declaration else {}

    def _url(self, definition: Definition) -> str:
        endpoint = self._catalogue.settings.endpoint(definition.application.vendor)
        return endpoint.url if endpoint else ""


def _standing(step: Step) -> Shown:
    """The state of a question, why it is in it, and what became of its report."""
    outcome = QUEUED if step.record.outcome is Outcome.REPORTING else step.record.report
    cause, args = step.reason.cause, dict(step.reason.args)
    return {
        "state": str(step.state),
        "cause": str(cause),
        "cause_args": args,
        "reason": explain(Situation(step.state, cause, args, outcome)),
        "outcome": outcome,
        "last_sent": step.record.sent,
    }


def _step_of_report(report: StoredReport | None) -> Step:
    """Where a question stands of which only a report or a tally is known. What has not ended is about to be erased, as it lacks consent."""
    is_ended = report is not None and report.outcome != QUEUED
    record = record_delivery(Record(), ending_of(report) if report and is_ended else Ending(ERASED))
    return Step(record, State(record.outcome), record.reason)


def _last_accepted(decision: Decision) -> str:
    return max(decision.accepted, key=lambda digest: decision.accepted[digest], default="")


_WORDINGS_MAX = 1000
"""Most cached texts, some 3 KB each. The least recently used one is dropped."""
