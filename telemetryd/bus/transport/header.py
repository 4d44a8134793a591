"""Reads the fields of a message's header. The D-Bus specification says that unknown fields are to be ignored.

Neither library does so in every version, and not every bus filters them: dbus-daemon does, dbus-broker does not.
"""

from __future__ import annotations

import struct

from telemetryd.named_tuple import NamedTuple

FIXED = 16
"""Bytes before the fields."""
_NAMED = range(1, 10)
"""The field codes in the specification: PATH to UNIX_FDS."""
_REPLY_SERIAL, _SENDER, _SIGNATURE, _UNIX_FDS = 5, 7, 8, 9
FIELDS_MAX = 32
"""Most fields of a header that are read. The specification names nine, and reading 100,000 takes a fifth of a second."""
NUMBERS = {ord("l"): struct.Struct("<I"), ord("B"): struct.Struct(">I")}
"""First byte of a message → number format, little- or big-endian."""
_SIZES = {**dict.fromkeys(b"y", 1), **dict.fromkeys(b"nq", 2), **dict.fromkeys(b"buih", 4), **dict.fromkeys(b"xtd", 8)}
_ALIGNMENTS = {**_SIZES, **dict.fromkeys(b"soa", 4), **dict.fromkeys(b"gv", 1), **dict.fromkeys(b"({", 8)}
_CLOSING = {ord("("): ord(")"), ord("{"): ord("}")}


class TooManyFieldsError(Exception):
    """A header with more fields than are read."""


class Fields(NamedTuple):
    """The contents of a header. `sender` is "" if the bus did not add it, `reply_serial` 0 without one. `descriptors` is their number.

    `known_fields` is None if the specification knows all fields, else the bytes of those that it knows, in the same order.
    """

    sender: str
    reply_serial: int
    descriptors: int
    known_fields: bytes | None
    signature: bytes
    """The types of the body's values."""


def read(fields: bytes, order: int, most: int = FIELDS_MAX) -> Fields:
    """Read the fields of a header. Raises ValueError if they are malformed, and TooManyFieldsError if they are more than `most`."""
    try:
        return _read(fields, order, most)
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as failure:
        raise ValueError("the header of a message does not follow the specification") from failure


def _read(fields: bytes, order: int, most: int) -> Fields:
    sender, reply_serial, descriptors, body, at = "", 0, 0, b"", 0
    known_fields: list[bytes] = []
    has_unknown = False
    while at < len(fields):
        most -= 1
        if most < 0:
            raise TooManyFieldsError
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
        elif code == _REPLY_SERIAL:
            (reply_serial,) = NUMBERS[order].unpack(value)
        if code in _NAMED:
            known_fields.append(fields[begin:at])
        else:
            has_unknown = True
    return Fields(sender, reply_serial, descriptors, _join(known_fields) if has_unknown else None, body)


def _join(fields: list[bytes]) -> bytes:
    """Concatenate fields. Each is a struct, which begins at a multiple of 8."""
    data = bytearray()
    for field in fields:
        data += bytes(-len(data) % 8) + field
    return bytes(data)


def _value(data: bytes, at: int, signature: bytes, order: int) -> tuple[bytes, int]:
    """The bytes of a field's value and its end. A text is given without length and terminating zero."""
    if signature in {b"s", b"o"}:
        start = at + -at % 4 + 4
        (size,) = NUMBERS[order].unpack_from(data, start - 4)
        end = start + size + 1
        value = data[start : end - 1]
    elif signature == b"g":
        end = at + data[at] + 2
        value = data[at + 1 : end - 1]
    else:
        end, _ = _skip(data, at, (signature, 0), order)
        value = data[at + -at % _ALIGNMENTS[signature[0]] : end]
    if end > len(data):
        raise IndexError
    return value, end


def _skip(data: bytes, at: int, typed: tuple[bytes, int], order: int) -> tuple[int, int]:
    """The end of a value of any type, and the end of its type in the signature."""
    signature, type_at = typed
    kind = signature[type_at]
    at += -at % _ALIGNMENTS[kind]
    type_at += 1
    if kind in _SIZES:
        return at + _SIZES[kind], type_at
    if kind in b"so":
        return at + 5 + _number(data, at, order), type_at
    if kind == ord("g"):
        return at + 2 + data[at], type_at
    if kind == ord("v"):
        inner = data[at + 1 : at + 1 + data[at]]
        return _skip(data, at + 2 + len(inner), (inner, 0), order)[0], type_at
    if kind == ord("a"):
        start = at + 4 + -(at + 4) % _ALIGNMENTS[signature[type_at]]
        return start + _number(data, at, order), end_of_type(signature, type_at)
    while signature[type_at] != _CLOSING[kind]:
        at, type_at = _skip(data, at, (signature, type_at), order)
    return at, type_at + 1


def _number(data: bytes, at: int, order: int) -> int:
    number: int = NUMBERS[order].unpack_from(data, at)[0]
    return number


def end_of_type(signature: bytes, type_at: int) -> int:
    """The end of the complete type at `type_at`."""
    kind = signature[type_at]
    type_at += 1
    if kind == ord("a"):
        return end_of_type(signature, type_at)
    if kind in _CLOSING:
        while signature[type_at] != _CLOSING[kind]:
            type_at = end_of_type(signature, type_at)
        return type_at + 1
    return type_at
