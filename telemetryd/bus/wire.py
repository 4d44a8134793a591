"""The library's connection, made with a socket of ours and read when we say so.

Every private part of a library that telemetryd touches is touched here, but for `Message._marshall` (output.py): each has its reason
beside it and a test in tests/bus/test_library.py that names it when an upgrade moves it.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

from telemetryd.bus.edge_socket import EdgeSocket, ListenerFullError
from telemetryd.bus.library import NAME, Message, MessageBus
from telemetryd.core.limits import BUS_RETRY_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.bus.framing import Oversized


class EdgeBus(MessageBus):
    """The library's connection on an EdgeSocket. Each library calls one of the two methods.

    Private: `MessageBus._create_socket_for_transport` (dbus-fast), `MessageBus._setup_socket` with `_bus_address`, `_sock`, `_stream`
    and `_fd` (dbus-next): the libraries offer no way to bring a socket along, and reading can be bounded only there.

    Private: `MessageBus._create_unmarshaller`, and `readers` of `_unmarshaller` (dbus-next). What has read one message refers to itself
    through these, and would hold the message, values and all, until the collector finds it.
    """

    edge_socket: EdgeSocket | None = None

    def __init__(self, address: str | None, on_oversized: Callable[[Oversized], None], *, descriptors: bool) -> None:
        self._on_oversized = on_oversized
        super().__init__(address, negotiate_unix_fd=descriptors)

    def _create_socket_for_transport(self, transport: str, options: dict[str, str]) -> Any:  # type: ignore[override]  # static there
        address = _unix_address(transport, options)
        self.edge_socket = EdgeSocket(self._on_oversized)
        return self.edge_socket, self.edge_socket.stream, address

    def _setup_socket(self) -> None:
        failure: OSError | None = None
        for transport, options in self._bus_address:
            address = _unix_address(transport, options)
            edge_socket = EdgeSocket(self._on_oversized)
            try:
                edge_socket.connect(address)
            except OSError as error:
                edge_socket.close_all()
                failure = error
            else:
                self.edge_socket = self._sock = edge_socket
                self._stream, self._fd = edge_socket.stream, edge_socket.fileno()
                return
        raise failure or ConnectionError("the address of the bus is empty")

    def _create_unmarshaller(self) -> Any:
        """The next message's; the one before has been handed over."""
        done = getattr(self, "_unmarshaller", None)
        if done is not None:
            done.readers.clear()
        return super()._create_unmarshaller()  # type: ignore[misc]  # dbus-fast has none


class LoopFacade:
    """The event loop as the library sees it: the reader that it registers is kept here, and ours is registered instead."""

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


class Wire:
    """One connection to the bus. `on_message` gets every message and says whether it was for it; `on_oversized` hears of longer ones."""

    def __init__(self, on_message: Callable[[Message], bool], on_oversized: Callable[[Oversized], None]) -> None:
        self._on_message = on_message
        self._on_oversized = on_oversized
        self._facade: LoopFacade | None = None
        self._bus: EdgeBus | None = None
        self._fd = -1
        self.unique_name = ""

    async def connect(self, address: str | None, on_readable: Callable[[], None], *, descriptors: bool) -> None:
        """Connect and say Hello; waits while the bus cannot take another connection. Raises whatever the library raises.

        From the first reply on the loop calls `on_readable`, which is to call `read`.
        """
        self._facade = LoopFacade(on_readable)
        while True:
            try:
                await self._connect(address, self._facade, descriptors=descriptors)
            except ListenerFullError:
                await asyncio.sleep(BUS_RETRY_S)
            else:
                return

    async def _connect(self, address: str | None, facade: LoopFacade, *, descriptors: bool) -> None:
        self._bus = bus = EdgeBus(address, self._on_oversized, descriptors=descriptors)
        # Private: `MessageBus._loop`. The reader that the library registers there is the only way to run it for one batch and no longer.
        bus._loop = facade  # type: ignore[assignment]  # noqa: SLF001 - see above
        bus.add_message_handler(self._on_message)
        await bus.connect()
        if bus.edge_socket is None or facade.read is None:
            raise ConnectionError(f"this version of {NAME} is not one that telemetryd can use")
        self._fd = bus.edge_socket.fileno()
        self.unique_name = str(bus.unique_name)

    @property
    def is_open(self) -> bool:
        """Whether the connection is usable, as far as the library knows."""
        return self._bus is not None and self._bus.connected

    @property
    def socket(self) -> EdgeSocket:
        """The socket to write to."""
        if self._bus is None or self._bus.edge_socket is None:
            raise ConnectionError("not connected")
        return self._bus.edge_socket

    @property
    def fd(self) -> int:
        """The socket's number, also when the library has closed it."""
        return self._fd

    def read(self, budget_bytes: int) -> None:
        """Run the library's reader on at most this much (and up to one buffer of 8 KiB more); it calls `on_message` for each message."""
        self.socket.budget_bytes = budget_bytes
        self._run_reader()

    def stop_reading(self) -> None:
        """Receive no more in the batch that is being read: what the library has already is still handled."""
        self.socket.budget_bytes = 0

    def close(self) -> None:
        """Close everything; the library notices by its reader, as it would if the bus had gone."""
        if self._bus is None or self._bus.edge_socket is None:
            return
        fd = self._fd if self._fd >= 0 else self._bus.edge_socket.fileno()  # the latter if connecting failed
        if fd >= 0:
            loop = asyncio.get_running_loop()
            loop.remove_reader(fd)
            loop.remove_writer(fd)
        self._bus.edge_socket.cut()
        self._run_reader()
        _take_result(self._bus)
        self._bus.edge_socket.close_all()

    def _run_reader(self) -> None:
        if self._facade is not None and self._facade.read is not None:
            self._facade.read()


def _take_result(bus: MessageBus) -> None:
    """Take the exception with which the library ends, or asyncio reports it as never retrieved. It is there already: nothing is awaited."""
    with contextlib.suppress(Exception):
        bus.wait_for_disconnect().send(None)  # type: ignore[no-untyped-call]  # not annotated there


def _unix_address(transport: str, options: dict[str, str]) -> str | bytes:
    """What to connect to. A session bus is a Unix socket: over TCP nobody would know who calls."""
    if transport != "unix" or not ("path" in options or "abstract" in options):
        raise ConnectionError("the session bus has an address of a kind that is not supported: expected unix:path or unix:abstract")
    return options["path"] if "path" in options else b"\0" + options["abstract"].encode()
