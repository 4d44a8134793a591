"""When one connection is read and when it is written: batches, one write for each, and back-pressure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from telemetryd.bus.output import Output
from telemetryd.core.limits import RECEIVE_BUDGET_BYTES, UNSENT_HIGH_BYTES, UNSENT_LOW_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.bus.wire import Wire


class Flow:
    """Reads a wire in batches and writes what was added to it: within a batch at its end, else at the end of the loop's turn.

    Nothing is read while someone holds it, or from the moment when more than UNSENT_HIGH_BYTES are unsent until UNSENT_LOW_BYTES are.
    `on_batch` ends a batch; `on_lost` hears, once or more often, that the wire is unusable.
    """

    def __init__(self, wire: Wire, on_batch: Callable[[], None], on_lost: Callable[[], None]) -> None:
        self._wire = wire
        self._on_batch = on_batch
        self._on_lost = on_lost
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

    def on_readable(self) -> None:
        """Read one batch, and write what came of it."""
        self._is_in_batch = True
        self._wire.read(RECEIVE_BUDGET_BYTES)
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

    def _update_reading(self) -> None:
        wanted = self._is_started and not self._holds and not self._is_pressed
        if wanted and not self._is_reading:
            self._loop.add_reader(self._wire.fd, self.on_readable)
        elif self._is_reading and not wanted:
            self._loop.remove_reader(self._wire.fd)
        self._is_reading = wanted
