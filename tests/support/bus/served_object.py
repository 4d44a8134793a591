"""An object of ours on a bus, behind the real edge, with handlers that note what they are asked and do what a test tells them.

async with serving(bus.address, CONTROL, admit_host_only) as served:
    await served.ask("Erase", "s", [""])
"""

import asyncio
from contextlib import asynccontextmanager

import pytest

from telemetryd import errors
from telemetryd.bus.callers import Callers
from telemetryd.bus.dispatch import Dispatcher
from telemetryd.bus.interfaces import load
from telemetryd.bus.members import Handlers
from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import Message


class Answers:
    """Handlers of an interface that note what they are asked; each method can be told what to do."""

    def __init__(self, interface, guard):
        self.interface = interface
        self.called = []
        self.levels = dict.fromkeys(interface.properties, 0)
        self.does = {}
        self.handlers = Handlers(
            {name: self.method(name) for name in interface.methods},
            {name: self.getter(name) for name in interface.properties},
            {name: self.setter(name) for name, one in interface.properties.items() if one.is_writable},
            guard,
        )

    def method(self, name):
        """A handler that answers with nothing, or does what it is told."""

        def handle(caller, call):
            self.called.append((name, call.body))
            return self.does[name](caller, call) if name in self.does else None

        return handle

    def getter(self, name):
        """A property's value: 1 for Version, nothing for lists."""
        blank = {"u": 1, "t": 1, "b": False, "a(ss)": [], "aa{sv}": []}[self.interface.properties[name].signature]
        return lambda: self.levels[name] or blank

    def setter(self, name):
        """Keeps a value in range."""

        def put(_caller, value):
            if value > 2:
                raise errors.InvalidArgumentsError("expected 0, 1 or 2")
            self.levels[name] = value

        return put


class Recorder:
    """The connection as the dispatcher sees it, with a record of what it does to it: `reply`, `block`, `hold`, `resume`."""

    def __init__(self, edge):
        self._edge = edge
        self.record = []
        self.is_held = asyncio.Event()

    def acknowledge(self, sender, serial):
        """Send an empty reply."""
        self.record.append("reply")
        self._edge.acknowledge(sender, serial)

    def send(self, message, body=None):
        """Send a message."""
        self.record.append("reply")
        self._edge.send(message, body)

    @property
    def backlog(self):
        """Bytes that are not written yet."""
        return self._edge.backlog

    async def drained(self, timeout_s):
        """Return when everything is written."""
        self.record.append("drain")
        await self._edge.drained(timeout_s)

    def block(self, sender):
        """Calls of a caller take long."""
        self.record.append("block")
        self._edge.block(sender)

    def unblock(self, sender):
        """Hand over the calls of a caller again."""
        self._edge.unblock(sender)

    def forget(self, sender):
        """Drop what waits of a caller."""
        self.record.append("forget")
        self._edge.forget(sender)

    def hold(self):
        """Stop reading."""
        self.record.append("hold")
        self.is_held.set()
        self._edge.hold()

    def resume(self):
        """Read again."""
        self.record.append("resume")
        self._edge.resume()


class Door:
    """Identities that become known only while the door is open, and a fault in the look itself for whoever a test says."""

    def __init__(self, callers):
        self._callers = callers
        self.known = callers.known
        self.is_open = asyncio.Event()
        self.is_open.set()
        self.faults = {}

    async def identify(self, sender):
        """Wait for the door, then look."""
        await self.is_open.wait()
        if sender in self.faults:
            raise self.faults[sender]
        return await self._callers.identify(sender)


class Served:
    """An object on a private bus: its edge, handlers and dispatcher, and a client's edge."""

    def __init__(self, interface, guard):
        self.interface = load(interface)
        self.answers = Answers(self.interface, guard)
        self.failure = None
        self.is_postponed = False
        self.received = asyncio.Queue()

    def hear(self, signal):
        """A signal has come."""
        left = self.callers.on_signal(signal)
        if left is not None:
            self.dispatcher.forget(left)

    def take(self, call):
        """A call has come."""
        self.dispatcher.on_call(call)
        self.received.put_nowait(call.member)

    def connect(self, *, on_call, on_batch_end, on_dropped):  # noqa: ARG002 - `take` hands the calls over
        """The connection, with what goes over it noted."""
        self.edge = Connection(address=self.address, on_call=self.take, on_batch_end=on_batch_end, on_dropped=on_dropped)
        self.recorder = Recorder(self.edge)
        return self.recorder

    def settle(self, dispatcher):
        """The end of a batch: here is where the daemon commits."""
        self.recorder.record.append("commit")
        if self.is_postponed:
            dispatcher.postpone()
        else:
            dispatcher.finish(self.failure)

    def call(self, member, signature="", body=(), **other):
        """A call to the object."""
        given = {"path": self.interface.path, "interface": self.interface.name, "destination": self.edge.unique_name, **other}
        return Message(member=member, signature=signature, body=list(body), **given)

    async def ask(self, *arguments, **other):
        """The reply to a call."""
        return await self.client.ask(self.call(*arguments, **other))

    async def refusal(self, *arguments, **other):
        """The error that a call gets."""
        with pytest.raises(errors.BusCallError) as refused:
            await self.ask(*arguments, **other)
        return refused.value


PATIENCE_S = 60.0
"""How long callers of tests wait for a reply: a crowd's calls take seconds of processor time, which others may want too."""


async def connected(address, **options):
    """A connection to a bus."""
    edge = Connection(address=address, **({"patience_s": PATIENCE_S} | options))
    await edge.connect()
    return edge


@asynccontextmanager
async def serving(address, name, guard):
    """The object as the daemon serves it, with a client beside it."""
    served = Served(name, guard)
    served.address = address
    async with asyncio.TaskGroup() as group:
        nameless = Connection(on_signal=served.hear, bus_only=True, descriptors=True, address=address)
        served.callers = Callers(nameless)
        await nameless.connect()
        served.door = Door(served.callers)
        served.dispatcher = Dispatcher(
            served.connect, served.interface, served.answers.handlers, callers=served.door, spawn=group.create_task, settle=served.settle
        )
        await served.edge.connect()
        await served.edge.own(name)
        served.client = await connected(address)
        yield served
        await asyncio.wait_for(served.dispatcher.wait_until_quiet(), PATIENCE_S)
        for edge in (served.client, served.edge, nameless):
            await edge.disconnect()
