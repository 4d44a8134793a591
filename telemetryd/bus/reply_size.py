"""Bounds replies that are lists. Their size is computed before anything is marshalled, to within some bytes a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from telemetryd.core.limits import PAGE_MAX_BYTES, REPLY_MAX_BYTES
from telemetryd.errors import TOO_LONG, LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from telemetryd.bus.transport.library import Variant

T = TypeVar("T")

_START = 12
"""Most bytes before what a row holds: its length, and the padding before and behind that."""
_WIDE = "({tdx"
"""Types that begin at a multiple of eight bytes. The others in our rows are texts, arrays, and numbers of four bytes."""
_HEAD_BYTES = 512
"""Most bytes of a reply's header, whose longest field is the caller's name."""


def bounded(rows: Iterator[T | None], advice: str) -> Iterator[T | None]:
    """The rows of a reply. Raises LimitExceededError, with advice what to ask instead, at the first row that does not fit."""
    left = REPLY_MAX_BYTES - _HEAD_BYTES
    for row in rows:
        left -= size_bytes(row)
        if left < 0:
            raise LimitExceededError(f"{TOO_LONG} than {REPLY_MAX_BYTES} bytes: {advice}")
        yield row


def fitting(rows: Iterator[T], beside: Iterable[Variant] = ()) -> Iterator[T]:
    """As many rows as fit into a reply, `beside` other values."""
    left = REPLY_MAX_BYTES - _HEAD_BYTES - sum(_START + _value_end(0, "v", value) for value in beside)
    for row in rows:
        left -= size_bytes(row)
        if left < 0:
            return
        yield row


def beginning(items: Sequence[T], row: Callable[[T], Any], most_bytes: int) -> tuple[Sequence[T], int]:
    """As many of the first items as have rows that fit, and the bytes that are left. No row is made behind them."""
    for number, item in enumerate(items):
        size = size_bytes(row(item))
        if size > most_bytes:
            return items[:number], most_bytes
        most_bytes -= size
    return items, most_bytes


def page(rows: Iterator[T | None], limit: int, on_cut: Callable[[], object]) -> Iterator[T | None]:
    """At most `limit` rows, and as many as fit into a page, but one at least. `on_cut` is called if others may follow."""
    left, is_empty = PAGE_MAX_BYTES - _HEAD_BYTES, True
    for row in rows:
        left -= size_bytes(row)
        if left < 0 and not is_empty:
            on_cut()
            return
        yield row
        is_empty &= row is None
        limit -= row is not None
        if not limit:
            on_cut()
            return


def size_bytes(row: Any) -> int:
    """The largest possible size of a row in a message: a dictionary of variants, or a list of texts. A step without a row has none."""
    match row:
        case None:
            return 0
        case dict():
            return _START + _end(0, "{sv}", row.items())
        case _:
            return _START + _end(0, "s", row)


def _end(at: int, element: str, items: Iterable[Any]) -> int:
    """Where the elements of an array end in a message, if they begin at `at`, a multiple of their alignment."""
    if element[0] == "{":
        for key, value in items:
            at = _value_end(_value_end(_aligned(at, 8), element[1], key), element[2:-1], value)
    elif element[0] == "(":
        for fields in items:
            at = _aligned(at, 8)
            for code, value in zip(element[1:-1], fields, strict=True):
                at = _value_end(at, code, value)
    else:
        for value in items:
            at = _value_end(at, element, value)
    return at


def _value_end(at: int, code: str, value: Any) -> int:
    """Where a value of a type ends."""
    match code[0]:
        case "s":
            return _aligned(at, 4) + 5 + (len(value) if value.isascii() else len(value.encode(errors="surrogatepass")))
        case "v":
            return _value_end(at + 2 + len(value.signature), value.signature, value.value)
        case "a":
            items = value.items() if code[1] == "{" else value
            return _end(_aligned(_aligned(at, 4) + 4, 8 if code[1] in _WIDE else 4), code[1:], items)
        case _:
            return _aligned(at, 8) + 8 if code in _WIDE else _aligned(at, 4) + 4


def _aligned(at: int, size: int) -> int:
    return (at + size - 1) // size * size
