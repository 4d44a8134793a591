"""Shows developers the bin and verdict of each push, in developer mode only and in memory only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import Combine

if TYPE_CHECKING:
    from telemetryd.core.definition import Source

_EVENTS_MAX = 1000
"""Events that are kept for a slow client."""
WAIT_S = 20
"""How long a client waits for the next event before it gets an empty reply."""


class PushEvent(NamedTuple):
    """One sample: its number, application and source, the label of its bin, and its verdict."""

    number: int
    application: str
    source: str
    label: str
    verdict: str


class Monitor:
    """The last pushes. Outside developer mode it keeps none."""

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self._events: deque[PushEvent] = deque(maxlen=_EVENTS_MAX)
        self._number = 0
        self._arrived = asyncio.Event()
        self._is_ended = False

    def end(self) -> None:
        """Answer every waiting client, because the daemon exits."""
        self._is_ended = True
        self._arrived.set()

    def note(self, application: str, source: Source, reduced: int, verdict: str) -> None:
        """Add one sample."""
        self._number += 1
        is_total = source.combine is Combine.SUM
        label = f"+{reduced}" if is_total else source.labels[reduced]
        self._events.append(PushEvent(self._number, application, source.id, label, verdict or "not kept (no question asks for it)"))
        self._arrived.set()
        self._arrived = asyncio.Event()

    async def since(self, application: str, number: int) -> tuple[int, list[PushEvent]]:
        """The last number, and the events of an application ("" for all) after `number`. Waits if there are none."""
        events = self._events_after(application, number)
        try:
            async with asyncio.timeout(WAIT_S):
                while not events and not self._is_ended:
                    await self._arrived.wait()
                    events = self._events_after(application, number)
        except TimeoutError:
            pass
        return self._number, events

    def _events_after(self, application: str, number: int) -> list[PushEvent]:
        return [event for event in self._events if event.number > number and application in {"", event.application}]
