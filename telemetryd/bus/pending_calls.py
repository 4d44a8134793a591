"""The calls of callers that are not identified yet, in order, and how much they take."""

from __future__ import annotations

from collections import deque
from typing import Any

from telemetryd.bus.transport.library import Message, Variant

PARKED_MAX_CALLS = 256
"""Calls of unidentified callers that wait at once. Identifying takes about 1 ms, in which a flood brings some 50."""
PARKED_MAX_BYTES = 6 * 1024 * 1024
"""Their size, estimated: some ninety manifests of the largest size; what the bus has read already may go beyond by one batch."""


class Parked:
    """The calls of callers that are not identified yet, in order, and how much they take."""

    def __init__(self) -> None:
        self.queues: dict[str, deque[tuple[Message, int]]] = {}
        self._calls = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        """Whether a bound is reached."""
        return self._calls >= PARKED_MAX_CALLS or self._bytes >= PARKED_MAX_BYTES

    def add(self, call: Message) -> bool:
        """Keep a call; says whether it is its caller's first."""
        size = size_bytes(call.body)
        self._calls += 1
        self._bytes += size
        is_first = call.sender not in self.queues
        self.queues.setdefault(call.sender, deque()).append((call, size))
        return is_first

    def take(self, queue: deque[tuple[Message, int]]) -> Message:
        """The oldest call of a queue."""
        call, size = queue.popleft()
        self._calls -= 1
        self._bytes -= size
        return call

    def drop(self, sender: str) -> None:
        """Forget a caller and what is left of its calls."""
        self.empty(sender)
        del self.queues[sender]

    def empty(self, sender: str) -> None:
        """Forget what is left of a caller's calls; further ones still wait behind them."""
        queue = self.queues.get(sender) or deque()
        self._calls -= len(queue)
        self._bytes -= sum(size for _, size in queue)
        queue.clear()


def size_bytes(value: Any) -> int:
    """About what a value takes in a message: exact sizes would need the message as it came."""
    if isinstance(value, str | bytes):
        return 8 + len(value)
    if isinstance(value, Variant):
        return 8 + size_bytes(value.value)
    if isinstance(value, dict):
        return 8 + sum(size_bytes(key) + size_bytes(item) for key, item in value.items())
    if isinstance(value, list | tuple):
        return 8 + sum(map(size_bytes, value))
    return 8
