"""The real daemon as a process on a private bus with private files: what tests of its promises are written with.

with Machine(tmp_path) as machine:              # directories, a dbus-daemon of its own
machine.install(KATE, reviewed=True)        # a manifest (and its reviews) as a distribution would install it
with machine.daemon() as daemon:            # python -m telemetryd, ready
machine.busctl("call", *CONTROL, "ListApplications")
async with machine.client() as client:  # an asyncio D-Bus client
await client.push("org.kde.kate", "startup", "d", 700.0)
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from support.bus.broker import start_broker
from support.bus.dbus_daemon import address, dbus_daemon
from support.bus.private_bus import INSTALLED, need
from support.manifests.manifest_texts import ENDS, KATE, KATE_2026, STARTS
from support.source_tree import inherited

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import Message, MessageFlag, Variant
from telemetryd.errors import BusCallError
from telemetryd.system.files import settled_signature
from telemetryd.toml import manifest

ROOT = Path(__file__).parents[2]
TELEMETRY = ("org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1", "org.telemetryd.Telemetry1")
CONTROL = ("org.telemetryd.Control1", "/org/telemetryd/Control1", "org.telemetryd.Control1")
PROPERTIES = "org.freedesktop.DBus.Properties"
WAIT_S = 20
"""Longest wait for something that has to happen."""
PATIENCE_S = 60
"""The same for a reply, or for the end of a delivery: a process is started for each report."""


class CallError(Exception):
    """An error reply: its name and text."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name, self.text = name, text


