"""A report by way of a proxy, which gets a name and a port. Whatever it does, no report is lost or sent twice. Policy: A2, C6, C7."""

import asyncio
import ssl
import time

import pytest
import trustme
from support.manifests.handed_report import BODY, job
from support.net.connect_proxy import ConnectProxy

from telemetryd.core.limits import RECEIVED_MAX_BYTES
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.upload.client import Client, Timeouts
from telemetryd.upload.job import HeldError
from telemetryd.upload.request import request

SHORT = Timeouts(connect=1.0, answer=1.0, total=2.0, response=1.0)
ACCEPTED = Delivery(Result.ACCEPTED, 204)
INSIDE = "telemetry.invalid"
"""A name that this machine cannot find: only the proxy is asked for it."""

WITHIN_THE_REPORT = 1100 if ssl.OPENSSL_VERSION_INFO < (3, 5) else 2300
"""Bytes from the client until TLS stands and a part of the report has left: OpenSSL 3.5 begins with a larger key."""


@pytest.fixture
async def proxies():
    """Starts proxies; they stop while the test's loop still runs."""
    started = []

    def start(*args, **kwargs):
        started.append(ConnectProxy(*args, **kwargs))
        return started[-1]

    yield start
    for proxy in started:
        await asyncio.to_thread(proxy.close)


@pytest.fixture
def inside(receivers, tls):
    """A receiver that is reached by way of a proxy only."""
    return receivers(tls(INSIDE))


async def post(receiver, proxy, ca_file, **options):
    """What becomes of a report that goes to the receiver by way of the proxy, and how often the connection was said to stand."""
    said = []

    async def announce():
        said.append(True)

    client = Client(ca_file, SHORT, proxy=proxy if isinstance(proxy, str) else proxy.url, on_connected=announce, **options)
    began = time.monotonic()
    try:
        delivery = await client.send(request(receiver.url(INSIDE), BODY))
    except HeldError as refusal:
        delivery = refusal.delivery
    assert time.monotonic() - began < 5
    assert bool(said) is (delivery.result is not Result.HELD)
    return delivery


async def test_every_byte(proxies, inside, ca_file):
    """The proxy gets the server's name and port in a head without values, then TLS. The server gets what it gets without a proxy."""
    proxy = proxies(inside.port)
    assert await post(inside, proxy, ca_file) == ACCEPTED
    host = f"{INSIDE}:{inside.port}"
    (head,) = proxy.heads
    assert sorted(head.decode().split("\r\n")) == sorted(
        [f"CONNECT {host} HTTP/1.1", f"Host: {host}", "User-Agent: ", "Accept: ", "Accept-Encoding: ", "Connection: keep-alive", "", ""]
    )
    expected = (
        f"POST /v1/reports HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 1024\r\nConnection: close\r\n\r\n"
    )
    assert inside.requests.get(timeout=20) == expected.encode() + BODY
    assert proxy.through.startswith(b"\x16\x03")
    assert BODY[:20] not in proxy.through
    assert b"/v1/reports" not in proxy.through


@pytest.mark.parametrize(
    ("answer", "hindrance"),
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", Hindrance.PROXY_DENIED),
        (b"HTTP/1.1 407 Log in\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n", Hindrance.PROXY_DENIED),
        (b"HTTP/1.1 302 Portal\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n", Hindrance.PROXY_DENIED),
        (b"HTTP/1.1 204 Fine\r\n\r\n", Hindrance.PROXY_DENIED),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", Hindrance.PROXY_DENIED),
        (b"HTTP/1.1 502 Bad gateway\r\nContent-Length: 0\r\n\r\n", Hindrance.PROXY),
        (b"HTTP/1.1 503 Away\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n", Hindrance.PROXY),
        ((), Hindrance.REFUSED),
        (None, Hindrance.TIMEOUT),
        (b"HTTP/1.1 200 Conn", Hindrance.TIMEOUT),
    ],
)
async def test_no_connection(proxies, inside, *, ca_file, answer, hindrance):
    """A proxy that refuses, is not a proxy, breaks off or hangs gets no byte of the report; the report waits, and the cause is told."""
    proxy = proxies(inside.port, answer, is_silent=isinstance(answer, bytes) and answer.endswith(b"Conn"))
    assert await post(inside, proxy, ca_file) == held_delivery(hindrance)
    assert (len(proxy.heads), proxy.through, inside.peers) == (1, b"", [])


async def test_a_proxy_that_hangs_after_its_yes(proxies, inside, ca_file):
    """A yes alone is no delivery: the report waits, because no TLS stood."""
    proxy = proxies(inside.port, is_silent=True)
    assert await post(inside, proxy, ca_file) == held_delivery(Hindrance.TIMEOUT)
    assert inside.requests.qsize() == 0


async def test_a_proxy_that_breaks_off_the_handshake(proxies, inside, ca_file):
    """A connection that ends inside the handshake is no delivery."""
    proxy = proxies(inside.port, cut_after=100)
    assert await post(inside, proxy, ca_file) == held_delivery(Hindrance.REFUSED)
    assert inside.requests.qsize() == 0


