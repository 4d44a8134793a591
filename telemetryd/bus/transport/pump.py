"""Schedules reading and writing of one connection: batches with one write each, turns of senders, and back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum, auto
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

from telemetryd.bus.transport.output import Output
from telemetryd.bus.transport.sender_queues import Refused, SenderQueues
from telemetryd.core.limits import (
    BEHIND_S,
    CROWDED_S,
    LONG_CALL_S,
    RECEIVE_BUDGET_BYTES,
    RECEIVE_CROWDED_BYTES,
    REFUSING_PAUSES,
    SHORT_BYTES,
    STREAM_BYTES,
    STREAM_PAUSE_S,
    STREAM_PAUSES,
    TOGETHER_MAX,
    TURN_S,
    UNSENT_HIGH_BYTES,
    UNSENT_LOW_BYTES,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.bus.transport.wire import Wire


class InputState(Enum):
    """Whether the wire is read."""

    NEW = auto()
    """The handshake reads, without bounds."""
    ON = auto()
    OFF = auto()
    """`hold` was called, the queues are full, or too much output is unsent."""
    STOPPED = auto()
    """The pump has stopped for ever."""


class OutputState(Enum):
    """When the output is sent."""

    IDLE = auto()
    """Nothing is unsent, or it is sent at the end of the batch."""
    DUE = auto()
    """It is sent at the end of the loop's turn."""
    BLOCKED = auto()
    """The socket took a part. The rest is sent when the socket is writable."""
    PRESSED = auto()
    """As BLOCKED, with so much unsent that nothing is read."""


_NEW, _ON, _OFF, _STOPPED = InputState.NEW, InputState.ON, InputState.OFF, InputState.STOPPED
_IDLE, _DUE, _BLOCKED, _PRESSED = OutputState.IDLE, OutputState.DUE, OutputState.BLOCKED, OutputState.PRESSED


def _after_write(sending: OutputState, unsent_bytes: int) -> OutputState:
    """The state after a write that left this much unsent. Between the two marks PRESSED stays: reading must not switch all the time."""
    if unsent_bytes > UNSENT_HIGH_BYTES or (sending is _PRESSED and unsent_bytes >= UNSENT_LOW_BYTES):
        return _PRESSED
    return _BLOCKED if unsent_bytes else _IDLE


