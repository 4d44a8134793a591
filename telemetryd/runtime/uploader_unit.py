"""An uploader that systemd starts: an instance of `telemetryd-upload@.service` for each connection to its socket.

Its process and its exit are not ours to see. What it may do is decided at its socket: it says `sending` before the first byte of a request,
and once our end does not take that any more, nothing can leave. So the question whether anything left has an answer without its exit.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from telemetryd.core.limits import UPLOADER_EXIT_S
from telemetryd.named_tuple import NamedTuple
from telemetryd.runtime.uploader_socket import is_silent, read_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping

_VARIABLE = "TELEMETRYD_UPLOAD_SOCKET"


def upload_socket(environ: Mapping[str, str]) -> str:
    """The socket that our unit names; "" without a unit."""
    return environ.get(_VARIABLE, "")


class UnitUploader(NamedTuple):
    """An uploader behind a connection."""

    connection: socket.socket

    @classmethod
    def start(cls, path: str) -> Self:
        """Connect, which starts it. Raises OSError. The kernel connects at once or not at all, as nobody has to accept for that."""
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.setblocking(False)  # noqa: FBT003 - the library's signature
            connection.connect(path)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    async def sent_nothing(self, received: bytearray) -> bool:
        """Whether it surely sent nothing, and will not. What it says meanwhile is added to `received`.

        It sees our end of the stream first, and exits, which breaks its connection to the server off. If it hangs, it is not waited for:
        its next word fails, and its unit's time is limited.
        """
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_WR)
        with suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(UPLOADER_EXIT_S):
                await read_to_end(self.connection, received)
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RD)
        return not received and is_silent(self.connection)

    async def close(self) -> None:
        """Close the connection. An uploader without an outcome exits then."""
        self.connection.close()
