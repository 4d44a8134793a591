import asyncio
import queue
import ssl
import time

import pytest
import trustme
from support.manifests.handed_report import BODY

from telemetryd.core.limits import RESPONSE_MAX_BYTES
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.upload.client import Client, Timeouts
from telemetryd.upload.job import HeldError
from telemetryd.upload.request import request

SHORT = Timeouts(connect=0.5, answer=0.5, total=1.0, response=0.5)
SILENT, BROKEN, UNREADABLE = map(unknown_delivery, (Hindrance.TIMEOUT, Hindrance.REFUSED, Hindrance.ANSWER))


async def post(url, ca_file, timeouts=SHORT, **options):
    """What becomes of the report: the delivery, also of one that reached nobody."""
    try:
        return await Client(ca_file, timeouts, **options).send(request(url, BODY))
    except HeldError as refusal:
        return refusal.delivery


async def test_the_word_before_the_first_byte(receivers, trusted, ca_file):
    """`on_connected` is awaited once after TLS, and until it returns the server has not got a byte of the request."""
    receiver = receivers(trusted, silent_in="headers")
    got = []

    async def announce():
        await asyncio.sleep(0.3)  # a byte that had been written before would have arrived by now
        got.append((len(receiver.peers), receiver.requests.qsize()))

    assert await post(receiver.url(), ca_file, on_connected=announce) == SILENT
    assert got == [(1, 0)]
    assert receiver.requests.qsize() == 1


@pytest.mark.parametrize("kind", ["another authority", "another host", "silent"])
async def test_no_word_without_a_connection(receivers, tls, trusted, *, ca_file, kind):
    """Whatever ends TLS early, `on_connected` is not called, and the report is held."""
    contexts = {"another authority": tls("localhost", issuer=trustme.CA()), "another host": tls("example.org")}
    receiver = receivers(contexts.get(kind, trusted), **({"silent_in": "handshake"} if kind == "silent" else {}))
    called = []

    async def announce():
        called.append(True)

    assert (await post(receiver.url(), ca_file, on_connected=announce)).result is Result.HELD
    assert (called, receiver.requests.qsize()) == ([], 0)


async def test_every_byte(receiver, ca_file):
    """The server gets the request line, four headers and the report, and not a byte more. Policy: A2, A4."""
    delivery = await Client(ca_file).send(request(receiver.url(), BODY))
    assert delivery == Delivery(Result.ACCEPTED, 204)
    head = (
        f"POST /v1/reports HTTP/1.1\r\nHost: localhost:{receiver.port}\r\nContent-Type: application/json\r\n"
        "Content-Length: 1024\r\nConnection: close\r\n\r\n"
    )
    assert receiver.requests.get(timeout=20) == head.encode() + BODY


async def test_a_connection_each(receiver, ca_file):
    """Two deliveries share no connection and no TLS session: a server cannot tell them for one user's. Policy: A2."""
    client = Client(ca_file)
    for _ in range(2):
        await client.send(request(receiver.url(), BODY))
        await receiver.end()
    assert receiver.resumed == [False, False]
    assert receiver.requests.qsize() == 2