class Pump:
    """Reads a wire in batches, and writes the output at the end of a batch or of the loop's turn.

    A batch that takes longer than one sender's share starts the crowded mode: received messages are sorted by sender (`SenderQueues`), and
    one turn of a sender is a batch. So do several batches in a row that leave the bus with much for us, as of one long message each. The
    mode ends when nothing waits and no turn was longer than a share for a while. A share is processor time, because a busy machine does not
    make a sender's calls more expensive. Reading that clock costs a call 1 %, so the pump does it only for a while after a long batch.

    Nothing is read after `hold`, or from more than UNSENT_HIGH_BYTES of unsent output until less than UNSENT_LOW_BYTES.
    `on_batch` ends a batch. `on_lost` is called, maybe repeatedly, if the wire is unusable. `on_refused` gets calls for which there is no
    room. Without `on_refused` nothing is sorted.
    """

    def __init__(
        self,
        wire: Wire,
        on_batch: Callable[[], None],
        on_lost: Callable[[], None],
        on_refused: Callable[[Refused], None] | None = None,
    ) -> None:
        self._wire = wire
        self._on_batch = on_batch
        self._on_lost = on_lost
        self._on_refused = on_refused
        self._budget_bytes = RECEIVE_CROWDED_BYTES if on_refused is None else RECEIVE_BUDGET_BYTES
        """Most bytes of a batch that is not sorted. If none is sorted, few are for us, and the rest is removed quickly."""
        self._queues: SenderQueues | None = None
        self._is_turn_due = False
        self._wary_until = self._crowded_until = 0.0
        self._behind_since: float | None = None
        """The processor time at the end of the first of the last long batches in a row that left much unread."""
        self._received = self._pauses = 0
        self._is_handed_over = asyncio.Event()
        self._output = Output()
        self._holds = 0
        self._reading, self._sending = _NEW, _IDLE
        self._is_in_batch = False
        self._is_empty = asyncio.Event()

    def start(self) -> None:
        """Start, after the handshake, which reads the wire without bounds."""
        self._loop = asyncio.get_running_loop()
        self._socket = self._wire.socket
        self._reading = _ON
        self._is_empty.set()
        self._update_reading()

    def stop(self) -> None:
        """Stop for ever. Unsent output is lost, and waiting tasks are woken."""
        self._reading, self._sending = _STOPPED, _IDLE
        self._wire.close()
        self._output.discard()
        self._is_empty.set()
        self._queues = None
        self._is_handed_over.set()

    @property
    def backlog(self) -> int:
        """Unwritten bytes."""
        return self._output.size_bytes

    def add(self, data: bytes | bytearray, descriptors: Sequence[int] = ()) -> None:
        """Append a message to the output."""
        self._output.add(data, descriptors)
        if self._sending is _IDLE and not self._is_in_batch:
            self._sending = _DUE
            self._loop.call_soon(self.flush)

    def add_bounded(self, data: bytes | bytearray, descriptors: Sequence[int] = ()) -> None:
        """Append a message of any length. If too much is unsent then, this batch receives no more."""
        self.add(data, descriptors)
        if self._is_in_batch and self.backlog > UNSENT_HIGH_BYTES:
            self._wire.stop_reading()

    async def wait_written(self) -> None:
        """Return when nothing is unsent, or the pump has stopped."""
        self.flush()
        await self._is_empty.wait()

    def hold(self) -> None:
        """Stop reading until `resume` has been called as often."""
        self._holds += 1
        if self._is_started:
            self._wire.stop_reading()
            self._update_reading()

    def resume(self) -> None:
        """Take back one `hold`."""
        self._holds = max(0, self._holds - 1)
        self._update_reading()

    def unblock(self, sender: str) -> None:
        """Hand over messages of a sender again: its earlier calls are done."""
        if self._queues is not None:
            self._queues.unblock(sender)
            self._update_reading()

    def block(self, sender: str) -> None:
        """Keep messages of a sender waiting until `unblock`, because its calls take long and run in a task."""
        if self._queues is None and self._is_started and self._on_refused is not None:
            self._queues = SenderQueues(self._socket.owed_bytes)
        if self._queues is not None:
            self._crowded_until = perf_counter() + CROWDED_S
            self._queues.note_slow(sender)
            self._queues.block(sender)
            self._update_reading()

    def forget(self, sender: str) -> None:
        """Drop the waiting messages of a sender that has left."""
        if self._queues is not None:
            self._queues.drop(sender)
            self._update_reading()

    async def wait_handed_over(self) -> None:
        """Return when no message waits for its turn, or the pump has stopped."""
        while self._queues is not None and not self._queues.is_empty:
            self._is_handed_over.clear()
            await self._is_handed_over.wait()

    def on_readable(self) -> None:
        """Read one batch, and write its output."""
        if self._queues is not None:
            self._receive_sorted(self._queues)
            return
        begin = perf_counter()
        is_wary = begin < self._wary_until
        spent = thread_time() if is_wary else 0.0
        self._is_in_batch = True
        self._wire.read(self._budget_bytes, begin + TURN_S, is_wary=is_wary)
        self._end_batch()
        took_s = perf_counter() - begin
        if took_s > LONG_CALL_S:
            self._note_long_batch(took_s, spent)

    def _note_long_batch(self, took_s: float, spent: float) -> None:
        """Start the crowded mode if the batch was too long, or if the pump has fallen behind. `spent` is 0 if the time was not measured."""
        now = perf_counter()
        is_sortable = self._is_started and self._on_refused is not None
        if is_sortable and ((spent and thread_time() - spent > TURN_S) or self._is_behind()):
            self._queues = SenderQueues(self._socket.owed_bytes)
            self._crowded_until, self._behind_since = now + CROWDED_S, None
        if took_s > TURN_S:
            self._wary_until = now + CROWDED_S

    def _is_behind(self) -> bool:
        """Whether long batches have left much unread for a while. Only those are looked at."""
        if not self._socket.has_unread(STREAM_BYTES):
            self._behind_since = None
            return False
        spent = thread_time()
        if self._behind_since is None:
            self._behind_since = spent
        return spent - self._behind_since > BEHIND_S

    def _receive_sorted(self, queues: SenderQueues) -> None:
        """Receive into the queues, and take a turn unless one is due anyway."""
        received = self._wire.receive(RECEIVE_CROWDED_BYTES)
        if received is None:
            self._socket.read_again()  # so that the library reads the end of the file too
            self._wire.read(RECEIVE_BUDGET_BYTES)
            self._end_batch()
            return
        if not self._wire.is_open:  # the received bytes are malformed
            self._end_batch()
            return
        queues.add(received)
        self._received += len(received)
        if self._is_turn_due:
            self._update_reading()
        else:
            self._take_turn()

    def _take_turn(self) -> None:
        """Hand over messages of one sender for the time of its share, and write the output.

        While much is arriving, receiving comes first: another sender's call may be behind it in the bus, which sends only as we read.
        """
        self._is_turn_due = False
        queues = self._queues
        if queues is None or not self._is_running:
            return
        received, self._received = self._received, 0
        most_pauses = STREAM_PAUSES * (REFUSING_PAUSES if queues.has_refused else 1)
        if received >= STREAM_BYTES and self._pauses < most_pauses and not queues.is_full:
            self._pauses += 1
            self._is_turn_due = True
            self._loop.call_later(STREAM_PAUSE_S, self._take_turn)
            return
        self._pauses, queues.has_refused = 0, False
        if queues.is_waiting:
            self._run_turn(queues)
        if queues.is_empty:
            self._is_handed_over.set()
            if queues.is_at_boundary and perf_counter() > self._crowded_until and self._queues is queues:
                self._queues = None
                self._socket.read_again()
        self._update_reading()

    def _run_turn(self, queues: SenderQueues) -> None:
        """One turn. Short calls are handed over together, as many as the rest of the share and of the budget has room for."""
        begin, spent, handled, room, size = thread_time(), 0.0, 0, 1, 0
        sender = queues.next_sender()
        self._is_in_batch = True
        short_messages: list[bytes] = []
        with contextlib.closing(queues.turn()) as messages:
            for message in messages:
                if isinstance(message, Refused):
                    self._hand_over(short_messages)
                    self._refuse(message)
                else:
                    short_messages.append(message)
                    size += len(message)
                handled += 1
                if short_messages and len(short_messages) < room and len(message) < SHORT_BYTES and size < RECEIVE_BUDGET_BYTES:
                    continue
                self._hand_over(short_messages)
                spent = thread_time() - begin
                room = min(TOGETHER_MAX, int(handled * (TURN_S - spent) / max(spent, 1e-6)))
                if spent > TURN_S or size >= RECEIVE_BUDGET_BYTES or not self._is_running or self.backlog > UNSENT_HIGH_BYTES:
                    break
        self._hand_over(short_messages)
        if spent > LONG_CALL_S * handled:
            queues.note_slow(sender)
        self._end_batch()
        if spent > TURN_S:
            self._crowded_until = perf_counter() + CROWDED_S

    def _hand_over(self, messages: list[bytes]) -> None:
        if messages:
            self._wire.hand_over(b"".join(messages))
            messages.clear()

    def _refuse(self, message: Refused) -> None:
        if self._on_refused is not None:
            self._on_refused(message)

    def _end_batch(self) -> None:
        self._on_batch()
        self._is_in_batch = False
        if not self._wire.is_open and self._is_started:
            self._on_lost()
        else:
            self.flush()

    def flush(self) -> None:
        """Write what the socket takes, and the rest when it is writable."""
        if not self._is_started:
            return
        try:
            is_empty = self._output.write(self._socket)
        except OSError:
            self._on_lost()
            return
        sending = self._sending
        was_blocked = sending is _BLOCKED or sending is _PRESSED
        if is_empty and not was_blocked:
            self._sending = _IDLE
            return  # nothing was unsent before either: reading and writing stay as they are
        self._sending = _IDLE if is_empty else _after_write(sending, self.backlog)
        if is_empty:
            self._is_empty.set()
            self._loop.remove_writer(self._wire.fd)
        elif not was_blocked:
            self._is_empty.clear()
            self._loop.add_writer(self._wire.fd, self.flush)
        self._update_reading()

    @property
    def _is_started(self) -> bool:
        return self._reading is _ON or self._reading is _OFF

    @property
    def _is_running(self) -> bool:
        """Whether messages may be handled now."""
        return self._is_started and not self._holds and self._sending is not _PRESSED

    def _update_reading(self) -> None:
        if not self._is_started:
            return
        should_read = not self._holds and self._sending is not _PRESSED
        if self._queues is not None:
            if should_read and self._queues.is_waiting and not self._is_turn_due:
                self._is_turn_due = True
                self._loop.call_soon(self._take_turn)
            should_read = should_read and not self._queues.is_full
        if should_read and self._reading is _OFF:
            self._loop.add_reader(self._wire.fd, self.on_readable)
        elif self._reading is _ON and not should_read:
            self._loop.remove_reader(self._wire.fd)
        self._reading = _ON if should_read else _OFF
