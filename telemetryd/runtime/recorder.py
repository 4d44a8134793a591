"""`telemetryd --record`: replaces the daemon in an application's tests, on a bus of their own, and records the calls.

It runs the real daemon over a temporary state directory, so every registration and sample gets the real digest or error. There is no
consent, no tick and no uploader, so nothing is collected or sent. Only the recording, which belongs to the test, contains values.
"""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from telemetryd.bus.callers import Callers
from telemetryd.bus.dispatch import Dispatcher
from telemetryd.bus.interfaces import CONTROL, TELEMETRY, load
from telemetryd.bus.members import Handlers
from telemetryd.bus.open_settings import SettingsOpener
from telemetryd.bus.refusals import describe_refusal
from telemetryd.bus.telemetry1 import Applications
from telemetryd.bus.transport.connection import Connection
from telemetryd.core.answers import coarsen
from telemetryd.core.definition import Combine
from telemetryd.core.limits import LEAVE_STEP_S
from telemetryd.engine.declarations.overruled_texts import OVERRULED
from telemetryd.errors import BusLostError, NotSupportedError, StorageError, TelemetrydError, UnknownSourceError
from telemetryd.runtime.notify import Notifier
from telemetryd.runtime.service import Service
from telemetryd.system.directories import state_directory

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from typing import TextIO

    from telemetryd.bus.transport.library import Message
    from telemetryd.core.definition import Source

_LOG = logging.getLogger(__name__)

_LOGIN = ("org.freedesktop.systemd1", "org.gnome.SessionManager", "org.kde.ksmserver", "org.xfce.SessionManager", "org.mate.SessionManager")
"""If one of these names is owned on a bus, it is the session of a person, whose applications push what that person does."""
_NOT_HERE = (
    "the session bus of a login is not recorded; run it on a bus of your tests: dbus-run-session -- telemetryd --record FILE COMMAND"
)
_NO_CONTROL = "this telemetryd records what a test pushes: there is no consent to give, and nothing is collected or sent"


