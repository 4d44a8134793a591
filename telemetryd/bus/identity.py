"""The kinds of callers, what each may do, what the user sees of them, and the guards of both interfaces.

`processes` identifies a caller. A program outside any sandbox may do everything, and its identity is a claim. A sandbox may act for its own
application. A container may claim an application and may not use Control1. An unidentified caller may do nothing.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NoReturn

from telemetryd.errors import CALLER_REFUSED, AccessDeniedError, BusyError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Confinement(Enum):
    """How a caller is confined. The value is what the user sees before the colon."""

    HOST = "host"
    FLATPAK = "flatpak"
    """Flatpak knows its instance."""
    FLATPAK_CLAIMED = "flatpak?"
    """Its root directory says that it is a Flatpak, but Flatpak does not know the instance."""
    SNAP = "snap"
    """A confined snap. An unconfined (classic) one counts as the host."""
    CONTAINER = "container"
    """In another user namespace than the daemon, and not a Flatpak: podman, toolbox, bwrap."""
    UNKNOWN = "unknown"
    LATE = "late"
    """Not identified in time. The next call may be."""


_CONFINED = {Confinement.FLATPAK, Confinement.FLATPAK_CLAIMED, Confinement.SNAP}


class Caller(NamedTuple):
    """The identity of one connection.

    `name` is the application's id in a Flatpak, and the snap's name in a snap. `label` is the systemd unit of any other program
    (`app-…-ID-….scope`), or "". It is a claim, because any program can start such a unit. `why` is the reason if the caller is unknown.
    """

    kind: Confinement
    name: str = ""
    label: str = ""
    why: str = ""

    def may_act_for(self, application: str, snap: str = "") -> bool:
        """Whether it may register and push for an application. `snap` is the one in the application's installed manifest, or ""."""
        match self.kind:
            case Confinement.HOST | Confinement.CONTAINER:
                return True
            case Confinement.FLATPAK | Confinement.FLATPAK_CLAIMED:
                return application == self.name
            case Confinement.SNAP:
                return bool(snap) and snap == self.name
            case Confinement.UNKNOWN | Confinement.LATE:
                return False

    def shown_for(self, application: str) -> str:
        """The text for the user, equal at every start of a program: `flatpak:ID`, `flatpak?:ID`, `snap:NAME`, or a claim.

        Claims are `host:ID`, `host` and `container:ID`. If its unit names no ID, a container's is that of the application it acts for.
        """
        name = self.name or claimed_id(self.label) or (application if self.kind is Confinement.CONTAINER else "")
        return f"{self.kind.value}:{name}" if name else self.kind.value


LATE = Caller(Confinement.LATE)


def unknown(why: str) -> Caller:
    """A caller that may do nothing. `why` is told with "this program cannot be identified"."""
    return Caller(Confinement.UNKNOWN, why=why)


# https://systemd.io/DESKTOP_ENVIRONMENTS/: app[-LAUNCHER]-ID-RANDOM.scope, app[-LAUNCHER]-ID[@RANDOM].service; a "-" in the id is \x2d.
APP_UNIT = re.compile(r"app-(?:[^-@]+-)?(?P<id>[^-@]+)(?:-[^-]+\.scope|(?:@[^@]*)?\.service)")
_ESCAPE = re.compile(r"\\x([0-9a-f]{2})")
ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


def claimed_id(unit: str) -> str:
    """The desktop id in the name of an application's unit, or "" if there is none that could be one."""
    match = APP_UNIT.fullmatch(unit)
    name = _ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), match["id"]) if match else ""
    return name if ID.fullmatch(name) else ""


def admit_own_application(snap_of: Callable[[str], str], caller: Caller, arguments: Sequence[Any]) -> None:
    """Guard of Telemetry1, whose methods all have the application as first argument. It is called for callers outside the host.

    `snap_of` returns the snap in an application's installed manifest, or "". It is called for snaps only.
    """
    if not arguments:
        return
    application = arguments[0]
    snap = snap_of(application) if caller.kind is Confinement.SNAP else ""
    if not caller.may_act_for(application, snap):
        _refuse(caller, _OWN_ONLY)


def admit_host_only(caller: Caller, _arguments: Sequence[Any]) -> None:
    """Guard of Control1: only the host may use it, even if a proxy let the call through."""
    if caller.kind is not Confinement.HOST:
        _refuse(caller, _HOST_ONLY)


_FLATPAK_ID = "is in the Flatpak sandbox of {name}, and may act for that application id only"
_OWN_ONLY = {
    Confinement.FLATPAK: _FLATPAK_ID,
    Confinement.FLATPAK_CLAIMED: _FLATPAK_ID,
    Confinement.SNAP: 'is in the snap {name}, and may act only for an application whose installed manifest says snap = "{name}"',
}
_OUTSIDE = "Only programs outside may see and change the user's choices"
_CONTAINED = "is in a container (it has a user namespace of its own)"
_FLATPAK_OUT = f"is in a Flatpak sandbox. {_OUTSIDE}: run it on the host, for instance with flatpak-spawn --host"
_HOST_ONLY = {
    Confinement.FLATPAK: _FLATPAK_OUT,
    Confinement.FLATPAK_CLAIMED: _FLATPAK_OUT,
    Confinement.SNAP: f"is in the snap {{name}}. {_OUTSIDE}: run it in a terminal that is not a snap",
    Confinement.CONTAINER: f"{_CONTAINED}. {_OUTSIDE}: run it on the host, for instance with flatpak-spawn --host or distrobox-host-exec",
}
"""The refusal for each kind. Every text says what to do instead."""


def _refuse(caller: Caller, texts: dict[Confinement, str]) -> NoReturn:
    if caller.kind is Confinement.LATE:
        raise BusyError("this program could not be identified in time: try again")
    text = texts.get(caller.kind, "cannot be identified ({why})")
    raise AccessDeniedError(CALLER_REFUSED + text.format(name=caller.name, why=caller.why))
