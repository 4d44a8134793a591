"""`telemetryd --tick`: one run of the timer, without the bus names, so that no application sees whether anything is due. Policy: A2, C3.

A run looks whether a tick comes before the timer's next run, waits for that moment, and then does what is due: the moments of the timer are
the machine's own and would tie its reports together. The lock keeps it apart from a daemon that serves: if that has the lock it ticks by
itself. The lock is held neither while a tick nor while the network is waited for, so that a call in the meantime finds a daemon at once.

Whatever was in memory when the lock was given back is stale: a daemon may have changed it, erased the report, or lost the file. So of a
delivery nothing is kept but its report's row: it is looked at while the bytes leave, and it gets the outcome in one transaction, if it is
still there. What follows from that is taken up under the lock: by this run if nobody has it, else by the daemon that does.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import OUTCOME_WAIT_S, ROW_POLL_S
from telemetryd.engine.delivery import conclude
from telemetryd.errors import StorageError, TelemetrydError
from telemetryd.runtime.assembly import Surroundings, assemble
from telemetryd.runtime.clock import SystemClock
from telemetryd.runtime.lock import StateLock
from telemetryd.store import is_do_not_track_noted
from telemetryd.system.directories import state_directory
from telemetryd.system.installed import InstalledFiles

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from telemetryd.core.schedule import Delivery
    from telemetryd.engine.delivery import Ticker, Try
    from telemetryd.runtime.assembly import Assembly

_LOG = logging.getLogger(__name__)


class UnlockedDelivery:
    """A try that was begun under the lock, delivered and completed without it."""

    def __init__(self, lock: StateLock, assembly: Assembly, begun: Try) -> None:
        """Everything of the assembly is closed but the queue; of the lock nothing is kept but the directory."""
        assembly.close_all_but_queue()
        lock.give_way()
        self._lock = lock
        self._ticker: Ticker = assembly.ticker
        self._reports, self._main, self._begun = assembly.store.reports, assembly.store.main, begun
        self._file = self._main.path.stat()

    async def run(self) -> None:
        """Deliver, and write the outcome down if the report's row is still there."""
        try:
            delivery = await self._deliver()
            if delivery:
                await self._conclude(delivery)
        finally:
            self._main.close()
            self._lock.release()

    async def _deliver(self) -> Delivery | None:
        """The outcome; None if the row went meanwhile: then the connection is broken off."""
        delivery = asyncio.ensure_future(self._ticker.deliver(self._begun))
        try:
            while not delivery.done():
                await asyncio.wait([delivery], timeout=ROW_POLL_S)
                if not delivery.done() and not self._is_queued():
                    return None
            return delivery.result()
        finally:
            if not delivery.done():
                delivery.cancel()
                await asyncio.wait([delivery])

    def _is_queued(self) -> bool:
        """Whether the row is there; not if nobody can tell, or if another file or directory has taken the place of the one that is open."""
        try:
            is_same = self._lock.is_in_place() and os.path.samestat(self._main.path.stat(), self._file)
            return is_same and self._reports.is_queued(self._begun.row.body)
        except (OSError, TelemetrydError):
            return False

    async def _conclude(self, delivery: Delivery) -> None:
        """Another process may be writing at the moment."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + OUTCOME_WAIT_S
        while self._is_queued():
            try:
                conclude(self._reports, self._begun.row, delivery, SystemClock().now())
                self._main.sync()
            except StorageError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(ROW_POLL_S)
            else:
                break
        with suppress(StorageError):
            self._main.purge()  # of the nonce; the lock's holder does it too


async def run(environ: MutableMapping[str, str]) -> int:
    """Wait for a tick, do what is due and leave; gives the exit status: 0 also if a daemon has the lock, or nothing was ever consented to.

    The environment gets DO_NOT_TRACK if the last daemon's had it: the uploader inherits it.
    """
    if not any(state_directory(environ).glob("*consent.sqlite")):
        return 0
    try:
        wait_s = _look(environ)
        if wait_s is None:
            return 0
        await asyncio.sleep(wait_s)
        delivery = _begin(environ)
        if delivery:
            await delivery.run()
            _look(environ)
    except TelemetrydError as failure:
        _LOG.error("%s", failure.placed if isinstance(failure, StorageError) else failure)
        return 1
    return 0


class _Held(NamedTuple):
    """The running parts, under the lock."""

    lock: StateLock
    assembly: Assembly


def _look(environ: MutableMapping[str, str]) -> float | None:
    """Finish what earlier runs left; seconds until a tick that has to be waited for."""
    with ExitStack() as stack:
        held = _hold(environ, stack)
        return held.assembly.ticker.start_by_timer() if held else None


def _begin(environ: MutableMapping[str, str]) -> UnlockedDelivery | None:
    """Do what is due up to the network, and give the lock back."""
    with ExitStack() as stack:
        held = _hold(environ, stack)
        begun = held.assembly.work.now(held.assembly.ticker.running_by_timer()) if held else None
        if held is None or begun is None:
            return None
        delivery = UnlockedDelivery(*held, begun)
        stack.pop_all()
        return delivery


def _hold(environ: MutableMapping[str, str], stack: ExitStack) -> _Held | None:
    """The running parts, under the lock; None if a daemon has it. The stack closes the parts and gives the lock back."""
    lock = StateLock(state_directory(environ))
    if not lock.try_take():
        return None
    stack.callback(lock.release)
    if is_do_not_track_noted(lock.directory):
        environ["DO_NOT_TRACK"] = "1"
    assembly = assemble(InstalledFiles(environ), lock.directory, Surroundings(asyncio.Lock()))
    stack.callback(assembly.close)
    return _Held(lock, assembly)
