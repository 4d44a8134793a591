"""Hands a due report to `telemetryd-upload` and brings the outcome back; opens no network socket itself. Policy: C1, C6."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from asyncio import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core.hindrance import Hindrance
from telemetryd.core.inheritance import inherited
from telemetryd.core.limits import COURIER_TIMEOUT_S, DELIVERY_MAX_BYTES, UPLOADER_EXIT_S
from telemetryd.core.schedule import Delivery, Result, held
from telemetryd.core.uploader_protocol import SENDING, InvalidMessageError, Job, encode_job, outcome_of
from telemetryd.system import own_package

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from telemetryd.core.settings import Endpoint

_LOG = logging.getLogger(__name__)

_REJECTED = Delivery(Result.REJECTED)
_UNKNOWN = Delivery(Result.UNKNOWN)
_SAID_MAX_BYTES = len(SENDING) + DELIVERY_MAX_BYTES


def command_of(place: str = os.path.dirname(own_package.FOLDER)) -> tuple[str, ...]:  # noqa: PTH120 - as own_package has it
    """The uploader's command, for a telemetryd that lies in this directory.

    -P: nothing is imported from the working directory. -s: nor from the user's own packages, which come before the system's, unless
    telemetryd itself is one of them. The package is named, so that an uploader of another version sends nothing.
    """
    site = sys.modules.get("site")
    is_users_own = os.path.realpath(getattr(site, "USER_SITE", None) or os.devnull) == os.path.realpath(place)
    options = ("-P",) if is_users_own else ("-P", "-s")
    return (sys.executable, *options, "-m", "telemetryd.upload", "--package", own_package.LOADED)


UPLOADER = command_of()
"""The uploader's command, but for its socket."""


class UploaderCourier:
    """Starts an uploader for each report. `is_developer` says whether the reports of the moment are a developer's."""

    def __init__(
        self, is_developer: Callable[[], bool] = lambda: False, *, command: Sequence[str] = UPLOADER, timeout_s: float = COURIER_TIMEOUT_S
    ) -> None:
        self._is_developer = is_developer
        self._command = tuple(command)
        self._timeout_s = timeout_s

    async def deliver(self, endpoint: Endpoint, body: bytes, definition: str = "") -> Delivery:
        """Send one report of the definition with this canonical text, and say what became of it.

        That is unknown unless the uploader says so itself. It is held where no uploader can be started, or where that ended before it had a
        connection. Cancelling closes the uploader's socket and ends the uploader, and so the connection to the server.
        """
        try:
            message = encode_job(Job(endpoint.vendor, endpoint.url, self._is_developer(), body, endpoint.ohttp_relay, definition))
        except InvalidMessageError:
            return _REJECTED
        if own_package.has_changed():
            _LOG.warning("telemetryd was replaced while it was running: no report leaves before it is started again")
            return held(Hindrance.PACKAGE)
        try:
            ours, uploader = await self._start()
        except OSError as error:
            _LOG.warning("telemetryd-upload cannot be started: %s", error.strerror)
            return held(Hindrance.UPLOADER)
        try:
            return await self._outcome(ours, message)
        except asyncio.CancelledError:
            _kill(uploader)
            raise
        finally:
            ours.close()
            await _end(uploader)

    async def _start(self) -> tuple[socket.socket, subprocess.Process]:
        """Our end of the socket, and the uploader that has the other."""
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

    async def _outcome(self, connection: socket.socket, message: bytes) -> Delivery:
        said = bytearray()
        try:
            async with asyncio.timeout(self._timeout_s):
                await _converse(connection, message, said)
        except (TimeoutError, ConnectionError):
            return _UNKNOWN if said else _without_a_word()
        return outcome_of(bytes(said)) if said else _without_a_word()


def environment(environ: Mapping[str, str], place: str = os.path.dirname(own_package.FOLDER)) -> dict[str, str]:  # noqa: PTH120 - as above
    """What the uploader inherits: PYTHONPATH only where telemetryd itself was found by it, so that its libraries are, too."""
    path = environ.get("PYTHONPATH", "")
    is_found_by_it = os.path.realpath(place) in {os.path.realpath(one) for one in path.split(os.pathsep) if one}
    return inherited(environ) | ({"PYTHONPATH": path} if is_found_by_it else {})


def _without_a_word() -> Delivery:
    _LOG.warning("telemetryd-upload ended, or hung, before it had a connection: nothing was sent")
    return held(Hindrance.UPLOADER)


async def _converse(connection: socket.socket, message: bytes, said: bytearray) -> None:
    """Write the job and read what comes, up to the end of the stream or what is too long to be an outcome.

    An uploader that stays after its last line is not waited for long: the line counts.
    """
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, message)
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as patience:
            while len(said) <= _SAID_MAX_BYTES and (chunk := await loop.sock_recv(connection, _SAID_MAX_BYTES)):
                said += chunk
                if b"\n" in bytes(said).removeprefix(SENDING):
                    patience.reschedule(patience.when() or loop.time() + UPLOADER_EXIT_S)


async def _end(uploader: subprocess.Process) -> None:
    """See it end; its socket is closed, so what has not ended soon hangs."""
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
    if uploader.returncode is None:
        uploader.kill()
