"""Follows the messages in what a connection receives: what no library should see is taken out, and each message gets its descriptors.

The bus lets messages of 128 MiB through, and both libraries hold a message whole before they hand it over. Nothing that is meant for us is
anywhere near that long; so no caller can make the daemon grow by its messages. Types of messages and fields of headers that the
specification does not name are to be ignored; the libraries end the connection at some of them.

The format is that of the D-Bus specification, "Message Format": 16 fixed bytes (the type at 1, the body's length at 4, the serial at 8, the
length of the header's fields at 12), the fields, padding to 8 bytes, the body.
"""

from __future__ import annotations

import os
import struct
from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.bus.transport import header, value_count
from telemetryd.bus.transport.header import FIXED, NUMBERS
from telemetryd.core.limits import MESSAGE_MAX_BYTES, MESSAGE_WEIGHED_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FIELDS_MAX_BYTES = 64 * 1024
"""Header fields that are read of a message that is too long: a sender's name takes twenty bytes."""
_KNOWN_MAX, _KNOWN_MAX_BYTES = 512, 512
"""Headers of calls that were looked at before, and their length: a program's calls of one member differ in the fixed bytes only."""
_LENGTHS = {ord("l"): struct.Struct("<III"), ord("B"): struct.Struct(">III")}
_CALL, _LAST_KIND = 1, 4


class Oversized(NamedTuple):
    """What is known of a message that was taken out. `sender` is "" if the bus did not say."""

    kind: int
    flags: int
    serial: int
    sender: str
    is_heavy: bool = False
    """Whether it holds too many values, and is not too long."""


class Framing:
    """Give it what is received, in order; it gives back what is to be handled, whole headers only.

    With `descriptors`, `share` gives those of each message that was given back, in order; give it those that are received by `arrive`.
    """

    def __init__(self, on_oversized: Callable[[Oversized], None], *, descriptors: bool = False) -> None:
        self._on_oversized = on_oversized
        self._is_greeting = True
        self._left = 0
        """Bytes of the current message that are still to come."""
        self._is_skipping = False
        self._held = bytearray()
        """The beginning of a message whose header is not whole: not given back yet."""
        self._wanted = 0
        """So many bytes make the held header whole, as far as is known."""
        self.is_weighing = True
        """Whether messages that may hold too many values are looked at here; else whoever sorts them does that."""
        self._known: set[bytes] = set()
        self._arrived: deque[int] = deque()
        self._shares: deque[list[int]] | None = deque() if descriptors else None

    def arrive(self, descriptors: Iterable[int]) -> None:
        """Descriptors that came with what is taken next."""
        self._arrived.extend(descriptors)

    def share(self) -> list[int]:
        """The descriptors of the next message that was given back: they are the caller's now."""
        return self._shares.popleft() if self._shares else []

    def close(self) -> None:
        """Close every descriptor that nobody has."""
        for share in self._shares or ():
            self._arrived.extend(share)
        if self._shares:
            self._shares.clear()
        self._close(len(self._arrived))

    @property
    def passing_over(self) -> int:
        """How many bytes are left of a message that is passed over: with the next byte begins another one, and what belongs to it."""
        return self._left if self._is_skipping else 0

    @property
    def owed(self) -> int:
        """How many bytes are left of a message of which something was given back."""
        return 0 if self._is_skipping else self._left

    def take(self, data: bytes) -> bytes:
        """What of this is to be handled; empty if nothing. Raises ValueError or LookupError if it is not D-Bus."""
        if self._is_greeting:
            if data[0] not in _LENGTHS:  # no line with which a bus answers while it authenticates begins so
                return data
            self._is_greeting = False
        if self._is_skipping:
            self._close(len(self._arrived))
            if len(data) < self._left:
                self._left -= len(data)
                return b""
            data = data[self._left :]
            self._left, self._is_skipping = 0, False
        if self._held:
            self._held += data
            if len(self._held) < self._wanted:
                return b""
            data = bytes(self._held)
            self._held.clear()
        return self._follow(data)

    def _follow(self, data: bytes) -> bytes:
        """Go from message to message. The first lines of the loop are the hot path; everything else happens to a few messages only."""
        at, end, known = self._left, len(data), self._known
        pieces: list[bytes] = []
        done = 0
        while at < end:
            start = at + FIXED
            if start > end:
                self._hold(data, at, FIXED)
                break
            body, _, fields = _LENGTHS[data[at]].unpack_from(data, at + 4)
            size = FIXED + fields + -fields % 8 + body
            stop = start + fields
            if data[start:stop] not in known or stop > end or data[at + 1] != _CALL or size > MESSAGE_WEIGHED_BYTES:
                whole = at + size - body
                needed = at + size if MESSAGE_WEIGHED_BYTES < size <= MESSAGE_MAX_BYTES else whole
                if needed > end and (size <= MESSAGE_MAX_BYTES or fields <= _FIELDS_MAX_BYTES):
                    self._hold(data, at, needed - at)
                    break
                instead = self._look(data, at, fields, size)
                if instead is not None:
                    pieces += data[done:at], instead
                    done = whole if instead else at + size
                    self._is_skipping = not instead and done > end
            at += size
        self._left = max(0, at - end)
        if done:
            return b"".join((*pieces, data[done:at]))
        return data if at >= end else data[:at]

    def _hold(self, data: bytes, at: int, wanted: int) -> None:
        """Wait for the rest of a header."""
        self._held += data[at:]
        self._wanted = wanted

    def _look(self, data: bytes, at: int, fields: int, size: int) -> bytes | None:
        """Look at one message: what is to stand in place of its header, None to leave it, nothing to take the message out."""
        order, kind, start = data[at], data[at + 1], at + FIXED
        if start + fields > len(data):
            self._close(len(self._arrived))  # they are this message's: the kernel gives no more than one message's at a time, at its end
            return b""
        found = header.read(data[start : start + fields], order)
        is_heavy = self.is_weighing and MESSAGE_WEIGHED_BYTES < size <= MESSAGE_MAX_BYTES and value_count.is_heavy(data[at : at + size])
        if is_heavy or size > MESSAGE_MAX_BYTES or not 0 < kind <= _LAST_KIND:
            self._close(found.descriptors)
            if is_heavy or size > MESSAGE_MAX_BYTES:
                (serial,) = NUMBERS[order].unpack_from(data, at + 8)
                self._on_oversized(Oversized(kind, data[at + 2], serial, found.sender, is_heavy))
            return b""
        if self._shares is not None:
            self._shares.append([self._arrived.popleft() for _ in range(found.descriptors)])
        elif kind == _CALL and found.named is None:
            self._note(data[start : start + fields])
        if found.named is None:
            return None
        length = NUMBERS[order].pack(len(found.named))
        return data[at : at + 12] + length + found.named + bytes(-len(found.named) % 8)

    def _note(self, fields: bytes) -> None:
        """A header with nothing strange in it: the next call with the same one needs no look."""
        if len(fields) <= _KNOWN_MAX_BYTES:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known.add(fields)

    def _close(self, count: int) -> None:
        for _ in range(count):
            os.close(self._arrived.popleft())
