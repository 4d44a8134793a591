"""How long others wait while one caller floods the daemon in each way that it can: a second caller's pushes, and a user's withdrawal.

The bus passes messages on in the order in which they came, and copies each twice. What it takes for a flood of large ones shows a C service
in the daemon's place that looks at nothing.
"""

import contextlib
import struct
import subprocess
import time

from benchmarks.load_peers import KEPT, PROGRAMS, REFUSED, build, home
from support.bus.flood import flood, floods
from support.bus.raw_bus import ERROR, RETURN, RawBus, strings
from support.machine import CONTROL, KATE, PROPERTIES, TELEMETRY

SECONDS, PAUSE_S, WITHDRAWALS, WINDOW = 4.0, 0.002, 3, 64
FLOODER = "org.kde.kute"
"""The flood registers it, so it is not installed."""
P99_MS, WITHDRAWAL_MS = 100, 1000
"""What is promised."""
UNLIMITED = 45_000
"""Calls that one caller keeps unanswered, where that is more than a handful of megabytes."""
NAMES = ("no flood", *floods(FLOODER, KATE.replace(KEPT, FLOODER), REFUSED), "pushes, 45,000 in flight", "pings, 45,000 in flight")


def measure(folder, library, *, names=NAMES, seconds=SECONDS):
    """Figure → value: for each flood the second caller's median and p99, and the longest withdrawal (ms)."""
    figures = {}
    kinds = floods(FLOODER, KATE.replace(KEPT, FLOODER), REFUSED)
    with home(folder, library) as machine:
        for name in names:
            kind, is_unlimited, _ = name.partition(", 45,000")
            with machine.daemon(), contextlib.ExitStack() as stack:
                if kind in kinds:
                    stack.enter_context(flood(machine, kinds[kind], window=UNLIMITED if is_unlimited else WINDOW))
                pushes, withdrawals = victims(machine, seconds)
            figures[f"flood of {name}: median (ms)"] = pushes[len(pushes) // 2]
            figures[f"flood of {name}: p99 (ms)"] = pushes[len(pushes) * 99 // 100]
            figures[f"flood of {name}: withdrawal (ms)"] = max(withdrawals)
    return figures


LARGE = ("ids of 200 kB", "arrays of a megabyte")
"""Floods of which the bus has the most to do."""


def measure_service(folder, *, names=LARGE, seconds=SECONDS):
    """Figure → value: what a second caller waits if a C service has the daemon's name and answers at once (ms)."""
    figures = {}
    build()
    kinds = floods(FLOODER, KATE.replace(KEPT, FLOODER), REFUSED)
    with home(folder, "dbus-fast") as machine:
        for name in names:
            command = [PROGRAMS / "service", TELEMETRY[0], TELEMETRY[1], TELEMETRY[2]]
            with subprocess.Popen(command, env=machine.environ, stdout=subprocess.PIPE) as service:
                try:
                    assert service.stdout.readline() == b"ready\n"
                    with flood(machine, kinds[name], window=WINDOW), contextlib.closing(RawBus(machine.address)) as caller:
                        pushes = sorted(wait_of_pushes(caller, seconds))
                finally:
                    service.kill()
            figures[f"flood of {name}: a C service's median (ms)"] = pushes[len(pushes) // 2]
            figures[f"flood of {name}: a C service's p99 (ms)"] = pushes[len(pushes) * 99 // 100]
    return figures


def wait_of_pushes(caller, seconds):
    """How long each push took (ms)."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        begin = time.monotonic()
        assert push_of(caller, KEPT).kind == RETURN
        yield 1000 * (time.monotonic() - begin)
        time.sleep(PAUSE_S)


def victims(machine, seconds):
    """The times (ms, sorted) of the pushes of a second caller, and of withdrawals meanwhile."""
    pushes, withdrawals = [], []
    with contextlib.closing(RawBus(machine.address)) as caller, contextlib.closing(RawBus(machine.address)) as user:
        asked(user, 2)
        end = time.monotonic() + seconds
        due = time.monotonic() + seconds / (WITHDRAWALS + 1)
        while time.monotonic() < end:
            begin = time.monotonic()
            reply = push_of(caller, KEPT)
            pushes.append(1000 * (time.monotonic() - begin))
            assert reply.kind == RETURN
            if time.monotonic() > due:
                due += seconds / (WITHDRAWALS + 1)
                withdrawals.append(asked(user, 0))
                asked(user, 2)
            time.sleep(PAUSE_S)
    return sorted(pushes), withdrawals or [0.0]


def push_of(caller, application):
    """The reply to a push."""
    name, path, interface = TELEMETRY
    body = strings(application, "startup")
    body += b"\1d\0" + bytes(-(len(body) + 3) % 8) + struct.pack("<d", 700.0)
    return caller.ask(name, "Push", path=path, interface=interface, signature="ssv", body=body)


def asked(user, level):
    """How long it takes to set the level of usage (ms)."""
    body = strings(CONTROL[2], "Usage") + b"\1u\0"
    body += bytes(-len(body) % 4) + struct.pack("<I", level)
    begin = time.monotonic()
    reply = user.ask(CONTROL[0], "Set", path=CONTROL[1], interface=PROPERTIES, signature="ssv", body=body)
    assert reply.kind != ERROR, reply
    return 1000 * (time.monotonic() - begin)
