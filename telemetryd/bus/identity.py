"""Who calls: found from the bus's credentials and /proc, never from what the caller says.

Flatpak: its sandbox has `/.flatpak-info` in its root. Snap: its processes run in a control group `snap.NAME.…`. Everything else of the same
user is a host program, whose identity is a claim. What cannot be looked at is unknown, and unknown may do nothing.
"""

from __future__ import annotations

import os
import re
import select
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.errors import AccessDeniedError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any


class Kind(Enum):
    """How a caller is confined, as far as it matters here."""

    HOST = "host"
    FLATPAK = "flatpak"
    SNAP = "snap"
    UNKNOWN = "unknown"


class Caller(NamedTuple):
    """One connection of the bus, identified.

    `application` is the id that a sandboxed caller may act for, "" for others. `label` is a host program's systemd unit
    (`app-…-ID-….scope`), or "": a claim, since any program can start such a unit.
    """

    kind: Kind
    application: str = ""
    label: str = ""

    def may_act_for(self, application: str) -> bool:
        """Whether it may register and push for an application: a host program for any, a sandboxed one for its own."""
        return self.kind is Kind.HOST or (self.kind is not Kind.UNKNOWN and application == self.application)

    @property
    def shown(self) -> str:
        """What the user is shown, the same at every start of a program: `flatpak:ID`, `snap:NAME`, or the claims `host:ID` and `host`."""
        name = self.application.removeprefix("snap.") if self.kind is Kind.SNAP else self.application or claimed_id(self.label)
        return f"{self.kind.value}:{name}" if name else self.kind.value


UNKNOWN = Caller(Kind.UNKNOWN)

_FILE_MAX_BYTES = 64 * 1024
"""A .flatpak-info has 1 to 3 KiB, a cgroup file less; what a longer one has not said by then, it does not say."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY
_LOOK = os.O_PATH | os.O_DIRECTORY

# https://systemd.io/DESKTOP_ENVIRONMENTS/: app[-LAUNCHER]-ID-RANDOM.scope, app[-LAUNCHER]-ID[@RANDOM].service; a "-" in the id is \x2d.
_APP_UNIT = re.compile(r"app-(?:[^-@]+-)?(?P<id>[^-@]+)(?:-[^-]+\.scope|(?:@[^@]*)?\.service)")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def admit_own_application(caller: Caller, arguments: Sequence[Any]) -> None:
    """Guard of Telemetry1, whose methods all name an application first; only callers outside the host need asking."""
    if arguments and not caller.may_act_for(arguments[0]):
        if caller.kind is Kind.UNKNOWN:
            raise AccessDeniedError("the caller cannot be identified")
        raise AccessDeniedError("a sandboxed caller may act for its own application id only")


def admit_host_only(caller: Caller, _arguments: Sequence[Any]) -> None:
    """Guard of Control1: a sandbox or an unknown caller has no member of it, even where a proxy let the call through."""
    if caller.kind is not Kind.HOST:
        raise AccessDeniedError("only programs outside a sandbox may use the control interface")


def identify_process(pid: int, pidfd: int) -> Caller:
    """The caller that a process is. `pidfd` holds the process: while that runs, which is asked last, nobody else can have its number."""
    try:
        with _opened(f"/proc/{pid}", _LOOK) as process:
            caller = look(process)
    except (OSError, UnicodeDecodeError):
        return UNKNOWN
    return caller if is_running(pidfd) else UNKNOWN


def is_running(pidfd: int) -> bool:
    """Whether the process that a pidfd holds has not ended: a pidfd becomes readable then."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return not poll.poll(0)


def claimed_id(unit: str) -> str:
    """The desktop id in the name of an application's unit, or "" if there is none that could be one."""
    match = _APP_UNIT.fullmatch(unit)
    name = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), match["id"]) if match else ""
    return name if _ID.fullmatch(name) else ""


def look(process: int) -> Caller:
    """What /proc says of the process whose directory is open: it stays that process's, whoever gets the number next.

    Raises OSError where something but `.flatpak-info` cannot be opened.
    """
    info = _flatpak_info(process)
    if info is not None:
        application = _application_name(info)
        return Caller(Kind.FLATPAK, application) if application else UNKNOWN
    with _opened("cgroup", _READ, process) as file:
        groups = _groups(_text(file))
    snap = next((group for group in groups if group.startswith("snap.")), None)
    if snap is not None:
        return Caller(Kind.SNAP, "snap." + snap.split(".")[1])
    return Caller(Kind.HOST, label=next((group for group in reversed(groups) if _APP_UNIT.fullmatch(group)), ""))


def _flatpak_info(process: int) -> str | None:
    """The text of the sandbox's `.flatpak-info`, or None if its root has none; any other failure means that nobody knows."""
    with _opened("root", _LOOK, process) as root:
        try:
            file = os.open(".flatpak-info", _READ, dir_fd=root)
        except FileNotFoundError:
            return None
    try:
        return _text(file)
    finally:
        os.close(file)


def _application_name(info: str) -> str:
    """The `name` of the group `[Application]`; "" where there is none, as for a bare runtime."""
    group = ""
    for line in info.split("\n"):
        key, separator, value = line.partition("=")
        if line.startswith("["):
            group = line.strip()
        elif separator and group == "[Application]" and key.strip() == "name":
            return value.strip()
    return ""


def _groups(text: str) -> list[str]:
    """The names of all control groups, outermost first, that /proc/PID/cgroup lists in any hierarchy."""
    return [name for line in text.splitlines() for name in line.split(":", 2)[-1].split("/") if name]


def _text(file: int) -> str:
    """The text of an open file, up to the bound; /proc gives it in pieces."""
    pieces: list[bytes] = []
    while (left := _FILE_MAX_BYTES - sum(map(len, pieces))) and (piece := os.read(file, left)):
        pieces.append(piece)
    return b"".join(pieces).decode()


@contextmanager
def _opened(path: str, flags: int, directory: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