async def test_a_proxy_that_is_away(inside, ca_file, unused_tcp_port):
    """A proxy without a listener, or with a name that nobody has, is told apart from a server that is away."""
    for url in (f"http://127.0.0.1:{unused_tcp_port}", "http://proxy.invalid:3128", f"http://{'x' * 64}.example:80"):
        assert await post(inside, url, ca_file) == held_delivery(Hindrance.PROXY)
    assert inside.peers == []


@pytest.mark.parametrize("kind", ["another authority", "another host", "expired"])
async def test_no_trust(proxies, receivers, tls, *, expired, ca_file, kind):
    """The server's certificate is verified inside: a proxy that answers in its place gets nothing, whatever it connects to. Policy: C7."""
    contexts = {"another authority": tls(INSIDE, issuer=trustme.CA()), "another host": tls("proxy.example"), "expired": expired}
    hindrance = {"another authority": Hindrance.AUTHORITY, "another host": Hindrance.NAME, "expired": Hindrance.EXPIRED}[kind]
    receiver = receivers(contexts[kind])
    proxy = proxies(receiver.port)
    if kind == "expired":
        client = Client(ca_file, SHORT, proxy=proxy.url)
        with pytest.raises(HeldError) as refusal:
            await client.send(request(receiver.url("localhost"), BODY))
        assert refusal.value.delivery == held_delivery(hindrance)
    else:
        assert await post(receiver, proxy, ca_file) == held_delivery(hindrance)
    assert receiver.requests.qsize() == 0


@pytest.mark.parametrize(("how", "hindrance"), [("silent", Hindrance.TIMEOUT), ("cut", Hindrance.REFUSED), ("garbage", Hindrance.ANSWER)])
async def test_nobody_knows(proxies, receivers, tls, *, ca_file, how, hindrance):
    """Once TLS stands every end is final, as without a proxy: a report of which a byte may have left is not sent again."""
    options = {"silent": {"silent_in": "headers"}, "garbage": {"answer": b"200 OK\r\n\r\n"}}.get(how, {})
    receiver = receivers(tls(INSIDE), **options)
    proxy = proxies(receiver.port, cut_after=WITHIN_THE_REPORT if how == "cut" else None)
    assert await post(receiver, proxy, ca_file) == unknown_delivery(hindrance)
    assert len(receiver.peers) == 1


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
async def test_the_environment_names_another(proxies, inside, *, ca_file, monkeypatch, name):
    """A proxy in the environment is asked neither instead of the configured one nor beside it. Policy: C6."""
    other, proxy = proxies(inside.port), proxies(inside.port)
    monkeypatch.setenv(name, other.url)
    monkeypatch.setenv("NO_PROXY", "*")
    assert await post(inside, proxy, ca_file) == ACCEPTED
    assert (len(proxy.heads), other.heads) == (1, [])


async def test_a_proxy_without_end(proxies, inside, ca_file):
    """Of what a proxy says without end little is read, and no report is lost by it."""
    endless = (b"HTTP/1.1 200 OK\r\nX:" if not number else bytes(b" " * 65536) for number in range(1 << 14))
    proxy = proxies(inside.port, endless)
    delivery = await post(inside, proxy, ca_file)
    assert delivery.result is Result.HELD
    await asyncio.to_thread(proxy.close)
    assert proxy.sent_bytes < RECEIVED_MAX_BYTES + (16 << 20)


async def test_more_headers(proxies, inside, ca_file):
    """A yes with headers is a yes."""
    answer = b"HTTP/1.0 200 Yes\r\nVia: 1.1 squid\r\nProxy-Agent: x\r\n\r\n"
    assert await post(inside, proxies(inside.port, answer), ca_file) == ACCEPTED


def behind(machine, url, proxy):
    """Configure the vendor's endpoint behind a proxy."""
    machine.endpoint(url)
    file = "system/telemetryd/telemetryd.toml"
    machine.write(file, (machine.root / file).read_text() + f'proxy = "{proxy.url}"\n')


async def test_the_configured_proxy(machine, start, proxies, inside):
    """The program takes the proxy from the system's configuration, and no other: it sends one report, once."""
    proxy, other = proxies(inside.port), proxies(inside.port)
    url = inside.url(INSIDE)
    behind(machine, url, proxy)
    program = await start(job(url), https_proxy=other.url, HTTPS_PROXY=other.url, ALL_PROXY=other.url)
    assert await program.output() == b'sending\n{"result":"accepted","status":204,"hindrance":""}\n'
    assert (len(proxy.heads), other.heads, inside.requests.qsize()) == (1, [], 1)


async def test_a_proxy_that_refuses_is_told(machine, start, proxies, inside):
    """The journal says what the proxy answered, and neither the proxy's name nor the server's."""
    proxy, url = proxies(inside.port, b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), inside.url(INSIDE)
    behind(machine, url, proxy)
    program = await start(job(url))
    assert await program.output() == b'{"result":"held","status":0,"hindrance":"proxy-denied"}\n'
    assert (await program.end())[1] == (
        b"telemetryd-upload: [endpoint.kde] proxy: it does not connect to the server (HTTP 403); nothing was sent\n"
    )
