"""Follows the messages in received bytes: removes those that no library should see, and assigns descriptors to messages.

The bus allows messages of 128 MiB, and both libraries buffer a whole message before they hand it over. No message for us is nearly so long,
so long ones are removed here, and no caller can make the daemon grow. So are messages that nobody waits for: any caller can send replies
to calls that were never made. The specification says that unknown types of messages and unknown
fields of headers are to be ignored, but the libraries end the connection at some of them.

The format is that of the D-Bus specification, "Message Format": 16 fixed bytes (the type at 1, the body's length at 4, the serial at 8, the
length of the header's fields at 12), the fields, padding to 8 bytes, the body.
"""

from __future__ import annotations

import os
import struct
import sys
from collections import deque
from enum import Enum, auto
from typing import TYPE_CHECKING

from telemetryd.bus.transport import header, value_count
from telemetryd.bus.transport.header import FIXED, NUMBERS, TooManyFieldsError
from telemetryd.bus.transport.value_count import REPLIES
from telemetryd.core.limits import MESSAGE_MAX_BYTES, MESSAGE_WEIGHED_BYTES
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from telemetryd.bus.transport.header import Fields

_FIELDS_MAX_BYTES = 16 * 1024
"""Most bytes of header fields where messages have descriptors. All fields are read there, because one says how many descriptors there are.

It is more than the socket returns at a time, so a longer header is never complete, and is removed at its beginning.
"""
_KNOWN_MAX, _KNOWN_MAX_BYTES = 512, 512
"""Most cached headers of calls, and their length. A program's calls of one member differ in the fixed bytes only."""
_LENGTHS = {ord("l"): struct.Struct("<III"), ord("B"): struct.Struct(">III")}
_CALL, _LAST_KIND = 1, 4
_VERSION = 1
_SERIAL_AT, _FIELDS_LENGTH_AT = 8, 12


class RemovalCause(Enum):
    """Why a message was removed."""

    LONG = auto()
    HEAVY = auto()
    """It has too many values."""
    UNWANTED = auto()
    """Nobody waits for it."""


class Removed(NamedTuple):
    """A call that was removed. `sender` is "" if the bus did not add it."""

    fault: RemovalCause
    flags: int
    serial: int
    sender: str


class MessageOrigin(NamedTuple):
    """What decides whether anybody waits for a reply or a signal. `reply_serial` is 0 in signals."""

    kind: int
    sender: str
    reply_serial: int


class WantedMessages(NamedTuple):
    """Which messages are wanted: whether calls are, and which replies and signals."""

    calls: bool
    others: Callable[[MessageOrigin], bool]


EVERYTHING = WantedMessages(calls=True, others=lambda _: True)


