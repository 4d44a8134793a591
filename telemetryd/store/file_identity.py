"""Checks who owns the file at a path, and whether SQLite has just this file open: a name may refer to another file by now.

A file of another user could contain anything about our user's decisions, so it is never read. Neither is a link. Policy: C1.
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
    """Raise StorageError unless the existing files of the database (itself, `-wal`, `-shm`) are regular files of our user."""
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            _check_own(path, suffix)


def identity(path: Path) -> _Identity:
    """Device and inode of a file. Raises OSError."""
    return _identity(path.stat())


def check_is_open(path: Path, log: int) -> None:
    """Raise StorageError unless SQLite has just these files open, and OSError if one is absent. `log` is our descriptor of the `-wal`."""
    opened = set(_open_files(but=log))
    for suffix in _SUFFIXES:
        if _check_own(path, suffix) not in opened or (suffix == "-wal" and _identity(os.fstat(log)) not in opened):
            raise StorageError(f"{path.name}{suffix} was replaced while it was being opened")


def _check_own(path: Path, suffix: str) -> _Identity:
    state = path.with_name(path.name + suffix).lstat()
    if not stat.S_ISREG(state.st_mode):
        raise StorageError(f"{path.name}{suffix}: expected a file that is not a link")
    if state.st_uid != os.geteuid():
        raise StorageError(f"{path.name}{suffix} belongs to another user")
    return _identity(state)


def _open_files(*, but: int) -> list[_Identity]:
    identities = []
    for number in os.listdir("/proc/self/fd"):  # noqa: PTH208 - numbers, not paths
        with suppress(OSError):  # that of this listing
            if int(number) != but:
                identities.append(_identity(os.fstat(int(number))))
    return identities


def _identity(state: os.stat_result) -> _Identity:
    return state.st_dev, state.st_ino


def sync(folder: Path) -> None:
    """Sync the names in a directory. Raises OSError."""
    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def check_room(folder: Path, size_bytes: int) -> None:
    """Raise OSError unless the disk has this much room: allocate it in a file without a name, and free it. Else ask the file system."""
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
