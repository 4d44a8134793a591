"""Checks the application id and version of a file when it is opened, before its rows (`integrity`), and brings it to the newest version."""

from __future__ import annotations

import sqlite3

from telemetryd.errors import StorageError
from telemetryd.store import integrity
from telemetryd.store.schema import APPLICATION, Schema


class OtherLayoutError(Exception):
    """The file is a database, but no released version of this program made it."""


def enable_wal(connection: sqlite3.Connection) -> None:
    """Enable the write-ahead log. Raises StorageError if that fails: without shared memory SQLite only reports it in the result."""
    if connection.execute("PRAGMA journal_mode=WAL").fetchone() != ("wal",):
        raise StorageError("the state directory cannot be used: its file system has no shared memory")


def check(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if pages are damaged, and OtherLayoutError if it is not a file of ours."""
    is_empty = connection.execute("SELECT NOT EXISTS (SELECT 1 FROM sqlite_master)").fetchone() == (1,)
    if is_empty or connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        raise sqlite3.DatabaseError("malformed")
    if connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,) or not version(connection):
        raise OtherLayoutError


def version(connection: sqlite3.Connection) -> int:
    """The number of migrations that made the file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return int(version)


def migrate(connection: sqlite3.Connection, schema: Schema, name: str) -> None:
    """Run the migrations that the file lacks. Raises StorageError if it has more than we know."""
    present, newest = version(connection), len(schema.migrations)
    if present > newest:
        raise StorageError(f"{name} is of version {present}; this telemetryd knows versions up to {newest}")
    for number, migration in enumerate(schema.migrations[present:], present + 1):
        connection.executescript(f"BEGIN IMMEDIATE; {migration}; PRAGMA application_id={APPLICATION}; PRAGMA user_version={number};")
        if schema.has_checksum:
            integrity.write_checksum(connection)
        connection.execute("COMMIT")
