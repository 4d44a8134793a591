"""Whether another process writes to a database now: what SQLite's own lock says, asked of the kernel in a microsecond without taking it.

What has to wait for another program (a backup, a curious user) is to wait whether it is kept or refused, and only the one would find out by
writing. Policy: C3.
"""

from __future__ import annotations

import fcntl
import os
import struct

_FLOCK = struct.Struct("hhqqi")
_TYPE = struct.Struct("h")
_WRITE_LOCK = 120
"""https://www.sqlite.org/walformat.html#the_wal_index_file_format: WAL_WRITE_LOCK is the first byte of the locks."""
_ASKED = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _WRITE_LOCK, 1, 0)
_FREE = _TYPE.pack(fcntl.F_UNLCK)


def are_elsewhere(shared: int) -> bool:
    """Whether another process holds the lock for writing; `shared` is the database's open `-shm`.

    It has to be closed after the database: to close any descriptor of the file drops SQLite's own locks.
    """
    found: bytes = fcntl.fcntl(shared, fcntl.F_GETLK, _ASKED)
    return found[: _TYPE.size] != _FREE
