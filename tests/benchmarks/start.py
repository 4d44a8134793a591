"""Prints how long the daemon takes to start and how much memory it takes, with each D-Bus library; see README.md here.

    python tests/benchmarks/start.py [STARTS]

No test: the figures depend on the machine, so a person compares them with the goals. Beside the time that passed stands the processor time
(user and system, until the exit), which a busy machine does not lengthen as much.
"""
# ruff: noqa: T201 - printing is what it is for

import asyncio
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from harness import KATE, PROPERTIES, ROOT, TELEMETRY, Machine

STARTS = 20
GOAL_MS, GOAL_KIB = 200, 40 * 1024
LIBRARIES = ("dbus-fast", "dbus-next")
NOTHING = "import asyncio, sqlite3; asyncio.run(asyncio.sleep(0))"
"""What Python, asyncio and SQLite take before a line of ours runs."""
STAGES = """
import time
begin = time.perf_counter()
def stage(name):
    global begin
    now = time.perf_counter()
    print(name, (now - begin) * 1000)
    begin = now
import sys; sys.modules["ssl"] = None
import asyncio; stage("asyncio")
import telemetryd.bus.library; stage("D-Bus library")
import sqlite3; stage("SQLite")
import telemetryd.app; stage("telemetryd")
{rest}
"""
MANIFESTS = """
from telemetryd.core import manifest; stage("pydantic, only for files and texts that are read")
"""


def main():
    """Measure and print."""
    starts = int(sys.argv[1]) if len(sys.argv) > 1 else STARTS
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} processors, median (min to max) of {starts}\n")
    with tempfile.TemporaryDirectory(prefix="telemetryd-") as folder:
        line("Python, asyncio and SQLite alone", [run_ms(Machine(f"{folder}/bare").environ, NOTHING) for _ in range(starts)], None)
        for library in LIBRARIES:
            with Machine(f"{folder}/{library}", library=library) as machine:
                print(f"\n{library}")
                measure(machine, starts)


def measure(machine, starts):
    """All figures for one library."""
    line("start to both names owned, nothing installed", [start_ms(machine) for _ in range(starts)], GOAL_MS)
    for name, values in stages(machine, starts).items():
        print(f"    importing {name:40} {figure(values)} ms")
    memory(machine, "idle, no application")
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n')
    machine.install(KATE)
    line("start to both names owned, configured, one manifest", [start_ms(machine) for _ in range(starts)], None)
    memory(machine, "idle, one manifest installed, none registered")
    (machine.root / "share/telemetryd/manifests/org.kde.kate.toml").unlink()
    memory(machine, "idle, one application registered and pushing", asyncio_run=use)
    line("start to both names owned, one application known", [start_ms(machine) for _ in range(starts)], None)


def line(name, values, goal_ms):
    """One printed line of (passed, processor) milliseconds; with the goal where there is one."""
    passed, spent = zip(*values, strict=True)
    goal = f"   goal: < {goal_ms}" if goal_ms else ""
    print(f"  {name:52} {figure(passed)} ms, processor {statistics.median(spent):.0f} ms{goal}")


def figure(values):
    """Median, minimum and maximum."""
    return f"{statistics.median(values):6.1f} ({min(values):.1f} to {max(values):.1f})"


def spent_ms(process):
    """Processor time of a process that ends, seen to its end."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return (usage.ru_utime + usage.ru_stime) * 1000


def run_ms(environ, code):
    """How long a Python program takes from its start to its end: passed, processor."""
    begin = time.perf_counter()
    spent = spent_ms(subprocess.Popen([sys.executable, "-c", code], env=environ, cwd=ROOT))
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
    """Milliseconds of importing, by stage, in processes of their own."""
    found = {}
    code = STAGES.format(rest=MANIFESTS)
    for _ in range(starts):
        done = subprocess.run([sys.executable, "-c", code], env=machine.environ, check=True, cwd=ROOT, capture_output=True, text=True)
        for text in done.stdout.splitlines():
            name, _, value = text.rpartition(" ")
            found.setdefault(name, []).append(float(value))
    return found


def memory(machine, name, *, asyncio_run=None):
    """Resident and private memory of a daemon, as the kernel sums it up."""
    with machine.daemon() as daemon:
        asyncio.run((asyncio_run or answer)(machine))
        text = Path(f"/proc/{daemon.process.pid}/smaps_rollup").read_text()
    kib = {key: int(value) for key, value in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    private = kib["Private_Clean"] + kib["Private_Dirty"]
    print(f"  {name:52} {kib['Rss'] / 1024:6.1f} MB resident, {private / 1024:.1f} MB private   goal: < {GOAL_KIB // 1024} resident")


async def answer(machine):
    """One call, so that it has done what every daemon does."""
    async with machine.client() as client:
        await client.call((TELEMETRY[0], TELEMETRY[1], PROPERTIES), "Get", "ss", TELEMETRY[2], "Version")


async def use(machine):
    """An application registers and pushes; without consent, as nearly always."""
    async with machine.client() as client:
        await client.register("org.kde.kate", KATE)
        for _ in range(100):
            await client.push("org.kde.kate", "startup", "d", 700.0)


if __name__ == "__main__":
    main()