class Daemon:
    """A running telemetryd."""

    def __init__(self, process, log):
        self.process, self._log = process, log

    @property
    def log(self):
        """What it wrote to its standard error so far."""
        return self._log.read_text()

    def stop(self, number=signal.SIGTERM):
        """Tell it to leave, and give its exit status."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


class Client:
    """An asyncio client of both interfaces; errors are raised as CallError."""

    def __init__(self, bus):
        self.bus = bus

    async def call(self, interface, member, signature="", *body):
        """Call a member of TELEMETRY or CONTROL; the body of the reply."""
        return (await self.reply(interface, member, signature, *body)).body

    async def reply(self, interface, member, signature="", *body):
        """The whole reply message."""
        destination, path, name = interface
        message = Message(destination=destination, path=path, interface=name, member=member, signature=signature, body=list(body))
        try:
            return await self.bus.ask(message)
        except BusCallError as failure:
            raise CallError(failure.name, failure.text) from None

    async def register(self, application, text):
        """Register a manifest; its digest."""
        return (await self.call(TELEMETRY, "Register", "ssa{sv}", application, text, {}))[0]

    async def push(self, application, source, code, value):
        """Push one sample."""
        await self.call(TELEMETRY, "Push", "ssv", application, source, Variant(code, value))

    async def push_many(self, application, samples):
        """Push source → (type code, value)."""
        variants = {source: Variant(code, value) for source, (code, value) in samples.items()}
        await self.call(TELEMETRY, "PushMany", "sa{sv}", application, variants)

    async def get(self, name):
        """A property of Control1, unpacked."""
        address = (CONTROL[0], CONTROL[1], PROPERTIES)
        return (await self.call(address, "Get", "ss", CONTROL[2], name))[0].value

    async def set(self, name, level):
        """Set a property of Control1."""
        await self.call((CONTROL[0], CONTROL[1], PROPERTIES), "Set", "ssv", CONTROL[2], name, Variant("u", level))

    async def questions(self, application=""):
        """The questions, question id → plain dictionary."""
        rows = (await self.call(CONTROL, "ListQuestions", "s", application))[0]
        plain = [{key: variant.value for key, variant in row.items()} for row in rows]
        return {row["id"]: row for row in plain}

    async def history(self):
        """The whole history, newest first, as plain dictionaries."""
        rows = (await self.call(CONTROL, "History", "tu", 0, 1000))[0]
        return [{key: variant.value for key, variant in row.items()} for row in rows]

    async def preview(self, application=""):
        """The preview, application/question → (URL, body)."""
        return {name: (url, body) for name, url, body in (await self.call(CONTROL, "Preview", "s", application))[0]}

    async def consent(self, application, *, system=2, usage=2):
        """Turn everything on and accept every question of an application."""
        await self.set("System", system)
        await self.set("Usage", usage)
        await self.accept(application)

    async def accept(self, application):
        """Accept every question of an application as it is shown now."""
        digests = {name: row["digest"] for name, row in (await self.questions(application)).items()}
        await self.call(CONTROL, "Accept", "sa{ss}", application, digests)


class Machine:
    """Private directories and a private session bus, a dbus-daemon or a dbus-broker.

    Everything runs on `python` in `folder`, behind `prefix`: a command that runs it. `policy` goes into the configuration of a dbus-daemon.
    """

    python, folder, prefix, policy = sys.executable, ROOT, (), ""

    def __init__(self, root, *, library=INSTALLED, bus="dbus-daemon"):
        self.root = Path(root)
        self.library, self.kind = library, bus
        for folder in (
            "etc/telemetryd",
            "share/telemetryd/manifests",
            "share/telemetryd/reviews.d",
            "home/telemetryd",
            "state",
            "services",
        ):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        self.address = address(self.root)
        self._exit = contextlib.ExitStack()

    def __enter__(self):
        services = self.root / "services"
        if self.kind == "dbus-broker":
            need(self.kind)
            log = self._exit.enter_context((self.root / "bus.log").open("w"))
            options = {"prefix": self.prefix, "stderr": log, "cwd": self.folder}
            own = start_broker(self.root / "bus", services, self.environ, **options)
        else:
            own = dbus_daemon(self.root, self.environ, services=services, more=self.policy, prefix=self.prefix, working=self.folder)
        self.bus = self._exit.enter_context(own)
        return self

    def __exit__(self, *_):
        self._exit.close()

    @property
    def environ(self):
        """The environment of everything that runs on this machine."""
        return {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "LC_ALL": "C.UTF-8",
            "XDG_CONFIG_HOME": str(self.root / "home"),
            "XDG_CONFIG_DIRS": str(self.root / "etc"),
            "XDG_STATE_HOME": str(self.root / "state"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "TELEMETRYD_CONFIG_DIRS": str(self.root / "etc"),
            "TELEMETRYD_DATA_DIRS": str(self.root / "share"),
            "TELEMETRYD_DBUS_LIBRARY": self.library,
            "DBUS_SESSION_BUS_ADDRESS": self.address,
            "DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={self.root}/system/bus",
            **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},  # measured as we are
            **inherited(),
        }

    def configure(self, text, *, name="telemetryd.toml"):
        """Write the system's configuration file, or a drop-in (`telemetryd.toml.d/50-x.toml`)."""
        path = self.root / "etc/telemetryd" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def configure_user(self, text):
        """Write the user's configuration file."""
        (self.root / "home/telemetryd/telemetryd.toml").write_text(text)

    def install(self, text, *, reviewed=True, date="2026-01-01"):
        """Install a manifest as a package would, with reviews of all its questions; its declaration."""
        declaration = manifest.parse(text)
        (self.root / f"share/telemetryd/manifests/{declaration.application.id}.toml").write_text(text)
        if reviewed:
            self.review(text, date=date)
        return declaration

    def review(self, text, *, date="2026-01-01"):
        """Install a review of every question of a manifest."""
        declaration = manifest.parse(text)
        entries = [
            f'[[review]]\napplication = "{one.application.id}"\nquestion = "{one.question.id}"\ndefinition = "{one.digest}"\n'
            f'reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]\nrecord = "https://example.org/review/1"\ndate = {date}\n'
            for one in declaration.definitions
        ]
        (self.root / f"share/telemetryd/reviews.d/{declaration.application.id}-{date}.toml").write_text("\n".join(entries))

    def develop(self, url="http://127.0.0.1:9/v1", vendor="kde", extra=""):
        """Switch developer mode on, with a loopback endpoint."""
        self.configure_user(f'developer = true\n{extra}\n[endpoint.{vendor}]\nname = "{vendor}"\nurl = "{url}"\n')

    def activate(self, command=f"{sys.executable} -m telemetryd"):
        """Let the bus start the daemon, as an installation does. What it writes to its standard error is in bus.log, with the bus's own."""
        for name in (TELEMETRY[0], CONTROL[0]):
            (self.root / f"services/{name}.service").write_text(f"[D-BUS Service]\nName={name}\nExec={command}\n")
        self.busctl("call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")

    @contextlib.contextmanager
    def daemon(self, *, prefix=(), program=("-m", "telemetryd"), wait=True, **environ):
        """Run the daemon until the block ends; `prefix` is a command that runs it (faketime, strace …), `program` what Python is given."""
        log = self.root / "daemon.log"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, log.open("w") as stderr:
            path = str(self.root / "notify.socket")
            Path(path).unlink(missing_ok=True)
            notified.bind(path)
            Path(path).chmod(0o777)  # the daemon may be another user's
            notified.settimeout(WAIT_S)
            command = [*self.prefix, *prefix, self.python, *program]
            environment = {**self.environ, "NOTIFY_SOCKET": path, "PYTHONFAULTHANDLER": "1", **environ}
            process = subprocess.Popen(command, env=environment, stderr=stderr, cwd=self.folder)
            try:
                if wait:
                    assert b"READY=1" in notified.recv(4096), log.read_text()
                yield Daemon(process, log)
            finally:
                self._stop(process, log)

    @contextlib.asynccontextmanager
    async def client(self, on_signal=None):
        """A client on this machine's bus, over our own edge: the libraries' writers do not survive thousands of calls at once."""
        edge = Connection(address=self.address, on_signal=on_signal, patience_s=PATIENCE_S)
        await edge.connect()
        try:
            yield Client(edge)
        finally:
            await edge.disconnect()

    async def send_and_leave(self, daemon, interface, member, signature, *body):
        """Send a call and leave the bus while the daemon sleeps: when it reads the call, nobody is there."""
        daemon.process.send_signal(signal.SIGSTOP)
        async with self.client() as hasty, self.client() as witness:
            name = hasty.bus.unique_name
            hasty.bus.send(no_reply(interface, member, signature, *body))
            await hasty.bus.disconnect()
            async with asyncio.timeout(WAIT_S):
                while await witness.bus.owner_of(name):
                    await asyncio.sleep(0.01)
        daemon.process.send_signal(signal.SIGCONT)

    def run(self, *command, check=True, **options):
        """Run a program on this machine; its completed process, with text."""
        places = {"env": self.environ, "cwd": self.folder}
        done = subprocess.run([*self.prefix, *command], check=False, capture_output=True, text=True, timeout=60, **places, **options)
        assert not check or done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done

    def busctl(self, *arguments, check=True):
        """Run busctl; what it printed."""
        return self.run("busctl", f"--address={self.address}", *arguments, check=check).stdout

    def ask(self, interface, member, *arguments):
        """Call a member with busctl; the reply as JSON values."""
        return json.loads(self.busctl("--json=short", "call", *interface, member, *arguments))["data"]

    def control(self, *arguments, check=True):
        """Run telemetryctl."""
        return self.run(self.python, "-m", "telemetryd.ctl", *arguments, check=check)

    def consent(self, application):
        """Usage at basic, and every question of an application accepted, by calls: telemetryctl takes 0.2 s of a processor for each."""

        async def act():
            async with self.client() as client:
                await client.consent(application, system=0, usage=1)

        asyncio.run(act())

    def state(self):
        """Every file of the state directory: path → bytes."""
        folder = self.root / "state"
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}

    @staticmethod
    def _stop(process, log=None):
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGABRT if log else signal.SIGKILL)  # Python then says where it hung
                process.wait()
                assert not log, f"the daemon did not end:\n{log.read_text()}"
        if process.stdout:
            process.stdout.close()


def but_for_chance(body):
    """A report without its nonce and its answer: what is the same whatever chance did; the answer is one of the question's."""
    report = json.loads(body)
    return {key: value for key, value in report.items() if key not in {"nonce", "answer"}}


def until(claim, *, within_s=WAIT_S):
    """Wait until a claim about another process holds; for what gives no event."""
    deadline = time.monotonic() + within_s
    while not claim():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def settle(machine):
    """Wait until no file of a machine is so young that a look takes it for one that may have changed again."""
    for path in machine.root.rglob("*.toml"):
        until(lambda path=str(path): settled_signature(path) == settled_signature(path))


def no_reply(interface, member, signature, *body):
    """A call that wants no answer."""
    destination, path, name = interface
    flags = MessageFlag.NO_REPLY_EXPECTED
    return Message(destination=destination, path=path, interface=name, member=member, signature=signature, body=list(body), flags=flags)


__all__ = [
    "CONTROL",
    "ENDS",
    "KATE",
    "KATE_2026",
    "PROPERTIES",
    "ROOT",
    "STARTS",
    "TELEMETRY",
    "CallError",
    "Client",
    "Daemon",
    "Machine",
    "but_for_chance",
    "no_reply",
    "until",
]
