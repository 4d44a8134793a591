"""The real uploader, a relay and a gateway, over real TLS: who sees what, and what each answer means."""

import contextlib
import sys
import time
from pathlib import Path

import aiohttp
import pytest
from support.manifests.handed_report import BODY, REPORT, job
from support.net.connect_proxy import ConnectProxy
from support.net.oblivious_servers import RELAY_ADDRESS, Gateway, Relay, configuration, http, keys_file, known, unknown

import telemetryd
from telemetryd.core.answers.report import encode, request_headers
from telemetryd.core.limits import RESPONSE_MAX_BYTES
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.upload.client import Client, Timeouts
from telemetryd.upload.job import HeldError
from telemetryd.upload.ohttp import OhttpError
from telemetryd.upload.relay import sealed_report

URL = "https://telemetry.example.org/v1/reports"
UNREADABLE, REFUSED = unknown_delivery(Hindrance.ANSWER), held_delivery(Hindrance.REFUSED)
SEALED = "message/ohttp-res"
NONCE_AND_TAG_BYTES = 32


class RelayPath:
    """The three of them: `relay` and `gateway` are receivers, `opened` is what the gateway read, `send` is the user's side."""

    def __init__(self, machine, start, receivers, *, trusted):
        self.machine, self.start = machine, start
        self.inside = Gateway()
        self.gateway = receivers(trusted, self.inside.answer)
        self.passing = Relay(self.gateway.port, machine.ca_file)
        self.relay = receivers(trusted, self.passing.answer)
        self.relay_url = self.relay.url().replace("/v1/reports", "/kde")
        self.keys = machine.root / "kde.keys"
        self.keys.write_bytes(keys_file(self.inside.configuration))

    @property
    def opened(self):
        """Inner requests: (what was said, the report)."""
        return self.inside.opened

    def configure(self, url=URL, **endpoint_keys):
        """Put the endpoint in place."""
        return self.machine.endpoint(url, relay=self.relay_url, keys=self.keys, **endpoint_keys)

    async def run(self, url=URL, body=BODY, **options):
        """Hand a report over: (outcome, standard error)."""
        program = await self.start(job(url, body=body, relay=self.relay_url), **options)
        outcome = await program.outcome()
        status, errors = await program.end()
        assert status == 0
        return outcome, errors.decode()

    async def send(self, url=URL, body=BODY, **options):
        """Configure and send one report: its outcome, which nothing more was said about."""
        self.configure(url, **options)
        delivery, errors = await self.run(url, body)
        assert errors == ""
        return delivery

    async def exchange(self, response_s=1.0):
        """The same without a process of its own."""
        report = sealed_report(self.configure(), BODY)
        return report.delivery(await Client(self.machine.ca_file, Timeouts(response=response_s)).exchange(report.request))


@pytest.fixture
def path(machine, start, receivers, trusted):
    """A machine whose endpoint is behind a relay."""
    return RelayPath(machine, start, receivers, trusted=trusted)


async def test_who_sees_what(path):
    """The relay sees the user's address and no report; the gateway the report and no address but the relay's. Policy: A4, C7."""
    assert await path.send() == Delivery(Result.ACCEPTED, 204)
    passed, received = path.relay.requests.get(timeout=20), path.gateway.requests.get(timeout=20)
    assert ([peer[0] for peer in path.relay.peers], [peer[0] for peer in path.gateway.peers]) == (["127.0.0.1"], [RELAY_ADDRESS])
    headers = request_headers(URL, path.relay_url)
    head = "".join(f"{name}: {value}\r\n" for name, value in headers[:4])
    assert passed.partition(b"\r\n\r\n")[0] + b"\r\n" == f"POST /kde HTTP/1.1\r\n{head}".encode()
    assert path.opened == [(headers[4:], BODY)]
    for word in (b"telemetry.example.org", b"kate", b"schema", b"0123456789abcdef", BODY[:20], BODY[-20:]):
        assert word not in passed + b"".join(path.passing.answers)
    for word in (b"127.0.0.1", str(path.relay.peers[0][1]).encode(), b"orwarded", b"Via"):
        assert word not in received.partition(b"\r\n\r\n")[0]


async def test_a_relay_behind_a_proxy(path):
    """The proxy is told the relay's name, and sees neither the report nor whose it is; the gateway sees what it sees without a proxy."""
    with contextlib.closing(ConnectProxy(path.relay.port)) as proxy:
        report = sealed_report(path.configure(), BODY)
        client = Client(path.machine.ca_file, Timeouts(response=1.0), proxy=proxy.url)
        assert report.delivery(await client.exchange(report.request)) == Delivery(Result.ACCEPTED, 204)
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT localhost:{path.relay.port} HTTP/1.1\r\n".encode())
        assert path.opened == [(request_headers(URL, path.relay_url)[4:], BODY)]
        for word in (b"telemetry.example.org", b"kate", BODY[:20]):
            assert word not in head + proxy.through
        proxy.answer = b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"
        with pytest.raises(HeldError) as refusal:
            await client.exchange(report.request)
        assert (refusal.value.delivery, len(path.opened)) == (held_delivery(Hindrance.PROXY_DENIED), 1)


