"""Prints what an application sees beside the user's acts: how long its calls wait while the user decides; see README.md here.

    python tests/benchmarks/blind_beside.py [--awake] [--trials N] [--library dbus-fast|dbus-next] [--seed N]

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
from harness import KATE, Machine
from moments import daemon_at

from telemetryd.bus.transport.library import Variant

APP, OTHER = "org.kde.kate", "org.kde.kite"
"""Accepted and withdrawn in the trials; never accepted. Their names are of one length."""
KEPT, UNKEPT = "org.kde.kbte", "org.kde.kcte"
"""Of the applications that push: the samples of one are kept."""
QUESTION = "startup-time"
WINDOW_S, PAUSE_S = 0.06, 0.0005
BETWEEN_ACTS, LOOKING, PUSHES = 0.05, 0.20, 0.03
NOTHING = "nothing"


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
    Row("accept", NOTHING, None),
)


class Acts:
    """What the user does, on one daemon."""

    def __init__(self, machine, digest):
        accepted = control("Accept", "sa{ss}", APP, {QUESTION: digest})
        self._user = Connection(machine)
        self._acts = {
            "accept": (accepted, self._answer(APP, is_allowed=False)),
            "withdraw": (self._answer(APP, is_allowed=False), None),
            "refuse": (self._answer(OTHER, is_allowed=False), self._answer(OTHER, is_allowed=True)),
            "look": (control("ListQuestions", "s", APP), None),
        }
        self._before = {"withdraw": accepted}

    @staticmethod
    def _answer(application, *, is_allowed):
        return control("SetQuestionConsent", "ssb", application, QUESTION, is_allowed)

    @contextlib.contextmanager
    def during(self, act):
        """The act begins; after the block it is over, and what it changed is taken back."""
        if act in self._before:
            self._user.ask(self._before[act])
            time.sleep(WINDOW_S)
        if act == NOTHING:
            yield
            return
        message, back = self._acts[act]
        self._user.send(message)
        yield
        self._user.wait()
        if back is not None:
            self._user.ask(back)
            time.sleep(WINDOW_S)


def longest(connection, message):
    """The longest of the calls that one connection makes in a window, in ns."""
    end, found = time.perf_counter() + WINDOW_S, 0
    while time.perf_counter() < end:
        found = max(found, connection.ask(message))
        time.sleep(PAUSE_S)
    return found


def trials(machine, acts, messages, chance, count):
    """(act, message's name) → the longest waits, of so many trials each, in random order."""
    connection = Connection(machine)
    for message in messages.values():
        connection.ask(message)
    turns = [(act, name) for act in acts.names for name in messages for _ in range(count)]
    chance.shuffle(turns)
    found = {turn: [] for turn in turns}
    gc.collect()
    gc.disable()
    for act, name in turns:
        with acts.acts.during(act):
            found[act, name].append(longest(connection, messages[name]))
    gc.enable()
    return found


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
            machine.install(KATE.replace("org.kde.kate", application))

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


def show_all(options):
    """A table for each library; whether every goal is met."""
    chance, is_met = random.Random(options.seed), True
    for library in options.library or LIBRARIES:
        with tempfile.TemporaryDirectory(prefix="telemetryd-") as folder, at_work(folder, library) as machine:
            show_head(library)
            acts = Acts(machine, asyncio.run(digest_of(machine)))
            pinged = trials(
                machine, Plan(acts, ("accept", "refuse", "withdraw", "look", NOTHING)), {"ping": ping()}, chance, options.trials
            )
            for row in PINGS:
                name = f"ping: {row.some} or {row.others}"
                is_met &= show(Compared(name, pinged[row.some, "ping"], pinged[row.others, "ping"], row.bound), chance)
            pushes = {name: call("Push", "ssv", name, "startup", Variant("d", 700.0)) for name in (KEPT, UNKEPT)}
            pushed = trials(machine, Plan(acts, ("accept", "refuse", "withdraw")), pushes, chance, options.trials)
            for act in ("accept", "refuse", "withdraw"):
                name = f"push while the user's is {act}: kept or not"
                is_met &= show(Compared(name, pushed[act, KEPT], pushed[act, UNKEPT], PUSHES), chance)
    return is_met


def main():
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What an application sees beside the user's acts.")
    parser.add_argument("--trials", type=int, default=1000, help="of each act (1,000)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the trials (1)")
    options = parser.parse_args()
    print(f"{options.trials} trials of each act; longest wait in {1000 * WINDOW_S:.0f} ms; load {os.getloadavg()[0]:.1f}")
    with awake(is_wanted=options.awake):
        return 0 if show_all(options) else 1


if __name__ == "__main__":
    sys.exit(main())
