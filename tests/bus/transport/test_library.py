import asyncio
import importlib
import inspect
import os
import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from telemetryd.bus.transport import library as bus_library
from telemetryd.bus.transport import private_parts
from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import (
    MessageFlag,
    MessageType,
    Variant,
    choose,
    error,
    expects_reply,
    is_call,
    method_call,
    method_return,
    signal,
)
from telemetryd.errors import UnusableLibraryError

PACKAGE = Path(bus_library.__file__).parents[2]


@pytest.fixture
def module(library):
    """The library itself."""
    return importlib.import_module(library.replace("-", "_"))


@pytest.fixture
def bus_class(library):
    """The library's connection."""
    return importlib.import_module(library.replace("-", "_") + ".aio").MessageBus


def moved(library, what):
    """What a test says when an upgrade has taken a private part away."""
    return f"{library}: {what} has moved or changed; telemetryd/bus/transport/wire.py or output.py needs it"


def test_the_faster_library_is_preferred():
    """Without a wish it is dbus-fast where a version is installed that can be used."""
    assert choose(None) == choose("") == "dbus-fast"


def test_the_environment_chooses(library):
    """TELEMETRYD_DBUS_LIBRARY decides which one is imported, and the other one is not."""
    both = "('dbus_fast', 'dbus_next')"
    program = f"import sys; from telemetryd.bus.transport.library import NAME; print(NAME, *(m for m in {both} if m in sys.modules))"
    env = {**os.environ, "TELEMETRYD_DBUS_LIBRARY": library, "PYTHONPATH": str(PACKAGE.parent)}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [library, library.replace("-", "_")]


def test_a_wrong_choice_is_a_clear_error(monkeypatch):
    """A name that is no library, or one that is not installed, says what is wrong."""
    with pytest.raises(UnusableLibraryError, match=r"TELEMETRYD_DBUS_LIBRARY .* expected dbus-fast or dbus-next"):
        choose("pydbus")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "dbus_next", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(UnusableLibraryError, match=r"telemetryd needs dbus-next >=0.2.3,<0.2.4; installed: none"):
        choose("dbus-next")


def imported_with(folder, versions, program="import telemetryd.bus.transport.library"):
    """What importing the choice says where these versions are installed: each library ends the program when it is imported."""
    for module, version in versions.items():
        package = folder / module
        package.mkdir(exist_ok=True)
        (package / "__init__.py").write_text(f"raise SystemExit('{module} is imported')")
        (package / "__version__.py").write_text(version if "\n" in version else f'__title__ = "x"\n__version__ = "{version}"\n')
    env = {name: value for name, value in os.environ.items() if name != "TELEMETRYD_DBUS_LIBRARY"}
    env["PYTHONPATH"] = f"{folder}:{PACKAGE.parent}"
    return subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("fast", "chosen"),
    [
        ("1.90.2", "dbus_next"),
        ("2.21.1", "dbus_next"),
        ("2.37.0", "dbus_next"),
        ("2.38.0", "dbus_fast"),
        ("2.44.1", "dbus_fast"),
        ("4.3.0", "dbus_fast"),
        ("5.2.0", "dbus_fast"),
        ("5.99.9", "dbus_fast"),
        ("6.0.0", "dbus_next"),
        ("6.0.0rc1", "dbus_next"),
        ("unknown\n", "dbus_next"),
        ("\n__version__ = VERSION\n", "dbus_next"),
    ],
)
def test_the_version_decides_not_the_presence(tmp_path, fast, chosen):
    """A dbus-fast outside of the range is not even imported: dbus-next is, as where no dbus-fast is installed."""
    run = imported_with(tmp_path, {"dbus_fast": fast, "dbus_next": "0.2.3"})
    assert run.stderr == f"{chosen} is imported\n"


@pytest.mark.parametrize("options", [[], ["--leave-when-idle"], ["--record", "samples.jsonl"]])
def test_no_usable_library_is_one_line(tmp_path, options):
    """Where neither library can be used the daemon ends with 3 and one line that names what it needs and what is there."""
    program = f"import runpy, sys; sys.argv[1:] = {options}; runpy.run_module('telemetryd', run_name='__main__')"
    run = imported_with(tmp_path, {"dbus_fast": "2.15.0", "dbus_next": "0.2.2"}, program)
    wanted = "dbus-fast >=2.38,<6 or dbus-next >=0.2.3,<0.2.4"
    assert run.stderr == f"ERROR: telemetryd needs {wanted}; installed: dbus-fast 2.15.0, dbus-next 0.2.2\n"
    assert run.returncode == 3


def test_the_project_names_the_same_versions():
    """The ranges of pyproject.toml are those that are chosen by."""
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text())["project"]
    required = (*project["dependencies"], *project["optional-dependencies"]["fast"])
    named = {requirement.partition(";")[0].strip() for requirement in required if "dbus" in requirement}
    ranges = {name: library.range for name, library in bus_library._LIBRARIES.items()}
    assert named == {f"dbus-fast{ranges['dbus-fast']}", "dbus-next>=0.2.3,<0.2.4"}


def test_one_module_imports_a_library():
    """No other module of the package names dbus-next or dbus-fast in an import."""
    naming = re.compile(r"^\s*(from|import)\s+dbus_(next|fast)", re.MULTILINE)
    assert [path.name for path in PACKAGE.rglob("*.py") if naming.search(path.read_text())] == ["library.py"]


