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
UNACKNOWLEDGED = "-untold"
"""Suffix of a quarantined file until the other file notes the loss, so that a crash in between does not hide it."""


def put(path: Path, why: str) -> None:
    """Rename a database and start its time in quarantine. Raises OSError."""
    _LOG.error("%s %s; it is set aside and a new one is begun", path.name, WHY[why])
    quarantined = path.replace(f"{path}.{why}-{time.strftime('%Y-%m-%d', time.gmtime())}{UNACKNOWLEDGED}")
    os.utime(quarantined)
    _remove_parts(path, "-wal", "-shm")


def remove(path: Path) -> None:
    """Remove a database in which nothing was promised yet. Raises OSError."""
    _remove_parts(path, "", "-wal", "-shm")


def _remove_parts(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink(missing_ok=True)
