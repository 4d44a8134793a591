"""Prints what an application can tell by single moments: starts, midnights, ticks, and what others decided; see README.md here.

    python tests/benchmarks/blind_moments.py [--awake] [--trials N] [--library dbus-fast|dbus-next] [--only ROWS] [--seed N] [--kept FOLDER]

Each family of rows prepares machines of its own, checks that what is compared is what the row says, and says what one trial costs.
`blind_judging.py` says how rows are judged. Without --trials there are 2,600 of each kind where one costs below 50 ms, else 1,000.

With --kept each run adds its trials to files in a folder, and judges all that are there: long families can be measured in pieces. Each
piece wants a seed of its own; --trials 0 only judges.
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import blind_erasures, blind_midnights, blind_registering, blind_starts, blind_ticks
from benchmarks.awake import awake
from benchmarks.blind import LIBRARIES
from benchmarks.blind_judging import Compared, show, show_head
from benchmarks.blind_kits import Task

CHEAP, COSTLY = 2600, 1000
ROWS = {
    "others": (blind_registering.against_others, CHEAP),
    "own": (blind_registering.of_own, CHEAP),
    "first": (blind_registering.first_against_others, COSTLY),
    "start": (blind_starts.first_pushes, COSTLY),
    "timer": (blind_starts.beside_timer, COSTLY),
    "period": (blind_midnights.first_of_period, COSTLY),
    "midnight": (blind_midnights.closing, COSTLY),
    "erasure": (blind_erasures.erasing, CHEAP),
    "tick": (blind_ticks.sending, COSTLY),
}
"""Name → what yields the rows of a family, and how many trials of each kind the issue wants."""
WIDTH = 62


def show_all(options):
    """A table for each library; whether every goal is met."""
    chance, is_met = random.Random(options.seed), True
    for library in options.library or LIBRARIES:
        show_head(library, WIDTH + 2)
        for name in options.only or ROWS:
            measure, trials = ROWS[name]
            trials = trials if options.trials is None else options.trials
            rows = _measured(name, measure, library, trials, chance) if trials else []
            for row in _with_kept(rows, options.kept / f"{library}-{name}.jsonl") if options.kept else rows:
                is_met &= show(row, chance, WIDTH)
    return is_met


def _measured(name, measure, library, trials, chance):
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="telemetryd-") as folder:
        rows = list(measure(Task(Path(folder), library, trials, chance)))
    took_s = time.perf_counter() - begin
    kinds = {id(times): len(times) for row in rows for times in (row.some, row.others)}
    print(f"    {name}: {took_s:.0f} s, {1000 * took_s / sum(kinds.values()):.1f} ms for each of {sum(kinds.values())} trials")
    return rows


def _with_kept(rows, file):
    """Add rows to the file, and join those of one name that are in it."""
    with file.open("a") as kept:
        kept.writelines(json.dumps(row) + "\n" for row in rows)
    joined = {}
    for line in file.read_text().splitlines():
        name, some, others, bound = json.loads(line)
        before = joined.get(name, Compared(name, [], [], bound))
        joined[name] = before._replace(some=before.some + some, others=before.others + others)
    return joined.values()


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What an application can tell by single moments.")
    parser.add_argument("--trials", type=int, help="of each kind (2,600 or 1,000)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--only", action="append", choices=sorted(ROWS), help="measure these rows only")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the trials (1)")
    parser.add_argument("--kept", type=Path, metavar="FOLDER", help="add the trials to those in a folder, and judge all of them")
    options = parser.parse_args()
    print(f"{f'{CHEAP} or {COSTLY}' if options.trials is None else options.trials} trials of each kind; load {os.getloadavg()[0]:.1f}")
    with awake(is_wanted=options.awake):
        return 0 if show_all(options) else 1


if __name__ == "__main__":
    sys.exit(main())
