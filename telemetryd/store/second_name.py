"""A new file has a second name until the disk has it. What a power cut leaves of such a file promised nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def of(path: Path) -> Path:
    """The name under which a file is made."""
    return path.with_name(path.name + ".new")


def publish(path: Path) -> None:
    """Give a file that was made its own name beside the second one. Raises OSError.

    A file system without hard links drops the second one at once.
    """
    try:
        path.hardlink_to(of(path))
    except FileExistsError:
        raise
    except OSError:
        of(path).replace(path)


def is_kept(path: Path) -> bool:
    """Whether the disk may have only a part of the file, because its creation did not end."""
    try:
        return path.samefile(of(path))
    except OSError:
        return False


def drop(path: Path) -> None:
    """Remove the second name, once the disk has the file. Raises OSError."""
    with suppress(FileNotFoundError):
        of(path).unlink()
