"""Fixtures for the uploader's tests: receivers with certificates of every kind, and the configuration that an uploader finds."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
from datetime import UTC, datetime

import pytest

pytest.importorskip("trustme", reason="trustme is not installed: there are no certificates to try with")
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from support.manifests.handed_report import DEFINITION, reviews_of
from support.net.tls_receiver import Receiver
from support.net.watched_uploads import Watched
from support.source_tree import inherited

from telemetryd.core.sending.uploader_protocol import SENDING, parse_delivery
from telemetryd.core.settings import Endpoint


@pytest.fixture(scope="session")
def authority():
    """A certificate authority of this test run."""
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_file(authority, tmp_path_factory):
    """The authority's certificate, as an endpoint's `ca_file` names it."""
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


@pytest.fixture(scope="session")
def tls(authority):
    """Makes a server's TLS context for these names."""

    def context(*names, issuer=authority, **times):
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issuer.issue_cert(*names, **times).configure_cert(server)
        return server

    return context


@pytest.fixture(scope="session")
def trusted(tls):
    """A context with a certificate for localhost that is valid."""
    return tls("localhost", "127.0.0.1")


@pytest.fixture
async def receivers():
    """Starts receivers; they stop while the test's loop still runs, so that it sees its connections end."""
    started = []

    def start(*args, **kwargs):
        started.append(Receiver(*args, **kwargs))
        return started[-1]

    yield start
    for receiver in started:
        await asyncio.to_thread(receiver.close)


@pytest.fixture
def receivers_at_once():
    """Starts receivers for a test without a loop."""
    with contextlib.ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(contextlib.closing(Receiver(*args, **kwargs)))


@pytest.fixture
def receiver(receivers, trusted):
    """A receiver that takes every report."""
    return receivers(trusted)


@pytest.fixture(scope="session")
def steady(tls):
    """Makes a context of which every message has the same length: RSA, whose signatures have, and sessions that the server keeps."""

    def context(version="TLSv1_3"):
        server = tls("localhost", "127.0.0.1", key_type=trustme.KeyType.RSA)
        server.maximum_version = ssl.TLSVersion[version]
        server.options |= ssl.OP_NO_TICKET
        return server

    return context


@pytest.fixture
def watch(steady):
    """Starts servers with an observer before them."""
    started = []

    def start(*args, context=None):
        started.append(Watched(context or steady(), *args))
        return started[-1]

    yield start
    for watched in started:
        watched.close()


@pytest.fixture
def pointing(authority, tmp_path):
    """Makes a context whose certificate says where its state, its list of revoked ones and its issuer are to be had."""

    def context(url):
        issuer = x509.load_pem_x509_certificate(authority.cert_pem.bytes())
        issuer_key = serialization.load_pem_private_key(authority.private_key_pem.bytes(), None)
        key, location = ec.generate_private_key(ec.SECP256R1()), x509.UniformResourceIdentifier(url)
        access = [
            x509.AccessDescription(method, location)
            for method in (AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS)
        ]
        certificate = (
            x509.CertificateBuilder(issuer.subject, x509.Name([]), key.public_key(), x509.random_serial_number())
            .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
            .not_valid_after(datetime(2100, 1, 1, tzinfo=UTC))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
            .add_extension(x509.AuthorityInformationAccess(access), critical=False)
            .add_extension(x509.CRLDistributionPoints([x509.DistributionPoint([location], None, None, None)]), critical=False)
            .sign(issuer_key, hashes.SHA256())
        )
        private = key.private_bytes(Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (tmp_path / "pointing.pem").write_bytes(private + certificate.public_bytes(Encoding.PEM))
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(tmp_path / "pointing.pem")
        return server

    return context


@pytest.fixture
def expired(tls):
    """A context whose certificate was valid once."""
    return tls("localhost", not_before=datetime(2020, 1, 1, tzinfo=UTC), not_after=datetime(2021, 1, 1, tzinfo=UTC))


@pytest.fixture
def deaf_port():
    """A port where nobody answers a connection: its queue is full."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


class Machine:
    """The configuration that an uploader finds: one endpoint, and the review of one definition."""

    def __init__(self, root, ca_file):
        self.root, self.ca_file = root, ca_file
        for folder in ("system/telemetryd/reviews.d", "user/telemetryd", "user/KDE"):
            (root / folder).mkdir(parents=True)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(root),
            "XDG_CONFIG_HOME": str(root / "user"),
            "XDG_CONFIG_DIRS": str(root / "system"),
            "TELEMETRYD_CONFIG_DIRS": str(root / "system"),
            "TELEMETRYD_DATA_DIRS": str(root / "system"),
            **inherited(),
        }
        self.review(DEFINITION)

    def write(self, path, text):
        """Put a file of the system or the user in place."""
        (self.root / path).write_text(text)

    def endpoint(self, url, *, folder="system", head="", ca_file=None, relay="", keys=""):
        """Configure the vendor's endpoint, with a relay if one is named."""
        trust = self.ca_file if ca_file is None else ca_file
        table = f'[endpoint.kde]\nname = "KDE"\nurl = "{url}"\n' + (f'ca_file = "{trust}"\n' if trust else "")
        table += f'ohttp_relay = "{relay}"\nohttp_keys = "{keys}"\n' if relay else ""
        self.write(f"{folder}/telemetryd/telemetryd.toml", head + table)
        return Endpoint("kde", "KDE", url, ca_file=trust, ohttp_relay=relay, ohttp_keys=keys)

    def review(self, *definitions, file="kate.toml", **keys):
        """Install the review of these definitions."""
        self.write(f"system/telemetryd/reviews.d/{file}", reviews_of(*definitions, **keys))


@pytest.fixture
def machine(tmp_path, ca_file):
    """A machine of the test's own."""
    return Machine(tmp_path, ca_file)


@pytest.fixture(scope="session")
def machines(ca_file):
    """Makes further machines, in folders."""
    return lambda root: Machine(root, ca_file)


class Program:
    """A running uploader and our end of its socket."""

    def __init__(self, process, connection):
        self.process, self.connection = process, connection

    async def output(self):
        """Everything that the uploader writes."""
        loop, received = asyncio.get_running_loop(), b""
        while chunk := await loop.sock_recv(self.connection, 4096):
            received += chunk
        return received

    async def outcome(self):
        """What it says at last, and nothing but whether it was sending before that."""
        return parse_delivery((await self.output()).removeprefix(SENDING))

    async def end(self):
        """Its exit status and what it wrote to standard error."""
        _, errors = await asyncio.wait_for(self.process.communicate(), 20)
        return self.process.returncode, errors


@pytest.fixture
async def start(machine):
    """Starts uploaders on the machine."""
    programs = []

    async def start(data=b"", *, options=("-P",), arguments=(), **environ):
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, *options, "-m", "telemetryd.upload", *arguments, "--socket", str(theirs.fileno())),
                pass_fds=(theirs.fileno(),),
                env={**machine.environ, **environ},
                stderr=asyncio.subprocess.PIPE,
            )
        ours.send(data)
        programs.append(Program(process, ours))
        return programs[-1]

    yield start
    for program in programs:
        program.connection.close()
        if program.process.returncode is None:
            program.process.kill()
            await program.process.communicate()
