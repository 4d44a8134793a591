"""The output of one connection: bytes in order, descriptors with the first byte of their message, one send for all messages.

The libraries' own writers fail at the first full socket (`BlockingIOError` finalizes the connection), and use a system call and a future
for each message. Here the rest is sent later.
"""

from __future__ import annotations

import array
import os
import socket
from collections import deque
from typing import TYPE_CHECKING

from telemetryd.bus.transport.library import Message, MessageType
from telemetryd.core.limits import REPLY_TEMPLATES
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_SERIAL_AT = 8  # in every message: one byte each for endianness, type, flags and version, four for the body's length, then the serial
_MARK = 0x01020304


def marshalled(message: Message, *, descriptors: bool = False) -> bytearray:
    """The bytes of a message.

    Private: `Message._marshall`. Neither library has a public function for them, and one write for many messages needs them.
    """
    return message._marshall(descriptors)  # noqa: SLF001 - see above


class _Chunk(NamedTuple):
    """Bytes, and our duplicates of the descriptors that are sent with the first byte."""

    data: bytearray
    descriptors: list[int]


class Output:
    """The unwritten output: messages from the first one with descriptors on are in chunks, all before it are in one piece.

    Replies have no descriptors, so a write is mostly that one piece.
    """

    def __init__(self) -> None:
        self._plain = bytearray()
        self._chunks: deque[_Chunk] = deque()

    @property
    def size_bytes(self) -> int:
        """Unwritten bytes."""
        return len(self._plain) + sum(len(chunk.data) for chunk in self._chunks)

    def add(self, data: bytes | bytearray, descriptors: Sequence[int] = ()) -> None:
        """Append one message. Descriptors are duplicated, so the caller may close its own at once."""
        if descriptors:
            self._chunks.append(_Chunk(bytearray(data), [os.dup(descriptor) for descriptor in descriptors]))
        elif self._chunks:
            self._chunks[-1].data.extend(data)
        else:
            self._plain += data

    def write(self, connection: socket.socket) -> bool:
        """Write as much as the socket takes. True if that was everything. Raises OSError if the peer has gone."""
        plain = self._plain
        try:
            while plain:
                del plain[: connection.send(plain)]
            while self._chunks:
                self._write_chunk(connection, self._chunks[0])
        except BlockingIOError:
            return False
        return True

    def _write_chunk(self, connection: socket.socket, chunk: _Chunk) -> None:
        """Write a part of the first chunk."""
        sent = _send_with_descriptors(connection, chunk) if chunk.descriptors else connection.send(chunk.data)
        _close(chunk)
        del chunk.data[:sent]
        if not chunk.data:
            self._chunks.popleft()

    def discard(self) -> None:
        """Drop everything, and close the duplicates."""
        self._plain.clear()
        for chunk in self._chunks:
            _close(chunk)
        self._chunks.clear()


class ReplyTemplates:
    """Makes replies that are always the same from bytes: only two serials differ between those to one caller.

    They are empty, as most replies are, or the error `error_name` with a text.
    """

    def __init__(self, error_name: str | None = None, text: str = "") -> None:
        self._error_name, self._text = error_name, text
        self._parts: dict[str, tuple[bytes, bytes, bytes]] = {}

    def reply(self, destination: str, serial: int, reply_serial: int) -> bytes:
        """The bytes of one reply."""
        start, middle, end = self._parts.get(destination) or self._prepare(destination)
        return b"%b%b%b%b%b" % (start, serial.to_bytes(4, "little"), middle, reply_serial.to_bytes(4, "little"), end)

    def _prepare(self, destination: str) -> tuple[bytes, bytes, bytes]:
        message = Message(message_type=MessageType.METHOD_RETURN, destination=destination, reply_serial=_MARK, serial=1)
        if self._error_name is not None:
            message.message_type, message.error_name = MessageType.ERROR, self._error_name
            message.signature, message.body = "s", [self._text]
        data = bytes(marshalled(message))
        mark = data.index(_MARK.to_bytes(4, "little"))  # both libraries write little-endian on every machine
        if len(self._parts) >= REPLY_TEMPLATES:
            self._parts.clear()
        parts = data[:_SERIAL_AT], data[_SERIAL_AT + 4 : mark], data[mark + 4 :]
        self._parts[destination] = parts
        return parts


def _send_with_descriptors(connection: socket.socket, chunk: _Chunk) -> int:
    return connection.sendmsg([chunk.data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", chunk.descriptors))])


def _close(chunk: _Chunk) -> None:
    for descriptor in chunk.descriptors:
        os.close(descriptor)
    chunk.descriptors.clear()
