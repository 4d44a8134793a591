"""The daemon behind the window: one worker thread with telemetryctl's client in it; Qt signals bring what it says. Nothing polls.

The window asks by `refresh`, `look` and `ask`. The thread reads everything again after a signal of the daemon, 150 ms later, so that many
signals are one reading. If the daemon is busy or ends meanwhile, it is asked again after a growing time. If it is gone, the bus says when
it is back.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, Signal

from telemetryd.ctl.control_client import ControlClient
from telemetryd.ctl.failures import UNAVAILABLE, Failure
from telemetryd.errors import STANDARD
from telemetryd.settings.reading.service_snapshot import read, read_first

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Work = Callable[[ControlClient], Awaitable[Any]]
    Then = Callable[[Any], None]

_SETTLE_S = 0.15
"""From the first signal to the reading: a change sends several."""
_AGAIN_MIN_S, _AGAIN_MAX_S = 1.0, 30.0
"""From a reading that failed to the next."""
_NOT_THERE = {STANDARD + name for name in ("ServiceUnknown", "NameHasNoOwner", "AccessDenied")}
"""Failures after which nothing is tried again: the bus says when the daemon comes, and what is denied stays denied."""
_END_S = 5.0
"""Longest wait for the thread at the end."""


class _Job(NamedTuple):
    work: Work
    then: Then
    is_act: bool
    """Whether something may have changed by it."""


class ControlThread(QObject):
    """Emits `read_anew` with a `ServiceSnapshot`, `unavailable` with the `Failure` of a reading, and calls back with what was asked for."""

    read_anew = Signal(object)
    unavailable = Signal(object)
    _answered = Signal(object, object)

    def __init__(self) -> None:
        super().__init__()
        self.opened = ""
        """The application whose questions each reading has in full; "": none."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="control", daemon=True)
        self._is_stopped = False
        self._answered.connect(self._call_back)

    def start(self) -> None:
        """Connect and read."""
        self._thread.start()
        self._ready.wait()

    def stop(self) -> None:
        """Disconnect. What was asked for and is not answered yet is called back no more."""
        self._is_stopped = True
        self._put(self._jobs.put_nowait, None)
        self._thread.join(_END_S)

    def refresh(self) -> None:
        """Read everything again, now."""
        self._put(self._due.set)

    def look(self, work: Work, then: Then) -> None:
        """Do `work`, which only reads, in the thread. Then call `then` here with its answer or its `Failure`."""
        self._put(self._jobs.put_nowait, _Job(work, then, is_act=False))

    def ask(self, work: Work, then: Then) -> None:
        """Do `work`, which may change something: as `look`, and then everything is read again."""
        self._put(self._jobs.put_nowait, _Job(work, then, is_act=True))

    def _call_back(self, then: Then, answer: object) -> None:
        if not self._is_stopped:
            then(answer)

    def _put(self, callback: Callable[..., object], *arguments: object) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(callback, *arguments)

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: asyncio.Queue[_Job | None] = asyncio.Queue()
        self._due = asyncio.Event()
        self._again_s, self._has_read, self._is_gone = _AGAIN_MIN_S, False, False
        self._ready.set()
        self._due.set()
        while await self._connected():
            pass

    async def _connected(self) -> bool:
        """Work over one connection until it ends; whether to make another."""
        try:
            async with ControlClient() as control:
                await control.follow(self._on_signal)
                return await self._serve(control)
        except Failure as failure:
            self.unavailable.emit(failure)
            return await self._without_bus(failure)

    async def _serve(self, control: ControlClient) -> bool:
        """Do jobs and readings as they come. Returns whether to connect again, because the bus closed the connection."""
        closed = asyncio.ensure_future(control.closed())
        try:
            while not closed.done():
                job = await self._next_job(closed)
                if job is not None:
                    if (asked := job.result()) is None:
                        return False
                    await self._do(control, asked)
                if self._due.is_set() and not closed.done():
                    await self._read(control)
        finally:
            closed.cancel()
        raise Failure("the session bus closed the connection", UNAVAILABLE)

    async def _without_bus(self, failure: Failure) -> bool:
        """Wait until somebody asks for something; whatever is asked for fails alike. Returns False at the end."""
        self._due.clear()
        job = await self._next_job()
        if job is not None:
            if (asked := job.result()) is None:
                return False
            self._answered.emit(asked.then, failure)
        self._due.set()
        return True

    async def _next_job(self, *others: asyncio.Future[Any]) -> asyncio.Future[_Job | None] | None:
        """The next job, or None if a reading is due, or one of `others` done, before it comes."""
        job, due = asyncio.ensure_future(self._jobs.get()), asyncio.ensure_future(self._due.wait())
        await asyncio.wait((job, due, *others), return_when=asyncio.FIRST_COMPLETED)
        due.cancel()
        if job.done():
            return job
        job.cancel()
        return None

    async def _do(self, control: ControlClient, job: _Job) -> None:
        try:
            answer = await job.work(control)
        except Failure as failure:
            answer = failure
        self._answered.emit(job.then, answer)
        if job.is_act:
            self._due.set()

    async def _read(self, control: ControlClient) -> None:
        self._due.clear()
        try:
            if not self._has_read:
                async for first in read_first(control):
                    self.read_anew.emit(first)
            snapshot = await read(control, self.opened)
        except Failure as failure:
            self.unavailable.emit(failure)
            if failure.name not in _NOT_THERE:
                self._later(self._again_s)
                self._again_s = min(2 * self._again_s, _AGAIN_MAX_S)
        else:
            self._again_s, self._has_read = _AGAIN_MIN_S, True
            self.read_anew.emit(snapshot)
            if self._is_gone:  # it went while its last answer was on the way
                self.unavailable.emit(Failure("", UNAVAILABLE))

    def _on_signal(self, is_gone: bool) -> None:  # noqa: FBT001 - the only argument of a callback
        """The daemon said that something changed, came, or went for good."""
        self._is_gone = is_gone
        if is_gone:
            self.unavailable.emit(Failure("", UNAVAILABLE))
        else:
            self._later(_SETTLE_S)

    def _later(self, delay_s: float) -> None:
        asyncio.get_running_loop().call_later(delay_s, self._due.set)
