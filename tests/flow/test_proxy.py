"""An endpoint behind a proxy: the report arrives once, by that proxy only, and waits while the proxy does not let it through."""

import asyncio
import contextlib

import pytest
from support.machine import until
from support.net.connect_proxy import ESTABLISHED, ConnectProxy
from support.timeline import HOUR_S
from support.upload_tries import held, never_again, waiting

DENIED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def proxy(timeline):
    """The proxy of the endpoint, as the system's configuration names it."""
    proxy = ConnectProxy(timeline.receiver.port)
    file = timeline.machine.root / "etc/telemetryd/telemetryd.toml"
    timeline.machine.configure(file.read_text() + f'proxy = "{proxy.url}"\n')
    yield proxy
    await asyncio.to_thread(proxy.close)


async def test_refused_then_let_through(timeline, proxy):
    """Three refusals use up nothing and are told as a problem. Then the report goes through, once, and the history has all causes."""
    proxy.answer = DENIED
    before = await timeline.queue()
    for _ in range(3):
        await held(timeline, "proxy-denied")
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["sent"], row["error"]) == ("queued", 0, "refused")
    assert timeline.receiver.peers == []
    ((file, told),) = await waiting(timeline)
    assert (file, told) == (
        "",
        "[endpoint.kde] reports wait: the proxy does not connect to the server; it has to allow CONNECT, without a password",
    )
    shown = " ".join(timeline.machine.control("show", "org.kde.kate").stdout.split())
    assert "the connection to the server failed or broke off" in shown
    proxy.answer = ESTABLISHED
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=30 * HOUR_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["error"], {error for _, error in row["tries"]}) == ("accepted", 204, "", {"refused"})
    assert await waiting(timeline) == []
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()]


async def test_broken_off_in_the_proxy(timeline, proxy):
    """A proxy that hangs once it has the bytes costs the report, as a server does: it is unknown, and never leaves again."""
    timeline.receiver.silent_in = "headers"
    await timeline.queue()
    timeline.is_settling = False
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    until(timeline.bodies)
    with contextlib.suppress(OSError):
        await asyncio.to_thread(proxy.close)
    timeline.is_settling = True
    await timeline.wake()
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["error"]) == ("unknown", 0, "refused")
    await never_again(timeline)
