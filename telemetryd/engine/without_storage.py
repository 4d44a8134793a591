"""The user's acts while the files cannot be used. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.gate import INHERIT, ApplicationLevels
from telemetryd.engine.decisions import HELD, Choices
from telemetryd.errors import InvalidArgumentsError, StorageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.engine.decisions import Parts


class UnkeptChoices(Choices):
    """The user's acts over files that cannot be used. What raises is refused; what lowers holds, and the answer says what became of it.

    Every act raises StorageError.
    """

    def __init__(self, parts: Parts, why: StorageError) -> None:
        super().__init__(parts)
        self._shown, self._why = parts.consents.levels, why

    async def set_level(self, name: str, level: int) -> None:
        """Lower a global level, or keep it where it is."""
        if level not in {0, 1, 2}:
            raise InvalidArgumentsError(f"{name} takes 0, 1 or 2")
        if level > getattr(self._shown, name):
            raise self._refusal()
        self._lowered.levels[name] = level
        raise self._held()

    async def set_application(self, application: str, system: int, usage: int) -> None:
        """Switch an application's axes off."""
        if not {system, usage} <= {0, 1, 2, INHERIT}:
            raise InvalidArgumentsError("a level is 0, 1, 2 or 3 (as the global level says)")
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
        """Nothing can be accepted."""
        for question in digests:
            self._catalogue.question(application, question)
        raise self._refusal()

    async def erase(self, application: str) -> None:
        """Erase what there is once it can be reached."""
        if application:
            self._known.check(application)
        self._lowered.erased.add(application)
        raise self._held()

    async def forget(self, application: str) -> None:
        """Nothing can be forgotten."""
        self._known.check(application)
        raise self._refusal()

    def _refusal(self) -> StorageError:
        return StorageError(str(self._why), self._why.place)

    def _held(self) -> StorageError:
        return StorageError(f"{HELD}: {self._why}", self._why.place)
