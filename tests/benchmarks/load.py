"""Prints what calls cost, held against a C service that does nothing, and what load does to memory and disk; see README.md here.

python tests/benchmarks/load.py [--awake] [--only PART]… [--library dbus-fast|dbus-next]…
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import contextlib
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import load_applications, load_calls, load_fairness, load_floods, load_goals, load_memory, load_sampled
from benchmarks.awake import awake
from benchmarks.load_peers import BenchmarkError, bench, build

IDLE_S = 120
"""Least time for which a daemon is watched that has nothing to do; in a whole run it is left alone from the beginning to the end."""
PAIRS = 5
"""Daemons with a thousand applications, each beside one with two."""
CALLS = 10_000
"""Calls of one run with a thousand applications: each of the sources once."""


def main():
    """Measure and print."""
    options = arguments()
    build()
    interpreter = f"Python {platform.python_version()} ({Path(sys.executable).resolve()})"
    print(f"{interpreter}, Linux {platform.release()}, {os.cpu_count()} processors; load {os.getloadavg()[0]:.1f}")
    begin, figures = time.monotonic(), {library: {} for library in options.library}
    with awake(is_wanted=options.awake), contextlib.ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="telemetryd-")))
        idle = {}
        if "idle" in options.only:
            idle = {library: load_memory.Idle(running.enter_context(bench(folder / f"idle-{library}", library))) for library in figures}
        for name, part in PARTS.items():
            if name in options.only:
                merge(figures, part(folder / name, options))
        merge(figures, {library: one.figures(seconds=IDLE_S) for library, one in idle.items()})
    if options.markdown:
        print("", *load_goals.markdown(figures), sep="\n")
    else:
        for library, its in figures.items():
            print(f"\n{library}", *load_goals.rows(its, library), sep="\n")
    print(f"\n{time.monotonic() - begin:.0f} s; load {os.getloadavg()[0]:.1f}")


def merge(figures, others):
    """Add the figures of each library."""
    for library, its in others.items():
        figures[library].update(its)


def calls(folder, options):
    """Calls a second and processor time; the libraries take turns."""
    with contextlib.ExitStack() as running:
        benches = {library: running.enter_context(bench(folder / library, library)) for library in options.library}
        return load_calls.measure(benches, rounds=options.rounds, seconds=options.seconds)


def sampled(folder, options):
    """The modules in which the processor time of a call goes."""
    return {library: load_sampled.measure(folder / library, library) for library in options.library}


def unread(folder, options):
    """Memory while replies are not read."""
    figures = {}
    for library in options.library:
        with bench(folder / library, library) as one:
            figures[library] = load_memory.unread(one)
    return figures


def million(folder, options):
    """Memory and disk after a million samples."""
    return {library: load_memory.million(folder / library, library) for library in options.library}


def applications(folder, options):
    """A thousand applications: the medians over pairs of daemons. Where things come to lie in memory alone makes some per cent."""
    figures = {}
    for library in options.library:
        pairs = []
        for number in range(PAIRS):
            few = bench(folder / f"{library}-few-{number}", library)
            many = bench(folder / f"{library}-many-{number}", library, load_applications.manifests())
            with few as one, many as other:
                pairs.append(load_applications.measure(one, other, rounds=options.rounds, calls=CALLS))
        figures[library] = {name: median(pair[name] for pair in pairs) for name in pairs[0]}
        same = [pair[load_applications.SAME] for pair in pairs]
        figures[library] |= {f"{load_applications.SAME}, least": min(same), f"{load_applications.SAME}, most": max(same)}
    return figures


def fairness(folder, options):
    """A second caller beside a flood."""
    return {library: load_fairness.measure(folder / library, library) for library in options.library}


def floods(folder, options):
    """A second caller and a user beside each kind of flood."""
    service = load_floods.measure_service(folder / "service")
    return {library: load_floods.measure(folder / library, library) | service for library in options.library}


PARTS = {
    "calls": calls,
    "sampled": sampled,
    "unread": unread,
    "million": million,
    "applications": applications,
    "fairness": fairness,
    "floods": floods,
}


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="What load does to the daemon.")
    names = (*PARTS, "idle")
    parser.add_argument("--only", action="append", choices=names, help="measure this part only; may be given again")
    parser.add_argument("--library", action="append", choices=load_goals.LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the median is taken (5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="about how long each run of calls takes (0.5)")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    parser.add_argument("--markdown", action="store_true", help="print one table as in docs/performance.md")
    options = parser.parse_args()
    options.only, options.library = options.only or names, options.library or load_goals.LIBRARIES
    return options


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(f"load.py: {error}")
