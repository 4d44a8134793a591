"""Tests of the window; without PySide6 they are skipped. `timeline` is that of tests/flow."""

import ssl

import pytest

pytest.importorskip("support.driven_window", exc_type=ImportError)

from support.machine import KATE_2026
from support.net.tls_receiver import Receiver
from support.timeline import Timeline, at
from support.window_user import busy_machine


@pytest.fixture
async def timeline(machine, certificate):
    """Kate's reviewed manifest is installed, and it is Wednesday, 7 October 2026; the daemon does not run yet."""
    machine.install(KATE_2026)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])
    receiver = Receiver(context)
    timeline = Timeline(machine, receiver, certificate[0])
    timeline.set_clock(at("2026-10-07 10:00"))
    async with machine.client() as timeline.client:
        yield timeline
        timeline.close()
    receiver.close()


@pytest.fixture(scope="session")
def busy(tmp_path_factory):
    """A user for whom something of everything is there; what a test changes, it changes back."""
    with busy_machine(tmp_path_factory.mktemp("busy")) as machine:
        yield machine
