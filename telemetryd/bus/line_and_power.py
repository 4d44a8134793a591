"""Asks the system bus whether the network line is metered, or the machine saves power. Policy: A2, C3.

Every tick asks, whether or not a report waits: programs see who connects to the system bus, and would see that something is due. Nothing
is started for the answer. No system bus, no such service, an error or silence mean no.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import MessageFlag, Variant, method_call
from telemetryd.core.limits import SYSTEM_BUS_TIMEOUT_S
from telemetryd.errors import BusCallError, TelemetrydError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_ADDRESS = "unix:path=/var/run/dbus/system_bus_socket"
"""Where the system bus is if DBUS_SYSTEM_BUS_ADDRESS does not say it (D-Bus specification, "Well-known Message Bus Instances")."""
_PROPERTIES = "org.freedesktop.DBus.Properties"


class _Sign(NamedTuple):
    """A property of a service, and the values that mean that a report should wait. The interface has the name of the service."""

    service: str
    path: str
    name: str
    signature: str
    values: tuple[int | str, ...]


_SIGNS = (
    # NMMetered: yes, and yes by a guess.
    _Sign("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "Metered", "u", (1, 3)),
    # power-profiles-daemon, by its name since 0.20 and by the one before.
    _Sign("org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles", "ActiveProfile", "s", ("power-saver",)),
    _Sign("net.hadess.PowerProfiles", "/net/hadess/PowerProfiles", "ActiveProfile", "s", ("power-saver",)),
)


async def is_sparing(environ: Mapping[str, str]) -> bool:
    """Whether the line is metered or the machine saves power, as far as can be found out in time."""
    try:
        async with asyncio.timeout(SYSTEM_BUS_TIMEOUT_S):
            return await _ask_all(environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _ADDRESS)
    except (TimeoutError, TelemetrydError):
        return False


async def _ask_all(address: str) -> bool:
    connection = Connection(address=address, patience_s=SYSTEM_BUS_TIMEOUT_S / 2)
    await connection.connect()
    try:
        return any(await asyncio.gather(*(_is_shown(connection, sign) for sign in _SIGNS)))
    finally:
        await connection.disconnect()


async def _is_shown(connection: Connection, sign: _Sign) -> bool:
    question = method_call(
        *(sign.service, sign.path, _PROPERTIES, "Get"),
        signature="ss",
        body=[sign.service, sign.name],
        flags=MessageFlag.NO_AUTOSTART,
    )
    try:
        reply = await connection.ask(question)
    except (BusCallError, TimeoutError):
        return False
    (answer,) = reply.body if reply.signature == "v" else (None,)
    return isinstance(answer, Variant) and answer.signature == sign.signature and answer.value in sign.values
