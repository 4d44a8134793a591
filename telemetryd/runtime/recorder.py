"""`telemetryd --record`: stands in for the daemon in an application's own tests, on a bus of their own, and writes down what was called.

Behind the bus is the real daemon over a state directory that is made for the run and removed after it: so every declaration and sample is
answered with the real digests and errors. Nobody consents, no tick runs and no uploader is started, so nothing is collected or sent. The
only thing that knows values is the file, which is the test's own.
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
from telemetryd.bus.telemetry1 import Applications
from telemetryd.bus.transport.connection import Edge
from telemetryd.core import coarsen
from telemetryd.core.definition import Combine
from telemetryd.core.limits import LEAVE_STEP_S
from telemetryd.errors import BusLostError, NotSupportedError, StorageError, TelemetrydError, UnknownSourceError
from telemetryd.runtime.notify import Notifier
from telemetryd.runtime.service import Service
from telemetryd.system.directories import state_directory

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence
    from typing import TextIO

    from telemetryd.bus.transport.library import Message
    from telemetryd.core.definition import Source

_LOG = logging.getLogger(__name__)

_LOGIN = ("org.freedesktop.systemd1", "org.gnome.SessionManager", "org.kde.ksmserver", "org.xfce.SessionManager", "org.mate.SessionManager")
"""Whoever owns one of these names on a bus runs a person's session there, whose applications push what that person does."""
_NOT_HERE = (
    "the session bus of a login is not recorded; run it on one of your tests' own: dbus-run-session -- telemetryd --record FILE COMMAND"
)
_NO_CONTROL = "this telemetryd records what a test pushes: there is no consent to give, and nothing is collected or sent"


