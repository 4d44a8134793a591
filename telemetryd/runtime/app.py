"""The composition root: connections, names, signals, and the order of start and exit.

The start order is: the lock; the connections with their handlers; both names; the second lock; the databases; ready. A failure after the
names are owned is an error to callers, not an exit. The exit order is: tell systemd; release the second lock; release both names; answer
the calls that have arrived; commit; close; release the lock. With hundreds of exits between calls this order lost none.
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
from telemetryd.bus.open_settings import SettingsOpener
from telemetryd.bus.telemetry1 import Applications
from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import signal as bus_signal
from telemetryd.core.limits import BUSY_AFTER_S, HELD_MAX_S, HELD_STEP_S, LEAVE_STEP_S, LOCK_POLL_S, REOPEN_S
from telemetryd.core.sending import schedule
from telemetryd.engine.slices import Slices
from telemetryd.errors import BusLostError, StorageError, TelemetrydError
from telemetryd.redact import redacted_traceback
from telemetryd.runtime.namespaces import CONFINED, is_in_own_user_namespace
from telemetryd.runtime.notify import Notifier
from telemetryd.runtime.service import BUSY, Service, wait_event
from telemetryd.system import own_package

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Mapping

    from telemetryd.bus.transport.library import Message

_LOG = logging.getLogger(__name__)

_EXIT_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_PRELOADED = (
    "telemetryd.toml.manifest",
    "telemetryd.toml.config",
    "telemetryd.toml.kconfig",
    "telemetryd.toml.mistakes",
    "telemetryd.toml.syntax",
    "telemetryd.describe.difference",
    "telemetryd.system.endpoint_files",
)
"""Modules that only a call or a check needs. They are loaded before the daemon is ready, so that no reply waits for their files."""
_CONTROL_PATH = "/" + CONTROL.replace(".", "/")


class App:
    """One run of the daemon."""

    def __init__(self, environ: Mapping[str, str], idle_exit_minutes: float) -> None:
        self._notifier = Notifier(environ)
        self._service = Service(
            environ,
            idle_exit_minutes,
            announce=self._announce,
            hold=self._hold,
            on_replaced=self._leave_replaced,
            has_time=lambda: schedule.has_time(self._service.idle_exit_s, self._rest_s()),
        )
        self._lock = self._service.lock
        self._control = Control(
            self._service.control, self._service.refresh, lambda: self._applications.callers, announce=self._announce, slices=Slices()
        )
        self._interfaces = {name: load(name) for name in (TELEMETRY, CONTROL)}
        properties = self._interfaces[CONTROL].properties
        self._invalidated = changed([name for name, declared in properties.items() if declared.signal == "invalidates"])
        """The body of the signal that the user's programs have to read again."""
        self._holds = 0
        self._is_lock_refused = False
        self._stop = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._applications = Applications(self._service.sampling, SettingsOpener(lambda: self._bus, self._loop.time), self._service.snap)
        self._last_call = self._loop.time()
        self._checked = asyncio.Event()
        self._dispatchers: dict[str, Dispatcher[Connection]] = {}

    async def run(self) -> int:
        """Run until a signal or an idle exit. Returns the exit status."""
        self._watch_signals()
        self._bus = Connection(on_signal=self._on_signal, bus_only=True, descriptors=True)
        self._callers = Callers(self._bus)
        await self._bus.connect()
        has_lock = await self._wait_for_lock()
        if has_lock is None:
            return 0
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                return await self._serve(has_lock=has_lock)
            except (TelemetrydError, TimeoutError) as failure:  # the task group would wrap it in an ExceptionGroup
                self._service.close()
                return _log_failure(failure)
            finally:
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

    async def _serve(self, *, has_lock: bool) -> int:
        self._dispatchers |= {TELEMETRY: await self._offer(TELEMETRY), CONTROL: await self._offer(CONTROL)}
        if has_lock:
            self._service.lock_acquired()  # before the first name: owning it delivers the calls that the bus has queued for us
        else:
            self._service.look_without_databases()  # before the first name too: calls need what it reads, and read nothing themselves
        for name, dispatcher in self._dispatchers.items():
            if not await dispatcher.connection.own(name):
                _LOG.error("%s is owned by another process that is not a telemetryd of this user", name)
                return 1
        if has_lock:
            self._open()
        else:
            self._spawn(self._wait_for_lock_later())
        own_package.guard(_PRELOADED, self._leave_replaced)
        self._notifier.ready()
        if is_in_own_user_namespace():
            _LOG.warning(CONFINED)
        self._spawn(self._leave_when_idle())
        connections = self._bus, *(dispatcher.connection for dispatcher in self._dispatchers.values())
        for connection in connections:
            self._spawn(self._leave_with(connection))
        await self._stop.wait()
        await self._leave()
        return 1 if any(connection.is_broken for connection in connections) else 0

    async def _offer(self, name: str) -> Dispatcher[Connection]:
        """Connect for one name, with its handlers. Each name has a connection of its own."""
        is_telemetry = name == TELEMETRY
        handlers = self._applications.handlers() if is_telemetry else self._control.handlers()
        settle = self._settle_samples if is_telemetry else self._settle
        dispatcher = Dispatcher(
            *(Connection, self._interfaces[name], handlers),
            callers=self._callers,
            spawn=self._spawn,
            settle=settle,
            on_refused=self._service.note_refusal if is_telemetry else None,
        )
        await dispatcher.connection.connect()
        return dispatcher

    def _settle_samples(self, dispatcher: Dispatcher[Connection]) -> None:
        """End a batch of applications' calls."""
        self._service.note_call()
        if not self._holds and self._service.is_held:
            self._holds += 1
            self._spawn(self._wait_for_others())
        self._settle(dispatcher)

    def _settle(self, dispatcher: Dispatcher[Connection]) -> None:
        """End a batch: commit and reply, or let the replies wait."""
        self._last_call = self._loop.time()
        if self._holds:
            dispatcher.postpone()
        else:
            dispatcher.finish(self._service.commit())

    @contextmanager
    def _hold(self) -> Iterator[None]:
        """Within the block, the replies to samples wait, kept and refused alike: the files may not be written."""
        self._holds += 1
        try:
            yield
        finally:
            self._release()

    def _release(self) -> None:
        self._holds -= 1
        if not self._holds:
            failure = self._service.commit()
            for dispatcher in self._dispatchers.values():
                dispatcher.finish(failure)

    async def _wait_for_others(self) -> None:
        """Let all samples wait while another process writes, for some seconds. Then all are refused."""
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
        name = self._callers.on_signal(message)
        if name is not None:
            for dispatcher in self._dispatchers.values():
                dispatcher.forget(name)

    async def _wait_for_lock(self) -> bool | None:
        """True if the lock is ours. None if its holder serves this bus: then exit. False if it serves another bus, or locking fails.

        A holder that serves no bus is waited for, however long it takes: it is a tick, a start or an exit. Policy: C3.
        """
        served_since: float | None = None
        while not self._try_lock():
            is_served = self._lock.is_served_by_another()
            owners = [await self._bus.owner_of(name) for name in (TELEMETRY, CONTROL)]
            if all(owners) or self._stop.is_set():
                return None
            now = self._loop.time()
            served_since = (served_since or now) if is_served else None
            if self._is_lock_refused or (served_since is not None and now - served_since >= BUSY_AFTER_S):
                return False
            await asyncio.sleep(LOCK_POLL_S)
        return True

    def _try_lock(self) -> bool:
        """Try to get the lock. Until that succeeds, the obstacle is the answer to every call."""
        try:
            has_lock = self._lock.try_take()
        except StorageError as failure:
            self._is_lock_refused = True
            self._service.set_failure(failure)
            return False
        self._is_lock_refused = False
        if not has_lock:
            self._service.set_failure(BUSY)
        return has_lock

    async def _wait_for_lock_later(self) -> None:
        while not self._try_lock():
            await self._service.wait_for_retry(REOPEN_S if self._is_lock_refused else BUSY_AFTER_S)
        self._service.lock_acquired()
        self._open()
        self._announce()  # whoever asked before was told that the daemon is busy

    def _open(self) -> None:
        """Open the databases, under the lock and with the names on the bus."""
        try:
            self._lock.serve()
        except StorageError as failure:
            _LOG.warning("%s", failure.text_with_path)
        with suppress(TelemetrydError):
            self._service.assembly()
        self._service.check_at_midnight()
        self._spawn(self._tick())

    async def _tick(self) -> None:
        """Run the ticks of the open databases. If they could not be opened, try again from time to time."""
        while True:
            try:
                assembly = self._service.assembly()
            except TelemetrydError:
                await self._service.wait_for_retry()
                self._service.open()
                continue
            try:
                if await assembly.work.run_until_closed(assembly.ticker.run_once()):
                    await self._service.refresh()
            except TelemetrydError as failure:
                _LOG.warning("%s", failure)
            except Exception as failure:  # noqa: BLE001 - the edge of the app: one unusable row must not end the daemon
                _LOG.error("internal error at a tick: %s", redacted_traceback(failure))
            self._checked.set()

    async def _leave_when_idle(self) -> None:
        """Exit when no call came for `idle_exit_s` and none is running. Nothing else counts, or the names would show it. Policy: C3.

        No delivery that might last longer is begun (`schedule.has_time`). The limit is read again after each check of the files: with every
        run of the ticker, and at SIGHUP.
        """
        while True:
            rest_s = self._rest_s() if self._service.idle_exit_s else None
            if rest_s is None or rest_s > 0:
                await wait_event(self._checked, within_s=rest_s)
            elif all(dispatcher.is_quiet for dispatcher in self._dispatchers.values()):
                self._stop.set()
                return
            else:
                for dispatcher in self._dispatchers.values():
                    await dispatcher.wait_until_quiet()
                self._last_call = self._loop.time()

    def _rest_s(self) -> float:
        """Seconds until `idle_exit_s` after the last call is over."""
        return self._last_call + self._service.idle_exit_s - self._loop.time()

    async def _leave_with(self, connection: Connection) -> None:
        """Exit when a connection is lost. The first one logs why."""
        await connection.wait_closed()
        if not self._stop.is_set():
            (_LOG.error if connection.is_broken else _LOG.warning)("%s", connection.loss)
        self._stop.set()

    async def _leave(self) -> None:
        """Release the names first, so that later calls go to the next daemon. Then answer those that arrived. Each step has a timeout."""
        self._notifier.stopping()
        self._lock.end_serving()
        self._service.end_monitoring()
        for name, dispatcher in self._dispatchers.items():
            await self._in_time(dispatcher.connection.release(name))
            if name == CONTROL and not dispatcher.is_quiet:  # a Submit would wait for the server; without a call nobody waits for sending
                self._service.stop_sending()
            await self._in_time(dispatcher.wait_until_quiet())
        await self._in_time(self._service.last_check())
        failure = self._service.commit()
        for dispatcher in self._dispatchers.values():
            dispatcher.finish(failure)
            await self._in_time(dispatcher.connection.drained(LEAVE_STEP_S))
            await dispatcher.connection.disconnect()
        await self._bus.disconnect()
        await self._in_time(self._service.end_sending())
        signal.pthread_sigmask(signal.SIG_BLOCK, _EXIT_SIGNALS)  # the loop removes its handlers: a second signal must not kill the exit
        self._service.close()
        self._lock.release()

    async def _in_time(self, step: Coroutine[None, None, None]) -> None:
        try:
            async with asyncio.timeout(LEAVE_STEP_S):
                await step
        except (TimeoutError, BusLostError):
            pass

    def _announce(self) -> None:
        """Tell the user's programs that something changed, never what."""
        self._control.problems.forget()
        connection = self._dispatchers[CONTROL].connection
        connection.send(bus_signal(_CONTROL_PATH, PROPERTIES, "PropertiesChanged", "sa{sv}as", self._invalidated))
        connection.send(bus_signal(_CONTROL_PATH, CONTROL, "QuestionsChanged"))

    def _leave_replaced(self) -> None:
        """Exit, because another version was installed. The next call starts it."""
        if not self._stop.is_set():
            _LOG.info("telemetryd was replaced while it ran; it exits, and the next call starts the new one")
            self._stop.set()

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in _EXIT_SIGNALS:
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._reload()))

    async def _reload(self) -> None:
        try:
            await self._service.refresh()
        except TelemetrydError as failure:
            _LOG.warning("%s", failure)
        self._checked.set()
        self._announce()

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        return self._tasks.create_task(work)


async def run(idle_exit_minutes: float) -> int:
    """Run the daemon in this environment. It exits after `idle_exit_minutes` without calls (0: never). Returns the exit status."""
    try:
        return await App(dict(os.environ), idle_exit_minutes).run()
    except (TelemetrydError, TimeoutError) as failure:
        return _log_failure(failure)


def _log_failure(failure: TelemetrydError | TimeoutError) -> int:
    """Log why there is no daemon. Returns the exit status."""
    _LOG.error("%s", "the session bus does not answer" if isinstance(failure, TimeoutError) else failure)
    return 1 if isinstance(failure, TimeoutError) else failure.exit_status
