"""Looks at the processes of callers without ever making the others wait.

The root directory of a program in a mount namespace of its own may be a file system that the program itself serves (FUSE): a look there
takes as long as that program likes. So these looks are made in threads, with a bound for how long and how many; a caller whose look takes
too long is told to try again. Programs in the daemon's own namespaces have its root, and are looked at where they are met.
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


class Looks:
    """The looks that are being made. A thread that is stuck in one has its place until it comes back.

    The kernel lets a process go only when none of its threads waits for such a file system. A daemon that has one leaves the bus and its
    files as always, and its process ends later.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(LOOKS_MAX)

    async def identify(self, credentials: Mapping[str, Any], pidfd: int | None) -> Caller:
        """The caller that a connection's credentials name. LATE where the look takes too long.

        `pidfd` is the bus's own, where it gives one, and holds the process that connected; it is not closed. Without one ours holds the
        process that has the number now.
        """
        try:
            pid, label = processes.named(credentials)
            held = os.pidfd_open(pid) if pidfd is None else os.dup(pidfd)
        except processes.DoubtError as doubt:
            return doubt.caller
        except OSError as failure:
            return processes.failed(failure)
        if not _is_at_home(pid):
            return await self._in_thread(pid, held, label)
        try:
            return processes.identify_process(pid, held, label)
        finally:
            os.close(held)

    async def _in_thread(self, pid: int, held: int, label: str) -> Caller:
        """Look in a thread as soon as there is a place; the descriptor is closed when the look is over."""
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self._places.acquire()
        except BaseException as failure:
            os.close(held)
            if isinstance(failure, TimeoutError):
                return LATE
            raise
        found = self._start(pid, held, label)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                return await found
        except TimeoutError:
            return LATE

    def _start(self, pid: int, held: int, label: str) -> asyncio.Future[Caller]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Caller] = loop.create_future()

        def end(caller: Caller) -> None:
            self._places.release()
            if not found.done():
                found.set_result(caller)

        def look() -> None:
            caller = LATE
            try:
                caller = processes.identify_process(pid, held, label)
            finally:
                os.close(held)
                with suppress(RuntimeError):  # the loop has ended meanwhile
                    loop.call_soon_threadsafe(end, caller)

        threading.Thread(target=look, name="look", daemon=True).start()
        return found


def _is_at_home(pid: int) -> bool:
    """Whether a process is in the daemon's mount and user namespaces, so that only an administrator could have given it another root."""
    try:
        return all(
            os.path.samestat(Path(f"/proc/{pid}/ns/{name}").stat(), Path(f"/proc/self/ns/{name}").stat()) for name in ("mnt", "user")
        )
    except OSError:
        return False
