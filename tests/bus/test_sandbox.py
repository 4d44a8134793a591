import asyncio
import json
import subprocess
import sys

import pytest

from telemetryd.bus.interfaces import CONTROL, PROPERTIES, TELEMETRY

STANDARD = "org.freedesktop.DBus.Error."
BODIES = {
    "": [],
    "s": [""],
    "a{sv}": [{}],
    "a{sv}s": [{}, ""],
    "tua{sv}": [0, 0, {}],
    "suu": ["", 0, 0],
    "ssb": ["", "", False],
    "sa{ss}": ["", {}],
    "tu": [0, 0],
    "st": ["", 0],
}


BOXED = """
import asyncio, ctypes, json, os, sys
from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.interfaces import *
from telemetryd.bus.transport.library import Message, Variant
from telemetryd.errors import BusCallError

async def main(address, root):
    edge = Connection(address=address)
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
        sys.executable, "-c", BOXED, served.address, str(root), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
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
        (None, "OpenSettings", "ssa{sv}", ["org.example.Boxed", "", {}]),
        (PROPERTIES, "Get", "ss", [TELEMETRY, "Version"]),
    ]
    assert await boxed(telemetry, box, calls) == ["ok", denied, denied, denied, denied, "ok", "ok"]
    assert [name for name, _ in telemetry.answers.called] == ["Push", "OpenSettings"]


async def test_a_sandbox_is_denied_every_member_of_control(control, box):
    """A sandboxed program is denied every method and property of Control1, even with wrong arguments, and reaches no handler."""
    methods = [(None, name, method.takes, BODIES[method.takes]) for name, method in control.interface.methods.items()]
    reads = [(PROPERTIES, "Get", "ss", [CONTROL, name]) for name in control.interface.properties]
    writes = [(PROPERTIES, "Set", "ssv", [CONTROL, name, {"variant": ["u", 1]}]) for name in ("System", "Version")]
    rest = [(PROPERTIES, "GetAll", "s", [CONTROL]), (PROPERTIES, "Get", "s", [""]), (None, "Erase", "u", [1])]
    calls = methods + reads + writes + rest
    assert await boxed(control, box, calls) == [STANDARD + "AccessDenied"] * len(calls)
    assert {name for _, name, *_ in methods} >= {"ListQuestions", "Accept", "Erase"}
    assert control.answers.called == []


async def test_a_caller_with_an_unclear_sandbox_is_denied(telemetry, box):
    """A caller that cannot be identified may act for no application."""
    (box / ".flatpak-info").write_text("")
    denied = STANDARD + "AccessDenied"
    assert await boxed(telemetry, box, [(None, "Push", "ssv", ["org.example.Boxed", "startup", {"variant": ["u", 1]}])]) == [denied]
