"""Prints what an application sees beside the user's acts: how long its calls wait while the user decides; see README.md here.

    python tests/benchmarks/blind_beside.py [--awake] [--trials N] [--library dbus-fast|dbus-next] [--only pings|pushes] [--act TEXT]
                                            [--seed N]

One daemon, acts in random order. In each trial the user does one thing, and an application calls meanwhile, as fast as it may: it pings, or
it pushes. What counts is the longest of its calls; `blind_judging.py` says how rows are judged.
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import contextlib
import gc
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.awake import awake
from benchmarks.blind import LIBRARIES
from benchmarks.blind_judging import Compared, Connection, call, control, ping, show, show_head
from support.machine import KATE, Machine
from support.machine_at import daemon_at
from support.manifests.manifest_texts import this_week

from telemetryd.bus.transport.library import Variant

APP, OTHER = "org.kde.kate", "org.kde.kite"
"""Accepted and withdrawn in the trials; never accepted. Their names are of one length."""
KEPT, UNKEPT = "org.kde.kbte", "org.kde.kcte"
"""Of the applications that push: the samples of one are kept."""
QUESTION = "startup-time"
WINDOW_S, PAUSE_S = 0.06, 0.0005
BETWEEN_ACTS, LOOKING, PUSHES = 0.05, 0.20, 0.03
NOTHING = "nothing"
PUSHED = ("accept", "refuse", "withdraw", "page: accepted", "page: history")
"""What the user does while applications push."""


class Row(NamedTuple):
    """Two acts (or two pushing applications) that are compared; `bound` is None where nothing is promised."""

    some: str
    others: str
    bound: float | None


PINGS = (
    Row("accept", "refuse", BETWEEN_ACTS),
    Row("accept", "withdraw", BETWEEN_ACTS),
    Row("refuse", "withdraw", BETWEEN_ACTS),
    Row("look", "accept", LOOKING),
    Row("apply a yes", "apply a no", BETWEEN_ACTS),
    Row("foresee a yes", "foresee a no", BETWEEN_ACTS),
    Row("page: accepted", "page: refused", BETWEEN_ACTS),
    Row("page: accepted", "accept", LOOKING),
    Row("page: history", "accept", LOOKING),
    Row("accept", NOTHING, None),
)


class Acts:
    """What the user does, on one daemon."""

    def __init__(self, machine, digest):
        accepted = control("Accept", "sa{ss}", APP, {QUESTION: digest})
        withdrawn = self._answer(APP, is_allowed=False)
        self._user = Connection(machine)
        yes = {"accept": Variant("a{sa{ss}}", {APP: {QUESTION: digest}})}
        no = {"refuse": Variant("a(ss)", [[OTHER, QUESTION]])}
        allowed = self._answer(OTHER, is_allowed=True)
        self._acts = {
            "accept": (withdrawn, accepted),
            "withdraw": (accepted, withdrawn),
            "refuse": (allowed, self._answer(OTHER, is_allowed=False)),
            "look": (withdrawn, control("ListQuestions", "s", APP)),
            "apply a yes": (withdrawn, control("Apply", "a{sv}s", yes, "")),
            "apply a no": (allowed, control("Apply", "a{sv}s", no, "")),
            "foresee a yes": (withdrawn, control("Foresee", "a{sv}", yes)),
            "foresee a no": (allowed, control("Foresee", "a{sv}", no)),
            "page: accepted": (withdrawn, self._page(KEPT)),
            "page: refused": (withdrawn, self._page(UNKEPT)),
            "page: history": (withdrawn, control("HistoryPage", "tua{sv}", 0, 200, {})),
            NOTHING: (withdrawn, None),
        }
        """Act → what makes it one that changes something, and the act."""

    @staticmethod
    def _answer(application, *, is_allowed):
        return control("SetQuestionConsent", "ssb", application, QUESTION, is_allowed)

    @staticmethod
    def _page(application):
        """A window's page about an application, with its sentences."""
        query = {"application": Variant("s", application), "languages": Variant("as", ["de"]), "limit": Variant("u", 200)}
        return control("Questions", "a{sv}", query)

    @contextlib.contextmanager
    def during(self, act):
        """The act begins, after the same rest for each; after the block it is over."""
        before, message = self._acts[act]
        self._user.ask(before)
        time.sleep(WINDOW_S)
        if message is None:
            yield
            return
        self._user.send(message)
        yield
        self._user.wait()


