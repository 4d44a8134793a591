"""What a network and a server can do to a delivery: real connections, real TLS, and every fault at every stage of them."""

import gzip
import inspect
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from support.manifests.handed_report import BODY, job
from support.net.tls_receiver import RESET
from support.shifted_time import hastened
from support.source_tree import behind

from telemetryd.core.limits import ANSWER_TIMEOUT_S, CONNECT_TIMEOUT_S, RESPONSE_TIMEOUT_S, UPLOAD_TIMEOUT_S
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Delivery, Result, held_delivery, unknown_delivery
from telemetryd.core.sending.uploader_protocol import SENDING, parse_delivery
from telemetryd.upload.client import Client, Timeouts
from telemetryd.upload.job import HeldError
from telemetryd.upload.request import request

SHORT = Timeouts(connect=1.0, answer=1.0, total=2.0, response=1.0)
SILENT, BROKEN, UNREADABLE = map(unknown_delivery, (Hindrance.TIMEOUT, Hindrance.REFUSED, Hindrance.ANSWER))
ACCEPTED = Delivery(Result.ACCEPTED, 200)
REFUSED, TIMEOUT = held_delivery(Hindrance.REFUSED), held_delivery(Hindrance.TIMEOUT)
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"


def nothing(_connection):
    """Read nothing."""
    return b""


def beginning(connection):
    """Read no more than the beginning, of a handshake or of a request."""
    return connection.recv(100)


def slowly(pieces):
    """A piece every tenth of a second."""
    for piece in pieces:
        time.sleep(0.1)
        yield piece


async def deliver(receiver, ca_file, url="", *, timeouts=SHORT):
    """One attempt, which ends in time, over one connection and with one request at most."""
    began = time.monotonic()
    try:
        delivery = await Client(ca_file, timeouts).send(request(url or receiver.url(), BODY))
    except HeldError as refusal:
        delivery = refusal.delivery
    assert timeouts is not SHORT or time.monotonic() - began < 5
    await receiver.end()
    assert len(receiver.peers) == 1
    assert receiver.requests.qsize() <= 1
    assert delivery.result is not Result.HELD or not any(BODY[:20] in request for request in list(receiver.requests.queue))
    return delivery


@pytest.mark.parametrize(
    ("read", "answer", "is_tls", "delivery"),
    [
        (nothing, [RESET], False, REFUSED),
        (beginning, [RESET], False, REFUSED),
        (beginning, [RESET], True, BROKEN),
        (None, [RESET], True, BROKEN),
        (None, [b"HTTP/1.1 20", RESET], True, BROKEN),
        (None, [b"HTTP/1.1 200 OK\r\nX:", RESET], True, BROKEN),
        (None, slowly([HALF, RESET]), True, ACCEPTED),
    ],
    ids=["connect", "handshake", "request", "silence", "status", "headers", "body"],
)
async def test_reset(receivers, trusted, *, ca_file, read, answer, is_tls, delivery):
    """A connection that is reset is not made again. Before TLS stands nobody is reached, then nobody knows until a status was read."""
    receiver = receivers(trusted if is_tls else None, answer, **({"read": read} if read else {}))
    assert await deliver(receiver, ca_file, receiver.url(scheme="https")) == delivery


@pytest.mark.parametrize(
    ("head", "drop", "is_tls", "delivery"),
    [
        (b"\x16\x03\x03\x40\x00", b"\0", False, TIMEOUT),
        (b"HTTP/1.1 200 O", b"K", True, SILENT),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y", True, SILENT),
        (HALF, b"x", True, ACCEPTED),
    ],
    ids=["handshake", "status", "headers", "body"],
)
async def test_drops(receivers, trusted, *, ca_file, head, drop, is_tls, delivery):
    """A server that is never silent, and gives a byte at a time, ends the try in time whichever part it draws out."""
    how = {} if is_tls else {"read": beginning}
    receiver = receivers(trusted if is_tls else None, slowly([head, *[drop] * 100]), **how)
    assert await deliver(receiver, ca_file, receiver.url(scheme="https")) == delivery


