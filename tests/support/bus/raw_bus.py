"""A D-Bus client of the tests' own, on a blocking socket: it shares no code with what it tests, and does nothing unless told.

It reads and writes whole messages, knows only what a header holds, and takes bodies and whole messages as bytes.
"""

import array
import os
import socket
import struct
from typing import NamedTuple

CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, UNIX_FDS = range(1, 10)
SERIAL = 0
"""Where a message's own serial is put among its fields."""
NO_REPLY = 1
_SIZE = struct.Struct("<I")
_BUS = "org.freedesktop.DBus"


class Received(NamedTuple):
    """A message."""

    kind: int
    fields: dict[int, object]
    body: bytes
    descriptors: list[int]

    @property
    def text(self) -> str:
        """The string with which the body begins."""
        return string_of(self.body, 0)[0]


class Peer:
    """One end of a connection that is authenticated; the other need not be a bus."""

    def __init__(self, connection: socket.socket, *, descriptors: bool = False) -> None:
        self.socket = connection
        self._buffer = bytearray()
        self._descriptors = []
        self._serial = 0
        identity = str(os.getuid()).encode().hex().encode()
        try:
            self._authenticate(b"\0AUTH EXTERNAL " + identity + b"\r\n", b"OK")
            if descriptors:
                self._authenticate(b"NEGOTIATE_UNIX_FD\r\n", b"AGREE_UNIX_FD")
            self.socket.sendall(b"BEGIN\r\n")
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Leave."""
        self.socket.close()

    def call(
        self, destination, member, *, interface="org.example.Edge", path="/org/example/Edge", signature="", body=b"", descriptors=0, **other
    ) -> bytes:
        """The bytes of a call, with the next serial."""
        fields = {PATH: path, INTERFACE: interface, MEMBER: member, DESTINATION: destination, SIGNATURE: signature, UNIX_FDS: descriptors}
        return self.message(CALL, fields, body, **other)

    def message(self, kind, fields, body=b"", *, flags=0, order="<") -> bytes:
        """The bytes of any message, with the next serial; fields may be of kinds that do not exist."""
        self._serial += 1
        data = bytearray()
        for code, value in fields.items():
            if value:
                data += bytes(-len(data) % 8) + _field(code, value, order)
        head = struct.pack(order + "BBBBIII", ord("l" if order == "<" else "B"), kind, flags, 1, len(body), self._serial, len(data))
        return head + data + bytes(-len(data) % 8) + body

    def send(self, data: bytes) -> None:
        """Send everything, waiting for the bus."""
        self.socket.sendall(data)

    def send_with_descriptors(self, data: bytes, descriptors: list[int]) -> None:
        """Send one small message."""
        socket.send_fds(self.socket, [data], descriptors)

    def read(self) -> Received:
        """The next message."""
        self._fill(16)
        body_size, _, fields_size = struct.unpack_from("<III", self._buffer, 4)
        start = 16 + fields_size + -fields_size % 8
        self._fill(start + body_size)
        fields = {SERIAL: _SIZE.unpack_from(self._buffer, 8)[0], **_fields(self._buffer, 16 + fields_size)}
        count = fields.get(UNIX_FDS, 0)
        message = Received(self._buffer[1], fields, bytes(self._buffer[start : start + body_size]), self._descriptors[:count])
        del self._buffer[: start + body_size], self._descriptors[:count]
        return message

    def read_until(self, *kinds: int) -> Received:
        """The next message of one of these kinds."""
        while True:
            message = self.read()
            if message.kind in kinds:
                return message

    def ask(self, *arguments, **other) -> Received:
        """The reply to a call."""
        self.send(self.call(*arguments, **other))
        serial = self._serial
        while True:
            message = self.read_until(RETURN, ERROR)
            if message.fields[REPLY_SERIAL] == serial:
                return message

    def _fill(self, size: int) -> None:
        while len(self._buffer) < size:
            data, ancillary, *_ = self.socket.recvmsg(1 << 18, socket.CMSG_SPACE(1024))
            if not data:
                raise EOFError
            self._buffer += data
            for _, _, descriptors in ancillary:
                self._descriptors += array.array("i", descriptors)

    def _authenticate(self, line: bytes, expected: bytes) -> None:
        self.socket.sendall(line)
        answer = bytearray()
        while not answer.endswith(b"\r\n"):
            answer += self.socket.recv(1)
        assert answer.startswith(expected), answer


class RawBus(Peer):
    """A connection to a bus."""

    def __init__(self, address: str, *, descriptors: bool = False) -> None:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(60)
        connection.connect(address.partition("path=")[2].partition(",")[0])
        super().__init__(connection, descriptors=descriptors)
        self.send(self.call(_BUS, "Hello", interface=_BUS, path="/org/freedesktop/DBus"))
        self.unique_name = self.read_until(RETURN).text


class Messages:
    """Cuts a stream of little-endian messages into whole ones, each with its descriptors; before them come the lines of the greeting."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._descriptors = []
        self._is_greeting = True

    def feed(self, data: bytes, ancillary: list) -> list[tuple[bytes, list[int]]]:
        """What is whole now."""
        self._buffer += data
        for _, _, descriptors in ancillary:
            self._descriptors += array.array("i", descriptors)
        found = []
        while piece := self._piece():
            count = header_of(piece).get(UNIX_FDS, 0) if piece[:1] == b"l" else 0
            found.append((piece, self._descriptors[:count]))
            del self._descriptors[:count]
        return found

    def _piece(self) -> bytes:
        if self._is_greeting:
            line, end, _ = bytes(self._buffer).partition(b"\r\n")
            self._is_greeting = line != b"BEGIN" and line[:1] != b"l"
            if line[:1] != b"l":
                del self._buffer[: len(line + end) * bool(end)]
                return (line + end) * bool(end)
        if len(self._buffer) < 16:
            return b""
        body_size, _, fields_size = struct.unpack_from("<III", self._buffer, 4)
        size = 16 + fields_size + -fields_size % 8 + body_size
        if len(self._buffer) < size:
            return b""
        piece = bytes(self._buffer[:size])
        del self._buffer[:size]
        return piece


