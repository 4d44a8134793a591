"""Reading what others put in place: bounded, never waiting for a pipe, and telling what is absent from what cannot be read.

Of files with one name the first directory's is in force, and a link to /dev/null or an empty file masks the others.
A file is absent only if nothing has its name; a directory in its place, a link to nothing, a lack of permission or bytes that are no text
make it unreadable.
"""

from __future__ import annotations

import os
import stat
import time
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.errors import InvalidFileError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_SUFFIX = ".toml"
_UNSETTLED_NS = 25_000_000
"""Two ticks of the slowest clock (100 Hz) that stamps files: a younger stamp may be that of a later change, too."""
_WITHOUT_A_FILE = 3
"""How long the signature of a file is that cannot be looked at; it has no time."""
_NULL_DEVICE = os.makedev(1, 3)


class Found(NamedTuple):
    """A file or directory that is there: its text, or the problem with it."""

    path: Path
    text: str = ""
    problem: str = ""


class Listing(NamedTuple):
    """The files in one folder of several directories: those in force, those that they replace or mask, and folders that are hidden."""

    names: dict[str, Path]
    replaced: dict[str, list[Path]]
    hidden: list[Found]


def listing(directories: Iterable[Path], folder: str) -> Listing:
    """What lies in one folder of several directories, of which the first wins."""
    names: dict[str, Path] = {}
    replaced: dict[str, list[Path]] = {}
    hidden = []
    for path in (one / folder for one in directories):
        try:
            for name in entries(path):
                if name not in names:
                    names[name] = path / name
                else:
                    replaced.setdefault(name, []).append(path / name)
        except OSError as error:
            if not _is_absent(path, error):
                hidden.append(Found(path, problem=_reason(error)))
    return Listing(dict(sorted(names.items())), replaced, hidden)


def entries(folder: Path | str) -> list[str]:
    """The names of the TOML files in a folder, hidden ones left out as by a shell. Raises OSError."""
    return sorted(name for name in os.listdir(folder) if name.endswith(_SUFFIX) and not name.startswith("."))  # noqa: PTH208 - no Path for each of a thousand names


def look(path: Path, limit_bytes: int) -> Found | None:
    """What is at a path, or None if nothing is; a mask is an empty file."""
    try:
        return Found(path, read(path, limit_bytes))
    except InvalidFileError as error:
        return Found(path, problem=str(error))
    except OSError as error:
        return None if _is_absent(path, error) else Found(path, problem=_reason(error))


def read(path: Path, limit_bytes: int) -> str:
    """A file's text. Raises OSError, or InvalidFileError for what is no UTF-8 file of at most so many bytes."""
    try:
        return read_bytes(path, limit_bytes).decode()
    except UnicodeDecodeError:
        raise InvalidFileError("expected UTF-8 text") from None


def read_bytes(path: Path, limit_bytes: int) -> bytes:
    """What a file holds. Raises OSError, or InvalidFileError for what is no file of at most so many bytes."""
    data = read_start(path, limit_bytes + 1)
    if len(data) > limit_bytes:
        raise InvalidFileError(f"expected at most {limit_bytes} bytes")
    return data


def read_start(path: Path, size_bytes: int) -> bytes:
    """The first bytes of a file. Raises OSError, or InvalidFileError for a pipe, device or socket, without waiting for it."""
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
    """Differs when the file at a path is another one, was written, or became (un)readable."""
    try:
        state = os.stat(path)  # noqa: PTH116 - no Path for each of a thousand files
    except OSError as error:
        return path, error.errno or 0, _is_absent(path, error)
    return path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


def settled(path: str) -> tuple[str | int, ...]:
    """The signature, if a later change would have another one; else, for some milliseconds, one that never comes again.

    Two changes within one tick of the kernel's coarse clock leave the same times. So what was changed just now is looked at once more.
    """
    found = signature(path)
    is_young = isinstance(found[-1], int) and len(found) > _WITHOUT_A_FILE and abs(time.time_ns() - found[-1]) < _UNSETTLED_NS
    return (*found, time.monotonic_ns()) if is_young else found


def shown(path: Path) -> str:
    """A path as text for the bus, which takes UTF-8 only."""
    return os.fsencode(path).decode(errors="backslashreplace")


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _is_absent(path: Path | str, error: OSError) -> bool:
    """Whether nothing has this name: there is no link to nothing on the way to it either."""
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
