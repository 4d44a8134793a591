"""The socket under a library's connection: it gives what is asked for within a budget, and no message or descriptor that is not for it."""

from __future__ import annotations

import array
import contextlib
import errno
import os
import socket
import sys
from math import inf
from time import perf_counter
from typing import TYPE_CHECKING, Any

from telemetryd.bus.transport.framing import Framing

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

    from telemetryd.bus.transport.framing import Oversized

_CHUNK_BYTES, _LARGE_BYTES = 8192, 256 * 1024
_SMALL_BYTES = 4096
"""Received at once for a library outside of a long message: once it has them, all calls in them are handled, however long they take. (With
2 KiB batches are shorter, and a call among many costs a tenth more.)"""
_DESCRIPTORS_SPACE = socket.CMSG_SPACE(253 * array.array("i").itemsize)  # SCM_MAX_FD: the kernel gives no more at a time


class ListenerFullError(OSError):
    """The bus has more new connections waiting than its queue holds: try again.

    Not a BlockingIOError: asyncio takes that one for a connection under way, which it is not with Unix sockets.
    """


class EdgeSocket(socket.socket):
    """A socket that gives the library no more than a budget, no message that is too long and no descriptor.

    Past the budget it seems to be empty, and the library's reader returns. It is connected by `dial`, before a library has it.
    """

    def __init__(self, on_oversized: Callable[[Oversized], None], *, descriptors: bool) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.settimeout(0)
        self._framing = Framing(on_oversized, descriptors=descriptors)
        self.budget_bytes = sys.maxsize
        self._is_drained = False
        self._ready = b""
        """What the library may have and has not asked for."""
        self._streams: list[Any] = []
        self.deadline = inf
        """The moment (perf_counter) from which on the library gets nothing more in this batch."""
        self._given: bytes | None = None
        """What the library may have instead of what comes from the kernel; None: it reads for itself."""

    def dial(self, address: bytes) -> None:
        """Connect at once or not at all. Raises ListenerFullError, or another OSError."""
        try:
            super().connect(address)
        except BlockingIOError as error:
            raise ListenerFullError(error.errno, error.strerror) from error

    def connect(self, address: Any) -> None:
        """The library connects the socket that it believes to have made: that is done already."""

    def makefile(self, *arguments: Any, **options: Any) -> io.BufferedRWPair:  # type: ignore[override]  # both ask for "rwb"
        """The stream that the library reads from; it is closed with the socket."""
        stream: Any = super().makefile(*arguments, **options)
        self._streams.append(stream)
        return stream  # type: ignore[no-any-return]  # Any, or its kind would depend on the arguments

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """As dbus-fast reads, and both libraries while they authenticate. dbus-next would wait there for ever after the end of the file."""
        if self._given is not None:
            return self._take_given(sys.maxsize)
        while True:
            if self.budget_bytes <= 0 or perf_counter() > self.deadline:
                self._refuse()
            data = super().recv(min(bufsize, _SMALL_BYTES) if self._framing.owed < _SMALL_BYTES else bufsize, flags)
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
        wanted = nbytes or len(buffer)
        if self._given is not None:
            taken = self._take_given(wanted)
            buffer[: len(taken)] = taken
            return len(taken)
        if self._ready:
            taken, self._ready = self._ready, b""
        elif self._is_drained:
            self._is_drained = False
            return None
        else:
            taken = b""
        while not taken:
            if self.budget_bytes <= 0 or perf_counter() > self.deadline:
                self._refuse()
            size = min(wanted, _SMALL_BYTES) if self._framing.owed < _SMALL_BYTES else wanted
            data = super().recv(size, flags)
            if not data:
                return 0
            self._is_drained = len(data) < size
            self.budget_bytes -= len(data)
            taken = self._framing.take(data)
        if len(taken) > wanted:  # what was held before, the beginning of a header, is in it too
            taken, self._ready = taken[:wanted], taken[wanted:]
        buffer[: len(taken)] = taken
        return len(taken)

    def recvmsg(self, bufsize: int, _ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[Any], int, None]:
        """As both read where descriptors are negotiated, so many bytes and no more. Descriptors never come this way: `share` has them."""
        if not self._ready:
            self._ready = self._receive(flags)
        given, self._ready = self._ready[:bufsize], self._ready[bufsize:]
        return given, [], 0, None

    def receive(self, most_bytes: int) -> bytes | None:
        """What has come, for us instead of the library: b"" if nothing is there, None at the end of the file."""
        received: list[bytes] = []
        self._is_drained = self._framing.is_weighing = False
        while most_bytes > 0:
            try:
                data = super().recv(_LARGE_BYTES)
            except BlockingIOError:
                break
            except OSError:
                data = b""
            if not data:
                return b"".join(received) or None
            most_bytes -= len(data)
            received.append(self._framing.take(data))
            if len(data) < _LARGE_BYTES:
                break
        return b"".join(received)

    @property
    def owed_bytes(self) -> int:
        """How much of a message is still to come that the library has in part."""
        return self._framing.owed

    def give(self, data: bytes) -> None:
        """Let the library have this, and nothing that comes, until `read_again`."""
        self._given = data

    def read_again(self) -> None:
        """Let the library have what comes."""
        self._given, self._framing.is_weighing = None, True

    def _take_given(self, most_bytes: int) -> bytes:
        given = self._given or b""
        if not given:
            self._refuse()
        self._given = given[most_bytes:]
        return given[:most_bytes]

    def share(self) -> list[int]:
        """The descriptors of the next message that the library hands over, for whoever calls to close; a child process inherits none."""
        return self._framing.share()

    def cut(self) -> None:
        """End the connection: from now on the library's reader finds it lost, whatever has arrived."""
        self.budget_bytes = -sys.maxsize
        self._ready, self._given, self._is_drained = b"", None, False

    def close_all(self) -> None:
        """Close the socket, the streams on it and every descriptor that nobody has taken."""
        for stream in self._streams:
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        self.close()
        self._framing.close()

    def _receive(self, flags: int) -> bytes:
        """What comes next, with its descriptors; nothing at the end of the file."""
        while True:
            if self.budget_bytes <= 0:
                self._refuse()
            size = min(self._framing.passing_over or _CHUNK_BYTES, _CHUNK_BYTES)
            data, ancillary, *_ = super().recvmsg(size, _DESCRIPTORS_SPACE, flags | socket.MSG_CMSG_CLOEXEC)
            self.budget_bytes -= len(data)
            self._framing.arrive(_descriptors(ancillary))
            if not data or (taken := self._framing.take(data)):
                return data and taken

    def _refuse(self) -> None:
        is_cut = self.budget_bytes == -sys.maxsize
        raise ConnectionAbortedError(errno.ECONNABORTED, "closed") if is_cut else BlockingIOError(errno.EAGAIN, "budget")


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> array.array[int]:
    received = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            received.frombytes(data[: len(data) - len(data) % received.itemsize])
    return received
