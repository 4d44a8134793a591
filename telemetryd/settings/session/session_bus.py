"""Our own connection to the session bus. Only this module and telemetryctl's client import from `bus` here. Without Qt."""

from __future__ import annotations

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import BUS, Message, MessageFlag, Variant, bus_call, error, expects_reply, method_call, method_return

__all__ = [
    "BUS",
    "Connection",
    "Message",
    "MessageFlag",
    "Variant",
    "bus_call",
    "error",
    "expects_reply",
    "method_call",
    "method_return",
]
