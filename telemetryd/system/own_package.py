"""The identity of the running package: no process may load half of one version and half of another.

A package manager replaces files under running programs, and Python loads modules when they are first needed. Each program imports this
module first, which takes a snapshot of the package's files. Later it compares: the daemon whenever it checks its files, the courier before
it starts an uploader, and the uploader before it connects.

A complete look compares each file. A quick look compares the folders: whoever puts a file into a folder, or takes one away, changes the
folder's times. Only what writes into a file that stays where it is leaves no trace there, such as an editor or `cp`. So a look that is
often repeated is complete once a second, and whatever loads or reads our files late looks completely.
"""

from __future__ import annotations

import hashlib
import marshal
import os
import sys
import time
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING

from telemetryd.errors import BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - a start need not import pathlib for it
"""The folder of the running package."""
LOOK_S = 1.0
"""Seconds of running time for which the last complete look counts, where looks are frequent."""
_PLAIN = 2
"""The version of the marshal format in which equal values have equal bytes."""
_CACHE = "__pycache__"
"""The folder that Python itself writes."""
_UNSETTLED_NS = 25_000_000
"""As in `system.files`: after a change that is younger than this, another one may leave the same times."""
_File = tuple[str, int, int, int, int]
"""Path, device, inode, size and time."""
_Place = tuple[int, int, int, int]
"""Device, inode and both times of what has to be compared at each look."""


def identity(folder: str = FOLDER) -> str:
    """A digest that changes if any file below the folder is added, removed, replaced or written; reads no file."""
    return _digest(_listed(folder)[0])


def _digest(files: list[_File]) -> str:
    return hashlib.sha256(marshal.dumps(files, _PLAIN)).hexdigest()


def _listed(folder: str) -> tuple[list[_File], dict[str, _Place]]:
    """The signature of each file, sorted, and the places: the folders, and links, because what they lead to is replaced elsewhere."""
    files: list[_File] = []
    places: dict[str, _Place] = {}
    folders = [folder]
    for path in folders:
        try:
            places[path] = _place(path)  # before its files: what changes from here on is seen
            with os.scandir(path) as entries:
                folders += [entry.path for entry in entries if not _is_noted(entry, files, places)]
        except OSError:
            continue  # an installation being removed
    files.sort()
    return files, places


def _is_noted(entry: os.DirEntry[str], files: list[_File], places: dict[str, _Place]) -> bool:
    """Note a file. False if this is a folder to look into."""
    try:
        if entry.is_dir(follow_symlinks=False):
            return entry.name == _CACHE
        if entry.is_symlink():
            places[entry.path] = _place(entry.path)
        state = entry.stat()
    except OSError:
        return True
    files.append((entry.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))
    return True


def _place(path: str) -> _Place:
    state = os.stat(path)  # noqa: PTH116 - as above
    return state.st_dev, state.st_ino, state.st_mtime_ns, state.st_ctime_ns


class FilesSnapshot:
    """The signatures of the files below a folder, for later comparison. Comparing is frequent, so it lists no folder."""

    def __init__(self, folder: str) -> None:
        self._folder, self._looked_at = folder, time.monotonic()
        self.on_refused: Callable[[], None] = lambda: None
        """Called where something is refused because the files have changed."""
        self._files, places = _listed(folder)
        self._paths = list(places)
        self._places = _settled(list(places.values()))
        self.identity = _digest(self._files)

    def is_unchanged(self, within_s: float = 0.0) -> bool:
        """Whether no file was added, removed or replaced. Nor was one written, as the last complete look found, `within_s` ago at most."""
        now = time.monotonic()
        try:
            places = [_place(path) for path in self._paths]
            if places == self._places and now - self._looked_at < within_s:
                return True
            self._looked_at = -inf  # once a look has found a change, no quick one says otherwise
            if not self._are_files_unchanged():
                return False
        except OSError:
            return False
        if places != self._places and identity(self._folder) != self.identity:
            return False
        # Python may have written its own files, which do not count.
        self._places, self._looked_at = _settled(places), now
        return True

    def _are_files_unchanged(self) -> bool:
        stat = os.stat
        for path, device, inode, size, time_ns in self._files:
            state = stat(path)
            if state.st_mtime_ns != time_ns or state.st_ino != inode or state.st_size != size or state.st_dev != device:
                return False
        return True


def _settled(places: list[_Place]) -> list[_Place]:
    """The places, or none if one has just changed: then the next look is complete."""
    now_ns = time.time_ns()
    return [] if any(abs(now_ns - changed_ns) < _UNSETTLED_NS for *_, changed_ns in places) else places


_OURS = FilesSnapshot(FOLDER)

LOADED = _OURS.identity
"""The identity of the files that this process loads."""


def has_changed(within_s: float = 0.0) -> bool:
    """Whether the files have changed, so that modules loaded from now on would be of another version. See `FilesSnapshot.is_unchanged`."""
    return not _OURS.is_unchanged(within_s)


def refuse_if_changed() -> None:
    """Look completely. Raises BusyError if the files have changed, so that what was just read may be of another version."""
    if has_changed():
        _OURS.on_refused()
        raise BusyError(REPLACED)


REPLACED = "telemetryd was replaced while it ran; it exits, and the next call starts the new one: call again"


def guard(modules: Iterable[str], on_refused: Callable[[], None]) -> None:
    """Load these modules now. Later imports of our modules raise BusyError if the files have changed, after `on_refused` was called."""
    _OURS.on_refused = on_refused
    for module in modules:
        import_module(module)
    if not any(isinstance(finder, _Guard) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Guard())


class _Guard:
    """A finder that finds nothing and refuses our own modules if the files have changed."""

    def find_spec(self, name: str, *_: object) -> None:
        """Called for each module that is not loaded yet. Raises BusyError."""
        if name.startswith("telemetryd."):
            refuse_if_changed()
