"""The bus, a connection or a caller goes away, or signals come: what was acknowledged is kept, and everyone who is there is answered."""

import array
import asyncio
import contextlib
import signal
import socket
import sqlite3
import struct
import sys
import time
from itertools import product
from pathlib import Path

import pytest
from support.bus.pidfd_bus import PidfdBus
from support.bus.private_bus import PAIRS, Bus
from support.bus.raw_bus import CALL, ERROR, INTERFACE, MEMBER, PATH, RETURN, SENDER, SIGNAL, SIGNATURE, RawBus, strings
from support.bus.relayed_bus import CONTROL_CONNECTION, NAMELESS, TELEMETRY_CONNECTION, Relay
from support.campaign import IS_CAMPAIGN, TIMEOUT_S
from support.machine import CONTROL, KATE, STARTS, TELEMETRY, WAIT_S, CallError, until
from support.machine_at import rows
from support.net.tls_receiver import Receiver
from support.rows import row
from support.shifted_time import hastened

from telemetryd.bus.transport.library import bus_call
from telemetryd.core.limits import BUS_TIMEOUT_S

KATE_ID = "org.kde.kate"
CONNECTIONS = {"nameless": NAMELESS, "Telemetry1": TELEMETRY_CONNECTION, "Control1": CONTROL_CONNECTION}
CALLERS, CALLS = 30, 3000
COMING_AND_GOING = 10_000 if IS_CAMPAIGN else 300
COUNTER = KATE.replace('type = "number"', 'type = "count"').replace('combine = "median"\n', "").replace("[500, 2000]", "[1, 2, 3, 1000000]")
LOST = "WARNING: the session bus closed the connection\n"
LEAVING_S = 20
"""Each step of leaving has five seconds, and two of them wait for the bus."""
RATE = 4
"""So many times as fast does time pass for a daemon that is to wait until a timeout is over."""


async def consent(machine, **developer):
    """Developer mode, the counter installed and accepted: it counts at once."""
    machine.develop(**developer)
    machine.install(COUNTER)
    async with machine.client() as client:
        await client.set("Usage", 1)
        await client.accept(KATE_ID)


async def push(client):
    """One sample."""
    await client.push(KATE_ID, "startup", "u", 1)


async def counted(machine):
    """The bin of the number of samples that are counted."""
    async with machine.client() as client:
        ((_, body),) = (await client.preview()).values()
    return body.partition('"answer":["')[2].partition('"')[0]


def on_disk(machine):
    """How many samples the only tally holds."""
    ((cells,),) = rows(machine, "SELECT cells FROM tally", file="developer-telemetry.sqlite")
    return max(array.array("Q", cells))


async def counted_by_the_next(machine):
    """The same, as the next daemon finds it."""
    with machine.daemon():
        return await counted(machine)


@pytest.mark.parametrize("which", CONNECTIONS)
async def test_a_connection_is_cut(every_machine, which):
    """Any of the three connections is lost: the daemon gives both names back, saves, says so in one line and ends with 0."""
    with Relay(every_machine) as relay, every_machine.daemon(DBUS_SESSION_BUS_ADDRESS=relay.address) as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            await push(client)
            relay.cut(CONNECTIONS[which])
            assert daemon.process.wait(LEAVING_S) == 0
            assert [await client.bus.owner_of(name) for name in (TELEMETRY[0], CONTROL[0])] == [None, None]
        assert daemon.log == LOST
    assert await counted_by_the_next(every_machine) == "1..2"


@pytest.mark.parametrize("which", CONNECTIONS)
async def test_a_connection_is_cut_under_load(machine, which):
    """In the middle of thousands of calls: all that were acknowledged are counted, none twice, and the log has one line."""
    with Relay(machine) as relay, machine.daemon(DBUS_SESSION_BUS_ADDRESS=relay.address) as daemon:
        await consent(machine)
        async with machine.client() as client:
            pushes = [asyncio.ensure_future(push(client)) for _ in range(CALLS)]
            await pushes[20]
            relay.cut(CONNECTIONS[which])
            ends = await asyncio.gather(*pushes, return_exceptions=True)
        assert daemon.process.wait(LEAVING_S) == 0
        assert daemon.log == LOST
    assert all(end is None or isinstance(end, CallError) for end in ends)
    assert 20 < ends.count(None) <= on_disk(machine) <= CALLS


async def test_the_bus_is_killed(every_machine):
    """All connections are lost at once: one line, what was acknowledged is kept, and the daemon ends with 0."""
    with every_machine.daemon() as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            await push(client)
        every_machine.bus.kill()
        assert daemon.process.wait(LEAVING_S) == 0
        assert daemon.log == LOST
    assert on_disk(every_machine) == 1


