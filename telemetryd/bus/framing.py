"""Follows the messages in what a connection receives, and takes out those that are too long before anything keeps them.

The bus lets messages of 128 MiB through, and both libraries hold a message whole before they hand it over. Nothing that is meant for us is
anywhere near that long; so no caller can make the daemon grow by its messages.

The format is that of the D-Bus specification, "Message Format": 16 fixed bytes (the body's length at 4, the serial at 8, the length of the
header's fields at 12), the fields, padding to 8 bytes, the body.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import MESSAGE_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

_FIXED = 16
HELD_MAX_BYTES = _FIXED - 1
"""By so much what is given back may be longer than what was received last."""
_PASS_BYTES = 8192
"""Read at once of what is passed over."""
_FIELDS_MAX_BYTES = 64 * 1024
"""Header fields that are read of a message that is too long: a sender's name takes twenty bytes."""
_LENGTHS = struct.Struct("<III"), struct.Struct(">III")
_MESSAGE_STARTS = b"lB"
"""Little- or big-endian. No line with which a bus answers while it authenticates begins so."""
_SENDER = 7


class Oversized(NamedTuple):
    """What is known of a message that was taken out. `sender` is "" if the bus did not say."""

    kind: int
    flags: int
    serial: int
    sender: str


class Framing:
    """Give it what is received, in order; it gives back what is to be handled, whole headers only."""

    def __init__(self, on_oversized: Callable[[Oversized], None]) -> None:
        self._on_oversized = on_oversized
        self._is_greeting = True
        self._left = 0
        """Bytes of the current message that are still to come."""
        self._is_skipping = False
        self._held = b""
        """The beginning of a header, or of the fields of a message that is too long: not given back yet."""

    def take(self, data: bytes) -> bytes:
        """What of this is to be handled; empty if nothing."""
        if self._is_greeting:
            if data[0] not in _MESSAGE_STARTS:
                return data
            self._is_greeting = False
        if self._held:
            data, self._held = self._held + data, b""
        if self._is_skipping:
            return self._skip(data)
        at = self._left
        while at + _FIXED <= len(data):
            body, _, fields = _LENGTHS[data[at] != _MESSAGE_STARTS[0]].unpack_from(data, at + 4)
            size = _FIXED + fields + -fields % 8 + body
            if size > MESSAGE_MAX_BYTES:
                return data[:at] + self._begin_skipping(data[at:], size)
            at += size
        if at < len(data):
            data, self._held = data[:at], data[at:]
            at = len(data)
        self._left = at - len(data)
        return data

    def wanted(self, size: int) -> int:
        """How many bytes to receive for a reader that can use no more than `size`, a header's fixed bytes or less than is left."""
        if self._is_skipping:
            return min(self._left, _PASS_BYTES)
        if len(self._held) < _FIXED:
            return size - len(self._held)
        return _FIXED + _fields_bytes(self._held) - len(self._held)

    @property
    def is_passing_over(self) -> bool:
        """Whether a message that is too long has begun and is not over."""
        return self._is_skipping or len(self._held) >= _FIXED

    def _begin_skipping(self, data: bytes, size: int) -> bytes:
        """The header's fields are waited for, to know whom to answer; then the rest is passed over."""
        fields = _fields_bytes(data)
        if fields <= _FIELDS_MAX_BYTES:
            if len(data) < _FIXED + fields:
                self._held, self._left = data, 0
                return b""
            self._on_oversized(_oversized(data, fields))
        self._left, self._is_skipping = size, True
        return self._skip(data)

    def _skip(self, data: bytes) -> bytes:
        if len(data) < self._left:
            self._left -= len(data)
            return b""
        rest = data[self._left :]
        self._left, self._is_skipping = 0, False
        return self.take(rest) if rest else b""


def _fields_bytes(data: bytes) -> int:
    """The length of the header's fields."""
    fields: int = _LENGTHS[data[0] != _MESSAGE_STARTS[0]].unpack_from(data, 4)[2]
    return fields


def _oversized(data: bytes, fields: int) -> Oversized:
    order = "<" if data[0] == _MESSAGE_STARTS[0] else ">"
    (serial,) = struct.unpack_from(order + "I", data, 8)
    try:
        sender = _text_field(data[_FIXED : _FIXED + fields], order, _SENDER)
    except (struct.error, IndexError, UnicodeDecodeError):
        sender = ""
    return Oversized(data[1], data[2], serial, sender)


def _text_field(fields: bytes, order: str, wanted: int) -> str:
    """The value of a field of the types `s` or `o`; "" if there is none. All fields are of the types `s o g u`."""
    at = 0
    while at < len(fields):
        at += -at % 8
        code, kind = fields[at], chr(fields[at + 2])
        at += 4
        if kind == "g":
            at += fields[at] + 2
            continue
        (number,) = struct.unpack_from(order + "I", fields, at)
        at += 4
        if kind == "u":
            continue
        if code == wanted:
            return fields[at : at + number].decode()
        at += number + 1
    return ""
