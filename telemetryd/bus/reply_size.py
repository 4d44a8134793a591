"""Bounds replies that are lists. Their size is computed before anything is marshalled."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from telemetryd.bus.transport.library import Variant
from telemetryd.core.limits import REPLY_MAX_BYTES
from telemetryd.errors import LimitExceededError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

_PADDING = 8
"""Most bytes of a basic value beside its text or number: length, end and alignment."""
_HEAD_BYTES = 512
"""Most bytes of a reply's header, whose longest field is the caller's name."""


def bounded(rows: Iterator[T | None], advice: str) -> Iterator[T | None]:
    """The rows of a reply. Raises LimitExceededError, with advice what to ask instead, at the first row that does not fit."""
    left = REPLY_MAX_BYTES - _HEAD_BYTES
    for row in rows:
        left -= size_bytes(row)
        if left < 0:
            raise LimitExceededError(f"the reply would be longer than {REPLY_MAX_BYTES} bytes: {advice}")
        yield row


def fitting(rows: Iterator[T], beside: Any = None) -> Iterator[T]:
    """As many rows as fit into a reply, `beside` another value."""
    left = REPLY_MAX_BYTES - _HEAD_BYTES - size_bytes(beside)
    for row in rows:
        left -= size_bytes(row)
        if left < 0:
            return
        yield row


def page(rows: Iterator[T | None], limit: int, on_cut: Callable[[], object]) -> Iterator[T | None]:
    """At most `limit` rows, and as many as fit into a reply. `on_cut` is called if others may follow."""
    left = REPLY_MAX_BYTES - _HEAD_BYTES
    for row in rows:
        left -= size_bytes(row)
        if left < 0:
            on_cut()
            return
        yield row
        limit -= row is not None
        if not limit:
            on_cut()
            return


def size_bytes(value: Any) -> int:
    """The largest possible size of a value in a message."""
    match value:
        case None:
            return 0
        case str():
            return _PADDING + (len(value) if value.isascii() else len(value.encode(errors="surrogatepass")))
        case Variant():
            return _PADDING + len(value.signature) + size_bytes(value.value)
        case dict():
            return 2 * _PADDING + sum(_PADDING + size_bytes(key) + size_bytes(item) for key, item in value.items())
        case list() | tuple():
            return 2 * _PADDING + sum(map(size_bytes, value))
        case _:
            return 2 * _PADDING
