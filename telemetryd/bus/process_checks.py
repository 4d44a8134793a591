"""Identifies the processes of callers without delaying other calls.

A program in its own mount namespace may have a root directory on a file system that it serves itself (FUSE). Access to that may take any
time, so such a check runs in a thread, with bounds for duration and number. If it takes too long, the caller is told to try again.
Programs in the daemon's own namespaces have its root, and are checked in the loop.
"""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.bus import processes
from telemetryd.bus.identity import LATE, Caller
from telemetryd.core.limits import LOOK_TIMEOUT_S, LOOKS_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class ProcessChecks:
    """The running checks. A stuck thread keeps its slot until its check returns.

    The kernel ends a process only when none of its threads waits for such a file system. A daemon with such a thread leaves the bus and
    closes its files as usual, and its process ends later.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(LOOKS_MAX)

    async def identify(self, credentials: Mapping[str, Any], pidfd: int | None) -> Caller:
        """The caller of a connection's credentials. LATE if the check takes too long.

        `pidfd` comes from the bus and refers to the process that connected. It is not closed. Without one, a new pidfd refers to the
        process that has the number now.
        """
        try:
            pid, label = processes.process_named(credentials)
            own_pidfd = os.pidfd_open(pid) if pidfd is None else os.dup(pidfd)
        except processes.UnclearProcessError as unclear:
            return unclear.caller
        except OSError as failure:
            return processes.caller_for(failure)
        if not _is_in_our_namespaces(pid):
            return await self._identify_in_thread(pid, own_pidfd, label)
        try:
            return processes.identify_process(pid, own_pidfd, label)
        finally:
            os.close(own_pidfd)

    async def _identify_in_thread(self, pid: int, own_pidfd: int, label: str) -> Caller:
        """Check in a thread as soon as there is a slot. The descriptor is closed after the check."""
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self._slots.acquire()
        except BaseException as failure:
            os.close(own_pidfd)
            if isinstance(failure, TimeoutError):
                return LATE
            raise
        result = self._start_thread(pid, own_pidfd, label)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                return await result
        except TimeoutError:
            return LATE

    def _start_thread(self, pid: int, own_pidfd: int, label: str) -> asyncio.Future[Caller]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Caller] = loop.create_future()

        def end(caller: Caller) -> None:
            self._slots.release()
            if not result.done():
                result.set_result(caller)

        def look() -> None:
            caller = LATE
            try:
                caller = processes.identify_process(pid, own_pidfd, label)
            finally:
                os.close(own_pidfd)
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(end, caller)

        threading.Thread(target=look, name="look", daemon=True).start()
        return result


def _is_in_our_namespaces(pid: int) -> bool:
    """Whether a process is in the daemon's mount and user namespaces. Then only an administrator could have given it another root."""
    try:
        return all(
            os.path.samestat(Path(f"/proc/{pid}/ns/{name}").stat(), Path(f"/proc/self/ns/{name}").stat()) for name in ("mnt", "user")
        )
    except OSError:
        return False