def test_the_constructors_build_what_they_say():
    """Calls, replies, errors and signals carry what was given; bodies may be any sequence."""
    call = method_call(":1.7", "/a", "b.c", "D", signature="sv", body=("x", Variant("u", 1)), descriptors=(5,))
    assert (call.destination, call.path, call.interface, call.member, call.signature) == (":1.7", "/a", "b.c", "D", "sv")
    assert (call.body[0], call.unix_fds, is_call(call)) == ("x", [5], True)
    call.sender, call.serial = ":1.8", 9
    reply = method_return(call, "u", (3,))
    assert (reply.destination, reply.reply_serial, reply.signature, reply.body, is_call(reply)) == (":1.8", 9, "u", [3], False)
    refusal = error(call, "a.b.C", "why")
    assert (refusal.message_type, refusal.destination, refusal.reply_serial) == (MessageType.ERROR, ":1.8", 9)
    assert (refusal.error_name, refusal.body) == ("a.b.C", ["why"])
    sent = signal("/a", "b.c", "D", "s", ("x",), destination=":1.7")
    assert (sent.message_type, sent.destination, sent.body) == (MessageType.SIGNAL, ":1.7", ["x"])


@pytest.mark.parametrize("flags", range(8))
def test_a_reply_is_expected_unless_the_flag_says_no(flags):
    """Only NO_REPLY_EXPECTED counts; the other flags do not matter."""
    assert expects_reply(method_call(":1.7", "/a", "b.c", "D", flags=MessageFlag(flags))) == (not flags & 1)


def test_private_marshall(module, library):
    """`Message._marshall(False)` gives the message's bytes, the serial in the ninth and all little-endian."""
    message = module.Message(message_type=module.MessageType.METHOD_RETURN, destination=":1.7", reply_serial=0x01020304, serial=0x05060708)
    data = bytes(message._marshall(False)) if hasattr(message, "_marshall") else b""
    text = moved(library, private_parts.MARSHALL)
    assert data[:4] == b"l\x02\x00\x01", text
    assert data[8:12] == b"\x08\x07\x06\x05", text
    assert data.count(b"\x04\x03\x02\x01") == 1, text


async def test_private_socket(bus_class, library, monkeypatch):
    """The module of MessageBus's base class makes its one socket by the global name `socket`, and reads and writes that socket.

    It does so before it waits for anything: in the constructor, or in the first step of `connect`.
    """
    what = moved(library, private_parts.SOCKET)
    base = sys.modules[bus_class.__mro__[1].__module__]
    assert getattr(base, "socket", None) is socket, what
    one, other = socket.socketpair()
    made = []

    class Sockets:
        AF_UNIX, SOCK_STREAM = socket.AF_UNIX, socket.SOCK_STREAM

        def socket(self, *arguments):
            made.append(arguments)
            return Given(fileno=one.detach())

    class Given(socket.socket):
        def connect(self, _):
            pass

    with other:
        monkeypatch.setattr(base, "socket", Sockets())
        bus = bus_class("unix:path=/")
        step = bus.connect()
        connecting = asyncio.ensure_future(step)
        await asyncio.sleep(0)
        monkeypatch.undo()
        assert made == [(socket.AF_UNIX, socket.SOCK_STREAM)], what
        other.settimeout(5)
        assert await asyncio.to_thread(other.recv, 1) == b"\0", what
        connecting.cancel()
        await asyncio.wait([connecting])
        if bus._stream is not None:
            bus._stream.close()
            bus._sock.close()


async def test_private_socket_is_given_back(shared_bus):
    """A connection changes nothing for others that use the library in this process: the name `socket` means the module again."""
    base = sys.modules[bus_library.MessageBus.__mro__[1].__module__]
    edge = Connection(address=shared_bus.address)
    await edge.connect()
    assert base.socket is socket
    await edge.disconnect()


def test_private_create_unmarshaller():
    """dbus-next makes a new `_unmarshaller` by `_create_unmarshaller()` after each message; `readers` are its bound methods, by type."""
    text = moved("dbus-next", private_parts.UNMARSHALLER)
    bus_class = pytest.importorskip("dbus_next.aio", reason="dbus_next is not installed").MessageBus
    assert "self._unmarshaller = self._create_unmarshaller()" in inspect.getsource(bus_class._message_reader), text
    unmarshaller_class = importlib.import_module("dbus_next._private.unmarshaller").Unmarshaller
    assert "s" in unmarshaller_class(None).readers, text


def test_private_signatures(module, library):
    """A message's signature is kept in the library's cache, which can be counted and cleared."""
    cache = private_parts.signature_cache(module)
    cache.clear()
    signal = {"message_type": module.MessageType.SIGNAL, "path": "/a", "interface": "a.b", "member": "C"}
    for number, signature in enumerate(("y", "yy", "y"), 1):
        module.Message(**signal, signature=signature, body=[1] * len(signature))
        assert cache.size() == min(number, 2), moved(library, private_parts.SIGNATURES)
    cache.clear()
    assert cache.size() == 0


def test_private_loop(bus_class, library):
    """The library registers its reader by `self._loop.add_reader` when it connects."""
    assert re.search(r"self\._loop\.add_reader\(\s*self\._fd,", inspect.getsource(bus_class.connect)), moved(library, private_parts.LOOP)
