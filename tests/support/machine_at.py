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


async def accept_last_week(machine, *applications):
    """Consent to everything exactly a week ago: a question of `this_week` is in its period now, on whatever day the tests run."""
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            for application in applications:
                await client.consent(application)


async def collect_total(machine):
    """A question in its period with the total on disk; its vendor has an endpoint, and the daemon does not run."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(SAVES)
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
    """Change a database of the daemon while it does not run, as a program would that knows its seal."""
    with contextlib.closing(sqlite3.connect(machine.root / "state/telemetryd" / file)) as connection, connection:
        connection.execute(sql)
        if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'seal'").fetchone():
            integrity.write_checksum(connection)
