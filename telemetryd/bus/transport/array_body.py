"""Marshals a reply's long array in pieces, so that others are answered between two of them. At once, dbus-next needs 40 ms for a megabyte.

Each piece is the array of a message of its own. Padding depends on where an element begins, so a piece begins at the same remainder as its
place in the whole array: that is 4 or 8 bytes behind the beginning of a body. https://dbus.freedesktop.org/doc/dbus-specification.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.bus.transport.library import Message, MessageType
from telemetryd.bus.transport.output import marshalled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROWS = 16
"""Elements of a piece. Those of our replies have up to a few kilobytes, for which dbus-next needs a tenth of a millisecond."""
_LENGTH_AT, _LENGTH_BYTES = 4, 4
"""Where a message has the length of its body; every length has so many bytes. Both libraries write little-endian on every machine."""
_WIDEST = 8


def is_marshalled_here(signature: str) -> bool:
    """Whether a body of this signature can be marshalled in pieces: one array, of dictionaries or of structs of simple types."""
    return signature == "aa{sv}" or (signature[:2] == "a(" and signature[2:-1].isalpha())


def marshal_steps(signature: str, rows: Sequence[Any]) -> Iterator[bytes | None]:
    """The body with these elements, after a None for each piece. Raises any exception of the library if an element does not fit."""
    alignment = _LENGTH_BYTES if signature[1] == "a" else _WIDEST
    body = bytearray(alignment)
    for first in range(0, len(rows), ROWS):
        body += bytes(-len(body) % alignment)
        is_moved = alignment < _WIDEST and not len(body) % _WIDEST
        body += _piece(signature, rows[first : first + ROWS], is_moved=is_moved)
        yield None
    body[:_LENGTH_BYTES] = _length(len(body) - alignment)
    yield bytes(body)


def with_body(data: bytearray, body: bytes) -> bytearray:
    """The bytes of a message with another body of the same signature."""
    whole = data[: len(data) - _body_bytes(data)] + body
    whole[_LENGTH_AT : _LENGTH_AT + _LENGTH_BYTES] = _length(len(body))
    return whole


def _piece(signature: str, rows: Sequence[Any], *, is_moved: bool) -> bytearray:
    """The bytes of these elements. If they are moved, a number is before them, so they begin 8 bytes behind the beginning and not 4."""
    signature, values = ("u" + signature, [0, rows]) if is_moved else (signature, [rows])
    data = marshalled(Message(message_type=MessageType.METHOD_RETURN, reply_serial=1, serial=1, signature=signature, body=values))
    start = _WIDEST if is_moved or signature[1] != "a" else _LENGTH_BYTES
    return data[len(data) - _body_bytes(data) + start :]


def _body_bytes(data: bytearray) -> int:
    return int.from_bytes(data[_LENGTH_AT : _LENGTH_AT + _LENGTH_BYTES], "little")


def _length(size_bytes: int) -> bytes:
    return size_bytes.to_bytes(_LENGTH_BYTES, "little")
