import asyncio
import json
import logging
import subprocess
import sys
from contextlib import asynccontextmanager, suppress

import pytest

from telemetryd import errors
from telemetryd.bus.callers import Callers
from telemetryd.bus.dispatch import PARKED_STEP_CALLS, RUNNING_MAX_CALLS, Dispatcher
from telemetryd.bus.edge import Edge
from telemetryd.bus.faults import INTERNAL_TEXT
from telemetryd.bus.identity import Kind, admit_host_only, admit_own_application
from telemetryd.bus.interfaces import CONTROL, INTROSPECTABLE, PEER, PROPERTIES, TELEMETRY, load
from telemetryd.bus.library import Message, MessageFlag, MessageType, Variant
from telemetryd.bus.members import Handlers, undeclared_or_missing
from telemetryd.bus.parked import PARKED_MAX_BYTES, PARKED_MAX_CALLS

STANDARD = "org.freedesktop.DBus.Error."
BODIES = {"": [], "s": [""], "suu": ["", 0, 0], "ssb": ["", "", False]}
PUSH = ["a", "b", Variant("u", 1)]
BODIES |= {"sa{ss}": ["", {}], "tu": [0, 0], "st": ["", 0]}


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
        blank = {"u": 1, "b": False, "a(ss)": []}[self.interface.properties[name].signature]
        return lambda: self.levels[name] or blank

    def setter(self, name):
        """Keeps a value in range."""

        def put(_caller, value):
            if value > 2:
                raise errors.InvalidArgumentsError("expected 0, 1 or 2")
            self.levels[name] = value

        return put


class Recorder:
    """The connection as the dispatcher sees it, with a record of what it does to it: `reply`, `hold`, `resume`."""

    def __init__(self, edge):
        self._edge = edge
        self.record = []
        self.is_held = asyncio.Event()

    def acknowledge(self, sender, serial):
        """Send an empty reply."""
        self.record.append("reply")
        self._edge.acknowledge(sender, serial)

    def send(self, message):
        """Send a message."""
        self.record.append("reply")
        self._edge.send(message)

    @property
    def backlog(self):
        """Bytes that are not written yet."""
        return self._edge.backlog

    async def drained(self, timeout_s):
        """Return when everything is written."""
        self.record.append("drain")
        await self._edge.drained(timeout_s)

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
    """Identities that become known only while the door is open."""

    def __init__(self, callers):
        self._callers = callers
        self.known = callers.known
        self.is_open = asyncio.Event()
        self.is_open.set()

    async def identify(self, sender):
        """Wait for the door, then look."""
        await self.is_open.wait()
        return await self._callers.identify(sender)


class Served:
    """An object on a private bus: its edge, handlers and dispatcher, and a client's edge."""

    def __init__(self, interface, guard):
        self.interface = load(interface)
        self.answers = Answers(self.interface, guard)
        self.failure = None
        self.received = asyncio.Queue()

    def hear(self, signal):
        """A signal has come."""
        self.callers.on_signal(signal)

    def take(self, call):
        """A call has come."""
        self.dispatcher.on_call(call)
        self.received.put_nowait(call.member)

    def settle(self):
        """The end of a batch: here is where the daemon commits."""
        self.recorder.record.append("commit")
        self.dispatcher.finish(self.failure)

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


