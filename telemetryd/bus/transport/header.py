"""The fields in a message's header, read as the D-Bus specification says: those that it does not name are to be ignored.

Neither library ignores them in every version, and not every bus keeps them back (dbus-daemon does, dbus-broker does not).
"""

from __future__ import annotations

import struct
from typing import NamedTuple

FIXED = 16
"""Bytes before the fields."""
_NAMED = range(1, 10)
"""The codes that the specification gives a meaning: PATH to UNIX_FDS."""
_SENDER, _SIGNATURE, _UNIX_FDS = 7, 8, 9
NUMBERS = {ord("l"): struct.Struct("<I"), ord("B"): struct.Struct(">I")}
"""By the first byte of a message: little- or big-endian."""
_SIZES = {**dict.fromkeys(b"y", 1), **dict.fromkeys(b"nq", 2), **dict.fromkeys(b"buih", 4), **dict.fromkeys(b"xtd", 8)}
_ALIGNMENTS = {**_SIZES, **dict.fromkeys(b"soa", 4), **dict.fromkeys(b"gv", 1), **dict.fromkeys(b"({", 8)}
_CLOSING = {ord("("): ord(")"), ord("{"): ord("}")}


class Fields(NamedTuple):
    """What is in a header: the sender's name ("": the bus did not say), how many descriptors belong to the message, and what is strange.

    `named` is None where the specification names every field, else the fields that it names, as bytes in the same order.
    """

    sender: str
    descriptors: int
    named: bytes | None
    signature: bytes
    """The types of the body's values."""


def read(fields: bytes, order: int) -> Fields:
    """Read the fields of a header. Raises ValueError if they are no fields."""
    try:
        return _read(fields, order)
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as failure:
        raise ValueError("the header of a message is not what the specification says") from failure


def _read(fields: bytes, order: int) -> Fields:
    sender, descriptors, body, at = "", 0, b"", 0
    named: list[bytes] = []
    is_strange = False
    while at < len(fields):
        begin = at + -at % 8
        code, size = fields[begin], fields[begin + 1]
        signature = fields[begin + 2 : begin + 2 + size]
        start = begin + size + 3
        value, at = _value(fields, start, signature, order)
        if code == _SENDER and signature == b"s":
            sender = value.decode()
        elif code == _SIGNATURE and signature == b"g":
            body = value
        elif code == _UNIX_FDS:
            (descriptors,) = NUMBERS[order].unpack(value)
        if code in _NAMED:
            named.append(fields[begin:at])
        else:
            is_strange = True
    return Fields(sender, descriptors, _joined(named) if is_strange else None, body)


def _joined(named: list[bytes]) -> bytes:
    """Fields one after the other; each is a struct, which begins at a multiple of 8."""
    joined = bytearray()
    for field in named:
        joined += bytes(-len(joined) % 8) + field
    return bytes(joined)


def _value(data: bytes, at: int, signature: bytes, order: int) -> tuple[bytes, int]:
    """The bytes of a field's value, without length and zero if it is a text, and where it ends."""
    if signature in {b"s", b"o"}:
        start = at + -at % 4 + 4
        (size,) = NUMBERS[order].unpack_from(data, start - 4)
        end = start + size + 1
        value = data[start : end - 1]
    elif signature == b"g":
        end = at + data[at] + 2
        value = data[at + 1 : end - 1]
    else:
        end, _ = _passed(data, at, (signature, 0), order)
        value = data[at + -at % _ALIGNMENTS[signature[0]] : end]
    if end > len(data):
        raise IndexError
    return value, end


def _passed(data: bytes, at: int, typed: tuple[bytes, int], order: int) -> tuple[int, int]:
    """Where a value of any type ends, and where its type does in the signature."""
    signature, place = typed
    kind = signature[place]
    at += -at % _ALIGNMENTS[kind]
    place += 1
    if kind in _SIZES:
        return at + _SIZES[kind], place
    if kind in b"so":
        return at + 5 + _number(data, at, order), place
    if kind == ord("g"):
        return at + 2 + data[at], place
    if kind == ord("v"):
        inner = data[at + 1 : at + 1 + data[at]]
        return _passed(data, at + 2 + len(inner), (inner, 0), order)[0], place
    if kind == ord("a"):
        start = at + 4 + -(at + 4) % _ALIGNMENTS[signature[place]]
        return start + _number(data, at, order), end_of_type(signature, place)
    while signature[place] != _CLOSING[kind]:
        at, place = _passed(data, at, (signature, place), order)
    return at, place + 1


def _number(data: bytes, at: int, order: int) -> int:
    number: int = NUMBERS[order].unpack_from(data, at)[0]
    return number


def end_of_type(signature: bytes, place: int) -> int:
    """Where one complete type ends."""
    kind = signature[place]
    place += 1
    if kind == ord("a"):
        return end_of_type(signature, place)
    if kind in _CLOSING:
        while signature[place] != _CLOSING[kind]:
            place = end_of_type(signature, place)
        return place + 1
    return place