async def test_nothing_ties_two_together(path):
    """Two reports have keys, connections and TLS sessions of their own, and one length, whatever the endpoint. Policy: A2."""
    other = encode(REPORT._replace(answer=(">=2000",)))
    for url, body in ((URL, BODY), (URL, BODY), ("https://a.org/", other), ("https://a.org/" + "x" * 986, BODY)):
        assert await path.send(url, body) == Delivery(Result.ACCEPTED, 204)
    bodies = [path.relay.requests.get(timeout=20).partition(b"\r\n\r\n")[2] for _ in range(4)]
    assert [len(body) for body in bodies] == [2304] * 4
    assert len({body[7:39] for body in bodies}) == len({body[39:71] for body in bodies}) == 4
    assert path.relay.resumed == [False] * 4
    assert [inner for _, inner in path.opened] == [BODY, BODY, other, BODY]


@pytest.mark.parametrize(
    ("response", "delivery"),
    [
        (known(200, content=b"thanks"), Delivery(Result.ACCEPTED, 200)),
        (unknown(202, [("date", "now")], [b"a", b"b"]), Delivery(Result.ACCEPTED, 202)),
        (known(204) + bytes(500), Delivery(Result.ACCEPTED, 204)),
        (known(301, [("location", URL)]), Delivery(Result.REJECTED, 301)),
        (known(404), Delivery(Result.REJECTED, 404)),
        (known(410), Delivery(Result.ANSWERED, 410)),
        (known(451), Delivery(Result.SUSPENDED, 451)),
        (known(429, [("retry-after", "86401")]), Delivery(Result.REJECTED, 429)),
        (known(503, [("retry-after", "soon")]), Delivery(Result.REJECTED, 503)),
        (known(504), Delivery(Result.REJECTED, 504)),
        (b"", UNREADABLE),
        (b"\x01", UNREADABLE),
        (b"HTTP/1.1 204 No Content\r\n\r\n", UNREADABLE),
        (known(204) + b"1", UNREADABLE),
        (known(204, [("Set-Cookie", "x")]), UNREADABLE),
    ],
)
async def test_what_the_gateway_says(path, response, delivery):
    """The sealed status is the outcome; what is sealed and no response leaves the outcome unknown."""
    path.inside.response = response
    assert await path.exchange() == delivery
    assert len(path.opened) == 1


@pytest.mark.parametrize(
    ("answer", "delivery"),
    [
        (http(400, "application/problem+json", b"{}"), Delivery(Result.REJECTED, 400)),
        (http(404, "text/plain", b""), Delivery(Result.REJECTED, 404)),
        (http(410, "text/plain", b""), Delivery(Result.REJECTED, 410)),
        (http(451, "text/plain", b""), Delivery(Result.REJECTED, 451)),
        (http(429, "text/plain", b"", "Retry-After: 90000"), Delivery(Result.REJECTED, 429)),
        (http(503, "text/plain", b"", "Retry-After: 60"), Delivery(Result.REJECTED, 503)),
        (http(400, "text/plain", b"", "Retry-After: 60"), Delivery(Result.REJECTED, 400)),
        (b"HTTP/1.1 204 No Content\r\n\r\n", UNREADABLE),
        (http(200, "text/html", b"<html>"), UNREADABLE),
        (http(200, SEALED, b""), UNREADABLE),
        (http(200, SEALED, b"x" * 100), UNREADABLE),
        (http(200, SEALED, known(204)), UNREADABLE),
        (http(200, SEALED, b"x" * 100)[:-1], UNREADABLE),
        (b"nothing of HTTP\r\n\r\n", UNREADABLE),
        (b"", unknown_delivery(Hindrance.REFUSED)),
    ],
)
async def test_what_the_relay_says(path, answer, delivery):
    """A relay's own answer says nothing about the question: never accepted, answered or suspended. But it is final. Policy: M4."""
    path.relay.answer = answer or hang_up
    assert await path.exchange() == delivery
    assert path.opened == []


def hang_up(request):
    """What a relay does that answers nothing."""
    raise ConnectionAbortedError


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("where", ["other", "same", "endpoint"])
async def test_no_redirect(path, receivers, trusted, *, status, where):
    """A relay's redirect is not followed, wherever it points. Policy: C6."""
    other = receivers(trusted)
    target = {"other": other.url(), "same": path.relay_url + "/2", "endpoint": URL}[where]
    path.relay.answer = http(status, "text/plain", b"", f"Location: {target}")
    assert await path.exchange() == Delivery(Result.REJECTED, status)
    assert (path.relay.requests.qsize(), other.requests.qsize(), path.opened) == (1, 0, [])


