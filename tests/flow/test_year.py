"""A year of a desktop with the real daemon: what holds each day, whatever users, packages, clocks and servers do. Policy: A2, C1, M4."""

import contextlib
import os
import signal
import ssl
import time

import pytest
from support.campaign import IS_CAMPAIGN, SEED, chance, tell
from support.machine import CallError
from support.net.tls_receiver import Receiver
from support.year.desktop import Desktop

DAYS, STRIDE, HOURS_MAX = (365, 1, 3) if IS_CAMPAIGN else (110, 6, 1)
"""Simulated days, the days from one that is lived to the next, and hours of use. A report leaves one to five weeks after its period."""
LEAST_REPORTS = 10 if IS_CAMPAIGN else 1
TIMEOUT_S = 1800 if IS_CAMPAIGN else 120


@pytest.fixture
def servers(certificate):
    """Two servers on localhost, of a vendor each."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])
    with contextlib.ExitStack() as stack:
        receivers = [Receiver(context) for _ in range(2)]
        for receiver in receivers:
            stack.callback(receiver.close)
        yield receivers


@pytest.mark.skipif(not (IS_CAMPAIGN or os.environ.get("TELEMETRYD_YEAR")), reason="TELEMETRYD_YEAR=1 lives 110 days, make year a year")
@pytest.mark.timeout(TIMEOUT_S)
async def test_a_year(machine, servers, certificate):
    """On each day the user's word holds: what arrives was consented to, reviewed, charged, due and the only answer to its question.

    The ledger stays under its caps and refunds nothing. The history has what the servers got. Off means that no byte is written, and what
    was withdrawn is in no file. The state directory stays small.
    """
    trustme = pytest.importorskip("trustme")
    begin = time.monotonic()
    desktop = Desktop(machine, servers, certificate[0], chance(), hours_max=HOURS_MAX)
    desktop.other_ca = trustme.CA().cert_pem.bytes().decode()
    try:
        async with machine.client() as desktop.client:
            await desktop.live(DAYS, stride=STRIDE)
    except (AssertionError, TimeoutError, CallError) as failure:
        if isinstance(failure, TimeoutError):
            desktop.daemon.process.send_signal(signal.SIGABRT)  # Python then says where it hung
            desktop.daemon.process.wait()
        raise AssertionError(f"TELEMETRYD_SEED={SEED}, {desktop.describe()}: {failure!r}") from failure
    finally:
        desktop.close()
        figures = (
            desktop.done
            | desktop.person.done
            | {"reports received": len(desktop.checks.received), "bytes at most": desktop.checks.largest_bytes}
        )
        tell(f"{DAYS} days in {time.monotonic() - begin:.0f} s", figures)
    assert desktop.person.done["questions accepted"] > 0
    assert len(desktop.checks.received) >= LEAST_REPORTS
