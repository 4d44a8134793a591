"""The running tallies: one small row for each (question, pushing application, period), rewritten in place. Policy: M2."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telemetryd.engine.ports import Key
    from telemetryd.store.database import Database


_CELL_BYTES = 8
_SAVE = (
    "INSERT INTO tally (id, application, question, pusher, period, cells) VALUES (?1, ?2, ?3, ?4, ?5, ?6)"
    " ON CONFLICT (id) DO UPDATE SET cells = ?6, turn = 1 - turn"
)
_SAVE_AGAIN = "UPDATE tally SET cells = ?, turn = 1 - turn WHERE id = ?"


class Tallies:
    """Rows are made with the first sample, so that what is not consented to has none."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._saved: set[int] = set()
        """Numbers of rows that are there, as far as is known: writing them again takes a shorter way."""

    def all(self) -> list[StoredTally]:
        """Every tally on disk."""
        rows = self._database.read("SELECT id, application, question, pusher, period, cells FROM tally")
        if any(not isinstance(row[5], bytes) or len(row[5]) % _CELL_BYTES for row in rows):
            raise StorageError("a tally in telemetry.sqlite is damaged")
        return [StoredTally(number, (app, name), pusher, period, array("Q", cells)) for number, app, name, pusher, period, cells in rows]

    def save(self, tallies: Sequence[StoredTally]) -> None:
        """Write tallies in one commit that survives the death of the process."""
        numbers = [one.id for one in tallies]
        if self._saved.issuperset(numbers):
            self._database.write_many(
                _SAVE_AGAIN, [(one.cells.tobytes(), one.id) for one in tallies], lambda: (_SAVE, [_row(one) for one in tallies])
            )
        else:
            self._database.write_many(_SAVE, [_row(one) for one in tallies])
            self._saved.update(numbers)

    def save_one(self, tally: StoredTally) -> None:
        """Write one tally, as durably and in half the time."""
        if tally.id in self._saved and self._database.write(_SAVE_AGAIN, (tally.cells.tobytes(), tally.id)):
            return
        self._database.write(_SAVE, _row(tally))
        self._saved.add(tally.id)

    def erase(self, keys: Iterable[Key], pusher: str | None = None) -> None:
        """Erase the tallies of questions, or only what one application pushed into them."""
        where = "application = ? AND question = ?" + ("" if pusher is None else " AND pusher = ?")
        rows = [key if pusher is None else (*key, pusher) for key in keys]
        with self._database.change() as connection:
            connection.executemany(f"DELETE FROM tally WHERE {where}", rows)  # noqa: S608 - fixed texts

    def missing(self) -> str:
        """What was noticed of applications that pushed and whose manifest is missing: see `core.delay`."""
        return "".join(str(noticed) for (noticed,) in self._database.read("SELECT noticed FROM missing"))

    def keep_missing(self, noticed: str) -> None:
        """Keep that."""
        self._database.write("INSERT OR REPLACE INTO missing VALUES (1, ?)", (noticed,))

    def probe(self) -> None:
        """Raise StorageError unless a write could begin: the file is there, whole and not locked by another process. Nothing is written."""
        self._database.probe()


def _row(tally: StoredTally) -> tuple[object, ...]:
    number, key, pusher, period, cells = tally
    return (number, *key, pusher, period, cells.tobytes())
