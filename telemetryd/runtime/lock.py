"""The lock of the state directory: one process at a time writes there, and the locked directory is the one that is used.

A path is only a name. If the directory is moved and replaced by a copy, the copy has the name but not our lock, so its files are not ours.
So the directory stays open, everything in it is opened relative to it, and it is compared with its path. So is the lock's file, which
somebody may remove.

A daemon whose names are on a bus holds a second lock. It tells a start on another session bus that waiting is of no use. A tick, a start
and an exit hold the first lock only, so they are waited for. Policy: C3.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE, _SERVING = "lock", "serving"
_RECORD = struct.Struct("hhqqi")
"""`struct flock` of fcntl(2), in which Python's offsets have 64 bits everywhere."""
_REASONS = {
    errno.ENOTDIR: "expected a directory",
    errno.ENOENT: "expected a directory, or a link that leads to one",
    errno.ELOOP: f"expected {_FILE!r} in it not to be a link",
    errno.ENOLCK: "its file system has no locks",
    errno.EROFS: "it is read-only",
}


class StateLock:
    """An exclusive flock(2) that children do not inherit. Its file is not unlinked here: else two processes could lock two files.

    The second lock is one of open file descriptions (F_OFD_SETLK), because only such a lock can be looked at without taking it. The kernel
    releases both when their holder ends.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        # is_in_place is called for each batch of calls, and os.stat takes a text in half the time.
        self._path, self._lock_path = str(path), str(path / _FILE)
        self._directory: int | None = None
        self._identity = 0, 0
        """Device and inode of the held directory, which never change."""
        self._lock: int | None = None
        self._lock_identity = 0, 0
        self._is_serving = False
        self._served: int | None = None

    def try_take(self) -> bool:
        """Create the state directory if necessary and take its lock. False if another process holds it.

        A lock that we hold already is kept if the directory is still at the path, ours and private. Else it is released.

        Raises:
            StorageError: the directory cannot be used or locked.
        """
        if self._lock is not None and self.is_in_place():
            with _translate_errors(self.path):
                _make_private(self._held_directory())
            return True
        self.release()
        try:
            with _translate_errors(self.path):
                self._directory = _open(self.path)
                self._identity = _identity(os.fstat(self._directory))
                self._lock = _lock_file(self._directory)
                if self._lock is not None:
                    self._lock_identity = _identity(os.fstat(self._lock))
                    self._served = _lock_record(self._directory) if self._is_serving else None
        finally:
            if self._lock is None or not self.is_in_place():  # the directory was moved between open and lock
                self.release()
        return self._lock is not None

    def serve(self) -> None:
        """Take the second lock too, in this directory and in any that is taken later. Raises StorageError."""
        self._is_serving = True
        with _translate_errors(self.path):
            self._served = _lock_record(self._held_directory())

    def end_serving(self) -> None:
        """Release the second lock, before the names are released."""
        self._is_serving = False
        self._release_served()

    def is_served_by_another(self) -> bool:
        """Whether another process holds the second lock of the directory at the path. A file that cannot be opened shows no lock."""
        try:
            served = os.open(self.path / _SERVING, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            return _record(served, fcntl.F_OFD_GETLK) != fcntl.F_UNLCK
        finally:
            os.close(served)

    @property
    def directory(self) -> Path:
        """The held directory, independent of its present name. Raises StorageError if none is held."""
        return Path(f"/proc/self/fd/{self._held_directory()}")

    def is_in_place(self) -> bool:
        """Whether the held directory is still the one at the path, with the file whose lock is held."""
        if self._directory is None:
            return False
        try:
            is_same = _identity(os.stat(self._path)) == self._identity  # noqa: PTH116 - see _path
            return is_same and (self._lock is None or _identity(os.stat(self._lock_path)) == self._lock_identity)  # noqa: PTH116 - see _path
        except OSError:
            return False

    def release_lock(self) -> None:
        """Release the lock and keep the directory open: another process may serve it now."""
        self._release_served()
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def release(self) -> None:
        """Release the lock and the directory, if they are held."""
        self.release_lock()
        directory, self._directory = self._directory, None
        if directory is not None:
            os.close(directory)

    def _release_served(self) -> None:
        served, self._served = self._served, None
        if served is not None:
            os.close(served)

    def _held_directory(self) -> int:
        if self._directory is None:
            raise StorageError("the state directory is not held")
        return self._directory


def _identity(state: os.stat_result) -> tuple[int, int]:
    return state.st_dev, state.st_ino


@contextmanager
def _translate_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the state directory cannot be used: {_REASONS.get(error.errno or 0, error.strerror)}", str(path)) from None


def _open(path: Path) -> int:
    """Open the directory, and create it if necessary. It must be ours, and gets mode 0700. A link must belong to the user or root."""
    _make(path)
    if path.lstat().st_uid not in {0, os.geteuid()}:
        raise PermissionError(0, "belongs to another user")
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _make_private(directory)
    except BaseException:
        os.close(directory)
        raise
    return directory


def _open_file(name: str, directory: int) -> int:
    """A descriptor of a lock's file, which is made if necessary."""
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory)


def _lock_record(directory: int) -> int:
    """A descriptor with the second lock, which is free: whoever holds it has the first one too."""
    served = _open_file(_SERVING, directory)
    try:
        _record(served, fcntl.F_OFD_SETLK)
    except BaseException:
        os.close(served)
        raise
    return served


def _record(file: int, command: int) -> int:
    """Lock the whole file, or ask who would stand in the way. Returns the type of the lock in the kernel's answer."""
    answer = fcntl.fcntl(file, command, _RECORD.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
    kind: int = _RECORD.unpack(answer[: _RECORD.size])[0]
    return kind


def _lock_file(directory: int) -> int | None:
    """A descriptor of the locked file, or None if another process has the lock."""
    lock = _open_file(_FILE, directory)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        return None
    except OSError:
        os.close(lock)
        raise
    return lock


def _make(path: Path) -> None:
    """As mkdir -p, with mode 0700 for each new directory, as the XDG specification asks."""
    for missing in reversed([directory for directory in (path, *path.parents) if not os.path.lexists(directory)]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _make_private(directory: int) -> None:
    state = os.fstat(directory)
    if state.st_uid != os.geteuid():
        raise PermissionError(0, "belongs to another user")
    if stat.S_IMODE(state.st_mode) != stat.S_IRWXU:
        os.fchmod(directory, stat.S_IRWXU)