async def test_an_old_answer(path):
    """A relay that answers with what the gateway answered before is not believed."""
    assert await path.exchange() == Delivery(Result.ACCEPTED, 204)
    path.relay.answer = path.passing.answers[0]
    assert await path.exchange() == UNREADABLE


async def test_another_media_type(path):
    """An answer that does not say that it is sealed is none, even if it could be opened: 200 is the relay's word otherwise."""
    path.relay.answer = lambda request: path.passing.answer(request).replace(SEALED.encode(), b"message/bhttp")
    assert await path.exchange() == UNREADABLE
    path.relay.answer = lambda request: path.passing.answer(request).replace(SEALED.encode(), b"Message/OHTTP-res; x=y")
    assert await path.exchange() == Delivery(Result.ACCEPTED, 204)


async def test_cut_off_answers(path):
    """An answer of the gateway's of which the relay passes a part only is no answer."""

    def cut(request):
        head, _, body = path.passing.answer(request).partition(b"\r\n\r\n")
        return head.replace(f"{len(body)}".encode(), f"{len(body) - 1}".encode()) + b"\r\n\r\n" + body[:-1]

    path.relay.answer = cut
    assert await path.exchange() == UNREADABLE
    assert len(path.opened) == 1


async def test_answers_without_end(path):
    """Of an answer without end little more than 64 KiB is taken, and it is no answer; nor is one of more than 64 KiB."""
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: message/ohttp-res\r\nContent-Length: 99999999\r\n\r\n"
    path.relay.answer = (bytes(8192) if number else endless for number in range(2**16))
    assert await path.exchange() == UNREADABLE
    await path.relay.end()
    assert path.relay.sent_bytes < 16 * 1024 * 1024
    path.relay.answer = path.passing.answer
    path.inside.response = known(204).ljust(RESPONSE_MAX_BYTES - NONCE_AND_TAG_BYTES, b"\0")
    assert await path.exchange() == Delivery(Result.ACCEPTED, 204)
    path.inside.response += b"\0"
    assert await path.exchange() == UNREADABLE


async def test_an_answer_that_never_ends(path):
    """An answer whose body does not come ends the attempt in time."""
    path.relay.answer = b"HTTP/1.1 200 OK\r\nContent-Type: message/ohttp-res\r\nContent-Length: 100\r\n\r\nx"
    began = time.monotonic()
    assert await path.exchange(0.5) == UNREADABLE
    assert time.monotonic() - began < 5


async def test_wrong_key(path):
    """A report sealed for another gateway is opened by nobody, and lost: the relay's word is final."""
    path.keys.write_bytes(keys_file(Gateway().configuration))
    assert await path.send() == Delivery(Result.REJECTED, 400)
    assert path.opened == []


async def test_rotation(path):
    """The key in force when a report leaves is the one in the file then."""
    path.keys.write_bytes(keys_file(configuration(3, bytes(65), kem=0x10), path.inside.configuration))
    assert await path.send() == Delivery(Result.ACCEPTED, 204)
    path.inside.pair, path.inside.key_id = Gateway().pair, 8
    assert await path.send() == Delivery(Result.REJECTED, 400)
    path.keys.write_bytes(keys_file(path.inside.configuration))
    assert await path.send() == Delivery(Result.ACCEPTED, 204)
    assert len(path.opened) == 2


@pytest.mark.parametrize("kind", ["nobody", "no trust", "gateway down"])
async def test_down(path, unused_tcp_port, tmp_path, kind):
    """A relay that is down or not trusted gets nothing, and the report waits. One that answers for its gateway ends it. Policy: C7."""
    if kind == "nobody":
        path.relay_url = f"https://localhost:{unused_tcp_port}/"
    elif kind == "gateway down":
        path.relay.answer = http(502, "text/plain", b"")
    expected = {"gateway down": Delivery(Result.REJECTED, 502), "no trust": held_delivery(Hindrance.AUTHORITY)}.get(kind, REFUSED)
    path.configure(**({"ca_file": ""} if kind == "no trust" else {}))
    delivery, errors = await path.run()
    assert (delivery, "certificate" in errors) == (expected, kind == "no trust")
    assert (path.relay.requests.qsize(), path.opened) == (int(kind == "gateway down"), [])


def without_the_extra(folder):
    """The import path of an installation without the extra: everything that is installed here but HPKE."""
    folder.mkdir()
    for entry in Path(aiohttp.__file__).parents[1].iterdir():
        if not entry.name.startswith("pyhpke"):
            (folder / entry.name).symlink_to(entry)
    return f"{folder}:{Path(telemetryd.__file__).parents[1]}"


