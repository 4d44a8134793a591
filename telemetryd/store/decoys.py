"""The rows that are written instead of tallies for what is refused, so that the time of a push does not tell. Policy: C3.

They are in a second database on the same file system, of the same shape, made anew by each process and unlinked before its first row: it
has no name in any directory and is gone with the process. What is in it says nothing: keys are random texts, and the cells are
`core.aggregate.decoy`'s, into which no sample gets.
"""

from __future__ import annotations

import secrets
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError
from telemetryd.store.database import Database
from telemetryd.store.schema import MAIN
from telemetryd.store.tally_table import Tallies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_PREFIX = ".decoy-"
_PROBE = StoredTally(0, ("", ""), "", "", array("Q", [0, 0, 0]))


class Decoys:
    """Made before the first sample, whatever the consent; a process that nobody pushes to does not need it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._database: Database | None = None
        self._tallies: Tallies | None = None
        self.on_unsettled: Callable[[], None] = lambda: None
        self.on_large: Callable[[], None] = lambda: None

    def opened(self) -> Tallies:
        """The tallies in the file without a name, which is made if it is not there. Raises StorageError."""
        if self._tallies is None:
            self._tallies = Tallies(self.database())
        return self._tallies

    def probe(self) -> None:
        """Raise StorageError unless a write succeeds that needs room on the disk: the log is emptied first, and then begins to grow."""
        self.database().purge()
        self.opened().save_one(_PROBE)

    @property
    def database_if_open(self) -> Database | None:
        """The file without a name, if it was made."""
        return self._database

    def close(self) -> None:
        """Give the file up."""
        database, self._database, self._tallies = self._database, None, None
        if database:
            database.close()

    def database(self) -> Database:
        """The file without a name. Raises StorageError."""
        if self._database is None:
            self._database = self._open()
        return self._database

    def _open(self) -> Database:
        try:
            for left in self._directory.glob(_PREFIX + "*"):  # by a process that was killed in the moment below
                _remove(left)
            folder = self._directory / (_PREFIX + secrets.token_hex(8))
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StorageError(f"the state directory does not take it: {error.strerror}") from error
        database = Database(folder / "telemetry.sqlite", MAIN, is_lasting=False)
        try:
            database.make()
        except StorageError:
            database.close()
            raise
        finally:
            _remove(folder)
        database.on_unsettled, database.on_large = self.on_unsettled, self.on_large
        return database


def _remove(folder: Path) -> None:
    with suppress(OSError):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
