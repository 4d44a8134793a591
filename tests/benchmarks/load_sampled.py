"""In which modules the daemon spends the processor time of a sample. `python load_sampled.py FILE` runs it and looks now and then.

The kernel tells the daemon each few milliseconds of its processor time. Then the module counts whose code runs: what a library in C or the
kernel does counts for the module that called it.
"""

import json
import signal
import sys
from collections import Counter
from operator import itemgetter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.load_peers import KEPT, at_work, home
from support.machine import until

SIGNAL = signal.SIGUSR1
"""Begins and ends the counting, in turn."""
INTERVAL_S = 0.001
"""As often as the kernel can, which is each tick of its clock at most."""
CALLS, LARGEST = 60_000, 12


class Samples:
    """Counts the modules whose code runs. The second `turn` writes the counts into a file, as JSON."""

    def __init__(self, path):
        self._path, self._counts, self._is_on = path, Counter(), False

    def turn(self, *_):
        """Begin, or end and write."""
        self._is_on = not self._is_on
        signal.setitimer(signal.ITIMER_PROF, *((INTERVAL_S, INTERVAL_S) if self._is_on else (0,)))
        if not self._is_on:
            self._path.write_text(json.dumps(self._counts))

    def note(self, _number, frame):
        """Count the module whose code runs."""
        self._counts[frame.f_globals.get("__name__", "?") if frame else "?"] += 1


def serve(path):
    """Run the daemon, counting between two signals."""
    samples = Samples(Path(path))
    signal.signal(SIGNAL, samples.turn)
    signal.signal(signal.SIGPROF, samples.note)
    sys.argv = ["telemetryd"]
    from telemetryd.__main__ import main as telemetryd  # noqa: PLC0415 - as little as possible is imported before it

    return telemetryd()


def measure(folder, library, *, calls=CALLS):
    """Figure → value (µs of processor time for each sample) for the modules that take most of the calls with one waiting."""
    found = folder / "samples"
    with home(folder, library) as machine, at_work(machine, program=(__file__, str(found))) as bench:
        messages = bench.pushes(bench.daemon, KEPT)
        bench.run(bench.daemon, messages, 1000, window=1)
        bench.daemon.process.send_signal(SIGNAL)
        cpu_s = bench.run(bench.daemon, messages, calls, window=1).cpu_s
        bench.daemon.process.send_signal(SIGNAL)
        until(lambda: found.exists() and found.read_text())
        counts = Counter(json.loads(found.read_text()))
    largest = sorted(counts.items(), key=itemgetter(1), reverse=True)[:LARGEST]
    rest = counts.total() - sum(count for _, count in largest)
    shares = [*largest, (f"{len(counts) - len(largest)} other modules", rest)]
    return {f"one waiting, in {name} (µs)": count / max(counts.total(), 1) * cpu_s / calls * 1e6 for name, count in shares}


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
