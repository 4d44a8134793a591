"""The acts of the user while the files cannot be used. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.gate import INHERIT, ApplicationLevels
from telemetryd.engine.decisions import HELD
from telemetryd.errors import InvalidArgumentsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.gate import Levels
    from telemetryd.engine.catalogue import Catalogue
    from telemetryd.engine.known_questions import KnownQuestions
    from telemetryd.engine.unwritten_withdrawals import UnwrittenWithdrawals


class DecisionsWithoutStorage:
    """Refuses acts that raise consent. Acts that lower it hold in memory, and the error says that they are not written yet.

    Every act raises StorageError. `shown` are the levels that the user sees, `lowered` keeps the withdrawals, `why` is the cause.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self, catalogue: Catalogue, known: KnownQuestions, *, shown: Levels, lowered: UnwrittenWithdrawals, why: StorageError
    ) -> None:
        self._catalogue, self._known, self._shown, self._lowered, self._why = catalogue, known, shown, lowered, why

    async def set_level(self, name: str, level: int) -> None:
        """Lower a global level or confirm it."""
        if level not in {0, 1, 2}:
            raise InvalidArgumentsError(f"{name} takes 0, 1 or 2")
        if level > getattr(self._shown, name):
            raise self._refusal()
        self._lowered.levels[name] = level
        raise self._held()

    async def set_application(self, application: str, system: int, usage: int) -> None:
        """Switch an application's axes off."""
        if not {system, usage} <= {0, 1, 2, INHERIT}:
            raise InvalidArgumentsError("a level is 0, 1, 2 or 3 (3: follow the global level)")
        self._known.check(application)
        if {system, usage} - {0, INHERIT} or {system, usage} == {INHERIT}:
            raise self._refusal()
        self._lowered.switch_off(application, ApplicationLevels(system, usage))
        raise self._held()

    async def set_question(self, application: str, question: str, *, is_allowed: bool) -> None:
        """Refuse a question."""
        key = self._known.key(application, question)
        if is_allowed:
            raise self._refusal()
        self._lowered.refused.add(key)
        raise self._held()

    async def accept(self, application: str, digests: Mapping[str, str]) -> None:
        """Refuse: nothing can be accepted."""
        for question in digests:
            self._catalogue.question(application, question)
        raise self._refusal()

    async def erase(self, application: str) -> None:
        """Erase once the files can be used."""
        if application:
            self._known.check(application)
        self._lowered.erased.add(application)
        raise self._held()

    async def forget(self, application: str) -> None:
        """Refuse: nothing can be forgotten."""
        self._known.check(application)
        raise self._refusal()

    def _refusal(self) -> StorageError:
        return StorageError(str(self._why), self._why.path)

    def _held(self) -> StorageError:
        return StorageError(f"{HELD}: {self._why}", self._why.path)
