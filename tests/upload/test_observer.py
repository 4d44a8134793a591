"""What a passive observer and the server each see of reports: the real courier and uploader, a wiretap, and a server with real TLS."""

import contextlib
import json
import logging
import re
import time
from collections import Counter
from itertools import pairwise

import pytest
from aiohttp import web
from support.machine import CONTROL, KATE, Machine, but_for_chance
from support.net.observer import (
    ALPN,
    APPLICATION_DATA,
    COOKIE,
    EARLY_DATA,
    PRE_SHARED_KEY,
    SESSION_TICKET,
    SUPPORTED_VERSIONS,
    without_chance,
)
from support.net.tls_receiver import Receiver
from support.net.watched_uploads import PLAIN, REPORTS, Watched, review_all, text_of
from support.shifted_time import shifted_by
from support.timeline import DAY_S

from telemetryd.core.answers.report import encode
from telemetryd.core.sending.schedule import Delivery, Result
from telemetryd.runtime.uploader import UPLOADER, UploaderCourier
from telemetryd.upload.client import Client
from telemetryd.upload.request import request

ACCEPTED = Delivery(Result.ACCEPTED, 200)


@pytest.fixture(scope="module", params=["TLSv1_3", "TLSv1_2"])
def one_user(request, machines, steady, tmp_path_factory):
    """All reports, sent by one machine, one after another, with the server's tempting answer to each."""
    machine, watched = review_all(machines(tmp_path_factory.mktemp("one"))), Watched(steady(request.param))
    with contextlib.closing(watched):
        for report in REPORTS.values():
            watched.send(machine, report)
        yield watched


def test_sizes(one_user):
    """Observer: reports differ in no record's length, in neither direction, whatever question, answer, period, ε and nonce. Policy: A4."""
    sizes = [seen.tapped.sizes for seen in one_user.sent]
    assert sizes == [sizes[0]] * len(REPORTS)
    *_, report, farewell = sizes[0][0]
    assert report[0] == APPLICATION_DATA
    assert report[1] > 1024  # head and body in one: how long the head is does not show
    assert farewell in {(23, 19), (21, 26)}  # close_notify in TLS 1.3 and 1.2
    totals = {(len(seen.tapped.sent), len(seen.tapped.received)) for seen in one_user.sent}
    assert len(totals) == 1


def test_a_connection_each(one_user):
    """Observer: a connection for each report and none beside them; the uploader ends it although the server would not. Policy: A2."""
    # By the first packet too: now and then the kernel gives a port that was given before.
    assert len({(seen.tapped.peer, seen.tapped.first_packet) for seen in one_user.sent}) == len(REPORTS)
    assert one_user.tap.connections(0) == []


def test_nothing_is_resumed(one_user):
    """Observer and server: no session is offered again, by ticket, pre-shared key or session id, and no early data is sent. Policy: A2."""
    for seen in one_user.sent:
        for number in (PRE_SHARED_KEY, EARLY_DATA, SESSION_TICKET, COOKIE):
            assert seen.tapped.hello.extension(number) is None
    session = b""
    for seen in one_user.sent:
        assert seen.tapped.hello.session_id not in session
        session += seen.tapped.received
    assert one_user.receiver.resumed == [False] * len(REPORTS)


def test_one_fingerprint(one_user):
    """Observer and server: every ClientHello is the same, but for bytes that are random, drawn anew and no clock. Policy: A2."""
    hellos = [seen.tapped.hello for seen in one_user.sent]
    assert [hello.fingerprint for hello in hellos] == [hellos[0].fingerprint] * len(REPORTS)
    drawn = [part for hello in hellos for part in (hello.random, hello.session_id, *(key for _, key in hello.keys))]
    assert Counter(drawn).most_common(1)[0][1] == 1
    for hello in hellos:  # before TLS 1.3 the first four bytes were the client's clock (RFC 5246, section 7.4.1.2)
        assert abs(int.from_bytes(hello.random[:4], "big") - time.time()) > 600


def test_what_a_hello_says(one_user):
    """Observer: it names the endpoint's host and HTTP/1.1, and TLS 1.3 and 1.2 are all that is spoken. Policy: C7."""
    for seen in one_user.sent:
        hello = seen.tapped.hello
        assert (hello.host, hello.extension(ALPN)) == ("localhost", b"\x00\x09\x08http/1.1")
        assert hello.extension(SUPPORTED_VERSIONS) == b"\x04\x03\x04\x03\x03"


