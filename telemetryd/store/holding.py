"""A reading that stays open from one write to the next, so that SQLite need not lock the newest state anew for each: a third of a commit.

While it is open SQLite cannot fold the log into the file, and a write fails if another process has written since. So it ends for one write
in every few hundred rows, for whatever else is done with the file, and where a write fails.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

_ROWS = 256
"""Rows written under one reading: by as many pages, or a few times as many, the log grows before it can be folded in."""


class Holding:
    """The open reading of one connection, if there is one."""

    def __init__(self) -> None:
        self._reading: sqlite3.Cursor | None = None
        self._rows_left = 0

    def before_write(self, connection: sqlite3.Connection, rows: int = 1) -> None:
        """Hold the newest state, or let it go for this one write of so many rows. Raises sqlite3.Error."""
        if self._rows_left > 0:
            self._rows_left -= rows
        elif not self.end():
            self._reading = connection.execute("SELECT name FROM sqlite_schema")  # open until the last row is taken
            self._rows_left = _ROWS - rows

    def end(self) -> bool:
        """Let the state go; False if none was held."""
        reading, self._reading, self._rows_left = self._reading, None, 0
        if reading is None:
            return False
        reading.close()
        return True
