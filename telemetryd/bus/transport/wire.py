"""The library's connection, with our own socket. It reads when we run its reader.

Every private part of a library that telemetryd uses is used here, except `Message._marshall` (output.py). Each has its reason beside it,
its name in private_parts.py, and a test in tests/bus/transport/test_library.py that names it when an upgrade moves it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from telemetryd.bus.transport.library import SIGNATURE_CACHE, Message, MessageBus, moved_error
from telemetryd.bus.transport.private_parts import LOOP, SOCKET
from telemetryd.bus.transport.socket import BusSocket, ListenerFullError
from telemetryd.core.limits import BUS_RETRY_S, SIGNATURES_MAX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from telemetryd.bus.transport.framing import Removed, WantedMessages

_ANY_ADDRESS = "unix:path=/"
"""The address for the library, which it does not use: its socket is connected already."""
_DISCONNECTED = EOFError, OSError
"""Exceptions of a library or our socket if the other side has gone."""


class WireBus(MessageBus):
    """The library's connection.

    Private: `MessageBus._create_unmarshaller`, and `readers` of `_unmarshaller` (dbus-next). An unmarshaller refers to itself through
    `readers`, so it and its message would stay in memory until the garbage collector finds them.
    """

    def _create_unmarshaller(self) -> Any:
        """Create the next message's unmarshaller, and break the cycle of the previous one, whose message is handed over."""
        previous = getattr(self, "_unmarshaller", None)
        if previous is not None:
            previous.readers.clear()
        return super()._create_unmarshaller()  # type: ignore[misc]  # dbus-fast has none


