"""What was committed without a sync gets one a few seconds later, in a thread: so a power cut takes no more than those seconds of samples.

It is the log that is synced, not the file: that is all that SQLite needs after a power cut, costs one write, and waits for no lock. Folding
the log in is left to SQLite.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from typing import TYPE_CHECKING

from telemetryd.core.limits import SETTLE_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LOG = logging.getLogger(__name__)


class Settling:
    """Begun by a commit and over with the sync: nothing runs while nothing is committed. `unsettled` gives the logs, as descriptors."""

    def __init__(self, unsettled: Callable[[], Iterable[int]]) -> None:
        self._unsettled = unsettled
        self._timer: asyncio.TimerHandle | None = None
        self._thread: threading.Thread | None = None

    def begin(self) -> None:
        """Something was committed that a power cut would undo."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_S, self._settle)

    def stop(self) -> None:
        """The files are closed, which settles them."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _settle(self) -> None:
        self._timer = None
        if self._thread and self._thread.is_alive():  # the disk has not taken the last ones yet
            self.begin()
            return
        logs = list(self._unsettled())
        if logs:
            self._thread = threading.Thread(target=_sync, args=(logs,), daemon=True)
            self._thread.start()


def _sync(logs: Iterable[int]) -> None:
    for log in logs:
        try:
            os.fdatasync(log)
        except OSError as error:
            _LOG.warning("the disk does not take what was committed: %s", error.strerror)
        finally:
            os.close(log)
