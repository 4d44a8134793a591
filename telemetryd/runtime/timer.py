"""`telemetryd --tick`: one run of the timer. It does not own the bus names, so no application sees whether anything is due. Policy: A2, C3.

A run checks whether a tick comes before the timer's next run, waits for it, and then does what is due. It does not send at the timer's own
moments: they are specific to the machine and would link its reports. The lock excludes a running daemon, which has ticks of its own. It
is not held while the run waits for a tick or the network. So a call meanwhile can start a daemon at once. It is also released between two
closings if many periods are over, so a start never waits for all of them.

State in memory is stale after the lock is released: a daemon may have changed it, erased the report, or lost the file. So a delivery keeps
only its report's row. It checks the row while bytes are sent, and writes the outcome in one transaction if the row is still there. What
follows is done under the lock: by this run if the lock is free, else by the daemon that holds it.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from telemetryd.bus.line_and_power import is_sparing
from telemetryd.core.limits import CLOSING_PAUSE_S, CLOSINGS_HELD, OUTCOME_WAIT_S, ROW_POLL_S
from telemetryd.errors import StorageError, TelemetrydError
from telemetryd.named_tuple import NamedTuple
from telemetryd.runtime.assembly import Surroundings, assemble
from telemetryd.runtime.lock import StateLock
from telemetryd.store import is_do_not_track_noted
from telemetryd.system.directories import state_directory
from telemetryd.system.installed import InstalledFiles

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from telemetryd.core.sending.schedule import Delivery
    from telemetryd.engine.attempts import Attempt
    from telemetryd.engine.delivery import Deliveries
    from telemetryd.runtime.assembly import Assembly

_LOG = logging.getLogger(__name__)


class UnlockedDelivery:
    """An attempt that was begun under the lock, and is delivered and completed without it."""

    def __init__(self, lock: StateLock, assembly: Assembly, attempt: Attempt) -> None:
        """Close everything of the assembly except the queue, and release the lock, but keep its directory."""
        assembly.close_all_but_queue()
        lock.release_lock()
        self._lock = lock
        self._ticker: Deliveries = assembly.ticker
        self._reports, self._main, self._attempt = assembly.store.reports, assembly.store.main, attempt
        self._file = self._main.path.stat()

    async def run(self) -> None:
        """Deliver, and store the outcome if the report's row is still there."""
        try:
            delivery = await self._deliver()
            if delivery:
                await self._conclude(delivery)
        finally:
            self._main.close()
            self._lock.release()

    async def _deliver(self) -> Delivery | None:
        """The result. None if the row was erased meanwhile: then the connection is aborted."""
        delivery = asyncio.ensure_future(self._ticker.deliver(self._attempt))
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
        """Whether the row is there. False if that cannot be checked, or if the open file or directory was replaced."""
        try:
            is_same = self._lock.is_in_place() and os.path.samestat(self._main.path.stat(), self._file)
            return is_same and self._reports.is_queued(self._attempt.row.body)
        except (OSError, TelemetrydError):
            return False

    async def _conclude(self, delivery: Delivery) -> None:
        """Store the outcome. Try again for a while, because another process may be writing."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + OUTCOME_WAIT_S
        while self._is_queued():
            try:
                self._ticker.conclude(self._attempt.row, delivery)
                self._main.sync()
            except StorageError:
                if loop.time() > deadline:
                    raise
                await asyncio.sleep(ROW_POLL_S)
            else:
                break
        with suppress(StorageError):
            self._main.purge()  # removes the nonce from the log; the lock's holder does it too


async def run(environ: MutableMapping[str, str]) -> int:
    """Wait for a tick and do what is due. Returns the exit status, also 0 if a daemon has the lock or there was never any consent.

    DO_NOT_TRACK is added to the environment if the last daemon had it, because the uploader inherits it.
    """
    if not any(state_directory(environ).glob("*consent.sqlite")):
        return 0
    try:
        wait_s = await _run_checks(environ)
        if wait_s is None:
            return 0
        await asyncio.sleep(wait_s)
        delivery = await _begin_delivery(environ, is_sparing=await is_sparing(environ))
        if delivery and await _run_until_told_to_end(delivery):
            await _run_checks(environ)
    except TelemetrydError as failure:
        _LOG.error("%s", failure.text_with_path if isinstance(failure, StorageError) else failure)
        return 1
    return 0


async def _run_until_told_to_end(delivery: UnlockedDelivery) -> bool:
    """Run the delivery. False if it was broken off by SIGTERM: a report of which surely nothing left then waits for another slot."""
    running = asyncio.ensure_future(delivery.run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.cancel)
    try:
        await running
    except asyncio.CancelledError:
        return False
    return True


class _Locked(NamedTuple):
    """The running parts, under the lock."""

    lock: StateLock
    assembly: Assembly


async def _run_checks(environ: MutableMapping[str, str]) -> float | None:
    """Finish the work of earlier runs. Returns the seconds until the tick to wait for, or None."""
    with ExitStack() as stack:
        locked = await _open_closed(environ, stack)
        return locked.assembly.ticker.start_by_timer() if locked else None


async def _begin_delivery(environ: MutableMapping[str, str], *, is_sparing: bool) -> UnlockedDelivery | None:
    """Do what is due, up to the network, and release the lock. Returns the delivery, if there is one."""
    with ExitStack() as stack:
        locked = await _open_closed(environ, stack)
        attempt = locked.assembly.work.now(locked.assembly.ticker.run_by_timer_steps(is_sparing=is_sparing)) if locked else None
        if locked is None or attempt is None:
            return None
        delivery = UnlockedDelivery(*locked, attempt)
        stack.pop_all()
        return delivery


async def _open_closed(environ: MutableMapping[str, str], stack: ExitStack) -> _Locked | None:
    """Close the periods that are over, a few each time the parts are opened, then leave them open. None if a daemon has the lock."""
    while True:
        with ExitStack() as opened:
            locked = _open_locked(environ, opened)
            if locked is None or not locked.assembly.sampling.has_closings_left:
                stack.enter_context(opened.pop_all())
                return locked
        await asyncio.sleep(CLOSING_PAUSE_S)


def _open_locked(environ: MutableMapping[str, str], stack: ExitStack) -> _Locked | None:
    """Open the parts under the lock. None if a daemon has it. The stack closes the parts and releases the lock."""
    lock = StateLock(state_directory(environ))
    if not lock.try_take():
        return None
    stack.callback(lock.release)
    if is_do_not_track_noted(lock.directory):
        environ["DO_NOT_TRACK"] = "1"
    assembly = assemble(InstalledFiles(environ), lock.directory, Surroundings(asyncio.Lock(), closings_max=CLOSINGS_HELD))
    stack.callback(assembly.close)
    return _Locked(lock, assembly)
