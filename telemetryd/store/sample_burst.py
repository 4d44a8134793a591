"""Keeps SQLite's read transactions open between the commits of a burst of samples.

A write begins with a read transaction, whose locks are four of a commit's six calls of the kernel. An unfinished query keeps it open, which
takes a third off a commit (11.7 µs to 7.8). The price: the query sees no later commit of another process, holds up the emptying of the log,
and does not wait for locks. So it is ended before anything else than a sample, and a failed write is tried again without it.

The file of kept samples and that of refused ones begin and end together, whatever was written: else an application could measure which of
them its last sample went to. Policy: C3.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_ANY_ROW = "SELECT 1 FROM sqlite_master"


class SampleBurst:
    """The burst over both files. A single sample begins none, because it would cost more than it saves."""

    def __init__(self) -> None:
        self._files: list[Callable[[], sqlite3.Connection]] = []
        self._reads: list[sqlite3.Cursor] = []
        self.has_sample = False
        """Whether a sample was written since the last end. Without one there is nothing to end."""

    def add(self, connection: Callable[[], sqlite3.Connection]) -> None:
        """Take part with a file, whose connection is asked for at each beginning."""
        self.end()
        self._files.append(connection)

    def remove(self, connection: Callable[[], sqlite3.Connection]) -> None:
        """Take part no more."""
        self.end()
        if connection in self._files:
            self._files.remove(connection)

    def note_sample(self) -> None:
        """After the commit of a sample: the second one begins a burst."""
        if self._reads:
            return
        if self.has_sample:
            self._begin()
        self.has_sample = True

    def _begin(self) -> None:
        try:
            for connection in self._files:
                self._reads.append(connection().execute(_ANY_ROW))
        except sqlite3.Error:  # another process is in the way: nothing depends on a burst
            self.end()

    def end(self) -> bool:
        """End the burst, if there is one. True if so."""
        reads, self._reads, self.has_sample = self._reads, [], False
        for read in reads:
            read.close()
        return bool(reads)
