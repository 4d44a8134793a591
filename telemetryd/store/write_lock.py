"""Finds out whether another process holds SQLite's write lock. It asks the kernel, in a microsecond, without taking the lock.

Replies to kept and refused samples must wait equally for another program, such as a backup. Only kept samples would find out by writing.
Policy: C3.
"""

from __future__ import annotations

import fcntl
import os
import struct

_FLOCK = struct.Struct("hhqqi")
_WRITE_LOCK = 120
"""https://www.sqlite.org/walformat.html#the_wal_index_file_format: WAL_WRITE_LOCK is the first byte of the locks."""
_QUERY = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, _WRITE_LOCK, 1, 0)
_FREE = struct.pack("h", fcntl.F_UNLCK)


def is_held_elsewhere(shared: int) -> bool:
    """Whether another process holds the write lock. `shared` is a descriptor of the database's `-shm`.

    It must be closed after the database, because closing any descriptor of the file drops SQLite's own locks.
    """
    lock: bytes = fcntl.fcntl(shared, fcntl.F_GETLK, _QUERY)
    return not lock.startswith(_FREE)
