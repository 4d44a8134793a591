"""What the user decides takes effect here: consent first, then what is no longer permitted is erased, before the reply. Policy: C1, C2."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import quotas
from telemetryd.core.consent import ACCEPT_KNOWN, INHERIT, ApplicationLevels, Cause, Decision, closures
from telemetryd.core.life import Outcome, State
from telemetryd.core.limits import OPEN_QUESTIONS_MAX
from telemetryd.errors import LOCKED, AccessDeniedError, BusyError, ChangedError, InvalidArgumentsError, TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from telemetryd.catalogue import Catalogue
    from telemetryd.core.definition import Definition
    from telemetryd.daemon import Daemon
    from telemetryd.known import Known
    from telemetryd.ports import Clock, Consents, Erasure, Key, Reports
    from telemetryd.questions import Questions

_LOG = logging.getLogger(__name__)

PURGE_WAIT_S = 5.0
"""How long an erasure waits for another process that reads the database."""
_PURGE_STEP_S = 0.05

_ACCEPTABLE = {State.PENDING, State.REFUSED, State.WAITING, State.ACTIVE}


class Parts(NamedTuple):
    """What the user's acts work on."""

    daemon: Daemon
    questions: Questions
    consents: Consents
    catalogue: Catalogue
    erasure: Erasure
    reports: Reports
    clock: Clock
    known: Known


