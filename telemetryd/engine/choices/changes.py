"""Checks a change that the user asks for, and writes it. What would follow is foreseen by the same code over a draft. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core import quotas
from telemetryd.core.permission.gate import INHERIT, ApplicationLevels, Decision
from telemetryd.core.permission.lifecycle import State
from telemetryd.core.permission.record import Outcome
from telemetryd.core.permission.user_change import Choices
from telemetryd.errors import LOCKED, AccessDeniedError, ChangedError, InvalidArgumentsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.permission.user_change import UserChange
    from telemetryd.engine.choices.known_questions import KnownQuestions
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import Clock, ConsentStore
    from telemetryd.engine.question_states import Questions

_ACCEPTABLE = {State.PENDING, State.REFUSED, State.WAITING, State.ACTIVE}


class Changes:
    """What is permitted is decided by the choices, questions and files that are in force."""

    def __init__(  # noqa: PLR0913 - the last two are by keyword
        self, catalogue: Catalogue, consents: ConsentStore, questions: Questions, *, known: KnownQuestions, clock: Clock
    ) -> None:
        self._catalogue, self._consents, self._questions = catalogue, consents, questions
        self._known, self._clock = known, clock

    @property
    def choices(self) -> Choices:
        """What the user has chosen so far."""
        return Choices(self._consents.levels, self._consents.applications, self._consents.decisions)

    def check(self, change: UserChange) -> None:
        """Check every part of a change before anything is done. `user_change.check` was asked before.

        Raises:
            AccessDeniedError: a level is above an administrator's lock.
            ChangedError: a definition differs from the one that was shown.
            InvalidArgumentsError: a question is over or cannot be asked, or an application is installed.
            LimitExceededError: too many questions would be open at once.
            UnknownApplicationError, UnknownQuestionError: there is none.
        """
        self._check_levels(change)
        for key in sorted(change.refuse | change.allow):
            self._known.key(*key)
        self._check_acceptances(change.accept)
        if change.erase:
            self._known.check(change.erase)
        if change.forget is not None:
            self._check_forgetting(change.forget)

    def write(self, change: UserChange, consents: ConsentStore, questions: Questions) -> None:
        """Write a change that was checked to these choices and records: those in force, or a draft."""
        levels = consents.levels._replace(**change.levels)
        if levels != consents.levels:
            consents.set_levels(levels)
        if change.axes:
            before = consents.applications.get(change.application, ApplicationLevels())
            if before != before._replace(**change.axes):
                consents.set_application(change.application, before._replace(**change.axes))
        for key in sorted(change.refuse | change.allow):
            if consents.decisions.get(key, Decision()).refused is not (key in change.refuse):
                consents.refuse(key, is_refused=key in change.refuse)
        self._accept(change.accept, consents)
        if change.forget is not None:
            questions.forget(change.forget)
        if change.erase is not None:
            questions.erase(self.erased(change.erase))

    def erased(self, application: str) -> list[Key]:
        """The questions of which an erasure erases what was collected."""
        return [key for key in self._questions.decided() if application in {"", key[0]}]

    def keep_acceptances(self, definitions: Iterable[Definition]) -> None:
        """Store the acceptance of these definitions, as they are declared."""
        self._accept({definition.key: definition.digest for definition in definitions}, self._consents)

    def _accept(self, digests: Mapping[Key, str], consents: ConsentStore) -> None:
        texts = {application: self._catalogue.text(application) for application in sorted({key[0] for key in digests})}
        rows = [(key, digest, texts[key[0]]) for key, digest in digests.items()]
        if rows:
            consents.accept(rows, self._clock.now())

    def _check_levels(self, change: UserChange) -> None:
        for name, level in change.levels.items():
            self._check_lock(name, level, getattr(self._consents.levels, name))
        if not change.application:
            return
        self._known.check(change.application)
        own = self.choices.own(change.application)
        for axis, level in change.axes.items():
            if level != INHERIT:
                self._check_lock(axis, level, getattr(own, axis))

    def _check_lock(self, name: str, level: int, stored: int) -> None:
        """Refuse a new level above an administrator's lock. A stored level may be kept. Policy: C4."""
        for lock in self._catalogue.settings.locks:
            if lock.what == name and level > lock.limit and level != stored:
                raise AccessDeniedError(f"{name} {LOCKED} {lock.limit} by {lock.file}")

    def _check_acceptances(self, digests: Mapping[Key, str]) -> None:
        for key, digest in digests.items():
            if self._catalogue.question(*key).digest != digest:
                raise ChangedError(f"the definition of {key[1]} is not the one that was shown; nothing was accepted")
        for key in digests:
            state = self._questions.step_of(key).state
            if state not in _ACCEPTABLE:
                raise InvalidArgumentsError(f"{key[1]} is {state}: there is nothing to accept")
        if digests:
            quotas.check_open(len({*self._questions.in_state(Outcome.OPEN), *digests}))

    def _check_forgetting(self, application: str) -> None:
        if self._catalogue.is_installed(application):
            raise InvalidArgumentsError(f"{application} is installed: expected an application that registered itself or is gone")
        self._known.check(application)