def test_first_packets(one_user):
    """Observer and server: the packets that open the connections are the same, but for what the kernel draws. Policy: A2."""
    packets = [without_chance(seen.tapped.first_packet) for seen in one_user.sent]
    assert packets == [packets[0]] * len(REPORTS)


def test_every_byte(one_user):
    """Server: four headers, the same with every report whatever it answered to those before, and the report. Policy: A2, A4."""
    head = (
        f"POST /v1/reports HTTP/1.1\r\nHost: localhost:{one_user.tap.port}\r\nContent-Type: application/json\r\n"
        "Content-Length: 1024\r\nConnection: close\r\n\r\n"
    )
    assert [seen.request for seen in one_user.sent] == [head.encode() + encode(report) for report in REPORTS.values()]


async def test_ports(receiver, ca_file):
    """Server: ports are drawn; those of one user's reports do not count up, which would tie them together in their order. Policy: A2."""
    for _ in range(16):
        assert (await Client(ca_file).send(request(receiver.url(), encode(PLAIN)))).result is Result.ACCEPTED
    ports = [port for _, port in receiver.peers]
    near = [abs(after - before) <= 64 for before, after in pairwise(ports)]
    assert sum(near) < 5, ports


def test_what_endpoints_differ_in(watch, machine):
    """Observer: the length of an endpoint's path is to be seen, and its host's name; an address for a host is no name that is told."""
    watched = watch()
    short = watched.send(machine, PLAIN, url=watched.tap.url(path="/r")).tapped
    long = watched.send(machine, PLAIN, url=watched.tap.url(path="/r" + "x" * 500)).tapped
    bare = watched.send(machine, PLAIN, url=watched.tap.url("127.0.0.1", "/r")).tapped
    assert len(long.sent) - len(short.sent) == 500
    assert len(long.received) == len(short.received)
    assert long.hello.fingerprint == short.hello.fingerprint
    assert bare.hello.host is None


def test_relayed(watch, machine, receivers_of_gateway):
    """Observer and relay: reports by way of a relay are alike, whatever they say and whichever endpoint they are for. Policy: A4."""
    gateway, relay, keys = receivers_of_gateway
    watched = watch(relay.answer)
    review_all(machine)
    urls = ["https://a.org/", "https://telemetry.example.org/v1/reports", "https://a.org/" + "x" * 986]
    for url, report in zip(urls, (PLAIN, REPORTS["shortest"], REPORTS["longest"]), strict=True):
        watched.send(machine, report, url=url, relay=watched.tap.url(path="/kde"), keys=keys)
    assert [body for _, body in gateway.opened] == [encode(PLAIN), encode(REPORTS["shortest"]), encode(REPORTS["longest"])]
    first, *others = [(seen.tapped.sizes, seen.tapped.hello.fingerprint, seen.request[:-2304]) for seen in watched.sent]
    assert others == [first] * 2
    assert {seen.tapped.hello.host for seen in watched.sent} == {"localhost"}


@pytest.fixture
def receivers_of_gateway(machine, steady):
    """A gateway behind its door, a relay to it, and the file with its key."""
    from support.net.oblivious_servers import Gateway, Relay, keys_file  # noqa: PLC0415 - skips the test where the extra is not installed

    gateway = Gateway()
    door = Receiver(steady(), gateway.answer)
    keys = machine.root / "kde.keys"
    keys.write_bytes(keys_file(gateway.configuration))
    yield gateway, Relay(door.port, machine.ca_file), keys
    door.close()


@pytest.fixture
def elsewhere():
    """A server where nobody should come."""
    with contextlib.closing(Receiver()) as receiver:
        yield receiver


def test_nobody_else_hears_of_it(watch, elsewhere, pointing, machine, strace, tmp_path):
    """Observer: there is one connection and no packet beside it, even if certificate and answer name others to ask. Policy: C6."""
    watched = watch(context=pointing(elsewhere.url()))
    trace = tmp_path / "trace"
    watched.send(
        machine,
        PLAIN,
        command=[strace, "-f", "--seccomp-bpf", "-qq", "-e", "trace=network", "-e", "signal=none", "-o", str(trace), *UPLOADER],
    )
    text = trace.read_text()
    streams = set(re.findall(r"socket\(AF_INET6?, SOCK_STREAM.* = (\d+)", text))
    connected = re.findall(r"connect\((\d+), \{sa_family=AF_INET6?, sin6?_port=htons\((\d+)\)", text)
    assert {port for number, port in connected if number in streams} == {str(watched.tap.port)}
    assert not re.search(r"\b(sendto|sendmsg|sendmmsg)\(\d+, .*AF_INET", text)
    assert "htons(53)" not in text
    assert elsewhere.peers == []


