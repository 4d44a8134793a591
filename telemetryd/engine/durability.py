"""Waits for the disk in a thread, never in the loop that serves applications. Policy: C1, C3.

Work whose order on the disk matters is a generator of steps. It yields a `Point` where everything that it committed must be on the disk
before it goes on. `Disk.run` runs the steps on the loop, and the thread waits. `Disk.now` waits itself: at a start, at an exit and in the
timer's run. A function that returns such a generator is called `…_steps`: without `yield from` it does nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import Enum, auto
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from telemetryd.core.limits import REST_S, SETTLE_S
from telemetryd.engine.ports import CommitListener
from telemetryd.errors import StorageError, TelemetrydError
from telemetryd.named_tuple import NamedTuple
from telemetryd.problem_log import ProblemLog

if TYPE_CHECKING:
    from telemetryd.engine.ports import Files

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
F = TypeVar("F", bound="Files")
CLOSED = "the files were closed meanwhile: call again"
_SYNC_FAILED = "committed data could not be written to disk: %s"


class Point(Enum):
    """What steps wait for. The value that is sent back says whether it was reached."""

    SYNCED = auto()
    """A power cut does not undo what was committed before."""
    RESTED = auto()
    """Calls that arrived meanwhile are answered. The disk is not used."""
    EMPTIED = auto()
    """As SYNCED, and no log holds what was erased before. It is not reached while another process reads a file."""


Steps = Generator[Point, bool, T]
"""Work with an order on the disk. Only one generator runs at a time: see `Work`."""


class Disk(Generic[F]):
    """Opens `files` and listens to their commits.

    `hold` delays the replies to all samples, kept and refused, while the logs are emptied: nothing may write to the logs then.
    """

    def __init__(
        self,
        open_files: Callable[[CommitListener], F],
        hold: Callable[[], AbstractContextManager[object]] = nullcontext,
        troubles: ProblemLog | None = None,
    ) -> None:
        self._hold, self._troubles = hold, troubles or ProblemLog()
        self._jobs: deque[_Job] = deque()
        self._jobs_lock = Lock()
        """Guards `_jobs` and `_thread`, so that no job is added between the thread's last check and its end."""
        self._thread: Thread | None = None
        self._is_closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._emptying = asyncio.Lock()
        self.files = open_files(CommitListener(self.settle, self.shrink))

    def now(self, steps: Steps[T]) -> T:
        """Run the steps, and wait for the disk at each point. Raises what they raise, and StorageError if the disk fails."""
        try:
            _run_steps(steps, self._reach_now).send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("it awaits nothing that is not done at once")

    async def run(self, steps: Steps[T]) -> T:
        """Run the steps while the loop goes on."""
        return await _run_steps(steps, self._reach)

    def settle(self) -> None:
        """Schedule a sync, because a power cut would undo a commit: at most the last few seconds can be lost."""
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_S, self._start_sync)

    def shrink(self) -> None:
        """Empty all logs, because one has grown."""
        if not self._emptying.locked() and not self._is_closed:
            self._start_task(self._empty())

    def close(self) -> None:
        """Start no more work, and wait for the thread. The files are closed next, which syncs them."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._tasks:
            task.cancel()
        thread = self._thread
        if thread is not None:
            thread.join()

    async def _reach_now(self, point: Point) -> bool:
        if point is Point.EMPTIED:
            return self.files.purge()
        if point is Point.SYNCED:
            self.files.sync()
        return True

    async def _reach(self, point: Point) -> bool:
        if point is Point.RESTED:
            await rest()
            return True
        return await (self._empty() if point is Point.EMPTIED else self._sync())

    async def _sync(self) -> bool:
        try:
            await self._wait(self.files.sync)
        finally:
            self.files.burst.end()  # after it: whatever was committed meanwhile is followed by another sync, so a quiet daemon has none
        return True

    async def _empty(self) -> bool:
        """Copy the logs into the files and empty them.

        The first copy takes long and runs while samples are written. The second one has little left to copy, so samples wait briefly.
        """
        async with self._emptying:
            self.files.burst.end()
            await self._wait(self.files.fold)
            with self._hold():
                self.files.burst.end()
                await self._wait(self.files.fold)
                is_done = self.files.cut()
            await self._wait(self.files.sync)
            return is_done

    async def _wait(self, work: Callable[[], None]) -> None:
        """Have the thread do the work, after earlier jobs. The thread ends when no job is left: an idle daemon has one thread only."""
        if self._is_closed:
            raise StorageError(CLOSED)
        job = _Job(work, asyncio.get_running_loop().create_future())
        with self._jobs_lock:
            self._jobs.append(job)
            if self._thread is None:
                self._thread = Thread(target=self._run_jobs, name="disk")
                self._thread.start()
        await job.done

    def _run_jobs(self) -> None:
        """The main function of the thread: run jobs until none is left."""
        while True:
            with self._jobs_lock:
                if not self._jobs:
                    self._thread = None
                    return
                job = self._jobs.popleft()
            failure: BaseException | None = None
            try:
                job.work()
            except BaseException as raised:  # noqa: BLE001 - it is raised where the job is waited for
                failure = raised
            with suppress(RuntimeError):  # the loop was closed meanwhile
                job.done.get_loop().call_soon_threadsafe(job.complete, failure)

    def _start_sync(self) -> None:
        self._timer = None
        self._start_task(self._sync())

    def _start_task(self, work: Any) -> None:
        async def run() -> None:
            try:
                await work
            except StorageError as failure:
                self._troubles.warn_once(_LOG, _SYNC_FAILED, failure)
            else:
                self._troubles.solved(_SYNC_FAILED)

        task = asyncio.get_running_loop().create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def rest() -> None:
    """Return when calls that arrived meanwhile are answered. A call that waits in the bus needs a moment to arrive."""
    await asyncio.sleep(REST_S)


async def _run_steps(steps: Steps[T], reach: Callable[[Point], Awaitable[bool]]) -> T:
    try:
        point = next(steps)
        while True:
            try:
                is_reached = await reach(point)
            except TelemetrydError as failure:
                point = steps.throw(failure)
            else:
                point = steps.send(is_reached)
    except StopIteration as end:
        result: T = end.value
        return result
    finally:
        steps.close()


class _Job(NamedTuple):
    """Work for the thread, and the future that waits for it."""

    work: Callable[[], None]
    done: asyncio.Future[None]

    def complete(self, failure: BaseException | None) -> None:
        """Set the result of the work, unless its caller has gone."""
        if self.done.done():
            return
        if failure:
            self.done.set_exception(failure)
        else:
            self.done.set_result(None)


class Work:
    """Runs everything that decides and changes, one after another: acts of the user, ticks, closings, owed decisions.

    Push and Register do not wait for it. The lock outlives the files: those that are opened next use the same lock.
    """

    def __init__(self, lock: asyncio.Lock, disk: Disk[Any]) -> None:
        self._lock, self._disk = lock, disk
        self._closed = asyncio.Event()

    async def run(self, steps: Steps[T]) -> T:
        """Run these steps when it is their turn. Raises StorageError if the files were closed meanwhile."""
        async with self._lock:
            return await self.run_locked(steps)

    async def run_locked(self, steps: Steps[T]) -> T:
        """Run these steps. The caller holds the lock."""
        if self._closed.is_set():
            steps.close()
            raise StorageError(CLOSED)
        return await self._disk.run(steps)

    async def run_until_closed(self, work: Coroutine[Any, Any, None]) -> bool:
        """Run the work while the files are open. False if they were closed before it ended."""
        task, closed = asyncio.ensure_future(work), asyncio.ensure_future(self._closed.wait())
        try:
            await asyncio.wait([task, closed], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                return False
            task.result()
            return True
        finally:
            for future in (task, closed):
                future.cancel()
                await asyncio.wait([future])

    def now(self, steps: Steps[T]) -> T:
        """Run the steps at once: at a start or an exit nothing else runs."""
        return self._disk.now(steps)

    def end(self) -> None:
        """End, because the files are closed. Waiting steps get StorageError."""
        self._closed.set()
        self._disk.close()
