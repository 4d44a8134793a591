"""What SQLite and the system say of a failure, in words for the user and the journal; never a value."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_WORDS = {
    "SQLITE_FULL": "the disk is full",
    "SQLITE_READONLY": "it is read-only",
    "SQLITE_BUSY": "another process has it locked, or its file system has no locks",
    "SQLITE_CANTOPEN": "a file cannot be opened",
    "SQLITE_IOERR_SHM": "its file system has no shared memory",
    "SQLITE_IOERR_LOCK": "its file system has no locks",
}
"""What SQLite's names mean, by how they begin."""


def is_damage(error: sqlite3.DatabaseError | UnicodeDecodeError) -> bool:
    """Whether the file cannot be trusted; else something is in the way of it."""
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(error, UnicodeDecodeError) or code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB} or "malformed" in str(error)


def translation(error: sqlite3.Error | OSError) -> StorageError:
    """What is raised instead."""
    return StorageError(f"the state directory does not take it: {_cause(error)}")


@contextmanager
def translated() -> Iterator[None]:
    """Raises StorageError where SQLite or the system would raise something else."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise translation(error) from error


def _cause(error: sqlite3.Error | OSError) -> str:
    """SQLite's or the system's own words for what went wrong: never a value."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    name: str = getattr(error, "sqlite_errorname", type(error).__name__)
    words = next((words for begin, words in _WORDS.items() if name.startswith(begin)), "")
    return f"{words} ({name})" if words else name