async def refused(path, receivers, trusted, *, hindrance, **options):
    """What an uploader says that holds a report; nobody got anything, neither the relay nor the endpoint itself."""
    direct = receivers(trusted)
    path.relay_url = path.relay_url.replace("localhost", "127.0.0.1")
    path.configure(direct.url())
    delivery, errors = await path.run(direct.url(), **options)
    assert delivery == held_delivery(hindrance)
    assert (direct.peers, path.relay.peers, path.gateway.peers) == ([], [], [])
    assert errors.startswith("telemetryd-upload: [endpoint.kde] ohttp_")
    assert errors.endswith("; nothing was sent\n")
    assert errors.count("\n") == 1
    return errors


async def test_no_extra(path, receivers, trusted, tmp_path):
    """An installation without the extra sends nothing to such an endpoint, above all not directly, and the report waits. Policy: A4."""
    errors = await refused(
        path, receivers, trusted, hindrance=Hindrance.OHTTP, options=("-S", "-P"), PYTHONPATH=without_the_extra(tmp_path / "packages")
    )
    assert "the extra ohttp is not installed (no module pyhpke)" in errors


async def test_the_extra_is_all_that_is_missing(path, receivers, trusted, tmp_path):
    """The same installation sends to an endpoint without a relay."""
    direct = receivers(trusted)
    path.relay_url = ""
    path.configure(direct.url())
    delivery, errors = await path.run(direct.url(), options=("-S", "-P"), PYTHONPATH=without_the_extra(tmp_path / "packages"))
    assert (delivery, errors) == (Delivery(Result.ACCEPTED, 204), "")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (None, "No such file or directory"),
        (Path, "Is a directory"),
        (b"", "expected a key for DHKEM(X25519"),
        (b"x" * 20_000, "expected at most 16384 bytes"),
        (b"-----BEGIN PUBLIC KEY-----", "expected key configurations as in RFC 9458"),
        (keys_file(configuration(3, bytes(65), kem=0x10)), "expected a key for DHKEM(X25519"),
        (keys_file(configuration(3, bytes(32))), "the key does not protect anything"),
    ],
    ids=["missing", "directory", "empty", "long", "pem", "unsupported", "weak"],
)
async def test_no_keys(path, receivers, trusted, *, data, reason):
    """Keys that are missing, unreadable, unsupported, misspelled or weak: nothing is sent, above all not directly. Policy: A4."""
    path.keys.unlink()
    if data is Path:
        path.keys.mkdir()
    elif data is not None:
        path.keys.write_bytes(data)
    assert reason in await refused(path, receivers, trusted, hindrance=Hindrance.KEYS)


@pytest.mark.parametrize("kind", ["half", "relay gone", "another relay"])
async def test_no_way_around_the_relay(path, receivers, trusted, kind):
    """A relay without keys is no endpoint; a relay that went or came since the daemon looked: nothing leaves. Policy: A4, C6."""
    direct = receivers(trusted)
    url = direct.url("127.0.0.1")
    table = f'[endpoint.kde]\nname = "KDE"\nurl = "{url}"\nca_file = "{path.machine.ca_file}"\n'
    lines = {"half": f'ohttp_relay = "{path.relay_url}"\n', "relay gone": "", "another relay": None}[kind]
    if lines is None:
        path.configure(url)
        path.relay_url += "/2"
    else:
        path.machine.write("system/telemetryd/telemetryd.toml", table + lines)
    delivery, errors = await path.run(url)
    assert (delivery, errors.count("the configuration does not permit it")) == (held_delivery(Hindrance.CONFIGURATION), 1)
    assert (direct.peers, path.relay.peers) == ([], [])


@pytest.mark.parametrize("kind", ["no relay", "no job"])
async def test_the_extra_is_imported_when_it_is_used(path, receivers, trusted, kind):
    """HPKE is imported for a valid job of an endpoint with a relay only."""
    direct = receivers(trusted)
    if kind == "no relay":
        path.relay_url = ""
    path.configure(direct.url())
    body = BODY if kind == "no relay" else BODY.replace(b'"schema":1', b'"schema":2')
    _, errors = await path.run(direct.url(), body, options=("-P", "-X", "importtime"))
    assert "telemetryd.upload.job" in errors
    assert "pyhpke" not in errors
    assert "cryptography" not in errors


def test_a_url_of_any_other_length(path):
    """A URL that does not fit into the one length that all have is refused, not sent at a length of its own."""
    with pytest.raises(OhttpError, match="too long"):
        sealed_report(path.configure()._replace(url="https://a.org/" + "x" * 1200), BODY)


def test_this_interpreter_has_the_extra():
    """The tests above would prove nothing where the extra is missing anyway."""
    assert "pyhpke" in sys.modules
