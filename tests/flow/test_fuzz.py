"""Whatever callers send, the daemon answers each call once, serves others, and keeps only what the user decided. Policy: C1, C3."""

import contextlib
import struct
from pathlib import Path

import pytest
from support.campaign import IS_CAMPAIGN, TIMEOUT_S, chance, tell
from support.fuzz.names import KEPT, NEVER, OWN, WITNESS, text_of
from support.fuzz.runs import MARKS, Fuzz, Witness
from support.machine import KATE
from support.machine_at import accept_last_week, found_on_disk, rows
from support.manifests.manifest_texts import this_week

WARM, CALLS = (10_000, 100_000) if IS_CAMPAIGN else (500, 2_000)
"""Calls until the caches are full, and in all: for each pair of library and bus, so that both libraries get 200,000 in a campaign."""
GROWN_MAX_MB = 16
"""The allocator keeps what a message of a megabyte took; a kilobyte for each call would be 90 MB."""
DESCRIPTORS_MAX = 8
"""Descriptors of processes that are looked at just now."""
LINES_MAX = 20


def sizes(daemon):
    """(resident megabytes, open descriptors) of the daemon."""
    folder = Path(f"/proc/{daemon.process.pid}")
    resident = int(folder.joinpath("statm").read_text().split()[1]) * 4096 / 1e6
    return resident, len(list(folder.joinpath("fd").iterdir()))


def collected(machine, application):
    """How many samples the tallies of an application hold."""
    cells = [cells for (cells,) in rows(machine, f"SELECT cells FROM tally WHERE application = '{application}'")]
    return sum(sum(struct.unpack(f"<{len(each) // 8}Q", each)) for each in cells)


async def prepare(machine):
    """Two applications whose questions are in their period, and one that nobody accepts."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    for application in (KEPT, NEVER):
        machine.install(text_of(application))
    machine.install(this_week(KATE.replace("org.kde.kate", WITNESS)))
    await accept_last_week(machine, KEPT, WITNESS)


@pytest.mark.timeout(TIMEOUT_S)
async def test_hostile_calls(every_machine):
    """Calls of every kind, half of which decide nothing for all: no reply is missing, double, unnamed or telling, and nobody else waits.

    The daemon neither dies nor grows. Exactly the witness's samples are kept, and its disk and journal have nothing of the others'.
    """
    await prepare(every_machine)
    with every_machine.daemon() as daemon, contextlib.closing(Fuzz(every_machine, daemon, chance())) as fuzz:
        witness = Witness(every_machine.address)
        witness.start()
        try:
            fuzz.run(WARM)
            before = sizes(daemon)
            fuzz.run(CALLS // 2)
        finally:
            witness.end()
        assert collected(every_machine, WITNESS) == witness.acknowledged > 0
        fuzz.draw.names.is_calm = False
        other = Witness(every_machine.address)
        other.start()
        try:
            fuzz.run(CALLS)
        finally:
            other.end()
        after = sizes(daemon)
        figures = {"MB": (before[0], after[0]), "descriptors": (before[1], after[1]), "longest_s": (witness.longest_s, other.longest_s)}
        tell(f"{fuzz.number} calls", fuzz.seen | figures)
        check_end(every_machine, daemon, fuzz)
    assert after[0] - before[0] < GROWN_MAX_MB
    assert after[1] - before[1] <= DESCRIPTORS_MAX


def check_end(machine, daemon, fuzz):
    """The user's decisions are those that were answered, and nothing else is kept or told."""
    fuzz.decided.check()
    assert not [row for row in rows(machine, "SELECT application FROM acceptance", file="consent.sqlite") if row == (NEVER,)]
    assert [application for application in (NEVER, *OWN) if collected(machine, application)] == []
    assert daemon.stop() == 0
    assert found_on_disk(machine, *MARKS) == set()
    log = daemon.log
    assert not [mark for mark in ("Traceback", "ERROR", *(mark.decode() for mark in MARKS)) if mark in log], log
    assert len(log.splitlines()) <= LINES_MAX, log
