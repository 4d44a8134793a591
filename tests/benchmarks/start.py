"""Prints how long the daemon takes to start and how much memory it takes, with each D-Bus library; see README.md here.

    python tests/benchmarks/start.py [--awake] [STARTS]

No test: the figures depend on the machine, so a person compares them with the goals. Each start is timed right after `python -I -c "import
asyncio"`, and the ratio of both is told, of the time that passed and of processor time (user and system, until the exit).
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import os
import platform
import re
import socket
import subprocess
import sys
import tempfile
import time
from math import inf
from operator import itemgetter
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.awake import awake
from benchmarks.load_applications import manifests
from benchmarks.load_process import KIB_A_MB, memory
from support.machine import CONTROL, KATE, PROPERTIES, ROOT, TELEMETRY, Machine

STARTS = 20
GOAL_MS, GOAL_RATIO = 80, 1.7
GOALS_MB = {"dbus-fast": "< 24 resident, < 16 private", "dbus-next": "< 24 resident"}
ASYNCIO = ["-I", "-c", "import asyncio"]
"""What is compared with: what Python takes to be able to wait for anything."""
STAGES = """
import os, time
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6
before, begin = resident(), time.perf_counter()
print("the interpreter itself", 0, before)
def stage(name):
    global before, begin
    spent, now = time.perf_counter() - begin, resident()
    print(name, spent * 1000, now - before)
    before, begin = now, time.perf_counter()
import gc, sys; gc.disable()
from telemetryd.__main__ import _lean_asyncio
_lean_asyncio(); stage("asyncio, without what it does not need")
import telemetryd.bus.transport.library; stage("D-Bus library")
import sqlite3; stage("SQLite")
import telemetryd.runtime.app; stage("telemetryd")
for module in telemetryd.runtime.app._PRELOADED:
    __import__(module)
stage("TOML and its rules")
"""
ALLOCATED = """
import importlib._bootstrap as bootstrap, tracemalloc
tracemalloc.start()
load, sizes, inner = bootstrap._find_and_load, {}, []
def measured(name, import_):
    begin = tracemalloc.get_traced_memory()[0]
    inner.append(0)
    try:
        return load(name, import_)
    finally:
        size = tracemalloc.get_traced_memory()[0] - begin
        sizes[name] = sizes.get(name, 0) + size - inner.pop()
        if inner:
            inner[-1] += size
bootstrap._find_and_load = measured
def stage(_): pass
"""
"""Makes the lines of `STAGES` after it note what each module allocates without those that it imports."""
LARGEST_MODULES, LARGEST_MAPPINGS, RUNS = 24, 8, 5
KDE = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n'
OTHER = KATE.replace("org.kde.kate", "org.kde.okular")


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How long the daemon takes to start, and its memory.")
    parser.add_argument("starts", nargs="?", type=int, default=STARTS, help=f"starts of which the median is taken ({STARTS})")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    options = parser.parse_args()
    starts, interpreter = options.starts, f"Python {platform.python_version()} ({Path(sys.executable).resolve()})"
    print(f"{interpreter}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}, median (min to max) of {starts}")
    with awake(is_wanted=options.awake), tempfile.TemporaryDirectory(prefix="telemetryd-") as folder:
        for library, goals_mb in GOALS_MB.items():
            print(f"\n{library}: start to both names owned; goals: < {GOAL_MS} ms, at most {GOAL_RATIO} times importing asyncio")
            with Machine(f"{folder}/{library}", library=library) as machine:
                times(machine, starts)
            print(f"  memory; goals: {goals_mb}")
            with Machine(f"{folder}/{library}-memory", library=library) as machine:
                memories(machine)


def times(machine, starts):
    """Starts with more and more installed, and where the first one's time goes."""
    line("nothing installed", machine, starts)
    for name, (passed_ms, resident_mb) in stages(machine, starts).items():
        print(f"    {name:58} {figure(passed_ms)} ms, {median(resident_mb):5.2f} MB resident")
    for text in where(machine):
        print(f"    {text}")
    machine.configure(KDE)
    machine.install(KATE)
    line("configured, one reviewed manifest", machine, starts)
    with machine.daemon():
        asyncio.run(accept(machine))
    line("the same, and its question was accepted", machine, starts)
    for text in manifests():
        machine.install(text)
    line("and 1,000 applications, 10,000 reviewed questions", machine, starts)


def memories(machine):
    """Memory of idle daemons (MB)."""
    with machine.daemon() as daemon:
        asyncio.run(answer(machine))
        show("no application", daemon)
    machine.configure(KDE)
    machine.install(KATE)
    with machine.daemon() as daemon:
        asyncio.run(push(machine, "org.kde.kate"))
        show("configured, an installed application pushes", daemon)
        for name, size_mb in mappings(daemon.process).items():
            print(f"    {name:56} {size_mb:5.2f} MB")
        asyncio.run(register(machine))
        asyncio.run(push(machine, "org.kde.okular"))
        show("and another one registered a text not seen before", daemon)
        asyncio.run(accept(machine))
        show("and its user accepted the question and looked around", daemon)
    machine.configure_user("developer = true\n" + KDE.replace("https://telemetry.example.org", "http://127.0.0.1:9"))
    with machine.daemon() as daemon:
        asyncio.run(submit(machine))
        show("developer mode, before an upload", daemon)
        asyncio.run(submit(machine, reports=1))
        show("after an upload", daemon)


def show(name, daemon):
    """One printed line of memory."""
    found = memory(daemon.process)
    print(f"  {name:58} {found.resident:5.1f} MB resident, {found.private:.1f} MB private")


