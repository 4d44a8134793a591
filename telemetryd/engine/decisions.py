"""What the user decides takes effect here: consent first, then what is no longer permitted is erased, before the reply. Policy: C1, C2."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core import quotas
from telemetryd.core.gate import ACCEPT_KNOWN, INHERIT, ApplicationLevels, Cause, Decision, closures
from telemetryd.core.lifecycle import Outcome, State
from telemetryd.core.limits import OPEN_QUESTIONS_MAX
from telemetryd.engine.durability import Point
from telemetryd.errors import LOCKED, AccessDeniedError, BusyError, ChangedError, InvalidArgumentsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from telemetryd.core.definition import Definition
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.erasure import Erasure
    from telemetryd.engine.known_questions import Known
    from telemetryd.engine.ports import Clock, Consents, Files, Key, Reports
    from telemetryd.engine.questions import Questions
    from telemetryd.engine.sampling import Daemon
    from telemetryd.engine.unwritten_withdrawals import Lowered

PURGE_WAIT_S = 5.0
"""How long an erasure waits for another process that reads the database."""
_PURGE_STEP_S = 0.05

HELD = "it holds from now on, but it is not on disk yet and will be written as soon as possible"
"""What the user is told of something taken back that the disk did not take."""

_ACCEPTABLE = {State.PENDING, State.REFUSED, State.WAITING, State.ACTIVE}


class Parts(NamedTuple):
    """What the user's acts work on. `run` takes steps when it is their turn."""

    daemon: Daemon
    questions: Questions
    consents: Consents
    catalogue: Catalogue
    files: Files
    reports: Reports
    clock: Clock
    known: Known
    erasure: Erasure
    run: Callable[[Steps[bool]], Awaitable[bool]]
    lowered: Lowered


