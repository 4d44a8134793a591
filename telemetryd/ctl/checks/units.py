"""Units and activation files: whether they are installed, enabled, and start programs that are there. Only names and texts are read."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.core.limits import CONFIG_BYTES
from telemetryd.core.translation import mark
from telemetryd.ctl.checks.machine import Found
from telemetryd.errors import InvalidFileError
from telemetryd.system.files import is_mask, read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.checks.machine import Machine

TIMER = "telemetryd-tick.timer"
UNITS = ("telemetryd.service", "telemetryd-tick.service", TIMER, "telemetryd-upload.socket", "telemetryd-upload@.service")
SERVICES = ("org.telemetryd.Telemetry1.service", "org.telemetryd.Control1.service")

_SYSTEM = ("/etc/systemd/user", "/run/systemd/user", "/usr/local/lib/systemd/user", "/usr/lib/systemd/user")
_BUS = ("/usr/local/share/dbus-1/services", "/usr/share/dbus-1/services")
_MANAGERS = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
_PROGRAM = "/usr/bin/telemetryd"
_STARTS = re.compile(r"""^Exec(?:Start)?=(?:[-@:+!]+(?=["/]))?(?:"([^"]+)"|(\S+))""", re.MULTILINE)
"""The program in a unit or an activation file."""
_NO_SYSTEMD = mark("there is no systemd: something has to run `telemetryd --tick` every ten minutes of a session")
_INSTALL = mark("install it into {folder}, as docs/packaging.md says")


def problems(machine: Machine, words: Words) -> Iterator[Found]:
    """Files that are missing, masked, not enabled, or start nothing. A package that has no telemetryd in it needs none."""
    _, units, services = words.gettext, _unit_folders(machine), _service_folders(machine)
    if machine.root and not (_find(units, UNITS[0]) or os.path.lexists(machine.path(_PROGRAM))):
        return
    if _has_systemd(machine):
        for name in UNITS:
            yield from _unit(machine, name, units, words)
        if not _is_enabled(machine, units):
            text = _("{name} is not enabled: due work waits until a program calls").format(name=TIMER)
            yield Found("units", "", text, _("run {command}").format(command=f"`systemctl --global enable {TIMER}`"))
    for name in SERVICES:
        path = _find(services, name)
        if path is None:
            text = _("{name} is not installed: the bus cannot start telemetryd").format(name=name)
            yield Found("units", "", text, _(_INSTALL).format(folder=services[-1]))
        else:
            yield from _program(machine, path, words)


def notes(machine: Machine, words: Words) -> Iterator[Found]:
    """How due work is begun where there is no systemd."""
    if not _has_systemd(machine) and (not machine.root or machine.path(_PROGRAM).exists()):
        yield Found("units", "", words.gettext(_NO_SYSTEMD))


def _unit(machine: Machine, name: str, folders: Sequence[Path], words: Words) -> Iterator[Found]:
    _, path = words.gettext, _find(folders, name)
    if path is None:
        yield Found("units", "", _("{name} is not installed").format(name=name), _(_INSTALL).format(folder=folders[-1]))
    elif is_mask(machine.real(path)):
        change = _("run {command}, or remove it").format(command=f"`systemctl --global unmask {name}`")
        yield Found("units", str(path), _("this masks the unit"), change)
    else:
        yield from _program(machine, path, words)


def _program(machine: Machine, path: Path, words: Words) -> Iterator[Found]:
    """The fault of the program that a file starts, if it starts any."""
    _ = words.gettext
    try:
        text = read(machine.real(path), CONFIG_BYTES)
    except (OSError, InvalidFileError):
        yield Found("units", str(path), _("this file cannot be read"), _("install it again, readable by every user"))
        return
    for program in map("".join, _STARTS.findall(text)):
        if not program.startswith("/") or not os.access(machine.path(program), os.X_OK):
            fault = _("the program {program} is not there").format(program=program)
            yield Found("units", str(path), fault, _("install it, or correct the line"))


def _is_enabled(machine: Machine, folders: Sequence[Path]) -> bool:
    found = [machine.real(target) for folder in folders for kind in ("wants", "requires") for target in folder.glob(f"*.{kind}")]
    return any(os.path.lexists(target / TIMER) and not is_mask(machine.real(target / TIMER)) for target in found)


def _has_systemd(machine: Machine) -> bool:
    if machine.root:
        return any(os.path.lexists(machine.path(program)) for program in _MANAGERS)
    return machine.path("/run/systemd/system").exists() or _find(_unit_folders(machine), TIMER) is not None


def _find(folders: Sequence[Path], name: str) -> Path | None:
    """The file of this name that is in force. A link counts whatever it leads to: in another root it leads elsewhere."""
    return next((folder / name for folder in folders if os.path.lexists(folder / name)), None)


def _unit_folders(machine: Machine) -> list[Path]:
    """The folders of user units, the first wins."""
    return [*_own(machine, "systemd/user"), *map(machine.path, _SYSTEM)]


def _service_folders(machine: Machine) -> list[Path]:
    """The folders of activation files, the first wins."""
    return [*_own(machine, "dbus-1/services"), *map(machine.path, _BUS)]


def _own(machine: Machine, folder: str) -> list[Path]:
    """This user's folders of this kind."""
    if machine.root:
        return []
    home = machine.environ.get("HOME", "/")
    config = machine.environ.get("XDG_CONFIG_HOME") or f"{home}/.config"
    data = machine.environ.get("XDG_DATA_HOME") or f"{home}/.local/share"
    return [Path(place) / folder for place in (config, machine.environ.get("XDG_RUNTIME_DIR", ""), data) if place.startswith("/")]
