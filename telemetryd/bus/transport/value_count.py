"""Counts the values of a message, so that no library takes long to read one.

A library creates an object for each value. A megabyte has room for 240,000 values, which take dbus-next a second. A sensible message,
10,000 samples of a hundred sources, has a twentieth of that. The format is that of the D-Bus specification, "Marshaling".
"""

from __future__ import annotations

import struct

from telemetryd.bus.transport import header
from telemetryd.bus.transport.header import FIXED, NUMBERS, end_of_type
from telemetryd.core.limits import MESSAGE_MAX_BYTES, MESSAGE_MAX_VALUES, MESSAGE_WEIGHED_BYTES
from telemetryd.named_tuple import NamedTuple

_FIXED_SIZES = {
    **dict.fromkeys(b"y", 1),
    **dict.fromkeys(b"nq", 2),
    **dict.fromkeys(b"buih", 4),
    **dict.fromkeys(b"xtd", 8),
}
_ALIGNMENTS = {**_FIXED_SIZES, **dict.fromkeys(b"soa", 4), **dict.fromkeys(b"gv", 1), **dict.fromkeys(b"({", 8)}
_CLOSING = {ord("("): ord(")"), ord("{"): ord("}")}
_TEXT, _STRUCT, _VARIANT, _ARRAY = 2, 6, 12, 12
"""The weights of a text and of what holds values, without these. A number weighs one. What weighs more takes longer to count, too."""


REPLIES = frozenset({2, 3})
"""The types of replies, errors included. Their values are not counted, because our own lists are long. Nobody gets one unasked."""


class TooManyValuesError(Exception):
    """A message with too many values."""


class _Position(NamedTuple):
    """A position in a body and in its signature."""

    at: int
    type_at: int


def is_counted(kind: int, size: int) -> bool:
    """Whether the values of a message of this type and length are counted at all."""
    return MESSAGE_WEIGHED_BYTES < size <= MESSAGE_MAX_BYTES and kind not in REPLIES


def is_heavy(message: bytes) -> bool:
    """Whether a message has too many values. One that does not fit its signature has not: the library finds that out soon."""
    try:
        count(message)
    except TooManyValuesError:
        return True
    except (IndexError, KeyError, struct.error):
        return False
    return False


def count(message: bytes) -> int:
    """The weighted number of values in a message. Raises TooManyValuesError, or other errors if the message is malformed."""
    order = message[0]
    (fields,) = NUMBERS[order].unpack_from(message, FIXED - 4)
    scale = _Scale(message[FIXED + fields + -fields % 8 :], order)
    scale.weigh(header.read(message[FIXED : FIXED + fields], order).signature)
    return MESSAGE_MAX_VALUES - scale.left


class _Fixed(NamedTuple):
    """The bytes from one item of an array to the next, and the weight of one, if all items are of one length."""

    size: int
    weight: int


def _fixed(kind: bytes) -> _Fixed | None:
    """None if the items' length varies."""
    if kind[0] in _FIXED_SIZES:
        return _Fixed(_FIXED_SIZES[kind[0]], 1)
    parts = kind.translate(None, b"(){}")
    if kind[0] not in _CLOSING or not all(part in _FIXED_SIZES for part in parts):
        return None
    at = 0
    for part in kind:
        at += -at % _ALIGNMENTS.get(part, 1) + _FIXED_SIZES.get(part, 0)
    return _Fixed(at + -at % 8, len(parts) + _STRUCT * (kind.count(b"(") + kind.count(b"{")))


class _Scale:
    """Walks through one body until there are too many values."""

    def __init__(self, body: bytes, order: int) -> None:
        self._body = body
        self._number = NUMBERS[order]
        self.left = MESSAGE_MAX_VALUES

    def weigh(self, signature: bytes, at: int = 0) -> int:
        """Count values of these types, one after the other. Returns their end. Raises TooManyValuesError."""
        type_at = 0
        while type_at < len(signature):
            at, type_at = self._value(signature, _Position(at, type_at))
        return at

    def _take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooManyValuesError

    def _length(self, at: int) -> int:
        number: int = self._number.unpack_from(self._body, at)[0]
        return number

    def _value(self, signature: bytes, position: _Position) -> _Position:
        at, kind = position.at, signature[position.type_at]
        at += -at % _ALIGNMENTS[kind]
        after = position.type_at + 1
        if kind in _FIXED_SIZES:
            self._take(1)
            return _Position(at + _FIXED_SIZES[kind], after)
        if kind in b"so":
            self._take(_TEXT)
            return _Position(at + 5 + self._length(at), after)
        if kind == ord("g"):
            self._take(_TEXT)
            return _Position(at + 2 + self._body[at], after)
        if kind == ord("v"):
            size = self._body[at]
            self._take(_VARIANT + size)
            return _Position(self.weigh(self._body[at + 1 : at + 1 + size], at + 2 + size), after)
        if kind == ord("a"):
            return self._array(signature, _Position(at, after))
        self._take(_STRUCT)
        while signature[after] != _CLOSING[kind]:
            at, after = self._value(signature, _Position(at, after))
        return _Position(at, after + 1)

    def _array(self, signature: bytes, position: _Position) -> _Position:
        item = signature[position.type_at]
        start = position.at + 4
        start += -start % _ALIGNMENTS[item]
        end = start + self._length(position.at)
        after = end_of_type(signature, position.type_at)
        self._take(_ARRAY)
        if item == ord("y"):
            self._take(1)
        elif item in b"so":
            self._texts(start, end)
        elif fixed := _fixed(signature[position.type_at : after]):
            self._take(-((start - end) // fixed.size) * fixed.weight)  # the last one has no padding after it
        else:
            at = start
            while at < end:
                at = self._value(signature, _Position(at, position.type_at)).at
        return _Position(end, after)

    def _texts(self, at: int, end: int) -> None:
        """Count an array of texts, in a third of the time of the general case."""
        unpack, body, left = self._number.unpack_from, self._body, self.left
        while at < end and left >= 0:
            at += -at % 4
            at += 5 + unpack(body, at)[0]
            left -= _TEXT
        self.left = left
        self._take(0)