class Recorder:
    """The object behind Telemetry1: the real daemon, and one line of JSON for each sample, registration and refusal."""

    def __init__(self, service: Service, lines: TextIO) -> None:
        self._service, self._lines = service, lines
        self._failure: StorageError | None = None

    def register(self, application: str, text: str) -> str:
        """Register a manifest. Returns its digest. Raises what the daemon raises."""
        digest = self._service.sampling().register(application, text)
        line = {"call": "Register", "application": application, "digest": digest}
        if text and application in self._service.assembly().control.catalogue.overruled:
            line["note"] = OVERRULED
        self._note(line)
        return digest

    def push(self, application: str, source: str, type_code: str, value: Any) -> None:
        """Take one sample. Raises what the daemon raises."""
        self._service.sampling().push(application, source, type_code, value)
        self._note_samples({"call": "Push", "application": application, "source": source}, type_code, (value,))

    def push_many(self, application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
        """Take samples of several sources, all or none. Raises what the daemon raises."""
        self._service.sampling().push_many(application, samples)
        for source, (code, value) in samples.items():
            values = value if code.startswith("a") else (value,)
            about = {"call": "PushMany", "application": application, "source": source}
            self._note_samples(about, code.removeprefix("a"), values)

    def refuse(self, call: Message | None, failure: Exception) -> None:
        """Note a call that was refused, or dropped because its caller left. If that fails, the next `commit` does."""
        try:
            self._note(describe_refusal(call, failure))
        except StorageError as error:
            self._failure = error

    def commit(self) -> TelemetrydError | None:
        """Flush the file before the replies, so that the caller finds the lines. Returns the error, if any."""
        try:
            self._lines.flush()
        except OSError as error:
            return _write_error(error)
        return self._service.commit() or self._failure

    def _note_samples(self, about: dict[str, str], type_code: str, values: Sequence[Any]) -> None:
        source = self._source(about["application"], about["source"])
        for value, number in zip(values, coarsen.coarsener(source)(type_code, values), strict=True):
            label = f"+{number}" if source.combine is Combine.SUM else source.labels[number]
            self._note(about | {"type": type_code, "value": value, "bin": label})

    def _source(self, application: str, name: str) -> Source:
        catalogue = self._service.assembly().control.catalogue
        own = (source for source in catalogue.get_for_samples(application).sources if source.id == name)
        source = catalogue.shared_source(name) if "/" in name else next(own, None)
        if source is None:
            raise UnknownSourceError("the declaration changed meanwhile: call again")
        return source

    def _note(self, line: Mapping[str, Any]) -> None:
        try:
            self._lines.write(json.dumps(line) + "\n")
        except OSError as error:
            raise _write_error(error) from error


class Recording:
    """One run: both names on the bus, and a command that runs meanwhile, if there is one."""

    def __init__(self, environ: Mapping[str, str], state: str, lines: TextIO) -> None:
        self._environ = environ
        self._service = Service({**environ, "XDG_STATE_HOME": state}, 0)
        self._recorder = Recorder(self._service, lines)
        self._stop = asyncio.Event()
        self._bus = Connection(on_signal=self._on_signal, bus_only=True, descriptors=True)
        self._callers = Callers(self._bus)

    async def run(self, command: Sequence[str]) -> int:
        """Record until a signal, the loss of the bus, or the end of the command. Returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        await self._bus.connect()
        if any([await self._bus.owner_of(name) for name in _LOGIN]):
            _LOG.error(_NOT_HERE)
            return 1
        async with asyncio.TaskGroup() as tasks:
            try:
                return await self._serve(tasks, command)
            except (TelemetrydError, TimeoutError) as failure:  # the task group would put it into a group of exceptions
                return _log_failure(failure)
            finally:
                self._service.close()
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()

    async def _serve(self, tasks: asyncio.TaskGroup, command: Sequence[str]) -> int:
        self._tasks = tasks
        control = load(CONTROL)
        refusing = Handlers(
            dict.fromkeys(control.methods, _refuse), dict.fromkeys(control.properties, _refuse), dict.fromkeys(control.properties, _refuse)
        )
        opener = SettingsOpener(lambda: self._bus, asyncio.get_running_loop().time)
        applications = Applications(lambda: self._recorder, opener, self._service.snap)
        dispatchers = {TELEMETRY: await self._offer(TELEMETRY, applications.handlers(), self._recorder.refuse)}
        dispatchers[CONTROL] = await self._offer(CONTROL, refusing)
        self._service.lock_acquired()
        for name, dispatcher in dispatchers.items():
            if not await dispatcher.connection.own(name):
                _LOG.error("%s is owned by another process: a recording does not take a running daemon's place", name)
                return 1
        Notifier(self._environ).ready()
        status = await self._wait(command, [dispatcher.connection for dispatcher in dispatchers.values()])
        for name, dispatcher in dispatchers.items():
            await _in_time(dispatcher.connection.release(name))
            await _in_time(dispatcher.wait_until_quiet())
            self._settle(dispatcher)
            await dispatcher.connection.disconnect()
        await self._bus.disconnect()
        return status

    async def _offer(
        self, name: str, handlers: Handlers, on_refused: Callable[[Message | None, Exception], None] | None = None
    ) -> Dispatcher[Connection]:
        """Connect for one name, as the daemon does."""
        spawn, settle = self._tasks.create_task, self._settle
        dispatcher = Dispatcher(Connection, load(name), handlers, callers=self._callers, spawn=spawn, settle=settle, on_refused=on_refused)
        await dispatcher.connection.connect()
        return dispatcher

    def _settle(self, dispatcher: Dispatcher[Connection]) -> None:
        dispatcher.finish(self._recorder.commit())

    def _on_signal(self, message: Message) -> None:
        self._callers.on_signal(message)

    async def _wait(self, command: Sequence[str], connections: Sequence[Connection]) -> int:
        """Wait for the end. Returns the command's exit status, or 0 without one."""
        for connection in (self._bus, *connections):
            self._tasks.create_task(connection.wait_closed()).add_done_callback(lambda _: self._stop.set())
        if not command:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await self._stop.wait()
            return 0
        try:
            process = await asyncio.create_subprocess_exec(*command, env=self._environ)
        except OSError as error:
            _LOG.error("%s: %s", command[0], error.strerror)
            return 127
        ended = self._tasks.create_task(process.wait())
        ended.add_done_callback(lambda _: self._stop.set())
        await self._stop.wait()
        if not ended.done():
            process.terminate()
        status = await ended
        return status if status >= 0 else 128 - status


def run(path: str, command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Record into a new file at `path` while `command` runs in this environment. Returns the exit status."""

    async def record() -> int:
        return await Recording(environ, state, lines).run(command)

    try:
        with Path(path).open("w", encoding="utf-8") as lines, TemporaryDirectory(prefix="telemetryd-record-") as state:
            state_directory({"XDG_STATE_HOME": state}).mkdir(mode=0o700)
            return asyncio.run(record())
    except OSError as error:
        _LOG.error("%s: %s", path, error.strerror)
        return 1
    except (TelemetrydError, TimeoutError) as failure:
        return _log_failure(failure)


def _log_failure(failure: TelemetrydError | TimeoutError) -> int:
    """Log why there is no recording. Returns the exit status."""
    _LOG.error("%s", "the session bus does not answer" if isinstance(failure, TimeoutError) else failure)
    return 1 if isinstance(failure, TimeoutError) else failure.exit_status


def _refuse(*_: object) -> NoReturn:
    raise NotSupportedError(_NO_CONTROL)


def _write_error(error: OSError) -> StorageError:
    return StorageError(f"the recording cannot be written: {error.strerror}")


async def _in_time(step: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(LEAVE_STEP_S):
            await step
    except (TimeoutError, BusLostError):
        pass
