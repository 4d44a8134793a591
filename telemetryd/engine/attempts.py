"""Attempts to deliver a report: each is stored as begun before a byte leaves, and can be aborted while it runs. Policy: M4, C1."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterable

    from telemetryd.core.definition import Key
    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.core.settings import Endpoint
    from telemetryd.engine.ports import StoredReport


class Attempt(NamedTuple):
    """A delivery attempt that is stored as begun. From then on bytes may have left, unless its outcome says that surely none has.

    `row` is the report, `definition` the canonical text that was consented to.
    """

    endpoint: Endpoint
    row: StoredReport
    definition: str


class Sending:
    """The attempts that are running in this process."""

    def __init__(self) -> None:
        self._tasks: dict[Key, asyncio.Task[Delivery]] = {}
        self.is_over = False
        """Whether the process exits, so that no other attempt may begin."""

    def __contains__(self, key: Key) -> bool:
        return key in self._tasks

    async def run(self, key: Key, work: Coroutine[Any, Any, Delivery]) -> Delivery | None:
        """The result of an attempt, or None if it was aborted."""
        task = self._tasks[key] = asyncio.ensure_future(work)
        try:
            return await task
        except asyncio.CancelledError:
            running = asyncio.current_task()
            if running and running.cancelling():  # the caller itself is cancelled, not only the attempt
                raise
            return None
        finally:
            self._tasks.pop(key, None)

    def abort(self, keys: Iterable[Key]) -> None:
        """Abort the attempts of these questions. Bytes that were sent cannot be called back, and the history says so."""
        for key in keys:
            if key in self._tasks:
                self._tasks[key].cancel()

    def abort_all(self) -> None:
        """Abort all attempts, because other databases are opened."""
        self.abort(list(self._tasks))

    def stop(self) -> None:
        """Abort all attempts before an exit, and begin no other."""
        self.is_over = True
        self.abort_all()

    async def end(self) -> None:
        """Abort all attempts before an exit, and wait until it is stored which of them surely sent nothing."""
        tasks = list(self._tasks.values())
        self.stop()
        if tasks:
            await asyncio.wait(tasks)
