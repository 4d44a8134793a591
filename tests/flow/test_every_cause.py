"""Each cause for which a report did not arrive, with real servers: what the history, the question and telemetryctl say. Policy: T2."""

import contextlib
import socket
import ssl
from datetime import UTC, datetime

import pytest

pytest.importorskip("trustme", reason="trustme is not installed: there are no certificates to try with")
import trustme
from support.net.tls_receiver import NO_CONTENT, Receiver
from support.upload_tries import held, never_again, send, status

OLD = {"not_before": datetime(2020, 1, 1, tzinfo=UTC), "not_after": datetime(2021, 1, 1, tzinfo=UTC)}
FAILED = "the connection to the server failed or broke off"


@pytest.fixture
def authority(timeline):
    """The authority that the endpoint trusts."""
    authority = trustme.CA()
    timeline.ca_file = str(timeline.machine.root / "own-ca.pem")
    authority.cert_pem.write_to_path(timeline.ca_file)
    return authority


@contextlib.contextmanager
def serving(authority, *names, answer=NO_CONTENT, silent_in="", **times):
    """A server with a certificate of this authority, for localhost if not said otherwise."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*(names or ("localhost",)), **times).configure_cert(context)
    with contextlib.closing(Receiver(context, answer, silent_in)) as receiver:
        yield receiver


@contextlib.contextmanager
def nobody():
    """A port on which nobody listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield f"https://localhost:{listener.getsockname()[1]}/v1"


HELD = {
    "dns": ("dns", "the server's name was not found"),
    "refused": ("refused", FAILED),
    "timeout": ("timeout", "the server did not answer in time"),
    "tls-expired": ("tls-expired", "the server's certificate was not valid on that day"),
    "tls-authority": ("tls-authority", "the server's certificate was not trusted here"),
    "tls-name": ("tls-name", "the server's certificate was for another name"),
    "keys": ("keys", "the file with the gateway's keys could not be used"),
    "own": ("ca-file", "something went wrong on this computer"),
}
"""The history's word → the daemon's own, and what the user reads."""


@contextlib.contextmanager
def failing(timeline, authority, error):
    """An endpoint whose tries all fail for this reason. A file goes only when it is called: without it no report would be made."""
    with contextlib.ExitStack() as stack:
        servers = {
            "timeout": lambda: serving(authority, silent_in="handshake"),
            "tls-expired": lambda: serving(authority, **OLD),
            "tls-authority": lambda: serving(trustme.CA()),
            "tls-name": lambda: serving(authority, "example.org"),
        }
        if error == "dns":
            url = "https://telemetry.invalid/v1"
        elif error == "refused":
            url = stack.enter_context(nobody())
        elif error in servers:
            url = stack.enter_context(servers[error]()).url()
        else:
            url = stack.enter_context(serving(authority)).url()
        timeline.name_endpoint(url)
        configuration = timeline.machine.root / "etc/telemetryd/telemetryd.toml"
        text = configuration.read_text()
        if error == "keys":
            keys = timeline.machine.root / "gateway.keys"
            keys.write_bytes(b"no keys")
            text += f'ohttp_relay = "https://relay.invalid/"\nohttp_keys = "{keys}"\n'
        timeline.machine.configure(text)
        yield lambda: timeline.machine.configure(text.replace(timeline.ca_file, "/nonexistent/ca.pem") if error == "own" else text)


@pytest.mark.parametrize("error", [pytest.param(error, marks=pytest.mark.pyhpke if error == "keys" else ()) for error in HELD])
async def test_reached_nobody(timeline, authority, error):
    """A try that reached nobody is told by its cause: in the history, with its day, and with the question, in words."""
    own_word, words = HELD[error]
    with failing(timeline, authority, error) as lose_file:
        await timeline.queue()
        lose_file()
        await held(timeline, own_word)
        (row,) = await timeline.client.history()
        assert (row["outcome"], row["sent"], row["status"], row["error"]) == ("queued", 0, 0, error)
        ((day, told),) = row["tries"]
        assert (day, told) == (int(timeline.now) // 86400 * 86400, error)
        question = (await timeline.client.questions("org.kde.kate"))["startup-time"]
        assert question["cause_args"]["error"] == error
        assert words in question["reason"]
        for arguments in (["show", "org.kde.kate"], ["history"], ["history", "--bodies"]):
            assert words in " ".join(timeline.machine.control(*arguments).stdout.split())


@pytest.mark.parametrize(
    ("answer", "outcome", "error", "words"),
    [
        (status("503 Away"), "rejected", "status", "refused by the server (HTTP 503)"),
        (b"not HTTP\r\n\r\n", "unknown", "status", "broken off; may have arrived"),
        (b"", "unknown", "timeout", "the server did not answer in time"),
    ],
)
async def test_reached_the_server(timeline, answer, outcome, *, error, words):
    """A try that may have reached the server is final, and the history says why it is not an acceptance."""
    if not answer:
        timeline.receiver.silent_in = "headers"
    await send(timeline, answer)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["error"], row["tries"]) == (outcome, error, [])
    assert words in " ".join(timeline.machine.control("history").stdout.split())
    await never_again(timeline)
    assert len(timeline.bodies()) == 1
