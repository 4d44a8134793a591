"""When one connection is read and when it is written: batches, one write for each, turns, and back-pressure."""

from __future__ import annotations

import asyncio
import contextlib
from time import perf_counter, thread_time
from typing import TYPE_CHECKING

from telemetryd.bus.transport.output import Output
from telemetryd.bus.transport.sender_queues import Refused, Turns
from telemetryd.core.limits import (
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


class Flow:
    """Reads a wire in batches and writes what was added to it: within a batch at its end, else at the end of the loop's turn.

    A batch that took longer than one sender's share begins a crowd: from then on what is received is sorted by senders (`Turns`), and one
    turn is a batch. The crowd is over when nothing waits and no turn has been longer than a share for a while. A share is processor time:
    on a busy machine nobody's call takes longer for that. The first long batch makes us wary, since looking at that clock costs a call 1 %.

    Nothing is read while someone holds it, or from the moment when more than UNSENT_HIGH_BYTES are unsent until UNSENT_LOW_BYTES are.
    `on_batch` ends a batch; `on_lost` hears, once or more often, that the wire is unusable; `on_refused` of calls for which there is no
    room. Without it nothing is sorted.
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
        self._turns: Turns | None = None
        self._is_turn_due = False
        self._wary_until = self._crowded_until = 0.0
        self._received = self._pauses = 0
        self._is_handed_over = asyncio.Event()
        self._output = Output()
        self._holds = 0
        self._is_started = self._is_reading = self._is_writing = self._is_pressed = False
        self._is_in_batch = self._is_flush_due = False
        self._is_empty = asyncio.Event()

    def start(self) -> None:
        """Take over from the handshake, in which the wire was read without bounds."""
        self._loop = asyncio.get_running_loop()
        self._is_started = self._is_reading = True
        self._is_empty.set()
        self._update_reading()

    def stop(self) -> None:
        """End for ever: what is unsent is lost, and who waits for it is woken."""
        self._is_started = self._is_reading = self._is_writing = False
        self._wire.close()
        self._output.discard()
        self._is_empty.set()
        self._turns = None
        self._is_handed_over.set()

    @property
    def backlog(self) -> int:
        """Bytes that are not written yet."""
        return self._output.size_bytes

    def add(self, data: bytes | bytearray, descriptors: Sequence[int] = ()) -> None:
        """Put a message at the end of the output."""
        self._output.add(data, descriptors)
        if not self._is_in_batch and not self._is_writing and not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self.flush)

    def bound_batch(self) -> None:
        """Receive no more in this batch if too much is unsent already."""
        if self._is_in_batch and self.backlog > UNSENT_HIGH_BYTES:
            self._wire.stop_reading()

    async def written(self) -> None:
        """Return when nothing is unsent, or the flow has stopped."""
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
        """Nothing of a sender is worked on elsewhere any more."""
        if self._turns is not None:
            self._turns.unblock(sender)
            self._update_reading()

    def block(self, sender: str) -> None:
        """Calls of a sender take long, and are being worked on elsewhere: what comes of it waits until `unblock`."""
        if self._turns is None and self._is_started and self._on_refused is not None:
            self._turns = Turns(self._wire.socket.owed_bytes)
        if self._turns is not None:
            self._crowded_until = perf_counter() + CROWDED_S
            self._turns.note_long(sender)
            self._turns.block(sender)
            self._update_reading()

    def forget(self, sender: str) -> None:
        """Drop what waits of a sender that has left."""
        if self._turns is not None:
            self._turns.drop(sender)
            self._update_reading()

    async def handed_over(self) -> None:
        """Return when nothing waits for its turn, or the flow has stopped."""
        while self._turns is not None and not self._turns.is_empty:
            self._is_handed_over.clear()
            await self._is_handed_over.wait()

    def on_readable(self) -> None:
        """Read one batch, and write what came of it."""
        if self._turns is not None:
            self._sort(self._turns)
            return
        begin = perf_counter()
        spent = thread_time() if begin < self._wary_until else 0.0
        self._is_in_batch = True
        self._wire.read(RECEIVE_BUDGET_BYTES, begin + TURN_S)
        self._end_batch()
        now = perf_counter()
        if now - begin > TURN_S:
            if spent and thread_time() - spent > TURN_S and self._is_started and self._on_refused is not None:
                self._turns = Turns(self._wire.socket.owed_bytes)
                self._crowded_until = now + CROWDED_S
            self._wary_until = now + CROWDED_S

    def _sort(self, turns: Turns) -> None:
        """Receive, and take a turn unless that is due anyway."""
        received = self._wire.receive(RECEIVE_CROWDED_BYTES)
        if received is None:
            self._wire.socket.read_again()  # so that the library finds the end too
            self._wire.read(RECEIVE_BUDGET_BYTES)
            self._end_batch()
            return
        if not self._wire.is_open:  # what came cannot be read
            self._end_batch()
            return
        turns.add(received)
        self._received += len(received)
        if self._is_turn_due:
            self._update_reading()
        else:
            self._take_turn()

    def _take_turn(self) -> None:
        """Hand over messages of one sender for the time of its share, and write what came of it.

        While much is coming in, that comes first: somebody else's call may be behind it, and the bus gives us more only as we take it.
        """
        self._is_turn_due = False
        turns = self._turns
        if turns is None or not self._is_running:
            return
        received, self._received = self._received, 0
        most_pauses = STREAM_PAUSES * (REFUSING_PAUSES if turns.has_refused else 1)
        if received >= STREAM_BYTES and self._pauses < most_pauses and not turns.is_full:
            self._pauses += 1
            self._is_turn_due = True
            self._loop.call_later(STREAM_PAUSE_S, self._take_turn)
            return
        self._pauses, turns.has_refused = 0, False
        if turns.is_waiting:
            self._run_turn(turns)
        if turns.is_empty:
            self._is_handed_over.set()
            if turns.is_between and perf_counter() > self._crowded_until and self._turns is turns:
                self._turns = None
                self._wire.socket.read_again()
        self._update_reading()

    def _run_turn(self, turns: Turns) -> None:
        """One turn. Calls that turned out to be short go over together, as many as the rest of the share has room for."""
        begin, spent, handled, room = thread_time(), 0.0, 0, 1
        sender = turns.next_sender()
        self._is_in_batch = True
        together: list[bytes] = []
        with contextlib.closing(turns.turn()) as messages:
            for message in messages:
                if isinstance(message, Refused):
                    self._hand_over(together)
                    self._refuse(message)
                else:
                    together.append(message)
                handled += 1
                if together and len(together) < room and len(message) < SHORT_BYTES:
                    continue
                self._hand_over(together)
                spent = thread_time() - begin
                room = min(TOGETHER_MAX, int(handled * (TURN_S - spent) / max(spent, 1e-6)))
                if spent > TURN_S or not self._is_running or self.backlog > UNSENT_HIGH_BYTES:
                    break
        self._hand_over(together)
        if spent > LONG_CALL_S * handled:
            turns.note_long(sender)
        self._end_batch()
        if spent > TURN_S:
            self._crowded_until = perf_counter() + CROWDED_S

    def _hand_over(self, together: list[bytes]) -> None:
        if together:
            self._wire.hand_over(b"".join(together))
            together.clear()

    def _refuse(self, message: Refused) -> None:
        if self._on_refused is not None:
            self._on_refused(message)

    def _end_batch(self) -> None:
        self._on_batch()
        self._is_in_batch = False
        if self._is_started and not self._wire.is_open:
            self._on_lost()
        else:
            self.flush()

    def flush(self) -> None:
        """Write what the socket takes; the rest when it takes more."""
        self._is_flush_due = False
        if not self._is_started:
            return
        try:
            is_empty = self._output.write(self._wire.socket)
        except OSError:
            self._on_lost()
            return
        if is_empty and not self._is_writing and not self._is_pressed:
            return  # nothing was unsent before either: reading and writing stay as they are
        if is_empty:
            self._is_empty.set()
        else:
            self._is_empty.clear()
        backlog = self.backlog
        self._is_pressed = backlog > UNSENT_HIGH_BYTES or (self._is_pressed and backlog >= UNSENT_LOW_BYTES)
        self._update_writing(wanted=not is_empty)
        self._update_reading()

    def _update_writing(self, *, wanted: bool) -> None:
        if wanted and not self._is_writing:
            self._loop.add_writer(self._wire.fd, self.flush)
        elif self._is_writing and not wanted:
            self._loop.remove_writer(self._wire.fd)
        self._is_writing = wanted

    @property
    def _is_running(self) -> bool:
        """Whether messages may be handled now."""
        return self._is_started and not self._holds and not self._is_pressed

    def _update_reading(self) -> None:
        wanted = self._is_started and not self._holds and not self._is_pressed
        if self._turns is not None:
            if wanted and self._turns.is_waiting and not self._is_turn_due:
                self._is_turn_due = True
                self._loop.call_soon(self._take_turn)
            wanted = wanted and not self._turns.is_full
        if wanted and not self._is_reading:
            self._loop.add_reader(self._wire.fd, self.on_readable)
        elif self._is_reading and not wanted:
            self._loop.remove_reader(self._wire.fd)
        self._is_reading = wanted