def header_of(message: bytes) -> dict[int, object]:
    """The fields of a whole message, and its serial."""
    (size,) = _SIZE.unpack_from(message, 12)
    return {SERIAL: _SIZE.unpack_from(message, 8)[0], **_fields(message, 16 + size)}


def padded(data: bytes, alignment: int) -> bytes:
    """Zeros behind it, up to the next multiple."""
    return data + bytes(-len(data) % alignment)


def string(text: str, order: str = "<") -> bytes:
    """A string of a body."""
    data = text.encode()
    return struct.pack(order + "I", len(data)) + data + b"\0"


def strings(*texts: str) -> bytes:
    """Strings of a body, one after the other."""
    data = bytearray()
    for text in texts:
        data += bytes(-len(data) % 4) + string(text)
    return bytes(data)


def dictionary(before: bytes = b"", **values: object) -> bytes:
    """A body of type a{sv} behind another part: texts, numbers (as u), and lists of texts."""
    entries = padded(padded(before, 4) + _SIZE.pack(0), 8)
    begins = len(entries)
    for key, value in values.items():
        signature, packed = _variant(value)
        entries = padded(padded(padded(entries, 8) + string(key), 1) + signature, 4) + packed
    length_at = len(padded(before, 4))
    return entries[:length_at] + _SIZE.pack(len(entries) - begins) + entries[length_at + 4 :]


def _variant(value: object) -> tuple[bytes, bytes]:
    """The signature and the bytes of a value, from a multiple of four on."""
    if isinstance(value, int):
        return b"\x01u\0", _SIZE.pack(value)
    if isinstance(value, str):
        return b"\x01s\0", string(value)
    texts = strings(*value)
    return b"\x02as\0", _SIZE.pack(len(texts)) + texts


def string_of(data: bytes, at: int) -> tuple[str, int]:
    """The string at a place, and where it ends."""
    (size,) = _SIZE.unpack_from(data, at)
    return bytes(data[at + 4 : at + 4 + size]).decode(), at + 5 + size


def _field(code: int, value: object, order: str) -> bytes:
    if isinstance(value, int):
        return bytes([code, 1]) + b"u\0" + struct.pack(order + "I", value)
    kind = {PATH: b"o", SIGNATURE: b"g"}.get(code, b"s")
    text = bytes([len(value)]) + value.encode() + b"\0" if kind == b"g" else string(value, order)
    return bytes([code, 1]) + kind + b"\0" + text


def _fields(data: bytes, end: int) -> dict[int, object]:
    fields, at = {}, 16
    while at < end:
        at += -at % 8
        code, kind, at = data[at], chr(data[at + 2]), at + 4
        if kind == "u":
            fields[code], at = _SIZE.unpack_from(data, at)[0], at + 4
        elif kind == "g":
            fields[code], at = bytes(data[at + 1 : at + 1 + data[at]]).decode(), at + 2 + data[at]
        else:
            fields[code], at = string_of(data, at)
    return fields
