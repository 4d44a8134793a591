# SPDX-License-Identifier: MIT
"""One push over dbus-fast that waits for its reply, at most two seconds. With dbus-next only the imports differ."""

import asyncio

from dbus_fast import DBusError, Message, Variant
from dbus_fast.aio import MessageBus

NAME, PATH = "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1"


async def push(bus: MessageBus, source: str, value: Variant) -> None:
    """Push one sample. An error is nobody's: where telemetryd is not installed, nothing else happens."""
    body = ["org.example.Painter", source, value]
    call = Message(destination=NAME, path=PATH, interface=NAME, member="Push", signature="ssv", body=body)
    try:
        async with asyncio.timeout(2):
            await bus.call(call)
    except (TimeoutError, DBusError):
        pass


async def main() -> None:
    """Connect, push, disconnect."""
    bus = await MessageBus().connect()
    await push(bus, "undo", Variant("u", 3))
    bus.disconnect()


asyncio.run(main())
