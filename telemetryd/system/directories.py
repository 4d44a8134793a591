"""The directories of files: the system's, the user's, and those that the environment names instead.

All but KUserFeedback's are telemetryd's own, such as `/etc/telemetryd`. None of them needs to exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "telemetryd"
_CONFIG, _DATA = "TELEMETRYD_CONFIG_DIRS", "TELEMETRYD_DATA_DIRS"


def config_directories(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The system's configuration directories. If two have a file of one name, the first directory's file is in force."""
    return _telemetryd_directories(environ.get(_CONFIG) or "/etc:/usr/share")


def data_directories(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The directories of manifests and reviews. If two have a file of one name, the first directory's file is in force."""
    return _telemetryd_directories(environ.get(_DATA) or "/etc:/usr/local/share:/usr/share")


def user_config_directory(environ: Mapping[str, str]) -> Path:
    """The user's configuration directory, from XDG_CONFIG_HOME."""
    directory = _xdg_directory(environ.get("XDG_CONFIG_HOME", ""), ".config")
    if directory:
        return directory / _NAME
    from platformdirs import user_config_path  # noqa: PLC0415 - 6 ms of the daemon's start, saved where XDG says it

    return user_config_path(_NAME)


def state_directory(environ: Mapping[str, str]) -> Path:
    """The user's state directory, which holds every file that the daemon writes."""
    directory = _xdg_directory(environ.get("XDG_STATE_HOME", ""), ".local/state")
    if directory:
        return directory / _NAME
    from platformdirs import user_state_path  # noqa: PLC0415 - as above

    return user_state_path(_NAME)


def xdg_config_directories(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """All XDG configuration directories, the user's first. Any of them can hold KUserFeedback's file."""
    system = _absolute_directories(environ.get("XDG_CONFIG_DIRS", ""))
    return user_config_directory(environ).parent, *(system or (Path("/etc/xdg"),))


def overrides(environ: Mapping[str, str]) -> list[str]:
    """The environment variables that are set and replace the system's directories."""
    return [name for name in (_CONFIG, _DATA) if environ.get(name)]


def _xdg_directory(directory: str, default: str) -> Path | None:
    """The directory of an XDG variable; None if it is unset. A relative path gives the default, below the home."""
    if not directory.strip():
        return None
    # The XDG specification ignores relative paths; platformdirs before 4.12 obeys them.
    return Path(directory) if directory.startswith("/") else Path.home() / default


def _telemetryd_directories(listing: str) -> tuple[Path, ...]:
    return tuple(Path(directory) / _NAME for directory in listing.split(":") if directory)


def _absolute_directories(listing: str) -> tuple[Path, ...]:
    """The absolute paths of a list; the XDG specification ignores relative ones."""
    return tuple(Path(directory) for directory in listing.split(":") if directory.startswith("/"))
