"""What the rows of `blind_moments.py` share: machines whose state is prepared once and copied, daemons in a time of ours, trials."""

import contextlib
import gc
import math
import shutil
import time
from pathlib import Path
from typing import NamedTuple

from support.machine import KATE, Machine
from support.machine_at import rows
from support.manifests.manifest_texts import this_week
from support.shifted_time import shift, shifted_as

SINGLE, SEVERAL, MOMENT = 0.03, 0.05, 0.10
"""Bounds above the floor: for a single call, for the longest of several, for a closing or a tick that sends against one that does not."""
ENDPOINT = 'idle_exit_minutes = 0\n[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'
QUESTION = "startup-time"
THIS_WEEK = this_week(KATE)
LEAST_COST = "epsilon = 0.1\n"
"""More of a question's table: the ledger has room for 160 of them in a year."""

_ROUNDING_S = 0.01
"""A move by whole seconds is one, though some of the next second is over by the time that it is made."""


class Task(NamedTuple):
    """What a row's trials need: the D-Bus library, how many of each kind, and chance. `folder` is empty."""

    folder: Path
    library: str
    trials: int
    chance: object


def declared(application, text=THIS_WEEK, more=LEAST_COST):
    """The text of a manifest of one question of this week for an application; `more` is added to its question."""
    return text.replace("org.kde.kate", application) + more


@contextlib.contextmanager
def machine_of(task, name="machine", endpoint=ENDPOINT):
    """A machine whose vendor has an endpoint."""
    with Machine(task.folder / name, library=task.library) as machine:
        machine.configure(endpoint)
        yield machine


def save(machine, name="saved"):
    """Keep the state as it is now, while no daemon runs."""
    shutil.copytree(machine.root / "state", machine.root / name)


def restore(machine, name="saved"):
    """Put back the state that was kept."""
    shutil.rmtree(machine.root / "state")
    shutil.copytree(machine.root / name, machine.root / "state")


@contextlib.contextmanager
def undisturbed():
    """No garbage is collected meanwhile."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def applications_with_tally(machine):
    """Of whose questions samples are kept."""
    return {application for (application,) in rows(machine, "SELECT DISTINCT application FROM tally")}


def states(answer):
    """How many questions are in each state, of the body of a reply to ListQuestions."""
    found = {}
    for row in answer[0]:
        found[row["state"].value] = found.get(row["state"].value, 0) + 1
    return found


def check(wanted, found, what):
    """Raise AssertionError unless what was compared is what the row says."""
    if wanted != found:
        raise AssertionError(f"{what}: {found}, not {wanted}")


class Moved:
    """The daemon's clock, moved by whole seconds while it runs (`shifted`)."""

    def __init__(self, machine):
        self._file = machine.root / "clock"
        self._offset_s = 0

    def environ(self, *, is_all):
        """What the daemon's environment needs. `is_all`: moves are running time too, and its timers see them."""
        return shifted_as(self._file, runs=is_all)

    def now(self):
        """Unix seconds."""
        return time.time() + self._offset_s

    def set(self, moment):
        """It is that moment (Unix s), or up to a second earlier; nobody is told."""
        self._offset_s = math.floor(moment - time.time() + _ROUNDING_S)
        shift(self._file, self._offset_s)


def longest(connection, message, until, pause_s=0.0005):
    """The longest (ns) of the calls that one connection makes until a moment (`time.perf_counter`)."""
    found = 0
    while time.perf_counter() < until:
        found = max(found, connection.ask(message))
        time.sleep(pause_s)
    return found
