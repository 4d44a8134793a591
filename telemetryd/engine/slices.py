"""Runs long work in the loop in pieces. Other tasks run between two pieces. Policy: T3.

The work is an iterator without a lock. The state may change between two of its steps, and it has to check that itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

PIECE_S = 0.005
"""Length of a piece: it ends after the first step that goes beyond. A step takes a millisecond, or a few if it reads a manifest."""
WORKS_MAX = 4
"""Most works that are running, each with a reply of up to a megabyte. Further ones wait in order."""


class Slices:
    """Runs works: at most one piece of one work in two turns of the loop."""

    def __init__(self, piece_s: float = PIECE_S) -> None:
        self._piece_s = piece_s
        self._work_slots, self._turn = asyncio.Semaphore(WORKS_MAX), asyncio.Lock()

    async def run(self, work: Iterator[T | None]) -> list[T]:
        """All results of the work. A None is a step without a result. Raises what the work raises."""
        results: list[T] = []
        async with self._work_slots:
            while await self._run_piece(work, results):
                pass
        return results

    async def _run_piece(self, work: Iterator[T | None], results: list[T]) -> bool:
        """Run one piece. True if there is more to do. The lock is held for one turn of the loop more, so that other tasks come first."""
        now = asyncio.get_running_loop().time
        async with self._turn:
            end, is_more = now() + self._piece_s, False
            for result in work:
                if result is not None:
                    results.append(result)
                if now() >= end:
                    is_more = True
                    break
            await asyncio.sleep(0)
        return is_more
