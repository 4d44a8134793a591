"""The identity of the running package: no process may load half of one version and half of another.

A package manager replaces files under running programs, and Python loads modules when they are first needed. Each program imports this
module first, which takes a snapshot of the package's files. Later it compares: the daemon whenever it checks its files, the courier before
it starts an uploader, and the uploader before it connects.
"""

from __future__ import annotations

import hashlib
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

from telemetryd.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - a start need not import pathlib for it
"""The folder of the running package."""
_CACHE = "__pycache__"
"""The folder that Python itself writes."""
_Signature = tuple[str, int, int, int, int]


def identity(folder: str = FOLDER) -> str:
    """A digest that changes if any file below the folder is added, removed, replaced or written; reads no file."""
    return _digest(sorted(_signatures(folder)))


def _digest(signatures: list[_Signature]) -> str:
    return hashlib.sha256(repr(signatures).encode()).hexdigest()


def _signatures(folder: str) -> Iterator[_Signature]:
    """Path, device, inode, size and time of each file. Folders that cannot be listed are left out: an installation being removed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != _CACHE:
                    yield from _signatures(entry.path)
                continue
            with suppress(OSError):
                state = entry.stat()
                yield entry.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


class FilesSnapshot:
    """The signatures of the files below a folder, for later comparison. Comparing is frequent, so it lists no folder."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = sorted(_signatures(folder))
        self._folders = [folder]
        for path, *_ in self._files:
            parent = path.rpartition("/")[0]
            while parent not in self._folders:
                self._folders.append(parent)
                parent = parent.rpartition("/")[0]
        self._times = self._folder_times()
        self.identity = _digest(self._files)

    def is_unchanged(self) -> bool:
        """Whether no file was added, removed, replaced or written."""
        stat = os.stat
        try:
            for path, device, inode, size, time_ns in self._files:
                state = stat(path)
                if state.st_mtime_ns != time_ns or state.st_ino != inode or state.st_size != size or state.st_dev != device:
                    return False
            # A file that was added or removed changes the time of its folder.
            times = self._folder_times()
        except OSError:
            return False
        if times != self._times and identity(self._folder) != self.identity:
            return False
        self._times = times  # Python may have written its own files, which do not count
        return True

    def _folder_times(self) -> list[int]:
        return [os.stat(folder).st_mtime_ns for folder in self._folders]  # noqa: PTH116 - as above


_OURS = FilesSnapshot(FOLDER)

LOADED = _OURS.identity
"""The identity of the files that this process loads."""


def has_changed(loaded: str = LOADED) -> bool:
    """Whether the files have changed, so that modules loaded from now on would be of another version."""
    return identity() != loaded if loaded != LOADED else not _OURS.is_unchanged()


REPLACED = "telemetryd was replaced while it ran; it exits, and the next call starts the new one: call again"


def guard(modules: Iterable[str]) -> None:
    """Load these modules now. Later imports of our modules raise BusyError if the files have changed."""
    for module in modules:
        import_module(module)
    if not any(isinstance(finder, _Guard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Guard())


class _Guard:
    """A finder that finds nothing and refuses our own modules if the files have changed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Called for each module that is not loaded yet. Raises BusyError."""
        if name.startswith("telemetryd.") and has_changed():
            raise BusyError(REPLACED)
