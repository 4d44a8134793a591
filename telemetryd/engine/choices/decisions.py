"""Carries out an act of the user: writes consent first, then erases what is no longer permitted, then replies. Policy: C1, C2."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from telemetryd.core.permission.user_change import UserChange, check, gives_more, is_withdrawal, lowering
from telemetryd.engine.choices.user_acts import Done, UserActs
from telemetryd.engine.durability import Point
from telemetryd.errors import ERASURE_PENDING, BusyError, ChangedError, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from telemetryd.core.definition import Key
    from telemetryd.core.permission.user_change import Choices
    from telemetryd.engine.choices.changes import Changes
    from telemetryd.engine.choices.foresight import Foreseen, Foresight
    from telemetryd.engine.choices.unwritten_withdrawals import UnwrittenWithdrawals
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import ConsentStore, Files
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.erasure import Erasure
    from telemetryd.engine.samples.sampling import Sampling

PURGE_WAIT_S = 5.0
"""How long an erasure waits for another process that reads the database."""
_PURGE_STEP_S = 0.05

HELD = "it holds from now on, but it is not on disk yet and will be written as soon as possible"
"""The text for the user if a withdrawal could not be written."""
HELD_PART = "only what it takes back was done: " + HELD
"""The same if the change would have given more as well."""

_BETWEEN_PAUSES = 50
"""Questions that are looked at at once: they take 5 ms."""


class Decisions(UserActs):
    """The acts of the user. What is taken back and could not be written is tried again.

    Every act uses the disk equally, so that an application cannot tell a yes from a no by our load. Policy: C3.
    `run` runs steps when it is their turn.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        sampling: Sampling,
        questions: Questions,
        consents: ConsentStore,
        catalogue: Catalogue,
        files: Files,
        changes: Changes,
        foresight: Foresight,
        erasure: Erasure,
        run: Callable[[Steps[bool]], Awaitable[bool]],
        lowered: UnwrittenWithdrawals,
    ) -> None:
        self._sampling, self._questions, self._consents, self._catalogue = sampling, questions, consents, catalogue
        self._files, self._changes, self._foresight = files, changes, foresight
        self._erasure, self._run, self._lowered = erasure, run, lowered

    async def act(self, change: UserChange) -> None:
        """See `UserActs.act`."""
        await self._finish(self._act_steps(change))

    async def apply(self, change: UserChange, foreseen: str) -> Done:
        """See `UserActs.apply`."""
        concerned = change.questions
        await self._finish(self._apply_steps(change, foreseen, concerned))
        accepted = sorted(change.accept)
        return Done(sorted(concerned), accepted, self._foresight.closed(accepted))

    def _act_steps(self, change: UserChange) -> Steps[bool]:
        check(change)
        return (yield from self._carry_out_steps(change))

    def _apply_steps(self, change: UserChange, foreseen: str, concerned: set[Key]) -> Steps[bool]:
        """Compare what would follow with what was foreseen, do the change, and add the questions concerned."""
        check(change)
        try:
            looked = yield from self._foresee_steps(change)
        except StorageError:
            # A file that cannot be read must not prevent a withdrawal. What else was agreed to cannot be compared.
            taken_back = lowering(change, self._changes.choices) if foreseen else change
            if taken_back == UserChange() or not is_withdrawal(change, self._changes.choices):
                raise
            return (yield from self._carry_out_steps(taken_back))
        if foreseen not in {"", looked.digest}:
            raise ChangedError("something else would follow now than was foreseen; nothing was changed")
        concerned |= looked.questions
        return (yield from self._carry_out_steps(change))

    def _foresee_steps(self, change: UserChange) -> Steps[Foreseen]:
        """What would follow. Calls that arrive meanwhile are answered."""
        for number, looked in enumerate(self._foresight.look(change)):
            if looked is not None:
                return looked
            if number % _BETWEEN_PAUSES == 0:
                yield Point.RESTED
        raise AssertionError("the last item says what follows")

    def _carry_out_steps(self, change: UserChange) -> Steps[bool]:
        """Check and write the change without a pause, and erase what it forgets. Then decide anew."""
        self._changes.check(change)
        choices = self._changes.choices
        forgotten = self._changes.erased(change.forget) if change.forget else []
        failures = self._write(change, choices)
        if change.forget is not None and not failures:
            yield from self._sampling.forget_steps(change.forget, forgotten)
            self._erasure.begin()
        held = HELD_PART if failures and gives_more(change, choices) else HELD
        return (yield from self._settle_steps(failures, is_withdrawal=is_withdrawal(change, choices), held=held))

    def _write(self, change: UserChange, choices: Choices) -> list[StorageError]:
        """Write the change in one transaction. If that fails, only what takes something back holds, and the failure is returned."""
        if change.erase is not None:
            self._lowered.erased.add(change.erase)
        try:
            if change.accept:
                self._files.make()
            with self._consents.together():
                self._changes.write(change, self._consents, self._questions)
        except StorageError as failure:
            taken_back = lowering(change, choices)
            if taken_back == UserChange():
                raise
            self._changes.write(taken_back._replace(erase=None), self._consents, self._questions)
            return [failure]
        return []

    def erase_owed_steps(self) -> Steps[None]:
        """Carry out the erasures that are still owed to the user."""
        for application in sorted(self._lowered.erased):
            yield from self._sampling.erase_steps(self._changes.erased(application))
            yield from self._erasure.erase_history_steps(application)
            self._lowered.erased.discard(application)

    async def _finish(self, steps: Steps[bool]) -> None:
        """Run the steps, and return when the disk holds nothing of what they erased. A repeated withdrawal waits too."""
        is_done = await self._run(steps)
        deadline = asyncio.get_running_loop().time() + PURGE_WAIT_S
        while not is_done:
            if asyncio.get_running_loop().time() > deadline:
                raise BusyError(f"{ERASURE_PENDING}the daemon has erased the data, but another process still reads the database")
            await asyncio.sleep(_PURGE_STEP_S)
            is_done = await self._run(self._erasure.finish_steps())

    def _settle_steps(self, failures: list[StorageError], *, is_withdrawal: bool, held: str) -> Steps[bool]:
        """Decide anew, consent first. True if the disk holds nothing of what was erased.

        A withdrawal goes on if the disk fails. At the end it raises StorageError with the text `held`.
        """
        results: list[bool] = []
        for steps in (
            self._sync_steps(is_withdrawal=is_withdrawal),
            self.erase_owed_steps(),
            self._sampling.decide_steps(),
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
            raise _held_error(held, failures)
        *_, is_erased, is_done = results
        # Only who erased something now, or repeats a withdrawal, waits for logs that another process reads.
        return is_done or not (is_erased or (is_withdrawal and self._erasure.is_pending))

    def _sync_steps(self, *, is_withdrawal: bool) -> Steps[None]:
        if is_withdrawal:
            self._files.drop_damaged()
        yield Point.SYNCED


def _held_error(held: str, failures: list[StorageError]) -> StorageError:
    why, path = (f": {failures[0]}", failures[0].path) if failures else ("", "")
    return StorageError(held + why, path)
