"""`telemetryd --tick`: one run of the timer, without the bus names, so that no application sees whether anything is due. Policy: A2, C3.

A run looks whether a tick comes before the timer's next run, waits for that moment, and then does what is due: the moments of the timer are
the machine's own and would tie its reports together. The lock keeps it apart from a daemon that serves: if that has the lock it ticks by
itself. The lock is held neither while a tick nor while the network is waited for, so that a call in the meantime finds a daemon at once.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

from telemetryd.assembly import assemble
from telemetryd.core.limits import ROW_POLL_S
from telemetryd.directories import state_directory
from telemetryd.errors import TelemetrydError
from telemetryd.installed import InstalledFiles
from telemetryd.lock import StateLock
from telemetryd.store import is_do_not_track_noted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from telemetryd.core.schedule import Delivery
    from telemetryd.core.settings import Endpoint
    from telemetryd.ports import Courier
    from telemetryd.tick import Ticker

_LOG = logging.getLogger(__name__)


class UnlockedCourier:
    """Delivers without the lock, and breaks off when another process erases the report meanwhile."""

    def __init__(self, courier: Courier, lock: StateLock, is_queued: Callable[[bytes], bool]) -> None:
        self._courier, self._lock, self._is_queued = courier, lock, is_queued

    async def deliver(self, endpoint: Endpoint, body: bytes) -> Delivery:
        """As the courier does; cancelled if the report's row goes."""
        self._lock.release()
        delivery = asyncio.ensure_future(self._courier.deliver(endpoint, body))
        try:
            while not delivery.done():
                await asyncio.wait([delivery], timeout=ROW_POLL_S)
                if not delivery.done() and not self._is_queued(body):
                    delivery.cancel()
            return await delivery
        finally:
            delivery.cancel()
            self._lock.try_take()


async def run(environ: MutableMapping[str, str]) -> int:
    """Wait for a tick, do what is due and leave; gives the exit status: 0 also if a daemon has the lock, or nothing was ever consented to.

    The environment gets DO_NOT_TRACK if the last daemon's had it: the uploader inherits it.
    """
    directory = state_directory(environ)
    if not any(directory.glob("*consent.sqlite")):
        return 0
    lock = StateLock(directory)
    try:
        with _ticker(environ, lock) as ticker:
            wait_s = ticker.start_by_timer() if ticker else None
        if wait_s is None:
            return 0
        await asyncio.sleep(wait_s)
        with _ticker(environ, lock) as ticker:
            if ticker:
                await ticker.run_by_timer()
    except TelemetrydError as failure:
        _LOG.error("%s", failure)
        return 1
    return 0


@contextmanager
def _ticker(environ: MutableMapping[str, str], lock: StateLock) -> Iterator[Ticker | None]:
    """What ticks, under the lock; None if a daemon has it."""
    directory = state_directory(environ)
    if not lock.try_take():
        yield None
        return
    try:
        if is_do_not_track_noted(directory):
            environ["DO_NOT_TRACK"] = "1"
        assembly = assemble(InstalledFiles(environ), directory)
        try:
            assembly.ticker.deliver_by(lambda courier: UnlockedCourier(courier, lock, assembly.store.reports.is_queued))
            yield assembly.ticker
        finally:
            assembly.close()
    finally:
        lock.release()
