import json
import sys

import pytest

from telemetryd.bus.transport.address import session_bus, sockets
from telemetryd.bus.transport.connection import Connection


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        ("unix:path=/run/user/1000/bus", [b"/run/user/1000/bus"]),
        ("unix:path=/run/bus,guid=0123456789abcdef0123456789abcdef", [b"/run/bus"]),
        ("unix:guid=01,path=/run/bus", [b"/run/bus"]),
        ("unix:abstract=/tmp/dbus-x,guid=01", [b"\0/tmp/dbus-x"]),
        ("unix:path=/a%20b%2c%3bc%C3%BC%ff", [b"/a b,;c\xc3\xbc\xff"]),
        ("unix:path=/with*star\\and~more", [b"/with*star\\and~more"]),
        ("kernel:path=/dev/kdbus;unix:path=/a;tcp:host=127.0.0.1,port=1;unix:abstract=b;unixexec:path=/x", [b"/a", b"\0b"]),
        ("autolaunch:;launchd:env=X;;nonce-tcp:host=x;unix:path=/a;", [b"/a"]),
        ("unix:path=/bad%2,guid=1;unix:path=/bad%zz;unix:path=%;unix:path=/nul%00;unix:runtime=yes;unix:path=/good", [b"/good"]),
    ],
)
def test_addresses_are_read_as_specified(addresses, expected):
    """Of a list the Unix sockets are taken in order, unescaped; other transports and what is malformed are passed over."""
    assert sockets(addresses) == expected


@pytest.mark.parametrize("addresses", ["tcp:host=127.0.0.1,port=1", "nonsense", "unix:", "unix:path=", ";;", "unix:tmpdir=/tmp"])
def test_nothing_to_connect_to_is_an_error(addresses):
    """Where no address can be used, what is expected is said."""
    with pytest.raises(ConnectionError, match="expected unix:path or unix:abstract"):
        sockets(addresses)


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/a", "XDG_RUNTIME_DIR": "/run/user/1000"}, "unix:path=/a"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, "unix:path=/run/user/1000/bus"),
        ({"DBUS_SESSION_BUS_ADDRESS": "", "XDG_RUNTIME_DIR": "/run/user/10;00"}, "unix:path=/run/user/10%3b00/bus"),
        ({"DBUS_SESSION_BUS_ADDRESS": "autolaunch:;unix:abstract=a~b,guid=1;unix:path=/c*d"}, "unix:abstract=a%7eb;unix:path=/c%2ad"),
    ],
)
def test_the_session_bus_is_found_in_the_environment(environ, expected):
    """DBUS_SESSION_BUS_ADDRESS, else the socket in the runtime directory; written as every library reads it."""
    assert session_bus(environ) == expected


def test_no_environment_is_an_error():
    """Without both variables it is said which they are."""
    with pytest.raises(ConnectionError, match="neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set"):
        session_bus({})


@pytest.fixture
def odd_address(shared_bus, tmp_path):
    """A list of addresses of which only the last one leads to the bus, by a path that has to be escaped."""
    (tmp_path / "a b;c").symlink_to(shared_bus.address.partition("path=")[2].partition(",")[0])
    return f"kernel:path=/dev/kdbus;unix:path=/nonexistent;unix:path={tmp_path}/a%20b%3bc"


async def test_the_edge_passes_other_transports_over(odd_address):
    """Unknown transports and sockets that are not there are passed over, and escapes are read."""
    edge = Connection(address=odd_address)
    await edge.connect()
    assert await edge.owner_of("org.freedesktop.DBus") == "org.freedesktop.DBus"
    await edge.disconnect()


@pytest.mark.parametrize("way", ["runtime directory", "odd list"])
async def test_the_programs_find_the_bus(any_machine, way):
    """The daemon and telemetryctl find the bus in the runtime directory where no address is set, and behind transports they do not know."""
    runtime = any_machine.root / "run"
    runtime.mkdir()
    (runtime / "bus").symlink_to(any_machine.root / "bus")
    odd = {"DBUS_SESSION_BUS_ADDRESS": f"kernel:path=/dev/kdbus;{any_machine.address}"}
    environ = {"XDG_RUNTIME_DIR": str(runtime)} if way == "runtime directory" else odd
    settings = (f"{key}={value}" for key, value in environ.items())
    changes = [*(["-u", "DBUS_SESSION_BUS_ADDRESS"] * ("XDG_RUNTIME_DIR" in environ)), *settings]
    with any_machine.daemon(prefix=("env", *changes)) as daemon:
        shown = any_machine.run("env", *changes, sys.executable, "-m", "telemetryd.ctl", "status", "--json")
        assert json.loads(shown.stdout)["Usage"] == 0
        assert daemon.stop() == 0
