"""Quarantined files: renamed because they are damaged, or have a layout that this program does not know."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LOG = logging.getLogger(__name__)

DAMAGED, OLDER = "damaged", "older"
"""The reason in the name of a quarantined file."""
WHY = {DAMAGED: "is damaged", OLDER: "has a layout that is not known any more"}
_UNACKNOWLEDGED = "-untold"
"""Suffix of a quarantined file until the other file notes the loss, so that a crash in between does not hide it."""
_KEPT_DAYS = 30
"""A quarantined file is kept this long for investigation, unless a withdrawal comes first."""


def put(path: Path, why: str) -> None:
    """Rename a database and start its time in quarantine. Raises OSError."""
    _LOG.error("%s %s; it is set aside and a new one is begun", path.name, WHY[why])
    quarantined = path.replace(f"{path}.{why}-{time.strftime('%Y-%m-%d', time.gmtime())}{_UNACKNOWLEDGED}")
    os.utime(quarantined)
    _remove_parts(path, "-wal", "-shm")


def files(path: Path) -> list[Path]:
    """The quarantined files of a database."""
    return sorted(file for why in WHY for file in path.parent.glob(f"{path.name}.{why}-*"))


def has_unacknowledged(path: Path) -> bool:
    """Whether a loss is not handled yet."""
    return any(file.name.endswith(_UNACKNOWLEDGED) for file in files(path))


def acknowledge(path: Path) -> None:
    """Note that the loss is handled. Raises OSError."""
    for file in files(path):
        file.replace(file.with_name(file.name.removesuffix(_UNACKNOWLEDGED)))


def drop(path: Path) -> None:
    """Remove all quarantined files of a database. Raises OSError."""
    for file in files(path):
        file.unlink(missing_ok=True)


def drop_old(path: Path) -> None:
    """Remove those that have been in quarantine for a month, or that have a date in the future. Raises OSError."""
    for file in files(path):
        if not 0 <= time.time() - file.stat().st_mtime <= _KEPT_DAYS * 86400:
            file.unlink(missing_ok=True)


def remove(path: Path) -> None:
    """Remove a database in which nothing was promised yet. Raises OSError."""
    _remove_parts(path, "", "-wal", "-shm")


def _remove_parts(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
