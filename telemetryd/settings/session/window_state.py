"""What the window keeps for itself: whether it may notify, when it last did, and what of. Without Qt.

One small file of its own, which the daemon never reads. It is written by the user's switch, and by a notification, which comes only after
a first yes. Policy: C2.
"""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FILE = "telemetryd-settings/notifications.json"
_BYTES_MAX = 1 << 20
_NOTIFIED_MAX = 2000
"""Most questions that are remembered, the latest ones: some years of them. One has a hundred bytes."""


class WindowState(NamedTuple):
    """What the file says. `notified` are keys of what was shown, `last` is when (Unix s)."""

    may_notify: bool = True
    last: int = 0
    notified: tuple[str, ...] = ()


def path(environ: Mapping[str, str] = os.environ) -> Path:
    """The file."""
    base = environ.get("XDG_STATE_HOME", "")
    folder = Path(base) if base.startswith("/") else Path(environ.get("HOME", "/")) / ".local/state"
    return folder / _FILE


def read(file: Path) -> WindowState:
    """What is kept; nothing without a file. A file that cannot be read means no notifications: better none than one twice."""
    return _state(_raw(file))


def update(file: Path, change: Callable[[WindowState], WindowState | None]) -> bool:
    """Change what is kept, whole or not at all, also beside another process. Returns whether it was written; `change` may say None."""
    with suppress(OSError), _locked(file.parent):
        raw = _raw(file)
        wanted = change(_state(raw))
        if wanted is not None:
            kept = raw if isinstance(raw, dict) else {}
            mine = {"may_notify": wanted.may_notify, "last": wanted.last, "notified": list(wanted.notified[-_NOTIFIED_MAX:])}
            _replace(file, json.dumps({**kept, **mine}, indent=1) + "\n")
            return True
    return False


def _raw(file: Path) -> Any:
    """The parsed file; {} if there is none, None if it cannot be read."""
    try:
        with file.open("rb") as opened:
            return json.loads(opened.read(_BYTES_MAX))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError):
        return None


def _state(raw: Any) -> WindowState:
    """The state in a parsed file. Keys of a newer version are ignored; what has another type makes the file unreadable."""
    if not isinstance(raw, dict):
        return WindowState(may_notify=False)
    may_notify, last, notified = raw.get("may_notify", True), raw.get("last", 0), raw.get("notified", [])
    is_whole = (
        isinstance(may_notify, bool) and type(last) is int and isinstance(notified, list) and all(isinstance(key, str) for key in notified)
    )
    return WindowState(may_notify, last, tuple(notified)) if is_whole else WindowState(may_notify=False)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Alone among the programs of the window. Makes the folder, for the user only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _replace(file: Path, text: str) -> None:
    """Write the file whole: a reader sees the old one or the new one, also after a power cut."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")
    try:
        with open(descriptor, "w", encoding="utf-8") as opened:  # noqa: PTH123 - a descriptor, no path
            opened.write(text)
            opened.flush()
            os.fsync(opened.fileno())
        Path(name).replace(file)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
