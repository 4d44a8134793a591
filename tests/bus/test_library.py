import asyncio
import importlib
import inspect
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from telemetryd.bus import library as bus_library
from telemetryd.bus.library import (
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

PACKAGE = Path(bus_library.__file__).parents[1]
ADDRESS = "unix:path=/nonexistent/bus,guid=0;unix:abstract=other"


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
    return f"{library}: {what} has moved or changed; telemetryd/bus/wire.py or output.py needs it"


def test_the_faster_library_is_preferred():
    """Without a wish it is dbus-fast where that is installed."""
    assert choose(None) == choose("") == "dbus-fast"


def test_the_environment_chooses(library):
    """TELEMETRYD_DBUS_LIBRARY decides which one is imported, and the other one is not."""
    program = (
        "import sys; from telemetryd.bus.library import NAME; print(NAME, *(m for m in ('dbus_fast', 'dbus_next') if m in sys.modules))"
    )
    env = {**os.environ, "TELEMETRYD_DBUS_LIBRARY": library, "PYTHONPATH": str(PACKAGE.parent)}
    run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [library, library.replace("-", "_")]


def test_a_wrong_choice_is_a_clear_error(monkeypatch):
    """A name that is no library, or one that is not installed, says what is wrong."""
    with pytest.raises(ImportError, match=r"TELEMETRYD_DBUS_LIBRARY .* expected dbus-fast or dbus-next"):
        choose("pydbus")
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "dbus_next", raising=False)
    importlib.invalidate_caches()
    with pytest.raises(ImportError, match="dbus-next, which is not installed"):
        choose("dbus-next")


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
    what = moved(library, "Message._marshall")
    assert data[:4] == b"l\x02\x00\x01", what
    assert data[8:12] == b"\x08\x07\x06\x05", what
    assert data.count(b"\x04\x03\x02\x01") == 1, what


def test_private_create_socket_for_transport():
    """dbus-fast makes its socket by `_create_socket_for_transport(transport, options)`, which gives socket, stream and address."""
    what = moved("dbus-fast", "MessageBus._create_socket_for_transport")
    fast = importlib.import_module("dbus_fast.aio").MessageBus
    make = getattr(fast, "_create_socket_for_transport", None)
    assert make, what
    made, stream, address = make("unix", {"path": "/nonexistent"})
    stream.close()
    made.close()
    assert (made.family, address) == (socket.AF_UNIX, "/nonexistent"), what
    assert "self._create_socket_for_transport(" in inspect.getsource(fast.connect), what


async def test_private_setup_socket():
    """dbus-next makes its socket by `_setup_socket()` from `_bus_address`, and uses what that leaves in `_sock`, `_stream` and `_fd`."""
    what = moved("dbus-next", "MessageBus._setup_socket, _bus_address, _sock, _stream or _fd")
    addresses = []
    one, other = socket.socketpair()

    class Bus(importlib.import_module("dbus_next.aio").MessageBus):
        def _setup_socket(self):
            addresses.extend(self._bus_address)
            self._sock, self._stream, self._fd = one, one.makefile("rwb"), one.fileno()

    one.setblocking(False)
    with one, other:
        bus = Bus(ADDRESS)
        assert [(kind, options.get("path", options.get("abstract"))) for kind, options in addresses] == [
            ("unix", "/nonexistent/bus"),
            ("unix", "other"),
        ], what
        connecting = asyncio.ensure_future(bus.connect())
        await asyncio.sleep(0)
        assert other.recv(1) == b"\0", what
        connecting.cancel()
        bus._stream.close()


def test_private_create_unmarshaller():
    """dbus-next makes a new `_unmarshaller` by `_create_unmarshaller()` after each message; `readers` are its bound methods, by type."""
    what = moved("dbus-next", "MessageBus._create_unmarshaller, _unmarshaller or its readers")
    bus_class = importlib.import_module("dbus_next.aio").MessageBus
    assert "self._unmarshaller = self._create_unmarshaller()" in inspect.getsource(bus_class._message_reader), what
    unmarshaller_class = importlib.import_module("dbus_next._private.unmarshaller").Unmarshaller
    assert "s" in unmarshaller_class(None).readers, what


def test_private_loop(bus_class, library):
    """The library registers its reader by `self._loop.add_reader` when it connects."""
    assert re.search(r"self\._loop\.add_reader\(\s*self\._fd,", inspect.getsource(bus_class.connect)), moved(library, "MessageBus._loop")
