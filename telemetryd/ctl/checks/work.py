"""Whether due work is being done here, by what can be seen without the bus and without opening a database.

The user's systemd says over its own socket whether the timer runs and how the last run ended. The kernel's list of locks says whether a
daemon serves. The state directory's owner, rights and names say whether it can be used. Times of the databases' files are not looked at:
nothing is written while nothing is open, so an old file proves nothing.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.ctl.checks.machine import Found
from telemetryd.ctl.checks.units import TIMER
from telemetryd.system.directories import state_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from telemetryd.core.translation import Words

_SERVICE = TIMER.replace(".timer", ".service")
_WAIT_S = 10
"""Longest wait for the user's systemd, which answers within milliseconds."""
_SHOWN = ("Id", "LoadState", "ActiveState", "Result", "LastTriggerUSec")
_LOCK = re.compile(r"^\d+: FLOCK +ADVISORY +WRITE +(\d+) +[0-9a-f]+:[0-9a-f]+:(\d+) ", re.MULTILINE)
"""A line of /proc/locks: process and inode. The device is left out: file systems with subvolumes show another number there."""
_ASIDE = re.compile(r".+\.(?:damaged|older)-(\d{4}-\d\d-\d\d).*")


def problems(environ: Mapping[str, str], words: Words) -> Iterator[Found]:
    """What keeps due work from being done."""
    _, units = words.gettext, _units(environ)
    timer, service = units.get(TIMER, {}), units.get(_SERVICE, {})
    if timer.get("LoadState") == "loaded" and timer.get("ActiveState") != "active":
        text = _("{name} does not run in this session: it is {state}").format(name=TIMER, state=timer.get("ActiveState"))
        yield Found("work", "", text, _("run {command}").format(command=f"`systemctl --user start {TIMER}`"))
    if service.get("Result", "success") != "success":
        text = _("the last run of due work failed: {result}").format(result=service["Result"])
        yield Found("work", "", text, _("see {command}").format(command=f"`journalctl --user -u {_SERVICE}`"))
    yield from _state(state_directory(environ), words)


def notes(environ: Mapping[str, str], words: Words) -> Iterator[Found]:
    """When due work was last begun, who serves, and what could not be looked at."""
    _, units = words.gettext, _units(environ)
    if not units:
        yield Found("work", "", _("the user's systemd does not answer: whether due work is done was not checked"))
    triggered = units.get(TIMER, {}).get("LastTriggerUSec", "")
    if triggered not in {"", "n/a"}:
        yield Found("work", "", _("{name} last began due work at {time}").format(name=TIMER, time=triggered))
    directory = state_directory(environ)
    process = _holder(directory)
    if process:
        yield Found("work", str(directory), _("process {number} serves, and does due work itself").format(number=process))
    with suppress(OSError):
        for name in sorted(os.listdir(directory)):  # noqa: PTH208 - names are all that is wanted
            if found := _ASIDE.fullmatch(name):
                text = _("set aside on {date}: this database was damaged or of an unknown layout").format(date=found[1])
                yield Found("work", str(directory / name), text)


def _units(environ: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What the user's systemd says of the timer and its service: unit → property → value. Empty if it does not answer."""
    if not os.path.lexists(os.path.join(environ.get("XDG_RUNTIME_DIR", "/nonexistent"), "systemd/private")):  # noqa: PTH118 - one name
        return {}
    command = ["systemctl", "--user", "show", "--property", ",".join(_SHOWN), TIMER, _SERVICE]
    try:
        done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=_WAIT_S, check=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return {}
    blocks = [dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in done.stdout.split("\n\n")]
    return {block["Id"]: block for block in blocks if "Id" in block}


def _state(directory: Path, words: Words) -> Iterator[Found]:
    """The faults of the state directory. A directory that is not there is made when something is kept."""
    _ = words.gettext
    try:
        state = directory.stat()
    except FileNotFoundError:
        if directory.is_symlink():
            yield _unusable(directory, _("a link to nothing"), words)
        return
    except OSError as error:
        yield _unusable(directory, str(error.strerror), words)
        return
    if state.st_uid != os.geteuid():
        yield _unusable(directory, _("it belongs to another user"), words)
    elif not os.access(directory, os.R_OK | os.W_OK | os.X_OK) or not stat.S_ISDIR(state.st_mode):
        yield _unusable(directory, _("it cannot be written"), words)


def _unusable(directory: Path, why: str, words: Words) -> Found:
    _ = words.gettext
    text = _("the state directory cannot be used: {why}").format(why=why)
    return Found("work", str(directory), text, _("give it to its user, with mode 0700"))


def _holder(directory: Path) -> str:
    """The number of the process that holds the state directory's lock, or ""."""
    try:
        inode = (directory / "lock").stat().st_ino
        with open("/proc/locks", encoding="ascii") as locks:  # noqa: PTH123 - no pathlib when the program runs
            held = _LOCK.findall(locks.read())
    except (OSError, ValueError):
        return ""
    return next((process for process, number in held if int(number) == inode), "")
