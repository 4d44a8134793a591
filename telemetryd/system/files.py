"""Bounded reading of installed files. It never waits for a pipe, and distinguishes absent from unreadable files.

If several directories have a file of one name, the first directory's file is in force. A link to /dev/null or an empty file masks the
others. A file is absent only if nothing has its name. A directory in its place, a dangling link, missing permission or bytes that are not
UTF-8 make it unreadable.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.errors import InvalidFileError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SUFFIX = ".toml"
_UNSETTLED_NS = 25_000_000
"""Two ticks of the slowest clock for file times, 100 Hz. A later change can have the same time as one that is younger than this."""
_WITHOUT_A_FILE = 3
"""The length of the signature of a file that stat(2) fails for; it has no time."""
_NULL_DEVICE = os.makedev(1, 3)
_NULL = "/dev/null"
_LINKS_MAX = 40
"""Most links that are followed, as on Linux."""


class InstalledFile(NamedTuple):
    """A file or directory that exists: its text, or the problem with it."""

    path: Path
    text: str = ""
    problem: str = ""


class Listing(NamedTuple):
    """One folder of several directories: the files in force, those that they replace or mask, and folders that cannot be listed."""

    names: dict[str, Path]
    replaced: dict[str, list[Path]]
    hidden: list[InstalledFile]


def listing(directories: Iterable[Path], folder: str) -> Listing:
    """The files of one folder in several directories; the first directory wins."""
    names: dict[str, Path] = {}
    replaced: dict[str, list[Path]] = {}
    hidden = []
    for path in (directory / folder for directory in directories):
        try:
            for name in entries(path):
                if name not in names:
                    names[name] = path / name
                else:
                    replaced.setdefault(name, []).append(path / name)
        except OSError as error:
            if not _is_absent(path, error):
                hidden.append(InstalledFile(path, problem=_reason(error)))
    return Listing(dict(sorted(names.items())), replaced, hidden)


def entries(folder: Path | str) -> list[str]:
    """The names of the TOML files in a folder, without hidden files. Raises OSError."""
    return sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX) and not name.startswith("."))  # noqa: PTH208 - no Path for each of a thousand names


def read_if_there(path: Path, limit_bytes: int) -> InstalledFile | None:
    """The file or directory at a path, or None if it is absent; a mask reads as an empty file."""
    try:
        return InstalledFile(path, read(path, limit_bytes))
    except InvalidFileError as error:
        return InstalledFile(path, problem=str(error))
    except OSError as error:
        return None if _is_absent(path, error) else InstalledFile(path, problem=_reason(error))


def read(path: Path, limit_bytes: int) -> str:
    """A file's text. Raises OSError, or InvalidFileError if it is not UTF-8, not a file or too long."""
    try:
        return read_bytes(path, limit_bytes).decode()
    except UnicodeDecodeError:
        raise InvalidFileError("expected UTF-8 text") from None


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """A file's bytes. Raises OSError, or InvalidFileError if it is not a file or too long."""
    data = read_start(path, limit_bytes + 1)
    if len(data) > limit_bytes:
        raise InvalidFileError(f"expected at most {limit_bytes} bytes")
    return data


def read_start(path: Path, size_bytes: int) -> bytes:
    """The first bytes of a file. Raises OSError, or InvalidFileError for a pipe, device or socket, without waiting."""
    with open(path, "rb", opener=_open) as file:
        state = os.fstat(file.fileno())
        if not (stat.S_ISREG(state.st_mode) or _is_null(state)):
            raise InvalidFileError("expected a file")
        return file.read(size_bytes)


def is_mask(path: Path) -> bool:
    """Whether a path leads to /dev/null, or to an empty file."""
    try:
        state = path.stat()
    except OSError:
        return False
    return _is_null(state) or (stat.S_ISREG(state.st_mode) and state.st_size == 0)


def signature(path: str) -> tuple[str | int, ...]:
    """A value that changes if the file at a path is replaced or written, or becomes readable or unreadable."""
    try:
        state = os.stat(path)  # noqa: PTH116 - no Path for each of a thousand files
    except OSError as error:
        return path, error.errno or 0, _is_absent(path, error)
    return path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def settled_signature(path: str) -> tuple[str | int, ...]:
    """The signature if any later change would alter it. For some milliseconds after a change, a signature that never repeats.

    Two changes within one tick of the kernel's coarse clock leave the same times. So a file that just changed is read once more.
    """
    current = signature(path)
    is_young = isinstance(current[-1], int) and len(current) > _WITHOUT_A_FILE and abs(time.time_ns() - current[-1]) < _UNSETTLED_NS
    return (*current, time.monotonic_ns()) if is_young else current


class WatchedPaths(NamedTuple):
    """The paths of a fingerprint. Of folders that are `listed`, only the names of files count."""

    files: tuple[str, ...]
    folders: tuple[str, ...]
    listed: tuple[str, ...]


def fingerprint(watched: WatchedPaths, known: Mapping[str, object]) -> tuple[object, Mapping[str, object]]:
    """A value that changes if a file is added, removed, replaced or written, or becomes readable or unreadable; reads no file.

    Also the new signatures of those `known` files that changed: path → earlier `settled_signature`.
    """
    files, names = [*watched.files, *watched.folders, *watched.listed], []
    for folder in watched.folders:
        with suppress(OSError):
            files += [f"{folder}/{name}" for name in entries(folder)]
    for folder in watched.listed:
        with suppress(OSError):
            names += entries(folder)
    changed = {path: now for path, then in known.items() if (now := settled_signature(path)) != then}
    return (*map(settled_signature, files), *names), changed


def within(root: str, path: str) -> str:
    """A path as the programs of another root directory find it: an absolute link leads to a place below that root. "" is this machine.

    Only /dev/null is this machine's: in a directory tree it may be missing, and it masks all the same.
    """
    if not root:
        return path
    place, rest, links = root, path.split("/")[::-1], 0
    while rest:
        part = rest.pop()
        following = os.path.join(place, part)  # noqa: PTH118 - as the kernel does it: no part is interpreted
        if part == "..":
            place = os.path.dirname(place) if place != root else root  # noqa: PTH120 - the same
        elif os.path.islink(following) and links < _LINKS_MAX:  # noqa: PTH114 - the same
            links += 1
            target = os.readlink(following)  # noqa: PTH115 - the same
            place = root if target.startswith("/") else place
            rest += target.split("/")[::-1]
        elif part not in {"", "."}:
            place = following
    return _NULL if place == root + _NULL else place


def text_of_path(path: Path) -> str:
    """A path as UTF-8 text for the bus, with escapes for other bytes."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _is_absent(path: Path | str, error: OSError) -> bool:
    """Whether nothing has this name. A dangling link in one of its folders makes it unreadable instead."""
    if not isinstance(error, FileNotFoundError):
        return False
    nearest = os.path.join(os.getcwd(), path)  # noqa: PTH109, PTH118 - as above, and no Path for each of its folders
    while not os.path.lexists(nearest):
        nearest = nearest.rpartition("/")[0] or "/"
    return os.access(nearest, os.F_OK)


def _reason(error: OSError) -> str:
    return "a link to nothing" if isinstance(error, FileNotFoundError) else str(error.strerror)


def _is_null(state: os.stat_result) -> bool:
    return stat.S_ISCHR(state.st_mode) and state.st_rdev == _NULL_DEVICE
