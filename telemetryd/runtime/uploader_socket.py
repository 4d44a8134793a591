"""The daemon's end of the socket to an uploader: what is written to it, and what is read from it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core.limits import DELIVERY_MAX_BYTES, UPLOADER_EXIT_S
from telemetryd.core.sending.uploader_protocol import SENDING

if TYPE_CHECKING:
    import socket

RECEIVED_MAX_BYTES = len(SENDING) + DELIVERY_MAX_BYTES
"""Most bytes that an uploader says."""


async def exchange(connection: socket.socket, message: bytes, received: bytearray) -> None:
    """Write the job, and read until the end of the stream or more bytes than a result can have."""
    await asyncio.get_running_loop().sock_sendall(connection, message)
    await read_to_end(connection, received)


async def read_to_end(connection: socket.socket, received: bytearray) -> None:
    """Read until the end of the stream or more bytes than a result can have. Raises ConnectionError.

    After the last line the wait for the uploader's exit is short: the line counts. What is read is in `received` at once. `sock_recv`
    would lose it if the task is cancelled then, and a report that may have left would count as unsent.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        try:
            chunk = connection.recv(RECEIVED_MAX_BYTES)
        except BlockingIOError:
            return
        except OSError as failure:
            loop.remove_reader(connection)
            if not ended.done():
                ended.set_exception(failure)
            return
        received.extend(chunk)
        if not chunk or len(received) > RECEIVED_MAX_BYTES:
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


def is_silent(connection: socket.socket) -> bool:
    """Whether an uploader that can say nothing more has said nothing. Without `sending` no byte of a request left."""
    try:
        return not connection.recv(1)
    except ConnectionResetError:  # it had not read all of its job
        return True
    except OSError:
        return False
