"""Schedules checks: of files while applications call, at each midnight, and of registered texts at a random moment.

A check never follows a single call: it takes time to decide and write, and an application must not be able to measure that. Policy: C3.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Protocol

from telemetryd.core.answers.period import next_midnight

if TYPE_CHECKING:
    from collections.abc import Coroutine

CHECK_S = 5.0
"""Interval between checks of the files while applications call: so fast does a kill switch work without a notification."""
OWED_MIN_S, OWED_MAX_S = 60.0, 600.0
"""Random delay between a new text and its decision: so long that the moment does not show what was registered before."""


class TimedCheck(Protocol):
    """Runs one check."""

    def __call__(self, *, is_owed_too: bool) -> Coroutine[None, None, None]:
        """Check, with `is_owed_too` also what was registered."""


class CheckTimers:
    """The timers of checks. While no application calls, only that of midnight runs."""

    def __init__(self, check: TimedCheck) -> None:
        self._check = check
        self._calls: asyncio.TimerHandle | None = None
        self._owed: asyncio.TimerHandle | None = None
        self._midnight: asyncio.TimerHandle | None = None
        self._running: set[asyncio.Task[None]] = set()

    def note_call(self) -> None:
        """Note a call of an application."""
        if self._calls is None:
            self._calls = asyncio.get_running_loop().call_later(CHECK_S, self._begin, False)  # noqa: FBT003 - the loop passes on positions only

    def check_soon(self) -> None:
        """Check as soon as the reply is sent, because a call found a new day."""
        if self._calls is not None:
            self._calls.cancel()
        self._calls = asyncio.get_running_loop().call_later(0, self._begin, False)  # noqa: FBT003 - as above

    def check_owed(self) -> None:
        """Check later, because a new text was registered."""
        if self._owed is None:
            span_ms = int(1000 * (OWED_MAX_S - OWED_MIN_S))
            wait_s = OWED_MIN_S + secrets.randbelow(span_ms) / 1000
            self._owed = asyncio.get_running_loop().call_later(wait_s, self._begin, True)  # noqa: FBT003 - as above

    def check_at_midnight(self) -> None:
        """Check at the next midnight, UTC, when periods begin and end."""
        if self._midnight is not None:
            self._midnight.cancel()
        now = time.time()
        self._midnight = asyncio.get_running_loop().call_later(next_midnight(int(now)) - now, self._begin, False)  # noqa: FBT003 - as above

    def stop(self) -> None:
        """Stop all timers until the next call."""
        for timer in (self._calls, self._owed, self._midnight):
            if timer is not None:
                timer.cancel()
        self._calls = self._owed = self._midnight = None

    def _begin(self, is_owed_too: bool) -> None:  # noqa: FBT001 - as above
        self._calls = None
        if is_owed_too:
            self._owed = None
        task = asyncio.get_running_loop().create_task(self._check(is_owed_too=is_owed_too))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
