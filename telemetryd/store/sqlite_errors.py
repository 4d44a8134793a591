"""Translates errors of SQLite and the system into texts for the user and the journal, without values."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TEXTS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_BUSY": "another process has it locked, or its file system has no locks",
    "SQLITE_CANTOPEN": "a file cannot be opened",
    "SQLITE_IOERR_SHM": "its file system has no shared memory",
    "SQLITE_IOERR_LOCK": "its file system has no locks",
}
"""Prefix of SQLite's error name → text."""


def is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Whether the error means damage of the file. Other errors are obstacles that may pass."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, UnicodeDecodeError) or code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or "malformed" in str(error)


def storage_error(error: sqlite3.Error | OSError) -> StorageError:
    """The StorageError to raise instead."""
    return StorageError(f"the state directory cannot be used: {_cause(error)}")


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise StorageError in place of errors of SQLite or the system."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise storage_error(error) from error


def _cause(error: sqlite3.Error | OSError) -> str:
    """The cause in the words of SQLite or the system. It contains no value."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    words = next((words for begin, words in _TEXTS.items() if name.startswith(begin)), "")
    return f"{words} ({name})" if words else name