def test_no_clock(watch, machines, tmp_path):
    """Observer and server: neither the time, nor the installation, nor what it sent before is in a single byte. Policy: A2."""
    watched = watch()
    kept = review_all(machines(tmp_path / "kept"))
    for number, days in enumerate((0, 1, 400)):
        at_that_time = ["env", *(f"{name}={value}" for name, value in shifted_by(days * DAY_S).items()), *UPLOADER]
        for machine in (kept, review_all(machines(tmp_path / str(number)))):
            watched.send(machine, PLAIN, command=at_that_time)
    views = [
        (seen.request, seen.tapped.sizes, seen.tapped.hello.fingerprint, without_chance(seen.tapped.first_packet)) for seen in watched.sent
    ]
    assert views == [views[0]] * 6


DOLPHIN = KATE.replace("org.kde.kate", "org.kde.dolphin")


async def submitted(root, watched, ca_file, *manifests):
    """The reports of a new user's daemon, in the order in which they were sent: (application, how it was seen)."""
    with Machine(root) as user:
        user.develop(watched.tap.url())
        path = user.root / "home/telemetryd/telemetryd.toml"
        path.write_text(path.read_text() + f'ca_file = "{ca_file}"\n')
        with user.daemon():
            async with user.client() as client:
                for text in manifests:
                    await client.register(application_of(text), text)
                    await client.consent(application_of(text))
                    await client.push(application_of(text), "startup", "d", 700.0)
                await client.call(CONTROL, "Submit")
    return [(report_of(seen)["application"], seen) for seen in watched.next(len(manifests))]


def application_of(text):
    """The application whose manifest it is."""
    return re.search(r'id = "(.*)"', text)[1]


def report_of(seen):
    """The report in a request."""
    return json.loads(seen.request.partition(b"\r\n\r\n")[2])


async def test_two_users(watch, tmp_path, ca_file):
    """Observer and server: a user's second report is like the first of another, but for the report's own nonce and noise. Policy: A2."""
    watched = watch()
    (_, earlier), (application, second) = await submitted(tmp_path / "old", watched, ca_file, KATE, DOLPHIN)
    manifest = DOLPHIN if application == application_of(DOLPHIN) else KATE
    ((_, first),) = await submitted(tmp_path / "new", watched, ca_file, manifest)
    (head, _, body), (other_head, _, other_body) = second.request.partition(b"\r\n\r\n"), first.request.partition(b"\r\n\r\n")
    assert head == other_head
    assert but_for_chance(body) == but_for_chance(other_body)
    assert len({report_of(seen)["nonce"] for seen in (earlier, second, first)}) == 3
    assert (second.tapped.sizes, second.tapped.hello.fingerprint) == (first.tapped.sizes, first.tapped.hello.fingerprint)


LOG = '%a %t "%r" %s %b "%{Referer}i" "%{User-Agent}i" "%{Cookie}i" "%{Accept-Language}i" %{Content-Length}i %{Connection}i'
"""The combined format of the usual servers, and what is often added to it."""


async def taken(_request):
    """The answer to a report."""
    return web.Response(headers={"Set-Cookie": "id=7"})


async def test_access_log(machines, steady, tmp_path, caplog, monkeypatch):
    """Server: an access log's lines differ in time and address alone, whoever sends what. Policy: A4."""
    caplog.set_level(logging.INFO, "aiohttp.access")
    application = web.Application()
    application.router.add_post("/v1/reports", taken)
    runner = web.AppRunner(application, access_log_format=LOG)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=steady())
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    for name, reports in (("one", REPORTS.values()), ("other", [PLAIN])):
        machine = review_all(machines(tmp_path / name))
        for key, value in machine.environ.items():
            monkeypatch.setenv(key, value)
        for report in reports:
            endpoint = machine.endpoint(f"https://localhost:{port}/v1/reports")
            assert await UploaderCourier().deliver(endpoint, encode(report), text_of(report)) == ACCEPTED
    await runner.cleanup()
    lines = [record.getMessage() for record in caplog.records if record.name == "aiohttp.access"]
    assert len(lines) == len(REPORTS) + 1
    assert {re.sub(r"^\S+ \[.*?\] ", "", line).partition(" 200 ")[0] for line in lines} == {'"POST /v1/reports HTTP/1.1"'}
    assert {line.rpartition('" ')[0].split("] ")[1].split(" ", 5)[5] for line in lines} == {'"-" "-" "-" "-'}
    assert {line.rpartition('" ')[2] for line in lines} == {"1024 close"}
