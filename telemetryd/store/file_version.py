"""Whose a file is, and of which version: what is looked at when one is opened, before its rows are (`integrity`)."""

from __future__ import annotations

import sqlite3

from telemetryd.errors import StorageError
from telemetryd.store.schema import APPLICATION


class OtherLayoutError(Exception):
    """The file is a database, and not one that any released version of this program made."""


def log_ahead(connection: sqlite3.Connection) -> None:
    """Have a write-ahead log, or raise StorageError: without shared memory SQLite does without, and says so in the result only."""
    if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
        raise StorageError("the state directory does not take it: its file system has no shared memory")


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if pages are damaged, OtherLayoutError if it is no file of ours."""
    is_empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone() == (1,)
    if is_empty or connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("malformed")
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,) or not version(connection):
        raise OtherLayoutError


def version(connection: sqlite3.Connection) -> int:
    """The number of migrations that made the file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)
