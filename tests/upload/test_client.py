import queue
import ssl
import time

import pytest
import trustme
from handed import BODY

from telemetryd.core.hindrance import Hindrance
from telemetryd.core.limits import DAY_S, RESPONSE_MAX_BYTES
from telemetryd.core.schedule import Delivery, Result, held
from telemetryd.upload.client import Client, Timeouts
from telemetryd.upload.job import HeldError
from telemetryd.upload.request import request

SHORT = Timeouts(connect=0.5, answer=0.5, total=1.0, response=0.5)
RETRY = Delivery(Result.RETRY)


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
        (b"HTTP/1.1 429 Slow\r\nRetry-After: 86401\r\n\r\n", Delivery(Result.RETRY, 429, 2 * DAY_S)),
        (b"HTTP/1.1 503 Away\r\nRetry-After: never\r\n\r\n", Delivery(Result.RETRY, 503)),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc", Delivery(Result.ACCEPTED, 200)),
        (b"HTTP/1.1 204 No Content\r\nSet-Cookie: id=7\r\n\r\n", Delivery(Result.ACCEPTED, 204)),
        (b"\x15\x03\x01 nothing of HTTP\r\n\r\n", RETRY),
        (b"HTTP/1.1 204 No Content\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", RETRY),
    ],
)
async def test_answers(receivers, trusted, ca_file, *, answer, delivery):
    """A server's status is the outcome, whatever else it says; what is no answer is tried again."""
    assert await Client(ca_file, SHORT).send(request(receivers(trusted, answer).url(), BODY)) == delivery


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("is_same_host", [True, False])
async def test_no_redirects(receivers, trusted, ca_file, *, status, is_same_host):
    """A redirect is never followed, on the same host or to another. Policy: C6."""
    other = receivers(trusted)
    target = "/v2" if is_same_host else other.url()
    receiver = receivers(trusted, f"HTTP/1.1 {status} Over there\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
    assert await Client(ca_file).send(request(receiver.url(), BODY)) == Delivery(Result.REJECTED, status)
    assert (receiver.requests.qsize(), other.requests.qsize()) == (1, 0)


@pytest.mark.parametrize(("silent_in", "timeouts"), [("handshake", Timeouts(connect=0.5)), ("headers", Timeouts(answer=0.5))])
async def test_silent_server(receivers, trusted, ca_file, *, silent_in, timeouts):
    """A server that falls silent before its status ends the try in time."""
    receiver = receivers(trusted, silent_in=silent_in)
    began = time.monotonic()
    assert await Client(ca_file, timeouts).send(request(receiver.url(), BODY)) == RETRY
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
    assert await Client(ca_file, SHORT).send(request(receiver.url(), BODY)) == RETRY
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
    """No server, or one that does not take the connection, is tried again later."""
    for port in (unused_tcp_port, deaf_port):
        assert await Client(ca_file, SHORT).send(request(f"https://127.0.0.1:{port}/", BODY)) == RETRY


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

    Nor does it cost a try: the cause is told, and the report waits.
    """
    (tmp_path / "empty.pem").touch()
    contexts = {"another authority": tls("localhost", issuer=trustme.CA()), "another host": tls("example.org"), "expired": expired}
    files = {"system store": "", "no ca_file": str(tmp_path / "missing.pem"), "empty ca_file": str(tmp_path / "empty.pem")}
    receiver = receivers(contexts.get(kind, trusted))
    with pytest.raises(HeldError) as refusal:
        await Client(files.get(kind, ca_file), SHORT).send(request(receiver.url(), BODY))
    assert refusal.value.delivery == held(hindrance)
    assert receiver.requests.qsize() == 0


async def test_old_tls(receivers, tls, ca_file):
    """TLS before 1.2 is no transport security. Policy: C7."""
    old = tls("localhost")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    receiver = receivers(old)
    assert await Client(ca_file, SHORT).send(request(receiver.url(), BODY)) == RETRY
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
        (b"", b"\r\n" * 4096, [RETRY]),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1024, [RETRY]),
        (HEAD, b"X: y\r\n" * 4096, [RETRY]),
        (HEAD + b"X:", b" " * 8192, [RETRY]),
        (CHUNKED + b"1;x=", b"y" * 8192, [ACCEPTED]),
        (CHUNKED + b"1\r\nx\r\n0\r\n", b"X: y\r\n" * 4096, [RETRY, ACCEPTED]),
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
