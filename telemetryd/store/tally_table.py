"""The table of running tallies: one small row for each (question, pushing application, period), rewritten in place. Policy: M2."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telemetryd.core.definition import Key
    from telemetryd.store.database import Database


_CELL_BYTES = 8
_UPSERT = (
    "INSERT INTO tally (id, application, question, pusher, period, cells) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    " ON CONFLICT (id) DO UPDATE SET cells = ?6, turn = 1 - turn"
)
_UPDATE = "UPDATE tally SET cells = ?, turn = 1 - turn WHERE id = ?"
"""Takes cells as a bytearray: at each value of the type bytes sqlite3 looks for an adapter, which takes 2,500 instructions."""


class Tallies:
    """The table of tallies. A row is created at its first sample, so that a question without consent has none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._saved: set[int] = set()
        """Ids of rows that are known to exist: updating them is cheaper than an upsert."""

    def all(self) -> list[StoredTally]:
        """Every tally on disk."""
        rows = self._database.read("SELECT id, application, question, pusher, period, cells FROM tally")
        if any(not isinstance(row[5], bytes) or len(row[5]) % _CELL_BYTES for row in rows):
            raise StorageError("a tally in telemetry.sqlite is damaged")
        return [StoredTally(number, (app, name), pusher, period, array("Q", cells)) for number, app, name, pusher, period, cells in rows]

    def save(self, tallies: Sequence[StoredTally]) -> None:
        """Write tallies in one commit that survives a crash of the process."""
        numbers = [tally.id for tally in tallies]
        if self._saved.issuperset(numbers):
            self._database.write_many(
                _UPDATE, [(tally.cells.tobytes(), tally.id) for tally in tallies], lambda: (_UPSERT, [_row(tally) for tally in tallies])
            )
        else:
            self._database.write_many(_UPSERT, [_row(tally) for tally in tallies])
            self._saved.update(numbers)

    def save_one(self, tally: StoredTally) -> None:
        """Write one tally, as durably and in half the time."""
        if tally.id in self._saved and self._database.write(_UPDATE, (bytearray(tally.cells), tally.id)):  # see _UPDATE
            self._database.burst.note_sample()
            return
        self._database.write(_UPSERT, _row(tally))
        self._saved.add(tally.id)

    def erase(self, keys: Iterable[Key], pusher: str | None = None) -> None:
        """Erase the tallies of questions, or only what one application pushed into them."""
        where = "application = ? AND question = ?" + ("" if pusher is None else " AND pusher = ?")
        rows = [key if pusher is None else (*key, pusher) for key in keys]
        with self._database.change() as connection:
            connection.executemany(f"DELETE FROM tally WHERE {where}", rows)  # noqa: S608 - fixed texts

    def missing(self) -> str:
        """The delays of applications that pushed and whose manifest is missing: see `core.permission.obstacle_delay`."""
        return "".join(str(noticed) for (noticed,) in self._database.read("SELECT noticed FROM missing"))

    def keep_missing(self, noticed: str) -> None:
        """Store these delays."""
        self._database.write("INSERT OR REPLACE INTO missing VALUES (1, ?)", (noticed,))

    def probe(self) -> None:
        """Raise StorageError unless a write could begin: the file is there, undamaged and not locked elsewhere. Nothing is written."""
        self._database.probe()


def _row(tally: StoredTally) -> tuple[object, ...]:
    number, key, pusher, period, cells = tally
    return (number, *key, pusher, period, cells.tobytes())
