"""Prints what the largest replies of Control1 cost, with a thousand applications and ten thousand reports; see README.md here.

python tests/benchmarks/replies.py [--awake] [--library dbus-fast|dbus-next]… [--applications N] [--reports N]
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import contextlib
import json
import os
import platform
import struct
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import load_applications, stepped
from benchmarks.awake import awake
from support.bus.raw_bus import RETURN, RawBus, dictionary, string, strings
from support.machine import CONTROL, PROPERTIES, TELEMETRY, Machine

from telemetryd.engine.ports import StoredReport
from telemetryd.store import open_store

LIBRARIES = ("dbus-fast", "dbus-next")
APPLICATIONS, REPORTS = 1000, 10_000
BODY, BODY_BYTES = b'{"schema":1,"answer":["500..2000"]}', 1024
BESIDE_S = 0.002
"""Pause between the pushes of the application that goes on meanwhile."""
VENDOR = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.kde.org/v1"\n'
REVIEW = """\
[[review]]
application = "{application}"
question = "{question}"
definition = "{digest}"
reviewers = ["Ada <ada@example.org>", "Bo <bo@example.org>"]
record = "https://example.org/review/1"
date = 2026-01-01
"""


class Asked(NamedTuple):
    """One call: its member, signature and arguments."""

    name: str
    member: str
    signature: str = ""
    body: bytes = b""
    interface: tuple = CONTROL


ONE, LAST = load_applications.names(1)[0], "org.example.app9999"
"""The application whose questions are accepted, and one behind all of them."""
CALLS = (
    Asked("ListApplications, first", "ListApplications"),
    Asked("ListApplications, again", "ListApplications"),
    Asked("ListQuestions, all", "ListQuestions", "s", string("")),
    Asked("ListQuestions, of one", "ListQuestions", "s", string(load_applications.names(1)[0])),
    Asked("Preview, all", "Preview", "s", string("")),
    Asked("History, all", "History", "tu", struct.pack("<QI", 0, 0)),
    Asked("History, the newest 50", "History", "tu", struct.pack("<QI", 0, 50)),
    Asked("Questions, of one", "Questions", "a{sv}", dictionary(application=ONE)),
    Asked("Questions, of one, in German", "Questions", "a{sv}", dictionary(application=ONE, languages=["de"])),
    Asked("Questions, of one, again", "Questions", "a{sv}", dictionary(application=ONE, languages=["de"])),
    Asked("Questions, 200 of all", "Questions", "a{sv}", dictionary(limit=200)),
    Asked("Questions, the last of all", "Questions", "a{sv}", dictionary(after=f"{LAST}/time4")),
    Asked("Questions, states of all", "Questions", "a{sv}", dictionary(keys=["state"], states=["waiting", "answered"])),
    Asked("HistoryPage, 200", "HistoryPage", "tua{sv}", dictionary(struct.pack("<QI", 0, 200))),
    Asked("HistoryPage, of one", "HistoryPage", "tua{sv}", dictionary(struct.pack("<QI", 0, 200), application=ONE)),
    Asked("HistoryPage, none", "HistoryPage", "tua{sv}", dictionary(struct.pack("<QI", 0, 200), outcomes=["erased"])),
    Asked("Ledger", "Ledger"),
    Asked("GetAll", "GetAll", "s", string(CONTROL[2]), (CONTROL[0], CONTROL[1], PROPERTIES)),
)


class Cost(NamedTuple):
    """What a call cost: times in ms, the reply in bytes (0: refused).

    `step_ms` is the longest step of the loop, `step_cpu_ms` the longest by processor time, which other processes do not lengthen as much.
    `push_ms` is the longest that a push waited meanwhile.
    """

    reply_ms: float
    step_ms: float
    step_cpu_ms: float
    push_ms: float
    size_bytes: int


@contextlib.contextmanager
def prepared(root, library, *, applications=APPLICATIONS, reports=REPORTS):
    """A machine with so many applications and reports, before its daemon is started."""
    with Machine(root, library=library) as machine:
        machine.configure("idle_exit_minutes = 0\n" + VENDOR)
        for text in load_applications.manifests(applications):
            machine.install(text)
        fill(machine, load_applications.names(applications), reports)
        yield machine


def fill(machine, names, reports):
    """Write a history of reports that were sent, round the applications, over the last year."""
    folder = machine.root / "state/telemetryd"
    folder.mkdir(mode=0o700, exist_ok=True)
    store, now = open_store(folder, is_developer=False), int(time.time()) // 86400 * 86400
    headers = json.dumps(
        [["Content-Type", "application/json"], ["Content-Length", "1024"], ["User-Agent", "telemetryd"], ["Accept", "*/*"]]
    )
    rows = []
    for number in range(reports):
        created = now - (reports - number) * 360 // reports * 86400
        what = (names[number % len(names)], f"time{number // len(names) % 10}", "0" * 12, "2026-W01", "kde", "https://telemetry.kde.org/v1")
        row = StoredReport(0, *what, (), BODY.ljust(BODY_BYTES), created, 0, 0, 0, created, outcome="accepted", status=202)
        rows.append((None, *row[1:7], headers, *row[8:-1], "[]"))
    try:
        with store.main.change() as connection:
            connection.executemany(f"INSERT INTO report VALUES ({', '.join('?' * len(rows[0]))})", rows)
    finally:
        store.close()


def measure(machine, asked=CALLS):
    """Name → cost of each call, one after the other, of a daemon that was just started. An application pushes meanwhile."""
    steps = machine.root / "steps"
    steps.touch()
    with machine.daemon(program=(stepped.__file__, str(steps))):
        asyncio.run(accept(machine))
        with Pushing(machine.address) as pushing, contextlib.closing(RawBus(machine.address)) as bus:
            return {one.name: cost(bus, one, pushing, steps) for one in asked}


async def accept(machine):
    """The user accepts the questions of one application."""
    async with machine.client() as client:
        await client.consent(load_applications.names(1)[0])


def cost(bus, asked, pushing, steps):
    """What one call costs. The step under way ends before it: READY=1 is sent in a start's, which is long."""
    wait_for_a_step(bus)
    began = pushing.began = time.monotonic()
    destination, path, interface = asked.interface
    reply = bus.ask(destination, asked.member, interface=interface, path=path, signature=asked.signature, body=asked.body)
    passed_ms = (time.monotonic() - began) * 1000
    wait_for_a_step(bus)  # the step that sent the reply is over, and written down
    longest = stepped.read(steps, began)
    wall, cpu = (max((step[index] for step in longest), default=0.0) for index in (1, 2))
    return Cost(passed_ms, wall, cpu, pushing.longest_ms(), len(reply.body) if reply.kind == RETURN else 0)


