"""Shows developers what becomes of each push and each refused call, in developer mode only and in memory only."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

from telemetryd.core.definition import Combine
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.core.definition import Source

_EVENTS_MAX = 1000
"""Events that are kept for a slow client."""
WAIT_S = 20
"""How long a client waits for the next event before it gets an empty reply."""


_NAME_MAX, _TEXT_MAX = 128, 2000
"""Most characters of a refused call's application and source, and of its error, which may be as long as a message."""


class MonitorEvent(NamedTuple):
    """One sample: its number, application and source, the label of its bin, and its verdict.

    A refused call has no label, and `error` is the name of its error. Something else that a developer should know has neither.
    """

    number: int
    application: str
    source: str
    label: str
    verdict: str
    error: str = ""

    @property
    def is_sample(self) -> bool:
        """Whether a sample was taken, kept or not."""
        return bool(self.label)

    def is_about(self, application: str) -> bool:
        """Whether it concerns an application ("" for all). A refused call that names none may be anyone's."""
        return not application or self.application in {"", application}


class Monitor:
    """The last events. Outside developer mode it keeps none."""

    def __init__(self, *, is_on: bool) -> None:
        self.is_on = is_on
        self._events: deque[MonitorEvent] = deque(maxlen=_EVENTS_MAX)
        self._number = 0
        self._arrived = asyncio.Event()
        self._is_ended = False

    def end(self) -> None:
        """Answer every waiting client, because the daemon exits."""
        self._is_ended = True
        self._arrived.set()

    def note(  # noqa: PLR0913 - the last is by keyword
        self, application: str, source: Source, reduced: int, verdict: str, *, name: str = ""
    ) -> None:
        """Add one sample. `name` is the application's name for the source, if that is not its id."""
        is_total = source.combine is Combine.SUM
        label = f"+{reduced}" if is_total else source.labels[reduced]
        self._add(application, name or source.id, label, verdict or "not kept (no question asks for it)")

    def refuse(self, application: str, source: str, error: str, text: str) -> None:
        """Add a refused call, with the name and the text of its error."""
        self._add(_shortened(application, _NAME_MAX), _shortened(source, _NAME_MAX), "", _shortened(text, _TEXT_MAX), error)

    def tell(self, application: str, text: str) -> None:
        """Add something that the developer of an application should know."""
        self._add(application, "", "", text)

    async def since(
        self, application: str, number: int, is_wanted: Callable[[MonitorEvent], bool] = lambda _: True
    ) -> tuple[int, list[MonitorEvent]]:
        """The last number, and the wanted events of an application ("" for all) after `number`. Waits if there are none."""

        def find() -> list[MonitorEvent]:
            return [event for event in self._events if event.number > number and event.is_about(application) and is_wanted(event)]

        events = find()
        try:
            async with asyncio.timeout(WAIT_S):
                while not events and not self._is_ended:
                    await self._arrived.wait()
                    events = find()
        except TimeoutError:
            pass
        return self._number, events

    def _add(self, *event: str) -> None:
        self._number += 1
        self._events.append(MonitorEvent(self._number, *event))
        self._arrived.set()
        self._arrived = asyncio.Event()


def _shortened(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most] + "…"
