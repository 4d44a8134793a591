"""The real daemon, uploader, a relay and a gateway: what the history shows is what each of them gets. Policy: T2, A4."""

import ssl

import pytest
from support.machine import CONTROL, KATE
from support.net.oblivious_servers import Gateway, Relay, keys_file
from support.net.tls_receiver import Receiver

KATE_ID = "org.kde.kate"
URL = "https://127.0.0.1/v1/reports"
"""Where the gateway takes it; nobody connects there."""


@pytest.fixture
def gateway(certificate):
    """A gateway behind the relay that `receiver` becomes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[1])
    inside = Gateway()
    inside.door = Receiver(context, inside.answer)
    yield inside
    inside.door.close()


@pytest.fixture
def relay(machine, receiver, gateway, certificate):
    """The relay of a developer's machine; its URL."""
    receiver.answer = Relay(gateway.door.port, certificate[0]).answer
    keys = machine.root / "kde.keys"
    keys.write_bytes(keys_file(gateway.configuration))
    url = f"https://localhost:{receiver.port}/kde"
    machine.configure(
        f'[endpoint.kde]\nname = "KDE"\nurl = "{URL}"\nca_file = "{certificate[0]}"\nohttp_relay = "{url}"\nohttp_keys = "{keys}"\n'
    )
    machine.configure_user("developer = true\n")
    machine.install(KATE, reviewed=False)
    return url


async def test_the_history_shows_what_travelled(machine, relay, receiver, gateway):
    """The relay gets the first four headers that the history shows, the gateway the others and the body, and neither gets more."""
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
            await client.push(KATE_ID, "startup", "d", 700.0)
            await client.call(CONTROL, "Submit")
            (row,) = await client.history()
    assert (row["outcome"], row["status"], row["endpoint"]) == ("accepted", 204, URL)
    headers = [tuple(header) for header in row["headers"]]
    head, _, sealed = receiver.requests.get(timeout=20).partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == ["POST /kde HTTP/1.1", *(f"{name}: {value}" for name, value in headers[:4])]
    ((inner, body),) = gateway.opened
    assert list(inner) == headers[4:]
    nonce = body[body.index(b'"nonce":"') + 9 :][:32]
    assert body.replace(nonce, b"0" * 32) == row["body"].encode()
    assert nonce not in sealed
    assert len(sealed) == int(dict(headers)["Content-Length"]) == 2304


async def test_a_relay_that_comes_later(machine, relay, receiver, gateway):
    """A report that waits is sent as the configuration says when it leaves, and the history says so too."""
    configured = (machine.root / "etc/telemetryd/telemetryd.toml").read_text()
    direct = f"https://127.0.0.1:{receiver.port}/v1/reports"
    machine.configure(configured.partition("ohttp_relay")[0].replace(URL, direct))
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
            await client.push(KATE_ID, "startup", "d", 700.0)
            await client.call(CONTROL, "Submit")  # the certificate is not for this name: nothing arrives
            (waiting,) = await client.history()
            assert (waiting["outcome"], waiting["error"], receiver.requests.qsize()) == ("queued", "tls-name", 0)
            assert dict(waiting["headers"])["Content-Type"] == "application/json"
            machine.configure(configured.replace(URL, direct))
            await client.call(CONTROL, "Submit")
            *_, row = await client.history()
    assert (row["outcome"], row["error"]) == ("accepted", "")
    assert [tuple(header) for header in row["headers"][4:]] == list(gateway.opened[0][0])
    assert dict(row["headers"])["Content-Type"] == "message/ohttp-req"
