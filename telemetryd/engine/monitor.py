"""What an application's developer sees of its pushes: bin and verdict, in developer mode only, in memory only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import Combine

if TYPE_CHECKING:
    from telemetryd.core.definition import Source

_KEPT = 1000
"""Events that are kept for a watcher that is late."""
WAIT_S = 20
"""How long a watcher waits for the next event before it is told that there is none."""


class Event(NamedTuple):
    """One sample: its number, where it came from, the label of its bin, and what became of it."""

    number: int
    application: str
    source: str
    label: str
    verdict: str


class Watch:
    """A short memory of pushes; off, it remembers nothing."""

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self._events: deque[Event] = deque(maxlen=_KEPT)
        self._number = 0
        self._arrived = asyncio.Event()
        self._is_over = False

    def end(self) -> None:
        """Let every watcher go: the daemon leaves."""
        self._is_over = True
        self._arrived.set()

    def note(self, application: str, source: Source, reduced: int, verdict: str) -> None:
        """Remember one sample."""
        self._number += 1
        is_total = source.combine is Combine.SUM
        label = f"+{reduced}" if is_total else source.labels[reduced]
        self._events.append(Event(self._number, application, source.id, label, verdict or "not kept (no question asks for it)"))
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def since(self, application: str, number: int) -> tuple[int, list[Event]]:
        """The events of an application ("" for all) after a number, and the last number; waits for the next if there is none."""
        found = self._found(application, number)
        try:
            async with asyncio.timeout(WAIT_S):
                while not found and not self._is_over:
                    await self._arrived.wait()
                    found = self._found(application, number)
        except TimeoutError:
            pass
        return self._number, found

    def _found(self, application: str, number: int) -> list[Event]:
        return [one for one in self._events if one.number > number and application in {"", one.application}]