def wait_for_a_step(bus):
    """Wait until the daemon's loop has made a step more."""
    bus.ask(CONTROL[0], "Ping", interface="org.freedesktop.DBus.Peer", path=CONTROL[1])


class Pushing:
    """An application that pushes every other millisecond, in a thread, until the block ends."""

    def __init__(self, address):
        self._address, self._is_over = address, threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._waits = []
        self.began = 0.0

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._is_over.set()
        self._thread.join()

    def longest_ms(self):
        """The longest wait of a push that was answered since `began`; waits for the one that is under way."""
        number = len(self._waits)
        while len(self._waits) == number:
            time.sleep(BESIDE_S)
        return max(wait for ended, wait in self._waits if ended >= self.began) * 1000

    def _run(self):
        sample = strings(load_applications.names(2)[1], "startup0") + b"\x01d\0"
        sample += bytes(-len(sample) % 8) + struct.pack("<d", 700.0)
        with contextlib.closing(RawBus(self._address)) as bus:
            while not self._is_over.wait(BESIDE_S):
                began = time.monotonic()
                bus.ask(TELEMETRY[0], "Push", interface=TELEMETRY[2], path=TELEMETRY[1], signature="ssv", body=sample)
                self._waits.append((time.monotonic(), time.monotonic() - began))


def main():
    """Measure and print."""
    options = arguments()
    sizes = {"applications": options.applications, "reports": options.reports}
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors; load {os.getloadavg()[0]:.1f}")
    with awake(is_wanted=options.awake):
        for library in options.library:
            with tempfile.TemporaryDirectory(prefix="telemetryd-") as folder, prepared(Path(folder), library, **sizes) as machine:
                print(f"\n{library}", *lines(measure(machine)), sep="\n")


def lines(costs):
    """The table."""
    yield f"  {'':<29} {'reply (ms)':>11} {'longest step (ms)':>18} {'of its processor':>17} {'longest push (ms)':>18} {'reply (kB)':>11}"
    for name, one in costs.items():
        size = f"{one.size_bytes / 1000:,.0f}" if one.size_bytes else "refused"
        yield f"  {name:<29} {one.reply_ms:>11,.1f} {one.step_ms:>18,.1f} {one.step_cpu_ms:>17,.1f} {one.push_ms:>18,.1f} {size:>11}"


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="What the largest replies of Control1 cost.")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--applications", type=int, default=APPLICATIONS, help=f"installed applications ({APPLICATIONS})")
    parser.add_argument("--reports", type=int, default=REPORTS, help=f"reports in the history ({REPORTS})")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    options = parser.parse_args()
    options.library = options.library or LIBRARIES
    return options


if __name__ == "__main__":
    main()
