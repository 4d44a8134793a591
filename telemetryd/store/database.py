"""One SQLite file: opening, migrations, transactions, and erasing that leaves nothing in the write-ahead log."""

from __future__ import annotations

import os
import sqlite3
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from telemetryd.engine.ports import CommitListener
from telemetryd.errors import StorageError
from telemetryd.store import file_identity, file_version, integrity, quarantine, second_name, write_lock
from telemetryd.store.file_state import AFTER_FAILED_SYNC, NEXT, FileEvent, FileState
from telemetryd.store.sample_burst import SampleBurst
from telemetryd.store.sqlite_errors import is_damage, storage_error, translate_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from telemetryd.store.schema import Schema

_PAGE_BYTES = 1024
"""Small pages: a tally has a few dozen bytes, and a commit writes whole pages."""
_BUSY_MS = 250
"""How long SQLite itself waits for the lock of another process, such as a backup, before a call fails."""
_WAL_PAGES = 1000
"""`on_large` is called above this size of the log (1 MB at 1 KiB a page) if nothing emptied it before."""
_COMMITS = 128
"""Commits between two checks of the log's size."""
_CACHE_KIB = 2048
"""Page cache: room for the tallies of some ten thousand sources."""

NOBODY = CommitListener()
_ABSENT, _UNSETTLED = FileState.ABSENT, FileState.UNSETTLED


