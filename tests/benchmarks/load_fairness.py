"""How long a caller waits while another floods the daemon, with batches bounded as they are and without a bound.

What is before a call in the queue of the bus comes before it here too: the bus hands us one stream. What the daemon decides is when the
replies of what it has read leave, and that is at the end of a batch.
"""

import contextlib
import threading
import time
from pathlib import Path
from statistics import median

from benchmarks.blind import ask
from benchmarks.load_peers import KEPT, REFUSED, Bench, Caller, home
from support.bus.raw_bus import RETURN, RawBus
from support.machine import ROOT

UNBOUNDED = Path(__file__).parent / "load_unbounded.py"
FLOODS = {"64 in flight": 64, "45,000 in flight": 45_000}
SECONDS, PAUSE_S = 3.0, 0.002


def measure(folder, library):
    """Figure → value."""
    figures = {}
    with home(folder, library) as machine:
        for name, program in (("", ("-m", "telemetryd")), (", unbounded batches", (UNBOUNDED,))):
            with machine.daemon(program=program, PYTHONPATH=str(ROOT)) as daemon, contextlib.closing(Caller(machine)) as caller:
                one = Bench(machine, daemon, daemon.process, caller)
                figures[f"second caller{name}, nobody else: median (ms)"] = 1000 * median(waits(one, SECONDS / 4))
                for flood, window in FLOODS.items():
                    times = sorted(flooded(one, window))
                    figures[f"second caller{name}, {flood}: median (ms)"] = 1000 * median(times)
                    figures[f"second caller{name}, {flood}: p99 (ms)"] = 1000 * times[len(times) * 99 // 100]
    return figures


def flooded(bench, window):
    """The waits (s) of the second caller while the first keeps so many calls unanswered."""
    pushes = bench.pushes(bench.daemon, REFUSED)
    rate = 20_000 / bench.run(bench.daemon, pushes, 20_000, window=window).seconds
    flood = threading.Thread(target=bench.run, args=(bench.daemon, pushes, int(rate * SECONDS) + window), kwargs={"window": window})
    flood.start()
    times = waits(bench, SECONDS)
    flood.join()
    return times


def waits(bench, seconds):
    """How long (s) each call of a caller of its own takes that calls every other millisecond."""
    (message, *_) = map(bytearray, bench.pushes(bench.daemon, KEPT))
    with contextlib.closing(RawBus(bench.machine.address)) as bus:
        bus.send(message)
        bus.read_until(RETURN)
        times, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            times.append(ask(bus, message) / 1e9)
            time.sleep(PAUSE_S)
    return times
