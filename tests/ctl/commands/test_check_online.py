"""`telemetryctl check --online` and `--send-test`: the real uploader meets real TLS servers; what they get, and what is said of it."""

import json
import ssl
import sys

import pytest

pytest.importorskip("trustme", reason="trustme is not installed: there are no certificates to try with")
import trustme
from support.machine import KATE, Machine
from support.net.oblivious_servers import Gateway, Relay, keys_file
from support.net.tls_receiver import NO_CONTENT, RESET, Receiver

from telemetryd.core.answers.report import REPORT_BYTES, is_for_test, parse

AUTHORITY = "the server's certificate does not lead to an authority that is trusted here"


class Offline(Machine):
    """A machine without a bus."""

    @property
    def environ(self):
        """Of its programs."""
        return super().environ | {"DBUS_SESSION_BUS_ADDRESS": "rubbish"}

    def check(self, *arguments, **environ):
        """The finished command."""
        prefix = ["env", *(f"{name}={value}" for name, value in environ.items())]
        return self.run(*prefix, sys.executable, "-m", "telemetryd.ctl", "check", *arguments, check=False)

    def endpoint(self, url, ca_file, more=""):
        """Name the endpoint."""
        self.configure(f'[endpoint.kde]\nname = "KDE"\nurl = "{url}"\nca_file = "{ca_file}"\n{more}')

    def problems(self, *arguments):
        """What the check says of endpoints."""
        return [found for found in json.loads(self.check("--json", *arguments).stdout)["problems"] if found["check"] == "endpoints"]


@pytest.fixture
def offline(tmp_path):
    """A machine with Kate's reviewed manifest."""
    machine = Offline(tmp_path / "machine")
    machine.install(KATE)
    return machine


@pytest.fixture
def server(certificate):
    """Starts servers with the certificate of localhost."""
    started = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])

    def start(answer=NO_CONTENT, **options):
        started.append(Receiver(context, answer, **options))
        return started[-1]

    yield start
    for one in started:
        one.close()


def bodies(receiver):
    """The bodies that a server got."""
    return [bytes(request).partition(b"\r\n\r\n")[2] for request in list(receiver.requests.queue)]


def test_online(offline, server, certificate):
    """With --online the uploader makes the connection of a report and sends nothing. Without it nobody connects."""
    receiver = server()
    offline.endpoint(receiver.url(), certificate[0])
    assert offline.problems() == []
    assert receiver.peers == []
    assert offline.problems("--online") == []
    assert receiver.ended.get(timeout=20)
    assert len(receiver.peers) == 1
    assert not b"".join(bodies(receiver))  # Python 3.13 notes no request where TLS ends without one


def test_online_faults(offline, server, certificate, tmp_path):
    """A name that is not found, a closed port, and a certificate of another authority or name are each a problem that says what to do."""
    receiver, other = server(), tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    gone = server()
    closed = gone.url()
    gone.close()
    cases = [
        (receiver.url("nobody.invalid"), certificate[0], "the server's name is not found", "correct the url"),
        (closed, certificate[0], "the connection is refused", "start the server"),
        (receiver.url(), other, AUTHORITY, "name the authority's certificate as ca_file"),
        (receiver.url("127.0.0.1"), certificate[0], "the server's certificate is for another name", "give the server a certificate"),
    ]
    for url, ca_file, text, advice in cases:
        offline.endpoint(url, ca_file)
        (found,) = offline.problems("--online")
        assert found["text"].startswith(f"[endpoint.kde] {url}: {text}")
        assert found["advice"].startswith(advice)
    proxy = f'proxy = "http://localhost:{closed.split(":")[2].partition("/")[0]}"\n'
    for url, ca_file, text, advice in [(receiver.url(), certificate[0], "the proxy is not reached", "start the proxy")]:
        offline.endpoint(url, ca_file, proxy)
        (found,) = offline.problems("--online")
        assert found["text"].startswith(f"[endpoint.kde] {url}: {text}")
        assert found["advice"].startswith(advice)
    assert bodies(receiver) == []


def test_online_chooses_and_respects(offline, server, certificate):
    """--endpoint connects to one vendor only; while telemetry is switched off nobody connects, and a note says so."""
    ours, others = server(), server()
    more = f'[endpoint.other]\nname = "Other"\nurl = "{others.url()}"\nca_file = "{certificate[0]}"\n'
    offline.endpoint(ours.url(), certificate[0], more)
    assert offline.problems("--online", "--endpoint", "other") == []
    assert (len(ours.peers), len(others.peers)) == (0, 1)
    assert offline.check("--online", "--endpoint", "nobody").returncode == 1
    offline.configure("enabled = false\n", name="telemetryd.toml.d/50-off.toml")
    said = json.loads(offline.check("--online", "--json").stdout)
    assert "not connected to, because telemetry is switched off" in [note["text"] for note in said["notes"]]
    assert (len(ours.peers), len(others.peers)) == (0, 1)