class Framing:
    """Takes received bytes in order, and returns those to handle, with whole headers only.

    What is not `wanted` is removed. `on_removed` gets each call that is removed and whose sender could be read.
    With `descriptors`, `arrive` takes received descriptors, and `share` returns those of each returned message, in order.
    """

    def __init__(self, on_removed: Callable[[Removed], None], wanted: WantedMessages = EVERYTHING, *, descriptors: bool = False) -> None:
        self._on_removed, self._wanted = on_removed, wanted
        self._is_greeting = True
        self._left = 0
        """Bytes of the current message that are still missing."""
        self._is_skipping = False
        self._held = bytearray()
        """The beginning of a message with an incomplete header. It is not returned yet."""
        self._held_until = 0
        """The length of `_held` at which its header is complete, as far as is known."""
        self.is_weighing = True
        """Whether values are counted here. If not, `SenderQueues` counts them when a message's turn comes."""
        self._known: set[bytes] = set()
        self._last_size, self._last_begin, self._last_fields = 0, b"", b""
        """The last message, if it was taken alone and whole and need not be inspected: its length, and its header but for the serial."""
        self._arrived: deque[int] = deque()
        self._shares: deque[list[int]] | None = deque() if descriptors else None

    def arrive(self, descriptors: Iterable[int]) -> None:
        """Add descriptors that were received with the bytes that are taken next."""
        self._arrived.extend(descriptors)

    def share(self) -> list[int]:
        """The descriptors of the next returned message. They belong to the caller now."""
        return self._shares.popleft() if self._shares else []

    def close(self) -> None:
        """Close all descriptors that were not taken by `share`."""
        for share in self._shares or ():
            self._arrived.extend(share)
        if self._shares:
            self._shares.clear()
        self._close(len(self._arrived))

    @property
    def passing_over(self) -> int:
        """Missing bytes of a message that is being removed. The byte after them begins the next message and its descriptors."""
        return self._left if self._is_skipping else 0

    @property
    def owed(self) -> int:
        """Missing bytes of a message that was returned in part."""
        return 0 if self._is_skipping else self._left

    def take(self, data: bytes) -> bytes:
        """The bytes to handle, or b"". Raises ValueError or LookupError if the data is not D-Bus."""
        if len(data) == self._last_size and data.startswith(self._last_begin) and data.startswith(self._last_fields, _FIELDS_LENGTH_AT):
            return data  # the same call again: where a caller waits for each reply, this saves a twentieth of our code
        self._last_size = 0
        if self._is_greeting:
            if data[0] not in _LENGTHS:  # still authentication: no line of a bus there begins with "l" or "B"
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
            if len(self._held) < self._held_until:
                return b""
            data = bytes(self._held)
            self._held.clear()
        return self._follow(data)

    def _follow(self, data: bytes) -> bytes:
        """Go from message to message. The first lines of the loop are the hot path. Only few messages reach the rest."""
        at, end, known = self._left, len(data), self._known
        pieces: list[bytes] = []
        copied = 0
        while at < end:
            start = at + FIXED
            if start > end:
                self._hold(data, at, FIXED)
                break
            body, _, fields = _LENGTHS[data[at]].unpack_from(data, at + 4)
            size = FIXED + fields + -fields % 8 + body
            stop = start + fields
            if data[start:stop] not in known or stop > end or data[at + 1] != _CALL or size > MESSAGE_WEIGHED_BYTES:
                header_end = at + size - body
                is_weighed = self.is_weighing and value_count.is_counted(data[at + 1], size)
                needed = at + size if is_weighed else header_end  # the values are counted in a complete message
                if needed > end and fields <= (MESSAGE_MAX_BYTES if self._shares is None else _FIELDS_MAX_BYTES):
                    self._hold(data, at, needed - at)
                    break
                replacement = self._inspect(data, at, fields, size, is_weighed=is_weighed)
                if replacement is not None:
                    pieces += data[copied:at], replacement
                    copied = header_end if replacement else at + size
                    self._is_skipping = not replacement and copied > end
            elif size == end and not at:
                self._remember(data, fields)
            at += size
        self._left = max(0, at - end)
        if copied:
            return b"".join((*pieces, data[copied:at]))
        return data if at >= end else data[:at]

    def _remember(self, data: bytes, fields: int) -> None:
        """Remember a message that is not inspected, and was taken alone."""
        self._last_size, self._last_begin, self._last_fields = len(data), data[:_SERIAL_AT], data[_FIELDS_LENGTH_AT : FIXED + fields]

    def _hold(self, data: bytes, at: int, wanted: int) -> None:
        """Wait for the rest of a header."""
        self._held += data[at:]
        self._held_until = wanted

    def _inspect(self, data: bytes, at: int, fields: int, size: int, *, is_weighed: bool) -> bytes | None:  # noqa: PLR0913 - one by keyword
        """Inspect one message. Returns the bytes that replace its header, None to leave it, or b"" to remove the message."""
        order, kind, start = data[at], data[at + 1], at + FIXED
        if data[at + 3] != _VERSION:
            raise ValueError("a message has another version of the protocol")
        if start + fields > len(data):
            self._close(len(self._arrived))  # all are this message's: one read never returns descriptors of two messages
            return b""
        try:
            parsed = header.read(data[start : start + fields], order, header.FIELDS_MAX if self._shares is None else sys.maxsize)
        except TooManyFieldsError:
            return b""
        fault = self._fault(data[at : at + size] if is_weighed else b"", kind, size, parsed)
        if fault is not None:
            self._close(parsed.descriptors)
            if kind == _CALL:
                self._on_removed(Removed(fault, data[at + 2], NUMBERS[order].unpack_from(data, at + _SERIAL_AT)[0], parsed.sender))
            return b""
        if self._shares is not None:
            self._shares.append([self._arrived.popleft() for _ in range(parsed.descriptors)])
        elif kind == _CALL and parsed.known_fields is None:
            self._note(data[start : start + fields])
        if parsed.known_fields is None:
            return None
        length = NUMBERS[order].pack(len(parsed.known_fields))
        return data[at : at + 12] + length + parsed.known_fields + bytes(-len(parsed.known_fields) % 8)

    def _fault(self, weighed: bytes, kind: int, size: int, parsed: Fields) -> RemovalCause | None:
        """Why a message is removed, or None. `weighed` is the whole message if its values are counted."""
        if not 0 < kind <= _LAST_KIND or not (self._wanted.calls if kind == _CALL else self._is_wanted(kind, parsed)):
            return RemovalCause.UNWANTED
        if size > MESSAGE_MAX_BYTES:
            return RemovalCause.LONG
        return RemovalCause.HEAVY if weighed and value_count.is_heavy(weighed) else None

    def _is_wanted(self, kind: int, parsed: Fields) -> bool:
        return self._wanted.others(MessageOrigin(kind, parsed.sender, parsed.reply_serial if kind in REPLIES else 0))

    def _note(self, fields: bytes) -> None:
        """Cache a header without unknown fields: the next call with the same header is not inspected."""
        if len(fields) <= _KNOWN_MAX_BYTES:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            self._known.add(fields)

    def _close(self, count: int) -> None:
        for _ in range(count):
            os.close(self._arrived.popleft())
