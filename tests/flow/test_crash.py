"""An acknowledged sample survives `kill -9`, and nothing else is lost or doubled by it."""

import pytest
from support.campaign import IS_CAMPAIGN, TIMEOUT_S, chance, tell
from support.disk.crashing_daemon import Crashing
from support.disk.lossy_disk import build_recorder

ROUNDS = 200 if IS_CAMPAIGN else 10


@pytest.mark.timeout(TIMEOUT_S)
async def test_killed_under_load(machine, tmp_path):
    """Killed at random moments under load, it has every acknowledged sample, none twice and no part of a call.

    Queue, history, consent, draws and ledger are as they were, and what was set meanwhile is as it was acknowledged.
    """
    async with Crashing(machine, build_recorder(tmp_path), chance()) as crashing:
        for number in range(ROUNDS):
            await crashing.round(number)
        tell(f"{ROUNDS} rounds under load", {**crashing.deaths, **crashing.books.totals})
        assert crashing.deaths.total() == ROUNDS
        assert crashing.books.totals["acknowledged"] > 100 * ROUNDS
    log = (machine.root / "bus.log").read_text()
    assert [line for line in log.splitlines() if "ERROR" in line or "Traceback" in line] == []
