"""sd_notify, received by a real socket."""

import os
import socket

import pytest

from telemetryd.runtime.notify import Notifier


@pytest.fixture(params=["path", "abstract"])
def listener(request, tmp_path):
    """A socket as systemd makes one, and the environment that names it."""
    name = f"@telemetryd-test-{os.getpid()}" if request.param == "abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(name.replace("@", "\0", 1))
        receiver.settimeout(5)
        yield receiver, {"NOTIFY_SOCKET": name}


def test_each_state_is_one_datagram(listener):
    """Systemd gets each state in a datagram of its own, a status on one line."""
    receiver, environ = listener
    notifier = Notifier(environ)
    assert notifier.ready()
    assert notifier.status("waiting for\nthe lock")
    assert notifier.stopping()
    assert [receiver.recv(100) for _ in range(3)] == [b"READY=1", b"STATUS=waiting for the lock", b"STOPPING=1"]


@pytest.mark.parametrize("environ", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "/nowhere/notify"}, {"NOTIFY_SOCKET": "x" * 200}])
def test_nobody_listens(environ):
    """Without systemd, or with an address where nobody listens, nothing happens."""
    assert not Notifier(environ).ready()


def test_never_waits(tmp_path):
    """A listener that does not read does not hold the daemon up."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        notifier = Notifier({"NOTIFY_SOCKET": path})
        results = [notifier.ready() for _ in range(2000)]
    assert results[0]
    assert not results[-1]