UNREADABLE = {
    "no message": b"?" * 64,
    "another version": b"l\2\0\2" + struct.pack("<III", 0, 1, 0),
    "a text that is none": b"l\2\0\1" + struct.pack("<III", 6, 1, 15) + b"\5\1u\0\1\0\0\0\x08\1g\0\1s\0\0" + b"\1\0\0\0\xff\0",
    "no field": b"l\2\0\1" + struct.pack("<III", 0, 1, 8) + b"\5\1!\0" + bytes(4),
}


def named(value):
    """A value in the name of a test."""
    return value if isinstance(value, str) else "-on-".join(value)


CUT_OFF = b"\1\0\0\0\xff\0"
"""A text that is not one."""


def unreadable(kind, which):
    """Bytes for a connection. A text is read only in a message that somebody waits for: a call, or without a name a signal of the bus."""
    if kind != "a text that is none":
        return UNREADABLE[kind]
    peer = RawBus.__new__(RawBus)
    peer._serial = 0
    if which == "nameless":
        driver = "org.freedesktop.DBus"
        fields = {PATH: "/", INTERFACE: driver, MEMBER: "NameOwnerChanged", SENDER: driver, SIGNATURE: "s"}
        return peer.message(SIGNAL, fields, CUT_OFF)
    return peer.message(CALL, {PATH: "/", MEMBER: "Ping", SENDER: ":1.1", SIGNATURE: "s"}, CUT_OFF)


INJECTED = [
    (which, kind, pair)
    for (first, which), (second, kind), (third, pair) in product(*map(enumerate, (CONNECTIONS, UNREADABLE, PAIRS)))
    if IS_CAMPAIGN or (first + second + third) % 2
]
"""Connection, bytes, and what the daemon runs on: in a campaign all, else each library meets each connection and each kind of bytes."""


@pytest.mark.parametrize(("which", "kind", "every_machine"), INJECTED, indirect=["every_machine"], ids=named)
async def test_what_cannot_be_read_ends_the_daemon_in_order(every_machine, which, kind):
    """Bytes that are no message, on any connection: names back, samples saved, one line without any of the bytes, exit status 1."""
    with Relay(every_machine) as relay, every_machine.daemon(DBUS_SESSION_BUS_ADDRESS=relay.address) as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            await push(client)
            relay.inject(CONNECTIONS[which], unreadable(kind, which))
            assert daemon.process.wait(LEAVING_S) == 1
            assert [await client.bus.owner_of(name) for name in (TELEMETRY[0], CONTROL[0])] == [None, None]
        assert daemon.log.startswith("ERROR: data from the session bus cannot be read: ")
        assert daemon.log.count("\n") == 1
        assert "?" not in daemon.log
    assert await counted_by_the_next(every_machine) == "1..2"