def mappings(process):
    """Resident megabytes of a process by what is mapped: the largest, then all others together."""
    sizes, name = {}, ""
    for text in Path(f"/proc/{process.pid}/smaps").read_text().splitlines():
        if found := re.match(r"[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)", text):
            name = Path(found[1]).name or "Python's objects, and what libraries map"
        elif found := re.match(r"Rss: +(\d+) kB", text):
            sizes[name] = sizes.get(name, 0) + int(found[1]) / KIB_A_MB
    return dict(largest(sizes, LARGEST_MAPPINGS, "mappings"))


def line(name, machine, starts):
    """One printed line: the daemon's starts, each beside one of asyncio alone."""
    pairs = [(run_ms(machine.environ), start_ms(machine)) for _ in range(starts)]
    (alone, alone_cpu), (passed, spent) = ([list(one) for one in zip(*side, strict=True)] for side in zip(*pairs, strict=True))
    ratio, ratio_cpu = median(passed) / median(alone), median(spent) / median(alone_cpu)
    print(f"  {name:58} {figure(passed)} ms = {ratio:.2f} x asyncio ({median(alone):.0f} ms); processor {ratio_cpu:.2f} x", flush=True)


def figure(values):
    """Median, minimum and maximum."""
    return f"{median(values):6.1f} ({min(values):.1f} to {max(values):.1f})"


def spent_ms(process):
    """Processor time of a process that ends, seen to its end."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime) * 1000


def run_ms(environ):
    """How long importing asyncio takes, from the process's start to its end: passed, processor."""
    begin = time.perf_counter()
    spent = spent_ms(subprocess.Popen([sys.executable, *ASYNCIO], env=environ, cwd=ROOT))
    return (time.perf_counter() - begin) * 1000, spent


def start_ms(machine):
    """From starting the process to its READY=1, which it sends once it owns both names and can answer: passed, processor."""
    path = machine.root / "ready.socket"
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(path))
        ready.settimeout(30)
        begin = time.perf_counter()
        environ = {**machine.environ, "NOTIFY_SOCKET": str(path)}
        process = subprocess.Popen([sys.executable, "-m", "telemetryd"], env=environ, cwd=ROOT, stderr=subprocess.DEVNULL)
        try:
            assert ready.recv(4096).startswith(b"READY=1")
            passed = (time.perf_counter() - begin) * 1000
        finally:
            process.terminate()
            spent = spent_ms(process)
        return passed, spent


def stages(machine, starts):
    """What importing takes, by stage, in processes of their own: milliseconds, and megabytes that become resident."""
    found = {}
    for _ in range(starts):
        for text in run_python(machine, "-c", STAGES).stdout.splitlines():
            name, *values = text.rsplit(" ", 2)
            for side, value in zip(found.setdefault(name, ([], [])), values, strict=True):
                side.append(float(value))
    return found


def where(machine):
    """Lines that say where the time and the memory of importing go: the modules that take most, and all others together."""
    imports = STAGES[STAGES.index("import gc") :]
    spent_ms, allocated_kb = {}, {}
    for _ in range(RUNS):
        told = run_python(machine, "-X", "importtime", "-c", "def stage(_): pass\n" + imports).stderr
        for self_us, name in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", told, re.MULTILINE):
            spent_ms[name] = min(spent_ms.get(name, inf), int(self_us) / 1000)
    told = run_python(machine, "-c", ALLOCATED + imports + "for name, size in sizes.items(): print(name, size)").stdout
    for text in told.splitlines():
        name, size = text.split()
        allocated_kb[name] = int(size) / 1000
    yield f"{'importing, module by module: least of ' + str(RUNS):44} {'ms':>6}   {'what Python allocates':44} {'kB':>6}"
    for (name, spent), (other, allocated) in zip(largest(spent_ms), largest(allocated_kb), strict=True):
        yield f"{name:44} {spent:6.2f}   {other:44} {allocated:6.0f}"


def largest(figures, count=LARGEST_MODULES, kind="modules"):
    """The largest of the figures by name, then the sums of the others and of all."""
    ordered = sorted(figures.items(), key=itemgetter(1), reverse=True)
    rest = [value for _, value in ordered[count:]]
    return [*ordered[:count], (f"{len(rest)} other {kind}", sum(rest)), ("all", sum(figures.values()))]


def run_python(machine, *arguments):
    """Run Python in the daemon's environment; the completed process, with text."""
    return subprocess.run([sys.executable, *arguments], env=machine.environ, check=True, cwd=ROOT, capture_output=True, text=True)


async def answer(machine):
    """One call, so that it has done what every daemon does."""
    async with machine.client() as client:
        await client.call((TELEMETRY[0], TELEMETRY[1], PROPERTIES), "Get", "ss", TELEMETRY[2], "Version")


async def push(machine, application):
    """An application pushes."""
    async with machine.client() as client:
        for _ in range(100):
            await client.push(application, "startup", "d", 700.0)


async def register(machine):
    """An application whose manifest is not installed registers it."""
    async with machine.client() as client:
        await client.register("org.kde.okular", OTHER)


async def accept(machine):
    """The user accepts Kate's question, and looks at the questions and at what would be sent."""
    async with machine.client() as client:
        await client.consent("org.kde.kate")
        await client.questions()
        await client.preview()


async def submit(machine, reports=0):
    """Developer mode: Kate's question is accepted, a sample pushed, and the report handed to the uploader if one is wanted."""
    async with machine.client() as client:
        await client.consent("org.kde.kate")
        await client.push("org.kde.kate", "startup", "d", 700.0)
        if reports:
            await client.call(CONTROL, "Submit")
            assert len(await client.history()) == reports


if __name__ == "__main__":
    main()
