"""HTTP messages as bytes (RFC 9292): encodes requests of known length, and strictly decodes responses of known or unknown length.

The caller bounds the message. Every length in it is checked against the remaining bytes, so decoding takes no more time or memory than the
message has bytes. It is stricter than the RFC requires: padding is checked, and pseudo-fields, which responses do not have, are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.errors import TelemetrydError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REQUEST, _RESPONSE, _RESPONSE_OF_UNKNOWN_LENGTH = 0, 1, 3
"""Framing indicators (RFC 9292, section 3.3)."""
_INFORMATIONAL, _FINAL = range(100, 200), range(200, 600)
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(rb"(?![ \t])[^\0\r\n]*(?<![ \t])")
"""Names and values as in HTTP/2 (RFC 9113, section 8.2.1)."""
_SIZES_BYTES = (1, 2, 4, 8)
"""Sizes of an integer by its two highest bits (RFC 9000, section 16)."""


class InvalidBinaryHttpError(TelemetrydError):
    """The bytes are not such a message, or a message exceeds its size."""


class RequestLine(NamedTuple):
    """The control data of a request; with an `authority` of "" a `host` field gives it."""

    method: str
    scheme: str
    authority: str
    path: str


class Response(NamedTuple):
    """A final response. Names of `fields` are in lower case. Interim responses and trailers are checked and dropped."""

    status: int
    fields: tuple[tuple[str, str], ...]
    content: bytes


def encode_request(control: RequestLine, fields: Iterable[tuple[str, str]], content: bytes = b"") -> bytes:
    """A request of known length, without trailers; names are in lower case."""
    lines = b"".join(_with_length(name.encode()) + _with_length(value.encode()) for name, value in fields)
    parts = [*(text.encode() for text in control), lines, content, b""]
    return _integer(_REQUEST) + b"".join(map(_with_length, parts))


def pad(message: bytes, size_bytes: int) -> bytes:
    """The message, padded with zeros to exactly this size. Raises InvalidBinaryHttpError if it is longer."""
    if len(message) > size_bytes:
        raise InvalidBinaryHttpError(f"A message has at most {size_bytes} bytes here.")
    return message.ljust(size_bytes, b"\0")


def decode_response(data: bytes) -> Response:
    """Decode a response. Raises InvalidBinaryHttpError."""
    reader = _Reader(data)
    framing = reader.integer()
    if framing not in {_RESPONSE, _RESPONSE_OF_UNKNOWN_LENGTH}:
        raise InvalidBinaryHttpError("The message is not a response.")
    is_known = framing == _RESPONSE
    status = reader.integer()
    while status in _INFORMATIONAL:
        _fields(reader, is_known=is_known)
        status = reader.integer()
    if status not in _FINAL:
        raise InvalidBinaryHttpError("A response has a status.")
    response = Response(status, _fields(reader, is_known=is_known), _content(reader, is_known=is_known))
    _fields(reader, is_known=is_known)
    reader.padding()
    return response


class _Reader:
    """Reads a message from front to back. Every method raises InvalidBinaryHttpError if the message ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    @property
    def is_done(self) -> bool:
        return self._position == len(self._data)

    def take(self, size_bytes: int) -> bytes:
        if size_bytes > len(self._data) - self._position:
            raise InvalidBinaryHttpError("The message is cut off.")
        self._position += size_bytes
        return self._data[self._position - size_bytes : self._position]

    def integer(self) -> int:
        first = self.take(1)
        rest = self.take(_SIZES_BYTES[first[0] >> 6] - 1)
        return int.from_bytes(bytes([first[0] & 0x3F]) + rest, "big")

    def length_prefixed(self) -> bytes:
        return self.take(self.integer())

    def padding(self) -> None:
        if any(self._data[self._position :]):
            raise InvalidBinaryHttpError("Only zeros follow a message.")


def _fields(reader: _Reader, *, is_known: bool) -> tuple[tuple[str, str], ...]:
    """A section of fields; empty if the message ends before it, as RFC 9292 permits."""
    if reader.is_done:
        return ()
    lines = _known_lines(_Reader(reader.length_prefixed())) if is_known else _unknown_lines(reader)
    return tuple(_field(name, value) for name, value in lines)


def _known_lines(section: _Reader) -> Iterator[tuple[bytes, bytes]]:
    while not section.is_done:
        yield section.length_prefixed(), section.length_prefixed()


def _unknown_lines(reader: _Reader) -> Iterator[tuple[bytes, bytes]]:
    while size_bytes := reader.integer():
        yield reader.take(size_bytes), reader.length_prefixed()


def _field(name: bytes, value: bytes) -> tuple[str, str]:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise InvalidBinaryHttpError("A field has a name in lower case, and a value without line breaks or spaces around it.")
    return name.decode("ascii"), value.decode("latin-1")


def _content(reader: _Reader, *, is_known: bool) -> bytes:
    """The content; empty if the message ends before it."""
    if reader.is_done:
        return b""
    return reader.length_prefixed() if is_known else b"".join(_chunks(reader))


def _chunks(reader: _Reader) -> Iterator[bytes]:
    while size_bytes := reader.integer():
        yield reader.take(size_bytes)


def _with_length(part: bytes) -> bytes:
    return _integer(len(part)) + part


def _integer(value: int) -> bytes:
    """An integer in the shortest form (RFC 9000, section 16)."""
    bits, size_bytes = next((bits, size) for bits, size in enumerate(_SIZES_BYTES) if value < 1 << (8 * size - 2))
    return (value | bits << (8 * size_bytes - 2)).to_bytes(size_bytes, "big")
