"""The lock in the state directory: of all processes that write there, one at a time. The kernel frees it when its holder dies."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_FILE = "lock"
_EXPLAINED = {errno.ENOTDIR: "expected a directory that is no link", errno.ELOOP: f"expected {_FILE!r} in it to be no link"}


class StateLock:
    """An exclusive flock(2) that children do not inherit. Its file stays: to unlink it would let two processes hold two files."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._descriptor: int | None = None

    def try_take(self) -> bool:
        """Make the state directory if need be and take the lock; False if another process holds it. Raises StorageError."""
        if self._descriptor is not None:
            return True
        with _private(self._directory) as directory:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(_FILE, flags, 0o600, dir_fd=directory)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                return False
            except OSError:
                os.close(descriptor)
                raise
        self._descriptor = descriptor
        return True

    def release(self) -> None:
        """Let others have it; releasing what is not held does nothing."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def _private(path: Path) -> Iterator[int]:
    """The state directory, opened, ours and 0700. Raises StorageError, also for what fails meanwhile."""
    try:
        _make(path)
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _check(directory)
            yield directory
        finally:
            os.close(directory)
    except OSError as error:
        what = _EXPLAINED.get(error.errno or 0, error.strerror)
        raise StorageError(f"the state directory {path}: {what}") from None


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