def test_send_test(offline, server, certificate):
    """One test report arrives, with the bytes that are shown; it holds no answer, and each has another nonce."""
    receiver = server()
    offline.endpoint(receiver.url(), certificate[0])
    done = offline.check("--endpoint", "kde", "--send-test")
    assert (done.returncode, done.stderr) == (0, "")
    first, shown = done.stdout.splitlines()
    assert first == f"The test report was accepted (status 204). These bytes were sent to {receiver.url()}:"
    (body,) = bodies(receiver)
    assert (body.decode(), len(body)) == (shown.ljust(REPORT_BYTES), REPORT_BYTES)
    assert is_for_test(parse(body))
    said = json.loads(offline.check("--endpoint", "kde", "--send-test", "--json").stdout)
    assert {key: said[key] for key in ("schema", "endpoint", "url", "result", "status", "hindrance")} == {
        "schema": 1, "endpoint": "kde", "url": receiver.url(), "result": "accepted", "status": 204, "hindrance": "",
    }  # fmt: skip
    assert said["body"] == bodies(receiver)[1].decode().rstrip() != shown
    assert offline.state() == {}


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 500 No\r\n\r\n", "the server did not accept it (status 500)"),
        (b"HTTP/1.1 410 Gone\r\n\r\n", "the server says that the question is over (status 410)"),
        (b"HTTP/1.1 451 No\r\n\r\n", "the server says that the question is suspended (status 451)"),
        ([RESET], "the server gave no status, and may have the test report"),
    ],
)
def test_refused_test_report(offline, server, certificate, answer, said):
    """A server that does not accept the test report fails the command, which says how it answered."""
    receiver = server(answer)
    offline.endpoint(receiver.url(), certificate[0])
    done = offline.check("--endpoint", "kde", "--send-test")
    assert (done.returncode, done.stdout) == (1, "")
    assert said in done.stderr


def test_test_report_that_is_held(offline, server, certificate):
    """No test report leaves while a kill switch or DO_NOT_TRACK is on, or without an endpoint that can work; the reason is said."""
    receiver = server()
    offline.endpoint(receiver.url(), certificate[0])
    send = ("--endpoint", "kde", "--send-test")
    done = offline.check(*send, DO_NOT_TRACK="1")
    assert (done.returncode, "nothing was sent, because telemetry is switched off: DO_NOT_TRACK" in done.stderr) == (1, True)
    offline.configure_user("enabled = false\n")
    done = offline.check(*send)
    assert (done.returncode, "telemetryd.toml says enabled = false" in done.stderr) == (1, True)
    offline.configure_user("")
    assert "no endpoint for other is configured" in offline.check("--endpoint", "other", "--send-test").stderr
    offline.endpoint(receiver.url(), "/nonexistent.pem")
    assert "/nonexistent.pem: [endpoint.kde] ca_file: this file cannot be read" in offline.check(*send).stderr
    offline.endpoint(receiver.url("127.0.0.1"), certificate[0])
    assert "nothing was sent: the server's certificate is for another name" in offline.check(*send).stderr
    assert bodies(receiver) == []


def test_through_a_relay(offline, server, certificate):
    """With a relay the test report arrives sealed, and opens to the same form; a handshake goes to the relay alone."""
    gateway = Gateway()
    gateway.door = server(gateway.answer)
    relay = server(Relay(gateway.door.port, certificate[0]).answer)
    keys = offline.root / "kde.keys"
    keys.write_bytes(keys_file(gateway.configuration))
    more = f'ohttp_relay = "https://localhost:{relay.port}/kde"\nohttp_keys = "{keys}"\n'
    offline.endpoint("https://127.0.0.1/v1/reports", certificate[0], more)
    assert offline.problems("--online") == []
    assert gateway.opened == []
    done = offline.check("--endpoint", "kde", "--send-test", "--json")
    assert json.loads(done.stdout)["result"] == "accepted", done.stderr
    ((_, body),) = gateway.opened
    assert is_for_test(parse(body))
    keys.write_bytes(b"rubbish")
    (found,) = offline.problems("--online")
    assert "this file cannot be read, or holds no usable key" in found["text"]
    assert found["advice"] == "install the gateway's keys again"
