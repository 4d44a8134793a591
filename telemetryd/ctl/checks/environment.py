"""What holds on this machine and from where: directories, files, limits, switches, versions and endpoints. Policy: T3."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.core.settings import Origin
from telemetryd.system import directories, installed
from telemetryd.system.files import is_mask, listing, text_of_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from telemetryd.ctl.checks.machine import Machine
    from telemetryd.toml.settings_in_force import ConfigFile

SCHEMA = 1
_LIBRARIES = (
    *("dbus-fast", "dbus-next", "platformdirs", "aiohttp", "aiohappyeyeballs", "pyhpke", "cryptography", "click", "pydantic"),
    "PySide6",
)
_VARIABLES = (
    *("TELEMETRYD_CONFIG_DIRS", "TELEMETRYD_DATA_DIRS", "TELEMETRYD_DBUS_LIBRARY", "DO_NOT_TRACK"),
    *("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_STATE_HOME"),
)
_BUDGETS = {"source": "budget_source", "year": "budget_year", "life": "budget_epsilon"}


class FileInPlace(NamedTuple):
    """A file that could be in force. `state` is `in force`, `mask` or `replaced`; `by` is the file that replaces it."""

    kind: str
    file: str
    state: str
    by: str = ""


def values(machine: Machine) -> dict[str, Any]:
    """Everything, as JSON values. Keys and their order are stable."""
    settings, environ, files = machine.settings, machine.environ, installed.config_files(machine.environ)
    return {
        "schema": SCHEMA,
        "versions": {"telemetryd": _version("telemetryd"), "python": platform.python_version(), "system": platform.platform()},
        "libraries": {name: found for name in _LIBRARIES if (found := _version(name))},
        "dbus_library": _dbus_library(),
        "environment": {name: environ[name] for name in _VARIABLES if environ.get(name)},
        "directories": _directories(machine),
        "files": [file._asdict() for file in _files(machine)],
        "kill_switches": [switch._asdict() for switch in settings.kill_switches],
        "limits": [lock._asdict() for lock in settings.locks],
        "budgets": {name: _with_file(cap, _lowest(files, _BUDGETS[name])) for name, cap in settings.budgets._asdict().items()},
        "developer": _with_file(settings.developer, _first(files, "developer", users_only=True)),
        "idle_exit_minutes": _with_file(settings.idle_exit_minutes, _first(files, "idle_exit_minutes")),
        "endpoints": [
            endpoint._asdict() | {"file": _naming(files, endpoint.vendor, endpoint.url), "usable": endpoint.vendor not in settings.unusable}
            for endpoint in settings.endpoints
        ],
    }


def _directories(machine: Machine) -> dict[str, list[str]]:
    environ = machine.environ
    return {
        "configuration": _texts(directories.config_directories(environ)),
        "data": _texts(directories.data_directories(environ)),
        "user_configuration": _texts([directories.user_config_directory(environ)]),
        "state": _texts([directories.state_directory(environ)]),
        "kuserfeedback": _texts(directories.xdg_config_directories(environ)),
    }


def _files(machine: Machine) -> Iterator[FileInPlace]:
    environ = machine.environ
    system, data = directories.config_directories(environ), directories.data_directories(environ)
    user = directories.user_config_directory(environ)
    for places in (system, (user,)):
        yield from _listed("configuration", places, installed.DROP_INS)
        main = [place / installed.CONFIG for place in places if os.path.lexists(place / installed.CONFIG)]
        yield from _in_place("configuration", main)
    for place in directories.xdg_config_directories(environ):
        if os.path.lexists(place / installed.KUSERFEEDBACK):
            yield FileInPlace("kuserfeedback", text_of_path(place / installed.KUSERFEEDBACK), "in force")
    yield from _listed("manifest", data, installed.MANIFESTS)
    yield from _listed("reviews", data, installed.REVIEWS)
    yield from _listed("reviews", (user,), installed.REVIEWS)


def _listed(kind: str, places: Sequence[Path], folder: str) -> Iterator[FileInPlace]:
    found = listing(places, folder)
    for name, path in found.names.items():
        yield from _in_place(kind, [path, *found.replaced.get(name, ())])


def _in_place(kind: str, paths: Sequence[Path]) -> Iterator[FileInPlace]:
    """Files of one name, the first of which wins."""
    for path in paths:
        if path is paths[0]:
            yield FileInPlace(kind, text_of_path(path), "mask" if is_mask(path) else "in force")
        else:
            yield FileInPlace(kind, text_of_path(path), "replaced", text_of_path(paths[0]))


def _with_file(value: Any, file: str) -> dict[str, Any]:
    """A value with the file that it comes from; "" is the default."""
    return {"value": value, "file": file}


def _lowest(files: Iterable[ConfigFile], key: str) -> str:
    named = [(getattr(file.content, key), file.path) for file in files if file.content and getattr(file.content, key) is not None]
    return min(named)[1] if named else ""


def _first(files: Sequence[ConfigFile], key: str, *, users_only: bool = False) -> str:
    """The file that decides: the user's first."""
    users = [file for file in files if file.origin is Origin.USER]
    order = users if users_only else [*users, *(file for file in files if file.origin is Origin.SYSTEM)]
    return next((file.path for file in order if file.content and getattr(file.content, key) is not None), "")


def _naming(files: Iterable[ConfigFile], vendor: str, url: str) -> str:
    """The file that names an endpoint."""
    tables = ((file.path, file.content.endpoint.get(vendor)) for file in files if file.content)
    return next((path for path, table in tables if table and table.url == url), "")


def _dbus_library() -> dict[str, str]:
    """The D-Bus library that programs here use, or why none can be used."""
    from telemetryd.errors import UnusableLibraryError  # noqa: PLC0415 - with the import below

    try:
        from telemetryd.ctl.control_client import LIBRARY  # noqa: PLC0415 - the library may be unusable
    except UnusableLibraryError as error:
        return {"name": "", "problem": str(error)}
    return {"name": LIBRARY, "problem": ""}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _texts(paths: Iterable[Path]) -> list[str]:
    return [text_of_path(path) for path in paths]
