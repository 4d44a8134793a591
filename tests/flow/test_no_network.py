"""The daemon's process opens no socket but AF_UNIX ones and never loads aiohttp; only telemetryd-upload does, as strace shows for both."""

import os
import re
import signal
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE

CALLS = "socket,connect,clone,clone3,fork,vfork,execve,open,openat"
THREAD = re.compile(r"^clone3?\(.*CLONE_THREAD.*\) = (\d+)$", re.MULTILINE)


class Trace:
    """What strace saw of every thread: one file each, `trace.TID`."""

    def __init__(self, folder, process):
        self._texts = {int(path.suffix[1:]): path.read_text() for path in folder.glob("trace.*")}
        self.daemon = self._process(process)
        self.others = "\n".join(text for number, text in self._texts.items() if number not in self._threads)

    def _process(self, process):
        """The calls of one process: of its first thread and of all threads that these started."""
        self._threads, new = set(), {process}
        while new:
            self._threads |= new
            new = {int(number) for one in new for number in THREAD.findall(self._texts[one])} - self._threads
        return "\n".join(self._texts[one] for one in self._threads)


class Taker(BaseHTTPRequestHandler):
    """Takes every report."""

    def do_POST(self):
        """One report."""
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """No log."""


@pytest.fixture
def taker():
    """A receiver on loopback."""
    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        server.bodies = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def session(machine):
    """Everything that a daemon does for its applications and its user."""
    async with machine.client() as client:
        await client.register("org.kde.kate", KATE)
        await client.set("Usage", 2)
        await client.accept("org.kde.kate")
        await client.push("org.kde.kate", "startup", "d", 700.0)
        await client.push_many("org.kde.kate", {"startup": ("ad", [1.0, 2.0])})
        await client.call(CONTROL, "Preview", "s", "")
        await client.call(CONTROL, "Submit")
        assert [row["outcome"] for row in await client.history()] == ["accepted"]
        await client.push("org.kde.kate", "startup", "d", 700.0)
        await client.set("Usage", 0)
        await client.call(CONTROL, "Erase", "s", "")


async def test_the_daemon_opens_no_network_socket_and_loads_no_http_client(any_machine, taker, strace):
    """A whole session with a report sent: the daemon's threads open AF_UNIX sockets only and no file of aiohttp; the uploader does both."""
    machine = any_machine
    machine.develop(f"http://localhost:{taker.server_port}/v1")
    prefix = [strace, "-ff", "--seccomp-bpf", "-qq", "-e", f"trace={CALLS}", "-e", "signal=none", "-o", str(machine.root / "trace")]
    with machine.daemon(prefix=prefix) as daemon:
        process = process_of(machine)
        await session(machine)
        mapped = maps_of(process)
        os.kill(process, signal.SIGTERM)  # strace itself does not listen to it
        assert daemon.process.wait(20) == 0
    assert len(taker.bodies) == 1
    trace = Trace(machine.root, process)
    families = set(re.findall(r"\bsocket(?:pair)?\((\w+)", trace.daemon))
    assert families == {"AF_UNIX"}
    assert not re.search(r"connect\(\d+, \{sa_family=(?!AF_UNIX)", trace.daemon)
    assert "/aiohttp/" not in trace.daemon
    assert "/aiohttp/" not in mapped
    assert re.search(r"socket\(AF_INET6?", trace.others)
    assert "/aiohttp/" in trace.others


def process_of(machine):
    """The daemon's process, which is not the one that was started: that is strace."""
    bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    return machine.ask(bus, "GetConnectionUnixProcessID", "s", CONTROL[0])[0]


def maps_of(process):
    """What is mapped into a process."""
    return Path(f"/proc/{process}/maps").read_text()
