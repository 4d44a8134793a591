"""What a flood, a million samples and an idle hour do to memory and disk."""

import time

from benchmarks import load_process as process
from benchmarks.load_peers import KEPT, at_work, home

MILLION = 1_000_000
ARRAY = 100
ALL_AT_ONCE = 1 << 30
MUTE_MS = 2000
SINGLE, WAITING = 0.05, 0.002
"""Shares of the million that are pushed one by one: with 64 in flight, and with one."""


def unread(bench, *, calls=45_000, introspections=2_000):
    """Growth of the daemon (MB, at its peak) under calls whose replies are not read for two seconds. Every reply has arrived in the end."""
    pushes, questions = bench.pushes(bench.daemon, KEPT), bench.introspections()
    bench.run(bench.daemon, pushes, 2000)
    bench.run(bench.daemon, questions, 10)
    return {
        "45,000 calls, unread for 2 s: growth (MB)": growth(bench, pushes, calls),
        "2,000 introspections, unread for 2 s: growth (MB)": growth(bench, questions, introspections),
    }


def growth(bench, messages, count):
    """How much the daemon's resident memory exceeds what it was before (MB)."""
    process.forget_peak(bench.daemon.process)
    before = process.memory(bench.daemon.process).resident
    bench.run(bench.daemon, messages, count, window=ALL_AT_ONCE, mute_ms=MUTE_MS)
    return process.peak(bench.daemon.process) - before


def million(folder, library, *, samples=MILLION):
    """Memory (MB) and files (kB) after a thousand samples and after a million, in another run of the daemon over the same files."""
    with home(folder, library) as machine:
        with at_work(machine) as bench:
            bench.run(bench.daemon, bench.pushes(bench.daemon, KEPT), 1000)
            open_kb = database_kb(machine)
        closed_kb = database_kb(machine)
        with at_work(machine) as bench:
            figures = push_all(bench, samples)
            figures["database and its log after 1 k samples (kB)"] = open_kb
            figures["database and its log after 1 M samples (kB)"] = database_kb(machine)
            bench.check_consent()
        figures["database after 1 k samples and exit (kB)"] = closed_kb
        figures["1 M samples: growth of the database after exit (kB)"] = database_kb(machine) - closed_kb
    return figures


def push_all(bench, samples):
    """Push a million samples: some singly, the others by the hundred."""
    daemon, singly = bench.daemon.process, bench.pushes(bench.daemon, KEPT)
    bench.run(bench.daemon, singly, 1000)
    before = process.memory(daemon)
    figures = {}
    for name, count, window in (("64 in flight", int(SINGLE * samples), 64), ("one waiting", int(WAITING * samples), 1)):
        begin = process.written(daemon)
        bench.run(bench.daemon, singly, count, window=window)
        calls, pages = (there - here for here, there in zip(begin, process.written(daemon), strict=True))
        figures[f"{name}: bytes written per sample"] = calls / count
        figures[f"{name}: bytes of dirty pages per sample"] = pages / count
    bench.run(bench.daemon, bench.arrays(bench.daemon, KEPT, ARRAY), int((1 - SINGLE - WAITING) * samples) // ARRAY)
    after = process.memory(daemon)
    figures["1 M samples: growth of memory (MB)"] = after.resident - before.resident
    figures["after 1 M samples, resident (MB)"], figures["after 1 M samples, private (MB)"] = after
    return figures


def database_kb(machine):
    """Everything in the state directory that may hold samples (kB), but for the index of the log, which is memory."""
    files = (machine.root / "state/telemetryd").glob("telemetry.sqlite*")
    return sum(path.stat().st_size for path in files if not path.name.endswith("-shm")) / 1000


class Idle:
    """A daemon that has served a few calls and is left alone from then on."""

    def __init__(self, bench, *, settling_s=10):
        self._daemon = bench.daemon.process
        bench.run(bench.daemon, bench.pushes(bench.daemon, KEPT), 100, window=1)
        time.sleep(settling_s)  # what the calls left to do: the checkpoint, and the sync that follows some seconds later
        self._begin, self._before = time.monotonic(), process.wake_ups(self._daemon)

    def figures(self, *, seconds):
        """What it took, after at least so many seconds."""
        time.sleep(max(self._begin + seconds - time.monotonic(), 0))
        hours = (time.monotonic() - self._begin) / 3600
        now = process.memory(self._daemon)
        wakes = process.wake_ups(self._daemon) - self._before
        return {
            "idle, resident (MB)": now.resident,
            "idle, private (MB)": now.private,
            f"wake-ups in {hours * 60:.1f} idle minutes": wakes,
            "wake-ups in an idle hour, extrapolated": wakes / hours,
        }