class Choices:
    """The user's acts. Each raises BusyError if erased text may still be on disk because another process reads it.

    What the user takes back holds with the call, also where the disk does not take it: then StorageError says so, and it is tried again.
    Whatever is decided, the disk is asked for the same: how busy we are does not tell an application a yes from a no. Policy: C3.
    """

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self._daemon, self._questions, self._consents, self._catalogue, self._files, *_ = parts
        self._reports, self._clock, self._known, self._erasure, self._run, self._lowered = parts[5:]

    async def set_level(self, name: str, level: int) -> None:
        """Set a global level: `system`, `usage` or `new_questions` to 0, 1 or 2."""
        if level not in {0, 1, 2}:
            raise InvalidArgumentsError(f"{name} takes 0, 1 or 2")
        await self._act(self._setting_level(name, level))

    async def set_application(self, application: str, system: int, usage: int) -> None:
        """Set an application's levels to 0, 1, 2 or 3 (as the global level says)."""
        if not {system, usage} <= {0, 1, 2, INHERIT}:
            raise InvalidArgumentsError("a level is 0, 1, 2 or 3 (as the global level says)")
        await self._act(self._setting_application(application, ApplicationLevels(system, usage)))

    async def set_question(self, application: str, question: str, *, is_allowed: bool) -> None:
        """Refuse a question, or end its refusal."""
        await self._act(self._setting_question(application, question, is_allowed=is_allowed))

    async def accept(self, application: str, digests: Mapping[str, str]) -> None:
        """Accept questions by the digests that were shown: all or none.

        Raises:
            ChangedError: a definition is not the one that was shown.
            InvalidArgumentsError: a question is over, or is not asked.
            LimitExceededError: too many questions would be open at once.
        """
        await self._act(self._accepting(application, digests))

    async def erase(self, application: str) -> None:
        """Erase what was collected, queued and recorded for an application, or for all ("")."""
        await self._act(self._erasing(application))

    def _setting_level(self, name: str, level: int) -> Steps[bool]:
        yield from self._looking()
        stored = getattr(self._consents.levels, name)
        self._check_lock(name, level, stored)
        if level != stored:
            self._consents.set_levels(self._consents.levels._replace(**{name: level}))
        return (yield from self._settling(is_withdrawal=level <= stored))

    def _setting_application(self, application: str, levels: ApplicationLevels) -> Steps[bool]:
        yield from self._looking()
        self._known.check(application)
        before = self._consents.applications.get(application, ApplicationLevels())
        for name, level in levels._asdict().items():
            if level != INHERIT:
                self._check_lock(name, level, getattr(before, name))
        if before != levels:
            self._consents.set_application(application, levels)
        return (yield from self._settling(is_withdrawal=True))

    def _setting_question(self, application: str, question: str, *, is_allowed: bool) -> Steps[bool]:
        yield from self._looking()
        key = self._known.key(application, question)
        if self._consents.decisions.get(key, Decision()).refused is is_allowed:
            self._consents.refuse(key, is_refused=not is_allowed)
        return (yield from self._settling(is_withdrawal=not is_allowed))

    def _accepting(self, application: str, digests: Mapping[str, str]) -> Steps[bool]:
        yield from self._looking()
        definitions = [self._catalogue.question(application, question) for question in digests]
        for definition in definitions:
            if definition.digest != digests[definition.question.id]:
                raise ChangedError(f"the definition of {definition.question.id} is not the one that was shown; nothing was accepted")
        for definition in definitions:
            state = self._questions.step(definition).state
            if state not in _ACCEPTABLE:
                raise InvalidArgumentsError(f"{definition.question.id} is {state}: there is nothing to accept")
        quotas.check_open(len({*self._questions.in_state(Outcome.OPEN), *(one.key for one in definitions)}))
        self._keep(definitions)
        return (yield from self._settling(is_withdrawal=False))

    def _erasing(self, application: str) -> Steps[bool]:
        yield from self._looking()
        if application:
            self._known.check(application)
        self._lowered.erased.add(application)
        return (yield from self._settling(is_withdrawal=True))

    def owing(self) -> Steps[None]:
        """Erase what the user wants erased and is not yet."""
        for application in sorted(self._lowered.erased):
            keys = [key for key in self._questions.decided() if application in {"", key[0]}]
            yield from self._daemon.erasing(keys)
            while self._reports.forget(application):
                yield Point.SYNCED
            self._erasure.begin()
            self._lowered.erased.discard(application)

    async def forget(self, application: str) -> None:
        """Withdraw everything from an application that is not installed, and drop what is kept of it but for what protects the user.

        Raises:
            InvalidArgumentsError: it is installed.
            UnknownApplicationError: nothing is known of it.
        """
        await self._act(self._forgetting(application))

    def accept_known(self) -> bool:
        """At a tick, with NewQuestions = accept: questions of applications of which one was accepted before; never a changed one."""
        if min(self._consents.levels.new_questions, self._catalogue.settings.ceiling("new_questions")) != ACCEPT_KNOWN:
            return False
        known = {application for application, _ in self._questions.accepted()}
        new = [one for application in sorted(known) for one in self._new(application)]
        room = OPEN_QUESTIONS_MAX - len(self._questions.in_state(Outcome.OPEN))
        self._keep(new[:room])
        return bool(new[:room])

    def _forgetting(self, application: str) -> Steps[bool]:
        yield from self._looking()
        if self._catalogue.is_installed(application):
            raise InvalidArgumentsError(f"{application} is installed: expected an application that registered itself or is gone")
        self._known.check(application)
        yield from self._daemon.forgetting(application)
        self._erasure.begin()
        return (yield from self._settling(is_withdrawal=True))

    async def _act(self, steps: Steps[bool]) -> None:
        """Take the steps, and answer when nothing of what they erased is on disk, a withdrawal that is repeated included."""
        is_done = await self._run(steps)
        deadline = asyncio.get_running_loop().time() + PURGE_WAIT_S
        while not is_done:
            if asyncio.get_running_loop().time() > deadline:
                raise BusyError("erasure pending: it is done for the daemon, and another process still reads the database")
            await asyncio.sleep(_PURGE_STEP_S)
            is_done = await self._run(self._erasure.finishing())

    def _looking(self) -> Steps[None]:
        """Decide by the files as they are now. A disk that does not take what follows keeps nobody from taking something back."""
        with suppress(StorageError):
            yield from self._daemon.reloading()
        yield Point.RESTED

    def _settling(self, *, is_withdrawal: bool) -> Steps[bool]:
        """Decide anew, consent first; whether nothing of what was erased is on disk. What is taken back is shut whatever the disk does."""
        failures: list[StorageError] = []
        results: list[bool] = []
        for steps in (self._keeping(is_withdrawal=is_withdrawal), self.owing(), self._daemon.deciding(), self._erasure.finishing()):
            yield Point.RESTED
            try:
                results.append(bool((yield from steps)))
            except StorageError as failure:
                if not is_withdrawal:
                    raise
                failures.append(failure)
        if failures or (is_withdrawal and self._consents.is_owed):
            raise _held(failures)
        *_, is_erased, is_done = results
        return is_done or not (is_erased or (is_withdrawal and self._erasure.is_pending))

    def _keeping(self, *, is_withdrawal: bool) -> Steps[None]:
        if is_withdrawal:
            self._files.drop_damaged()
        yield Point.SYNCED

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
            self._files.make()

    def _check_lock(self, name: str, level: int, stored: int) -> None:
        """Setting above a lock is refused; keeping what is stored is not. Policy: C4."""
        for lock in self._catalogue.settings.locks:
            if lock.what == name and level > lock.limit and level != stored:
                raise AccessDeniedError(f"{name} {LOCKED} {lock.limit} by {lock.file}")


def _held(failures: list[StorageError]) -> StorageError:
    why, place = (f": {failures[0]}", failures[0].place) if failures else ("", "")
    return StorageError(HELD + why, place)