@pytest.mark.parametrize(
    ("answer", "delivery"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", Delivery(Result.ACCEPTED, 200)),
        (b"HTTP/1.0 202 Accepted\r\n\r\nfine", Delivery(Result.ACCEPTED, 202)),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\n\r\n", Delivery(Result.ACCEPTED, 201)),
        (b"HTTP/1.1 410 Gone\r\n\r\n", Delivery(Result.ANSWERED, 410)),
        (b"HTTP/1.1 451 Unavailable\r\n\r\n", Delivery(Result.SUSPENDED, 451)),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", Delivery(Result.REJECTED, 404)),
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 86401\r\n\r\n", Delivery(Result.REJECTED, 429)),
        (b"HTTP/1.1 503 Away\r\nRetry-After: 60\r\n\r\n", Delivery(Result.REJECTED, 503)),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", Delivery(Result.ACCEPTED, 200)),
        (b"HTTP/1.1 204 No Content\r\nSet-Cookie: id=7\r\n\r\n", Delivery(Result.ACCEPTED, 204)),
        (b"\x15\x03\x01 nothing of HTTP\r\n\r\n", UNREADABLE),
        (b"HTTP/1.1 204 No Content\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", UNREADABLE),
    ],
)
async def test_answers(receivers, trusted, ca_file, *, answer, delivery):
    """A server's status is the outcome, whatever else it says, `Retry-After` included. What is no answer leaves the outcome unknown."""
    assert await post(receivers(trusted, answer).url(), ca_file) == delivery


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("is_same_host", [True, False])
async def test_no_redirects(receivers, trusted, ca_file, *, status, is_same_host):
    """A redirect is never followed, on the same host or to another. Policy: C6."""
    other = receivers(trusted)
    target = "/v2" if is_same_host else other.url()
    receiver = receivers(trusted, f"HTTP/1.1 {status} Over there\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
    assert await Client(ca_file).send(request(receiver.url(), BODY)) == Delivery(Result.REJECTED, status)
    assert (receiver.requests.qsize(), other.requests.qsize()) == (1, 0)


@pytest.mark.parametrize(
    ("silent_in", "timeouts", "delivery"),
    [("handshake", Timeouts(connect=0.5), held_delivery(Hindrance.TIMEOUT)), ("headers", Timeouts(answer=0.5), SILENT)],
)
async def test_silent_server(receivers, trusted, ca_file, *, silent_in, timeouts, delivery):
    """A server that falls silent ends the attempt in time: nobody was reached without TLS, nobody knows without a status."""
    receiver = receivers(trusted, silent_in=silent_in)
    began = time.monotonic()
    assert await post(receiver.url(), ca_file, timeouts) == delivery
    assert (await receiver.end()) - began < 5


def trickle():
    """Headers without end, one every tenth of a second."""
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        time.sleep(0.1)
        yield b"X: y\r\n"


async def test_trickling_server(receivers, trusted, ca_file):
    """A server that never finishes its headers ends the try in time, although it is never silent."""
    receiver = receivers(trusted, trickle())
    began = time.monotonic()
    assert await post(receiver.url(), ca_file) == SILENT
    assert time.monotonic() - began < 5


async def test_silent_body(receivers, trusted, ca_file):
    """Once the status is there the outcome is known: a body that never comes changes nothing."""
    receiver = receivers(trusted, b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")
    began = time.monotonic()
    assert await Client(ca_file, SHORT).send(request(receiver.url(), BODY)) == Delivery(Result.ACCEPTED, 200)
    assert (await receiver.end()) - began < 5


async def test_body_without_end(receivers, trusted, ca_file):
    """Of a body without end little more than 64 KiB is taken before the connection is closed."""
    receiver = receivers(
        trusted, (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n" if not number else bytes(8192) for number in range(2**16))
    )
    assert await Client(ca_file).send(request(receiver.url(), BODY)) == Delivery(Result.ACCEPTED, 200)
    await receiver.end()
    assert RESPONSE_MAX_BYTES <= receiver.sent_bytes < 16 * 1024 * 1024


async def test_nobody_there(deaf_port, unused_tcp_port, ca_file):
    """No server, one that does not take the connection, and a name that nobody has: the report reached nobody, and is held."""
    for host, hindrance in (
        (f"127.0.0.1:{unused_tcp_port}", Hindrance.REFUSED),
        (f"127.0.0.1:{deaf_port}", Hindrance.TIMEOUT),
        ("telemetry.invalid", Hindrance.DNS),
    ):
        assert await post(f"https://{host}/", ca_file) == held_delivery(hindrance)


@pytest.mark.parametrize(
    ("kind", "hindrance"),
    [
        ("another authority", Hindrance.AUTHORITY),
        ("another host", Hindrance.NAME),
        ("expired", Hindrance.EXPIRED),
        ("system store", Hindrance.AUTHORITY),
        ("no ca_file", Hindrance.CA_FILE),
        ("empty ca_file", Hindrance.CA_FILE),
    ],
)
async def test_no_trust(receivers, tls, trusted, expired, *, ca_file, tmp_path, kind, hindrance):
    """A server without a valid certificate for its name from the authority that is configured gets no byte of a report. Policy: C7.

    Nor does it cost the report: the cause is told, and the report waits.
    """
    (tmp_path / "empty.pem").touch()
    contexts = {"another authority": tls("localhost", issuer=trustme.CA()), "another host": tls("example.org"), "expired": expired}
    files = {"system store": "", "no ca_file": str(tmp_path / "missing.pem"), "empty ca_file": str(tmp_path / "empty.pem")}
    receiver = receivers(contexts.get(kind, trusted))
    with pytest.raises(HeldError) as refusal:
        await Client(files.get(kind, ca_file), SHORT).send(request(receiver.url(), BODY))
    assert refusal.value.delivery == held_delivery(hindrance)
    assert receiver.requests.qsize() == 0


async def test_old_tls(receivers, tls, ca_file):
    """TLS before 1.2 is no transport security. Policy: C7."""
    old = tls("localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    receiver = receivers(old)
    assert await post(receiver.url(), ca_file) == held_delivery(Hindrance.REFUSED)
    assert receiver.requests.qsize() == 0


async def test_environment(receivers, receiver, ca_file, monkeypatch):
    """A proxy in the environment is not asked. Policy: C6."""
    proxy = receivers()
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url())
    assert await Client(ca_file).send(request(receiver.url(), BODY)) == Delivery(Result.ACCEPTED, 204)
    with pytest.raises(queue.Empty):
        proxy.requests.get_nowait()


def endless(head, piece):
    """A server that never stops sending."""
    yield head
    while True:
        yield piece


HEAD, CHUNKED = b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
ACCEPTED = Delivery(Result.ACCEPTED, 200)


@pytest.mark.parametrize(
    ("head", "piece", "deliveries"),
    [
        (b"", b"\r\n" * 4096, [BROKEN]),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1024, [BROKEN]),
        (HEAD, b"X: y\r\n" * 4096, [BROKEN, UNREADABLE]),
        (HEAD + b"X:", b" " * 8192, [BROKEN, UNREADABLE]),
        (CHUNKED + b"1;x=", b"y" * 8192, [ACCEPTED]),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n" * 4096, [UNREADABLE, ACCEPTED]),
        (HEAD + b"Content-Length: 10737418240\r\n\r\n", bytes(8192), [ACCEPTED]),
    ],
    ids=["blank lines", "interim answers", "headers", "one header", "chunk extension", "trailers", "body of 10 GB"],
)
@pytest.mark.parametrize("is_tls", [True, False])
async def test_server_without_end(receivers, trusted, *, ca_file, is_tls, head, piece, deliveries):
    """Whatever a server sends without end, little of it is taken and the try ends at once; a status that was read counts."""
    receiver = receivers(trusted if is_tls else None, endless(head, piece))
    assert await Client(ca_file).send(request(receiver.url(), BODY)) in deliveries
    await receiver.end()
    assert receiver.sent_bytes < 16 * 1024 * 1024
