"""Failures of the command: one line with the reason and the next step, and the exit status."""

from __future__ import annotations

import sys
from typing import IO, Any, Self

import click

from telemetryd.ctl.safe_text import one_line
from telemetryd.errors import (
    CALLER_REFUSED,
    INTERNAL,
    LOCKED,
    STANDARD,
    AccessDeniedError,
    BusyError,
    ChangedError,
    InvalidArgumentsError,
    LimitExceededError,
    NotDeveloperError,
    StorageError,
    TelemetrydError,
    UnknownApplicationError,
    UnknownQuestionError,
)

DONE, FAILED, MISUSED, UNAVAILABLE, NOTHING = range(5)
"""Exit statuses. `NOTHING`: nothing was changed, because the user declined or there was nothing to do."""

_HOW_TO_START = "start it with `telemetryd` or `systemctl --user start telemetryd`, or install it if it is missing"
_HOW_TO_DEVELOP = (
    "write `developer = true` into your own telemetryd.toml (usually ~/.config/telemetryd/telemetryd.toml); "
    "this permanently ends every question that is open on this account"
)
_JOURNAL = "`journalctl --user -u telemetryd` has the details"

_UNAVAILABLE = {
    "ServiceUnknown": f"telemetryd is not running and the session bus cannot start it: {_HOW_TO_START}",
    "NameHasNoOwner": f"telemetryd is not running: {_HOW_TO_START}",
    "NoReply": f"telemetryd ended without an answer: try again; {_JOURNAL}",
    "Disconnected": "the session bus closed the connection: try again",
    "TimedOut": f"telemetryd could not be started in time: {_JOURNAL}",
}
"""Standard errors of the bus that mean that the service does not answer."""

_NEXT: dict[type[TelemetrydError], str] = {
    UnknownApplicationError: "`telemetryctl list` names the applications",
    UnknownQuestionError: "`telemetryctl show {application}` names its questions",
    ChangedError: "see what changed with `telemetryctl show {application}`, then accept again",
    InvalidArgumentsError: "`telemetryctl show {application}` shows where it stands",
    LimitExceededError: "try again in a moment",
    BusyError: "try again in a moment",
    StorageError: f"check the space and the rights of that directory; {_JOURNAL}",
}
_NEXT_FOR_ALL = {ChangedError.bus_name: "repeat the command to see what would follow now"}
"""The same where no application is the subject of the command."""
_TOO_LONG = "the reply would be longer"
"""The beginning of the text for an answer with too many rows; trying again does not help."""
_LOCKS = "nothing was changed; `telemetryctl status` shows the locks"
_NOT_ALLOWED = "nothing was changed; the session bus, or a proxy between telemetryctl and the bus, does not permit this"
_FIXED = {
    NotDeveloperError.bus_name: f"this works in developer mode only: {_HOW_TO_DEVELOP}",
    INTERNAL: f"telemetryd failed: {_JOURNAL}",
}
"""Errors whose own text adds nothing."""
_NEXT_BY_NAME = {error.bus_name: hint for error, hint in _NEXT.items()}
_OTHER_VERSION = {STANDARD + name for name in ("UnknownMethod", "UnknownObject", "UnknownInterface", "UnknownProperty")}


class Failure(click.ClickException):
    """Ends the command with a line on standard error and an exit status. `name` is the D-Bus error behind it, or "", `detail` its text."""

    detail = ""

    def __init__(self, message: str, status: int = FAILED, name: str = "") -> None:
        super().__init__(one_line(message))
        self.name = name
        self.exit_code = status  # type: ignore[misc] # click declares it for the class; it reads it from the instance

    def of(self, name: str, detail: str) -> Self:
        """The same failure with the D-Bus error behind it."""
        self.name, self.detail = name, detail
        return self

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line."""
        click.echo(f"telemetryctl: {self.message}", file=file or sys.stderr)


def failure_for(name: str, text: str, application: str) -> Failure:
    """The failure for a D-Bus error; `application` is the subject of the command, or ""."""
    short = name.removeprefix(STANDARD)
    if short in _UNAVAILABLE:
        return Failure(_UNAVAILABLE[short], UNAVAILABLE)
    if short.startswith("Spawn."):
        return Failure(f"telemetryd could not be started ({text}): {_JOURNAL}", UNAVAILABLE)
    if name in _OTHER_VERSION:
        return Failure(f"the running telemetryd is of another version ({text}): restart it, `systemctl --user restart telemetryd`")
    if name in _FIXED:
        return Failure(_FIXED[name])
    if name == AccessDeniedError.bus_name:
        return _denied(text)
    hint = _NEXT_BY_NAME.get(name, "")
    if "{application}" in hint:
        hint = (
            hint.format(application=application) if application else _NEXT_FOR_ALL.get(name, "`telemetryctl list` names the applications")
        )
    if text.startswith(_TOO_LONG):
        hint = "it cannot be shown"
    return Failure(f"{text or name}; {hint}" if hint else f"{name}: {text}", name=name)


def _denied(text: str) -> Failure:
    """AccessDenied has three causes: the caller, whose text says what to do; a lock; the bus or a proxy before the service."""
    if text.startswith(CALLER_REFUSED):
        return Failure(f"nothing was changed, because {text}")
    return Failure(f"{text or AccessDeniedError.bus_name}; {_LOCKS if LOCKED in text else _NOT_ALLOWED}")


def no_bus(why: str) -> Failure:
    """There is no session bus."""
    return Failure(f"there is no session bus ({why}): run this inside your desktop session, or under `dbus-run-session`", UNAVAILABLE)


def no_answer(seconds: float) -> Failure:
    """The daemon is there and does not answer."""
    return Failure(f"telemetryd did not answer within {seconds:.0f} s: try again; {_JOURNAL}", UNAVAILABLE)
