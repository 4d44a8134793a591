import asyncio

import pytest
from support.bus.interface_gaps import undeclared_or_missing
from support.bus.served_object import Answers

from telemetryd.bus.identity import admit_host_only
from telemetryd.bus.interfaces import CONTROL, INTROSPECTABLE, PEER, PROPERTIES, load
from telemetryd.bus.transport.library import MessageType, Variant

STANDARD = "org.freedesktop.DBus.Error."


async def run(*command):
    """The output of a program that talks to the bus; it must succeed."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode()


async def test_real_tools_introspect_it(control):
    """Busctl and gdbus find the object from the root and see every declared member."""
    busctl = ["busctl", f"--address={control.address}"]
    assert control.interface.path in await run(*busctl, "tree", "--list", CONTROL)
    listed = await run(*busctl, "introspect", CONTROL, control.interface.path, CONTROL)
    gdbus = await run(
        "gdbus", "introspect", "--address", control.address, "--dest", control.edge.unique_name, "--object-path", control.interface.path
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
        name: declared.signature for name, declared in control.interface.properties.items()
    }
    assert (await control.ask("GetAll", "s", [PEER], interface=PROPERTIES)).body == [{}]


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
