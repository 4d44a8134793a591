import asyncio
import subprocess
from contextlib import asynccontextmanager

import pytest
from telemetryd.bus.edge import Edge
from telemetryd.bus.library import Message, MessageFlag

from telemetryd.bus.callers import Callers
from telemetryd.bus.identity import Kind


class Counter:
    """The nameless connection, with a record of what is asked and sent over it."""

    def __init__(self, edge):
        self._edge = edge
        self.asked = []
        self.sent = []

    def send(self, message):
        """Send without waiting for an answer."""
        assert message.flags & MessageFlag.NO_REPLY_EXPECTED
        self.sent.append(message.member)
        self._edge.send(message)

    async def ask(self, message):
        """The answer to a call."""
        self.asked.append(message.body[0])
        return await self._edge.ask(message)


@pytest.fixture(scope="module")
def bus_address(tmp_path_factory):
    """A session bus of this module's own."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:dir={tmp_path_factory.mktemp('bus')}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        yield daemon.stdout.readline().strip()
        daemon.terminate()


@asynccontextmanager
async def knowing(address, known_max):
    """The identities, with the connection that they are asked for on."""
    nameless = await Edge(on_signal=lambda signal: nameless.callers.on_signal(signal)).connect(address, fds=True)
    counter = Counter(nameless)
    nameless.callers = Callers(counter, known_max)
    yield nameless.callers, counter, nameless
    await nameless.close()


async def gone(callers, name):
    """Wait until a name is forgotten."""
    async with asyncio.timeout(5):
        while name in callers.known:
            await asyncio.sleep(0)


async def test_a_connection_is_asked_about_once(bus_address):
    """An identity is kept as long as its connection lives, and the bus is asked for it once."""
    async with knowing(bus_address, 8) as (callers, counter, _):
        client = await Edge().connect(bus_address)
        first = await callers.identify(client.unique_name)
        assert await callers.identify(client.unique_name) is first
        assert first.kind is Kind.HOST
        assert counter.asked == [client.unique_name]
        await client.close()
        await gone(callers, client.unique_name)
        assert counter.sent == ["AddMatch", "RemoveMatch"]


async def test_a_connection_that_left_is_nobody(bus_address):
    """A name that is not on the bus any more has no caller, and nothing is kept of it."""
    async with knowing(bus_address, 8) as (callers, counter, _):
        client = await Edge().connect(bus_address)
        await client.close()
        while client.unique_name in subprocess.check_output(["busctl", f"--address={bus_address}", "list"], text=True):
            pass
        assert await callers.identify(client.unique_name) is None
        assert callers.known == {}
        assert counter.sent == ["AddMatch", "RemoveMatch"]


async def test_only_the_bus_says_who_left(bus_address):
    """A NameOwnerChanged that another program makes up changes nothing."""
    async with knowing(bus_address, 8) as (callers, _, nameless):
        client = await Edge().connect(bus_address)
        name = client.unique_name
        await callers.identify(name)
        forged = Message.new_signal("/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged", "sss", [name, name, ""])
        forged.destination = nameless.unique_name
        client.send(forged)
        other = await Edge().connect(bus_address)
        await callers.identify(other.unique_name)
        assert set(callers.known) == {name, other.unique_name}
        await client.close()
        await gone(callers, name)
        await other.close()
        await gone(callers, other.unique_name)


async def test_identities_are_bounded(bus_address):
    """Of more connections than are kept the one known longest is forgotten, and asked about again when it calls."""
    async with knowing(bus_address, 2) as (callers, counter, _):
        clients = [await Edge().connect(bus_address) for _ in range(3)]
        names = [client.unique_name for client in clients]
        for name in names:
            await callers.identify(name)
        assert list(callers.known) == names[1:]
        await callers.identify(names[0])
        assert list(callers.known) == [names[2], names[0]]
        assert counter.asked == [*names, names[0]]
        for client in clients:
            await client.close()


async def test_looking_leaves_no_descriptor(bus_address, tmp_path):
    """A descriptor that the bus sends along, or that is opened for a look, is closed."""
    async with knowing(bus_address, 8) as (callers, _, _nameless):
        client = await Edge().connect(bus_address)
        descriptors = tmp_path.__class__("/proc/self/fd")
        before = set(descriptors.iterdir())
        await callers.identify(client.unique_name)
        assert set(descriptors.iterdir()) == before
        await client.close()
