"""Fixtures of tests that pass weeks: a machine whose time they move, with a receiver. And a machine of an ordinary user."""

import ssl

import pytest
from support.confinements import open_folder
from support.machine import KATE_2026
from support.net.tls_receiver import Receiver
from support.ordinary_user import ordinary_machine, reachable
from support.timeline import DAY_S, Timeline, at

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


@pytest.fixture(scope="module")
def folder():
    """A directory that every user may enter, which pytest's own is not."""
    with open_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def places(folder):
    """Interpreter, working directory, packages and libraries that the ordinary user may read."""
    return reachable(folder)


@pytest.fixture
def ordinary(folder, places):
    """A machine whose user is an ordinary one; Kate is installed and reviewed."""
    with ordinary_machine(folder, places) as machine:
        yield machine
