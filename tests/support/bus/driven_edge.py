"""Starts and drives bus/edge_process.py: a Connection in a process of its own, on the library that the test names."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

from support.source_tree import behind

PROGRAM = Path(__file__).parents[2] / "bus" / "edge_process.py"


class EdgeProcess:
    """A process with one Connection (edge_process.py): `do` drives it, `start` and `result` do so for what takes its time."""

    def __init__(self, process, log):
        self.process = process
        self._log = log
        self._numbers = iter(range(1 << 30))
        self._results = {}
        self.hello = {}

    @property
    def name(self):
        """Its unique name."""
        return self.hello["name"]

    def read_hello(self):
        """Wait until it has connected, or failed to."""
        self.hello = json.loads(self.process.stdout.readline())

    @property
    def log(self):
        """What the process has logged."""
        return self._log.read_text()

    def start(self, do, **arguments):
        """Begin something; returns its number."""
        number = next(self._numbers)
        self.process.stdin.write(json.dumps({"do": do, "number": number, **arguments}) + "\n")
        self.process.stdin.flush()
        return number

    def outcome(self, number):
        """The line that says how something ended."""
        while number not in self._results:
            line = self.process.stdout.readline()
            assert line, f"the process has ended: {self.log}"
            outcome = json.loads(line)
            self._results[outcome["number"]] = outcome
        return self._results.pop(number)

    def do(self, do, **arguments):
        """The result of something; it must succeed."""
        outcome = self.outcome(self.start(do, **arguments))
        assert "error" not in outcome, outcome
        return outcome["result"]

    def usage_when(self, is_reached):
        """The usage once it satisfies a condition."""
        while not is_reached(usage := self.do("usage")):
            pass
        return usage


@contextmanager
def edge_process(library, directory, address, *arguments):
    """A process with one Connection on a library; with the argument `unheard`, it is for the test to wait until it has connected."""
    log = directory / "edge.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-W", "error", PROGRAM, address, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env={**os.environ, "TELEMETRYD_DBUS_LIBRARY": library, **behind(Path(__file__).parents[2])},
        ) as process,
    ):
        try:
            edge = EdgeProcess(process, log)
            if "unheard" not in arguments:
                edge.read_hello()
            yield edge
        finally:
            process.kill()
