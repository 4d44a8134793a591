import asyncio
import os
import subprocess
import sys
from contextlib import asynccontextmanager, nullcontext, suppress
from pathlib import Path

import pytest
from support.bus.pidfd_bus import PidfdBus
from support.bus.raw_bus import RawBus
from support.bus.served_object import PATIENCE_S, connected
from support.campaign import IS_CAMPAIGN, chance

from telemetryd.bus.callers import Callers
from telemetryd.bus.identity import Confinement
from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import BUS, MessageFlag, Variant, bus_call, signal
from telemetryd.errors import BusCallError

PIPELINED_ROUNDS = 1000 if IS_CAMPAIGN else 60
COMING_AND_GOING = 10_000 if IS_CAMPAIGN else 400


class Counter:
    """The nameless connection, with a record of what is asked and sent over it."""

    def __init__(self, edge):
        self._edge = edge
        self.asked = []
        self.sent = []
        self.is_unwatched = asyncio.Event()
        self.before_answer = None
        self.change = None

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
        if self.change is not None:
            self.change(answer)
        return answer


@asynccontextmanager
async def knowing(address, known_max):
    """The identities, with the connection that they are asked for on."""

    def hear(message):
        callers.on_signal(message)

    nameless = Connection(on_signal=hear, bus_only=True, descriptors=True, address=address)
    counter = Counter(nameless)
    callers = Callers(counter, known_max)
    await nameless.connect()
    yield callers, counter, nameless
    await nameless.disconnect()


async def gone(callers, name):
    """Wait until a name is forgotten."""
    async with asyncio.timeout(PATIENCE_S):
        while name in callers.known:
            await asyncio.sleep(0)


def open_now():
    """What this process has open: numbers, and what is behind each."""
    descriptors = set()
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing's own, or closed by a thread of a bus meanwhile
            descriptors.add((entry.name, entry.readlink()))
    return descriptors


async def only_open(before):
    """Nothing else is open than before; a bus of our own may need a moment to close what it has sent, before the test and after it."""
    deadline = asyncio.get_running_loop().time() + 30
    while open_now() - before and asyncio.get_running_loop().time() < deadline:
        await asyncio.sleep(0.01)
    assert open_now() - before == set()


async def test_a_connection_is_asked_about_once(shared_bus):
    """An identity is kept as long as its connection lives, and the bus is asked for it once."""
    async with knowing(shared_bus.address, 8) as (callers, counter, _):
        client = await connected(shared_bus.address)
        first = await callers.identify(client.unique_name)
        assert await callers.identify(client.unique_name) is first
        assert first.kind is Confinement.HOST
        assert counter.asked == [client.unique_name]
        await client.disconnect()
        await gone(callers, client.unique_name)
        assert counter.sent == ["AddMatch", "RemoveMatch"]


async def test_a_connection_that_left_is_nobody(shared_bus):
    """A name that is not on the bus any more has no caller, and nothing is kept about it."""
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
            await asyncio.wait_for(counter.is_unwatched.wait(), PATIENCE_S)

        counter.before_answer = leave
        assert (await callers.identify(client.unique_name)).kind is Confinement.HOST
        assert callers.known == {}


@pytest.mark.parametrize(
    ("signature", "body", "name"),
    [
        ("sss", [":1.7", ":1.7", ""], ":1.7"),
        ("sss", [":1.7", "", ":1.7"], None),
        ("sssu", [":1.7", ":1.7", "", 7], None),
        ("ss", [":1.7", ":1.7"], None),
        ("", [], None),
    ],
)
def test_a_signal_of_another_form(signature, body, name):
    """Only a signal with three texts says who left; one of a later bus with another form changes nothing."""
    left = signal("/org/freedesktop/DBus", BUS, "NameOwnerChanged", signature, body)
    left.sender = BUS
    assert Callers(None).on_signal(left) == name


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


@pytest.mark.parametrize("hands_out", [False, True], ids=["", "ProcessFD"])
async def test_looking_leaves_no_descriptor(shared_bus, tmp_path, hands_out):
    """A descriptor that the bus sends along, or that is opened for a look, is closed."""
    with PidfdBus(shared_bus.address, tmp_path / "pidfd") if hands_out else nullcontext(shared_bus) as bus:
        await look_and_count(bus.address)


async def look_and_count(address):
    """What is open before and after a look is the same."""
    async with knowing(address, 8) as (callers, _, _nameless):
        client = await connected(address)
        before = open_now()
        await callers.identify(client.unique_name)
        await only_open(before)
        await client.disconnect()


class Process:
    """A process of its own with a connection: it says its name, and ends with its input."""

    PROGRAM = """import sys
from support.bus.raw_bus import RawBus
bus = RawBus(sys.argv[1])
print(bus.unique_name, flush=True)
sys.stdin.read()"""

    def __init__(self, address):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "env": {"PYTHONPATH": str(Path(__file__).parents[1])}}
        self._process = subprocess.Popen([sys.executable, "-c", self.PROGRAM, address], **pipes)
        self.name, self.pid = self._process.stdout.readline().strip(), self._process.pid

    def end(self):
        """It is gone, and its connection with it."""
        self._process.communicate("")