class LoopFacade:
    """The event loop for the library. It keeps the reader that the library registers, and registers ours instead."""

    def __init__(self, on_readable: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_readable = on_readable
        self.read: Callable[[], None] | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def add_reader(self, fd: int, callback: Callable[..., None], *arguments: Any) -> None:
        """Keep the library's reader."""
        self.read = partial(callback, *arguments) if arguments else callback
        self._loop.add_reader(fd, self._on_readable)


class _Sockets:
    """The module `socket` for the library: each socket that it creates is the one that is connected already."""

    def __init__(self, ready: BusSocket) -> None:
        self._ready = ready
        self.is_taken = False
        """Whether the library took the socket."""

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    def socket(self, *_: Any) -> BusSocket:
        """The connected socket."""
        self.is_taken = True
        return self._ready


@contextlib.contextmanager
def provided_socket(sockets: _Sockets) -> Iterator[None]:
    """Within the block, a library that creates a socket gets the connected one. Raises UnusableLibraryError if it fails without it.

    Private: the name `socket` in the module of MessageBus's base class, in every version of both libraries. They accept no socket, and only
    the socket can bound reading. The library creates it before it waits for anything, so no other task can get it.
    """
    module: Any = sys.modules[MessageBus.__mro__[1].__module__]
    module.socket = sockets
    try:
        yield
    except Exception:
        if not sockets.is_taken:  # the library created one of its own, which cannot connect to `_ANY_ADDRESS`
            raise moved_error(SOCKET) from None
        raise
    finally:
        module.socket = socket


class Wire:
    """One connection to the bus. `on_message` gets every message, and says whether it handled it.

    Only `wanted` messages reach it. `on_removed` gets the calls that do not (see `Framing`).
    """

    def __init__(self, on_message: Callable[[Message], bool], on_removed: Callable[[Removed], None], wanted: WantedMessages) -> None:
        self._on_message = on_message
        self._on_removed, self._wanted = on_removed, wanted
        self._facade: LoopFacade | None = None
        self._bus: WireBus | None = None
        self._socket: BusSocket | None = None
        self._fd = -1
        self._connect_timeout = asyncio.timeout(None)
        self.unique_name = ""
        self.fault: Exception | None = None
        """The exception that ended the connection, if the input could not be read. None if the other side ended it."""

    async def connect(self, addresses: Sequence[bytes], on_readable: Callable[[], None], *, descriptors: bool) -> None:
        """Connect to the first address that works, and say Hello. Waits while the bus's queue of connections is full. Raises any exception.

        UnusableLibraryError says that the library does not work as telemetryd uses it. From the first reply on the loop calls
        `on_readable`, which must call `read`.
        """
        self._socket = await self._dial(addresses, descriptors=descriptors)
        self._fd = self._socket.fileno()
        self._facade = facade = LoopFacade(on_readable)
        sockets = _Sockets(self._socket)
        with provided_socket(sockets):
            self._bus = bus = WireBus(_ANY_ADDRESS, negotiate_unix_fd=descriptors)
        # Private: `MessageBus._loop`. The reader that the library registers there is the only way to run it for one batch and no longer.
        bus._loop = facade  # type: ignore[assignment]  # noqa: SLF001 - see above
        bus.add_message_handler(self._hand_over if descriptors else self._on_message)
        try:
            async with self._connect_timeout:
                with provided_socket(sockets):
                    await bus.connect()
        except TimeoutError:
            raise self.fault or ConnectionError from None
        if facade.read is None:
            raise moved_error(LOOP)
        if bus.unique_name is None:
            raise ConnectionError("the bus gave no name")
        self.unique_name = bus.unique_name

    async def _dial(self, addresses: Sequence[bytes], *, descriptors: bool) -> BusSocket:
        failure: OSError | None = None
        while True:
            for address in addresses:
                candidate = BusSocket(self._on_removed, self._wanted, descriptors=descriptors)
                try:
                    candidate.dial(address)
                except OSError as error:
                    candidate.close_all()
                    failure = error
                    if isinstance(error, ListenerFullError):
                        await asyncio.sleep(BUS_RETRY_S)
                        break
                else:
                    return candidate
            else:
                raise failure or ConnectionError("there is no address of the session bus")

    @property
    def is_open(self) -> bool:
        """Whether the connection is usable, as far as is known."""
        return self.fault is None and self._bus is not None and self._bus.connected

    @property
    def socket(self) -> BusSocket:
        """The socket to write to."""
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket

    @property
    def fd(self) -> int:
        """The socket's descriptor, even after the library has closed it."""
        return self._fd

    def read(self, budget_bytes: int, deadline: float = inf, *, is_wary: bool = False) -> None:
        """Run the library's reader, which calls `on_message`, on at most this many bytes and one buffer of 8 KiB more.

        With `is_wary`, because calls take long, little is read at a time.

        It never raises. An exception of the reader ends the connection: else the loop would call it again at once, for ever.
        """
        connection = self.socket
        connection.budget_bytes, connection.deadline, connection.is_wary = budget_bytes, deadline, is_wary
        self._run_reader_safely()

    def receive(self, most_bytes: int) -> bytes | None:
        """Received bytes, for us and not for the library. b"" if there are none, None at the end of the file.

        A malformed message ends the connection, as in `read`.
        """
        try:
            return self.socket.receive(most_bytes)
        except (ValueError, LookupError) as failure:
            self._fail(failure)
            return b""

    def hand_over(self, data: bytes) -> None:
        """Run the library's reader on these bytes, and none from the kernel. Else as `read`."""
        self.socket.give(data)
        self._run_reader_safely()

    def stop_reading(self) -> None:
        """Receive no more in the running batch. Messages that the library has already are still handled."""
        self.socket.budget_bytes = 0

    def close(self) -> None:
        """Close everything. A connected library notices it by its reader, as if the bus had gone."""
        if self._socket is None:
            return
        if self._socket.fileno() >= 0:
            self._stop_watching()
        self._socket.cut()
        if self.unique_name and self._facade is not None and self._facade.read is not None:
            with contextlib.suppress(Exception):
                self._facade.read()
        failure = _disconnect_error(self._bus) if self._bus is not None else None
        if not isinstance(failure, _DISCONNECTED):
            self.fault = self.fault or failure
        self._socket.close_all()

    def _hand_over(self, message: Message) -> bool:
        """Hand over a message with its descriptors. They come from our socket, because the library never gets any."""
        message.unix_fds = self.socket.share()
        return self._on_message(message)

    def _fail(self, failure: Exception) -> None:
        """End the connection after a failure of the library's reader. A waiting `connect` returns at once."""
        self.fault = self.fault or failure
        self._stop_watching()
        if not self.unique_name:
            self._connect_timeout.reschedule(asyncio.get_running_loop().time())

    def _stop_watching(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)

    def _run_reader_safely(self) -> None:
        try:
            if self._facade is not None and self._facade.read is not None:
                self._facade.read()
        except Exception as failure:  # noqa: BLE001 - an edge: any exception of the library's
            self._fail(failure)
        # Private: the library's cache of signatures. Callers choose the signatures of their variants, and each would stay.
        if SIGNATURE_CACHE.size() > SIGNATURES_MAX:
            SIGNATURE_CACHE.clear()


def _disconnect_error(bus: MessageBus) -> Exception | None:
    """The exception with which the library ended. Nothing is awaited: it is set already. Unretrieved, asyncio would report it."""
    try:
        bus.wait_for_disconnect().send(None)  # type: ignore[no-untyped-call]  # not annotated there
    except StopIteration:
        return None
    except Exception as failure:  # noqa: BLE001 - whatever the library ended with
        return failure
    return None
