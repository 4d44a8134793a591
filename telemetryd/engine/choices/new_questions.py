"""Accepts new questions if the user said yes to them beforehand: NewQuestions = accept. Policy: C1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import OPEN_QUESTIONS_MAX
from telemetryd.core.permission.gate import ACCEPT_KNOWN, NOT_ACCEPTED, obstacles
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome

if TYPE_CHECKING:
    from telemetryd.core.definition import Definition
    from telemetryd.engine.choices.changes import Changes
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import ConsentStore, Files
    from telemetryd.engine.question_states import Questions


class NewQuestions:
    """New questions of applications of which a question was accepted before. One that changed is never accepted here."""

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self, *, questions: Questions, consents: ConsentStore, catalogue: Catalogue, files: Files, changes: Changes
    ) -> None:
        self._questions, self._consents, self._catalogue = questions, consents, catalogue
        self._files, self._changes = files, changes

    def accept(self) -> bool:
        """At a tick: accept as many as there is room for. True if there was any."""
        if min(self._consents.levels.new_questions, self._catalogue.settings.ceiling("new_questions")) != ACCEPT_KNOWN:
            return False
        applications = {application for application, _ in self._questions.accepted()}
        new = [definition for application in sorted(applications) for definition in self._of(application)]
        room = OPEN_QUESTIONS_MAX - len(self._questions.in_state(Outcome.OPEN))
        if new[:room]:
            self._files.make()
            self._changes.keep_acceptances(new[:room])
        return bool(new[:room])

    def _of(self, application: str) -> list[Definition]:
        declaration = self._catalogue.find(application)
        definitions = declaration.definitions if declaration else ()
        undecided = (definition for definition in definitions if definition.key not in self._consents.decisions)
        return [definition for definition in undecided if self._lacks_acceptance_only(definition)]

    def _lacks_acceptance_only(self, definition: Definition) -> bool:
        """Whether only acceptance is missing. Else the question's period could pass while something else still blocks it."""
        blocked_by = obstacles(definition, self._questions.circumstances(definition))
        is_pending = self._questions.step(definition).state is State.PENDING
        return is_pending and all(obstacle is NOT_ACCEPTED for obstacle in blocked_by)
