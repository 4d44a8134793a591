"""Long work in the loop, a piece at a time: between two pieces everything else that waits is done. Policy: T3.

The work is an iterator, which holds no lock and may see a change between two of its steps: it looks for that itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

PIECE_S = 0.005
"""When a piece ends: after the first step that goes beyond. A step takes a millisecond, or a few where a manifest is read first."""
WORKS_MAX = 4
"""Works that are begun and not done; each may hold a reply of a megabyte. Further ones wait, in order."""


async def rest() -> None:
    """Return when whoever called meanwhile was answered: calls are read in one turn of the loop, but after what was put off to it."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)


class Pieces:
    """Runs works, one piece of one of them in two turns of the loop, however many there are."""

    def __init__(self, piece_s: float = PIECE_S) -> None:
        self._piece_s = piece_s
        self._begun, self._turn = asyncio.Semaphore(WORKS_MAX), asyncio.Lock()

    async def run(self, work: Iterator[T | None]) -> list[T]:
        """Everything that the work gives, but for None: that is a place to rest at. Raises whatever the work raises."""
        found: list[T] = []
        async with self._begun:
            while await self._piece(work, found):
                pass
        return found

    async def _piece(self, work: Iterator[T | None], found: list[T]) -> bool:
        """One piece; True if there is more to do. The turn is kept until the loop has been round: the next piece comes after that."""
        now = asyncio.get_running_loop().time
        async with self._turn:
            end, is_more = now() + self._piece_s, False
            for one in work:
                if one is not None:
                    found.append(one)
                if now() >= end:
                    is_more = True
                    break
            await asyncio.sleep(0)
        return is_more
