import asyncio
import subprocess
from contextlib import asynccontextmanager
from pathlib import Path

from served import connected

from telemetryd.bus.callers import Callers
from telemetryd.bus.edge import Edge
from telemetryd.bus.identity import Kind
from telemetryd.bus.library import BUS, MessageFlag, signal


class Counter:
    """The nameless connection, with a record of what is asked and sent over it."""

    def __init__(self, edge):
        self._edge = edge
        self.asked = []
        self.sent = []
        self.is_unwatched = asyncio.Event()
        self.before_answer = None

    def send(self, message):
        """Send without waiting for an answer."""
        assert message.flags & MessageFlag.NO_REPLY_EXPECTED
        self.sent.append(message.member)
        if message.member == "RemoveMatch":
            self.is_unwatched.set()
        self._edge.send(message)

    async def ask(self, message):
        """The answer to a call."""
        self.asked.append(message.body[0])
        answer = await self._edge.ask(message)
        if self.before_answer is not None:
            await self.before_answer()
        return answer


@asynccontextmanager
async def knowing(address, known_max):
    """The identities, with the connection that they are asked for on."""

    def hear(message):
        callers.on_signal(message)

    nameless = Edge(on_signal=hear, descriptors=True, address=address)
    counter = Counter(nameless)
    callers = Callers(counter, known_max)
    await nameless.connect()
    yield callers, counter, nameless
    await nameless.disconnect()


async def gone(callers, name):
    """Wait until a name is forgotten."""
    async with asyncio.timeout(5):
        while name in callers.known:
            await asyncio.sleep(0)


async def test_a_connection_is_asked_about_once(shared_bus):
    """An identity is kept as long as its connection lives, and the bus is asked for it once."""
    async with knowing(shared_bus.address, 8) as (callers, counter, _):
        client = await connected(shared_bus.address)
        first = await callers.identify(client.unique_name)
        assert await callers.identify(client.unique_name) is first
        assert first.kind is Kind.HOST
        assert counter.asked == [client.unique_name]
        await client.disconnect()
        await gone(callers, client.unique_name)
        assert counter.sent == ["AddMatch", "RemoveMatch"]


async def test_a_connection_that_left_is_nobody(shared_bus):
    """A name that is not on the bus any more has no caller, and nothing is kept of it."""
    async with knowing(shared_bus.address, 8) as (callers, counter, _):
        client = await connected(shared_bus.address)
        await client.disconnect()
        while client.unique_name in subprocess.check_output(["busctl", f"--address={shared_bus.address}", "list"], text=True):
            pass
        assert await callers.identify(client.unique_name) is None
        assert callers.known == {}
        assert counter.sent == ["AddMatch", "RemoveMatch"]


async def test_a_connection_that_leaves_meanwhile_is_not_kept(shared_bus):
    """A connection that leaves after the bus has answered for it, but before the answer is read, is not kept for ever."""
    async with knowing(shared_bus.address, 8) as (callers, counter, _):
        client = await connected(shared_bus.address)

        async def leave():
            await client.disconnect()
            await asyncio.wait_for(counter.is_unwatched.wait(), 5)

        counter.before_answer = leave
        assert (await callers.identify(client.unique_name)).kind is Kind.HOST
        assert callers.known == {}


async def test_only_the_bus_says_who_left(shared_bus):
    """A NameOwnerChanged that another program makes up changes nothing."""
    async with knowing(shared_bus.address, 8) as (callers, _, nameless):
        client = await connected(shared_bus.address)
        name = client.unique_name
        await callers.identify(name)
        changed = "/org/freedesktop/DBus", BUS, "NameOwnerChanged", "sss", [name, name, ""]
        client.send(signal(*changed, destination=nameless.unique_name))
        other = await connected(shared_bus.address)
        await callers.identify(other.unique_name)
        assert set(callers.known) == {name, other.unique_name}
        await client.disconnect()
        await gone(callers, name)
        await other.disconnect()
        await gone(callers, other.unique_name)


async def test_identities_are_bounded(shared_bus):
    """Of more connections than are kept the one known longest is forgotten, and asked about again when it calls."""
    async with knowing(shared_bus.address, 2) as (callers, counter, _):
        clients = [await connected(shared_bus.address) for _ in range(3)]
        names = [client.unique_name for client in clients]
        for name in names:
            await callers.identify(name)
        assert list(callers.known) == names[1:]
        await callers.identify(names[0])
        assert list(callers.known) == [names[2], names[0]]
        assert counter.asked == [*names, names[0]]
        for client in clients:
            await client.disconnect()


async def test_looking_leaves_no_descriptor(shared_bus):
    """A descriptor that the bus sends along, or that is opened for a look, is closed."""
    async with knowing(shared_bus.address, 8) as (callers, _, _nameless):
        client = await connected(shared_bus.address)
        descriptors = Path("/proc/self/fd")
        before = set(descriptors.iterdir())
        await callers.identify(client.unique_name)
        assert set(descriptors.iterdir()) == before
        await client.disconnect()
