"""The library's connection, made with a socket of ours and read when we say so.

Every private part of a library that telemetryd touches is touched here, but for `Message._marshall` (output.py): each has its reason
beside it and a test in tests/bus/test_library.py that names it when an upgrade moves it.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Any

from telemetryd.bus.transport.library import Message, MessageBus
from telemetryd.bus.transport.socket import EdgeSocket, ListenerFullError
from telemetryd.core.limits import BUS_RETRY_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from telemetryd.bus.transport.framing import Oversized

_SOMEWHERE = "unix:path=/"
"""What a library is told as the address: it gets a socket that is connected."""
_HUNG_UP = EOFError, OSError
"""What a library, or our socket, raises where the other side is gone."""


class EdgeBus(MessageBus):
    """The library's connection.

    Private: `MessageBus._create_unmarshaller`, and `readers` of `_unmarshaller` (dbus-next). What has read one message refers to itself
    through these, and would hold the message, values and all, until the collector finds it.
    """

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


class _Sockets:
    """The module `socket` as the library sees it: whatever socket it makes is the one that is there already."""

    def __init__(self, ready: EdgeSocket) -> None:
        self._ready = ready

    def __getattr__(self, name: str) -> Any:
        return getattr(socket, name)

    def socket(self, *_: Any) -> EdgeSocket:
        """The socket that is there already."""
        return self._ready


@contextlib.contextmanager
def given(ready: EdgeSocket) -> Iterator[None]:
    """Within the block a library that makes a socket gets this one.

    Private: the name `socket` in the module of MessageBus's base class, in every version of either library. They offer no way to bring a
    socket along, and reading can be bounded only there. It is used before the library waits for anything: no other task comes between.
    """
    module: Any = sys.modules[MessageBus.__mro__[1].__module__]
    module.socket = _Sockets(ready)
    try:
        yield
    finally:
        module.socket = socket


class Wire:
    """One connection to the bus. `on_message` gets every message and says whether it was for it; `on_oversized` hears of longer ones."""

    def __init__(self, on_message: Callable[[Message], bool], on_oversized: Callable[[Oversized], None]) -> None:
        self._on_message = on_message
        self._on_oversized = on_oversized
        self._facade: LoopFacade | None = None
        self._bus: EdgeBus | None = None
        self._socket: EdgeSocket | None = None
        self._fd = -1
        self._patience = asyncio.timeout(None)
        self.unique_name = ""
        self.fault: Exception | None = None
        """What ended the connection, if the other side did not: something that cannot be read."""

    async def connect(self, addresses: Sequence[bytes], on_readable: Callable[[], None], *, descriptors: bool) -> None:
        """Connect to the first that is there and say Hello; waits while the bus cannot take another connection. Raises any exception.

        From the first reply on the loop calls `on_readable`, which is to call `read`.
        """
        self._socket = await self._dial(addresses, descriptors=descriptors)
        self._fd = self._socket.fileno()
        self._facade = facade = LoopFacade(on_readable)
        with given(self._socket):
            self._bus = bus = EdgeBus(_SOMEWHERE, negotiate_unix_fd=descriptors)
        # Private: `MessageBus._loop`. The reader that the library registers there is the only way to run it for one batch and no longer.
        bus._loop = facade  # type: ignore[assignment]  # noqa: SLF001 - see above
        bus.add_message_handler(self._hand_over if descriptors else self._on_message)
        try:
            async with self._patience:
                with given(self._socket):
                    await bus.connect()
        except TimeoutError:
            raise self.fault or ConnectionError from None
        if facade.read is None or bus.unique_name is None:
            raise ConnectionError("the D-Bus library is not one that telemetryd can use")
        self.unique_name = bus.unique_name

    async def _dial(self, addresses: Sequence[bytes], *, descriptors: bool) -> EdgeSocket:
        failure: OSError | None = None
        while True:
            for address in addresses:
                made = EdgeSocket(self._on_oversized, descriptors=descriptors)
                try:
                    made.dial(address)
                except OSError as error:
                    made.close_all()
                    failure = error
                    if isinstance(error, ListenerFullError):
                        await asyncio.sleep(BUS_RETRY_S)
                        break
                else:
                    return made
            else:
                raise failure or ConnectionError("there is no address of the session bus")

    @property
    def is_open(self) -> bool:
        """Whether the connection is usable, as far as anyone knows."""
        return self.fault is None and self._bus is not None and self._bus.connected

    @property
    def socket(self) -> EdgeSocket:
        """The socket to write to."""
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket

    @property
    def fd(self) -> int:
        """The socket's number, also when the library has closed it."""
        return self._fd

    def read(self, budget_bytes: int, deadline: float = inf) -> None:
        """Run the library's reader on at most this much (and up to one buffer of 8 KiB more); it calls `on_message` for each message.

        Raises nothing: what the reader raises ends the connection, or the loop would call it again at once, and for ever.
        """
        self.socket.budget_bytes, self.socket.deadline = budget_bytes, deadline
        self._run_reader_safely()

    def receive(self, most_bytes: int) -> bytes | None:
        """What has come, for us instead of the library: b"" if nothing is there, None at the end of the file.

        A fault in it ends the connection, as in `read`.
        """
        try:
            return self.socket.receive(most_bytes)
        except (ValueError, LookupError) as failure:
            self._break(failure)
            return b""

    def hand_over(self, data: bytes) -> None:
        """Let the library have these bytes and nothing that comes; otherwise as `read`."""
        self.socket.give(data)
        self._run_reader_safely()

    def stop_reading(self) -> None:
        """Receive no more in the batch that is being read: what the library has already is still handled."""
        self.socket.budget_bytes = 0

    def close(self) -> None:
        """Close everything; a library that has connected notices by its reader, as it would if the bus had gone."""
        if self._socket is None:
            return
        if self._socket.fileno() >= 0:
            self._stop_watching()
        self._socket.cut()
        if self.unique_name:
            with contextlib.suppress(Exception):
                self._run_reader()
        failure = _end_of(self._bus) if self._bus is not None else None
        if not isinstance(failure, _HUNG_UP):
            self.fault = self.fault or failure
        self._socket.close_all()

    def _hand_over(self, message: Message) -> bool:
        """A message with the descriptors that came with it; what the library takes for its own is nobody's."""
        message.unix_fds = self.socket.share()
        return self._on_message(message)

    def _break(self, failure: Exception) -> None:
        """The library's reader has failed. Whoever waits for the connection does not wait longer."""
        self.fault = self.fault or failure
        self._stop_watching()
        if not self.unique_name:
            self._patience.reschedule(asyncio.get_running_loop().time())

    def _stop_watching(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._fd)
        loop.remove_writer(self._fd)

    def _run_reader_safely(self) -> None:
        try:
            self._run_reader()
        except Exception as failure:  # noqa: BLE001 - an edge: any exception of the library's
            self._break(failure)

    def _run_reader(self) -> None:
        if self._facade is not None and self._facade.read is not None:
            self._facade.read()


def _end_of(bus: MessageBus) -> Exception | None:
    """The exception with which the library ended, or asyncio reports it as never retrieved. It is there already: nothing is awaited."""
    try:
        bus.wait_for_disconnect().send(None)  # type: ignore[no-untyped-call]  # not annotated there
    except StopIteration:
        return None
    except Exception as failure:  # noqa: BLE001 - whatever the library ended with
        return failure
    return None
