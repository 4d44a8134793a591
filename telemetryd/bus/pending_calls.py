"""The pending calls: those of callers that are not identified yet."""

from __future__ import annotations

from collections import deque
from typing import Any

from telemetryd.bus.transport.library import Message, Variant

PENDING_MAX_CALLS = 1024
"""Most pending calls. One batch brings at most 300."""
PENDING_MAX_BYTES = 6 * 1024 * 1024
"""Their estimated size: some ninety manifests of the largest size. One batch that was read already may exceed it."""
PENDING_EACH_CALLS, PENDING_EACH_BYTES = 64, 1024 * 1024
"""From so many calls of one caller on, or so long ones, its further calls wait in the connection, where they hold up nobody.

Identifying a caller takes about 1 ms, in which a flood brings some 50.
"""


class PendingCalls:
    """Queues of pending calls by sender, with their number and size."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[tuple[Message, int]]] = {}
        self._bytes_of: dict[str, int] = {}
        self._calls = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether a bound is reached."""
        return self._calls >= PENDING_MAX_CALLS or self._bytes >= PENDING_MAX_BYTES

    def has_enough(self, sender: str) -> bool:
        """Whether a caller has so many pending calls that further ones should wait elsewhere."""
        return len(self.queues.get(sender, ())) >= PENDING_EACH_CALLS or self._bytes_of.get(sender, 0) >= PENDING_EACH_BYTES

    def add(self, call: Message) -> bool:
        """Add a call. True if it is its caller's first."""
        size = size_bytes(call.body)
        self._calls += 1
        self._bytes += size
        is_first = call.sender not in self.queues
        self.queues.setdefault(call.sender, deque()).append((call, size))
        self._bytes_of[call.sender] = self._bytes_of.get(call.sender, 0) + size
        return is_first

    def take(self, queue: deque[tuple[Message, int]]) -> Message:
        """Remove and return the oldest call of a queue."""
        call, size = queue.popleft()
        self._calls -= 1
        self._bytes -= size
        self._bytes_of[call.sender] -= size
        return call

    def drop(self, sender: str) -> None:
        """Drop a caller and its calls."""
        self.empty(sender)
        del self.queues[sender], self._bytes_of[sender]

    def empty(self, sender: str) -> None:
        """Drop a caller's calls. Later calls still join its queue."""
        queue = self.queues.get(sender) or deque()
        self._calls -= len(queue)
        self._bytes -= sum(size for _, size in queue)
        if queue:
            self._bytes_of[sender] = 0
            queue.clear()


def size_bytes(value: Any) -> int:
    """The approximate size of a value in a message. The exact size would need the received bytes."""
    if isinstance(value, str | bytes):
        return 8 + len(value)
    if isinstance(value, Variant):
        return 8 + size_bytes(value.value)
    if isinstance(value, dict):
        return 8 + sum(size_bytes(key) + size_bytes(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return 8 + sum(map(size_bytes, value))
    return 8
