"""Identifies the processes of callers without delaying other calls.

A program in its own mount namespace may have a root directory on a file system that it serves itself (FUSE). Access to that may take any
time, so such a check runs in a thread, with bounds for duration and number. Programs in one mount namespace are checked one after the
other, so that one such file system takes one thread. If a check takes too long, the caller is told to try again, and so are all others in
its namespace until the check returns.
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
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


class Namespace(NamedTuple):
    """A mount namespace, by device and inode. A process whose namespace is not shown counts as one of its own: (0, pid)."""

    device: int
    inode: int


class _Check:
    """The running check in a mount namespace."""

    def __init__(self) -> None:
        self.done = asyncio.Event()
        self.is_stuck = False
        """Whether it has taken longer than it may."""


class ProcessChecks:
    """The running checks. A stuck thread keeps its slot until its check returns.

    The kernel ends a process only when none of its threads waits for such a file system. A daemon with such a thread leaves the bus and
    closes its files as usual, and its process ends later.
    """

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(LOOKS_MAX)
        self._checks: dict[Namespace, _Check] = {}

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
        """Check in a thread as soon as its turn comes. The descriptor is closed after the check."""
        namespace = _mount_namespace(pid)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                check = await self._begin(namespace)
        except BaseException as failure:
            os.close(own_pidfd)
            if isinstance(failure, TimeoutError):
                return LATE
            raise
        if check is None:
            os.close(own_pidfd)
            return LATE
        result = self._start_thread(pid, own_pidfd, label, namespace)
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                return await result
        except TimeoutError:
            check.is_stuck = True
            return LATE

    async def _begin(self, namespace: Namespace) -> _Check | None:
        """Wait for a turn in the namespace, and for a slot. None if the namespace's check is stuck, or all slots are."""
        while namespace in self._checks:
            earlier = self._checks[namespace]
            if earlier.is_stuck:
                return None
            await earlier.done.wait()
        if sum(check.is_stuck for check in self._checks.values()) >= LOOKS_MAX:
            return None
        check = self._checks[namespace] = _Check()
        try:
            await self._slots.acquire()
        except BaseException:
            self._end(namespace)
            raise
        return check

    def _end(self, namespace: Namespace) -> None:
        self._checks.pop(namespace).done.set()

    def _start_thread(self, pid: int, own_pidfd: int, label: str, namespace: Namespace) -> asyncio.Future[Caller]:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[Caller] = loop.create_future()

        def end(caller: Caller) -> None:
            self._slots.release()
            self._end(namespace)
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


def _mount_namespace(pid: int) -> Namespace:
    try:
        found = Path(f"/proc/{pid}/ns/mnt").stat()
    except OSError:
        return Namespace(0, pid)
    return Namespace(found.st_dev, found.st_ino)


def _is_in_our_namespaces(pid: int) -> bool:
    """Whether a process is in the daemon's mount and user namespaces. Then only an administrator could have given it another root."""
    try:
        return all(
            os.path.samestat(Path(f"/proc/{pid}/ns/{name}").stat(), Path(f"/proc/self/ns/{name}").stat()) for name in ("mnt", "user")
        )
    except OSError:
        return False
