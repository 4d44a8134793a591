"""Why systemd does not start the daemon: what telemetryctl says of a unit, over a real bus on which the test answers for systemd."""

import asyncio
import sys
from contextlib import asynccontextmanager

import pytest

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import Variant, error, method_return
from telemetryd.ctl.service_unit import may_be_not_started

UNAVAILABLE = 3
MANAGER, UNIT = "org.freedesktop.systemd1", "/org/freedesktop/systemd1/unit/telemetryd_2eservice"


@asynccontextmanager
async def systemd(machine, properties):
    """A systemd that says this of the unit: interface → properties."""

    def on_call(call):
        known = call.path == UNIT and call.member == "GetAll" and properties.get(call.body[0].rpartition(".")[2])
        if known is None or known is False:
            connection.send(error(call, "org.freedesktop.DBus.Error.UnknownObject", "no such unit"))
        else:
            connection.send(method_return(call, "a{sv}", [{name: Variant("s", value) for name, value in known.items()}]))

    connection = Connection(address=machine.address, on_call=on_call)
    await connection.connect()
    await connection.own(MANAGER)
    try:
        yield
    finally:
        await connection.disconnect()


async def said(machine):
    """What a command says when it cannot reach the daemon."""
    done = await asyncio.to_thread(machine.run, sys.executable, "-m", "telemetryd.ctl", "status", check=False)
    assert (done.returncode, done.stdout) == (UNAVAILABLE, "")
    return done.stderr


@pytest.mark.parametrize(
    ("unit", "service", "words"),
    [
        ({"LoadState": "masked"}, {"Result": "success"}, "its unit is masked: `systemctl --user unmask telemetryd` permits it again"),
        (
            {"LoadState": "loaded"},
            {"Result": "start-limit-hit"},
            "`systemctl --user reset-failed telemetryd` permits it again; `journalctl",
        ),
        (
            {"LoadState": "loaded"},
            {"Result": "exit-code"},
            "(exit-code): `journalctl --user -u telemetryd` has the details; after a repair run `systemctl --user reset-failed",
        ),
        ({"LoadState": "loaded"}, {"Result": "success"}, "telemetryd is not running and the session bus cannot start it"),
        ({"LoadState": "not-found"}, {}, "telemetryd is not running and the session bus cannot start it"),
        ({}, None, "telemetryd is not running and the session bus cannot start it"),
    ],
)
async def test_what_is_said_of_the_unit(machine, unit, service, words):
    """A unit that is masked, started too often or failing is named with what helps; any other state is the bus's to explain."""
    async with systemd(machine, {"Unit": unit, "Service": service}):
        assert words in await said(machine)


async def test_without_systemd(machine):
    """Where no systemd is on the bus, nothing is said of units."""
    assert "telemetryd is not running and the session bus cannot start it" in await said(machine)


@pytest.mark.parametrize(
    ("name", "may_be"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", True),
        ("org.freedesktop.DBus.Error.Spawn.ChildExited", True),
        ("org.freedesktop.DBus.Error.TimedOut", True),
        ("org.freedesktop.systemd1.UnitMasked", True),
        ("org.freedesktop.DBus.Error.NoReply", False),
        ("org.freedesktop.DBus.Error.AccessDenied", False),
        ("org.telemetryd.Error.Storage", False),
    ],
)
def test_when_systemd_is_asked(name, may_be):
    """Systemd is asked after errors that a start can end in, and not about a daemon that answers or ended while it did."""
    assert may_be_not_started(name) is may_be
