"""While the network misbehaves the daemon serves as ever, and grows no more than it does anyway."""

import asyncio
import contextlib
import re
import signal
import statistics
import time
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE, until
from support.net.tls_receiver import Receiver

KATE_ID = "org.kde.kate"
HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it"
PUSHES = 100
LONGEST_S = 0.5
"""What a busy machine may add to one push; the shortest of the hangs is of five seconds, in which the first pushes have to be over."""


@contextlib.asynccontextmanager
async def developing(machine, url):
    """Kate, in developer mode: `Submit` sends at once, wherever on this machine the URL points. Gives the daemon and two clients."""
    machine.develop(url=url)
    with machine.daemon() as daemon:
        async with machine.client() as client, machine.client() as user:
            await client.register(KATE_ID, KATE)
            await client.consent(KATE_ID)
            yield daemon, client, user


ROUNDS = 5
"""Of the pushes: what lengthens them in each is not the load of a busy machine."""


async def latencies(client, count=PUSHES):
    """How long each of so many pushes took, one after another (s)."""
    took = []
    for _ in range(count):
        began = time.perf_counter()
        await client.push(KATE_ID, "startup", "d", 700.0)
        took.append(time.perf_counter() - began)
    return took


@pytest.mark.parametrize(
    ("scheme", "how"),
    [("https", {"silent_in": "handshake"}), ("http", {"silent_in": "headers"}), ("http", {"answer": HALF})],
    ids=["handshake", "headers", "body"],
)
async def test_a_delivery_that_hangs_blocks_nobody(machine, scheme, how):
    """Pushes before, while and after an uploader starts and hangs take as long as without it; none waits for the network."""
    with contextlib.closing(Receiver(**how)) as receiver:
        async with developing(machine, receiver.url("127.0.0.1", scheme)) as (daemon, client, user):
            usual = await latencies(client)
            delivery = asyncio.create_task(user.call(CONTROL, "Submit"))
            starting = await latencies(client)
            assert await asyncio.to_thread(receiver.met.wait, 20)
            bound_s = 2 * statistics.median(usual) + 0.001
            rounds = [await latencies(client)]
            assert await client.get("Usage") == 2
            assert not delivery.done()
            while len(rounds) < ROUNDS and statistics.median(rounds[-1]) >= bound_s and not delivery.done():
                rounds.append(await latencies(client))
            delivery.cancel()
            await asyncio.wait([delivery])
            daemon.stop(signal.SIGKILL)  # told to leave it would give the call a few seconds
    assert statistics.median(rounds[-1]) < bound_s
    assert max(starting + [one for took in rounds for one in took]) < max(usual) + LONGEST_S


def memory_kib(daemon):
    """The daemon's resident memory, and its peak."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return [int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "VmHWM")]


def without_end(head, piece):
    """A server's head and then the same without end."""
    yield head
    while True:
        yield piece


def floods():
    """Answers one after another, each of which would fill any memory."""
    while True:
        yield without_end(b"HTTP/1.1 503 Away\r\nContent-Length: 10737418240\r\n\r\n", bytes(1 << 16))
        yield without_end(b"HTTP/1.1 200 OK\r\nX:", b" " * (1 << 16))
        yield without_end(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1024)


async def test_what_servers_send_costs_the_daemon_nothing(machine):
    """Deliveries to a server that sends without end leave the daemon's memory, and its peak, within 1 MB of where they were."""
    answers = floods()
    with contextlib.closing(Receiver(answer=lambda _: next(answers))) as receiver:
        async with developing(machine, receiver.url("127.0.0.1")) as (daemon, client, user):
            seen = []
            for _ in range(5):
                await client.push(KATE_ID, "startup", "d", 700.0)
                await user.call(CONTROL, "Submit")
                seen.append(memory_kib(daemon))
            assert receiver.requests.qsize() >= 5
            until(lambda: receiver.ended.qsize() == len(receiver.peers))
    settled, *_, last = seen[1:]
    assert [after - before < 1024 for before, after in zip(settled, last, strict=True)] == [True, True]
    assert receiver.sent_bytes < len(receiver.peers) * (16 << 20)
