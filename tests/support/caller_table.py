"""The table of callers: what each kind of program gets from both interfaces of the real daemon, which runs as an ordinary user.

python tests/support/caller_table.py      prints it for this machine (as root: more can be tried)
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.confinements import CLASSIC, OTHER, OWN, SNAP, STRICT, look_as_user, open_folder, running, runtime, ways
from support.machine import KATE
from support.ordinary_user import ordinary_machine, reachable

from telemetryd.bus.identity import Caller, Confinement, admit_host_only, admit_own_application
from telemetryd.bus.processes import identify_process
from telemetryd.errors import TelemetrydError
from telemetryd.toml import manifest

BOXED = KATE.replace('id = "org.kde.kate"', f'id = "{OWN}"\nsnap = "{SNAP}"')
"""The manifest of what the sandboxes say that they are; it names the snap that may act for it."""
OK = "ok"


class Answers(NamedTuple):
    """What a program got: pushing for its own id, for another one, and from Control1: `ok`, or name and text of the error."""

    own: str
    other: str
    control: str


def daemon(machine, folder):
    """The daemon of an ordinary user, whose Flatpak has started one instance."""
    machine.install(BOXED)
    return machine.daemon(XDG_RUNTIME_DIR=str(runtime(folder)))


def answers(machine, way):
    """What a program gets that runs this way."""
    return Answers(*told(machine, way, "push", OWN, "push", OTHER, "control"))


def told(machine, way, *calls):
    """What a program is answered that runs this way and makes these calls, see `caller.c`."""
    command = way.command(*calls, bus=str(machine.root / "bus"))
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd="/")
    assert done.returncode == 0, done.stderr
    return [line.replace("\t", ": ").removeprefix("org.freedesktop.DBus.Error.") for line in done.stdout.splitlines()]


LABELLED = {
    "Snap, confined, by label": ("plain", STRICT),
    "Snap, confined, not dumpable": ("not dumpable, NoNewPrivs", STRICT),
    "Snap, classic, by label": ("Snap, by control group", CLASSIC),
}
"""A real program, and the label that a bus on a kernel with AppArmor would say of it: no such kernel can be had in a test."""


def labelled(folder, known, name):
    """What a program with a made up label would get."""
    way, label = LABELLED[name]
    with running(known[way]) as pid:
        kind, who, why = look_as_user(folder, pid, label)
    return guarded(Caller(Confinement(kind), who, why=why))


@contextmanager
def _ended(way):
    """A pidfd of a process that has ended."""
    with running(way) as pid:
        pidfd = os.pidfd_open(pid)
    try:
        yield pidfd
    finally:
        os.close(pidfd)


def reused(known):
    """What a program gets whose number was another one's when that connected: the bus holds that other process."""
    with _ended(known["plain"]) as pidfd, running(known["plain"]) as pid:
        return guarded(identify_process(pid, pidfd))


def guarded(caller):
    """What the guards of both interfaces answer a caller."""
    declared = {OTHER: ""} | {one.id: one.snap for one in [manifest.parse(BOXED).application]}
    return Answers(
        *(_answer(admit_own_application, declared.__getitem__, caller, [id_]) for id_ in (OWN, OTHER)), _answer(admit_host_only, caller, [])
    )


def _answer(guard, *arguments):
    if arguments[-2 if guard is admit_own_application else 0].kind is Confinement.HOST:
        return OK  # the dispatcher asks no guard about the host
    try:
        guard(*arguments)
    except TelemetrydError as refusal:
        return f"{refusal.bus_name.removeprefix('org.freedesktop.DBus.Error.')}: {refusal}"
    return OK


def table(machine, folder):
    """Each row: name, what it got, or why it cannot be had here."""
    known = ways(folder)
    for name, way in known.items():
        yield name, None if way.is_missing else answers(machine, way), way.is_missing
    for name, (way, _) in LABELLED.items():
        yield name, None if known[way].is_missing else labelled(folder, known, name), known[way].is_missing
    yield "number used again (pidfd)", reused(known), ""


def main():
    """Print the table."""
    with open_folder() as folder, ordinary_machine(folder, reachable(folder)) as machine, daemon(machine, folder):
        write = sys.stdout.write
        write(f"{'':34}{'Telemetry1, own':18}{'Telemetry1, other':20}Control1\n")
        refusals = []
        for name, found, is_missing in table(machine, folder):
            if is_missing:
                write(f"{name:34}not here: {is_missing}\n")
                continue
            short = [one.partition(":")[0] for one in found]
            write(f"{name:34}{short[0]:18}{short[1]:20}{short[2]}\n")
            refusals += [f"{name}: {text}\n" for text in dict.fromkeys(found) if text != OK]
        write("\n" + "".join(refusals))


if __name__ == "__main__":
    main()
