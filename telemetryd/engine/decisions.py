"""The acts of the user. Consent is written first, then what is no longer permitted is erased, then the reply is sent. Policy: C1, C2."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core import quotas
from telemetryd.core.gate import ACCEPT_KNOWN, INHERIT, NOT_ACCEPTED, ApplicationLevels, Decision, obstacles
from telemetryd.core.lifecycle import State
from telemetryd.core.limits import OPEN_QUESTIONS_MAX
from telemetryd.core.record import Outcome
from telemetryd.engine.durability import Point
from telemetryd.errors import LOCKED, AccessDeniedError, BusyError, ChangedError, InvalidArgumentsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from telemetryd.core.definition import Definition, Key
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.erasure import Erasure
    from telemetryd.engine.known_questions import KnownQuestions
    from telemetryd.engine.ports import Clock, ConsentStore, Files
    from telemetryd.engine.questions import Questions
    from telemetryd.engine.sampling import Sampling
    from telemetryd.engine.unwritten_withdrawals import UnwrittenWithdrawals

PURGE_WAIT_S = 5.0
"""How long an erasure waits for another process that reads the database."""
_PURGE_STEP_S = 0.05

HELD = "it holds from now on, but it is not on disk yet and will be written as soon as possible"
"""The text for the user if a withdrawal could not be written."""

_ACCEPTABLE = {State.PENDING, State.REFUSED, State.WAITING, State.ACTIVE}


class Decisions:
    """The acts of the user. Each raises BusyError if another process reads a file, so that erased text may still be on the disk.

    A withdrawal holds at once, even if it cannot be written. Then StorageError says so, and the write is tried again.
    Every act uses the disk equally, so that an application cannot tell a yes from a no by our load. Policy: C3.
    `run` runs steps when it is their turn.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        daemon: Sampling,
        questions: Questions,
        consents: ConsentStore,
        catalogue: Catalogue,
        files: Files,
        clock: Clock,
        known: KnownQuestions,
        erasure: Erasure,
        run: Callable[[Steps[bool]], Awaitable[bool]],
        lowered: UnwrittenWithdrawals,
    ) -> None:
        self._daemon, self._questions, self._consents, self._catalogue = daemon, questions, consents, catalogue
        self._files, self._clock, self._known = files, clock, known
        self._erasure, self._run, self._lowered = erasure, run, lowered

    async def set_level(self, name: str, level: int) -> None:
        """Set a global level: `system`, `usage` or `new_questions` to 0, 1 or 2."""
        if level not in {0, 1, 2}:
            raise InvalidArgumentsError(f"{name} takes 0, 1 or 2")
        await self._act(self._set_level_steps(name, level))

    async def set_application(self, application: str, system: int, usage: int) -> None:
        """Set an application's levels to 0, 1, 2 or 3. 3 inherits the global level."""
        if not {system, usage} <= {0, 1, 2, INHERIT}:
            raise InvalidArgumentsError("a level is 0, 1, 2 or 3 (3: follow the global level)")
        await self._act(self._set_application_steps(application, ApplicationLevels(system, usage)))

    async def set_question(self, application: str, question: str, *, is_allowed: bool) -> None:
        """Refuse a question, or end its refusal."""
        await self._act(self._set_question_steps(application, question, is_allowed=is_allowed))

    async def accept(self, application: str, digests: Mapping[str, str]) -> None:
        """Accept all of these questions or none, by the digests that were shown.

        Raises:
            ChangedError: a definition differs from the one that was shown.
            InvalidArgumentsError: a question is over, or cannot be asked.
            LimitExceededError: too many questions would be open at once.
        """
        await self._act(self._accept_steps(application, digests))

    async def erase(self, application: str) -> None:
        """Erase what was collected, queued and recorded for an application, or for all ("")."""
        await self._act(self._erase_steps(application))

    def _set_level_steps(self, name: str, level: int) -> Steps[bool]:
        yield from self._reload_steps()
        stored = getattr(self._consents.levels, name)
        self._check_lock(name, level, stored)
        if level != stored:
            self._consents.set_levels(self._consents.levels._replace(**{name: level}))
        return (yield from self._settle_steps(is_withdrawal=level <= stored))

    def _set_application_steps(self, application: str, levels: ApplicationLevels) -> Steps[bool]:
        yield from self._reload_steps()
        self._known.check(application)
        before = self._consents.applications.get(application, ApplicationLevels())
        for name, level in levels._asdict().items():
            if level != INHERIT:
                self._check_lock(name, level, getattr(before, name))
        if before != levels:
            self._consents.set_application(application, levels)
        return (yield from self._settle_steps(is_withdrawal=True))

    def _set_question_steps(self, application: str, question: str, *, is_allowed: bool) -> Steps[bool]:
        yield from self._reload_steps()
        key = self._known.key(application, question)
        if self._consents.decisions.get(key, Decision()).refused is is_allowed:
            self._consents.refuse(key, is_refused=not is_allowed)
        return (yield from self._settle_steps(is_withdrawal=not is_allowed))

    def _accept_steps(self, application: str, digests: Mapping[str, str]) -> Steps[bool]:
        yield from self._reload_steps()
        definitions = [self._catalogue.question(application, question) for question in digests]
        for definition in definitions:
            if definition.digest != digests[definition.question.id]:
                raise ChangedError(f"the definition of {definition.question.id} is not the one that was shown; nothing was accepted")
        for definition in definitions:
            state = self._questions.step(definition).state
            if state not in _ACCEPTABLE:
                raise InvalidArgumentsError(f"{definition.question.id} is {state}: there is nothing to accept")
        quotas.check_open(len({*self._questions.in_state(Outcome.OPEN), *(definition.key for definition in definitions)}))
        self._keep_acceptances(definitions)
        return (yield from self._settle_steps(is_withdrawal=False))

    def _erase_steps(self, application: str) -> Steps[bool]:
        yield from self._reload_steps()
        if application:
            self._known.check(application)
        self._lowered.erased.add(application)
        return (yield from self._settle_steps(is_withdrawal=True))

    def erase_owed_steps(self) -> Steps[None]:
        """Carry out the erasures that are still owed to the user."""
        for application in sorted(self._lowered.erased):
            keys = [key for key in self._questions.decided() if application in {"", key[0]}]
            yield from self._daemon.erase_steps(keys)
            yield from self._erasure.erase_history_steps(application)
            self._lowered.erased.discard(application)

    async def forget(self, application: str) -> None:
        """Withdraw everything from an application that is not installed, and drop everything about it that does not protect the user.

        Raises:
            InvalidArgumentsError: the application is installed.
            UnknownApplicationError: the application is not known.
        """
        await self._act(self._forget_steps(application))

    def accept_known(self) -> bool:
        """At a tick with NewQuestions = accept: accept new questions of applications that had one accepted before.

        A question that changed is never accepted here. True if any was accepted.
        """
        if min(self._consents.levels.new_questions, self._catalogue.settings.ceiling("new_questions")) != ACCEPT_KNOWN:
            return False
        known = {application for application, _ in self._questions.accepted()}
        new = [definition for application in sorted(known) for definition in self._new_questions(application)]
        room = OPEN_QUESTIONS_MAX - len(self._questions.in_state(Outcome.OPEN))
        self._keep_acceptances(new[:room])
        return bool(new[:room])

    def _forget_steps(self, application: str) -> Steps[bool]:
        yield from self._reload_steps()
        if self._catalogue.is_installed(application):
            raise InvalidArgumentsError(f"{application} is installed: expected an application that registered itself or is gone")
        self._known.check(application)
        yield from self._daemon.forget_steps(application)
        self._erasure.begin()
        return (yield from self._settle_steps(is_withdrawal=True))

    async def _act(self, steps: Steps[bool]) -> None:
        """Run the steps, and return when the disk holds nothing of what they erased. A repeated withdrawal waits too."""
        is_done = await self._run(steps)
        deadline = asyncio.get_running_loop().time() + PURGE_WAIT_S
        while not is_done:
            if asyncio.get_running_loop().time() > deadline:
                raise BusyError("erasure pending: the daemon has erased the data, but another process still reads the database")
            await asyncio.sleep(_PURGE_STEP_S)
            is_done = await self._run(self._erasure.finish_steps())

    def _reload_steps(self) -> Steps[None]:
        """Decide by the present files. A failing disk must not prevent a withdrawal, so StorageError is ignored here."""
        with suppress(StorageError):
            yield from self._daemon.reload_steps()
        yield Point.RESTED

    def _settle_steps(self, *, is_withdrawal: bool) -> Steps[bool]:
        """Decide anew, consent first. True if the disk holds nothing of what was erased. A withdrawal goes on if the disk fails."""
        failures: list[StorageError] = []
        results: list[bool] = []
        for steps in (
            self._sync_steps(is_withdrawal=is_withdrawal),
            self.erase_owed_steps(),
            self._daemon.decide_steps(),
            self._erasure.finish_steps(),
        ):
            yield Point.RESTED
            try:
                results.append(bool((yield from steps)))
            except StorageError as failure:
                if not is_withdrawal:
                    raise
                failures.append(failure)
        if failures or (is_withdrawal and self._consents.is_owed):
            raise _held_error(failures)
        *_, is_erased, is_done = results
        # Only who erased something now, or repeats a withdrawal, waits for logs that another process reads.
        return is_done or not (is_erased or (is_withdrawal and self._erasure.is_pending))

    def _sync_steps(self, *, is_withdrawal: bool) -> Steps[None]:
        if is_withdrawal:
            self._files.drop_damaged()
        yield Point.SYNCED

    def _new_questions(self, application: str) -> list[Definition]:
        declaration = self._catalogue.find(application)
        definitions = declaration.definitions if declaration else ()
        undecided = (definition for definition in definitions if definition.key not in self._consents.decisions)
        return [definition for definition in undecided if self._lacks_acceptance_only(definition)]

    def _lacks_acceptance_only(self, definition: Definition) -> bool:
        """Whether only acceptance is missing. Else the question's period could pass while something else still blocks it."""
        blocked_by = obstacles(definition, self._questions.circumstances(definition))
        is_pending = self._questions.step(definition).state is State.PENDING
        return is_pending and all(obstacle is NOT_ACCEPTED for obstacle in blocked_by)

    def _keep_acceptances(self, definitions: list[Definition]) -> None:
        rows: list[tuple[Key, str, str]] = [
            (definition.key, definition.digest, self._catalogue.text(definition.application.id)) for definition in definitions
        ]
        if rows:
            self._consents.accept(rows, self._clock.now())
            self._files.make()

    def _check_lock(self, name: str, level: int, stored: int) -> None:
        """Refuse a new level above an administrator's lock. A stored level may be kept. Policy: C4."""
        for lock in self._catalogue.settings.locks:
            if lock.what == name and level > lock.limit and level != stored:
                raise AccessDeniedError(f"{name} {LOCKED} {lock.limit} by {lock.file}")


def _held_error(failures: list[StorageError]) -> StorageError:
    why, path = (f": {failures[0]}", failures[0].path) if failures else ("", "")
    return StorageError(HELD + why, path)
