"""Why systemd does not start the daemon. The bus says only that it did not come, and each bus in words of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.core.translation import mark
from telemetryd.ctl.failures import JOURNAL, UNAVAILABLE, Failure
from telemetryd.ctl.language import gettext as _
from telemetryd.errors import STANDARD

if TYPE_CHECKING:
    from collections.abc import Mapping

MANAGER = "org.freedesktop.systemd1"
UNIT_PATH = "/org/freedesktop/systemd1/unit/telemetryd_2eservice"
PARTS = (f"{MANAGER}.Unit", f"{MANAGER}.Service")
"""The unit's interfaces whose properties are looked at."""

_NOT_STARTED = tuple(STANDARD + name for name in ("NameHasNoOwner", "ServiceUnknown", "Spawn.", "TimedOut"))
_MASKED = mark("telemetryd is switched off here, because its unit is masked: `systemctl --user unmask telemetryd` permits it again")
_LIMITED = mark(
    "telemetryd ended too often right after its start, so systemd does not start it any more: "
    "`systemctl --user reset-failed telemetryd` permits it again; {next}"
)
_FAILED = mark("telemetryd ends right after its start ({why}): {next}; after a repair run `systemctl --user reset-failed telemetryd`")
"""A unit that failed keeps its result when systemd then refuses further starts, so the step after a repair is said in any case."""


def may_be_not_started(name: str) -> bool:
    """Whether a D-Bus error may mean that the unit cannot be started. systemd's own errors reach the caller through dbus-daemon."""
    return name.startswith((*_NOT_STARTED, f"{MANAGER}."))


def failure_of_unit(properties: Mapping[str, Any]) -> Failure | None:
    """The failure for a unit's properties, or None if they do not explain one."""
    result = properties.get("Result", "success")
    if properties.get("LoadState") == "masked":
        return Failure(_(_MASKED), UNAVAILABLE)
    if result == "start-limit-hit":
        return Failure(_(_LIMITED).format(next=_(JOURNAL)), UNAVAILABLE)
    if result != "success":
        return Failure(_(_FAILED).format(why=result, next=_(JOURNAL)), UNAVAILABLE)
    return None
