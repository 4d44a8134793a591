"""The acts of the user by their names on Control1: each is a change, and is done in one way. Policy: C1, C2."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from telemetryd.core.permission.user_change import UserChange
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Key


class Done(NamedTuple):
    """What a change did: the questions concerned, those that it accepted, and those of them that stay shut, with the cause."""

    concerned: list[Key]
    accepted: list[Key]
    closed: dict[Key, str]


class UserActs(ABC):
    """Each act raises BusyError if another process reads a file, so that erased text may still be on the disk.

    What takes something back holds at once, even if it cannot be written. Then StorageError says so.
    """

    @abstractmethod
    async def act(self, change: UserChange) -> None:
        """Do all of a change or nothing. Raises what `Changes.check` does."""

    @abstractmethod
    async def apply(self, change: UserChange, foreseen: str) -> Done:
        """The same, and say what it did. `foreseen` is the digest of what was foreseen; "" is not compared.

        Raises:
            ChangedError: something else would follow now, or a definition differs from the one that was shown.
            TelemetrydError: see `Changes.check`.
        """

    async def set_level(self, name: str, level: int) -> None:
        """Set a global level: `system`, `usage` or `new_questions` to 0, 1 or 2."""
        await self.act(UserChange(levels={name: level}))

    async def set_application(self, application: str, system: int, usage: int) -> None:
        """Set an application's levels to 0, 1, 2 or 3. 3 inherits the global level."""
        await self.act(UserChange(application=application, axes={"system": system, "usage": usage}))

    async def set_question(self, application: str, question: str, *, is_allowed: bool) -> None:
        """Refuse a question, or end its refusal."""
        keys = frozenset([(application, question)])
        await self.act(UserChange(allow=keys) if is_allowed else UserChange(refuse=keys))

    async def accept(self, application: str, digests: Mapping[str, str]) -> None:
        """Accept all of these questions or none, by the digests that were shown."""
        await self.act(UserChange(accept={(application, question): digest for question, digest in digests.items()}))

    async def erase(self, application: str) -> None:
        """Erase what was collected, queued and recorded for an application, or for all ("")."""
        await self.act(UserChange(erase=application))

    async def forget(self, application: str) -> None:
        """Withdraw everything from an application that is not installed, and drop everything about it that does not protect the user."""
        await self.act(UserChange(forget=application))