class Recorder:
    """What Telemetry1 calls: the real daemon, and one line of JSON in the file for each sample, registration and refusal."""

    def __init__(self, service: Service, lines: TextIO) -> None:
        self._service, self._lines = service, lines

    def register(self, application: str, text: str) -> str:
        """Declare an application; gives the digest. Raises what the daemon raises."""
        about = {"call": "Register", "application": application}
        try:
            digest = self._service.daemon().register(application, text)
        except TelemetrydError as refusal:
            self._refuse(about, refusal)
        self._note(about | {"digest": digest})
        return digest

    def snap(self, application: str) -> str:
        """The snap that may act for an application, as the daemon knows it."""
        return self._service.daemon().snap(application)

    def push(self, application: str, source: str, type_code: str, value: Any) -> None:
        """Take one sample. Raises what the daemon raises."""
        about = {"call": "Push", "application": application, "source": source}
        try:
            self._service.daemon().push(application, source, type_code, value)
        except TelemetrydError as refusal:
            self._refuse(about | {"type": type_code}, refusal)
        self._note_samples(about, type_code, (value,))

    def push_many(self, application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
        """Take samples of several sources, or none of them. Raises what the daemon raises."""
        about = {"call": "PushMany", "application": application}
        try:
            self._service.daemon().push_many(application, samples)
        except TelemetrydError as refusal:
            types = {source: code for source, (code, _) in samples.items()}
            self._refuse(about | {"types": types}, refusal)
        for source, (code, value) in samples.items():
            values = value if code.startswith("a") else (value,)
            self._note_samples(about | {"source": source}, code.removeprefix("a"), values)

    def commit(self) -> TelemetrydError | None:
        """Let whoever waits for the reply find the lines in the file; the error if that is not possible."""
        try:
            self._lines.flush()
        except OSError as error:
            return _unwritten(error)
        return self._service.commit()

    def _note_samples(self, about: dict[str, str], type_code: str, values: Sequence[Any]) -> None:
        source = self._source(about["application"], about["source"])
        for value, number in zip(values, coarsen.coarsener(source)(type_code, values), strict=True):
            label = f"+{number}" if source.combine is Combine.SUM else source.labels[number]
            self._note(about | {"type": type_code, "value": value, "bin": label})

    def _source(self, application: str, name: str) -> Source:
        catalogue = self._service.assembly().control.catalogue
        own = (source for source in catalogue.pushing(application).sources if source.id == name)
        found = catalogue.shared_source(name) if "/" in name else next(own, None)
        if found is None:
            raise UnknownSourceError("the declaration changed meanwhile: call again")
        return found

    def _refuse(self, about: Mapping[str, Any], refusal: TelemetrydError) -> NoReturn:
        self._note({**about, "error": refusal.bus_name, "message": str(refusal)})
        raise refusal

    def _note(self, line: Mapping[str, Any]) -> None:
        try:
            self._lines.write(json.dumps(line) + "\n")
        except OSError as error:
            raise _unwritten(error) from error


class Recording:
    """One run: both names on the bus, and a command that is run meanwhile, if there is one."""

    def __init__(self, environ: Mapping[str, str], state: str, lines: TextIO) -> None:
        self._environ = environ
        self._service = Service({**environ, "XDG_STATE_HOME": state}, 0)
        self._recorder = Recorder(self._service, lines)
        self._stop = asyncio.Event()
        self._bus = Edge(on_signal=self._on_signal, descriptors=True)
        self._callers = Callers(self._bus)

    async def run(self, command: Sequence[str]) -> int:
        """Record until told to leave, the bus is gone, or the command ends; gives the exit status."""
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
                return _failed(failure)
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
        edges = {TELEMETRY: await self._offer(TELEMETRY, Applications(lambda: self._recorder).handlers())}
        edges[CONTROL] = await self._offer(CONTROL, refusing)
        self._service.take()
        for name, (edge, _) in edges.items():
            if not await edge.own(name):
                _LOG.error("%s is owned by another process: a recording does not take a running daemon's place", name)
                return 1
        Notifier(self._environ).ready()
        status = await self._wait(command, [edge for edge, _ in edges.values()])
        for name, (edge, dispatcher) in edges.items():
            await _in_time(edge.release(name))
            await _in_time(dispatcher.wait_until_quiet())
            dispatcher.finish(self._recorder.commit())
            await edge.disconnect()
        await self._bus.disconnect()
        return status

    async def _offer(self, name: str, handlers: Handlers) -> tuple[Edge, Dispatcher]:
        """A connection of its own for one name, as the daemon has them."""

        def settle() -> None:
            dispatcher.finish(self._recorder.commit())

        def on_call(message: Message) -> None:
            dispatcher.on_call(message)

        edge = Edge(on_call=on_call, on_batch_end=settle)
        spawn = self._tasks.create_task
        dispatcher = Dispatcher(edge, load(name), handlers, callers=self._callers, spawn=spawn, settle=settle)
        await edge.connect()
        return edge, dispatcher

    def _on_signal(self, message: Message) -> None:
        self._callers.on_signal(message)

    async def _wait(self, command: Sequence[str], edges: Sequence[Edge]) -> int:
        """Until the end; the command's exit status, or 0 without one."""
        for edge in (self._bus, *edges):
            self._tasks.create_task(edge.wait_closed()).add_done_callback(lambda _: self._stop.set())
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
    """Record into a new file at `path`; `command` runs meanwhile, over this environment. Gives the exit status."""

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
        return _failed(failure)


def _failed(failure: TelemetrydError | TimeoutError) -> int:
    """Say why there is no recording; gives the exit status."""
    _LOG.error("%s", "the session bus does not answer" if isinstance(failure, TimeoutError) else failure)
    return 1


def _refuse(*_: object) -> NoReturn:
    raise NotSupportedError(_NO_CONTROL)


def _unwritten(error: OSError) -> StorageError:
    return StorageError(f"the recording cannot be written: {error.strerror}")


async def _in_time(step: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(LEAVE_STEP_S):
            await step
    except (TimeoutError, BusLostError):
        pass
