"""Who takes part in the benchmarks: the daemon, the C service that does nothing, the C caller, and their messages."""

import asyncio
import contextlib
import os
import select
import shutil
import struct
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

from support.bus.raw_bus import RawBus, strings
from support.machine import KATE, ROOT, TELEMETRY, Machine
from support.machine_at import accept_last_week, rows
from support.manifests.manifest_texts import this_week

SOURCES = Path(__file__).parent / "peers"
PROGRAMS = ROOT / "build/benchmarks"
KEPT, REFUSED, SOURCE = "org.kde.kate", "org.kde.kite", "startup"
"""Two applications that differ in one letter and in the user's consent."""
YARDSTICK = "org.telemetryd.Yardstick1"
"""The C service's name, as long as the daemon's but for one letter."""
VALUES = (120.0, 480.5, 700.0, 1999.0, 2000.0, 8000.25, 350.0)
NEEDED = "the benchmarks need a C compiler and libsystemd's headers: apt-get install gcc libc6-dev libsystemd-dev"
LONGEST_S = 120
"""Longest that any work of the caller may take."""
_STAY = "idle_exit_minutes = 0\n"


class BenchmarkError(Exception):
    """A benchmark that measured something else than it says."""


class Run(NamedTuple):
    """What some calls took: the time that passed (s), and the processor time (s) of the process that served them."""

    seconds: float
    cpu_s: float


def build():
    """Compile the two C programs if they are older than their sources. Raises BenchmarkError if that is not possible here."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    for name, library in (("caller", ()), ("service", ("-lsystemd",))):
        source, program = SOURCES / f"{name}.c", PROGRAMS / name
        if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
            continue
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise BenchmarkError(NEEDED)
        made = subprocess.run([compiler, "-O2", "-o", program, source, *library], check=False, capture_output=True, text=True)
        if made.returncode:
            raise BenchmarkError(f"{NEEDED}\n{made.stderr}")


def cpu_s(process):
    """Processor time (s, to the nanosecond) of a whole process, threads that ended included: the kernel's clock of another process."""
    return time.clock_gettime((~process.pid << 3) | 2)


class Caller:
    """The C caller on one bus."""

    def __init__(self, machine):
        self.messages = RawBus(machine.address)
        path = machine.address.partition("path=")[2]
        self.process = subprocess.Popen([PROGRAMS / "caller", path], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        bus = "org.freedesktop.DBus"
        self.send([self.messages.call(bus, "Hello", interface=bus, path="/org/freedesktop/DBus")], 1)

    def send(self, messages, count, *, window=64, mute_ms=0):
        """Send so many messages, going round those given; the seconds until the last reply. Raises BenchmarkError for an error reply."""
        data = b"".join(messages)
        self.process.stdin.write(b"%d %d %d %d\n%b" % (count, window, mute_ms, len(data), data))
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], LONGEST_S)[0]:
            raise BenchmarkError("a reply did not arrive")
        answer = self.process.stdout.readline().split(b" ", 2)
        if len(answer) != 3 or int(answer[1]):
            raise BenchmarkError(f"the caller got errors: {answer}")
        return int(answer[0]) / 1e9

    def close(self):
        """End it."""
        self.messages.close()
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class Peer(NamedTuple):
    """Someone to call: its bus name and process."""

    name: str
    process: subprocess.Popen


