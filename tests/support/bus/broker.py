"""dbus-broker as a private bus: what dbus-broker-launch does with systemd, for tests that have none.

The broker is given its listening socket over a connection to whoever controls it, which speaks D-Bus without a bus; the controller tells
it which names can be activated, and starts them (dbus-broker's src/broker/controller-dbus.c and test/dbus/util-broker.c).
"""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from configparser import ConfigParser
from contextlib import contextmanager, suppress
from pathlib import Path

from support.bus.raw_bus import CALL, ERROR, INTERFACE, MEMBER, PATH, RETURN, SERIAL, SIGNAL, Peer

from telemetryd.bus.transport.library import Variant, method_call, method_return
from telemetryd.bus.transport.output import marshalled

_FOUND = shutil.which("dbus-broker", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
"""In the virtual environment, where packaging/bootstrap.sh puts it, or the system's own."""
_BROKER, _LISTENER, _NAMES = "/org/bus1/DBus/Broker", "/org/bus1/DBus/Listener/0", "/org/bus1/DBus/Name"
_BATCH = "bta(btbs)a(btssssuutt)a(btssssuutt)"
_POLICY = f"(a(u({_BATCH}))a(buu({_BATCH}))a(ss)bs)"
_ANY = [True, 1, "", "", "", "", 0, 0, 0, 2**64 - 1]
_ALL = [[[2**32 - 1, [True, 1, [[True, 1, True, ""]], [_ANY], [_ANY]]]], [], [], False, "session"]
"""Everyone may connect, own every name, send and receive everything: the session bus."""
_LIMIT = str(2**32 - 1)
_FAILED = "org.bus1.DBus.Name.Error.UnitFailure"


class Controller:
    """Controls one broker: its names, and the programs that it wants started."""

    def __init__(self, connection, services, **options):
        self._peer = Peer(connection, descriptors=True)
        self._services, self._options = services, options
        self._commands, self._started = {}, []
        self._serial, self._sending = 0, threading.Lock()
        self._thread = threading.Thread(target=self._serve)

    def begin(self, listener):
        """Give the broker its socket, then serve it."""
        body = [_LISTENER, 0, Variant(_POLICY, _ALL)]
        names = "org.bus1", _BROKER, "org.bus1.DBus.Broker", "AddListener"
        self._send(method_call(*names, signature="ohv", body=body, descriptors=[listener.fileno()]))
        assert self._peer.read_until(RETURN, ERROR).kind == RETURN
        self._add_names()
        self._thread.start()

    def end(self):
        """After the broker is gone: end what it had started."""
        if self._thread.ident:
            self._thread.join()
        for process in self._started:
            process.kill()
            process.wait()
        self._peer.close()

    def _serve(self):
        with suppress(EOFError, OSError):
            while True:
                message = self._peer.read()
                match message.kind, message.fields.get(MEMBER):
                    case (kind, "Activate") if kind == SIGNAL:
                        self._activate(message.fields[PATH], int.from_bytes(message.body[:8], "little"))
                    case (kind, "ReloadConfig") if kind == CALL:
                        self._add_names()
                        self._answer(message)

    def _add_names(self):
        for file in sorted(self._services.glob("*.service")) if self._services else ():
            service = ConfigParser(interpolation=None)
            service.optionxform = str
            service.read(file)
            name, path = service["D-BUS Service"]["Name"], f"{_NAMES}/{len(self._commands)}"
            command = shlex.split(service["D-BUS Service"]["Exec"])
            known = next((one for one, (other, _) in self._commands.items() if other == name), None)
            if known is None:
                body = [path, name, os.getuid()]
                self._send(method_call("org.bus1", _BROKER, "org.bus1.DBus.Broker", "AddName", signature="osu", body=body))
            self._commands[known or path] = name, command

    def _activate(self, path, serial):
        _, command = self._commands[path]
        process = subprocess.Popen(command, **self._options)
        self._started.append(process)

        def wait():
            process.wait()
            with suppress(OSError):
                body = [serial, _FAILED]
                self._send(method_call("org.bus1", path, "org.bus1.DBus.Name", "Reset", signature="ts", body=body))

        threading.Thread(target=wait, daemon=True).start()

    def _answer(self, received):
        call = method_call("org.bus1", received.fields[PATH], received.fields[INTERFACE], received.fields[MEMBER])
        call.serial = received.fields[SERIAL]
        self._send(method_return(call))

    def _send(self, message):
        with self._sending:
            self._serial += 1
            message.serial = self._serial
            data = bytes(marshalled(message, descriptors=True))
            if message.unix_fds:
                self._peer.send_with_descriptors(data, message.unix_fds)
            else:
                self._peer.send(data)


@contextmanager
def start_broker(path: Path, services: Path | None, environment, *, prefix=(), **options):
    """A broker that listens at a path; the process. What it starts has the same environment and options."""
    ours, its = socket.socketpair()
    with socket.socket(socket.AF_UNIX) as listener:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(30)
        listener.setblocking(False)  # the broker accepts until there is nobody
        limits = [f"--max-{what}={_LIMIT}" for what in ("bytes", "fds", "matches", "objects")]
        command = [*prefix, _FOUND, f"--controller={its.fileno()}", f"--machine-id={os.urandom(16).hex()}", *limits]
        with subprocess.Popen(command, pass_fds=[its.fileno()], env=environment, **options) as process:
            its.close()
            controller = Controller(ours, services, env={**environment, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={path}"}, **options)
            try:
                controller.begin(listener)
                yield process
            finally:
                process.kill()
                process.wait()
                controller.end()


def is_installed():
    """Whether this machine has it."""
    return _FOUND is not None
