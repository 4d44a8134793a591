"""Runs telemetryd and writes down the long steps of its loop: `python stepped.py FILE`, a line for each.

A step is what the loop runs at once: while it lasts, nothing else is answered.
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[2]))

LEAST_MS = 1
"""Shorter steps are not written down."""


class Step(NamedTuple):
    """One step: when it ended (s), how long it took (ms), and its processor time (ms), which other processes do not lengthen."""

    ended: float
    passed_ms: float
    cpu_ms: float


def read(path, since=0.0):
    """The steps of a file that ended at or after a moment."""
    steps = [Step(*map(float, line.split())) for line in path.read_text().splitlines()]
    return [step for step in steps if step.ended >= since]


def main(path):
    """Write down what each handle of the loop takes, and run the daemon."""
    run = asyncio.Handle._run
    with open(path, "a", buffering=1) as file:  # noqa: PTH123 - line by line, while it is being read

        def timed(handle):
            began, cpu = time.monotonic(), time.thread_time()
            run(handle)
            ended, cpu_ms = time.monotonic(), (time.thread_time() - cpu) * 1000
            if (ended - began) * 1000 >= LEAST_MS:
                file.write(f"{ended} {(ended - began) * 1000} {cpu_ms}\n")

        asyncio.Handle._run = timed
        sys.argv = ["telemetryd"]
        from telemetryd.__main__ import main as telemetryd  # noqa: PLC0415 - as little as possible is imported before it

        return telemetryd()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
