"""One SQLite file: opening, migrations, transactions, and erasing so that nothing is left in the write-ahead log."""

from __future__ import annotations

import logging
import os
import sqlite3
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from telemetryd.errors import StorageError
from telemetryd.store import file_identity, file_version, integrity, write_lock
from telemetryd.store.schema import APPLICATION
from telemetryd.store.sqlite_errors import is_damage, translated, translation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from telemetryd.store.schema import Schema

_LOG = logging.getLogger(__name__)

_PAGE_BYTES = 1024
"""Small pages: a tally is a few dozen bytes, and a commit writes whole pages."""
_BUSY_MS = 250
"""How long SQLite itself waits for a lock of another process (a backup, a curious user) before a call fails."""
_WAL_PAGES = 1000
"""The log is asked to be emptied above this size (1 MB at 1 KiB a page) if nothing else emptied it before."""
_COMMITS = 128
"""Commits of samples between two looks at the log's size."""
_CACHE_KIB = 2048
"""Pages kept in memory, as they are used: the tallies of some ten thousand sources."""
_ASIDE_DAYS = 30
"""A file that was set aside is kept this long for whoever wants to know why, unless a withdrawal comes first."""

_DAMAGED, _OLDER = "damaged", "older"
"""Why a file was set aside, in its new name: it cannot be trusted, or it is of a layout that this program does not know."""
_UNTOLD = "-untold"
"""Ends the name of a file that was set aside until the other file says what was lost: nobody may die in between unnoticed."""


