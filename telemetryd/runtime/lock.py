"""The state directory, held: of all processes that write there, one at a time; and the directory that is locked is the one that is used.

A path is only a name. Whoever moves the directory away and puts a copy in its place takes the name, not the lock: the files of the copy are
not ours until its own lock is. So the directory stays open, everything in it is opened relative to that, and it is compared with its path.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILE = "lock"
_EXPLAINED = {
    errno.ENOTDIR: "expected a directory",
    errno.ENOENT: "expected a directory, or a link that leads to one",
    errno.ELOOP: f"expected {_FILE!r} in it to be no link",
    errno.ENOLCK: "its file system has no locks",
    errno.EROFS: "it is read-only",
}


class StateLock:
    """An exclusive flock(2) that children do not inherit. Its file stays: to unlink it would let two processes hold two files.

    The kernel frees it when its holder dies.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._directory: int | None = None
        self._lock: int | None = None

    def try_take(self) -> bool:
        """Make the state directory if need be and take its lock; False if another process holds it.

        Whoever has the lock already keeps it if the directory is still the one at the path, is ours, and private; else it is released.

        Raises:
            StorageError: there can be no lock.
        """
        if self._lock is not None and self.is_in_place():
            with _told(self.path):
                _check(self._held())
            return True
        self.release()
        try:
            with _told(self.path):
                self._directory = _open(self.path)
                self._lock = _locked(self._directory)
        finally:
            if self._lock is None or not self.is_in_place():  # moved away in this moment
                self.release()
        return self._lock is not None

    @property
    def directory(self) -> Path:
        """The directory that is held, whatever its name is by now; only while it is. Raises StorageError if it is not."""
        return Path(f"/proc/self/fd/{self._held()}")

    def is_in_place(self) -> bool:
        """Whether the directory that is held is still the one at the path."""
        if self._directory is None:
            return False
        try:
            return os.path.samestat(os.stat(self.path), os.fstat(self._directory))  # noqa: PTH116 - for each batch of calls: Path costs more
        except OSError:
            return False

    def give_way(self) -> None:
        """Release the lock and keep the directory: another process may serve it now."""
        lock, self._lock = self._lock, None
        if lock is not None:
            os.close(lock)

    def release(self) -> None:
        """Let others have it; releasing what is not held does nothing."""
        self.give_way()
        directory, self._directory = self._directory, None
        if directory is not None:
            os.close(directory)

    def _held(self) -> int:
        if self._directory is None:
            raise StorageError("the state directory is not held")
        return self._directory


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(f"the state directory cannot be used: {_EXPLAINED.get(error.errno or 0, error.strerror)}", str(path)) from None


def _open(path: Path) -> int:
    """The directory, made if need be; ours and 0700. A link is followed if it is the user's own, or root's, as the directory has to be."""
    _make(path)
    if path.lstat().st_uid not in {0, os.geteuid()}:
        raise PermissionError(0, "belongs to another user")
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _check(directory)
    except BaseException:
        os.close(directory)
        raise
    return directory


def _locked(directory: int) -> int | None:
    """The lock, open; None if another process has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(_FILE, flags, 0o600, dir_fd=directory)
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
    """Like mkdir -p, with 0700 for each new directory, as the XDG specification asks."""
    for missing in reversed([one for one in (path, *path.parents) if not os.path.lexists(one)]):
        missing.mkdir(mode=0o700, exist_ok=True)


def _check(directory: int) -> None:
    state = os.fstat(directory)
    if state.st_uid != os.geteuid():
        raise PermissionError(0, "belongs to another user")
    if stat.S_IMODE(state.st_mode) != stat.S_IRWXU:
        os.fchmod(directory, stat.S_IRWXU)
