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

FOLDER = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - a start need not import pathlib for it
"""Where the running telemetryd lies."""
_CACHE = "__pycache__"
"""What Python writes itself."""


def identity(folder: str = FOLDER) -> str:
    """Differs when any file below the folder was added, removed, replaced or written; reads none of them. 1 ms for a hundred files."""
    return hashlib.sha256(repr(sorted(_signatures(folder))).encode()).hexdigest()


def _signatures(folder: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Device, inode, size and time of each file. What cannot be listed has none: an installation that is being removed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if entry.name != _CACHE:
                    yield from _signatures(entry.path)
                continue
            with suppress(OSError):
                state = entry.stat()
                yield entry.path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns


LOADED = identity()
"""The identity of the files that this process has loaded, or will load."""


def has_changed(loaded: str = LOADED) -> bool:
    """Whether the files are other ones by now: whatever would still be loaded is another version's."""
    return identity() != loaded


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