class Choices:
    """The user's acts. Each raises BusyError if erased text may still be on disk because another process reads it.

    `is_held_up` tells so at any time: the last attempt to get rid of it failed.
    """

    def __init__(self, parts: Parts) -> None:
        self._daemon, self._questions, self._consents, self._catalogue, self._erasure, self._reports, self._clock, self._known = parts
        self.is_erasure_pending = True
        self.is_held_up = False
        self._left: Callable[[], bool] = lambda: True
        self._purging: asyncio.Handle | None = None

    async def set_level(self, name: str, level: int) -> None:
        """Set a global level: `system`, `usage` or `new_questions` to 0, 1 or 2."""
        if level not in {0, 1, 2}:
            raise InvalidArgumentsError(f"{name} takes 0, 1 or 2")
        stored = getattr(self._consents.levels, name)
        self._check_lock(name, level, stored)
        self._daemon.refresh()
        if level != stored:
            self._consents.set_levels(self._consents.levels._replace(**{name: level}))
        await self._settle(is_withdrawal=level <= stored)

    async def set_application(self, application: str, system: int, usage: int) -> None:
        """Set an application's levels to 0, 1, 2 or 3 (as the global level says)."""
        if not {system, usage} <= {0, 1, 2, INHERIT}:
            raise InvalidArgumentsError("a level is 0, 1, 2 or 3 (as the global level says)")
        self._known.check(application)
        before = self._consents.applications.get(application, ApplicationLevels())
        for name, level in (("system", system), ("usage", usage)):
            if level != INHERIT:
                self._check_lock(name, level, getattr(before, name))
        self._daemon.refresh()
        if before != (system, usage):
            self._consents.set_application(application, ApplicationLevels(system, usage))
        await self._settle(is_withdrawal=True)

    async def set_question(self, application: str, question: str, *, is_allowed: bool) -> None:
        """Refuse a question, or end its refusal."""
        key = self._known.key(application, question)
        self._daemon.refresh()
        if self._consents.decisions.get(key, Decision()).refused is is_allowed:
            self._consents.refuse(key, is_refused=not is_allowed)
        await self._settle(is_withdrawal=not is_allowed)

    async def accept(self, application: str, digests: Mapping[str, str]) -> None:
        """Accept questions by the digests that were shown: all or none.

        Raises:
            ChangedError: a definition is not the one that was shown.
            InvalidArgumentsError: a question is over, or is not asked.
            LimitExceededError: too many questions would be open at once.
        """
        definitions = [self._catalogue.question(application, question) for question in digests]
        for definition in definitions:
            if definition.digest != digests[definition.question.id]:
                raise ChangedError(f"the definition of {definition.question.id} is not the one that was shown; nothing was accepted")
        self._daemon.refresh()
        for definition in definitions:
            state = self._questions.step(definition).state
            if state not in _ACCEPTABLE:
                raise InvalidArgumentsError(f"{definition.question.id} is {state}: there is nothing to accept")
        quotas.check_open(len({*self._questions.in_state(Outcome.OPEN), *(one.key for one in definitions)}))
        self._keep(definitions)
        await self._settle()

    async def erase(self, application: str) -> None:
        """Erase what was collected, queued and recorded for an application, or for all ("")."""
        if application:
            self._known.check(application)
        self._daemon.refresh()
        keys = [key for key in self._questions.decided() if application in {"", key[0]}]
        self._daemon.erase(keys)
        self._reports.forget(application)
        self.is_erasure_pending = True
        await self._settle(is_withdrawal=True)

    async def forget(self, application: str) -> None:
        """Withdraw everything from an application that is not installed, and drop what is kept of it but for what protects the user.

        Raises:
            InvalidArgumentsError: it is installed.
            UnknownApplicationError: nothing is known of it.
        """
        if self._catalogue.is_installed(application):
            raise InvalidArgumentsError(f"{application} is installed: expected an application that registered itself or is gone")
        self._known.check(application)
        self._daemon.refresh()
        self._daemon.forget(application)
        self.is_erasure_pending = True
        await self._settle(is_withdrawal=True)

    def accept_known(self) -> bool:
        """At a tick, with NewQuestions = accept: questions of applications of which one was accepted before; never a changed one."""
        if min(self._consents.levels.new_questions, self._catalogue.settings.ceiling("new_questions")) != ACCEPT_KNOWN:
            return False
        known = {application for application, _ in self._questions.accepted()}
        new = [one for application in sorted(known) for one in self._new(application)]
        room = OPEN_QUESTIONS_MAX - len(self._questions.in_state(Outcome.OPEN))
        self._keep(new[:room])
        return bool(new[:room])

    def purge(self) -> bool:
        """Try to finish an erasure that another process held up; True if nothing is pending."""
        if self.is_erasure_pending:
            is_done = self._erasure.purge()
            self.is_held_up = self.is_erasure_pending = not (self._left() and is_done)
        return not self.is_erasure_pending

    def purge_soon(self) -> None:
        """Something was erased: purge after the call that is under way."""
        self.is_erasure_pending = True
        if self._purging is None:
            self._purging = asyncio.get_running_loop().call_soon(self._purge_now)

    def purge_too(self, left: Callable[[], bool]) -> None:
        """An erasure in other files is pending as well; `left` tries to finish it, and says whether it did."""
        self._left, self.is_erasure_pending = left, True

    def stop(self) -> None:
        """The files are about to be closed: what was to be purged soon is purged now, as far as it can be."""
        if self._purging is not None:
            self._purging.cancel()
            self._purge_now()

    def _purge_now(self) -> None:
        self._purging = None
        try:
            self.purge()
        except TelemetrydError as failure:
            _LOG.warning("an erasure is pending: %s", failure)

    async def _settle(self, *, is_withdrawal: bool = False) -> None:
        """Decide anew; if anything was erased, answer only when nothing of it is on disk, a withdrawal that is repeated included."""
        if is_withdrawal:
            self._erasure.drop_damaged()
        if not self._daemon.refresh() and not (is_withdrawal and self.is_erasure_pending):
            return
        self.is_erasure_pending = True
        deadline = asyncio.get_running_loop().time() + PURGE_WAIT_S
        while not self.purge():
            if asyncio.get_running_loop().time() > deadline:
                raise BusyError("erasure pending: it is done for the daemon, and another process still reads the database")
            await asyncio.sleep(_PURGE_STEP_S)

    def _new(self, application: str) -> list[Definition]:
        declaration = self._catalogue.find(application)
        definitions = declaration.definitions if declaration else ()
        return [one for one in definitions if one.key not in self._consents.decisions and self._lacks_acceptance_only(one)]

    def _lacks_acceptance_only(self, definition: Definition) -> bool:
        """What something else shuts as well is not accepted unasked: its period would pass before the user opens it."""
        shut = closures(definition, self._questions.circumstances(definition))
        return self._questions.step(definition).state is State.PENDING and all(one.cause is Cause.PENDING for one in shut)

    def _keep(self, definitions: list[Definition]) -> None:
        rows: list[tuple[Key, str, str]] = [(one.key, one.digest, self._catalogue.text(one.application.id)) for one in definitions]
        if rows:
            self._consents.accept(rows, self._clock.now())
            self._erasure.make()

    def _check_lock(self, name: str, level: int, stored: int) -> None:
        """Setting above a lock is refused; keeping what is stored is not. Policy: C4."""
        for lock in self._catalogue.settings.locks:
            if lock.what == name and level > lock.limit and level != stored:
                raise AccessDeniedError(f"{name} {LOCKED} {lock.limit} by {lock.file}")
