"""The composition root: connections, names, signals, and the one order of starting and leaving.

Start: the lock; the connections with their handlers; both names; the databases; ready. Whatever fails after the names are owned is an
error to callers, not an exit. Leaving: say so; give both names back; answer what has arrived; commit; close; drop the lock. Measured
with hundreds of exits between calls, this order loses none.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from telemetryd.bus.callers import Callers
from telemetryd.bus.control1 import Control, changed
from telemetryd.bus.dispatch import Dispatcher
from telemetryd.bus.interfaces import CONTROL, PROPERTIES, TELEMETRY, load
from telemetryd.bus.telemetry1 import Applications
from telemetryd.bus.transport.connection import Edge
from telemetryd.bus.transport.library import signal as bus_signal
from telemetryd.core.limits import BUSY_AFTER_S, HELD_MAX_S, HELD_STEP_S, LEAVE_STEP_S, LOCK_POLL_S
from telemetryd.errors import BusLostError, StorageError, TelemetrydError
from telemetryd.redact import place
from telemetryd.runtime.notify import Notifier
from telemetryd.runtime.service import BUSY, Service, happens
from telemetryd.system import own_package

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from telemetryd.bus.transport.library import Message

_LOG = logging.getLogger(__name__)

_TOLD_TO_LEAVE = (signal.SIGTERM, signal.SIGINT)
_LATE = (
    "telemetryd.toml.manifest",
    "telemetryd.toml.config",
    "telemetryd.toml.kconfig",
    "telemetryd.describe.difference",
)
"""What a call or a look needs and a start may not have: loaded before the daemon is ready, so that no reply depends on files."""
_CONTROL_PATH = "/" + CONTROL.replace(".", "/")


class App:
    """One run of the daemon."""

    def __init__(self, environ: Mapping[str, str], idle_exit_minutes: float) -> None:
        self._notifier = Notifier(environ)
        self._service = Service(environ, idle_exit_minutes, announce=self._announce, hold=self._hold, on_replaced=self._leave_replaced)
        self._lock = self._service.lock
        self._applications = Applications(self._service.daemon)
        self._control = Control(self._service.control, self._service.fresh, lambda: self._applications.callers, announce=self._announce)
        self._interfaces = {name: load(name) for name in (TELEMETRY, CONTROL)}
        self._held = 0
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._last_call = self._loop.time()
        self._looked = asyncio.Event()
        self._edges: dict[str, tuple[Edge, Dispatcher]] = {}

    async def run(self) -> int:
        """Run until told to leave; gives the exit status."""
        self._watch_signals()
        self._bus = Edge(on_signal=self._on_signal, descriptors=True)
        self._callers = Callers(self._bus)
        await self._bus.connect()
        is_ours = await self._wait_for_lock()
        if is_ours is None:
            return 0
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                return await self._serve(is_ours=is_ours)
            except (TelemetrydError, TimeoutError) as failure:  # the task group would put it into a group of exceptions
                self._service.close()
                return _failed(failure)
            finally:
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

    async def _serve(self, *, is_ours: bool) -> int:
        self._edges |= {TELEMETRY: await self._offer(TELEMETRY), CONTROL: await self._offer(CONTROL)}
        if is_ours:
            self._service.take()  # before the first name: with it come the calls that the bus has kept for us
        for name, (edge, _) in self._edges.items():
            if not await edge.own(name):
                _LOG.error("%s is owned by another process that is no telemetryd of this user", name)
                return 1
        if is_ours:
            self._open()
        else:
            self._spawn(self._take_lock_later())
        own_package.guard(_LATE)
        self._notifier.ready()
        self._spawn(self._leave_when_idle())
        for edge in (self._bus, *(edge for edge, _ in self._edges.values())):
            self._spawn(self._leave_with(edge))
        await self._stop.wait()
        await self._leave()
        return 1 if any(edge.is_broken for edge in (self._bus, *(edge for edge, _ in self._edges.values()))) else 0

    async def _offer(self, name: str) -> tuple[Edge, Dispatcher]:
        """A connection of its own for one name, with its handlers in place."""

        def settle() -> None:
            self._last_call = self._loop.time()
            if name == TELEMETRY:
                self._service.called()
            if name == TELEMETRY and not self._held and self._service.is_held:
                self._held += 1
                self._spawn(self._wait_for_others())
            if self._held:
                dispatcher.postpone()
            else:
                dispatcher.finish(self._service.commit())

        def on_call(message: Message) -> None:
            dispatcher.on_call(message)

        edge = Edge(on_call=on_call, on_batch_end=settle)
        handlers = self._applications.handlers() if name == TELEMETRY else self._control.handlers()
        dispatcher = Dispatcher(edge, self._interfaces[name], handlers, callers=self._callers, spawn=self._spawn, settle=settle)
        await edge.connect()
        return edge, dispatcher

    @contextmanager
    def _hold(self) -> Iterator[None]:
        """The replies to samples wait, kept and refused alike: the files cannot be written."""
        self._held += 1
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._held -= 1
        if not self._held:
            failure = self._service.commit()
            for _, dispatcher in self._edges.values():
                dispatcher.finish(failure)

    async def _wait_for_others(self) -> None:
        """Another process writes, and samples are held: all wait for it, for some seconds; then all are refused."""
        try:
            deadline = self._loop.time() + HELD_MAX_S
            while self._service.is_held:
                await asyncio.sleep(HELD_STEP_S)
                if self._loop.time() > deadline:
                    self._service.refuse()
                    return
        finally:
            self._release()

    def _on_signal(self, message: Message) -> None:
        left = self._callers.on_signal(message)
        if left is not None:
            for _, dispatcher in self._edges.values():
                dispatcher.forget(left)

    async def _wait_for_lock(self) -> bool | None:
        """True: the lock is ours. None: its holder serves this bus, so leave. False: it serves another bus, or nobody can have a lock."""
        deadline = self._loop.time() + BUSY_AFTER_S
        while not self._try_take():
            owners = [await self._bus.owner_of(name) for name in (TELEMETRY, CONTROL)]
            if all(owners) or self._stop.is_set():
                return None
            if self._is_lock_refused or self._loop.time() > deadline:
                return False
            await asyncio.sleep(LOCK_POLL_S)
        return True

    def _try_take(self) -> bool:
        """Try to get the lock; what is in the way is the answer to every call until it is had."""
        try:
            is_ours = self._lock.try_take()
        except StorageError as failure:
            self._is_lock_refused = True
            self._service.fail(failure)
            return False
        self._is_lock_refused = False
        if not is_ours:
            self._service.fail(BUSY)
        return is_ours

    async def _take_lock_later(self) -> None:
        while not self._try_take():
            await self._service.wanted_again()
        self._service.take()
        self._open()

    def _open(self) -> None:
        with suppress(TelemetrydError):
            self._service.assembly()
        self._service.watch_midnight()
        self._spawn(self._tick())

    async def _tick(self) -> None:
        """Ticks of whatever is open; a database that could not be opened is tried again now and then."""
        while True:
            try:
                assembly = self._service.assembly()
            except TelemetrydError:
                await self._service.wanted_again()
                self._service.open()
                continue
            try:
                if await assembly.work.unless_over(assembly.ticker.run_once()):
                    await self._service.fresh()
            except TelemetrydError as failure:
                _LOG.warning("%s", failure)
            except Exception as failure:  # noqa: BLE001 - the edge of the app: one row that cannot be used must not end the daemon
                _LOG.error("internal error at a tick: %s", place(failure))
            self._looked.set()

    async def _leave_when_idle(self) -> None:
        """Leave when no call came for so long and none is in flight. Nothing else counts, or the names would tell what is due. Policy: C3.

        How long is looked at again after each look at the files: with every run of the ticker, and at SIGHUP.
        """
        while True:
            idle_s = self._service.idle_exit_s
            rest_s = self._last_call + idle_s - self._loop.time() if idle_s else None
            if rest_s is None or rest_s > 0:
                await happens(self._looked, within_s=rest_s)
            elif all(dispatcher.is_quiet for _, dispatcher in self._edges.values()):
                self._stop.set()
                return
            else:
                for _, dispatcher in self._edges.values():
                    await dispatcher.wait_until_quiet()
                self._last_call = self._loop.time()

    async def _leave_with(self, edge: Edge) -> None:
        """Leave when a connection is gone; the first one says why."""
        await edge.wait_closed()
        if not self._stop.is_set():
            (_LOG.error if edge.is_broken else _LOG.warning)("%s", edge.loss)
        self._stop.set()

    async def _leave(self) -> None:
        """Give the names back first: calls that come later go to the next daemon; then answer what is here. Each step has a timeout."""
        self._notifier.stopping()
        self._service.end_watches()
        for name, (edge, dispatcher) in self._edges.items():
            await self._in_time(edge.release(name))
            await self._in_time(dispatcher.wait_until_quiet())
        await self._in_time(self._service.last_look())
        failure = self._service.commit()
        for edge, dispatcher in self._edges.values():
            dispatcher.finish(failure)
            await self._in_time(edge.drained(LEAVE_STEP_S))
            await edge.disconnect()
        await self._bus.disconnect()
        signal.pthread_sigmask(signal.SIG_BLOCK, _TOLD_TO_LEAVE)  # the loop gives its handlers back: told twice is still told in order
        self._service.close()
        self._lock.release()

    async def _in_time(self, step: Coroutine[None, None, None]) -> None:
        try:
            async with asyncio.timeout(LEAVE_STEP_S):
                await step
        except (TimeoutError, BusLostError):
            pass

    def _announce(self) -> None:
        """Tell the user's programs that something changed; never what."""
        edge, _ = self._edges[CONTROL]
        names = [name for name in self._interfaces[CONTROL].properties if name != "Version"]
        edge.send(bus_signal(_CONTROL_PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", changed(names)))
        edge.send(bus_signal(_CONTROL_PATH, CONTROL, "QuestionsChanged"))

    def _leave_replaced(self) -> None:
        """Another version was installed: the next call starts it."""
        if not self._stop.is_set():
            _LOG.info("telemetryd was replaced while it ran; it exits, and the next call starts the new one")
            self._stop.set()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _TOLD_TO_LEAVE:
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload()))

    async def _reload(self) -> None:
        try:
            await self._service.fresh()
        except TelemetrydError as failure:
            _LOG.warning("%s", failure)
        self._looked.set()
        self._announce()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work)


async def run(idle_exit_minutes: float) -> int:
    """The daemon over this process's environment, leaving after so long without calls (0: never); gives the exit status."""
    try:
        return await App(dict(os.environ), idle_exit_minutes).run()
    except (TelemetrydError, TimeoutError) as failure:
        return _failed(failure)


def _failed(failure: TelemetrydError | TimeoutError) -> int:
    """Say why there is no daemon; gives the exit status."""
    _LOG.error("%s", "the session bus does not answer" if isinstance(failure, TimeoutError) else failure)
    return 1
