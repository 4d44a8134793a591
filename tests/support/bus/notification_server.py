"""A desktop's notification server on a private bus: it shows nothing, and keeps what it was asked to show.

async with notification_server(machine.address) as server:
    await server.until(1)
    server.click(server.shown[0], token="t")
"""

import asyncio
from contextlib import asynccontextmanager
from typing import NamedTuple

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import error, method_return, signal

NAME, PATH = "org.freedesktop.Notifications", "/org/freedesktop/Notifications"
WAIT_S = 20
FULL = ("actions", "body", "body-markup", "persistence")
"""What Plasma and GNOME can do."""


class Shown(NamedTuple):
    """One notification: who sent it, and its fields."""

    sender: str
    number: int
    summary: str
    body: str
    actions: list
    hints: dict
    icon: str


class NotificationServer:
    """What was shown so far, and what a user does with it."""

    def __init__(self, capabilities):
        self.shown, self._capabilities = [], list(capabilities)
        self._came = asyncio.Event()
        self.connection = None

    def on_call(self, call):
        """Answer as the specification says."""
        if call.member == "GetCapabilities":
            self.connection.send(method_return(call, "as", [self._capabilities]))
        elif (call.member, call.signature) == ("Notify", "susssasa{sv}i"):
            _name, _replaces, icon, summary, body, actions, hints, _time = call.body
            plain = {key: (one.signature, one.value) for key, one in hints.items()}
            self.shown.append(Shown(call.sender, len(self.shown) + 1, summary, body, actions, plain, icon))
            self.connection.send(method_return(call, "u", [len(self.shown)]))
            self._came.set()
        else:
            self.connection.send(error(call, "org.freedesktop.DBus.Error.InvalidArgs", "not a call of the specification"))

    async def until(self, number):
        """Wait until so many were shown in all; the last of them."""
        async with asyncio.timeout(WAIT_S):
            while len(self.shown) < number:
                self._came.clear()
                await self._came.wait()
        return self.shown[number - 1]

    def click(self, shown, *, key="default", token=""):
        """The user clicks on a notification."""
        if token:
            self.say(shown, "ActivationToken", "us", token)
        self.say(shown, "ActionInvoked", "us", key)

    def dismiss(self, shown):
        """The user closes a notification."""
        self.say(shown, "NotificationClosed", "uu", 2)

    def say(self, shown, member, signature, value):
        """Send a signal of the server about a notification."""
        self.connection.send(signal(PATH, NAME, member, signature, [shown.number, value]))


@asynccontextmanager
async def notification_server(address, capabilities=FULL):
    """Serve until the block ends."""
    server = NotificationServer(capabilities)
    server.connection = Connection(address=address, on_call=server.on_call)
    await server.connection.connect()
    assert await server.connection.own(NAME)
    try:
        yield server
    finally:
        await server.connection.disconnect()
