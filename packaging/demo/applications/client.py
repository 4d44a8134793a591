"""All that a Python application needs to talk to telemetryd: two calls, and nothing to learn from their answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from dbus_fast import Message, MessageType, Variant
from dbus_fast.aio import MessageBus

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "org.telemetryd.Telemetry1"
PATH = "/org/telemetryd/Telemetry1"


def register(application: str, manifest: str) -> str:
    """Say what the application would like to measure, and why; gives the digest of it."""
    return str(_call("Register", "ssa{sv}", [application, manifest, {}])[0])


def push(application: str, samples: Mapping[str, tuple[str, Any]]) -> None:
    """Give samples away: source → (D-Bus type, value). Whether anybody keeps them, the application never learns."""
    _call("PushMany", "sa{sv}", [application, {source: Variant(*sample) for source, sample in samples.items()}])


def _call(member: str, signature: str, body: list[Any]) -> list[Any]:
    return asyncio.run(_ask(Message(destination=NAME, path=PATH, interface=NAME, member=member, signature=signature, body=body)))


async def _ask(call: Message) -> list[Any]:
    bus = await MessageBus().connect()
    reply = await bus.call(call)
    bus.disconnect()
    if reply is None or reply.message_type is MessageType.ERROR:
        raise RuntimeError(f"{call.member}: {reply and reply.error_name}: {reply and reply.body}")
    return list(reply.body)