def longest(connection, message):
    """The longest of the calls that one connection makes in a window, in ns."""
    end, found = time.perf_counter() + WINDOW_S, 0
    while time.perf_counter() < end:
        found = max(found, connection.ask(message))
        time.sleep(PAUSE_S)
    return found


def trials(task, plan, messages):
    """(act, message's name) → the longest waits, in the random order of the trials."""
    connection = Connection(task.machine)
    for message in messages.values():
        connection.ask(message)
    turns = [(act, name) for act in plan.names for name in messages for _ in range(task.trials)]
    task.chance.shuffle(turns)
    found = {turn: [] for turn in turns}
    gc.collect()
    gc.disable()
    for act, name in turns:
        with plan.acts.during(act):
            found[act, name].append(longest(connection, messages[name]))
    gc.enable()
    return found


class Task(NamedTuple):
    """On what is measured, and how many trials of each kind."""

    machine: Machine
    chance: random.Random
    trials: int
    act: str
    """A part of the names of the acts to try; "" for all."""


class Plan(NamedTuple):
    """Which acts are tried."""

    acts: Acts
    names: tuple[str, ...]


@contextlib.contextmanager
def at_work(folder, library):
    """A machine whose user accepted the question of an application that pushes, which is in its period; its daemon runs."""
    with Machine(folder, library=library) as machine:
        machine.configure('idle_exit_minutes = 0\n[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
        for application in (KEPT, UNKEPT, APP, OTHER):
            text = this_week(KATE) if application in {KEPT, UNKEPT} else KATE
            machine.install(text.replace("org.kde.kate", application))

        async def accept():
            with daemon_at(machine, "-7d"):
                async with machine.client() as client:
                    await client.consent(KEPT)

        asyncio.run(accept())
        with machine.daemon():
            yield machine


async def digest_of(machine):
    """The digest of the question that is decided on."""
    async with machine.client() as client:
        return (await client.questions(APP))[QUESTION]["digest"]


def pinged(acts, task):
    """Rows of two acts, by an application that pings."""
    rows = [row for row in PINGS if task.act in row.some or task.act in row.others]
    names = tuple(dict.fromkeys(name for row in rows for name in (row.some, row.others)))
    found = trials(task, Plan(acts, names), {"ping": ping()})
    for row in rows:
        yield Compared(f"ping: {row.some} or {row.others}", found[row.some, "ping"], found[row.others, "ping"], row.bound)


def pushed(acts, task):
    """Rows of kept and refused pushes, beside one act each."""
    pushes = {name: call("Push", "ssv", name, "startup", Variant("d", 700.0)) for name in (KEPT, UNKEPT)}
    plan = Plan(acts, tuple(act for act in PUSHED if task.act in act))
    found = trials(task, plan, pushes)
    for act in plan.names:
        yield Compared(f"push while the user's is {act}: kept or not", found[act, KEPT], found[act, UNKEPT], PUSHES)


ROWS = {"pings": pinged, "pushes": pushed}
"""What `--only` names → what yields its rows."""


def show_all(options):
    """A table for each library; whether every goal is met."""
    chance, is_met = random.Random(options.seed), True
    for library in options.library or LIBRARIES:
        with tempfile.TemporaryDirectory(prefix="telemetryd-") as folder, at_work(folder, library) as machine:
            show_head(library)
            acts = Acts(machine, asyncio.run(digest_of(machine)))
            for name in options.only or ROWS:
                for row in ROWS[name](acts, Task(machine, chance, options.trials, options.act)):
                    is_met &= show(row, chance)
    return is_met


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What an application sees beside the user's acts.")
    parser.add_argument("--trials", type=int, default=1000, help="of each act (1,000)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--only", action="append", choices=sorted(ROWS), help="measure these rows only")
    parser.add_argument("--act", default="", help="measure rows only whose act has this in its name")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the trials (1)")
    options = parser.parse_args()
    print(f"{options.trials} trials of each act; longest wait in {1000 * WINDOW_S:.0f} ms; load {os.getloadavg()[0]:.1f}")
    with awake(is_wanted=options.awake):
        return 0 if show_all(options) else 1


if __name__ == "__main__":
    sys.exit(main())
