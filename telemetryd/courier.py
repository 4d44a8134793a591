"""Hands a due report to `telemetryd-upload` and brings the outcome back; opens no network socket itself. Policy: C1, C6."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from asyncio import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core.handover import InvalidMessageError, Job, encode_job, parse_delivery
from telemetryd.core.limits import COURIER_TIMEOUT_S, DELIVERY_MAX_BYTES, UPLOADER_EXIT_S
from telemetryd.core.schedule import Delivery, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.core.settings import Endpoint

UPLOADER = (sys.executable, "-P", "-m", "telemetryd.upload")
"""The uploader's command. -P: nothing is imported from the working directory. Not -I, which would not find an installation for one user."""

_REJECTED = Delivery(Result.REJECTED)
_NEVER_LEFT = Delivery(Result.RETRY)
_UNKNOWN = Delivery(Result.UNKNOWN)
_KEPT_FROM_CHILD = ("SSLKEYLOGFILE",)


class UploaderCourier:
    """Starts an uploader for each report. `is_developer` says whether the reports of the moment are a developer's."""

    def __init__(
        self, is_developer: Callable[[], bool] = lambda: False, *, command: Sequence[str] = UPLOADER, timeout_s: float = COURIER_TIMEOUT_S
    ) -> None:
        self._is_developer = is_developer
        self._command = tuple(command)
        self._timeout_s = timeout_s

    async def deliver(self, endpoint: Endpoint, body: bytes) -> Delivery:
        """Send one report and say what became of it; `unknown` unless the uploader says so itself.

        Cancelling it closes the uploader's socket and ends the uploader, and so the connection to the server.
        """
        try:
            message = encode_job(Job(endpoint.vendor, endpoint.url, self._is_developer(), body, endpoint.ohttp_relay))
        except InvalidMessageError:
            return _REJECTED
        try:
            ours, uploader = await self._start()
        except OSError:
            return _NEVER_LEFT
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
                    env={name: value for name, value in os.environ.items() if name not in _KEPT_FROM_CHILD},
                    pass_fds=(theirs.fileno(),),
                )
        except BaseException:
            ours.close()
            raise

    async def _outcome(self, connection: socket.socket, message: bytes) -> Delivery:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await _converse(connection, message)
        except (TimeoutError, ConnectionError, InvalidMessageError):
            return _UNKNOWN


async def _converse(connection: socket.socket, message: bytes) -> Delivery:
    """Write the job, read the one line of the outcome; the end of the stream before it is no outcome, nor is a line that more follows.

    An uploader that stays after its line is not waited for long: the line counts.
    """
    loop, answer = asyncio.get_running_loop(), b""
    await loop.sock_sendall(connection, message)
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as patience:
            while len(answer) <= DELIVERY_MAX_BYTES and (chunk := await loop.sock_recv(connection, DELIVERY_MAX_BYTES)):
                answer += chunk
                if b"\n" in answer:
                    patience.reschedule(patience.when() or loop.time() + UPLOADER_EXIT_S)
    return parse_delivery(answer)


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
