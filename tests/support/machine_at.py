"""Other moments for the real daemon, and what lies on its disk: what the tests of its promises share.

await accept_last_week(machine, "org.kde.kate")  # its questions of `this_week` are in their period now
with daemon_at(machine, "+7d") as daemon:        # it is over
"""

import contextlib
import sqlite3
import struct
import time

from support.machine import KATE
from support.manifests.manifest_texts import this_week
from support.shifted_time import shifted_by
from support.timeline import DAY_S, at

from telemetryd.store import integrity

TOTAL = 1_234_567_891
"""A total that no other number on the disk resembles."""
TOTAL_BYTES = struct.pack("<Q", TOTAL)
"""The total as a tally keeps it."""
TOTAL_LABEL = b"1000000000..2000000000"
"""The bin that a report says of it."""

SAVES = this_week(
    KATE.replace('id = "startup"', 'id = "saves"')
    .replace('type = "number"', 'type = "count"')
    .replace('combine = "median"', 'combine = "sum"')
    .replace("bins = [500, 2000]", "bins = [500, 1000000000, 2000000000]")
    .replace('id = "startup-time"', 'id = "saves-a-week"')
    .replace('sources = ["startup"]', 'sources = ["saves"]')
)
"""Kate's manifest with one count, asked for in this week, whose total and label can be found on a disk."""


def daemon_at(machine, shift):
    """The daemon with its wall clock shifted: by days (`-7d`), by seconds, or to a moment (`2026-12-09 10:00`, UTC)."""
    if ":" in shift:
        return machine.daemon(**shifted_by(shift_to(at(shift))))
    return machine.daemon(**shifted_by(int(shift.removesuffix("d")) * (DAY_S if shift.endswith("d") else 1)))


def shift_to(moment):
    """Seconds from now to a moment, for a process that lives then."""
    return moment - int(time.time())


_prepared = {}
"""What a machine's files were, and what was done there → its state directory afterwards: file → (bytes, mode)."""


def _files(machine):
    """Everything that a daemon reads on a machine that has kept nothing yet."""
    places = [machine.root / place for place in ("etc", "share", "home")]
    paths = sorted(path for place in places for path in place.rglob("*") if path.is_file())
    return tuple((str(path.relative_to(machine.root)), path.read_bytes()) for path in paths)


async def _once(machine, act, *arguments):
    """Let daemons do this on a machine, or copy what the daemons of an earlier test made of the same files: two starts less."""
    state = machine.root / "state"
    if machine.state():
        await act(machine, *arguments)
        return
    key = act, arguments, machine.library, _files(machine)
    if key not in _prepared:
        await act(machine, *arguments)
        made = [path for path in state.rglob("*") if path.is_file()]
        _prepared[key] = {path.relative_to(state): (path.read_bytes(), path.stat().st_mode) for path in made}
        return
    for path, (data, mode) in _prepared[key].items():
        (state / path).parent.mkdir(mode=0o700, exist_ok=True)
        (state / path).write_bytes(data)
        (state / path).chmod(mode)


async def accept_last_week(machine, *applications):
    """Consent to everything exactly a week ago: a question of `this_week` is in its period now, on whatever day the tests run."""
    await _once(machine, _accept_last_week, *applications)


async def _accept_last_week(machine, *applications):
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            for application in applications:
                await client.consent(application)


async def collect_total(machine):
    """A question in its period with the total on disk; its vendor has an endpoint, and the daemon does not run."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(SAVES)
    await _once(machine, _collect_total)


async def _collect_total(machine):
    await accept_last_week(machine, "org.kde.kate")
    with machine.daemon():
        async with machine.client() as client:
            await client.push("org.kde.kate", "saves", "t", TOTAL)


def found_on_disk(machine, *needles):
    """Which of these bytes any file of the state directory holds."""
    return {needle for needle in needles for data in machine.state().values() if needle in data}


def rows(machine, sql, *, file="telemetry.sqlite"):
    """What a query of our own finds in a database of the daemon; nothing if there is none."""
    if not (machine.root / "state/telemetryd" / file).exists():
        return []
    with contextlib.closing(sqlite3.connect(machine.root / "state/telemetryd" / file)) as connection:
        return connection.execute(sql).fetchall()


def edit(machine, sql, *, file="consent.sqlite"):
    """Change a database of the daemon while it does not run, as a program would that knows its checksum."""
    with contextlib.closing(sqlite3.connect(machine.root / "state/telemetryd" / file)) as connection, connection:
        connection.execute(sql)
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'checksum'").fetchone():
            integrity.write_checksum(connection)