class Database:
    """A file that is created by `make` or at its first write. Before, it reads as empty.

    A commit neither waits for the disk nor folds the log into the file. A thread does that where durability is promised (`sync`, `fold`).

    `was_lost` says that a damaged file was quarantined, by this process or by one that ended before `acknowledge_loss`. A file that is not
    lasting need not survive a crash. All methods raise StorageError.
    """

    def __init__(self, path: Path, schema: Schema, listener: CommitListener = NOBODY, *, is_lasting: bool = True) -> None:
        self.path, self._listener = path, listener
        self.burst = SampleBurst()
        self.is_damaged = False
        """Whether damage was found while it was open."""
        self.obstacle: StorageError | None = None
        """Why the file could not be created for a write."""
        self._commits = 0
        self._wal_fd: int | None = None
        self._shm_fd: int | None = None
        self._new_fd: int | None = None
        """Our descriptor of a new file. It is closed after SQLite has closed its own: closing it before would drop SQLite's locks."""
        self._checkpointer: sqlite3.Connection | None = None
        self._schema, self._is_lasting = schema, is_lasting
        with translate_errors():
            self._state = FileState.SETTLED if path.exists() else FileState.ABSENT
            self.was_lost = quarantine.has_unacknowledged(path)
        self._connection = self._open_memory() if self._state is _ABSENT else self._open()
        self.has_quarantined = bool(self.quarantined())
        """Whether there were quarantined files after the opening, the only moment at which one is made."""
        self.burst.add(self._present)

    def join(self, burst: SampleBurst) -> None:
        """Begin and end bursts of samples together with another file."""
        self.burst = burst
        burst.add(self._present)

    def is_held(self) -> bool:
        """Whether another process holds the write lock at the moment."""
        return self._shm_fd is not None and write_lock.is_held_elsewhere(self._shm_fd)

    @property
    def is_made(self) -> bool:
        """Whether there is a file."""
        return self._state is not _ABSENT

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query."""
        with self._translate_errors():
            return self._settled.execute(sql, values).fetchall()

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """One statement, committed at once. It survives a crash of the process, and a power cut after the next `sync`.

        Returns the number of rows that it changed.
        """
        if self._state is _ABSENT:
            self.make()
        try:
            changed = self._connection.execute(sql, values).rowcount
        except sqlite3.Error as error:  # without the context manager `_translate_errors`: this is the hot path of samples
            if self.burst.end():
                return self.write(sql, values)
            raise self._storage_error(error) from error
        self._note_commit()
        return changed

    def write_many(self, sql: str, rows: Sequence[Sequence[Any]], otherwise: Callable[[], tuple[str, Sequence[Any]]] | None = None) -> None:
        """One statement over many rows in one transaction, as durable as `write`.

        If fewer rows were changed than are given, the statement and rows of `otherwise` are run too, before the commit.
        """
        self.make()
        connection = self._settled
        try:
            connection.execute("BEGIN IMMEDIATE")
            changed = connection.executemany(sql, rows).rowcount
            if otherwise is not None and changed < len(rows):
                connection.executemany(*otherwise())
            connection.execute("COMMIT")
        except BaseException as error:  # without `_transaction`, for the same reason
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise self._storage_error(error) from error
            raise
        self._note_commit()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction. It survives a power cut once a `sync` that began after it has ended."""
        self.make()
        with self._translate_errors(), self._transaction():
            yield self._connection
        self._note_commit()

    def sync(self) -> None:
        """Wait until the disk has the earlier commits. Any thread may call it."""
        before = self._state
        self._change_state(FileEvent.SYNC_BEGINS)  # before the sync: a commit of the loop during it makes the file unsettled again
        try:
            with translate_errors():
                if before in AFTER_FAILED_SYNC:
                    self._sync_new_file()
                if self._wal_fd is not None:
                    os.fdatasync(self._wal_fd)
        except StorageError:
            self._state = AFTER_FAILED_SYNC.get(before, _UNSETTLED)
            raise

    def fold(self) -> None:
        """Copy the log into the file and wait for the disk. Another thread may call it while the loop commits."""
        if self._checkpointer is not None:
            with translate_errors():
                self._checkpointer.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def cut(self) -> bool:
        """Empty the log, which else keeps erased text. False while another process reads. After a `fold` it waits for nothing."""
        if self._state is _ABSENT:
            return True
        is_done = self._truncate(timeout_ms=0)
        self._note_commit()
        return is_done

    def purge(self) -> bool:
        """Fold, empty and sync the log at once. False while another process reads."""
        if self._state is _ABSENT:
            return True
        is_done = self._truncate(timeout_ms=_BUSY_MS)
        self.sync()
        return is_done

    def probe(self) -> None:
        """Raise StorageError unless all tallies could be written and the disk has room for a whole log. The write is rolled back.

        The room of a whole log matters: a log that was emptied keeps its own room, and then only the writes to other files would fail.
        """
        with self._translate_errors():
            self._settled.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute("UPDATE tally SET turn = 1 - turn")  # touches every row's page
            finally:
                self._roll_back()
            file_identity.check_room(self.path.parent, _PAGE_BYTES * _WAL_PAGES)

    def drop_quarantined(self) -> None:
        """Remove quarantined files, because a withdrawal applies to their contents too."""
        with translate_errors():
            quarantine.drop(self.path)

    def quarantined(self) -> list[Path]:
        """The quarantined files."""
        return quarantine.files(self.path)

    def acknowledge_loss(self) -> None:
        """Note that the loss is handled: what follows from it is on the disk."""
        with translate_errors():
            quarantine.acknowledge(self.path)

    def drop_old_quarantined(self) -> None:
        """Remove files that have been in quarantine for a month, or that have a date in the future."""
        with self._translate_errors():
            quarantine.drop_old(self.path)

    def is_there(self) -> bool:
        """Whether the open file is still the one at its path: False if it was removed or replaced."""
        try:
            return self._state is _ABSENT or self._identity == file_identity.identity(self.path)
        except OSError:
            return False

    def close(self) -> None:
        """Close the file. SQLite folds the log, unless another process has the file open: so the log is synced first."""
        if self._state in {FileState.NEW_UNSETTLED, FileState.UNSETTLED} and self._is_lasting:
            with suppress(StorageError):
                self.sync()
        self.burst.remove(self._present)
        if self._checkpointer is not None:
            self._checkpointer.close()
        with suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA synchronous={'FULL' if self._is_lasting else 'OFF'}")
        self._connection.close()
        self._change_state(FileEvent.SYNC_BEGINS)
        self._checkpointer = None
        opened, self._wal_fd, self._new_fd, self._shm_fd = (self._wal_fd, self._new_fd, self._shm_fd), None, None, None
        for descriptor in filter(None, opened):
            os.close(descriptor)

    def make(self) -> None:
        """Create the file if it is absent, before a write."""
        if self._state is not _ABSENT:
            return
        try:
            with self._translate_errors():
                self._create()
                memory, self._connection = self._connection, self._open_file()
        except StorageError as failure:
            self.obstacle = failure
            raise
        self.burst.end()
        self._change_state(FileEvent.MADE)
        self.obstacle = None
        memory.close()

    def _storage_error(self, error: sqlite3.Error | OSError) -> StorageError:
        self.is_damaged |= isinstance(error, sqlite3.DatabaseError) and is_damage(error)
        failure = storage_error(error)
        failure.path = self._directory
        return failure

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise self._storage_error(error) from error
        except StorageError as failure:
            failure.path = failure.path or self._directory
            raise

    def _present(self) -> sqlite3.Connection:
        return self._connection

    @property
    def _settled(self) -> sqlite3.Connection:
        """The connection outside of bursts: it sees what other processes wrote, and waits for their locks."""
        if self.burst.has_sample:
            self.burst.end()
        return self._connection

    @property
    def _directory(self) -> str:
        """The present path of the directory, which may have been opened by another name."""
        return os.path.realpath(self.path.parent)

    def _note_commit(self) -> None:
        self._commits += 1
        if not self._commits % _COMMITS and self._wal_fd is not None and os.fstat(self._wal_fd).st_size > _PAGE_BYTES * _WAL_PAGES:
            self._listener.on_large()
        if self._state is not _UNSETTLED and self._change_state(FileEvent.COMMITTED):  # most commits follow one that is not synced yet
            self._listener.on_unsettled()

    def _change_state(self, event: FileEvent) -> bool:
        """Apply an event. True if the state changed."""
        before, self._state = self._state, NEXT.get((self._state, event), self._state)
        return before is not self._state

    def _sync_new_file(self) -> None:
        """Sync a new file, and the directory for its name."""
        if self._new_fd is not None and self._is_lasting:
            os.fsync(self._new_fd)
            file_identity.sync(self.path.parent)
            second_name.drop(self.path)

    def _truncate(self, *, timeout_ms: int) -> bool:
        """Empty the log: sync what is left to copy, and wait this long for other processes. False while one reads."""
        with self._translate_errors():
            connection = self._settled
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA busy_timeout={timeout_ms}")
            try:
                (is_busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                connection.execute("PRAGMA synchronous=OFF")
                connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
        return not is_busy

    def _open_memory(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        file_version.migrate(connection, self._schema, self.path.name)
        return connection

    def _open(self) -> sqlite3.Connection:
        with translate_errors():
            self.drop_old_quarantined()
            try:
                return self._open_settled()
            except file_version.OtherLayoutError:
                why = quarantine.OLDER
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's own messages may quote damaged text
                if not is_damage(error):
                    raise
                why = quarantine.DAMAGED
            if second_name.is_kept(self.path):
                quarantine.remove(self.path)
            else:
                self.was_lost = True
                quarantine.put(self.path, why)
            self._create()
            self._sync_new_file()
            return self._open_file()

    def _open_settled(self) -> sqlite3.Connection:
        """Open the file, and end its creation if an earlier process did not."""
        connection = self._open_file()
        if second_name.is_kept(self.path):
            self._new_fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            self._sync_new_file()
        return connection

    def _create(self) -> None:
        """Create the file under another name, so that an empty file at the path is damage, never a new file."""
        new = second_name.of(self.path)
        new.unlink(missing_ok=True)
        if self._new_fd is not None:
            os.close(self._new_fd)
        self._new_fd = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            file_version.enable_wal(connection)
            file_version.migrate(connection, self._schema, self.path.name)
        finally:
            connection.close()
        if self._is_lasting:
            second_name.publish(self.path)
        else:
            new.replace(self.path)

    def _open_file(self) -> sqlite3.Connection:
        file_identity.check(self.path)
        connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=64)
        try:
            connection.executescript(
                f"PRAGMA busy_timeout={_BUSY_MS}; PRAGMA page_size={_PAGE_BYTES}; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
                f"PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=-{_CACHE_KIB};"
            )
            file_version.enable_wal(connection)
            file_version.check(connection)
            file_version.migrate(connection, self._schema, self.path.name)
            integrity.check(connection, self._schema)
            if second_name.is_kept(self.path):
                integrity.check_pages(connection)
            self._identity = file_identity.identity(self.path)
            self._wal_fd = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            if self._is_lasting:
                file_identity.check_is_open(self.path, self._wal_fd)
            self._checkpointer = self._open_checkpointer()
            self._shm_fd = os.open(f"{self.path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_checkpointer(self) -> sqlite3.Connection:
        """Open the connection that copies the log into the file, before the file may lose its name. It syncs decoys too. Policy: C3."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=1)
        connection.executescript("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA user_version;")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._settled.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # the earlier failure is raised, not this one
            if self._connection.in_transaction:  # SQLite itself rolls back after some failures, such as a full disk
                self._connection.execute("ROLLBACK")
