"""HTTP messages as bytes (RFC 9292): requests of known length are written, responses of either form are read, strictly.

What is read is bounded by whoever hands it over: every length in a message is checked against what is left of it, so that reading takes
no more time or memory than the message has bytes. Stricter than the RFC has to be: padding is checked, and pseudo-fields, none of which is
defined for responses, are refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.errors import TelemetrydError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REQUEST, _RESPONSE, _RESPONSE_OF_UNKNOWN_LENGTH = 0, 1, 3
"""Framing indicators (RFC 9292, section 3.3)."""
_INFORMATIONAL, _FINAL = range(100, 200), range(200, 600)
_NAME = re.compile(rb"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(rb"(?![ \t])[^\0\r\n]*(?<![ \t])")
"""Names and values as HTTP/2 has them (RFC 9113, section 8.2.1)."""
_SIZES_BYTES = (1, 2, 4, 8)
"""Sizes of an integer by its two highest bits (RFC 9000, section 16)."""


class InvalidBinaryHttpError(TelemetrydError):
    """The bytes are no such message, or a message does not fit its size."""


class Control(NamedTuple):
    """What a request says before its fields; an `authority` of "" leaves that to a `host` field."""

    method: str
    scheme: str
    authority: str
    path: str


class Response(NamedTuple):
    """A final response. Names of `fields` are in lower case; interim responses and trailers are checked and left out."""

    status: int
    fields: tuple[tuple[str, str], ...]
    content: bytes

    def field(self, name: str) -> str | None:
        """The first value of a field, or None."""
        return next((value for known, value in self.fields if known == name), None)


def encode_request(control: Control, fields: Iterable[tuple[str, str]], content: bytes = b"") -> bytes:
    """A request of known length, without trailers; names are in lower case."""
    lines = b"".join(_prefixed(name.encode()) + _prefixed(value.encode()) for name, value in fields)
    parts = [*(text.encode() for text in control), lines, content, b""]
    return _integer(_REQUEST) + b"".join(map(_prefixed, parts))


def padded(message: bytes, size_bytes: int) -> bytes:
    """The same message in exactly so many bytes."""
    if len(message) > size_bytes:
        raise InvalidBinaryHttpError(f"A message has at most {size_bytes} bytes here.")
    return message.ljust(size_bytes, b"\0")


def decode_response(data: bytes) -> Response:
    """The response that these bytes are. Raises InvalidBinaryHttpError."""
    reader = _Reader(data)
    framing = reader.integer()
    if framing not in {_RESPONSE, _RESPONSE_OF_UNKNOWN_LENGTH}:
        raise InvalidBinaryHttpError("The message is no response.")
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
    """What is left of a message."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_done(self) -> bool:
        return self._at == len(self._data)

    def take(self, size_bytes: int) -> bytes:
        if size_bytes > len(self._data) - self._at:
            raise InvalidBinaryHttpError("The message is cut off.")
        self._at += size_bytes
        return self._data[self._at - size_bytes : self._at]

    def integer(self) -> int:
        first = self.take(1)
        rest = self.take(_SIZES_BYTES[first[0] >> 6] - 1)
        return int.from_bytes(bytes([first[0] & 0x3F]) + rest, "big")

    def prefixed(self) -> bytes:
        return self.take(self.integer())

    def padding(self) -> None:
        if any(self._data[self._at :]):
            raise InvalidBinaryHttpError("Only zeros follow a message.")


def _fields(reader: _Reader, *, is_known: bool) -> tuple[tuple[str, str], ...]:
    """A section of fields; none where a message is cut off before it, as it may be."""
    if reader.is_done:
        return ()
    lines = _known_lines(_Reader(reader.prefixed())) if is_known else _unknown_lines(reader)
    return tuple(_field(name, value) for name, value in lines)


def _known_lines(section: _Reader) -> Iterator[tuple[bytes, bytes]]:
    while not section.is_done:
        yield section.prefixed(), section.prefixed()


def _unknown_lines(reader: _Reader) -> Iterator[tuple[bytes, bytes]]:
    while size_bytes := reader.integer():
        yield reader.take(size_bytes), reader.prefixed()


def _field(name: bytes, value: bytes) -> tuple[str, str]:
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise InvalidBinaryHttpError("A field has a name in lower case, and a value without line breaks or spaces around it.")
    return name.decode("ascii"), value.decode("latin-1")


def _content(reader: _Reader, *, is_known: bool) -> bytes:
    """The content; none where a message is cut off before it."""
    if reader.is_done:
        return b""
    return reader.prefixed() if is_known else b"".join(_chunks(reader))


def _chunks(reader: _Reader) -> Iterator[bytes]:
    while size_bytes := reader.integer():
        yield reader.take(size_bytes)


def _prefixed(part: bytes) -> bytes:
    return _integer(len(part)) + part


def _integer(value: int) -> bytes:
    """An integer in the shortest form (RFC 9000, section 16)."""
    bits, size_bytes = next((bits, size) for bits, size in enumerate(_SIZES_BYTES) if value < 1 << (8 * size - 2))
    return (value | bits << (8 * size_bytes - 2)).to_bytes(size_bytes, "big")
