"""When the daemon looks by itself: at files while applications call, at each midnight, and at registered texts at a random moment.

A look follows no single call: what it finds, decides and writes takes time, and that time must not answer an application. Policy: C3.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Protocol

from telemetryd.core.period import next_midnight

if TYPE_CHECKING:
    from collections.abc import Coroutine

LOOK_S = 5.0
"""While applications call, the files' dates are looked at this often: so fast does a kill switch work without being told of."""
OWED_MIN_S, OWED_MAX_S = 60.0, 600.0
"""Between a registration that is news and what follows from it: long enough that its moment tells nobody what was registered before."""


class Look(Protocol):
    """One look."""

    def __call__(self, *, is_owed_too: bool) -> Coroutine[None, None, None]:
        """Look; at what was registered too, or only at what everybody may know of."""


class Looks:
    """Timers for looks. None runs while nobody calls, but for midnight's."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._calls: asyncio.TimerHandle | None = None
        self._owed: asyncio.TimerHandle | None = None
        self._midnight: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def called(self) -> None:
        """An application called."""
        if self._calls is None:
            self._calls = asyncio.get_running_loop().call_later(LOOK_S, self._begin, False)  # noqa: FBT003 - the loop passes on positions only

    def soon(self) -> None:
        """A call found another day: look when its reply has left."""
        if self._calls is not None:
            self._calls.cancel()
        self._calls = asyncio.get_running_loop().call_later(0, self._begin, False)  # noqa: FBT003 - as above

    def owe(self) -> None:
        """A text was registered that is news."""
        if self._owed is None:
            span_ms = int(1000 * (OWED_MAX_S - OWED_MIN_S))
            wait_s = OWED_MIN_S + secrets.randbelow(span_ms) / 1000
            self._owed = asyncio.get_running_loop().call_later(wait_s, self._begin, True)  # noqa: FBT003 - as above

    def until_midnight(self) -> None:
        """Look at the next midnight, UTC: periods begin and end then."""
        if self._midnight is not None:
            self._midnight.cancel()
        now = time.time()
        self._midnight = asyncio.get_running_loop().call_later(next_midnight(int(now)) - now, self._begin, False)  # noqa: FBT003 - as above

    def stop(self) -> None:
        """No look any more, until the next call."""
        for timer in (self._calls, self._owed, self._midnight):
            if timer is not None:
                timer.cancel()
        self._calls = self._owed = self._midnight = None

    def _begin(self, is_owed_too: bool) -> None:  # noqa: FBT001 - as above
        self._calls = None
        if is_owed_too:
            self._owed = None
        task = asyncio.get_running_loop().create_task(self._look(is_owed_too=is_owed_too))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
