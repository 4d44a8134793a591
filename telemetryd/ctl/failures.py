"""Failures of the command: one line with the reason and the next step, and the exit status."""

from __future__ import annotations

import sys
from typing import IO, Any, Self

import click

from telemetryd.core.translation import ENGLISH, mark
from telemetryd.ctl import language
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.safe_text import one_line
from telemetryd.errors import (
    CALLER_REFUSED,
    ERASURE_PENDING,
    INTERNAL,
    LOCKED,
    STANDARD,
    TOO_LONG,
    TOO_MANY_OPEN,
    AccessDeniedError,
    BusyError,
    ChangedError,
    InvalidArgumentsError,
    LimitExceededError,
    NotDeveloperError,
    NotSupportedError,
    StorageError,
    TelemetrydError,
    UnknownApplicationError,
    UnknownQuestionError,
)

DONE, FAILED, MISUSED, UNAVAILABLE, NOTHING = range(5)
"""Exit statuses. `NOTHING`: nothing was changed, because the user declined or there was nothing to do."""

_HOW_TO_START = mark("start it with `telemetryd` or `systemctl --user start telemetryd`, or install it if it is missing")
_HOW_TO_DEVELOP = mark(
    "write `developer = true` into your own telemetryd.toml (usually ~/.config/telemetryd/telemetryd.toml); "
    "this permanently ends every question that is open on this account"
)
JOURNAL = mark("`journalctl --user -u telemetryd` has the details")
"""The next step after a failure of the daemon itself."""
_LIST = mark("`telemetryctl list` names the applications")

_UNAVAILABLE = {
    "ServiceUnknown": (mark("telemetryd is not running and the session bus cannot start it: {next}"), _HOW_TO_START),
    "NameHasNoOwner": (mark("telemetryd is not running: {next}"), _HOW_TO_START),
    "NoReply": (mark("telemetryd ended without an answer: try again; {next}"), JOURNAL),
    "Disconnected": (mark("the session bus closed the connection: try again"), ""),
    "TimedOut": (mark("telemetryd could not be started in time: {next}"), JOURNAL),
}
"""Standard errors of the bus that mean that the service does not answer."""

