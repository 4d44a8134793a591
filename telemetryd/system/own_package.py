"""Which files of telemetryd are running: no process may load half of one version and half of another.

A package manager replaces files under running programs, and Python loads modules when they are first needed. What is noted here is what the
files looked like when this module was imported, which a program does before it imports anything else of ours. Later it asks whether
they still look so: the daemon at each look at its files, the courier before it starts an uploader, the uploader before it connects.
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
"""Where the running telemetryd lies."""
_CACHE = "__pycache__"
"""What Python writes itself."""
_Signature = tuple[str, int, int, int, int]


def identity(folder: str = FOLDER) -> str:
    """Differs when any file below the folder was added, removed, replaced or written; reads none of them."""
    return _digest(sorted(_signatures(folder)))


def _digest(signatures: list[_Signature]) -> str:
    return hashlib.sha256(repr(signatures).encode()).hexdigest()


def _signatures(folder: str) -> Iterator[_Signature]:
    """Path, device, inode, size and time of each file. What cannot be listed has none: an installation that is being removed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != _CACHE:
                    yield from _signatures(entry.path)
                continue
            with suppress(OSError):
                state = entry.stat()
                yield entry.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


class Noted:
    """What the files below a folder look like now, to be compared later: at each look of the daemon, so without listing anything."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._files = sorted(_signatures(folder))
        self._folders = [folder]
        for path, *_ in self._files:
            parent = path.rpartition("/")[0]
            while parent not in self._folders:
                self._folders.append(parent)
                parent = parent.rpartition("/")[0]
        self._times = self._seen()
        self.identity = _digest(self._files)

    def is_so_still(self) -> bool:
        """Whether each file is the one that was there; another one comes with another time of its folder."""
        stat = os.stat
        try:
            for path, device, inode, size, time_ns in self._files:
                state = stat(path)
                if state.st_mtime_ns != time_ns or state.st_ino != inode or state.st_size != size or state.st_dev != device:
                    return False
            times = self._seen()
        except OSError:
            return False
        if times != self._times and identity(self._folder) != self.identity:
            return False
        self._times = times  # Python may have written its own files
        return True

    def _seen(self) -> list[int]:
        return [os.stat(folder).st_mtime_ns for folder in self._folders]  # noqa: PTH116 - as above


_OURS = Noted(FOLDER)

LOADED = _OURS.identity
"""The identity of the files that this process has loaded, or will load."""


def has_changed(loaded: str = LOADED) -> bool:
    """Whether the files are other ones by now: whatever would still be loaded is another version's."""
    return identity() != loaded if loaded != LOADED else not _OURS.is_so_still()


REPLACED = "telemetryd was replaced while it ran; it exits, and the next call starts the new one: call again"


def guard(modules: Iterable[str]) -> None:
    """Load these modules now. What is loaded later is loaded only from the same files: else BusyError."""
    for module in modules:
        import_module(module)
    if not any(isinstance(one, _Guard) for one in sys.meta_path):
        sys.meta_path.insert(0, _Guard())


class _Guard:
    """Finds nothing; refuses our own modules once the files have changed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Asked for each module that is not loaded yet."""
        if name.startswith("telemetryd.") and has_changed():
            raise BusyError(REPLACED)
