"""Prints what an application sees beside the user's acts: how long its calls wait while the user decides; see README.md here.

    python tests/benchmarks/blind_beside.py [--awake] [--trials N] [--library dbus-fast|dbus-next] [--seed N]

One daemon, acts in random order. In each trial the user does one thing, and an application calls meanwhile, as fast as it may: it pings, or
it pushes. What counts is the longest of its calls. A threshold is chosen on one half of the trials and judged on the other half: its
advantage says how much oftener than by tossing a coin it tells two acts apart. The floor is the mean of the same figure over 200 random
relabellings of the same trials. A row fails above floor + bound that is above the 99.9 % quantile of these too.
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
from statistics import mean, median, quantiles
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.awake import awake
from benchmarks.blind import LIBRARIES, call
from harness import CONTROL, KATE, TELEMETRY, Machine
from moments import daemon_at
from raw_bus import RETURN, RawBus

from telemetryd.bus.library import Message, Variant
from telemetryd.bus.output import marshalled

APP, OTHER = "org.kde.kate", "org.kde.kite"
"""Accepted and withdrawn in the trials; never accepted. Their names are of one length."""
KEPT, UNKEPT = "org.kde.kbte", "org.kde.kcte"
"""Of the applications that push: the samples of one are kept."""
QUESTION = "startup-time"
WINDOW_S, PAUSE_S = 0.06, 0.0005
RELABELLINGS = 200
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


class Found(NamedTuple):
    """The advantage on the second half, and what chance alone gives."""

    advantage: float
    floor: float
    highest: float

    def is_met(self, bound: float | None) -> bool:
        """Whether it is at most the bound above the floor, or within what chance gives."""
        return bound is None or self.advantage <= max(self.floor + bound, self.highest)


def judged(some, others):
    """The advantage of the best threshold of the first half of both, on their second halves."""
    half, other_half = len(some) // 2, len(others) // 2
    best, sign, threshold = -1.0, 1, 0
    marks = sorted({*some[:half], *others[:other_half]})
    for mark in marks[:: max(1, len(marks) // 400)]:
        difference = above(some[:half], mark) - above(others[:other_half], mark)
        if abs(difference) > best:
            best, sign, threshold = abs(difference), 1 if difference > 0 else -1, mark
    return sign * (above(some[half:], threshold) - above(others[other_half:], threshold))


def above(times, threshold):
    """The part of the times above a threshold."""
    return sum(one > threshold for one in times) / len(times)


def compare(some, others, chance):
    """The advantage between two lists of times, and over random relabellings of them."""
    both, by_chance = [*some, *others], []
    for _ in range(RELABELLINGS):
        chance.shuffle(both)
        by_chance.append(abs(judged(both[: len(some)], both[len(some) :])))
    return Found(judged(some, others), mean(by_chance), quantiles(by_chance, n=1000)[-1])


def control(member, signature, *body):
    """The bytes of a call of Control1."""
    name, path, interface = CONTROL
    message = Message(destination=name, path=path, interface=interface, member=member, signature=signature, body=list(body), serial=1)
    return bytearray(marshalled(message))


def ping():
    """The bytes of a ping of Telemetry1."""
    name, path, _ = TELEMETRY
    message = Message(destination=name, path=path, interface="org.freedesktop.DBus.Peer", member="Ping", serial=1)
    return bytearray(marshalled(message))


class Connection:
    """A connection that knows the daemon already."""

    def __init__(self, machine):
        self._bus = RawBus(machine.address)
        self._serial = 16

    def ask(self, message):
        """A call and its reply; the time (ns) between."""
        self.send(message)
        start = time.perf_counter_ns()
        self.wait()
        return time.perf_counter_ns() - start

    def send(self, message):
        """A call; its reply is still to come."""
        self._serial += 1
        message[8:12] = self._serial.to_bytes(4, "little")
        self._bus.send(message)

    def wait(self):
        """The reply."""
        self._bus.read_until(RETURN)


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
            print(f"\n{library:42} {'median (ms)':>17} {'floor':>7} {'advantage':>10} {'99.9 %':>7}", flush=True)
            acts = Acts(machine, asyncio.run(digest_of(machine)))
            pinged = trials(
                machine, Plan(acts, ("accept", "refuse", "withdraw", "look", NOTHING)), {"ping": ping()}, chance, options.trials
            )
            for row in PINGS:
                is_met &= show(f"ping: {row.some} or {row.others}", pinged[row.some, "ping"], pinged[row.others, "ping"], row.bound, chance)
            pushes = {name: call("Push", "ssv", name, "startup", Variant("d", 700.0)) for name in (KEPT, UNKEPT)}
            pushed = trials(machine, Plan(acts, ("accept", "refuse", "withdraw")), pushes, chance, options.trials)
            for act in ("accept", "refuse", "withdraw"):
                is_met &= show(f"push while the user's is {act}: kept or not", pushed[act, KEPT], pushed[act, UNKEPT], PUSHES, chance)
    return is_met


def show(name, some, others, bound, chance):
    """Print one row; whether the goal is met."""
    found = compare(some, others, chance)
    is_met = found.is_met(bound)
    verdict = "named in SECURITY.md" if bound is None else f"≤ {bound}  {'ok' if is_met else 'MISSED'}"
    medians = f"{median(some) / 1e6:.2f} / {median(others) / 1e6:.2f}"
    print(f"  {name:40} {medians:>17} {found.floor:7.3f} {found.advantage:10.3f} {found.highest:7.3f}   {verdict}", flush=True)
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
