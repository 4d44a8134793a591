"""The courier and the real uploader, over real TLS."""

import asyncio

import pytest
from support.manifests.handed_report import REPORT, TEXT

from telemetryd.core.answers.report import encode, request_headers
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery
from telemetryd.runtime.uploader import UploaderCourier


@pytest.fixture
def courier(machine, monkeypatch):
    """A courier whose uploaders find the machine's configuration."""
    for name, value in machine.environ.items():
        monkeypatch.setenv(name, value)
    return UploaderCourier()


async def test_what_the_history_says(machine, courier, receiver):
    """What the server gets is the report's bytes and exactly the headers that the history shows. Policy: T2, A2."""
    endpoint = machine.endpoint(receiver.url())
    assert await courier.deliver(endpoint, encode(REPORT), TEXT) == Delivery(Result.ACCEPTED, 204)
    headers = "".join(f"{name}: {value}\r\n" for name, value in request_headers(endpoint.url))
    assert receiver.requests.get(timeout=20) == f"POST /v1/reports HTTP/1.1\r\n{headers}\r\n".encode() + encode(REPORT)


async def test_a_connection_each(machine, courier, receiver):
    """Two reports share neither connection nor TLS session. Policy: A2."""
    endpoint = machine.endpoint(receiver.url())
    for answer in ("<500", ">=2000"):
        await courier.deliver(endpoint, encode(REPORT._replace(answer=(answer,))), TEXT)
    assert receiver.resumed == [False, False]


async def test_withdrawal(machine, courier, receivers, trusted):
    """Cancelling a delivery breaks off its connection. Policy: C1."""
    receiver = receivers(trusted, silent_in="headers")
    delivery = asyncio.create_task(courier.deliver(machine.endpoint(receiver.url()), encode(REPORT), TEXT))
    await asyncio.to_thread(receiver.met.wait, 20)
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    await receiver.end()


async def test_moved_endpoint(machine, courier, receiver):
    """An endpoint that moved while the daemon was not looking gets nothing: consent named the other host. Policy: C6."""
    endpoint = machine.endpoint("https://telemetry.example.org/v1/reports")
    machine.endpoint(receiver.url())
    assert await courier.deliver(endpoint, encode(REPORT), TEXT) == held_delivery(Hindrance.CONFIGURATION)
    assert receiver.requests.empty()
