"""Another program holds the file for samples: everyone waits for it, kept and refused alike. Policy: C3."""

import asyncio
import contextlib
import sqlite3
import time

import pytest
from support.machine import KATE, CallError
from support.machine_at import accept_last_week
from support.manifests.manifest_texts import this_week
from support.shifted_time import hastened

KEPT, REFUSED = "org.kde.kate", "org.kde.kite"
RATE = 4
"""So many times as fast does the daemon's time pass, so that its patience is over sooner."""


@pytest.fixture
async def pushing(machine):
    """The samples of one application are kept, those of another are not; both have pushed."""
    for application in (KEPT, REFUSED):
        machine.install(this_week(KATE.replace(KEPT, application)))
    await accept_last_week(machine, KEPT)
    with machine.daemon(**hastened(RATE)):
        async with machine.client() as client:
            for application in (KEPT, REFUSED):
                await client.push(application, "startup", "d", 700.0)
            yield client


@contextlib.contextmanager
def held(machine):
    """Another program writes to the file, and does not end."""
    with contextlib.closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


async def outcome(client, application):
    """What a push ends with, and after how many of the daemon's seconds."""
    begun = time.monotonic()
    try:
        await client.push(application, "startup", "d", 700.0)
    except CallError as failure:
        return failure.name, (time.monotonic() - begun) * RATE
    return "", (time.monotonic() - begun) * RATE


@pytest.mark.parametrize("application", [KEPT, REFUSED])
async def test_all_wait(machine, pushing, application):
    """For more than two seconds a push waits, whichever application's it is, and then it is taken: none fails, none is quicker."""
    with held(machine):
        push = asyncio.ensure_future(outcome(pushing, application))
        await asyncio.sleep(0.6)  # what the other program takes
        assert not push.done()
    failure, took_s = await push
    assert not failure
    assert took_s >= 0.6 * RATE


@pytest.mark.parametrize("application", [KEPT, REFUSED])
async def test_all_are_refused_in_the_end(machine, pushing, application):
    """A program that does not end costs everyone the same error, and nothing is taken; afterwards everything goes on."""
    with held(machine):
        failure, took_s = await outcome(pushing, application)
        assert failure == "org.telemetryd.Error.Storage"
        assert took_s > 4
    assert await outcome(pushing, application) == ("", pytest.approx(0, abs=4))
