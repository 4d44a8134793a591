"""The socket under a library's connection: it gives what is asked for within a budget, and never a message that is too long."""

from __future__ import annotations

import array
import contextlib
import errno
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from telemetryd.bus.framing import HELD_MAX_BYTES, Framing

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.bus.framing import Oversized


class ListenerFullError(OSError):
    """The bus has more new connections waiting than its queue holds: try again.

    Not a BlockingIOError: asyncio takes that one for a connection under way, which it is not with Unix sockets.
    """


class EdgeSocket(socket.socket):
    """A socket that gives the library no more than a budget, and no message that is too long.

    Past the budget it seems to be empty, and the library's reader returns.
    """

    def __init__(self, on_oversized: Callable[[Oversized], None]) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.settimeout(0)
        self._framing = Framing(on_oversized)
        self.budget_bytes = sys.maxsize
        self._is_drained = False
        self.stream = self.makefile("rwb")

    def connect(self, address: Any) -> None:
        """Connect at once or not at all."""
        try:
            super().connect(address)
        except BlockingIOError as error:
            raise ListenerFullError(error.errno, error.strerror) from error

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As dbus-fast reads, and both libraries while they authenticate. dbus-next would wait there for ever after the end of the file."""
        while True:
            if self.budget_bytes <= 0:
                self._refuse()
            data = super().recv(bufsize, flags)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self.budget_bytes -= len(data)
            if taken := self._framing.take(data):
                return taken

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int | None:  # type: ignore[override]  # see below
        """As dbus-next reads, through its stream, which takes None for nothing there.

        It asks until there is nothing. After less than was asked for that is known, and the loop says when there is more: asking the kernel
        takes a twentieth of a call.
        """
        if self._is_drained:
            self._is_drained = False
            return None
        wanted = (nbytes or len(buffer)) - HELD_MAX_BYTES
        while True:
            if self.budget_bytes <= 0:
                self._refuse()
            data = super().recv(wanted, flags)
            if not data:
                return 0
            self._is_drained = len(data) < wanted
            self.budget_bytes -= len(data)
            if taken := self._framing.take(data):
                buffer[: len(taken)] = taken
                return len(taken)

    def recvmsg(self, bufsize: int, ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[tuple[int, int, bytes]], int, Any]:
        """As both read where descriptors are negotiated, so many bytes and no more; a child process inherits none of the descriptors."""
        while True:
            if self.budget_bytes <= 0:
                self._refuse()
            data, ancillary, *rest = super().recvmsg(self._framing.wanted(bufsize), ancbufsize, flags | socket.MSG_CMSG_CLOEXEC)
            self.budget_bytes -= len(data)
            taken = data and self._framing.take(data)
            if self._framing.is_passing_over:  # they came with it: the kernel joins no message to one with descriptors
                _close_descriptors(ancillary)
                ancillary = []
            if taken or not data:
                return (taken, ancillary, *rest)

    def cut(self) -> None:
        """End the connection: from now on the library's reader finds it lost, whatever has arrived."""
        self.budget_bytes = -sys.maxsize

    def close_all(self) -> None:
        """Close the socket and the stream on it."""
        with contextlib.suppress(OSError, ValueError):
            self.stream.close()
        self.close()

    def _refuse(self) -> None:
        is_cut = self.budget_bytes == -sys.maxsize
        raise ConnectionAbortedError(errno.ECONNABORTED, "closed") if is_cut else BlockingIOError(errno.EAGAIN, "budget")


def _close_descriptors(ancillary: list[tuple[int, int, bytes]]) -> None:
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            descriptors = array.array("i")
            descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
            for descriptor in descriptors:
                os.close(descriptor)
