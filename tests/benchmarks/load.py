"""Prints what calls cost, held against a C service that does nothing, and what load does to memory and disk; see README.md here.

    python tests/benchmarks/load.py [--only PART]… [--library dbus-fast|dbus-next] [--rounds N] [--seconds S]

Ends with status 1 if a goal was missed.
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import contextlib
import os
import platform
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import load_calls, load_goals
from benchmarks.load_peers import BenchmarkError, bench, build


def main():
    """Measure and print."""
    options = arguments()
    build()
    print(f"Python {platform.python_version()}, Linux {platform.release()}, {os.cpu_count()} processors; load {os.getloadavg()[0]:.1f}")
    met = True
    for part in options.only or PARTS:
        met &= show(PARTS[part](options), options.library)
    return 0 if met else 1


def show(figures, libraries):
    """Print a table for each library; whether every goal was met."""
    lines = {library: list(load_goals.rows(figures, library)) for library in libraries}
    for library in libraries:
        print(f"\n{library}", *lines[library], sep="\n", flush=True)
    return not any(line.endswith("MISSED") for one in lines.values() for line in one)


def calls(options):
    """Calls a second and processor time."""
    with contextlib.ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory(prefix="telemetryd-"))
        benches = {library: running.enter_context(bench(f"{folder}/{library}", library)) for library in options.library}
        return load_calls.measure(benches, rounds=options.rounds, seconds=options.seconds)


PARTS = {"calls": calls}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="What load does to the daemon.")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure this part only; may be given again")
    parser.add_argument("--library", action="append", choices=load_goals.LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="about how long each run takes (0.5)")
    options = parser.parse_args()
    options.library = options.library or list(load_goals.LIBRARIES)
    return options


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BenchmarkError as error:
        sys.exit(f"load.py: {error}")
