"""Where files are looked for: the system's, the user's, and those that the environment names instead.

All directories but KUserFeedback's are telemetryd's own (`/etc/telemetryd`); none of them needs to exist.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAME = "telemetryd"
_CONFIG, _DATA = "TELEMETRYD_CONFIG_DIRS", "TELEMETRYD_DATA_DIRS"


def config_directories(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The system's configuration directories; of two files with one name, that of the first directory is in force."""
    return _own(environ.get(_CONFIG) or "/etc:/usr/share")


def data_directories(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The directories of manifests and reviews; of two files with one name, that of the first directory is in force."""
    return _own(environ.get(_DATA) or "/etc:/usr/local/share:/usr/share")


def user_config_directory(environ: Mapping[str, str]) -> Path:
    """The user's configuration directory."""
    said = _said(environ.get("XDG_CONFIG_HOME", ""), ".config")
    if said:
        return said / _NAME
    from platformdirs import user_config_path  # noqa: PLC0415 - 6 ms of the daemon's start, saved where XDG says it

    return user_config_path(_NAME)


def state_directory(environ: Mapping[str, str]) -> Path:
    """The user's state directory, which holds everything that is ever written."""
    said = _said(environ.get("XDG_STATE_HOME", ""), ".local/state")
    if said:
        return said / _NAME
    from platformdirs import user_state_path  # noqa: PLC0415 - as above

    return user_state_path(_NAME)


def xdg_config_directories(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """All XDG configuration directories, the user's first: where KUserFeedback's file may lie."""
    system = _absolute(environ.get("XDG_CONFIG_DIRS", ""))
    return user_config_directory(environ).parent, *(system or (Path("/etc/xdg"),))


def overrides(environ: Mapping[str, str]) -> list[str]:
    """The variables in force that put other directories in the place of the system's."""
    return [name for name in (_CONFIG, _DATA) if environ.get(name)]


def _said(directory: str, otherwise: str) -> Path | None:
    """What an XDG variable says; None if it says nothing. A relative path counts as unset; platformdirs before 4.12 obeys it."""
    if not directory.strip():
        return None
    return Path(directory) if directory.startswith("/") else Path.home() / otherwise


def _own(listing: str) -> tuple[Path, ...]:
    return tuple(Path(one) / _NAME for one in listing.split(":") if one)


def _absolute(listing: str) -> tuple[Path, ...]:
    """The XDG specification has relative paths ignored."""
    return tuple(Path(one) for one in listing.split(":") if one.startswith("/"))
