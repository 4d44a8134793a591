"""The acts of the user while the files cannot be used. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from telemetryd.core.permission.gate import ApplicationLevels
from telemetryd.core.permission.user_change import Choices, UserChange, check, gives_more, lowering
from telemetryd.engine.choices.decisions import HELD, HELD_PART
from telemetryd.engine.choices.user_acts import Done, UserActs
from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.core.permission.gate import Levels
    from telemetryd.engine.choices.known_questions import KnownQuestions
    from telemetryd.engine.choices.unwritten_withdrawals import Owed
    from telemetryd.engine.declarations.catalogue import Catalogue


class DecisionsWithoutStorage(UserActs):
    """Refuses acts that raise consent. Acts that lower it hold in memory, and the error says that they are not written yet.

    Every act raises StorageError. `shown` are the levels that the user sees, `owed` returns where the withdrawals are kept, `why` is the
    cause.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self, catalogue: Catalogue, known: KnownQuestions, *, shown: Levels, owed: Callable[[], Owed], why: StorageError
    ) -> None:
        self._catalogue, self._known, self._shown, self._owed, self._why = catalogue, known, shown, owed, why

    async def apply(self, change: UserChange, foreseen: str) -> Done:  # noqa: ARG002 - nothing is foreseen
        """Raise StorageError. What takes something back holds."""
        return self._hold(change)

    async def act(self, change: UserChange) -> None:
        """Raise StorageError. What takes something back holds."""
        self._hold(change)

    def _hold(self, change: UserChange) -> NoReturn:
        check(change)
        self._check_names(change)
        levels = {name: level for name, level in change.levels.items() if level <= getattr(self._shown, name)}
        taken_back = lowering(change, Choices(self._shown, {}, {}))._replace(levels=levels)
        if taken_back == UserChange():
            raise StorageError(str(self._why), self._why.path)
        owed = self._owed()
        owed.bound(levels)
        if taken_back.axes:
            owed.switch_off(change.application, ApplicationLevels()._replace(**taken_back.axes))
        owed.refused.update(taken_back.refuse)
        if taken_back.erase is not None:
            owed.erased.add(taken_back.erase)
        held = HELD_PART if gives_more(change, Choices(self._shown, {}, {})) else HELD
        raise StorageError(f"{held}: {self._why}", self._why.path)

    def _check_names(self, change: UserChange) -> None:
        for application in {change.application, change.erase or "", change.forget or ""} - {""}:
            self._known.check(application)
        for key in sorted(change.refuse | change.allow):
            self._known.key(*key)
        for key in change.accept:
            self._catalogue.question(*key)
