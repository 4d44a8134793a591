"""Pushes as the last act of a program, over dbus-fast. Argument: bare (sent, exit), after (a call was awaited before)."""

import asyncio
import sys

from dbus_fast import Message, Variant
from dbus_fast.aio import MessageBus

NAME, PATH = "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1"


def push(value):
    """The call of one push."""
    body = ["org.example.Painter", "undo", Variant("u", value)]
    return Message(destination=NAME, path=PATH, interface=NAME, member="Push", signature="ssv", body=body)


async def main(way):
    """Push in one of the ways."""
    bus = await MessageBus().connect()
    if way == "after":
        await bus.call(push(1))
    await bus.send(push(3))  # until it is written, not until it is answered


asyncio.run(main(sys.argv[1]))
