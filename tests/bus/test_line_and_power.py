import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support.bus.system_services import NETWORK, OLD_PROFILES, PATHS, PROFILES, system_bus

from telemetryd.bus.line_and_power import is_sparing
from telemetryd.core.limits import SYSTEM_BUS_TIMEOUT_S


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    """A system bus with all three services."""
    with system_bus(tmp_path_factory.mktemp("system")) as system:
        yield system


def environ(system):
    """An environment that names the bus."""
    return {"DBUS_SYSTEM_BUS_ADDRESS": system.address}


@pytest.mark.parametrize(
    ("values", "is_spared"),
    [
        ({"Metered": 0, "ActiveProfile": "balanced"}, False),
        ({"Metered": 1, "ActiveProfile": "balanced"}, True),
        ({"Metered": 2, "ActiveProfile": "performance"}, False),
        ({"Metered": 3}, True),
        ({"Metered": 4}, False),
        ({"Metered": 5}, False),
        ({"Metered": 2, "ActiveProfile": "power-saver"}, True),
        ({"ActiveProfile": "power-saver"}, True),
        ({"Metered": True}, False),
        ({"Metered": "1"}, False),
        ({"ActiveProfile": 1}, False),
        ({"Metered": 1, "is_wrong": True}, False),
        ({}, False),
    ],
)
async def test_values(system, values, *, is_spared):
    """Metered is NetworkManager's 1 and 3, saving is the profile power-saver; unknown values, other types and errors mean neither."""
    system.say(**values)
    assert await is_sparing(environ(system)) is is_spared


@pytest.mark.parametrize(
    ("name", "values"),
    [(NETWORK, {"Metered": 1}), (PROFILES, {"ActiveProfile": "power-saver"}), (OLD_PROFILES, {"ActiveProfile": "power-saver"})],
)
async def test_each_service_alone(tmp_path, name, values):
    """One service is enough, whichever it is; the others need not be there."""
    with system_bus(tmp_path, name) as system:
        assert await is_sparing(environ(system)) is False
        system.say(**values)
        assert await is_sparing(environ(system)) is True
        assert {asked for asked, _ in system.asked()} == {name}


async def test_silence(system):
    """Services that do not answer hold a tick up for two seconds at most, and mean no."""
    system.say(Metered=1, is_silent=True)
    began = time.monotonic()
    assert await is_sparing(environ(system)) is False
    assert time.monotonic() - began < SYSTEM_BUS_TIMEOUT_S + 1


async def test_a_bus_that_hangs(tmp_path):
    """So does a bus that accepts connections and says nothing."""
    with system_bus(tmp_path) as system:
        system.say(Metered=1)
        system.bus.pause()
        began = time.monotonic()
        assert await is_sparing(environ(system)) is False
        assert time.monotonic() - began < SYSTEM_BUS_TIMEOUT_S + 1
        system.bus.go_on()
        assert await is_sparing(environ(system)) is True


@pytest.mark.parametrize("address", ["unix:path=/nonexistent/bus", "tcp:host=127.0.0.1,port=9", "nonsense"])
async def test_no_bus(address):
    """Without a system bus nothing happens, at once."""
    began = time.monotonic()
    assert await is_sparing({"DBUS_SYSTEM_BUS_ADDRESS": address}) is False
    assert time.monotonic() - began < SYSTEM_BUS_TIMEOUT_S / 2


async def test_nothing_is_started(tmp_path):
    """A service that the bus could start is not started for the question."""
    services, started = tmp_path / "services", tmp_path / "started"
    services.mkdir()
    for name in PATHS:
        (services / f"{name}.service").write_text(f"[D-BUS Service]\nName={name}\nExec=/bin/touch {started}\n")
    with system_bus(tmp_path / "system", "org.example.Other", services=services) as system:
        assert await is_sparing(environ(system)) is False
        await asyncio.sleep(0.3)  # in which a started program would have left its mark
        assert not started.exists()


def descriptors():
    """The open descriptors of this process."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found.add((entry.name, entry.readlink()))
    return found


async def test_nothing_is_left(system):
    """After the answer no connection, descriptor or task is left: the daemon is on the system bus at its ticks only."""
    system.say(Metered=1)
    assert await is_sparing(environ(system))
    before = descriptors()
    for values in ({"Metered": 1}, {"Metered": 2}, {"is_silent": True}):
        system.say(**values)
        await is_sparing(environ(system))
    assert descriptors() == before
    assert asyncio.all_tasks() == {asyncio.current_task()}
