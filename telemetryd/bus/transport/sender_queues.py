"""Messages that wait for their turn: a queue for each sender, so that no sender's work comes before another's for long.

The bus gives us one stream. While whoever calls takes little time it is handled as it comes. When a batch took longer than one sender's
share, what comes is sorted here without a library, as bytes, and handed over message by message: the senders take turns of a share each,
and each one's messages keep their order. Nobody else waiting, a sender has all of the time. What may wait is bounded, for each sender and
in all. At a bound the connection is not read; only of a sender whose calls take long further ones are refused instead, since what the
bus keeps for us behind them would wait for all of them.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.bus.transport import header, value_count
from telemetryd.bus.transport.header import FIXED, NUMBERS
from telemetryd.core.limits import MESSAGE_WEIGHED_BYTES, QUEUED_CALLER_BYTES, QUEUED_MAX_BYTES

if TYPE_CHECKING:
    from collections.abc import Generator

_CALL, _NO_REPLY = 1, 1
_OVERHEAD_BYTES = 64
"""What a message takes beside its bytes, and what is kept of one that was refused: its serial, so that its reply keeps its place."""
_NOBODY = ""
"""Stands for the sender of a message that the library has in part, and of one of which the bus did not say it."""
_KNOWN_MAX, _KNOWN_MAX_BYTES = 1024, 512
"""Headers whose sender is known without a look, and their length: a program's calls of one member differ in the fixed bytes only."""

_SERVED_MAX = 1024
"""Senders whose last turn is known; of others it counts as longest ago."""


class Refused(NamedTuple):
    """A call that there was no room for, or that holds too many values."""

    sender: str
    serial: int
    is_heavy: bool = False


class Turns:
    """Whole messages by their senders; first of all, if a library has a message in part, the `owed_bytes` that are still to come of it."""

    def __init__(self, owed_bytes: int) -> None:
        self._queues: dict[str, deque[bytes | Refused]] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._unfinished = bytearray()
        self._wanted = owed_bytes
        """The length of the unfinished message."""
        self._is_owed = bool(owed_bytes)
        self._known: dict[bytes, str] = {}
        self._served: dict[str, int] = {_NOBODY: -1}
        """The number of each sender's last turn. What the library has in part comes before everything."""
        self._turn = 0
        self.has_refused = False
        """Whether anything was refused since this was set to False."""
        self._long: set[str] = set()
        """Senders whose calls take long."""
        self._blocked: set[str] = set()
        self._over: set[str] = set()
        """Senders who have more waiting than they may, of calls that do not."""

    @property
    def is_waiting(self) -> bool:
        """Whether there is anything to hand over now."""
        return bool(self._queues.keys() - self._blocked)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept."""
        return not self._queues

    def block(self, sender: str) -> None:
        """Give a sender no turn until `unblock`: earlier calls of it are being worked on elsewhere."""
        self._blocked.add(sender)

    def unblock(self, sender: str) -> None:
        """Give it turns again."""
        self._blocked.discard(sender)

    @property
    def is_between(self) -> bool:
        """Whether no message has come in part only."""
        return not self._wanted

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be received."""
        return self._size >= QUEUED_MAX_BYTES or bool(self._over)

    def note_long(self, sender: str) -> None:
        """Calls of a sender take long: until nothing of it waits, they are refused where there is no room. Others are waited for."""
        if len(self._long) >= _SERVED_MAX:
            self._long.clear()
        self._long.add(sender)
        self._over.discard(sender)

    def add(self, data: bytes) -> None:
        """Sort what was received: messages with whole headers, the last of which may go on with the next data."""
        if self._wanted:
            self._unfinished += data
            if len(self._unfinished) < self._wanted:
                return
            data = bytes(self._unfinished)
            self._unfinished.clear()
        at, end = 0, len(data)
        if self._is_owed:
            at, self._is_owed = self._wanted, False
            self._put(_NOBODY, data[:at])
        self._wanted = 0
        while at < end:
            size = size_of(data, at)
            if at + size > end:
                self._unfinished += data[at:]
                self._wanted = size
                return
            message = data[at : at + size]
            self._put(self._sender(message), message)
            at += size

    def next_sender(self) -> str:
        """Whose turn it is: the sender's whose last turn was longest ago."""
        return min((one for one in self._queues if one not in self._blocked), key=lambda one: self._served.get(one, 0))

    def turn(self) -> Generator[bytes | Refused, None, None]:
        """The messages of the sender whose last turn was longest ago, each taken when it is asked for."""
        sender = self.next_sender()
        queue = self._queues[sender]
        self._note_turn(sender)
        try:
            while queue:
                message = queue.popleft()
                size = _size(message)
                self._size -= size
                self._sizes[sender] -= size
                if self._sizes[sender] <= QUEUED_CALLER_BYTES:
                    self._over.discard(sender)
                is_weighed = size > MESSAGE_WEIGHED_BYTES and sender != _NOBODY
                is_heavy = is_weighed and isinstance(message, bytes) and value_count.is_heavy(message)
                yield _refused(sender, message, is_heavy=True) if is_heavy and isinstance(message, bytes) else message
        finally:
            if not queue and self._queues.get(sender) is queue:
                self.drop(sender)

    def drop(self, sender: str) -> None:
        """Forget a sender and its messages."""
        queue = self._queues.pop(sender, None)
        if queue is not None:
            queue.clear()
            self._size -= self._sizes.pop(sender)
            self._over.discard(sender)
            self._long.discard(sender)

    def _note_turn(self, sender: str) -> None:
        self._turn += 1
        if len(self._served) >= _SERVED_MAX:
            self._served.clear()
        self._served[sender] = self._turn

    def _put(self, sender: str, message: bytes) -> None:
        queue = self._queues.get(sender)
        if queue is None:
            queue = self._queues[sender] = deque()
            self._sizes[sender] = 0
        kept: bytes | Refused = message
        if self._sizes[sender] + len(message) > QUEUED_CALLER_BYTES and message[1] == _CALL:
            if sender in self._long:
                self.has_refused = True
                kept = _refused(sender, message, is_heavy=False)
                if not kept.sender:
                    return
            else:
                self._over.add(sender)
        queue.append(kept)
        size = _size(kept)
        self._sizes[sender] += size
        self._size += size

    def _sender(self, message: bytes) -> str:
        """Who sent a message; "" if the bus did not say."""
        fields = message[FIXED : FIXED + NUMBERS[message[0]].unpack_from(message, 12)[0]]
        sender = self._known.get(fields)
        if sender is None:
            sender = header.read(fields, message[0]).sender
            if len(fields) <= _KNOWN_MAX_BYTES:
                if len(self._known) >= _KNOWN_MAX:
                    self._known.clear()
                self._known[fields] = sender
        return sender


def size_of(data: bytes, at: int) -> int:
    """The length of the message that begins here."""
    number = NUMBERS[data[at]]
    (body,), (fields,) = number.unpack_from(data, at + 4), number.unpack_from(data, at + 12)
    size: int = FIXED + fields + -fields % 8 + body
    return size


def _refused(sender: str, message: bytes, *, is_heavy: bool) -> Refused:
    """What stands for a message that is not handed over; without a name nobody is told."""
    is_told = message[1] == _CALL and not message[2] & _NO_REPLY
    return Refused(sender if is_told else _NOBODY, NUMBERS[message[0]].unpack_from(message, 8)[0], is_heavy)


def _size(message: bytes | Refused) -> int:
    return _OVERHEAD_BYTES if isinstance(message, Refused) else _OVERHEAD_BYTES + len(message)
