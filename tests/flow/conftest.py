"""Fixtures of tests that pass weeks: a machine whose time they move, with a receiver."""

import ssl

import pytest
from harness import KATE_2026
from receiver import Receiver
from timeline import DAY_S, LIBRARY, Timeline, at

WEDNESDAY = "2026-10-07 10:00"


@pytest.fixture
def receiver(certificate):
    """A receiver on localhost that takes every report; tests set `answer`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])
    receiver = Receiver(context)
    yield receiver
    receiver.close()


@pytest.fixture
async def timeline(machine, receiver, certificate):
    """Kate's reviewed manifest is installed, and it is Wednesday, 7 October 2026; the daemon does not run yet."""
    if LIBRARY is None:
        pytest.skip("libfaketime is not installed")
    machine.install(KATE_2026)
    timeline = Timeline(machine, receiver, certificate[0])
    timeline.set_clock(at(WEDNESDAY))
    async with machine.client() as timeline.client:
        yield timeline
        timeline.close()


@pytest.fixture
async def waiting(timeline):
    """A report whose moment has come, and no daemon."""
    await timeline.queue()
    timeline.stop()
    timeline.set_clock(timeline.slot() + DAY_S)
    return timeline
