"""`install` and `uninstall`: let the session bus and systemd start this telemetryd, for one user. Policy: C1."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telemetryd.core.translation import mark
from telemetryd.ctl.control_client import ControlClient
from telemetryd.ctl.failures import NOTHING, Failure
from telemetryd.ctl.files import service_files
from telemetryd.ctl.files.own_services import REMOVED, own_folders
from telemetryd.ctl.language import gettext as _

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from telemetryd.ctl.files.service_files import ServiceFile

_WAIT_S = 30.0
"""Longest wait for systemd."""
_TRIAL = "import telemetryd.__main__, telemetryd.ctl.__main__, telemetryd.bus.transport.library"
"""What an interpreter has to find: telemetryd, and the libraries of the daemon and of telemetryctl."""
_FOR_ALL = mark("This command works for one user: write `--user`. For every user a package, or `make install`, brings the files.")

_for_user = click.option("--user", "is_users", is_flag=True, help="For yourself. Always needed: nothing is done for all users.")


@click.command(short_help="Let the bus and systemd start this telemetryd for you.")
@_for_user
def install(*, is_users: bool) -> None:
    """Let the session bus and systemd start the telemetryd that this command belongs to.

    For installations by pip, pipx, uv or into a virtual environment; a package of a distribution needs none of this. Writes units and
    activation files into your own directories, which name this Python, and enables the timer. Run it again after an update, or after the
    Python has moved: it changes only what differs.
    """
    _require_user(is_users=is_users)
    files = _files_of_this_python()
    for path, what in own_folders(os.environ).write(files):
        click.echo(_(what).format(path=path))
    _tell_systemd(files)
    _tell_bus()


@click.command(short_help="Undo `install`.")
@_for_user
def uninstall(*, is_users: bool) -> None:
    """Remove exactly the files that `install` has written, and stop what they started.

    Your choices and what was collected stay: `telemetryctl erase` removes that. Then remove telemetryd itself as you installed it.
    """
    _require_user(is_users=is_users)
    folders = own_folders(os.environ)
    units = [path.name for path in folders.written() if not path.is_symlink() and path.parent == folders.data / service_files.UNITS]
    if not folders.written():
        raise Failure(_("nothing was installed by this command, so nothing was removed"), NOTHING)
    _systemctl(["stop", *units])
    for path in folders.remove():
        click.echo(_(REMOVED).format(path=path))
    _systemctl(["daemon-reload"])
    _tell_bus()


def _require_user(*, is_users: bool) -> None:
    if not is_users:
        raise click.UsageError(_(_FOR_ALL))


def _files_of_this_python() -> list[ServiceFile]:
    """The files for the interpreter that runs this command. Raises Failure if it does not find telemetryd by itself."""
    python = sys.executable
    has_users_packages = not _finds_itself(["-s"])
    if has_users_packages and not _finds_itself([]):
        text = _("{path} does not find telemetryd and its libraries without the variables of this shell, such as PYTHONPATH")
        raise Failure(text.format(path=python))
    try:
        return service_files.for_interpreter(
            python,
            has_users_packages=has_users_packages,
            has_window=find_spec("PySide6") is not None,
            in_home=_folders_in_home(),
        )
    except service_files.UnnameableError as error:
        text = _("{path} cannot be named in units: expected an absolute path without quotes, backslashes, colons, dollars and per cents")
        raise Failure(text.format(path=error.path)) from error


def _folders_in_home() -> list[str]:
    """The folders below the home directory that this interpreter reads, the upper ones only."""
    home = Path(os.environ.get("HOME") or Path.home())
    read = {Path(place) for place in (sys.prefix, sys.base_prefix, *sys.path, str(Path(__file__).parents[3])) if place}
    below = sorted(place for place in read if place.is_relative_to(home) and place != home and place.exists())
    return [str(place) for place in below if not any(above in below for above in place.parents)]


def _finds_itself(options: Sequence[str]) -> bool:
    """Whether this interpreter finds telemetryd with these options and without the variables for Python, as systemd starts it."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    command = [sys.executable, "-P", *options, "-c", _TRIAL]
    return subprocess.run(command, env=environ, cwd="/", capture_output=True, check=False).returncode == 0


def _tell_systemd(files: Iterable[ServiceFile]) -> None:
    """The user's systemd reads the units anew and starts those that are enabled."""
    wanted = [one.name for one in files if one.wanted_by]
    if not (_systemctl(["daemon-reload"]) and _systemctl(["start", *wanted])):
        _note(_("your systemd does not answer here; it reads the units when you log in next"))


def _systemctl(arguments: list[str]) -> bool:
    """Whether the user's systemd is there and did this."""
    if not os.path.lexists(Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "systemd/private")):
        return False
    command = ["systemctl", "--user", *arguments]
    try:
        subprocess.run(command, capture_output=True, timeout=_WAIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _tell_bus() -> None:
    """The session bus reads the activation files anew: it does not watch a folder that was not there when it started."""

    async def reload() -> None:
        async with ControlClient() as client:
            await client.reload_activation()

    try:
        asyncio.run(reload())
    except Failure:
        _note(_("there is no session bus here; it reads the activation files when you log in next"))


def _note(text: str) -> None:
    click.echo(_("note: {text}").format(text=text), err=True)