class Database:
    """A file that is made at its first write and is readable (empty) before.

    No commit waits for the disk or folds the log into the file: a thread does, where something is promised (`sync`, `fold`).

    `was_lost` tells that a damaged file was set aside, by this process or by one that died before `loss_is_told`. `on_unsettled` is called
    after the first commit that a power cut would undo, and again only after a `sync`; `on_large` when the log should be emptied. A file
    that is not lasting need not survive anything. All methods raise StorageError.
    """

    def __init__(self, path: Path, schema: Schema, *, is_lasting: bool = True) -> None:
        self.path = path
        self.on_unsettled: Callable[[], None] = lambda: None
        self.on_large: Callable[[], None] = lambda: None
        self.is_damaged = False
        """Whether it turned out so while it was open."""
        self.obstacle: StorageError | None = None
        """Why the file could not be made when there was something to write."""
        self._is_settled = True
        self._commits = 0
        self._log: int | None = None
        self._shared: int | None = None
        self._new: int | None = None
        """A file that was made by this process. It is closed after SQLite has closed it: to close it before would drop SQLite's locks."""
        self._is_new = False
        """Whether a power cut may undo that it was made."""
        self._folder: sqlite3.Connection | None = None
        self._schema = schema
        self._is_lasting = is_lasting
        self._careful_level = "FULL" if is_lasting else "OFF"
        with translated():
            self._is_made = path.exists()
            self.was_lost = any(damaged.name.endswith(_UNTOLD) for damaged in self.aside())
        self._connection = self._open() if self._is_made else self._memory()

    def is_held(self) -> bool:
        """Whether another process writes at the moment, so that we could not."""
        return self._shared is not None and write_lock.are_elsewhere(self._shared)

    @property
    def is_made(self) -> bool:
        """Whether there is a file."""
        return self._is_made

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        """The rows of a query."""
        with self._translated():
            return self._connection.execute(sql, values).fetchall()

    def write(self, sql: str, values: Sequence[Any] = ()) -> int:
        """One statement, committed at once; it survives the death of the process, and a power cut after the next `sync`.

        Gives the number of rows that it changed.
        """
        if not self._is_made:
            self.make()
        try:
            changed = self._connection.execute(sql, values).rowcount
        except sqlite3.Error as error:  # not by `_translated`: this is the way of every sample
            raise self._translation(error) from error
        self._unsettle()
        return changed

    def write_many(self, sql: str, rows: Sequence[Sequence[Any]], otherwise: Callable[[], tuple[str, Sequence[Any]]] | None = None) -> None:
        """One statement over many rows in one transaction, as durable as `write`.

        `otherwise` gives what is to be done as well, before the commit, if fewer rows were changed than are given.
        """
        self.make()
        connection = self._connection
        try:
            connection.execute("BEGIN IMMEDIATE")
            changed = connection.executemany(sql, rows).rowcount
            if otherwise is not None and changed < len(rows):
                connection.executemany(*otherwise())
            connection.execute("COMMIT")
        except BaseException as error:  # not by `_transaction`, for the same reason
            self._roll_back()
            if isinstance(error, sqlite3.Error):
                raise self._translation(error) from error
            raise
        self._unsettle()

    @contextmanager
    def change(self) -> Iterator[sqlite3.Connection]:
        """A transaction. A power cut does not undo it once a `sync` that began later is over."""
        self.make()
        with self._translated(), self._transaction():
            yield self._connection
        self._unsettle()

    def sync(self) -> None:
        """Wait until the disk has what was committed before; any thread may."""
        self._is_settled = True
        try:
            with translated():
                self._sync_new()
                if self._log is not None:
                    os.fdatasync(self._log)
        except StorageError:
            self._is_settled = False
            raise

    def fold(self) -> None:
        """Copy what the log holds into the file and wait for the disk; another thread than that of the commits may, meanwhile."""
        if self._folder is not None:
            with translated():
                self._folder.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def cut(self) -> bool:
        """Empty the log, where erased text would stay; False while another process reads. After a `fold` it waits for nothing."""
        if not self._is_made:
            return True
        with self._translated(), self._careful(timeout_ms=0):
            (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self._unsettle()
        return not is_busy

    def purge(self) -> bool:
        """Empty the log at once: all that `fold`, `cut` and `sync` do; False while another process reads."""
        if not self._is_made:
            return True
        with self._translated(), self._careful(timeout_ms=_BUSY_MS):
            (is_busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        self.sync()
        return not is_busy

    def probe(self) -> None:
        """Write all tallies and take it back, and see that there is room for a log; a file that is not made yet is not made for it.

        Room for it all: a log that was emptied has room for itself, and then the writes to other files would fail alone.
        """
        with self._translated():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.execute("UPDATE tally SET turn = 1 - turn")  # touches every row's page
            finally:
                self._roll_back()
            file_identity.find_room(self.path.parent, _PAGE_BYTES * _WAL_PAGES)

    def drop_aside(self) -> None:
        """Remove files that were set aside: a withdrawal goes for what is in them too."""
        with translated():
            for damaged in self.aside():
                damaged.unlink(missing_ok=True)

    def aside(self) -> list[Path]:
        """Files that were set aside."""
        return sorted(file for why in (_DAMAGED, _OLDER) for file in self.path.parent.glob(f"{self.path.name}.{why}-*"))

    def loss_is_told(self) -> None:
        """What follows from the loss is on disk."""
        with translated():
            for damaged in self.aside():
                damaged.replace(damaged.with_name(damaged.name.removesuffix(_UNTOLD)))

    def drop_old_damage(self) -> None:
        """Remove files that were set aside a month ago, or at a moment that the clock says is to come."""
        with translated():
            for damaged in self.aside():
                if not 0 <= time.time() - damaged.stat().st_mtime <= _ASIDE_DAYS * 86400:
                    damaged.unlink(missing_ok=True)

    def is_there(self) -> bool:
        """Whether the file that is open still has its name: False if someone removed it, or put another in its place."""
        try:
            return not self._is_made or self._identity == file_identity.identity(self.path)
        except OSError:
            return False

    def close(self) -> None:
        """Close the file; SQLite folds its log in, unless another process has the file open: so the log is synced before."""
        if not self._is_settled and self._is_lasting:
            with suppress(StorageError):
                self.sync()
        if self._folder is not None:
            self._folder.close()
        with suppress(sqlite3.Error):
            self._connection.execute(f"PRAGMA synchronous={self._careful_level}")
        self._connection.close()
        self._is_settled, self._folder = True, None
        opened, self._log, self._new, self._shared = (self._log, self._new, self._shared), None, None, None
        for descriptor in filter(None, opened):
            os.close(descriptor)

    def make(self) -> None:
        """Make the file, if it is not there, because there is something to write."""
        if self._is_made:
            return
        try:
            with translated():
                self._create()
            unmade, self._connection = self._connection, self._open()
        except StorageError as failure:
            failure.place = failure.place or self._place
            self.obstacle = failure
            raise
        self._is_made, self.obstacle = True, None
        unmade.close()

    def _translation(self, error: sqlite3.Error) -> StorageError:
        self.is_damaged |= isinstance(error, sqlite3.DatabaseError) and is_damage(error)
        failure = translation(error)
        failure.place = self._place
        return failure

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            with translated():
                yield
        except StorageError as failure:
            if isinstance(failure.__cause__, sqlite3.Error):
                self._translation(failure.__cause__)
            failure.place = failure.place or self._place
            raise

    @property
    def _place(self) -> str:
        """Where the directory is now, whatever name it was opened by."""
        return os.path.realpath(self.path.parent)

    def _unsettle(self) -> None:
        self._commits += 1
        if not self._commits % _COMMITS and self._log is not None and os.fstat(self._log).st_size > _PAGE_BYTES * _WAL_PAGES:
            self.on_large()
        if self._is_settled:
            self._is_settled = False
            self.on_unsettled()

    def _sync_new(self) -> None:
        """A file that was made needs a sync of its own, and one of the directory for its name."""
        if self._new is None or not self._is_new or not self._is_lasting:
            return
        self._is_new = False
        os.fsync(self._new)
        file_identity.sync(self.path.parent)

    @contextmanager
    def _careful(self, *, timeout_ms: int) -> Iterator[None]:
        """For emptying the log: whatever is left to be copied is synced, and other processes are waited for so long."""
        self._connection.execute(f"PRAGMA synchronous={self._careful_level}")
        self._connection.execute(f"PRAGMA busy_timeout={timeout_ms}")
        try:
            yield
        finally:
            self._connection.execute("PRAGMA synchronous=OFF")
            self._connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")

    def _memory(self) -> sqlite3.Connection:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        self._migrate(connection)
        return connection

    def _open(self) -> sqlite3.Connection:
        with translated():
            self.drop_old_damage()
            try:
                return self._open_file()
            except file_version.OtherLayoutError:
                self._set_aside(_OLDER, "is of a layout that is not known any more")
            except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite quotes what is damaged in its own texts
                if not is_damage(error):
                    raise
                self._set_aside(_DAMAGED, "is damaged")
            self._create()
            self._sync_new()
            return self._open_file()

    def _create(self) -> None:
        """Make the file under another name first: one that is there and empty is damage, never a new beginning."""
        new = self.path.with_name(self.path.name + ".new")
        new.unlink(missing_ok=True)
        if self._new is not None:
            os.close(self._new)
        self._new = os.open(new, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        connection = sqlite3.connect(new, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")
            connection.execute(f"PRAGMA page_size={_PAGE_BYTES}")
            file_version.log_ahead(connection)
            self._migrate(connection)
        finally:
            connection.close()
        new.replace(self.path)
        self._is_new = True

    def _open_file(self) -> sqlite3.Connection:
        file_identity.check(self.path)
        connection = sqlite3.connect(self.path, isolation_level=None, cached_statements=64)
        try:
            for pragma in (
                f"busy_timeout={_BUSY_MS}",
                f"page_size={_PAGE_BYTES}",
                "synchronous=OFF",
                "secure_delete=ON",
                "wal_autocheckpoint=0",
                f"cache_size=-{_CACHE_KIB}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            file_version.log_ahead(connection)
            file_version.check(connection)
            self._migrate(connection)
            integrity.check(connection, self._schema)
            self._identity = file_identity.identity(self.path)
            self._log = os.open(f"{self.path}-wal", os.O_RDONLY | os.O_CLOEXEC)
            if self._is_lasting:
                file_identity.check_opened(self.path, self._log)
            self._folder = self._open_folder()
            self._shared = os.open(f"{self.path}-shm", os.O_RDONLY | os.O_CLOEXEC)
        except BaseException:
            connection.close()
            raise
        return connection

    def _open_folder(self) -> sqlite3.Connection:
        """The connection that copies the log into the file, now: later the file may have no name any more."""
        connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, cached_statements=1)
        connection.execute(f"PRAGMA synchronous={self._careful_level}")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
        return connection

    def _migrate(self, connection: sqlite3.Connection) -> None:
        version = file_version.version(connection)
        newest = len(self._schema.migrations)
        if version > newest:
            raise StorageError(f"{self.path.name} is of version {version}; this telemetryd knows versions up to {newest}")
        for number, migration in enumerate(self._schema.migrations[version:], version + 1):
            connection.executescript(f"BEGIN IMMEDIATE; {migration}; PRAGMA application_id={APPLICATION}; PRAGMA user_version={number};")
            if self._schema.is_sealed:
                integrity.seal(connection)
            connection.execute("COMMIT")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):  # what failed before is what matters
            if self._connection.in_transaction:  # SQLite itself rolls some failures back, a full disk for one
                self._connection.execute("ROLLBACK")

    def _set_aside(self, why: str, said: str) -> None:
        self.was_lost = True
        stamp = time.strftime("%Y-%m-%d", time.gmtime())
        _LOG.error("%s %s; it is set aside and a new one is begun", self.path.name, said)
        aside = self.path.replace(f"{self.path}.{why}-{stamp}{_UNTOLD}")
        os.utime(aside)
        for suffix in ("-wal", "-shm"):
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
