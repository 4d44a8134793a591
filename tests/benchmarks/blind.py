"""Prints how well an application can tell by time whether its samples are kept; see README.md here.

    python tests/benchmarks/blind.py [--awake] [--calls N] [--library dbus-fast|dbus-next] [--seed N]

Applications of one length of name, with the same manifest, call in random order, each waiting for its reply. Some of them the user
consented to, some not, some in part. The best threshold's advantage is the greatest difference between the distributions of two times: how
much oftener than by tossing a coin the better of two guesses is right. The floor is the same figure between applications of the same
consent. The goal is held against the difference of the two.

The contrast is the same daemon without its decoys: what is refused is checked and then nothing is done.
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import asyncio
import contextlib
import gc
import itertools
import os
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.awake import awake
from support.bus.raw_bus import RETURN, RawBus
from support.machine import CONTROL, KATE, ROOT, TELEMETRY, Machine
from support.machine_at import daemon_at, rows
from support.manifests.manifest_texts import this_week

from telemetryd.bus.transport.library import Message, Variant
from telemetryd.bus.transport.output import marshalled

CONSENT = {"org.kde.kate": "kept", "org.kde.kite": "refused", "org.kde.kote": "kept", "org.kde.kute": "refused"}
REGISTERED = {"org.kde.kbte": "kept", "org.kde.kcte": "refused", "org.kde.kdte": "kept", "org.kde.kfte": "refused"}
"""These are not installed: they register their manifests."""
MIXED = {"org.kde.kyte": "mixed", "org.kde.kzte": "mixed"}
"""The user accepted the first of their two questions."""
ONE, OTHER = "startup", "closing"
PAUSE_S = 0.001
LIBRARIES = ("dbus-fast", "dbus-next")
SINGLE, MANY = 0.03, 0.05
"""Goals: the advantage above the floor, for one sample a call and for several."""
NAIVE = Path(__file__).parent / "blind_naive.py"
_SECOND = KATE[KATE.index("[[source]]") :].replace(ONE, OTHER)
MANIFEST = this_week(KATE + _SECOND)
CHANGED = MANIFEST.replace("Is start-up too slow", "Is start-up too fast")
_SERIAL = slice(8, 12)


class Way(NamedTuple):
    """A way of calling, and whose calls are compared. `goal` is None where nothing is promised."""

    name: str
    goal: float
    consent: dict[str, str] = CONSENT
    pauses: bool = False
    row: int = 1
    """Calls of one application after another."""
    registers: bool = False
    """Each call follows one of Register, which is not timed."""
    alternates: bool = False
    """Each call has another text than the one before: one word of the purpose is another."""

    def message(self, application):
        """The call of one application."""
        match self.name.partition(",")[0]:
            case "Push":
                return call("Push", "ssv", application, ONE, Variant("d", 700.0))
            case "PushMany":
                return call("PushMany", "sa{sv}", application, {ONE: Variant("ad", [700.0] * 10)})
            case "PushMany of two":
                return call("PushMany", "sa{sv}", application, {ONE: Variant("d", 700.0), OTHER: Variant("d", 700.0)})
            case _:
                return registration(application)


WAYS = (
    Way("Push", SINGLE),
    Way("Push, pauses", SINGLE, pauses=True),
    Way("Push, 50 in a row", SINGLE, row=50),
    Way("Push, after Register", SINGLE, consent=REGISTERED, registers=True),
    Way("PushMany", MANY),
    Way("PushMany of two", MANY, consent=CONSENT | MIXED),
    Way("Register", SINGLE),
)
CHANGING = Way("Register of a changed text", SINGLE, consent=REGISTERED, alternates=True)
"""Measured last: the questions that were accepted are over by it."""


class Found(NamedTuple):
    """What was found of one way: the median time (µs), the floor, and the best advantage between two kinds of consent."""

    median_us: float
    floor: float
    advantage: float

    @property
    def above(self) -> float:
        """How much of the advantage is not chance."""
        return self.advantage - self.floor


def call(member, signature, *body):
    """The bytes of a call of Telemetry1."""
    name, path, interface = TELEMETRY
    message = Message(destination=name, path=path, interface=interface, member=member, signature=signature, body=list(body), serial=1)
    return bytearray(marshalled(message))


def registration(application, text=MANIFEST):
    """The bytes of a call of Register with the text that the application always has, or another one."""
    return call("Register", "ssa{sv}", application, text.replace("org.kde.kate", application), {})


def advantage(some, others):
    """The greatest difference of two empirical distributions, over all thresholds; between 0 and 1."""
    marks = sorted([(one, 1 / len(some)) for one in some] + [(one, -1 / len(others)) for one in others])
    best = level = 0.0
    for _, group in itertools.groupby(marks, key=lambda mark: mark[0]):
        level += sum(step for _, step in group)
        best = max(best, abs(level))
    return best


def judge(times, consent):
    """The floor and the best advantage of one way."""
    pairs = list(itertools.combinations(times, 2))
    alike = [advantage(times[one], times[other]) for one, other in pairs if consent[one] == consent[other]]
    apart = {}
    for one, other in pairs:
        if consent[one] != consent[other]:
            apart.setdefault(frozenset({consent[one], consent[other]}), []).append(advantage(times[one], times[other]))
    return Found(median(itertools.chain(*times.values())) / 1000, mean(alike), max(map(mean, apart.values())))


def measure(machine, way, calls, chance):
    """The times (ns) of each application's calls, in one random order, over one connection."""
    bus = RawBus(machine.address)
    messages = {application: way.message(application) for application in way.consent}
    others = {application: registration(application, CHANGED) for application in way.consent if way.alternates}
    registrations = {application: registration(application) for application in way.consent if way.registers}
    for message in (*registrations.values(), *messages.values()):  # once each to warm up; what the bus itself had to say is read with it
        bus.send(message)
        bus.read_until(RETURN)
    if registrations:  # until what was registered is decided on, nobody's pushes are kept; a call of the user's decides
        asyncio.run(look(machine))
    turns = [application for application in messages for _ in range(calls // way.row)]
    chance.shuffle(turns)
    times = {application: [] for application in messages}
    gc.collect()
    gc.disable()
    for application in turns:
        for _ in range(way.row):
            if way.pauses:
                time.sleep(chance.random() * PAUSE_S)
            if way.registers:
                ask(bus, registrations[application])
            times[application].append(ask(bus, messages[application]))
            if way.alternates:
                messages[application], others[application] = others[application], messages[application]
    gc.enable()
    bus.close()
    return times


def ask(bus, message):
    """Send a call with a serial of its own and wait for its reply; the time (ns) that it took."""
    message[_SERIAL] = (int.from_bytes(message[_SERIAL], "little") % 0xFFFF_FFF0 + 16).to_bytes(4, "little")
    start = time.perf_counter_ns()
    bus.socket.sendall(message)
    reply = bus.socket.recv(4096)
    took = time.perf_counter_ns() - start
    if reply[1] != RETURN:
        raise AssertionError(f"an error came back: {reply!r}")
    return took


async def accept(machine):
    """A week ago the user accepted both questions of some applications, and the first of others: the ledger has room for so many."""
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            for application, consent in CONSENT.items():
                if consent == "kept":
                    await client.consent(application)
            for application, consent in (REGISTERED | MIXED).items():
                if consent != "refused":
                    digests = {name: row["digest"] for name, row in (await client.questions(application)).items() if name.startswith(ONE)}
                    await client.call(CONTROL, "Accept", "sa{ss}", application, digests)


async def look(machine):
    """The user looks at the questions."""
    async with machine.client() as client:
        await client.questions()


def check_consent(machine):
    """Raises AssertionError unless what was kept is what the user consented to."""
    wanted = {application for application, consent in (CONSENT | REGISTERED | MIXED).items() if consent != "refused"}
    kept = {application for (application,) in rows(machine, "SELECT DISTINCT application FROM tally")}
    if kept != wanted:
        raise AssertionError(f"kept is what these pushed: {kept}; consented to: {wanted}")


@contextlib.contextmanager
def at_work(folder, library):
    """A machine with the ten applications, the daemon not started."""
    with Machine(folder, library=library) as machine:
        machine.configure('idle_exit_minutes = 0\n[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
        for application in CONSENT | REGISTERED | MIXED:
            machine.install(MANIFEST.replace("org.kde.kate", application))
        asyncio.run(accept(machine))
        for application in REGISTERED:
            (machine.root / f"share/telemetryd/manifests/{application}.toml").unlink()
        yield machine


def main():
    """Measure and print."""
    options = arguments()
    print(f"{options.calls} calls of each application; best threshold's advantage; load {os.getloadavg()[0]:.1f}")
    with awake(is_wanted=options.awake):
        return 0 if show_all(options) else 1


def show_all(options):
    """A table for each library; whether every goal is met."""
    chance, is_met = random.Random(options.seed), True
    for library in options.library or LIBRARIES:
        with tempfile.TemporaryDirectory(prefix="telemetryd-") as folder, at_work(folder, library) as machine:
            print(f"\n{library:32} {'median (µs)':>12} {'floor':>7} {'advantage':>10} {'above the floor':>16}")
            with machine.daemon():
                for way in WAYS:
                    is_met &= show(way, judge(measure(machine, way, options.calls, chance), way.consent), way.goal)
                check_consent(machine)
                is_met &= show(CHANGING, judge(measure(machine, CHANGING, options.calls // 4, chance), CHANGING.consent), CHANGING.goal)
            with machine.daemon(program=(NAIVE,), PYTHONPATH=str(ROOT)):
                for way in WAYS:
                    if way.name in {"Push", "PushMany of two"}:
                        show(way, judge(measure(machine, way, options.calls, chance), way.consent), None)
    return is_met


def show(way, found, goal):
    """Print one row; whether the goal is met."""
    is_met = goal is None or found.above <= goal
    verdict = "without decoys" if goal is None else f"≤ {goal}  {'ok' if is_met else 'MISSED'}"
    print(f"  {way.name:30} {found.median_us:12.0f} {found.floor:7.3f} {found.advantage:10.3f} {found.above:16.3f}   {verdict}", flush=True)
    return is_met


def arguments():
    """The command line."""
    parser = argparse.ArgumentParser(description="What time tells an application.")
    parser.add_argument("--calls", type=int, default=10_000, help="calls of each application in each way (10,000)")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="measure this D-Bus library only")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the calls (1)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
