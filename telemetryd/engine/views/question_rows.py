"""The rows of ListQuestions and Questions, with the keys of Control1. Policy: T1, T2, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.answers import report
from telemetryd.core.answers.period import period_at
from telemetryd.core.causes import Cause, because
from telemetryd.core.definition import canonical_text, translations
from telemetryd.core.explanation import Situation, explain
from telemetryd.core.permission.gate import Decision, axes
from telemetryd.core.permission.lifecycle import State, Step
from telemetryd.core.permission.record import ERASED, Ending, Outcome, Record, iso_date, record_delivery
from telemetryd.core.privacy import noise, room
from telemetryd.core.sending.hindrance import error_of_last_try
from telemetryd.core.sending.schedule import Window, window
from telemetryd.describe import difference
from telemetryd.engine.ports import QUEUED, ending_of
from telemetryd.engine.views.question_texts import Asked, Wordings, sentences
from telemetryd.errors import InvalidManifestError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.core.definition import Definition, Key
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import Clock, ConsentStore, StoredReport
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.period_close import PeriodClose
    from telemetryd.engine.views.query_rows import Shown
    from telemetryd.system.languages import Language

_EARLIER_VERSION = "The definition that you accepted is of another version of telemetryd and cannot be compared."
_NO_WINDOW = Window(0, 0)
_DUE = {State.WAITING, State.ACTIVE, State.REPORTING}
"""States in which a report is still to be sent."""
_TIMES = ("drawn_period", "period_begins", "period_ends", "due_from", "due", "due_until", "room")
_ABOUT = ("digest", "purpose", "decision", "category", "detail", "needs", "period", "ends", "expected_users", "expected")
_PROTECTION = ("epsilon", "cells", "answers", "chance_true", "chance_other")
_DECISION = ("consent", "accepted_digest", "accepted_at", "changes", "accepted_definition", "sentences")
"""Keys that are made together."""
_ALWAYS = frozenset({"application", "id", "sentences"})
"""Keys that each row has, `sentences` if languages are wanted."""


class Wanted(NamedTuple):
    """What the rows show: these keys, or all (None); and the languages of `sentences`, by the names that the caller gave."""

    keys: frozenset[str] | None = None
    languages: Mapping[str, Language] = {}

    def wants(self, *keys: str) -> bool:
        """Whether one of these keys is wanted."""
        return self.keys is None or not self.keys.isdisjoint(keys) or ("sentences" in keys and bool(self.languages))

    def only(self, row: Shown) -> Shown:
        """The row without the keys that are not wanted."""
        return row if self.keys is None else {key: value for key, value in row.items() if key in self.keys or key in _ALWAYS}


ALL = Wanted()


class QuestionRows:
    """Makes rows from the state that is enforced now. What takes long is made only if its key is wanted."""

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        consents: ConsentStore,
        questions: Questions,
        period_close: PeriodClose,
        clock: Clock,
        newest: Callable[[Key], StoredReport | None],
    ) -> None:
        self._catalogue, self._consents, self._questions, self._clock = catalogue, consents, questions, clock
        self._period_close, self._wordings, self._newest = period_close, Wordings(), newest

    def question(self, definition: Definition, step: Step, wanted: Wanted = ALL) -> Shown:
        """A question: the declared definition, else the one that was consented to. `step` is its state now."""
        step = self._with_tries(definition.key, step)
        row = {"application": definition.application.id, "id": definition.question.id, **_standing(step)}
        if wanted.wants("reason"):
            row["reason"] = explain(_situation(step))
        if wanted.wants(*_TIMES):
            row |= self._times(definition.key, step)
        if wanted.wants(*_ABOUT):
            row |= _about(definition)
        if wanted.wants(*_PROTECTION):
            row |= _protection(definition)
        if wanted.wants("endpoint", "reviewers", "record", "translations"):
            row |= self._surroundings(definition)
        if wanted.wants("fields", "definition", "figures", "warnings"):
            row |= self._wordings.of(definition)._asdict()
        if wanted.wants("example"):
            row["example"] = report.example(definition, period_at(definition.question.period, self._clock.now()).label)
        if wanted.wants("so_far"):
            row["so_far"] = list(self._period_close.so_far(definition, step.record.period)) if step.is_collecting else []
        if wanted.wants(*_DECISION):
            row |= self._decision(definition, step, wanted.languages)
        return wanted.only(row)

    def question_without_definition(self, key: Key, newest: StoredReport | None, wanted: Wanted = ALL) -> Shown:
        """A question of which no definition can be read. It has the same keys, with empty values where nothing is known.

        `newest` is its newest report.
        """
        decision = self._consents.decisions.get(key, Decision())
        step = self._with_tries(key, self.step_without_definition(key, newest))
        row = {
            **_UNKNOWN,
            **_standing(step),
            **self._times(key, step),
            **_decided(decision, is_accepted=False),
            "application": key[0],
            "id": key[1],
            "reason": explain(_situation(step)),
            "room": "",
        }
        if wanted.languages:
            row["sentences"] = {name: {"reason": explain(_situation(step), words.words)} for name, words in wanted.languages.items()}
        return wanted.only(row)

    def step_without_definition(self, key: Key, newest: StoredReport | None) -> Step:
        """The state of a question without a definition. If nothing but its `newest` report is known, the report says where it stands."""
        decision = self._consents.decisions.get(key, Decision())
        if key in self._consents.records or decision.accepted:
            return self._questions.step_of(key)
        return Step(Record(), State.REFUSED, because(Cause.REFUSED)) if decision.refused else _step_of_report(newest)

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

    def _times(self, key: Key, step: Step) -> Shown:
        """The period, when its report is to be expected, and whether the budget has room for it."""
        record = step.record
        is_due = step.state in _DUE and record.begins and not self._catalogue.settings.developer
        due = window(record.begins, record.closes) if is_due else _NO_WINDOW
        return {
            "drawn_period": record.period,
            "period_begins": record.begins,
            "period_ends": record.closes,
            "due_from": due.start,
            "due": due.end,
            "due_until": due.expires if is_due else 0,
            "room": room.word(self._questions.room_of(key)),
        }

    def _surroundings(self, definition: Definition) -> Shown:
        """What the files say about the question: where the report goes, who reviewed exactly this definition, its translations."""
        review, endpoint = self._catalogue.standing(definition).review, self._catalogue.settings.endpoint(definition.application.vendor)
        is_reviewed = review is not None and review.definition == definition.digest
        return {
            "endpoint": endpoint.url if endpoint else "",
            "reviewers": list(review.reviewers) if review and is_reviewed else [],
            "record": review.record if review and is_reviewed else "",
            "translations": self._translations(definition),
        }

    def _decision(self, definition: Definition, step: Step, languages: Mapping[str, Language]) -> Shown:
        """The user's decision, the differences from what was accepted, and the sentences in other languages, if there are any."""
        decision = self._consents.decisions.get(definition.key, Decision())
        before, changes = self._changes(definition, decision)
        row = {
            **_decided(decision, is_accepted=definition.digest in decision.accepted),
            "changes": changes,
            "accepted_definition": canonical_text(before) if before else "",
        }
        if languages:
            asked = Asked(definition, _situation(step), before, self._translations(definition))
            row["sentences"] = {name: sentences(asked, language) for name, language in languages.items()}
        return row

    def _changes(self, definition: Definition, decision: Decision) -> tuple[Definition | None, list[str]]:
        """The last accepted definition, if it differs and can be read, and the differences from it to this one."""
        accepted = _last_accepted(decision)
        if not accepted or definition.digest in decision.accepted:
            return None, []
        from telemetryd.toml import manifest  # noqa: PLC0415 - what reads TOML is imported for a text, not at start

        try:
            before = manifest.parse(self._consents.accepted_text(definition.key, accepted))
        except InvalidManifestError:
            return None, [_EARLIER_VERSION]
        old = next((definition for definition in before.definitions if definition.digest == accepted), None)
        return old, difference.changes(old, definition) if old else []

    def _translations(self, definition: Definition) -> dict[str, dict[str, str]]:
        """The question's texts in other languages. No digest covers them, so only those of installed manifests are shown."""
        catalogue, application = self._catalogue, definition.application.id
        declaration = catalogue.find(application) if catalogue.is_installed(application) else None
        return translations(definition, declaration.texts) if declaration else {}


