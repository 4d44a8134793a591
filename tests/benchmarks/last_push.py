"""Prints how many pushes that are a program's last act arrive, and how long one takes while nothing answers; see README.md here.

python tests/benchmarks/last_push.py [--each N]
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import contextlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.machine import CONTROL, ROOT, TELEMETRY, Machine

APPLICATION, SOURCE = "org.example.Painter", "undo"
PEERS = Path(__file__).parent / "peers"
EXAMPLES = ROOT / "docs/examples/clients"
PROGRAMS = ROOT / "build/benchmarks"
LATE_S = 1.0
"""How long after the last program the pushes are counted."""
_NAME, _PATH, _INTERFACE = TELEMETRY


class Way(NamedTuple):
    """A program with its arguments, what it waits for, and whether its last push must arrive."""

    program: str
    waits_for: str
    command: tuple[str, ...]
    is_right: bool


_BARE = {
    "dbus-send": (
        "dbus-send",
        f"--dest={_NAME}",
        _PATH,
        f"{_INTERFACE}.Push",
        f"string:{APPLICATION}",
        f"string:{SOURCE}",
        "variant:uint32:3",
    ),
    "busctl": ("busctl", "--user", "--expect-reply=no", "call", *TELEMETRY, "Push", "ssv", APPLICATION, SOURCE, "u", "3"),
}
WAYS = {"bare": "nothing", "queued": "nothing, not flushed", "after": "an earlier call"}
LIBRARIES = {
    "sd-bus": ("sd_bus.c", "libsystemd", WAYS),
    "GDBus": ("glib.c", "gio-2.0", WAYS),
    "QtDBus 5": ("qt.cpp", "Qt5DBus", ("bare", "after")),
    "QtDBus 6": ("qt.cpp", "Qt6DBus", ("bare", "after")),
}
"""Library → end of its sources' names, its package for pkg-config, what is tried. The documentation's example waits for the push."""


def ways():
    """Every way that can be tried here. Libraries whose headers are missing are left out."""
    yield from (Way(program, "nothing", command, is_right=False) for program, command in _BARE.items())
    for program in ("dbus_send", "busctl", "gdbus"):
        yield Way(program.replace("_", "-"), "the push", ("sh", str(EXAMPLES / "push.sh"), f"with_{program}"), is_right=True)
    for name, (source, package, modes) in LIBRARIES.items():
        yield from library_ways(name, source, package, modes)
    for mode in ("bare", "after"):
        yield Way("dbus-fast", WAYS[mode], (sys.executable, str(PEERS / "last_push.py"), mode), is_right=False)
    yield Way("dbus-fast", "the push", (sys.executable, str(EXAMPLES / "push.py")), is_right=True)


def library_ways(name, source, package, modes):
    """The ways of a library; none if its headers are missing."""
    flags = flags_of(package)
    if flags:
        hurried = build(PEERS / f"last_push_{source}", package, flags)
        yield from (Way(name, WAYS[mode], (hurried, mode), is_right=False) for mode in modes)
        yield Way(name, "the push", (build(EXAMPLES / f"push_{source}", package, flags),), is_right=True)


def flags_of(package):
    """What compiling and linking with a library takes; empty if its headers are missing."""
    if package == "libsystemd":
        return ["-lsystemd"]
    if shutil.which("pkg-config") is None:
        return []
    return subprocess.run(["pkg-config", "--cflags", "--libs", package], capture_output=True, text=True, check=False).stdout.split()


def build(source, package, flags):
    """The path of the program of a source."""
    PROGRAMS.mkdir(parents=True, exist_ok=True)
    program = PROGRAMS / f"{source.stem}-{package}"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return str(program)
    compiler = ["c++", "-std=c++17", "-fPIC"] if source.suffix == ".cpp" else ["cc"]
    subprocess.run([*compiler, "-Wall", "-Werror", "-o", program, source, *flags], check=True)
    return str(program)


async def arrived(machine, way, each):
    """How many of `each` last pushes of a program the daemon took. Those are pushes of 3; an earlier call is a push of 1."""
    async with machine.client() as client:
        start, _ = await client.call(CONTROL, "Watch", "st", APPLICATION, await number(client))
        for _ in range(each):
            await asyncio.to_thread(machine.run, *way.command)
        await asyncio.sleep(LATE_S)
        await client.push(APPLICATION, SOURCE, "u", 2)
        _, events = await client.call(CONTROL, "Watch", "st", APPLICATION, start)
    return sum(label == "+3" for _, label, _ in events)


async def number(client):
    """The number of the last push so far; there is one by then."""
    await client.push(APPLICATION, SOURCE, "u", 2)
    last, _ = await client.call(CONTROL, "Watch", "st", APPLICATION, 0)
    return last - 1


@contextlib.contextmanager
def developing(folder):
    """A machine whose daemon is in developer mode and knows the example, and the daemon."""
    with Machine(folder) as machine:
        machine.develop()
        machine.install((ROOT / "docs/examples/count.toml").read_text(), reviewed=False)
        with machine.daemon() as daemon:
            yield machine, daemon


def measure(folder, ways_to_try, each):
    """(way, how many arrived) for each way, against one daemon."""
    with developing(folder) as (machine, _):
        for way in ways_to_try:
            yield way, asyncio.run(arrived(machine, way, each))


def _seconds(machine, command):
    started = time.monotonic()
    machine.run(*command, check=False)
    return time.monotonic() - started


def waits(folder, commands):
    """How long each command takes (s), all at once, while the daemon is stopped and answers nothing."""
    with developing(folder) as (machine, daemon):
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            with ThreadPoolExecutor(len(commands)) as threads:
                return list(threads.map(partial(_seconds, machine), commands))
        finally:
            daemon.process.send_signal(signal.SIGCONT)


def main():
    """Measure all ways and print a line of each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=30)
    options = parser.parse_args()
    tried = list(ways())
    print(f"{'program':<10} {'waits for':<22} arrived")
    with tempfile.TemporaryDirectory() as folder:
        for way, count in measure(folder, tried, options.each):
            print(f"{way.program:<10} {way.waits_for:<22} {count} of {options.each}", flush=True)
    print(f"\n{'program':<10} {'timeout':<22} seconds while the daemon answers nothing")
    right = [way for way in tried if way.is_right]
    rows = [*((way.program, "the library's own", way.command) for way in patient()), *((way.program, "2 s", way.command) for way in right)]
    with tempfile.TemporaryDirectory() as folder:
        for (program, timeout, _), seconds in zip(rows, waits(folder, [command for *_, command in rows]), strict=True):
            print(f"{program:<10} {timeout:<22} {seconds:.1f}")


def patient():
    """What waits for the push as long as its library does by itself."""
    call = (*TELEMETRY, "Push", "ssv", APPLICATION, SOURCE, "u", "3")
    yield Way("busctl", "the push", ("busctl", "--user", "call", *call), is_right=False)
    gdbus = ("gdbus", "call", "--session", "-d", _NAME, "-o", _PATH, "-m", f"{_INTERFACE}.Push", APPLICATION, SOURCE, "<uint32 3>")
    yield Way("gdbus", "the push", gdbus, is_right=False)
    dbus_send, *rest = _BARE["dbus-send"]
    yield Way("dbus-send", "the push", (dbus_send, "--print-reply", *rest), is_right=False)


if __name__ == "__main__":
    main()
