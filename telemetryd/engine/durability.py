"""Where work waits for the disk, and who waits: one thread, never the loop that serves applications. Policy: C1, C3.

Whatever has an order on the disk is written as steps: they yield a `Point` where all that they committed has to be on the disk before they
go on. `Disk.run` takes the steps on the loop and has the thread wait; `Disk.now` waits itself: for a start, an exit and the timer's run.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractContextManager, nullcontext, suppress
from enum import Enum, auto
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from telemetryd.core.limits import SETTLE_S
from telemetryd.engine.slices import rest
from telemetryd.errors import StorageError, TelemetrydError
from telemetryd.problem_log import Troubles

if TYPE_CHECKING:
    from telemetryd.engine.ports import Files

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
CLOSED = "the files were closed meanwhile: call again"
_UNSETTLED = "the disk does not take what was committed: %s"


class Point(Enum):
    """What steps wait for; what they are sent then says whether it was reached."""

    SYNCED = auto()
    """A power cut undoes nothing that was committed before."""
    RESTED = auto()
    """Whoever called meanwhile was answered. Nothing is asked of the disk."""
    EMPTIED = auto()
    """The same, and what was erased before is in no log either. Not reached while another process reads a file."""


Steps = Generator[Point, bool, T]
"""Work that the disk keeps in order. Nobody else takes steps meanwhile: see `Work`."""


class Disk:
    """`hold` keeps every sample's reply waiting, kept and refused alike, while the logs are emptied: nobody may write to them then."""

    def __init__(self, files: Files, hold: Callable[[], AbstractContextManager[object]] = nullcontext) -> None:
        self._files, self._hold = files, hold
        self.troubles = Troubles()
        self._jobs: deque[_Job] = deque()
        self._serving = Lock()
        """Held by whoever looks whether there are jobs, or whether there is a thread."""
        self._thread: Thread | None = None
        self._is_over = False
        self._timer: asyncio.TimerHandle | None = None
        self._later: set[asyncio.Task[None]] = set()
        self._emptying = asyncio.Lock()

    def now(self, steps: Steps[T]) -> T:
        """Take the steps, waiting for the disk at each point. Raises what they raise, StorageError for the disk's own failures."""
        try:
            _take(steps, self._reach_now).send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        raise AssertionError("it awaits nothing that is not done at once")

    async def run(self, steps: Steps[T]) -> T:
        """The same while the loop goes on."""
        return await _take(steps, self._reach)

    def settle(self) -> None:
        """Something was committed that a power cut would undo: a sync follows in a few seconds, so it takes no more than those."""
        if self._timer is None and not self._is_over:
            self._timer = asyncio.get_running_loop().call_later(SETTLE_S, self._settle)

    def shrink(self) -> None:
        """A log has grown: empty them all."""
        if not self._emptying.locked() and not self._is_over:
            self._do_later(self._empty())

    def close(self) -> None:
        """The files are about to be closed, which settles them: nothing is begun any more, and what the thread does is over."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for task in self._later:
            task.cancel()
        thread = self._thread
        if thread is not None:
            thread.join()

    async def _reach_now(self, point: Point) -> bool:
        if point is Point.EMPTIED:
            return self._files.purge()
        if point is Point.SYNCED:
            self._files.sync()
        return True

    async def _reach(self, point: Point) -> bool:
        if point is Point.RESTED:
            await rest()
            return True
        return await (self._empty() if point is Point.EMPTIED else self._sync())

    async def _sync(self) -> bool:
        await self._wait(self._files.sync)
        return True

    async def _empty(self) -> bool:
        """Most is copied while samples are written; what came meanwhile is copied, and the logs are cut off, while they wait."""
        async with self._emptying:
            await self._wait(self._files.fold)
            with self._hold():
                await self._wait(self._files.fold)
                is_done = self._files.cut()
            await self._wait(self._files.sync)
            return is_done

    async def _wait(self, work: Callable[[], None]) -> None:
        """Have the thread do it, after what others have it do. There is none while it has nothing to do: an idle daemon is one thread."""
        if self._is_over:
            raise StorageError(CLOSED)
        job = _Job(work, asyncio.get_running_loop().create_future())
        with self._serving:
            self._jobs.append(job)
            if self._thread is None:
                self._thread = Thread(target=self._serve, name="disk")
                self._thread.start()
        await job.done

    def _serve(self) -> None:
        """The thread."""
        while True:
            with self._serving:
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
                job.done.get_loop().call_soon_threadsafe(job.tell, failure)

    def _settle(self) -> None:
        self._timer = None
        self._do_later(self._sync())

    def _do_later(self, work: Any) -> None:
        async def do() -> None:
            try:
                await work
            except StorageError as failure:
                self.troubles.say(_LOG, _UNSETTLED, failure)
            else:
                self.troubles.over(_UNSETTLED)

        task = asyncio.get_running_loop().create_task(do())
        self._later.add(task)
        task.add_done_callback(self._later.discard)


async def _take(steps: Steps[T], reach: Callable[[Point], Awaitable[bool]]) -> T:
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
    """What the thread is to do, and who waits for it."""

    work: Callable[[], None]
    done: asyncio.Future[None]

    def tell(self, failure: BaseException | None) -> None:
        """It is done, or raised something."""
        if self.done.done():
            return
        if failure:
            self.done.set_exception(failure)
        else:
            self.done.set_result(None)


class Work:
    """What decides and changes, one after another: the user's acts, ticks, closings, owed decisions. Push and Register do not wait.

    The lock outlives the files: those that are opened next have the same one.
    """

    def __init__(self, lock: asyncio.Lock, disk: Disk) -> None:
        self._lock, self._disk = lock, disk
        self._over = asyncio.Event()

    async def run(self, steps: Steps[T]) -> T:
        """Take these steps when it is their turn. Raises StorageError if the files were closed meanwhile."""
        async with self._lock:
            return await self.go_on(steps)

    async def go_on(self, steps: Steps[T]) -> T:
        """Take these steps: the lock is held already."""
        if self._over.is_set():
            steps.close()
            raise StorageError(CLOSED)
        return await self._disk.run(steps)

    async def unless_over(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do something as long as the files are open; whether it was done to the end."""
        task, over = asyncio.ensure_future(work), asyncio.ensure_future(self._over.wait())
        try:
            await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                return False
            task.result()
            return True
        finally:
            for one in (task, over):
                one.cancel()
                await asyncio.wait([one])

    def now(self, steps: Steps[T]) -> T:
        """Take them at once: nobody else is there yet, or any more."""
        return self._disk.now(steps)

    def end(self) -> None:
        """The files are closed: whoever still waits for his turn has none."""
        self._over.set()
        self._disk.close()