@pytest.mark.parametrize(
    ("line", "delivery"),
    [
        ("101 Switching Protocols", Delivery(Result.REJECTED, 101)),
        ("203 Elsewhere", Delivery(Result.ACCEPTED, 203)),
        ("299 Fine", Delivery(Result.ACCEPTED, 299)),
        ("300 Choose", Delivery(Result.REJECTED, 300)),
        ("304 Not Modified", Delivery(Result.REJECTED, 304)),
        ("400 Bad", Delivery(Result.REJECTED, 400)),
        ("407 Proxy", Delivery(Result.REJECTED, 407)),
        ("408 Slow", Delivery(Result.REJECTED, 408)),
        ("410 Gone", Delivery(Result.ANSWERED, 410)),
        ("413 Large", Delivery(Result.REJECTED, 413)),
        ("425 Early", Delivery(Result.REJECTED, 425)),
        ("429 Many", Delivery(Result.REJECTED, 429)),
        ("451 Law", Delivery(Result.SUSPENDED, 451)),
        ("500 Error", Delivery(Result.REJECTED, 500)),
        ("599 Error", Delivery(Result.REJECTED, 599)),
        ("600 Strange", Delivery(Result.REJECTED, 600)),
        ("999 Strange", Delivery(Result.REJECTED, 999)),
        ("000 Strange", Delivery(Result.REJECTED, 0)),
        ("1000 Strange", UNREADABLE),
        ("20 Short", UNREADABLE),
        ("-200 Negative", UNREADABLE),
        ("2e2 Exponent", UNREADABLE),
        ("٢٠٠ Digits", UNREADABLE),
        ("OK", UNREADABLE),
        ("", UNREADABLE),
    ],
)
async def test_statuses(receivers, trusted, ca_file, *, line, delivery):
    """Each status is final, alone and after interim answers. What is no number of three digits is no status: then nobody knows."""
    for interim in ("", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: <https://example.org/>\r\n\r\n"):
        receiver = receivers(trusted, f"{interim}HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n".encode())
        assert await deliver(receiver, ca_file) == delivery


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 200 OK",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"ICY 200 OK\r\n\r\n",
        b"200 OK\r\n\r\n",
        b"<html>200</html>",
        bytes(1000) + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
)
async def test_no_answer(receivers, trusted, ca_file, answer):
    """What is no HTTP is no answer, and whatever number is in it says nothing."""
    is_unfinished = answer in {b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 200 OK"}
    assert await deliver(receivers(trusted, answer), ca_file) == (SILENT if is_unfinished else UNREADABLE)


async def untrusted(receiver, ca_file, hindrance):
    """The report is held for this reason, and no byte of it leaves."""
    assert await deliver(receiver, ca_file) == held_delivery(hindrance)
    assert receiver.requests.empty()


def serving(tmp_path, key, *chain):
    """A server's context with this key and exactly these certificates (PEM)."""
    path = tmp_path / "chain.pem"
    path.write_bytes(b"".join([key, *chain]))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server


def certified(issuer=None, issuer_key=None, extensions=()):
    """A key and a certificate for localhost (PEM): its own issuer if none is given."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    builder = (
        x509.CertificateBuilder(issuer or name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    certificate = builder.sign(issuer_key or key, hashes.SHA256())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()), certificate.public_bytes(Encoding.PEM)


def contexts_without_trust(authority, tmp_path):
    """Chains of certificates that lead nowhere, each under its name."""
    stranger, child = trustme.CA().create_child_ca(), authority.create_child_ca()
    leaf = child.issue_cert("localhost")
    end, *_ = (pem.bytes() for pem in leaf.cert_chain_pems)
    no_authority = authority.issue_cert("localhost")
    issuer, issuer_key = (
        x509.load_pem_x509_certificate(no_authority.cert_chain_pems[0].bytes()),
        load_pem_private_key(no_authority.private_key_pem.bytes(), None),
    )
    key, certificate = certified(issuer.subject, issuer_key)
    return {
        "self-signed": lambda: serving(tmp_path, *certified()),
        "chain without its middle": lambda: serving(tmp_path, leaf.private_key_pem.bytes(), end),
        "chain with another middle": lambda: serving(tmp_path, leaf.private_key_pem.bytes(), end, stranger.cert_pem.bytes()),
        "issuer that is no authority": lambda: serving(tmp_path, key, certificate, no_authority.cert_chain_pems[0].bytes()),
    }


@pytest.mark.parametrize("kind", ["self-signed", "chain without its middle", "chain with another middle", "issuer that is no authority"])
async def test_chains(receivers, authority, *, ca_file, tmp_path, kind):
    """Certificates that do not lead to the configured authority are no trust: not a byte of a report leaves, and it waits. Policy: C7."""
    receiver = receivers(contexts_without_trust(authority, tmp_path)[kind]())
    is_first_seen_as_strict = kind == "issuer that is no authority" and sys.version_info >= (3, 13)
    await untrusted(receiver, ca_file, Hindrance.STRICT if is_first_seen_as_strict else Hindrance.AUTHORITY)


async def test_whole_chain(receivers, authority, *, ca_file, tmp_path):
    """The same chain with its middle is trusted: what the test above refuses is the fault alone."""
    leaf = authority.create_child_ca().issue_cert("localhost")
    receiver = receivers(serving(tmp_path, leaf.private_key_pem.bytes(), *(pem.bytes() for pem in leaf.cert_chain_pems)))
    assert (await deliver(receiver, ca_file, timeouts=Timeouts())).result is Result.ACCEPTED


def private_authority(**usage):
    """A key and a certificate (PEM) of an authority that somebody made by hand: with `keyUsage`, or without."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "authority")])
    builder = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if usage:
        none = dict.fromkeys(inspect.signature(x509.KeyUsage).parameters, False)
        builder = builder.add_extension(x509.KeyUsage(**none | usage), critical=True)
    return key, builder.sign(key, hashes.SHA256())


@pytest.mark.parametrize("usage", [{}, {"key_cert_sign": True}])
async def test_what_a_private_authority_needs(receivers, tmp_path, usage):
    """Python 3.13 refuses an authority without keyUsage: then the report waits, and the cause has a word of its own."""
    key, authority = private_authority(**usage)
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    private, certificate = certified(authority.subject, key, (identifier,))
    (tmp_path / "ca.pem").write_bytes(authority.public_bytes(Encoding.PEM))
    receiver = receivers(serving(tmp_path, private, certificate))
    if usage or sys.version_info < (3, 13):
        assert (await deliver(receiver, str(tmp_path / "ca.pem"), timeouts=Timeouts())).result is Result.ACCEPTED
    else:
        await untrusted(receiver, str(tmp_path / "ca.pem"), Hindrance.STRICT)


@pytest.mark.parametrize("names", [("example.localhost",), ("127.0.0.1",), ("*.localhost",)])
async def test_names(receivers, tls, ca_file, names):
    """A certificate for another name, for an address instead of the name, or for everybody below it is no trust. Policy: C7."""
    await untrusted(receivers(tls(*names)), ca_file, Hindrance.NAME)


async def test_not_yet_valid(receivers, tls, ca_file):
    """A certificate of the future, as a clock that is wrong sees it, is no trust; the report waits. Policy: C7."""
    later = {"not_before": datetime(2090, 1, 1, tzinfo=UTC), "not_after": datetime(2091, 1, 1, tzinfo=UTC)}
    await untrusted(receivers(tls("localhost", **later)), ca_file, Hindrance.EXPIRED)


@pytest.mark.parametrize("host", ["x" * 64 + ".example", "a..example"])
async def test_no_name(ca_file, host):
    """What can be no name is looked up nowhere, and the report waits."""
    with pytest.raises(HeldError) as refusal:
        await Client(ca_file, SHORT).send(request(f"https://{host}/", BODY))
    assert refusal.value.delivery == held_delivery(Hindrance.DNS)


class MeasuredUploaders:
    """Where uploaders leave how they ended, and what else their Python does at its start."""

    def __init__(self, root, machine):
        self.root, self.machine = root, machine
        root.mkdir()

    def run(self, url, *, first="", prefix=(), environ=None):
        """Send a report with the real program: (outcome, its peak of resident memory in KiB, the program's seconds in it)."""
        script = (
            "import atexit, time\nbegan = time.monotonic()\n"
            "def note():\n"
            f"    with open({str(self.root / 'status')!r}, 'w') as file:\n"
            "        file.write(f'{time.monotonic() - began}\\n' + open('/proc/self/status').read())\n"
            f"atexit.register(note)\n{first}\n"
        )
        (self.root / "sitecustomize.py").write_text(script)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            command = [*prefix, sys.executable, "-P", "-m", "telemetryd.upload", "--socket", str(theirs.fileno())]
            variables = {**self.machine.environ, **behind(self.root), **(environ or {})}
            with subprocess.Popen(command, env=variables, pass_fds=(theirs.fileno(),)) as process:
                theirs.close()
                ours.sendall(job(self.machine.endpoint(url).url))
                ours.settimeout(20)
                output = b""
                while not output.removeprefix(SENDING):
                    output += ours.recv(4096)
                if first:
                    process.kill()
                    return parse_delivery(output.removeprefix(SENDING)), 0, 0.0
        seconds, _, status = (self.root / "status").read_text().partition("\n")
        return parse_delivery(output.removeprefix(SENDING)), int(re.search(r"VmHWM:\s+(\d+)", status)[1]), float(seconds)


@pytest.fixture
def measured(machine, tmp_path):
    """Runs uploaders of the machine and measures them."""
    return MeasuredUploaders(tmp_path / "measured", machine)


def without_end(head, piece):
    """A server's head and then the same without end."""
    yield head
    while True:
        yield piece


BOMB = gzip.compress(bytes(60 << 20))
"""60 MB in 60 KB: less than is read of a body."""
BODIES = {
    "10 GB": lambda: without_end(b"HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n", bytes(1 << 20)),
    "chunks without end": lambda: without_end(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    ),
    "bomb": lambda: b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(BOMB) + BOMB,
    "bomb in transfer": lambda: b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n%x\r\n" % len(BOMB) + BOMB + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("kind", BODIES)
def test_memory(receivers_at_once, trusted, measured, kind):
    """The program's peak of memory for a body of 10 GB, or for one that would unpack to 60 MB, is within 4 MB of that for none."""
    plain, usual_kib, _ = measured.run(receivers_at_once(trusted).url())
    receiver = receivers_at_once(trusted, BODIES[kind]())
    delivery, peak_kib, _ = measured.run(receiver.url())
    assert (plain.result, delivery) == (Result.ACCEPTED, ACCEPTED)
    assert peak_kib - usual_kib < 4096
    assert receiver.sent_bytes < 16 << 20


RATE = 20
"""So many times as fast as time passes does the program think that it passes."""
LONGEST_LAG_S = 1.0
"""What a busy machine may add, in real time."""
_ATTEMPTS = 3


def _slow_headers(_request):
    """A header every tenth of a second, anew for each attempt."""
    return slowly([b"HTTP/1.1 200 OK\r\n", *[b"X: y\r\n"] * 100])


@pytest.mark.parametrize(
    ("how", "seconds", "delivery"),
    [
        ({"silent_in": "handshake"}, CONNECT_TIMEOUT_S, TIMEOUT),
        ({"silent_in": "headers"}, ANSWER_TIMEOUT_S, SILENT),
        ({"answer": _slow_headers}, UPLOAD_TIMEOUT_S, SILENT),
        ({"answer": HALF}, RESPONSE_TIMEOUT_S, ACCEPTED),
    ],
    ids=["handshake", "silence", "headers", "body"],
)
def test_deadlines(receivers_at_once, trusted, measured, *, how, seconds, delivery):
    """The real program waits as long as the limits say, and no longer, at each stage.

    A program that waits too long does so each time; what a busy machine adds differs.
    """
    fast = hastened(RATE)
    for _ in range(_ATTEMPTS):
        outcome, _, took = measured.run(receivers_at_once(trusted, **how).url(), environ=fast)
        _, _, start = measured.run(receivers_at_once(trusted).url(), environ=fast)
        assert outcome == delivery
        assert took >= seconds
        if took <= start + seconds + LONGEST_LAG_S * RATE:
            return
    pytest.fail(f"it took {took} s, beyond the start of {start} s")


def test_name_look_up_that_hangs(measured):
    """A resolver that never answers ends the attempt when connecting has to; the program says so while the look-up's thread still hangs."""
    hang = "import socket, threading\nsocket.getaddrinfo = lambda *_, **__: threading.Event().wait()"
    began = time.monotonic()
    delivery, *_ = measured.run("https://telemetry.example.org/", first=hang, environ=hastened(RATE))
    assert delivery == TIMEOUT
    assert CONNECT_TIMEOUT_S / RATE <= time.monotonic() - began < 10


@pytest.mark.skipif(not shutil.which("unshare"), reason="unshare is not installed")
def test_no_network(measured):
    """Without any network no name is found, and the report waits."""
    if subprocess.run(["unshare", "-rn", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no namespaces for users here")
    delivery, *_ = measured.run("https://telemetry.example.org/", prefix=["unshare", "-rn"])
    assert delivery == held_delivery(Hindrance.DNS)
