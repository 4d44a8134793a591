"""Hands a due report to `telemetryd-upload` and returns the result. It opens no network socket itself. Policy: C1, C6.

Our unit names the socket of `telemetryd-upload.socket`. There systemd starts the uploader, and the daemon has no right to a network.
Without the unit the uploader is a child over a socket pair. The job, the words and what follows from them are the same.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from telemetryd.core.limits import COURIER_TIMEOUT_S, UPLOADER_EXIT_S
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, held_delivery, unknown_delivery
from telemetryd.core.sending.uploader_environment import uploader_environment
from telemetryd.core.sending.uploader_protocol import InvalidMessageError, Job, encode_job, outcome_of
from telemetryd.named_tuple import NamedTuple
from telemetryd.runtime.uploader_socket import exchange, is_silent
from telemetryd.runtime.uploader_unit import UnitUploader
from telemetryd.system import own_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from telemetryd.core.settings import Endpoint

_LOG = logging.getLogger(__name__)

_UNKNOWN = unknown_delivery(Hindrance.UPLOADER)


def command_of(directory: str = os.path.dirname(own_package.FOLDER)) -> tuple[str, ...]:  # noqa: PTH120 - as own_package has it
    """The uploader's command, for a telemetryd in this directory.

    -P prevents imports from the working directory. -s prevents imports from the user's own packages, unless telemetryd itself is one of
    them.
    """
    site = sys.modules.get("site")
    is_users_own = os.path.realpath(getattr(site, "USER_SITE", None) or os.devnull) == os.path.realpath(directory)
    options = ("-P",) if is_users_own else ("-P", "-s")
    return (sys.executable, *options, "-m", "telemetryd.upload")


UPLOADER = command_of()
"""The uploader's command without its socket."""


class UploaderCourier:
    """Starts an uploader for each report. `is_developer` says whether present reports come from developer mode.

    With `unit_socket` systemd starts it there, otherwise `command` is started as a child.
    """

    def __init__(
        self,
        is_developer: Callable[[], bool] = lambda: False,
        *,
        unit_socket: str = "",
        command: Sequence[str] = UPLOADER,
        timeout_s: float = COURIER_TIMEOUT_S,
    ) -> None:
        self._is_developer = is_developer
        self._unit_socket = unit_socket
        self._command = tuple(command)
        self._timeout_s = timeout_s

    async def deliver(
        self, endpoint: Endpoint, body: bytes, definition: str = "", *, on_unsent: Callable[[], None] = lambda: None
    ) -> Delivery:
        """Send one report and return the result. `definition` is the canonical text.

        The result is unknown unless the uploader reports it. The report is held if no uploader can be started, or if it ended before it had
        a connection. Cancelling closes the uploader's socket and ends the uploader, and so its connection to the server. `on_unsent` is
        called then if surely nothing was sent.
        """
        try:
            message = encode_job(self._job(endpoint, body, definition))
        except InvalidMessageError:
            return held_delivery(Hindrance.REPORT)
        if own_package.has_changed():
            _LOG.warning("telemetryd was replaced while it was running: no report is sent before it is restarted")
            return held_delivery(Hindrance.PACKAGE)
        try:
            uploader = UnitUploader.start(self._unit_socket) if self._unit_socket else await _Child.start(self._command)
        except OSError as error:
            _LOG.warning("telemetryd-upload cannot be started: %s", error.strerror)
            return held_delivery(Hindrance.UPLOADER)
        received = bytearray()
        try:
            delivery = await self._outcome(uploader.connection, message, received)
            if delivery is None:
                delivery = _no_connection() if await uploader.sent_nothing(received) else _UNKNOWN
        except asyncio.CancelledError:
            if await uploader.sent_nothing(received):
                on_unsent()
            raise
        else:
            return delivery
        finally:
            await uploader.close()

    def _job(self, endpoint: Endpoint, body: bytes, definition: str) -> Job:
        """The job: the endpoint as the daemon knows it, and the files that the daemon runs."""
        is_developer, package = self._is_developer(), own_package.LOADED
        return Job(endpoint.vendor, endpoint.url, is_developer, body, endpoint.ohttp_relay, definition, package)

    async def _outcome(self, connection: socket.socket, message: bytes, received: bytearray) -> Delivery | None:
        """The result, or None if the uploader says nothing. What it says is added to `received`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await exchange(connection, message, received)
        except (TimeoutError, ConnectionError):
            return _UNKNOWN if received else None
        return outcome_of(bytes(received)) if received else None


def environment(environ: Mapping[str, str], directory: str = os.path.dirname(own_package.FOLDER)) -> dict[str, str]:  # noqa: PTH120 - as above
    """The uploader's environment. It gets PYTHONPATH only if telemetryd itself was found by it, as its libraries then are too."""
    path = environ.get("PYTHONPATH", "")
    is_found_by_it = os.path.realpath(directory) in {os.path.realpath(entry) for entry in path.split(os.pathsep) if entry}
    return uploader_environment(environ) | ({"PYTHONPATH": path} if is_found_by_it else {})


def _no_connection() -> Delivery:
    _LOG.warning("telemetryd-upload ended, or hung, before it had a connection: nothing was sent")
    return held_delivery(Hindrance.UPLOADER)


class _Child(NamedTuple):
    """An uploader that is a child of this process, and our end of its socket."""

    connection: socket.socket
    process: subprocess.Process

    @classmethod
    async def start(cls, command: Sequence[str]) -> Self:
        """Start an uploader. Raises OSError."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the library's signature
        try:
            with theirs:
                process = await subprocess.create_subprocess_exec(
                    *command,
                    "--socket",
                    str(theirs.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    env=environment(os.environ),
                    pass_fds=(theirs.fileno(),),
                )
        except BaseException:
            ours.close()
            raise
        return cls(ours, process)

    async def sent_nothing(self, received: bytearray) -> bool:
        """Whether it surely sent nothing. It is killed first: one that hangs could go on, and send, once the question is answered."""
        self._kill()
        await self.process.wait()
        return not received and is_silent(self.connection)

    async def close(self) -> None:
        """Close its socket and wait for its exit. If it does not exit soon it hangs, and is killed."""
        self.connection.close()
        try:
            async with asyncio.timeout(UPLOADER_EXIT_S):
                await self.process.wait()
        except TimeoutError:
            self._kill()
            await self.process.wait()
        except asyncio.CancelledError:
            self._kill()
            raise

    def _kill(self) -> None:
        """Kill it if it runs. asyncio's own `kill` would take the status of one that has ended away from asyncio, which warns of that."""
        if self.process.returncode is None and _is_running(self.process.pid):
            with suppress(ProcessLookupError):  # it has ended since, and asyncio was told
                os.kill(self.process.pid, signal.SIGKILL)


def _is_running(child: int) -> bool:
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False
