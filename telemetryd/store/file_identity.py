"""Whose file lies at a path, and whether it is the one that SQLite has open: SQLite goes by names, and names can be given to other files.

A file that another user owns could say anything of what our user decided; it is never read. A link could lead to one. Policy: C1.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from pathlib import Path

_SUFFIXES = "", "-wal", "-shm"
_Identity = tuple[int, int]


def check(path: Path) -> None:
    """Raise StorageError unless the database and what belongs to it are files of ours, as far as they are there."""
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            _own(path, suffix)


def identity(path: Path) -> _Identity:
    """What tells a file from any other. Raises OSError."""
    return _identity(path.stat())


def check_opened(path: Path, log: int) -> None:
    """Raise StorageError unless just these files are what SQLite has open; raises OSError if one is not there. `log` is our own `-wal`."""
    opened = set(_opened(but=log))
    for suffix in _SUFFIXES:
        if _own(path, suffix) not in opened or (suffix == "-wal" and _identity(os.fstat(log)) not in opened):
            raise StorageError(f"{path.name}{suffix} was replaced while it was being opened")


def _own(path: Path, suffix: str) -> _Identity:
    state = path.with_name(path.name + suffix).lstat()
    if not stat.S_ISREG(state.st_mode):
        raise StorageError(f"{path.name}{suffix}: expected a file that is no link")
    if state.st_uid != os.geteuid():
        raise StorageError(f"{path.name}{suffix} belongs to another user")
    return _identity(state)


def _opened(*, but: int) -> list[_Identity]:
    found = []
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        with suppress(OSError):  # that of this listing
            if int(number) != but:
                found.append(_identity(os.fstat(int(number))))
    return found


def _identity(state: os.stat_result) -> _Identity:
    return state.st_dev, state.st_ino


def sync(folder: Path) -> None:
    """Wait until the disk has the names in a directory. Raises OSError."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def find_room(folder: Path, size_bytes: int) -> None:
    """Take so much of the disk in a file without a name, and give it back; where there are no such files, ask. Raises OSError."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in {errno.EOPNOTSUPP, errno.EISDIR}:
            raise
        disk = os.statvfs(folder)
        if disk.f_bavail * disk.f_frsize < size_bytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from None
        return
    try:
        os.posix_fallocate(descriptor, 0, size_bytes)
    finally:
        os.close(descriptor)
