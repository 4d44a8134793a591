"""Another root directory, seen as its own programs see it: a link in it leads to a place below that root, never to this machine.

What reads the files of a machine follows links as the kernel does, from the root of this machine. So if there are links, it is given a
temporary folder instead. There each file is one link to the place in the image where the file really is.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.system import installed
from telemetryd.system.files import within

if TYPE_CHECKING:
    from collections.abc import Iterator

_OWN = ("etc/telemetryd", "etc/skel/.config/telemetryd", "usr/share/telemetryd", "usr/local/share/telemetryd")
_SHARED = ("etc/xdg", "etc/skel/.config")
"""Directories that other programs use too, in which only KUserFeedback's file is looked for."""
_KUSERFEEDBACK = installed.KUSERFEEDBACK.rpartition("/")[0]
_INNER = ("", installed.DROP_INS, installed.MANIFESTS, installed.REVIEWS)
FOLDERS = (
    *(f"{folder}/{inner}".rstrip("/") for folder in _OWN for inner in _INNER),
    *(f"{folder}/{installed.KUSERFEEDBACK.rpartition('/')[0]}" for folder in _SHARED),
)
"""Every folder below a root in which a file of telemetryd can be."""


@contextmanager
def seen_from_inside(root: str) -> Iterator[str]:
    """A directory that has the files of an image where they are in the image. It is the image itself if no link is on the way."""
    if not any(map(_has_link, (Path(root) / folder for folder in FOLDERS))):
        yield root
        return
    with tempfile.TemporaryDirectory(prefix="telemetryd-check-") as view:
        for folder in FOLDERS:
            _show(root, folder, Path(view) / folder)
        yield view


def _has_link(folder: Path) -> bool:
    """Whether a folder, one of those above it or anything in it is a link. Links above the root are counted too, which is only slower."""
    try:
        with os.scandir(folder) as entries:
            return os.path.realpath(folder) != str(folder) or any(entry.is_symlink() for entry in entries)
    except OSError:
        return os.path.realpath(folder) != str(folder)


def _show(root: str, folder: str, shown: Path) -> None:
    """Make one folder of the view. What cannot be listed is shown as it is, for the reader to fail at."""
    if shown.parent.is_symlink():
        return
    real = within(root, f"/{folder}")
    try:
        names = os.listdir(real)  # noqa: PTH208 - names are all that is wanted
    except OSError:
        names = None
    if names is None:
        if os.path.lexists(Path(root) / folder) or os.path.lexists(real):
            shown.parent.mkdir(parents=True, exist_ok=True)
            shown.symlink_to(real)
        return
    shown.mkdir(parents=True, exist_ok=True)
    inner = {Path(other).name for other in FOLDERS if str(Path(other).parent) == folder}
    for name in names:
        if name not in inner:
            (shown / name).symlink_to(within(root, f"/{folder}/{name}"))
