"""What is written so that the time of a call does not show what the user decided. Policy: C3.

Rows are written for refused samples in place of tallies. They are in a second database with the same tables on the same file system. Each
process creates it and unlinks it before the first row, so it has no name and ends with the process. Its contents say nothing: keys are
random texts, and the cells are those of `core.answers.aggregate.decoy_slots`, which no sample changes.
"""

from __future__ import annotations

import secrets
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError
from telemetryd.store.database import NOBODY, Database
from telemetryd.store.schema import MAIN
from telemetryd.store.tally_table import Tallies

if TYPE_CHECKING:
    from pathlib import Path

    from telemetryd.engine.ports import CommitListener
    from telemetryd.store.sample_burst import SampleBurst

_PREFIX = ".decoy-"
_PROBE = StoredTally(0, ("", ""), "", "", array("Q", [0, 0, 0]))


class Decoys:
    """The file without a name, which is created before the first sample, whatever the consent; and what is discarded at once."""

    def __init__(self, directory: Path, listener: CommitListener = NOBODY, *, burst: SampleBurst | None = None) -> None:
        self._directory, self._listener, self._burst = directory, listener, burst
        self._database: Database | None = None
        self._tallies: Tallies | None = None

    def opened(self) -> Tallies:
        """The tallies in the file, which is created if necessary. Raises StorageError."""
        if self._tallies is None:
            self._tallies = Tallies(self.database())
        return self._tallies

    def probe(self) -> None:
        """Raise StorageError unless a write succeeds. The log is emptied first, so that the write needs room on the disk."""
        self.database().purge()
        self.opened().save_one(_PROBE)

    @property
    def database_if_open(self) -> Database | None:
        """The database, if it was created."""
        return self._database

    def close(self) -> None:
        """Discard the file."""
        database, self._database, self._tallies = self._database, None, None
        if database:
            database.close()

    def database(self) -> Database:
        """The database, which is created if necessary. Raises StorageError."""
        if self._database is None:
            self._database = self._open()
        return self._database

    def make_beside(self, main: Database) -> None:
        """Create the main file, or one in its place that is discarded if what the user accepted has made it. Raises StorageError."""
        was_made = main.is_made
        main.make()
        folder = self._make_folder()
        spare = Database(folder / "telemetry.sqlite", MAIN, is_lasting=False)
        try:
            if was_made:
                spare.make()
        finally:
            spare.close()
            _remove_folder(folder)

    def _make_folder(self) -> Path:
        try:
            for stale in self._directory.glob(_PREFIX + "*"):  # left by a process that was killed between mkdir and removal
                _remove_folder(stale)
            folder = self._directory / (_PREFIX + secrets.token_hex(8))
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StorageError(f"the state directory cannot be used: {error.strerror}") from error
        return folder

    def _open(self) -> Database:
        folder = self._make_folder()
        database = Database(folder / "telemetry.sqlite", MAIN, self._listener, is_lasting=False)
        try:
            database.make()
        except StorageError:
            database.close()
            raise
        finally:
            _remove_folder(folder)
        if self._burst is not None:
            database.join(self._burst)
        return database


def _remove_folder(folder: Path) -> None:
    with suppress(OSError):
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
