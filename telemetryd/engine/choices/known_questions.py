"""The applications and questions that the user can name: those declared, and those with stored data. Policy: C1, C2, T2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.errors import UnknownApplicationError, UnknownQuestionError, named

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Key
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import ConsentStore, ReportStore
    from telemetryd.engine.samples.tallies import RunningTallies


class KnownQuestions:
    """Finds applications and questions in declarations, decisions, tallies and reports."""

    def __init__(self, catalogue: Catalogue, consents: ConsentStore, tallies: RunningTallies, reports: ReportStore) -> None:
        self._catalogue, self._consents, self._tallies, self._reports = catalogue, consents, tallies, reports

    def applications(self) -> list[str]:
        """Every application that is declared or has stored data, sorted."""
        pushed = self._tallies.contributions()
        kept = {application for application, _ in (*self._consents.decisions, *self._consents.records, *(key for key, _ in pushed))}
        pushers = (pusher for _, pusher in pushed)
        return sorted(kept.union(self._catalogue.applications(), self._consents.applications, pushers, self._reports.applications()))

    def kept(self) -> dict[str, set[str]]:
        """Application → its questions with a decision, record or tally. Reports are looked up for each application."""
        questions: dict[str, set[str]] = {}
        for application, question in (
            *self._consents.decisions,
            *self._consents.records,
            *(key for key, _ in self._tallies.contributions()),
        ):
            questions.setdefault(application, set()).add(question)
        return questions

    def is_anything_kept(self, application: str, kept: Mapping[str, set[str]]) -> bool:
        """Whether anything is stored of an application. `kept` is the result of the method `kept`."""
        pushers = {pusher for _, pusher in self._tallies.contributions()}
        is_decided = application in kept or application in self._consents.applications
        return is_decided or application in pushers or bool(self._reports.questions(application))

    def is_question_kept(self, key: Key) -> bool:
        """Whether anything is stored of a question."""
        application, question = key
        return question in self.kept().get(application, ()) or question in self._reports.questions(application)

    def pushers(self, application: str) -> list[str]:
        """The applications whose samples are counted now for a question of this one, sorted."""
        return sorted({pusher for (owner, _), pusher in self._tallies.contributions() if owner == application})

    def check(self, application: str) -> None:
        """Raise UnknownApplicationError unless an application is declared or has stored data."""
        if application not in self._catalogue.applications() and application not in self.applications():
            raise UnknownApplicationError(f"no manifest of {named(application)} is installed or registered, and nothing is kept about it")

    def key(self, application: str, question: str) -> Key:
        """The key of a question that is declared or has stored data. Raises UnknownApplicationError or UnknownQuestionError."""
        self.check(application)
        key = application, question
        if not self.is_question_kept(key) and self._catalogue.definition(key) is None:
            raise UnknownQuestionError(f"{application} asks no question {named(question)}")
        return key
