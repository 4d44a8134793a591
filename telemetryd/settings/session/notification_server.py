"""A client of org.freedesktop.Notifications: shows one notice and waits for what the user does with it. Without Qt.

https://specifications.freedesktop.org/notification-spec/latest/
"""

from __future__ import annotations

import asyncio
from html import escape
from typing import TYPE_CHECKING, Any, Self

from telemetryd.errors import BusCallError, BusLostError
from telemetryd.settings.session.session_bus import Connection, Message, Variant, bus_call, method_call
from telemetryd.settings.session.show_request import NAME as WINDOW

if TYPE_CHECKING:
    from types import TracebackType

_NAME, _PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
_MATCH = f"type='signal',sender='{_NAME}',path='{_PATH}',interface='{_NAME}'"
_NOT_REPLACED, _SERVERS_OWN_TIME = 0, -1
_LOW = 0
"""Urgency: it makes no sound, and nothing waits for it."""
_ACTIONS = ("default", "show")
"""A click on the notice, and its button."""


class NotificationServer:
    """The server, for one notice. All methods raise BusCallError, BusLostError or TimeoutError."""

    def __init__(self) -> None:
        self._signals: asyncio.Queue[Message] = asyncio.Queue()
        self._bus = Connection(on_signal=self._signals.put_nowait)
        self._owner, self._id = "", 0

    async def __aenter__(self) -> Self:
        await self._bus.connect()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, failure: BaseException | None, trace: TracebackType | None) -> None:
        await self._bus.disconnect()

    async def capabilities(self) -> set[str]:
        """What the server can do. An error if nobody shows notifications here."""
        return set((await self._call("GetCapabilities"))[0])

    async def show(self, summary: str, body: str, action: str) -> None:
        """Show a notice. The texts are plain: what a server would take for markup is escaped."""
        can = await self.capabilities()
        await self._bus.ask(bus_call("AddMatch", "s", [_MATCH]))
        plain = escape(body, quote=False) if "body-markup" in can else body
        actions = [text for key in _ACTIONS for text in (key, action)] if "actions" in can else []
        hints = {"desktop-entry": Variant("s", WINDOW), "urgency": Variant("y", _LOW)}
        values = ["", _NOT_REPLACED, WINDOW, summary, plain, actions, hints, _SERVERS_OWN_TIME]
        (self._id,) = await self._call("Notify", "susssasa{sv}i", values)

    async def chosen(self, within_s: float) -> str | None:
        """Wait for a click on the notice: the token that brings a window to the front, or "". None if it was closed, or not in time."""
        token = ""
        try:
            async with asyncio.timeout(within_s):
                while True:
                    member, value = await self._signal()
                    if member == "ActivationToken":
                        token = str(value)
                    elif member == "ActionInvoked":
                        return token
                    elif member == "NotificationClosed":
                        return None
        except TimeoutError:
            return None

    async def open(self, call: Message) -> bool:
        """Have the window opened by a call to it. Returns False if nobody is there and the bus can start none."""
        try:
            await self._bus.ask(call)
        except (BusCallError, BusLostError):
            return False
        except TimeoutError:
            pass  # it is being started
        return True

    async def _signal(self) -> tuple[str, Any]:
        """The name and the argument of the next signal about our notice. Anybody can send signals; the server's are its owner's."""
        closed = asyncio.ensure_future(self._bus.wait_closed())
        try:
            while True:
                coming = asyncio.ensure_future(self._signals.get())
                await asyncio.wait((coming, closed), return_when=asyncio.FIRST_COMPLETED)
                if not coming.done():
                    coming.cancel()
                    return "NotificationClosed", 0
                message = coming.result()
                if message.sender == self._owner and message.signature in {"us", "uu"} and message.body[0] == self._id:
                    return message.member or "", message.body[1]
        finally:
            closed.cancel()

    async def _call(self, member: str, signature: str = "", body: list[Any] | None = None) -> list[Any]:
        reply = await self._bus.ask(method_call(_NAME, _PATH, _NAME, member, signature=signature, body=body or []))
        self._owner = reply.sender or ""
        return list(reply.body)
