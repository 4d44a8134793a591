"""Queues of messages by sender, so that no sender delays another for long.

The bus sends one stream. While calls take little time, they are handled as they arrive. After a batch that took longer than one sender's
share, messages are sorted here as bytes, without a library. Senders take turns of a share each, and each sender's messages keep their
order. A sender that is alone has all of the time. Waiting bytes are bounded for each sender and in total. At a bound the connection is not
read. Only a sender whose calls take long has further ones refused instead: else all messages behind them in the bus would wait.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from telemetryd.bus.transport import header, value_count
from telemetryd.bus.transport.header import FIXED, NUMBERS
from telemetryd.core.limits import MESSAGE_MAX_BYTES, QUEUED_CALLER_BYTES, QUEUED_CROWDED_BYTES, QUEUED_MAX_BYTES
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Generator

_CALL, _NO_REPLY = 1, 1
_OVERHEAD_BYTES = 64
"""Memory of a message beside its bytes, and of a refused one. Its serial is kept, so that its reply keeps its place."""
_NOBODY = ""
"""The sender of a message that the library has in part, and of a message without a sender."""
_KNOWN_MAX, _KNOWN_MAX_BYTES = 1024, 512
"""Most cached headers with their sender, and their length. A program's calls of one member differ in the fixed bytes only."""

_TURNS_MAX = 1024
"""Most senders whose last turn is remembered. For others it counts as longest ago."""


class Refused(NamedTuple):
    """A call for which there was no room, or with too many values."""

    sender: str
    serial: int
    is_heavy: bool = False