_NEXT: dict[type[TelemetrydError], str] = {
    UnknownApplicationError: _LIST,
    UnknownQuestionError: mark("`telemetryctl show {application}` names its questions"),
    ChangedError: mark("see what changed with `telemetryctl show {application}`, then accept again"),
    InvalidArgumentsError: mark("`telemetryctl show {application}` shows where it stands"),
    LimitExceededError: mark("try again in a moment"),
    BusyError: mark("try again in a moment"),
    StorageError: mark("check the space and the rights of that directory; `journalctl --user -u telemetryd` has the details"),
}
_NEXT_FOR_ALL = {ChangedError.bus_name: mark("repeat the command to see what would follow now")}
"""The same where no application is the subject of the command."""
_NEXT_BY_TEXT = {
    TOO_LONG: mark("it cannot be shown"),
    TOO_MANY_OPEN: mark("refuse a question that you accepted, or wait until one of them is over"),
}
"""The same by a part of the text, where trying again does not help."""
_SENTENCES: dict[type[TelemetrydError], str] = {
    UnknownApplicationError: mark("telemetryd knows no such application"),
    UnknownQuestionError: mark("the application asks no such question"),
    ChangedError: mark("something changed meanwhile, and nothing was done"),
    InvalidArgumentsError: mark("telemetryd cannot do that"),
    NotSupportedError: mark("this installation cannot do that"),
    LimitExceededError: mark("a limit of telemetryd is reached"),
    BusyError: mark("telemetryd is busy"),
    StorageError: mark("telemetryd cannot read or write its files"),
    AccessDeniedError: mark("the session bus does not permit this"),
}
"""What an error of the service means. The service's own text is more precise, but in English."""
_SENTENCE_BY_NAME = {error.bus_name: sentence for error, sentence in _SENTENCES.items()}
_SENTENCE_BY_TEXT = {
    ERASURE_PENDING: mark("your choice holds, but another program reads the file, and the erased data is still in it"),
    CALLER_REFUSED: mark("this program may not decide for you"),
    LOCKED: mark("a lock does not allow this"),
    TOO_LONG: mark("the answer would be too long"),
    TOO_MANY_OPEN: mark("too many questions would be accepted and not over"),
}
"""The same by a part of the text, where one error has several meanings."""
_LOCKS = mark("nothing was changed; `telemetryctl status` shows the locks")
_NOT_ALLOWED = mark("nothing was changed; the session bus, or a proxy between telemetryctl and the bus, does not permit this")
_FIXED = {
    NotDeveloperError.bus_name: (mark("this works in developer mode only: {next}"), _HOW_TO_DEVELOP),
    INTERNAL: (mark("telemetryd failed: {next}"), JOURNAL),
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
        return Failure(_with_next(*_UNAVAILABLE[short]), UNAVAILABLE)
    if short.startswith("Spawn."):
        return Failure(_("telemetryd could not be started ({why}): {next}").format(why=text, next=_(JOURNAL)), UNAVAILABLE)
    if name in _OTHER_VERSION:
        other = _("the running telemetryd is of another version ({why}): restart it, `systemctl --user restart telemetryd`")
        return Failure(other.format(why=text))
    if name in _FIXED:
        return Failure(_with_next(*_FIXED[name]))
    if name == AccessDeniedError.bus_name:
        return _denied(text)
    hint, why = _hint(name, text, application), told(name, text)
    return Failure(_("{text}; {next}").format(text=why, next=hint) if hint else f"{name}: {why}", name=name)


def own_failure(name: str, text: str, application: str) -> Failure:
    """A failure that the command finds itself, with the next step of the error of this name. `text` is in the user's language."""
    return Failure(_("{text}; {next}").format(text=text, next=_hint(name, "", application)), name=name)


def told(name: str, text: str) -> str:
    """What went wrong, in the user's language. Except in English, a sentence of ours comes first, and then the service's own text."""
    by_text = next((sentence for part, sentence in _SENTENCE_BY_TEXT.items() if part in text), "")
    sentence = by_text or _SENTENCE_BY_NAME.get(name, "")
    if not sentence or language.of_environment().words is ENGLISH:
        return text or name
    return _("{sentence} ({detail})").format(sentence=_(sentence), detail=text or name)


def _hint(name: str, text: str, application: str) -> str:
    """What to do next after an error, or ""."""
    hint = next((step for part, step in _NEXT_BY_TEXT.items() if part in text), "") or _NEXT_BY_NAME.get(name, "")
    if "{application}" in hint and not application:
        hint = _NEXT_FOR_ALL.get(name, _LIST)
    return _(hint).format(application=application) if hint else ""


def _with_next(frame: str, step: str) -> str:
    return _(frame).format(next=_(step) if step else "")


def _denied(text: str) -> Failure:
    """AccessDenied has three causes: the caller, whose text says what to do; a lock; the bus or a proxy before the service."""
    if text.startswith(CALLER_REFUSED):
        return Failure(_("nothing was changed: {why}").format(why=told(AccessDeniedError.bus_name, text)))
    hint = _LOCKS if LOCKED in text else _NOT_ALLOWED
    return Failure(_("{text}; {next}").format(text=told(AccessDeniedError.bus_name, text), next=_(hint)))


def no_bus(why: str) -> Failure:
    """There is no session bus."""
    text = _("there is no session bus ({why}): run this inside your desktop session, or under `dbus-run-session`")
    return Failure(text.format(why=why), UNAVAILABLE)


def hidden() -> Failure:
    """The bus shows this program the service's name for applications, and not that for the user."""
    text = _("this program runs in a sandbox that hides org.telemetryd.Control1 from it: run it outside of the sandbox")
    return Failure(text, UNAVAILABLE, AccessDeniedError.bus_name)


def no_answer(seconds: float) -> Failure:
    """The daemon is there and does not answer."""
    text = _("telemetryd did not answer within {seconds} s: try again; {next}")
    return Failure(text.format(seconds=round(seconds), next=_(JOURNAL)), UNAVAILABLE)
