"""OpenSettings: asks the bus for the settings window, which shows an application's page. Policy: C2, C3.

Nothing here looks at what is declared or chosen. The answer says only whether this system has a window: the bus can start one, or one runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from telemetryd.bus.identity import ID
from telemetryd.bus.transport.library import MessageFlag, Variant, bus_call, method_call
from telemetryd.core.limits import SETTINGS_PAUSE_S
from telemetryd.errors import BusCallError, BusLostError, BusyError, InvalidArgumentsError, NotSupportedError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from telemetryd.bus.transport.library import Message

WINDOW = "org.telemetryd.Settings"
_PATH = "/org/telemetryd/Settings"
_APPLICATION = "org.freedesktop.Application"
_TOKEN = "activation_token"  # noqa: S105 - the name of an option of the desktop portals, no secret
_TEXT_MAX = 1024
"""Most characters of a token, or of what names a window. Compositors give some dozens."""
_NO_WINDOW = "this system has no settings window; the user can run: telemetryctl, or telemetryd-settings where it is installed"
_BUSY = "the session bus did not answer in time: try again"


class BusPort(Protocol):
    """The part of the nameless connection that is used here."""

    def send(self, message: Message) -> None:
        """Send without waiting for an answer."""

    def ask(self, message: Message) -> Awaitable[Message]:
        """The reply to a call. Raises BusCallError for an error, BusLostError or TimeoutError if none comes."""


class SettingsOpener:
    """Opens the window once in `SETTINGS_PAUSE_S`, whoever calls: a program cannot bury the user under windows."""

    def __init__(self, bus: Callable[[], BusPort], now: Callable[[], float]) -> None:
        self._bus, self._now = bus, now
        self._opened = -SETTINGS_PAUSE_S

    async def open(self, application: str, parent_window: str, options: Mapping[str, Any]) -> None:
        """Have the window show an application's page. Raises NotSupportedError without a window, InvalidArgumentsError, BusyError."""
        platform = _checked(application, parent_window, options)
        try:
            if not await self._has_window():
                raise NotSupportedError(_NO_WINDOW)
        except (BusCallError, BusLostError, TimeoutError) as failure:
            raise BusyError(_BUSY) from failure
        if self._now() - self._opened >= SETTINGS_PAUSE_S:
            self._opened = self._now()
            self._bus().send(_show(application, platform))

    async def _has_window(self) -> bool:
        """Whether the bus can start the window, or somebody runs it: the same two questions whatever the first answer is."""
        startable = await self._bus().ask(bus_call("ListActivatableNames"))
        running = await self._bus().ask(bus_call("NameHasOwner", "s", [WINDOW]))
        return bool(WINDOW in startable.body[0] or running.body[0])


def _checked(application: str, parent_window: str, options: Mapping[str, Any]) -> dict[str, Variant]:
    """The platform data for the window. Raises InvalidArgumentsError for an id, a token or a parent that cannot be one."""
    if not ID.fullmatch(application) or "." not in application:
        raise InvalidArgumentsError("expected an application id in reverse-DNS form, of at most 128 characters")
    token = options.get(_TOKEN, Variant("s", ""))
    if token.signature != "s" or len(token.value) > _TEXT_MAX:
        raise InvalidArgumentsError(f"expected {_TOKEN} as a text of at most {_TEXT_MAX} characters")
    if len(parent_window) > _TEXT_MAX:
        raise InvalidArgumentsError(f"expected parent_window as a text of at most {_TEXT_MAX} characters")
    given = {"activation-token": token.value, "desktop-startup-id": token.value, "parent-window": parent_window}
    return {key: Variant("s", value) for key, value in given.items() if value}


def _show(application: str, platform: dict[str, Variant]) -> Message:
    """The call that starts or raises the window. Nobody waits for its reply, so a window that fails delays no application."""
    body = ["show", [Variant("s", application)], platform]
    flags = MessageFlag.NO_REPLY_EXPECTED
    return method_call(WINDOW, _PATH, _APPLICATION, "ActivateAction", signature="sava{sv}", body=body, flags=flags)