class SenderQueues:
    """Whole messages by sender. If a library has a message in part, its missing `owed_bytes` come first of all."""

    def __init__(self, owed_bytes: int) -> None:
        self._queues: dict[str, deque[bytes | Refused]] = {}
        self._sizes: dict[str, int] = {}
        self._size = 0
        self._unfinished: list[bytes] = []
        self._missing_bytes = owed_bytes
        """Bytes of the unfinished message that have not been received."""
        self._is_owed = bool(owed_bytes)
        self._known: dict[bytes, str] = {}
        self._last_turns: dict[str, int] = {_NOBODY: -1}
        """Sender → number of its last turn. The rest of a message that the library has in part comes before everything."""
        self._turn = 0
        self.has_refused = False
        """Whether any call was refused since this was set to False."""
        self._slow: set[str] = set()
        """Senders whose calls take long."""
        self._heavy: set[str] = set()
        """Senders of a message with too many values. Of each about one more message waits, because counting takes long."""
        self._blocked: set[str] = set()
        self._over_limit: set[str] = set()
        """Senders over their bound whose calls do not take long. While there are any, nothing is received."""

    @property
    def is_waiting(self) -> bool:
        """Whether any message can be handed over now."""
        return bool(self._queues.keys() - self._blocked)

    @property
    def is_empty(self) -> bool:
        """Whether no message waits."""
        return not self._queues

    def block(self, sender: str) -> None:
        """Give a sender no turn until `unblock`: its earlier calls run in a task."""
        self._blocked.add(sender)

    def unblock(self, sender: str) -> None:
        """Give a sender turns again."""
        self._blocked.discard(sender)

    @property
    def is_at_boundary(self) -> bool:
        """Whether the received bytes end at the end of a message."""
        return not self._missing_bytes

    @property
    def is_full(self) -> bool:
        """Whether nothing more should be received."""
        return self._size >= QUEUED_MAX_BYTES or bool(self._over_limit)

    def note_slow(self, sender: str) -> None:
        """Note that a sender's calls take long. Until none of them waits, further ones over the bound are refused."""
        if len(self._slow) >= _TURNS_MAX:
            self._slow.clear()
        self._slow.add(sender)
        self._over_limit.discard(sender)

    def add(self, data: bytes) -> None:
        """Sort received messages with whole headers. The last one may continue in the next data."""
        if len(data) < self._missing_bytes:
            self._unfinished.append(data)
            self._missing_bytes -= len(data)
            return
        at = self._missing_bytes
        self._unfinished.append(data[:at])
        message = b"".join(self._unfinished)
        self._unfinished.clear()
        self._missing_bytes = 0
        if message:
            self._put(_NOBODY if self._is_owed else self._sender(message), message)
        self._is_owed = False
        while at < len(data):
            size = size_of(data, at)
            message = data[at : at + size]
            if len(message) < size:
                self._unfinished.append(message)
                self._missing_bytes = size - len(message)
                return
            self._put(self._sender(message), message)
            at += size

    def next_sender(self) -> str:
        """The sender whose last turn was longest ago."""
        return min((sender for sender in self._queues if sender not in self._blocked), key=lambda sender: self._last_turns.get(sender, 0))

    def turn(self) -> Generator[bytes | Refused, None, None]:
        """The messages of the next sender. Each is removed from its queue when it is requested."""
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
                    self._over_limit.discard(sender)
                if sender != _NOBODY and isinstance(message, bytes) and _is_heavy(message):
                    self._note_heavy(sender)
                    yield _refusal_of(sender, message, is_heavy=True)
                else:
                    yield message
        finally:
            if not queue and self._queues.get(sender) is queue:
                self.drop(sender)

    def drop(self, sender: str) -> None:
        """Forget a sender and its messages."""
        queue = self._queues.pop(sender, None)
        if queue is not None:
            queue.clear()
            self._size -= self._sizes.pop(sender)
            self._over_limit.discard(sender)
            self._slow.discard(sender)

    def _note_heavy(self, sender: str) -> None:
        if len(self._heavy) >= _TURNS_MAX:
            self._heavy.clear()
        self._heavy.add(sender)
        self._over_limit.discard(sender)

    def _note_turn(self, sender: str) -> None:
        self._turn += 1
        if len(self._last_turns) >= _TURNS_MAX:
            self._last_turns.clear()
        self._last_turns[sender] = self._turn

    def _put(self, sender: str, message: bytes) -> None:
        queue = self._queues.get(sender)
        if queue is None:
            queue = self._queues[sender] = deque()
            self._sizes[sender] = 0
        kept: bytes | Refused = message
        bound = MESSAGE_MAX_BYTES if sender in self._heavy else QUEUED_CALLER_BYTES
        is_slow = sender in self._slow or sender in self._heavy
        if is_slow and self._size > QUEUED_CROWDED_BYTES:
            bound = MESSAGE_MAX_BYTES
        is_over = self._sizes[sender] + len(message) > bound
        if is_over and message[1] == _CALL:
            if is_slow:
                self.has_refused = True
                kept = _refusal_of(sender, message, is_heavy=False)
                if not kept.sender:
                    return
            else:
                self._over_limit.add(sender)
        queue.append(kept)
        size = _size(kept)
        self._sizes[sender] += size
        self._size += size

    def _sender(self, message: bytes) -> str:
        """The sender of a message, or "" if the bus did not add it."""
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
    """The length of the message that begins at `at`."""
    number = NUMBERS[data[at]]
    (body,), (fields,) = number.unpack_from(data, at + 4), number.unpack_from(data, at + 12)
    size: int = FIXED + fields + -fields % 8 + body
    return size


def _is_heavy(message: bytes) -> bool:
    return value_count.is_counted(message[1], len(message)) and value_count.is_heavy(message)


def _refusal_of(sender: str, message: bytes, *, is_heavy: bool) -> Refused:
    """The entry of a message that is not handed over. Without a sender nobody gets an error."""
    expects_reply = message[1] == _CALL and not message[2] & _NO_REPLY
    return Refused(sender if expects_reply else _NOBODY, NUMBERS[message[0]].unpack_from(message, 8)[0], is_heavy)


def _size(message: bytes | Refused) -> int:
    return _OVERHEAD_BYTES if isinstance(message, Refused) else _OVERHEAD_BYTES + len(message)