def _standing(step: Step) -> Shown:
    """The state of a question, why it is in it, and what became of its report."""
    situation = _situation(step)
    return {
        "state": situation.state,
        "cause": situation.cause,
        "cause_args": dict(situation.args),
        "outcome": situation.outcome,
        "last_sent": step.record.sent,
    }


def _about(definition: Definition) -> Shown:
    """What the definition says in data."""
    question = definition.question
    return {
        "digest": definition.digest,
        "purpose": question.purpose,
        "decision": question.decision,
        "category": str(question.category),
        "detail": question.detail.name.lower(),
        "needs": [[str(axis), int(question.detail)] for axis in axes(definition)],
        "period": str(question.period),
        "ends": question.ends.isoformat(),
        "expected_users": question.expected_users,
        "expected": {reference: list(shares) for reference, shares in question.expected},
    }


def _protection(definition: Definition) -> Shown:
    """The possible answers, and how chance changes them."""
    cells, epsilon = definition.cells, definition.question.epsilon
    truth, other = noise.probabilities(cells, epsilon)
    return {
        "epsilon": float(epsilon),
        "cells": cells,
        "answers": [", ".join(report.label_of_cell(definition, cell)) for cell in range(cells)],
        "chance_true": float(truth),
        "chance_other": float(other),
    }


def _decided(decision: Decision, *, is_accepted: bool) -> Shown:
    """The user's decision. `is_accepted` says whether it holds for the definition that is shown."""
    accepted = _last_accepted(decision)
    return {
        "consent": 2 if decision.refused else int(is_accepted),
        "accepted_digest": accepted,
        "accepted_at": decision.accepted.get(accepted, 0),
    }


_UNKNOWN: Shown = {
    **{name: [] for name in ("fields", "changes", "reviewers", "figures", "warnings", "needs", "answers")},
    **dict.fromkeys(("digest", "purpose", "decision", "category", "detail", "period", "ends", "definition"), ""),
    **dict.fromkeys(("accepted_definition", "example", "endpoint", "record"), ""),
    **dict.fromkeys(("expected_users", "cells"), 0),
    **dict.fromkeys(("epsilon", "chance_true", "chance_other"), 0.0),
    "translations": {},
    "expected": {},
    "so_far": [],
}
"""What a definition would say."""


def _situation(step: Step) -> Situation:
    outcome = QUEUED if step.record.outcome is Outcome.REPORTING else step.record.report
    return Situation(str(step.state), str(step.reason.cause), dict(step.reason.args), outcome)


def _step_of_report(report: StoredReport | None) -> Step:
    """Where a question stands of which only a report or a tally is known. What has not ended is about to be erased, as it lacks consent."""
    is_ended = report is not None and report.outcome != QUEUED
    record = record_delivery(Record(), ending_of(report) if report and is_ended else Ending(ERASED))
    return Step(record, State(record.outcome), record.reason)


def _last_accepted(decision: Decision) -> str:
    return max(decision.accepted, key=lambda digest: decision.accepted[digest], default="")
