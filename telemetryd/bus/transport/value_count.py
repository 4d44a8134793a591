"""How many values a message holds, so that no library takes long to read one.

A library makes an object of each value. A megabyte has room for 240,000 of them, of which dbus-next makes a second's work; what
makes sense, 10,000 samples of a hundred sources, is a twentieth of that. The format is that of the D-Bus specification, "Marshaling".
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from telemetryd.bus.transport import header
from telemetryd.bus.transport.header import FIXED, NUMBERS, end_of_type
from telemetryd.core.limits import MESSAGE_MAX_VALUES

_FIXED = {
    **dict.fromkeys(b"y", 1),
    **dict.fromkeys(b"nq", 2),
    **dict.fromkeys(b"buih", 4),
    **dict.fromkeys(b"xtd", 8),
}
_ALIGNMENTS = {**_FIXED, **dict.fromkeys(b"soa", 4), **dict.fromkeys(b"gv", 1), **dict.fromkeys(b"({", 8)}
_CLOSING = {ord("("): ord(")"), ord("{"): ord("}")}
_TEXT, _VARIANT, _STRUCT = 2, 3, 2
"""What a text, a variant (beside what is in it) and a struct (the same) take, where a number takes one."""


class TooManyValuesError(Exception):
    """A message that takes too long to be read."""


class _Place(NamedTuple):
    """A place in a body and in its signature."""

    at: int
    kind: int


def is_heavy(message: bytes) -> bool:
    """Whether a message holds too many values. One that does not fit its signature does not: whoever reads it finds that out soon."""
    try:
        count(message)
    except TooManyValuesError:
        return True
    except (IndexError, KeyError, struct.error):
        return False
    return False


def count(message: bytes) -> int:
    """The values of a message, each as often as it is worth. Raises TooManyValuesError, or others if it is no message."""
    order = message[0]
    (fields,) = NUMBERS[order].unpack_from(message, FIXED - 4)
    scale = _Scale(message[FIXED + fields + -fields % 8 :], order)
    scale.weigh(header.read(message[FIXED : FIXED + fields], order).signature)
    return MESSAGE_MAX_VALUES - scale.left


class _Scale:
    """Goes through one body, as far as the values are not too many."""

    def __init__(self, body: bytes, order: int) -> None:
        self._body = body
        self._number = NUMBERS[order]
        self.left = MESSAGE_MAX_VALUES

    def weigh(self, signature: bytes, at: int = 0) -> int:
        """Values of these types, one after the other; gives where they end. Raises TooManyValuesError."""
        place = 0
        while place < len(signature):
            at, place = self._value(signature, _Place(at, place))
        return at

    def _take(self, count: int) -> None:
        self.left -= count
        if self.left < 0:
            raise TooManyValuesError

    def _length(self, at: int) -> int:
        number: int = self._number.unpack_from(self._body, at)[0]
        return number

    def _value(self, signature: bytes, place: _Place) -> _Place:  # noqa: PLR0911 - one return for each kind of type
        at, kind = place.at, signature[place.kind]
        at += -at % _ALIGNMENTS[kind]
        after = place.kind + 1
        if kind in _FIXED:
            self._take(1)
            return _Place(at + _FIXED[kind], after)
        if kind in b"so":
            self._take(_TEXT)
            return _Place(at + 5 + self._length(at), after)
        if kind == ord("g"):
            self._take(_TEXT)
            return _Place(at + 2 + self._body[at], after)
        if kind == ord("v"):
            self._take(_VARIANT)
            size = self._body[at]
            inner = self._body[at + 1]
            if size == 1 and inner in _FIXED:
                self._take(1)
                at += 3 + -(at + 3) % _FIXED[inner]
                return _Place(at + _FIXED[inner], after)
            return _Place(self.weigh(self._body[at + 1 : at + 1 + size], at + 2 + size), after)
        if kind == ord("a"):
            return self._array(signature, _Place(at, after))
        self._take(_STRUCT)
        while signature[after] != _CLOSING[kind]:
            at, after = self._value(signature, _Place(at, after))
        return _Place(at, after + 1)

    def _array(self, signature: bytes, place: _Place) -> _Place:
        item = signature[place.kind]
        start = place.at + 4
        start += -start % _ALIGNMENTS[item]
        end = start + self._length(place.at)
        after = end_of_type(signature, place.kind)
        if item in _FIXED:
            self._take(1 if item == ord("y") else (end - start) // _FIXED[item])
        elif item in b"so":
            self._texts(start, end)
        else:
            at = start
            while at < end:
                at = self._value(signature, _Place(at, place.kind)).at
        return _Place(end, after)

    def _texts(self, at: int, end: int) -> None:
        """An array of texts, which takes a third of the time that any array takes."""
        unpack, body, left = self._number.unpack_from, self._body, self.left
        while at < end and left >= 0:
            at += -at % 4
            at += 5 + unpack(body, at)[0]
            left -= _TEXT
        self.left = left
        self._take(0)