class Bench:
    """One bus with the daemon, the C service and the caller on it."""

    def __init__(self, machine, daemon, service, caller):
        self.machine, self.caller = machine, caller
        self.daemon, self.service = Peer(TELEMETRY[0], daemon.process), Peer(YARDSTICK, service)

    def part(self):
        """Give the daemon a processor of its own, if there are two: then it does not matter where the kernel puts whom."""
        first, *others = sorted(os.sched_getaffinity(0))
        if others:
            _place(self.daemon.process, {first})
            _place(self.machine.bus, set(others))
            _place(self.caller.process, set(others))

    def run(self, peer, messages, count, *, window=64, mute_ms=0):
        """Let a peer serve calls."""
        before = cpu_s(peer.process)
        try:
            seconds = self.caller.send(messages, count, window=window, mute_ms=mute_ms)
        except BenchmarkError as error:
            raise BenchmarkError(f"{peer.name}: {error}\n{(self.machine.root / 'daemon.log').read_text()[-2000:]}") from error
        return Run(seconds, cpu_s(peer.process) - before)

    def pushes(self, peer, application, *, source=SOURCE, flags=0):
        """Calls of Push."""
        return [self._call(peer, "Push", "ssv", push_body(application, source, value), flags) for value in VALUES]

    def arrays(self, peer, application, samples):
        """Calls of PushMany, each with one array of samples of one source."""
        return [self._call(peer, "PushMany", "sa{sv}", array_body(application, SOURCE, samples), 0)]

    def introspections(self):
        """A call of Introspect of the daemon."""
        return [self.caller.messages.call(TELEMETRY[0], "Introspect", interface="org.freedesktop.DBus.Introspectable", path=TELEMETRY[1])]

    def check_consent(self):
        """Raises BenchmarkError if anything else was kept than the user consented to."""
        kept = {row[0] for row in rows(self.machine, "SELECT application FROM tally")}
        if kept != {KEPT}:
            raise BenchmarkError(f"tallies of {kept or 'nothing'}, where {KEPT} should be alone")

    def _call(self, peer, member, signature, body, flags):
        address = {"interface": TELEMETRY[2], "path": TELEMETRY[1]}
        return self.caller.messages.call(peer.name, member, signature=signature, body=body, flags=flags, **address)


def _place(process, processors):
    for task in Path(f"/proc/{process.pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), processors)


def push_body(application, source, value):
    """The body of Push with a double."""
    data = strings(application, source) + b"\1d\0"
    return data + bytes(-len(data) % 8) + struct.pack("<d", value)


def array_body(application, source, samples):
    """The body of PushMany with one array of doubles."""
    values = struct.pack(f"<{samples}d", *(VALUES[number % len(VALUES)] for number in range(samples)))
    entry = strings(source) + b"\2ad\0"
    entry += bytes(-len(entry) % 4) + struct.pack("<I", len(values))
    entry += bytes(-len(entry) % 8) + values
    head = strings(application)
    head += bytes(-len(head) % 4) + struct.pack("<I", len(entry))
    return head + bytes(-len(head) % 8) + entry


@contextlib.contextmanager
def home(folder, library, manifests=()):
    """A machine whose user accepted Kate's question a week ago, with these further manifests."""
    with Machine(folder, library=library) as machine:
        machine.configure(_STAY + '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
        for application in (KEPT, REFUSED):
            machine.install(this_week(KATE.replace(KEPT, application)))
        asyncio.run(accept_last_week(machine, KEPT))
        for text in manifests:
            machine.install(text)
        yield machine


@contextlib.contextmanager
def at_work(machine, **options):
    """The daemon, the C service and the caller on a machine; `options` are those of `Machine.daemon`."""
    with machine.daemon(**options) as daemon, yardstick(machine) as service, contextlib.closing(Caller(machine)) as caller:
        yield Bench(machine, daemon, service, caller)


@contextlib.contextmanager
def bench(folder, library, manifests=()):
    """Both."""
    with home(folder, library, manifests) as machine, at_work(machine) as working:
        yield working


@contextlib.contextmanager
def yardstick(machine):
    """The C service on a machine's bus; its process."""
    command = [PROGRAMS / "service", YARDSTICK, TELEMETRY[1], TELEMETRY[2]]
    process = subprocess.Popen(command, env=machine.environ, stdout=subprocess.PIPE)
    try:
        if process.stdout.readline() != b"ready\n":
            raise BenchmarkError("the C service does not run")
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
