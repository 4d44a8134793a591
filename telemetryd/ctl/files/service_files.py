"""Units and activation files: the templates of `systemd/` and `dbus/`, filled in for a system's directories or for one interpreter.

A template's name ends in `.in`, and every file of these folders that systemd or the bus reads is installed, whatever it is called.
Programs stand in them as `@bindir@/telemetryd`, or as `/usr/bin/telemetryd` in a file that systemd can check as it is. A wheel has them
as package data (`ctl/templates/`), a checkout in its own folders. `packaging/install.py` imports this module, so it needs nothing but
Python.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

UNITS, ACTIVATION = "systemd/user", "dbus-1/services"
"""The two kinds of files, by the folder that they are in below a data or library directory."""
MODULES = {
    "telemetryd": "telemetryd",
    "telemetryd-upload": "telemetryd.upload",
    "telemetryctl": "telemetryd.ctl",
    "telemetryd-settings": "telemetryd.settings",
}
"""The programs, and the modules that they are."""

_PACKAGED = Path(__file__).parents[1] / "templates"
_CHECKOUT = Path(__file__).parents[3]
_SOURCES = {
    UNITS: ("systemd", re.compile(r"[\w.@-]+\.(?:service|socket|timer|target|path|slice)")),
    ACTIVATION: ("dbus", re.compile(r"[\w.-]+\.service")),
}
_PROGRAM = re.compile(r"(?:@bindir@|(?<=[=:@+!-])/usr/bin)/(telemetry[a-z-]*)")
_WINDOW = "telemetryd-settings"
_PLACEHOLDER = re.compile(r"@[a-z_]+@")
_WANTED = re.compile(r"^(WantedBy|RequiredBy)=(.+)$", re.MULTILINE)
_USERS_PACKAGES = re.compile(r"^Environment=PYTHONNOUSERSITE=1\n|(?<=\S) PYTHONNOUSERSITE=1\b|\bPYTHONNOUSERSITE=1 ", re.MULTILINE)
_HIDDEN_HOME = re.compile(r"^ProtectHome=(?:yes|true|on|1|tmpfs)$", re.MULTILINE)
_SEEN_IN_HOME = "ProtectHome=tmpfs\nBindReadOnlyPaths="
_SAFE = re.compile(r"/[\w./+,@ -]+")
"""Paths that mean the same to systemd and to the bus."""


class UnnameableError(ValueError):
    """A path that does not mean the same to systemd and to the bus."""

    def __init__(self, path: str) -> None:
        super().__init__(f"{path}: expected an absolute path without quotes, backslashes, colons, dollars and per cents")
        self.path = path


class ServiceFile(NamedTuple):
    """One file to install. `kind` is UNITS or ACTIVATION."""

    kind: str
    name: str
    text: str

    @property
    def wanted_by(self) -> tuple[str, ...]:
        """The folders, such as `timers.target.wants`, in which a link to the unit enables it."""
        return tuple(
            f"{target}.{'wants' if key == 'WantedBy' else 'requires'}"
            for key, targets in _WANTED.findall(self.text if self.kind == UNITS else "")
            for target in targets.split()
        )


def templates() -> Iterator[ServiceFile]:
    """Every file with its placeholders, under the name that it is installed by."""
    for path, kind in sources(_PACKAGED if _PACKAGED.is_dir() else _CHECKOUT):
        yield ServiceFile(kind, path.name.removesuffix(".in"), path.read_text(encoding="utf-8"))


def sources(folder: Path) -> Iterator[tuple[Path, str]]:
    """(path, kind) of every template in a folder that has `systemd/` and `dbus/`."""
    for kind, (name, pattern) in _SOURCES.items():
        for path in sorted((folder / name).iterdir()):
            if pattern.fullmatch(path.name.removesuffix(".in")):
                yield path, kind


def for_system(bindir: str) -> list[ServiceFile]:
    """The files for programs in a directory such as `/usr/bin`. Raises ValueError for a directory that cannot be named in them."""
    if not _SAFE.fullmatch(bindir) or " " in bindir:
        raise ValueError(f"{bindir}: expected an absolute path without blanks, quotes, backslashes, dollars and per cents")
    return [one._replace(text=_complete(one, _PROGRAM.sub(lambda match: f"{bindir}/{match[1]}", one.text))) for one in templates()]


def for_interpreter(python: str, *, has_users_packages: bool, has_window: bool, in_home: Collection[str] = ()) -> list[ServiceFile]:
    """The files that run the programs as modules of one interpreter. Raises UnnameableError for a path that cannot be named in them.

    With `has_users_packages` telemetryd, or a library that it needs, is among the user's own packages (`pip install --user`). The units
    hide those otherwise. Without `has_window` nothing is written that starts the window. `in_home` has the folders below the home
    directory that the interpreter reads. A unit that hides the home directory shows these.
    """
    quoted, *folders = map(_quoted, (python, *in_home))
    shown = f"{_SEEN_IN_HOME}{' '.join(folders)}"
    found = []
    for one in templates() if has_window else _without_window(list(templates())):
        text = _PROGRAM.sub(lambda match: f"{quoted} -P -m {MODULES[match[1]]}", one.text)
        if has_users_packages:
            text = _USERS_PACKAGES.sub("", text)
        if folders:
            text = _HIDDEN_HOME.sub(lambda _: shown, text)
        found.append(one._replace(text=_complete(one, text)))
    return found


def _without_window(files: Sequence[ServiceFile]) -> list[ServiceFile]:
    """The files without those that start the window, and without the timers of these."""
    started = {one.name.partition(".")[0] for one in files if one.kind == UNITS and _WINDOW in _PROGRAM.findall(one.text)}
    return [
        one
        for one in files
        if _WINDOW not in _PROGRAM.findall(one.text) and not (one.kind == UNITS and one.name.partition(".")[0] in started)
    ]


def _quoted(path: str) -> str:
    if not _SAFE.fullmatch(path):
        raise UnnameableError(path)
    return f'"{path}"' if " " in path else path


def _complete(file: ServiceFile, text: str) -> str:
    left = _PLACEHOLDER.search(text)
    if left:
        raise ValueError(f"{file.name}: nothing is known for {left[0]}")
    return text