@pytest.mark.parametrize("data", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_ends_a_start(every_machine, data):
    """Bytes that are no message in place of the first reply: exit status 1 and one line, at once."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(every_machine.root / "false.socket"))
        listener.listen()
        with every_machine.daemon(wait=False, DBUS_SESSION_BUS_ADDRESS=f"unix:path={every_machine.root}/false.socket") as daemon:
            connection, _ = listener.accept()
            with connection, connection.makefile("rb") as lines:
                for reply in (b"OK 00112233445566778899aabbccddeeff\r\n", b"AGREE_UNIX_FD\r\n", data):
                    lines.readline()
                    connection.sendall(reply)
                began = time.monotonic()
                assert daemon.process.wait(LEAVING_S) == 1
                assert time.monotonic() - began < BUS_TIMEOUT_S / 2
    assert daemon.log.startswith("ERROR: cannot connect to the session bus: ")
    assert daemon.log.count("\n") == 1


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"refused": TELEMETRY_CONNECTION}, "cannot connect to the session bus: "),
        ({"refused": CONTROL_CONNECTION}, "cannot connect to the session bus: "),
        ({"swallowed": b"RequestName"}, "the session bus does not answer"),
        ({"swallowed": b"GetNameOwner"}, "the session bus does not answer"),
    ],
    ids=["second connection", "third connection", "silent", "silent beside another daemon"],
)
async def test_the_bus_is_lost_while_starting(machine, fault, text):
    """A connection that cannot be had at a start, or a bus that falls silent: exit status 1, one sentence that says so, no name owned."""
    with contextlib.ExitStack() as stack:
        if fault == {"swallowed": b"GetNameOwner"}:  # asked for only where the lock is held
            stack.enter_context(machine.daemon())
        relay = stack.enter_context(Relay(machine, **fault))
        environ = {"DBUS_SESSION_BUS_ADDRESS": relay.address, **hastened(RATE)}
        failed = machine.run(
            "env", *(f"{name}={value}" for name, value in environ.items()), sys.executable, "-m", "telemetryd", check=False
        )
    assert failed.returncode == 1
    assert failed.stderr.startswith(f"ERROR: {text}")
    assert failed.stderr.count("\n") == 1
    async with machine.client() as client:
        assert [await client.bus.owner_of(name) for name in (TELEMETRY[0], CONTROL[0])] == [None, None]


@contextlib.contextmanager
def paused(bus):
    """The bus is stopped within the block."""
    bus.pause()
    try:
        yield
    finally:
        bus.go_on()


async def test_the_bus_stops_and_goes_on(every_machine):
    """A bus that is stopped while replies are on their way, and signals come: once it goes on, all arrive, and all are counted."""
    bus = Bus(every_machine.address, every_machine.bus)
    with every_machine.daemon() as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            pushes = [asyncio.ensure_future(push(client)) for _ in range(CALLS)]
            await pushes[20]
            with paused(bus):
                daemon.process.send_signal(signal.SIGHUP)
                assert not all(one.done() for one in pushes)
            await asyncio.gather(*pushes)
        assert daemon.stop() == 0
        assert daemon.log == ""
    assert on_disk(every_machine) == CALLS


async def test_told_to_leave_while_the_bus_is_stopped(machine):
    """SIGTERM while the bus answers nothing: it does not wait for ever, saves, and ends with 0."""
    bus = Bus(machine.address, machine.bus)
    with machine.daemon(**hastened(RATE)) as daemon:
        await consent(machine)
        async with machine.client() as client:
            await push(client)
        with paused(bus):
            daemon.process.send_signal(signal.SIGTERM)
            assert daemon.process.wait(LEAVING_S) == 0
        assert daemon.log == ""
    assert await counted_by_the_next(machine) == "1..2"


def bare_push(raw):
    """The bytes of a push."""
    body = strings(KATE_ID, "startup") + b"\1u\0" + bytes(-(len(strings(KATE_ID, "startup")) + 3) % 4) + b"\1\0\0\0"
    return raw.call(TELEMETRY[0], "Push", interface=TELEMETRY[2], path=TELEMETRY[1], signature="ssv", body=body)


async def test_callers_that_leave_before_they_are_known(every_machine):
    """Callers that push and are gone at once, half of them in the middle of a message: the next caller is answered, nothing is logged."""
    with every_machine.daemon() as daemon:
        await consent(every_machine)
        for number in range(CALLERS):
            raw = RawBus(every_machine.address)
            data = bare_push(raw)
            raw.send(data if number % 2 else data + data[: len(data) // 2])
            raw.close()
        assert await counted(every_machine) in {"<1", "1..2", "2..3", "3..1000000", "none"}
        assert daemon.stop() == 0
        assert daemon.log == ""


def open_files(process):
    """What a process has open."""
    found = []
    for entry in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found.append(str(entry.readlink()))
    return sorted(found)


@pytest.mark.timeout(TIMEOUT_S)
async def test_callers_that_come_and_go_where_the_bus_hands_out_descriptors(every_machine):
    """Callers that push, half of them gone at once: who waits is answered, and the daemon has the same files open as before."""
    bus = PidfdBus(every_machine.address, every_machine.root / "pidfd")
    with bus, every_machine.daemon(DBUS_SESSION_BUS_ADDRESS=bus.address) as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            await push(client)
            await client.get("Usage")
            before = open_files(daemon.process)
            for _ in range(COMING_AND_GOING // 50):
                come_and_go(every_machine.address)
                await push(client)
            until(lambda: open_files(daemon.process) == before)
        assert daemon.stop() == 0
        assert daemon.log == ""
    assert COMING_AND_GOING // 2 < on_disk(every_machine) <= COMING_AND_GOING + COMING_AND_GOING // 50 + 1


def come_and_go(address):
    """Fifty callers push; every second one has left before it can be known."""
    callers = [RawBus(address) for _ in range(50)]
    for number, raw in enumerate(callers):
        raw.send(bare_push(raw))
        if number % 2:
            raw.close()
    for raw in callers[::2]:
        assert raw.read_until(RETURN, ERROR).kind == RETURN
        raw.close()


def waiting_call(member, signature, body):
    """A call of Control1 whose caller does not wait for its end."""
    raw_call = {"interface": CONTROL[2], "path": CONTROL[1], "signature": signature, "body": body}
    return lambda raw: raw.call(CONTROL[0], member, **raw_call)


async def test_a_caller_leaves_while_its_erase_waits(machine):
    """Erase waits for another reader of the database, and its caller goes: what was to be erased is erased all the same."""
    with machine.daemon() as daemon:
        await consent(machine)
        async with machine.client() as client:
            await push(client)
        path = machine.root / "state/telemetryd/developer-telemetry.sqlite"
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT count(*) FROM tally").fetchone() == (1,)
            raw = RawBus(machine.address)
            raw.send(waiting_call("Erase", "s", strings(""))(raw))
            with contextlib.closing(sqlite3.connect(path)) as other:
                until(lambda: other.execute("SELECT count(*) FROM tally").fetchone() == (0,))
            raw.close()
            async with machine.client() as client:
                await client.get("Version")
        assert await counted(machine) == "none"
        assert daemon.stop() == 0
        assert daemon.log == ""


async def test_a_caller_leaves_while_its_watch_waits(machine):
    """Watch waits for the next push and its caller goes: pushes are taken, and the daemon can leave at once."""
    with machine.daemon() as daemon:
        await consent(machine)
        for _ in range(3):
            raw = RawBus(machine.address)
            raw.ask(CONTROL[0], "Ledger", interface=CONTROL[2], path=CONTROL[1])
            raw.send(waiting_call("Watch", "st", strings("") + bytes(-len(strings("")) % 8) + bytes(8))(raw))
            raw.close()
        async with machine.client() as client:
            await push(client)
        assert await counted(machine) == "1..2"
        assert daemon.stop() == 0
        assert daemon.log == ""


async def test_a_caller_leaves_while_its_submit_waits(machine):
    """Submit waits for a server that says nothing, and its caller goes: the report arrives, others are answered meanwhile."""
    receiver = Receiver(silent_in="headers")
    try:
        with machine.daemon() as daemon:
            await consent(machine, url=receiver.url())
            async with machine.client() as client:
                await push(client)
            raw = RawBus(machine.address)
            raw.send(waiting_call("Submit", "", b"")(raw))
            request = await asyncio.to_thread(receiver.requests.get, timeout=WAIT_S)
            raw.close()
            async with machine.client() as client:
                await push(client)
                assert [row["outcome"] for row in await client.history()] == ["queued"]
            assert b'"question":"startup-time"' in request
            assert daemon.stop() == 0
            assert daemon.log == ""
    finally:
        receiver.close()


async def test_nobody_can_take_a_name_over(every_machine):
    """Once owned neither name can be taken over, by no flag; whoever queues for it gets it only when the daemon leaves."""
    with every_machine.daemon() as daemon:
        async with every_machine.client() as client:
            owners = {name: await client.bus.owner_of(name) for name in (TELEMETRY[0], CONTROL[0])}
            allow, replace, primary, queued, exists = 1, 2, 1, 2, 3
            for flags, outcome in ((replace | 4, exists), (allow | replace, queued)):
                for name, owner in owners.items():
                    with row((name, flags)):
                        reply = await client.bus.ask(bus_call("RequestName", "su", [name, flags]))
                        assert reply.body == [outcome] != [primary]
                        assert await client.bus.owner_of(name) == owner
            assert await client.get("Version") == 1
            assert daemon.stop() == 0
            assert [await client.bus.owner_of(name) for name in owners] == [client.bus.unique_name] * 2


async def told(daemon, client, queue):
    """SIGHUP, and wait until the user's programs are told."""
    while not queue.empty():
        queue.get_nowait()
    daemon.process.send_signal(signal.SIGHUP)
    async with asyncio.timeout(WAIT_S):
        while (await queue.get()).member != "QuestionsChanged":
            pass


async def test_sighup_makes_every_kind_of_file_hold(every_machine):
    """SIGHUP: a new manifest, a broken configuration, one that is whole again and a stop hold at once, and broken files are named."""
    queue, machine = asyncio.Queue(), every_machine
    machine.install(COUNTER)
    with machine.daemon() as daemon:
        async with machine.client(queue.put_nowait) as client:
            await client.bus.ask(bus_call("AddMatch", "s", [f"type='signal',path='{CONTROL[1]}'"]))
            await client.consent(KATE_ID)
            machine.install(COUNTER.replace(KATE_ID, "org.kde.kwrite"))
            await told(daemon, client, queue)
            assert {row["application"] for row in (await client.questions("org.kde.kwrite")).values()} == {"org.kde.kwrite"}
            machine.configure("enabled = maybe")
            await told(daemon, client, queue)
            assert [row[0] for row in await client.get("KillSwitches")] == ["unreadable"]
            assert str(machine.root / "etc/telemetryd/telemetryd.toml") in {row[0] for row in await client.get("Problems")}
            machine.configure("enabled = true")
            await told(daemon, client, queue)
            assert await client.get("KillSwitches") == []
            assert [row[0] for row in await client.get("Problems") if row[0]] == []
            assert (await client.questions(KATE_ID))["startup-time"]["state"] == "waiting"
            stop = f'[[stop]]\napplication = "{KATE_ID}"\nquestion = "startup-time"\nreason = "answered"\ndate = {STARTS}\n'
            (machine.root / "share/telemetryd/reviews.d/stop.toml").write_text(stop)
            await told(daemon, client, queue)
            assert (await client.questions(KATE_ID))["startup-time"]["state"] == "stopped"
        assert daemon.stop() == 0
