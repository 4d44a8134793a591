"""Who calls, and what that permits: the kinds of callers, what the user is shown of them, and the guards of both interfaces.

`processes` finds a caller out. Programs outside of any sandbox may do everything, and what they say of themselves is a claim. A sandbox may
act for its own application. A container may claim an application and has nothing of Control1. What cannot be found out may do nothing.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from telemetryd.errors import CALLER_REFUSED, AccessDeniedError, BusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any


class Kind(Enum):
    """How a caller is confined, as far as it matters here; its value is what the user is shown before the colon."""

    HOST = "host"
    FLATPAK = "flatpak"
    """Its instance is one that Flatpak knows."""
    FLATPAK_CLAIMED = "flatpak?"
    """Its root directory says that it is one; Flatpak knows no such instance."""
    SNAP = "snap"
    """A confined one: an unconfined (classic) snap is the host."""
    CONTAINER = "container"
    """Another user namespace than the daemon's, and no Flatpak: podman, toolbox, bwrap."""
    UNKNOWN = "unknown"
    LATE = "late"
    """Not found out in time; the next call may be."""


_CONFINED = {Kind.FLATPAK, Kind.FLATPAK_CLAIMED, Kind.SNAP}


class Caller(NamedTuple):
    """One connection of the bus, identified.

    `name` is the application's id in a Flatpak and the snap's name in a Snap. `label` is the systemd unit of a program outside of both
    (`app-…-ID-….scope`), or "": a claim, since any program can start such a unit. `why` says of an unknown one what could not be found out.
    """

    kind: Kind
    name: str = ""
    label: str = ""
    why: str = ""

    def may_act_for(self, application: str, snap: str = "") -> bool:
        """Whether it may register and push for an application; `snap` is the one that the application's installed manifest names, or ""."""
        match self.kind:
            case Kind.HOST | Kind.CONTAINER:
                return True
            case Kind.FLATPAK | Kind.FLATPAK_CLAIMED:
                return application == self.name
            case Kind.SNAP:
                return bool(snap) and snap == self.name
            case Kind.UNKNOWN | Kind.LATE:
                return False

    def shown_for(self, application: str) -> str:
        """What the user is shown, the same at every start of a program: `flatpak:ID`, `flatpak?:ID`, `snap:NAME`, or a claim.

        Claims are `host:ID`, `host`, and `container:ID`, where ID is the application that it acts for if its unit names none.
        """
        name = self.name or claimed_id(self.label) or (application if self.kind is Kind.CONTAINER else "")
        return f"{self.kind.value}:{name}" if name else self.kind.value


LATE = Caller(Kind.LATE)


def unknown(why: str) -> Caller:
    """A caller that may do nothing; `why` ends the sentence "this program cannot be identified: "."""
    return Caller(Kind.UNKNOWN, why=why)


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
    """Guard of Telemetry1, whose methods all name an application first; only callers outside the host need asking.

    `snap_of` gives the snap that an application's installed manifest names, or ""; it is asked for snaps only.
    """
    if not arguments:
        return
    application = arguments[0]
    snap = snap_of(application) if caller.kind is Kind.SNAP else ""
    if not caller.may_act_for(application, snap):
        _refuse(caller, _OWN_ONLY)


def admit_host_only(caller: Caller, _arguments: Sequence[Any]) -> None:
    """Guard of Control1: nothing but the host has any member of it, even where a proxy let the call through."""
    if caller.kind is not Kind.HOST:
        _refuse(caller, _HOST_ONLY)


_FLATPAK_ID = "is in the Flatpak sandbox of {name}, and may act for that application id only"
_OWN_ONLY = {
    Kind.FLATPAK: _FLATPAK_ID,
    Kind.FLATPAK_CLAIMED: _FLATPAK_ID,
    Kind.SNAP: 'is in the snap {name}, and may act only for an application whose installed manifest says snap = "{name}"',
}
_OUTSIDE = "Only programs outside may see and change the user's choices"
_CONTAINED = "is in a container: it has a user namespace of its own"
_FLATPAK_OUT = f"is in a Flatpak sandbox. {_OUTSIDE}: run it on the host, for instance with flatpak-spawn --host"
_HOST_ONLY = {
    Kind.FLATPAK: _FLATPAK_OUT,
    Kind.FLATPAK_CLAIMED: _FLATPAK_OUT,
    Kind.SNAP: f"is in the snap {{name}}. {_OUTSIDE}: run it in a terminal that is no snap",
    Kind.CONTAINER: f"{_CONTAINED}. {_OUTSIDE}: run it on the host, for instance with flatpak-spawn --host or distrobox-host-exec",
}
"""What each kind is told; every text says what to do instead."""


def _refuse(caller: Caller, texts: dict[Kind, str]) -> NoReturn:
    if caller.kind is Kind.LATE:
        raise BusyError("it could not be found out in time who calls: try again")
    text = texts.get(caller.kind, "cannot be identified: {why}")
    raise AccessDeniedError(CALLER_REFUSED + text.format(name=caller.name, why=caller.why))