def owner_of(pidfd):
    """The process that a descriptor holds."""
    return int(Path(f"/proc/self/fdinfo/{pidfd}").read_text().partition("Pid:")[2].split()[0])


async def credentials(edge, name):
    """The process that the bus names, and those that the descriptors with its answer hold; nothing for a connection that is not there."""
    try:
        reply = await edge.ask(bus_call("GetConnectionCredentials", "s", [name]))
    except BusCallError:
        return None
    owners = [owner_of(descriptor) for descriptor in reply.unix_fds]
    for descriptor in reply.unix_fds:
        os.close(descriptor)
    return reply.body[0]["ProcessID"].value, owners


async def test_each_answer_has_its_own_descriptor(shared_bus, pidfd_bus):
    """Asked in one go about connections that are there and such that are gone, each answer comes with the descriptor of its own process."""
    processes = [Process(shared_bus.address) for _ in range(3)]
    gone = Process(shared_bus.address)
    gone.end()
    there = {process.name: process.pid for process in processes}
    names = [*there, gone.name]
    rng = chance()
    edge = await connected(pidfd_bus.address, descriptors=True)
    before = open_now()
    for _ in range(PIPELINED_ROUNDS):
        senders = rng.choices(names, k=rng.randrange(1, 12))
        pidfd_bus.forget_answers()
        asking = asyncio.gather(*(credentials(edge, name) for name in senders))
        await asyncio.sleep(0)
        await edge.drained(5)
        pidfd_bus.wait_for_answers(len(senders))
        answers = await asking
        assert answers == [(there[name], [there[name]]) if name in there else None for name in senders]
    try:
        await only_open(before)
    finally:
        await edge.disconnect()
        for process in processes:
            process.end()


async def test_many_callers_that_come_and_go(shared_bus, pidfd_bus):
    """Identified while they leave, each is the host's program or gone, never another's; nothing stays open, and nothing escapes."""
    async with knowing(pidfd_bus.address, 64) as (callers, counter, _):
        stays = Process(shared_bus.address)
        assert (await callers.identify(stays.name)).kind is Confinement.HOST
        before = open_now()
        for _ in range(COMING_AND_GOING // 50):
            comers = [RawBus(shared_bus.address) for _ in range(50)]
            names = [comer.unique_name for comer in comers]
            for comer in comers[::2]:
                comer.close()
            identities = await asyncio.gather(*(callers.identify(name) for name in [*names, stays.name]))
            for comer in comers[1::2]:
                comer.close()
            assert {caller and caller.kind for caller in identities[::2]} <= {None, Confinement.HOST}
            assert {caller.kind for caller in identities[1::2]} == {Confinement.HOST}
        await only_open(before)
        assert len(callers.known) <= 64
        assert len(counter.asked) >= COMING_AND_GOING
        stays.end()


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("NameHasNoOwner", None),
        ("AccessDenied", Confinement.UNKNOWN),
        ("NameHasNoCredentials", Confinement.UNKNOWN),
        ("UnknownMethod", Confinement.UNKNOWN),
        ("LimitsExceeded", Confinement.LATE),
        ("NoReply", Confinement.LATE),
    ],
)
async def test_only_one_error_says_that_a_caller_left(shared_bus, error, kind):
    """A caller that the bus refuses to tell about may do nothing; one that it could not tell about may call again. Neither has left."""

    async def refuse():
        raise BusCallError(f"org.freedesktop.DBus.Error.{error}", "no")

    async with knowing(shared_bus.address, 8) as (callers, counter, _):
        client = await connected(shared_bus.address)
        counter.before_answer = refuse
        caller = await callers.identify(client.unique_name)
        assert (caller and caller.kind) == kind
        assert callers.known == {}
        assert counter.sent == ["AddMatch", "RemoveMatch"]
        await client.disconnect()


@pytest.mark.parametrize("beyond", [0, 1, 7])
async def test_a_descriptor_that_did_not_come(shared_bus, pidfd_bus, beyond):
    """An answer that names a descriptor which did not come says nothing: its caller may do nothing. Those that came are closed."""

    def point_beyond(answer):
        answer.body[0]["ProcessFD"] = Variant("h", len(answer.unix_fds) + beyond)

    for address in (shared_bus.address, pidfd_bus.address):
        async with knowing(address, 8) as (callers, counter, _):
            client = await connected(address)
            before, counter.change = open_now(), point_beyond
            assert (await callers.identify(client.unique_name)).kind is Confinement.UNKNOWN
            await only_open(before)
            await client.disconnect()


async def test_a_silent_bus_says_nothing_about_a_caller(shared_bus):
    """A caller that the bus did not answer for in time is not taken for anybody, and is asked about again when it calls again."""

    async def silent():
        raise TimeoutError

    async with knowing(shared_bus.address, 8) as (callers, counter, _):
        client = await connected(shared_bus.address)
        counter.before_answer = silent
        assert (await callers.identify(client.unique_name)).kind is Confinement.LATE
        assert callers.known == {}
        counter.before_answer = None
        assert (await callers.identify(client.unique_name)).kind is Confinement.HOST
        await client.disconnect()
