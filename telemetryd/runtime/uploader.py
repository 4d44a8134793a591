"""Hands a due report to `telemetryd-upload` and returns the result. It opens no network socket itself. Policy: C1, C6."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from asyncio import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core.hindrance import Hindrance
from telemetryd.core.limits import COURIER_TIMEOUT_S, DELIVERY_MAX_BYTES, UPLOADER_EXIT_S
from telemetryd.core.schedule import Delivery, held_delivery, unknown_delivery
from telemetryd.core.uploader_environment import uploader_environment
from telemetryd.core.uploader_protocol import SENDING, InvalidMessageError, Job, encode_job, outcome_of
from telemetryd.system import own_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from telemetryd.core.settings import Endpoint

_LOG = logging.getLogger(__name__)

_UNKNOWN = unknown_delivery(Hindrance.UPLOADER)
_RECEIVED_MAX_BYTES = len(SENDING) + DELIVERY_MAX_BYTES


def command_of(directory: str = os.path.dirname(own_package.FOLDER)) -> tuple[str, ...]:  # noqa: PTH120 - as own_package has it
    """The uploader's command, for a telemetryd in this directory.

    -P prevents imports from the working directory. -s prevents imports from the user's own packages, unless telemetryd itself is one of
    them. The package is named, so that an uploader of another version sends nothing.
    """
    site = sys.modules.get("site")
    is_users_own = os.path.realpath(getattr(site, "USER_SITE", None) or os.devnull) == os.path.realpath(directory)
    options = ("-P",) if is_users_own else ("-P", "-s")
    return (sys.executable, *options, "-m", "telemetryd.upload", "--package", own_package.LOADED)


UPLOADER = command_of()
"""The uploader's command without its socket."""


class UploaderCourier:
    """Starts an uploader for each report. `is_developer` says whether present reports come from developer mode."""

    def __init__(
        self, is_developer: Callable[[], bool] = lambda: False, *, command: Sequence[str] = UPLOADER, timeout_s: float = COURIER_TIMEOUT_S
    ) -> None:
        self._is_developer = is_developer
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
            message = encode_job(Job(endpoint.vendor, endpoint.url, self._is_developer(), body, endpoint.ohttp_relay, definition))
        except InvalidMessageError:
            return held_delivery(Hindrance.REPORT)
        if own_package.has_changed():
            _LOG.warning("telemetryd was replaced while it was running: no report is sent before it is restarted")
            return held_delivery(Hindrance.PACKAGE)
        try:
            ours, uploader = await self._start()
        except OSError as error:
            _LOG.warning("telemetryd-upload cannot be started: %s", error.strerror)
            return held_delivery(Hindrance.UPLOADER)
        received = bytearray()
        try:
            delivery = await self._outcome(ours, message, received)
            if delivery is None:
                delivery = _no_connection() if await _sent_nothing(uploader, ours, received) else _UNKNOWN
        except asyncio.CancelledError:
            if await _sent_nothing(uploader, ours, received):
                on_unsent()
            raise
        else:
            return delivery
        finally:
            ours.close()
            await _wait_for_exit(uploader)

    async def _start(self) -> tuple[socket.socket, subprocess.Process]:
        """Start an uploader. Returns our end of its socket, and its process."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)  # noqa: FBT003 - the library's signature
        try:
            with theirs:
                return ours, await subprocess.create_subprocess_exec(
                    *self._command,
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

    async def _outcome(self, connection: socket.socket, message: bytes, received: bytearray) -> Delivery | None:
        """The result, or None if the uploader says nothing. What it says is added to `received`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await _exchange(connection, message, received)
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


async def _exchange(connection: socket.socket, message: bytes, received: bytearray) -> None:
    """Write the job, and read until the end of the stream or more bytes than a result can have.

    After the last line the wait for the uploader's exit is short: the line counts. What is read is in `received` at once: `sock_recv` would
    lose it if the task is cancelled before it goes on, and a report that may have left would count as unsent.
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, message)
    ended: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        try:
            chunk = connection.recv(_RECEIVED_MAX_BYTES)
        except BlockingIOError:
            return
        except OSError as failure:
            loop.remove_reader(connection)
            if not ended.done():
                ended.set_exception(failure)
            return
        received.extend(chunk)
        if not chunk or len(received) > _RECEIVED_MAX_BYTES:
            loop.remove_reader(connection)
            if not ended.done():
                ended.set_result(None)
        elif b"\n" in bytes(received).removeprefix(SENDING):
            patience.reschedule(patience.when() or loop.time() + UPLOADER_EXIT_S)

    with suppress(TimeoutError):
        async with asyncio.timeout(None) as patience:
            loop.add_reader(connection, read)
            try:
                await ended
            finally:
                loop.remove_reader(connection)


async def _sent_nothing(uploader: subprocess.Process, connection: socket.socket, received: bytearray) -> bool:
    """Whether an uploader surely sent nothing. It is killed first: one that hangs could go on, and send, once the question is answered."""
    _kill(uploader)
    await uploader.wait()
    return not received and _is_silent(connection)


def _is_silent(connection: socket.socket) -> bool:
    """Whether an uploader that has exited said nothing. Without `sending` no byte of a request left."""
    try:
        return not connection.recv(1)
    except ConnectionResetError:  # it had not read all of its job
        return True
    except OSError:
        return False


async def _wait_for_exit(uploader: subprocess.Process) -> None:
    """Wait for the uploader's exit. Its socket is closed, so if it does not exit soon it hangs, and is killed."""
    try:
        async with asyncio.timeout(UPLOADER_EXIT_S):
            await uploader.wait()
    except TimeoutError:
        _kill(uploader)
        await uploader.wait()
    except asyncio.CancelledError:
        _kill(uploader)
        raise


def _kill(uploader: subprocess.Process) -> None:
    """Kill an uploader that runs. Its own `kill` would take the status of one that has ended away from asyncio, which warns of that."""
    if uploader.returncode is None and _is_running(uploader.pid):
        os.kill(uploader.pid, signal.SIGKILL)


def _is_running(child: int) -> bool:
    try:
        return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
    except ChildProcessError:
        return False