@pytest.fixture(scope="module")
def bus_address(tmp_path_factory):
    """A session bus of this module's own."""
    command = ["dbus-daemon", "--session", "--nofork", "--print-address", f"--address=unix:dir={tmp_path_factory.mktemp('bus')}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as daemon:
        yield daemon.stdout.readline().strip()
        daemon.terminate()


async def connected(**options):
    """A connection to the bus of the environment."""
    edge = Edge(**options)
    await edge.connect()
    return edge


@asynccontextmanager
async def serving(address, name, guard):
    """The object as the daemon serves it, with a client beside it."""
    served = Served(name, guard)
    served.address = address
    async with asyncio.TaskGroup() as group:
        nameless = Edge(on_signal=served.hear, descriptors=True)
        served.callers = Callers(nameless)
        await nameless.connect()
        served.door = Door(served.callers)
        served.edge = await connected(on_call=served.take, on_batch_end=served.settle)
        served.recorder = Recorder(served.edge)
        served.dispatcher = Dispatcher(
            served.recorder, served.interface, served.answers.handlers, callers=served.door, spawn=group.create_task, settle=served.settle
        )
        await served.edge.own(name)
        served.client = await connected()
        yield served
        await asyncio.wait_for(served.dispatcher.wait_until_quiet(), 5)
        for edge in (served.client, served.edge, nameless):
            await edge.disconnect()


@pytest.fixture
async def control(bus_address, monkeypatch):
    """Control1 on a private bus."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus_address)
    async with serving(bus_address, CONTROL, admit_host_only) as served:
        yield served


@pytest.fixture
async def telemetry(bus_address, monkeypatch):
    """Telemetry1 on a private bus."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus_address)
    async with serving(bus_address, TELEMETRY, admit_own_application) as served:
        yield served


async def run(*command, env=None):
    """The output of a program that talks to the bus; it must succeed."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, env=env)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_real_tools_introspect_it(control, bus_address):
    """Busctl and gdbus find the object from the root and see every declared member."""
    busctl = ["busctl", f"--address={bus_address}"]
    assert control.interface.path in await run(*busctl, "tree", "--list", CONTROL)
    listed = await run(*busctl, "introspect", CONTROL, control.interface.path, CONTROL)
    gdbus = await run(
        "gdbus", "introspect", "--address", bus_address, "--dest", control.edge.unique_name, "--object-path", control.interface.path
    )
    for member in (*control.interface.methods, *control.interface.properties, *control.interface.signals):
        assert f".{member} " in listed
        assert member in gdbus


@pytest.mark.parametrize(
    ("error", "call"),
    [
        ("UnknownObject", {"member": "Ledger", "path": "/org/telemetryd/Nothing"}),
        ("UnknownObject", {"member": "Ledger", "path": "/org/telemetryd/Control1/below"}),
        ("UnknownInterface", {"member": "Ledger", "path": "/org/telemetryd"}),
        ("UnknownInterface", {"member": "Ledger", "interface": "org.telemetryd.Control2"}),
        ("UnknownMethod", {"member": "Leger"}),
        ("UnknownMethod", {"member": "Leger", "interface": None}),
        ("UnknownMethod", {"member": "QuestionsChanged"}),
        ("UnknownMethod", {"member": "Ping"}),
        ("InvalidArgs", {"member": "Erase"}),
        ("InvalidArgs", {"member": "Erase", "signature": "ss", "body": ["", ""]}),
        ("InvalidArgs", {"member": "Erase", "signature": "u", "body": [1]}),
        ("InvalidArgs", {"member": "Erase", "interface": None}),
        ("InvalidArgs", {"member": "Get", "interface": PROPERTIES, "signature": "s", "body": [CONTROL]}),
        ("UnknownProperty", {"member": "Get", "interface": PROPERTIES, "signature": "ss", "body": [CONTROL, "Sytem"]}),
        ("UnknownProperty", {"member": "Get", "interface": PROPERTIES, "signature": "ss", "body": [PEER, "System"]}),
        ("UnknownInterface", {"member": "Get", "interface": PROPERTIES, "signature": "ss", "body": ["org.telemetryd.Control2", "System"]}),
        ("UnknownInterface", {"member": "GetAll", "interface": PROPERTIES, "signature": "s", "body": ["org.telemetryd.Control2"]}),
        ("PropertyReadOnly", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "Version", Variant("u", 2)]}),
        ("InvalidArgs", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "System", Variant("s", "1")]}),
        ("InvalidArgs", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "System", Variant("b", True)]}),
        ("InvalidArgs", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "System", Variant("d", 1.0)]}),
        ("InvalidArgs", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "System", Variant("i", -1)]}),
        ("InvalidArgs", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "System", Variant("t", 1 << 32)]}),
        ("InvalidArgs", {"member": "Set", "interface": PROPERTIES, "signature": "ssv", "body": [CONTROL, "System", Variant("u", 3)]}),
        ("AccessDenied", {"member": "GetMachineId", "interface": PEER}),
        ("AccessDenied", {"member": "GetMachineId", "interface": PEER, "path": "/"}),
    ],
)
async def test_what_does_not_exist_is_refused_by_its_name(control, error, call):
    """A call that names or fits nothing gets the standard error for exactly that, and reaches no handler."""
    assert (await control.refusal(**call)).name == STANDARD + error
    assert control.answers.called == []


async def test_a_wrong_signature_says_the_right_one(control):
    """The caller is told which arguments were expected."""
    assert "'sa{ss}'" in (await control.refusal("Accept", "s", [""])).text


async def test_a_call_without_interface_finds_its_member(control):
    """The interface may be left out, for declared and standard members."""
    control.answers.does["Ledger"] = lambda _caller, _call: [[]]
    assert (await control.ask("Ledger", interface=None)).signature == "aa{sv}"
    assert (await control.ask("GetAll", "s", [CONTROL], interface=None)).signature == "a{sv}"
    assert (await control.ask("Introspect", interface=None, path="/org")).signature == "s"
    assert (await control.ask("Ping", interface=None, path="/anywhere")).message_type is MessageType.METHOD_RETURN


async def test_introspection_is_the_files(control):
    """Introspect answers what the interface's file says."""
    reply = await control.ask("Introspect", interface=INTROSPECTABLE)
    assert reply.body == [control.interface.introspection(control.interface.path)]


async def test_properties_are_read_and_set(control):
    """Get, GetAll and Set work with and without the interface's name; a level may come in any integer type."""
    for level, kind in enumerate(("y", "n", "q", "i", "u", "x", "t")):
        value = level % 3
        reply = await control.ask("Set", "ssv", [CONTROL, "Usage", Variant(kind, value)], interface=PROPERTIES)
        assert reply.message_type is MessageType.METHOD_RETURN
        assert control.answers.levels["Usage"] == value
    control.answers.levels["System"] = 2
    got = (await control.ask("Get", "ss", ["", "System"], interface=PROPERTIES)).body[0]
    assert (got.signature, got.value) == ("u", 2)
    everything = (await control.ask("GetAll", "s", [CONTROL], interface=PROPERTIES)).body[0]
    assert {name: value.signature for name, value in everything.items()} == {
        name: one.signature for name, one in control.interface.properties.items()
    }
    assert (await control.ask("GetAll", "s", [PEER], interface=PROPERTIES)).body == [{}]


async def test_own_errors_keep_name_and_text(control):
    """An error of ours reaches the caller by its bus name with its text."""

    def change(_caller, _call):
        raise errors.ChangedError("the digest is not the one that is asked for now")

    control.answers.does["Accept"] = change
    refused = await control.refusal("Accept", "sa{ss}", ["", {}])
    assert (refused.name, refused.text) == ("org.telemetryd.Error.Changed", "the digest is not the one that is asked for now")


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_fault_says_nothing(control, caplog, is_async):
    """Any other exception is one fixed error to the caller; the journal gets type and place, and no value, not even a cause's."""

    def fail(_caller, _call):
        try:
            int("secret-1")
        except ValueError as cause:
            raise KeyError("secret-2") from cause

    async def fail_later(caller, call):
        fail(caller, call)

    control.answers.does["Erase"] = fail_later if is_async else fail
    with caplog.at_level(logging.DEBUG):
        refused = await control.refusal("Erase", "s", ["secret-3"])
    assert (refused.name, refused.text) == (errors.INTERNAL, INTERNAL_TEXT)
    assert "KeyError at " in caplog.text
    assert "after ValueError at " in caplog.text
    assert "test_dispatch.py:" in caplog.text
    assert "secret" not in caplog.text


async def test_a_reply_that_does_not_fit_is_a_fault(control):
    """A handler whose result does not have the declared types is answered as a fault, and the connection lives on."""
    control.answers.does["Ledger"] = lambda _caller, _call: ["not a list of dictionaries"]
    assert (await control.refusal("Ledger")).name == errors.INTERNAL
    assert (await control.ask("Submit")).message_type is MessageType.METHOD_RETURN


async def test_a_slow_call_keeps_nobody_waiting(control):
    """While an async handler waits, other calls are answered; its reply comes when it is done, with its result."""
    gate = asyncio.Event()

    async def wait(_caller, _call):
        await gate.wait()
        return [7, [["memory", "4..16", "kept"]]]

    control.answers.does["Watch"] = wait
    watching = asyncio.ensure_future(control.ask("Watch", "st", ["", 0]))
    await asyncio.sleep(0)
    assert (await control.ask("Submit")).message_type is MessageType.METHOD_RETURN
    assert not watching.done()
    gate.set()
    reply = await watching
    upto, events = reply.body
    assert (reply.signature, upto, [list(event) for event in events]) == ("ta(sss)", 7, [["memory", "4..16", "kept"]])


async def test_slow_calls_are_bounded(control):
    """Beyond the bound a call that would wait is refused at once; the others are answered."""
    gate = asyncio.Event()

    async def wait(_caller, _call):
        await gate.wait()

    control.answers.does["Erase"] = wait
    waiting = [asyncio.ensure_future(control.ask("Erase", "s", [""])) for _ in range(RUNNING_MAX_CALLS)]
    await asyncio.sleep(0)
    assert (await control.refusal("Erase", "s", [""])).name == STANDARD + "LimitsExceeded"
    gate.set()
    assert {reply.message_type for reply in await asyncio.gather(*waiting)} == {MessageType.METHOD_RETURN}


async def test_no_reply_expected_means_none(telemetry):
    """A call that wants no reply gets none: not an empty one, not a result, not an error, not a late one."""

    async def later(_caller, _call):
        return None

    telemetry.answers.does["PushMany"] = later
    telemetry.answers.does["Register"] = lambda _caller, _call: ["sha256:0"]
    quiet = {"flags": MessageFlag.NO_REPLY_EXPECTED}
    for call in (
        telemetry.call("Push", "ssv", PUSH, **quiet),
        telemetry.call("PushMany", "sa{sv}", ["a", {}], **quiet),
        telemetry.call("Register", "ssa{sv}", ["a", "", {}], **quiet),
        telemetry.call("Push", "s", ["a"], **quiet),
        telemetry.call("Nothing", **quiet),
        telemetry.call("Ping", interface=PEER, **quiet),
    ):
        telemetry.client.send(call)
    await telemetry.ask("Push", "ssv", PUSH)
    await telemetry.dispatcher.wait_until_quiet()
    assert telemetry.recorder.record.count("reply") == 1
    assert [name for name, _ in telemetry.answers.called] == ["Push", "PushMany", "Register", "Push"]


async def test_replies_follow_the_calls(telemetry):
    """Acknowledgements, results and errors of one caller arrive in the order of its calls, parked or not."""
    telemetry.answers.does["Register"] = lambda _caller, _call: ["sha256:0"]
    order = []

    async def note(number, *call):
        with suppress(errors.BusCallError):
            await telemetry.ask(*call)
        order.append(number)

    calls = [("Push", "ssv", PUSH), ("Register", "ssa{sv}", ["a", "", {}]), ("Push", "s", ["a"]), ("Ping", "s", [""])]
    for _ in range(2):
        order.clear()
        await asyncio.gather(*(note(number, *calls[number % 4]) for number in range(40)))
        assert order == list(range(40))


async def test_a_failed_commit_answers_what_needed_it(telemetry):
    """When the commit fails, its error answers every call whose success needed it; a refused call keeps its own error, a read its value."""
    telemetry.answers.does["Register"] = lambda _caller, _call: ["sha256:0"]
    telemetry.failure = errors.StorageError("the state directory cannot be written")
    replies = await asyncio.gather(
        telemetry.ask("Push", "ssv", PUSH),
        telemetry.ask("Register", "ssa{sv}", ["a", "", {}]),
        telemetry.ask("Push", "s", ["a"]),
        telemetry.ask("Get", "ss", [TELEMETRY, "Version"], interface=PROPERTIES),
        return_exceptions=True,
    )
    storage = "org.telemetryd.Error.Storage"
    assert [refused.name for refused in replies[:3]] == [storage, storage, STANDARD + "InvalidArgs"]
    assert replies[0].text == "the state directory cannot be written"
    assert replies[3].body[0].value == 1


async def test_no_reply_leaves_before_the_commit(telemetry):
    """The replies of a batch are sent after its commit, not before."""
    await telemetry.ask("Push", "ssv", PUSH)
    telemetry.recorder.record.clear()
    await asyncio.gather(*(telemetry.ask("Push", "ssv", PUSH) for _ in range(9)))
    assert telemetry.recorder.record[0] == "commit"
    assert telemetry.recorder.record.count("reply") == 9


async def test_calls_are_parked_until_their_caller_is_known(telemetry):
    """A caller is asked about once; what it calls meanwhile waits and is answered in order; it is forgotten when it leaves."""
    await asyncio.gather(*(telemetry.ask("Push", "ssv", PUSH) for _ in range(20)))
    name = telemetry.client.unique_name
    assert telemetry.recorder.record.count("reply") == 20
    assert telemetry.callers.known[name].kind is Kind.HOST
    await telemetry.client.disconnect()
    async with asyncio.timeout(5):
        while name in telemetry.callers.known:
            await asyncio.sleep(0)
    telemetry.client = await connected()


async def test_a_caller_that_another_object_knows_keeps_its_order(telemetry):
    """Calls that come after the caller became known elsewhere still wait behind those that are parked."""
    telemetry.door.is_open.clear()
    order = []

    async def note(number):
        await telemetry.ask("Push", "ssv", ["a", str(number), Variant("u", 1)])
        order.append(number)

    async def send(numbers):
        asked = [asyncio.ensure_future(note(number)) for number in numbers]
        for _ in asked:
            await asyncio.wait_for(telemetry.received.get(), 5)
        return asked

    parked = await send(range(3))
    await telemetry.callers.identify(telemetry.client.unique_name)
    parked += await send(range(3, 6))
    telemetry.door.is_open.set()
    await asyncio.gather(*parked)
    assert order == list(range(6))


@pytest.mark.parametrize(("count", "length"), [(2 * PARKED_MAX_CALLS, 10), (3, PARKED_MAX_BYTES // 2)])
async def test_parked_calls_are_bounded(telemetry, count, length):
    """At a bound of number or size the connection is not read any more; once the caller is known it is, and every call is answered."""
    telemetry.door.is_open.clear()
    calls = [asyncio.ensure_future(telemetry.ask("Register", "ssa{sv}", ["a", "x" * length, {}])) for _ in range(count)]
    await asyncio.wait_for(telemetry.recorder.is_held.wait(), 5)
    assert telemetry.answers.called == []
    telemetry.door.is_open.set()
    assert {reply.message_type for reply in await asyncio.gather(*calls)} == {MessageType.METHOD_RETURN}
    assert [one for one in telemetry.recorder.record if one in {"hold", "resume"}] == ["hold", "resume"]


async def test_large_replies_to_parked_calls_wait_for_each_other(control):
    """The replies to parked calls are written as they come, not heaped up: at no time do more than a few wait."""
    control.answers.does["Preview"] = lambda _caller, _call: [[["a/b", "", "x" * 1_000_000]]]
    control.door.is_open.clear()
    calls = [asyncio.ensure_future(control.ask("Preview", "s", [""])) for _ in range(3 * PARKED_STEP_CALLS)]
    for _ in calls:
        await control.received.get()
    control.door.is_open.set()
    await asyncio.gather(*calls)
    steps = [one for one in control.recorder.record if one != "commit"]
    assert steps == [*["reply"] * PARKED_STEP_CALLS, "drain"] * 3


async def test_a_caller_that_left_is_not_heard(telemetry):
    """A caller that has left the bus before it could be identified reaches no handler and is not remembered."""
    before = set(telemetry.callers.known)
    for _ in range(5):
        command = ["dbus-send", "--session", f"--dest={TELEMETRY}", telemetry.interface.path, f"{TELEMETRY}.Push", "string:a", "string:b"]
        subprocess.run([*command, "variant:uint32:1"], check=True)
        while "dbus-send" in subprocess.check_output(["busctl", f"--address={telemetry.address}", "list"], text=True):
            pass
    await telemetry.ask("Ping", interface=PEER)
    await telemetry.dispatcher.wait_until_quiet()
    assert telemetry.answers.called == []
    assert set(telemetry.callers.known) - before == {telemetry.client.unique_name}


BOXED = """
import asyncio, ctypes, json, os, sys
from telemetryd.bus.edge import Edge
from telemetryd.bus.interfaces import *
from telemetryd.bus.library import Message, Variant
from telemetryd.errors import BusCallError

async def main(root):
    edge = Edge()
    await edge.connect()
    bus = "org.freedesktop.DBus"
    await edge.ask(Message(destination=bus, path="/org/freedesktop/DBus", interface=bus, member="GetId"))
    if os.geteuid():
        assert ctypes.CDLL(None).unshare(0x10000000) == 0  # CLONE_NEWUSER: an ordinary user may change its root only in one
    os.chroot(root)
    for path, interface, member, signature, body in json.loads(sys.stdin.read()):
        body = [Variant(*one["variant"]) if isinstance(one, dict) and "variant" in one else one for one in body]
        name = path[1:].replace("/", ".")
        try:
            await edge.ask(Message(destination=name, path=path, interface=interface, member=member, signature=signature, body=body))
            print("ok")
        except BusCallError as refused:
            print(refused.name)
    await edge.disconnect()

asyncio.run(main(*sys.argv[1:]))
"""


async def boxed(served, root, calls):
    """What a program in a sandbox gets for its calls to an object: an error's name, or `ok`."""
    path = served.interface.path
    lines = [(path, interface or served.interface.name, member, signature, body) for interface, member, signature, body in calls]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", BOXED, str(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, complaints = await process.communicate(json.dumps(lines).encode())
    assert process.returncode == 0, complaints.decode()
    return output.decode().split()


@pytest.fixture
def box(tmp_path):
    """The root directory of a Flatpak sandbox of org.example.Boxed."""
    (tmp_path / ".flatpak-info").write_text("[Application]\nname=org.example.Boxed\n")
    return tmp_path


async def test_a_sandbox_may_push_for_itself_only(telemetry, box):
    """A sandboxed program is admitted to Telemetry1 for its own id; for another it is denied, whatever the member."""
    value, denied = {"variant": ["u", 1]}, STANDARD + "AccessDenied"
    calls = [
        (None, "Push", "ssv", ["org.example.Boxed", "startup", value]),
        (None, "Push", "ssv", ["org.example.Other", "startup", value]),
        (None, "PushMany", "sa{sv}", ["org.example.Other", {}]),
        (None, "Register", "ssa{sv}", ["org.example.Other", "", {}]),
        (None, "OpenSettings", "ssa{sv}", ["org.example.Other", "", {}]),
        (PROPERTIES, "Get", "ss", [TELEMETRY, "Version"]),
    ]
    assert await boxed(telemetry, box, calls) == ["ok", denied, denied, denied, denied, "ok"]
    assert [name for name, _ in telemetry.answers.called] == ["Push"]


async def test_a_sandbox_is_denied_every_member_of_control(control, box):
    """A sandboxed program is denied every method and property of Control1, even with wrong arguments, and reaches no handler."""
    methods = [(None, name, method.takes, BODIES[method.takes]) for name, method in control.interface.methods.items()]
    reads = [(PROPERTIES, "Get", "ss", [CONTROL, name]) for name in control.interface.properties]
    writes = [(PROPERTIES, "Set", "ssv", [CONTROL, name, {"variant": ["u", 1]}]) for name in ("System", "Version")]
    rest = [(PROPERTIES, "GetAll", "s", [CONTROL]), (PROPERTIES, "Get", "s", [""]), (None, "Erase", "u", [1])]
    answers = await boxed(control, box, methods + reads + writes + rest)
    assert answers == [STANDARD + "AccessDenied"] * (11 + 8 + 2 + 3)
    assert control.answers.called == []


async def test_a_caller_with_an_unclear_sandbox_is_denied(telemetry, box):
    """A caller that cannot be identified may act for no application."""
    (box / ".flatpak-info").write_text("")
    denied = STANDARD + "AccessDenied"
    assert await boxed(telemetry, box, [(None, "Push", "ssv", ["org.example.Boxed", "startup", {"variant": ["u", 1]}])]) == [denied]


def test_parity_names_each_difference():
    """A member that is only declared or only answered is named; the handlers of these tests have none."""
    interface = load(CONTROL)
    handlers = Answers(interface, admit_host_only).handlers
    assert undeclared_or_missing(interface, handlers) == []
    methods = {name: handler for name, handler in handlers.methods.items() if name != "Erase"} | {"Extra": None}
    assert undeclared_or_missing(interface, handlers._replace(methods=methods, setters={})) == [
        f"{CONTROL}: method Erase is declared and not answered",
        f"{CONTROL}: method Extra is answered and not declared",
        f"{CONTROL}: setter NewQuestions is declared and not answered",
        f"{CONTROL}: setter System is declared and not answered",
        f"{CONTROL}: setter Usage is declared and not answered",
    ]
