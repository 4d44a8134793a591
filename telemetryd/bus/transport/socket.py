"""The socket under a library's connection. It returns bytes within a budget, and no message or descriptor that is not for the library."""

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

from telemetryd.bus.transport.framing import EVERYTHING, Framing
from telemetryd.core.limits import STREAM_BYTES

if TYPE_CHECKING:
    import io
    from collections.abc import Callable

    from telemetryd.bus.transport.framing import Removed, WantedMessages

_CHUNK_BYTES, _LARGE_BYTES = 8192, 256 * 1024
_SMALL_BYTES = 4096
"""Most bytes per read outside a long message while calls take long: all calls in them are handled. Smaller reads cost a call more."""
_receive = socket.socket.recv
"""Called with the socket, for what would be `super().recv`: making an object of `super` for each read takes as long as three calls."""
_DESCRIPTORS_SPACE = socket.CMSG_SPACE(253 * array.array("i").itemsize)  # SCM_MAX_FD: the kernel gives no more at a time


class ListenerFullError(OSError):
    """The bus's queue of new connections is full: try again.

    It is not a BlockingIOError: asyncio takes that for a connection in progress, which does not exist for Unix sockets.
    """


class BusSocket(socket.socket):
    """A socket that returns no more than a budget, no message that is too long or unwanted, and no descriptor.

    After the budget it seems empty, and the library's reader returns. `dial` connects it before the library gets it.
    """

    def __init__(self, on_removed: Callable[[Removed], None], wanted: WantedMessages = EVERYTHING, *, descriptors: bool) -> None:
        super().__init__(socket.AF_UNIX, socket.SOCK_STREAM)
        self.settimeout(0)
        self._framing = Framing(on_removed, wanted, descriptors=descriptors)
        self.budget_bytes = sys.maxsize
        self._is_drained = False
        self._ready = b""
        """Bytes for the library that it has not requested yet."""
        self._streams: list[Any] = []
        self.is_wary = False
        """Whether calls take long, so that little is read at a time."""
        self.deadline = inf
        """The time (perf_counter) after which the library gets nothing more in this batch."""
        self._provided: bytes | None = None
        """Bytes for the library in place of those from the kernel. None: it reads from the kernel."""

    def dial(self, address: bytes) -> None:
        """Connect without waiting. Raises ListenerFullError, or another OSError."""
        try:
            super().connect(address)
        except BlockingIOError as error:
            raise ListenerFullError(error.errno, error.strerror) from error

    def connect(self, address: Any) -> None:
        """Do nothing: the library connects the socket that it believes to have made, but `dial` did that."""

    def makefile(self, *arguments: Any, **options: Any) -> io.BufferedRWPair:  # type: ignore[override]  # both ask for "rwb"
        """The stream that the library reads from. It is closed with the socket."""
        stream: Any = super().makefile(*arguments, **options)
        self._streams.append(stream)
        return stream  # type: ignore[no-any-return]  # Any, or its kind would depend on the arguments

    def recv(self, bufsize: int, flags: int = 0) -> bytes:
        """The read of dbus-fast, and of both while they authenticate. It raises at the end of the file: dbus-next would wait for ever."""
        if self._provided is not None:
            return self._take_provided(sys.maxsize)
        while True:
            if self.budget_bytes <= 0 or perf_counter() > self.deadline:
                self._raise_blocked()
            data = _receive(self, _SMALL_BYTES if self.is_wary and self._framing.owed < _SMALL_BYTES else bufsize, flags)
            if not data:
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self.budget_bytes -= len(data)
            if taken := self._framing.take(data):
                return taken

    def recv_into(self, buffer: Any, nbytes: int = 0, flags: int = 0) -> int | None:  # type: ignore[override]  # see below
        """The read of dbus-next, through its stream. None means that there is nothing.

        dbus-next reads until there is nothing. A short read shows that already, so the next read does not ask the kernel: that would cost a
        twentieth of a call.
        """
        size_limit = nbytes or len(buffer)
        if self._provided is not None:
            taken = self._take_provided(size_limit)
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
                self._raise_blocked()
            size = min(size_limit, _SMALL_BYTES) if self.is_wary and self._framing.owed < _SMALL_BYTES else size_limit
            data = _receive(self, size, flags)
            if not data:
                return 0
            self._is_drained = len(data) < size
            self.budget_bytes -= len(data)
            taken = self._framing.take(data)
        if len(taken) > size_limit:  # it includes a beginning of a header that was held before
            taken, self._ready = taken[:size_limit], taken[size_limit:]
        buffer[: len(taken)] = taken
        return len(taken)

    def recvmsg(self, bufsize: int, _ancbufsize: int = 0, flags: int = 0) -> tuple[bytes, list[Any], int, None]:
        """The read of both libraries if descriptors are negotiated. It never returns descriptors: `share` does."""
        if not self._ready:
            self._ready = self._receive(flags)
        data, self._ready = self._ready[:bufsize], self._ready[bufsize:]
        return data, [], 0, None

    def receive(self, most_bytes: int) -> bytes | None:
        """Received bytes, for us and not for the library. b"" if there are none, None at the end of the file."""
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

    def has_unread(self, size: int) -> bool:
        """Whether so many bytes have arrived that nobody has read."""
        try:
            return len(super().recv(size, socket.MSG_PEEK)) == size
        except OSError:
            return False

    @property
    def owed_bytes(self) -> int:
        """Missing bytes of a message that the library has in part."""
        return self._framing.owed

    def give(self, data: bytes) -> None:
        """Give these bytes to the library, and none from the kernel until `read_again`."""
        self._provided = data

    def read_again(self) -> None:
        """Let the library read from the kernel."""
        self._provided, self._framing.is_weighing = None, True

    def _take_provided(self, most_bytes: int) -> bytes:
        provided = self._provided or b""
        if not provided:
            self._raise_blocked()
        self._provided = provided[most_bytes:]
        return provided[:most_bytes]

    def share(self) -> list[int]:
        """The descriptors of the next message that the library hands over. The caller closes them. A child process inherits none."""
        return self._framing.share()

    def cut(self) -> None:
        """End the connection: from now on the library's reader finds it lost, even if bytes have arrived."""
        self.budget_bytes = -sys.maxsize
        self._ready, self._provided, self._is_drained = b"", None, False

    def close_all(self) -> None:
        """Close the socket, its streams and every descriptor that was not taken."""
        for stream in self._streams:
            with contextlib.suppress(OSError, ValueError):
                stream.close()
        self.close()
        self._framing.close()

    def _receive(self, flags: int) -> bytes:
        """Receive the next bytes, with their descriptors. b"" at the end of the file."""
        while True:
            if self.budget_bytes <= 0 or perf_counter() > self.deadline:
                self._raise_blocked()
            size = min(self._framing.passing_over, STREAM_BYTES) or _CHUNK_BYTES
            data, ancillary, *_ = super().recvmsg(size, _DESCRIPTORS_SPACE, flags | socket.MSG_CMSG_CLOEXEC)
            self.budget_bytes -= len(data)
            self._framing.arrive(_descriptors(ancillary))
            if not data or (taken := self._framing.take(data)):
                return data and taken

    def _raise_blocked(self) -> None:
        is_cut = self.budget_bytes == -sys.maxsize
        raise ConnectionAbortedError(errno.ECONNABORTED, "closed") if is_cut else BlockingIOError(errno.EAGAIN, "budget")


def _descriptors(ancillary: list[tuple[int, int, bytes]]) -> array.array[int]:
    received = array.array("i")
    for level, kind, data in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            received.frombytes(data[: len(data) - len(data) % received.itemsize])
    return received
