"""The daemon comes and goes: started by the bus, leaving when idle or told to, alone on the state directory. No call is lost for it."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import sys
from contextlib import AsyncExitStack, closing, suppress

import pytest
from support.campaign import IS_CAMPAIGN
from support.machine import CONTROL, KATE, TELEMETRY, WAIT_S, CallError, Machine

from telemetryd.bus.transport.library import bus_call
from telemetryd.errors import BusCallError

CALLS = 400 if IS_CAMPAIGN else 120
COLD_STARTS = {"dbus-daemon": 100, "dbus-broker": 25} if IS_CAMPAIGN else {"dbus-daemon": 10, "dbus-broker": 6}
"""The order of the two names' activations is the daemon's matter, not the bus's."""
CALLERS = 8
NAMES = (TELEMETRY[0], CONTROL[0])

COUNTER = KATE.replace('type = "number"', 'type = "count"').replace(
    "[500, 2000]", f"[1, 2, 3, 4, {CALLS - 1}, {CALLS}, {CALLS + 1}, 799, 800, 801]"
)
COUNTER = COUNTER.replace('combine = "median"\n', "").replace('sources = ["startup"]', 'sources = ["startup"]\nepsilon = 4.0')
"""A manifest whose answer shows whether exactly 1, 2, 3, `CALLS` or 800 samples were counted."""


async def consent(machine):
    """Developer mode, the counter installed and accepted: it counts at once."""
    machine.develop()
    machine.install(COUNTER)
    async with machine.client() as client:
        await client.set("Usage", 1)
        await client.accept("org.kde.kate")


async def counted(client):
    """The bin of the number of samples that are counted."""
    rows = (await client.call(CONTROL, "Preview", "s", "org.kde.kate"))[0]
    return json.loads(rows[0][2])["answer"][0]


async def push(client):
    """One sample."""
    await client.push("org.kde.kate", "startup", "u", 1)


class Owners:
    """Who owns the daemon's names, as the bus tells it."""

    def __init__(self):
        self.gained = dict.fromkeys(NAMES, 0)
        self.freed = set()
        self._changed = asyncio.Event()

    async def watch(self, client):
        """Ask the bus to tell."""
        for name in NAMES:
            rule = f"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{name}'"
            await client.bus.ask(bus_call("AddMatch", "s", [rule]))

    def on_signal(self, message):
        """A name was gained or lost."""
        if message.member != "NameOwnerChanged" or message.body[0] not in NAMES:
            return
        name, _, new = message.body
        self.gained[name] += bool(new)
        (self.freed.discard if new else self.freed.add)(name)
        self._changed.set()

    async def lost(self, name):
        """Return when a name was lost."""
        while name not in self.freed:
            self._changed.clear()
            await self._changed.wait()


@pytest.mark.timeout(300)
async def test_no_call_is_lost_while_the_daemon_leaves_again_and_again(every_machine):
    """Hundreds of calls while the daemon leaves for idleness in between: each is answered, and each acknowledged sample is in the tally."""
    every_machine.configure("idle_exit_minutes = 0.0005\n")
    every_machine.activate()
    await consent(every_machine)
    owners = Owners()
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(every_machine.client(owners.on_signal))
        await owners.watch(client)
        callers = [await stack.enter_async_context(every_machine.client()) for _ in range(CALLERS)]

        async def call(number, caller):
            first_ms, later_ms = 20 + number * 7 % 100, number * 13 % 110 if caller % 2 else 0
            await asyncio.sleep((first_ms + later_ms) / 1000)  # the load: calls at every moment of leaving and starting
            if number % CALLERS == caller:
                await callers[caller].call(CONTROL, "ListApplications")
            await push(callers[caller])

        for number in range(CALLS // CALLERS):
            await asyncio.gather(*(call(number, caller) for caller in range(CALLERS)))
        assert await counted(client) == f"{CALLS}..{CALLS + 1}"
    assert owners.gained[NAMES[0]] == owners.gained[NAMES[1]]
    assert owners.gained[NAMES[0]] > CALLS // 20
    assert "ERROR" not in bus_log(every_machine)
    assert "Traceback" not in bus_log(every_machine)


def bus_log(machine):
    """What the bus and the daemons that it started wrote."""
    return (machine.root / "bus.log").read_text()


async def process_of(client, reply):
    """The process that sent a reply."""
    return (await client.bus.ask(bus_call("GetConnectionUnixProcessID", "s", [reply.sender]))).body[0]


async def serving_process(user):
    """The process that serves Control1. One that is leaving may still answer, and be gone when the bus is asked for it."""
    while True:
        with suppress(BusCallError):
            return await process_of(user, await user.reply(CONTROL, "Ledger"))


async def tell_to_leave(client):
    """SIGTERM for whoever owns a name now."""
    owner = await client.bus.owner_of(TELEMETRY[0])
    with suppress(BusCallError, ProcessLookupError):
        if owner:
            os.kill((await client.bus.ask(bus_call("GetConnectionUnixProcessID", "s", [owner]))).body[0], signal.SIGTERM)
    await asyncio.sleep(0.01)


@pytest.mark.timeout(300)
async def test_two_callers_at_once_start_one_daemon(every_machine):
    """Cold starts by two callers at once, one for each name: one process has both names, no call fails, every process ends with 0."""
    machine, starts, ends = every_machine, every_machine.root / "starts", every_machine.root / "ends"
    wrapper = machine.root / "counted"
    wrapper.write_text(f"#!/bin/sh\necho >>{starts}\n{sys.executable} -m telemetryd\necho $? >>{ends}\n")
    wrapper.chmod(0o700)
    machine.activate(wrapper)
    machine.install(COUNTER)
    async with machine.client() as application, machine.client() as user:
        for _ in range(COLD_STARTS[machine.kind]):
            pushed, listed = await asyncio.gather(
                application.reply(TELEMETRY, "Register", "ssa{sv}", "org.kde.kate", "", {}), user.reply(CONTROL, "ListApplications")
            )
            process = await process_of(user, listed)
            assert await process_of(user, pushed) == process
            while not ends.exists() or len(ends.read_text().split()) < len(starts.read_text().splitlines()):
                await tell_to_leave(user)  # one of two processes may look only when the other has left: then it is the next daemon
    assert set(ends.read_text().split()) == {"0"}
    assert "ERROR" not in bus_log(machine)


async def test_no_call_is_lost_when_the_daemon_is_told_to_leave_under_load(every_machine):
    """SIGTERM in the middle of hundreds of pipelined calls: each is answered, by this daemon or the next, and counted exactly once."""
    every_machine.activate()
    await consent(every_machine)
    async with every_machine.client() as client, every_machine.client() as user:
        for wave in range(4):
            await user.get("Version")
            process = await serving_process(user)
            pushes = [asyncio.ensure_future(push(client)) for _ in range(200)]
            await pushes[wave * 60]
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)
            await asyncio.gather(*pushes)
        assert await counted(user) == "800..801"


async def test_what_is_being_worked_on_is_answered_before_it_leaves(every_machine):
    """SIGTERM while Erase waits for another process that reads the database: the name is given back, and Erase is answered all the same."""
    owners = Owners()
    with every_machine.daemon() as daemon:
        await consent(every_machine)
        async with every_machine.client(owners.on_signal) as client:
            await push(client)
            await owners.watch(client)
            path = every_machine.root / "state/telemetryd/developer-telemetry.sqlite"
            with closing(sqlite3.connect(path, isolation_level=None)) as reader:
                reader.execute("BEGIN")
                reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()
                erased = asyncio.ensure_future(client.call(CONTROL, "Erase", "s", ""))
                await client.call(CONTROL, "Ledger")
                daemon.process.send_signal(signal.SIGTERM)
                await owners.lost(CONTROL[0])
            assert await erased == []
        assert daemon.process.wait(20) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_told_to_leave_it_saves_and_ends_with_0(every_machine, number):
    """SIGTERM and SIGINT: exit status 0, nothing written to the log, and what was acknowledged is there at the next start."""
    with every_machine.daemon() as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            await push(client)
        assert daemon.stop(number) == 0
        assert daemon.log == ""
    with every_machine.daemon():
        async with every_machine.client() as client:
            assert await counted(client) == "1..2"


async def test_without_its_bus_it_saves_and_ends_with_0(every_machine):
    """The bus dies: exit status 0 within seconds, one line in the journal, and what was acknowledged is there at the next start."""
    with every_machine.daemon() as daemon:
        await consent(every_machine)
        async with every_machine.client() as client:
            await push(client)
            every_machine.bus.kill()
            assert daemon.process.wait(20) == 0
        assert daemon.log == "WARNING: the session bus closed the connection\n"
    every_machine.bus.wait()
    with every_machine, every_machine.daemon():
        async with every_machine.client() as client:
            assert await counted(client) == "1..2"


async def test_it_says_when_it_is_ready_and_when_it_leaves(machine):
    """READY=1 comes when both names are owned, STOPPING=1 while they still are or just were; nothing else is said."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
        path = str(machine.root / "watched.socket")
        notified.bind(path)
        notified.settimeout(20)
        with machine.daemon(wait=False, NOTIFY_SOCKET=path) as daemon:
            assert notified.recv(4096).strip() == b"READY=1"
            async with machine.client() as client:
                for name in NAMES:
                    assert await client.bus.owner_of(name)
            daemon.process.send_signal(signal.SIGTERM)
            assert notified.recv(4096).strip() == b"STOPPING=1"
            assert daemon.process.wait(20) == 0


async def test_sighup_reads_the_files_anew(every_machine):
    """SIGHUP: changed files hold at once, and the user's programs are told, without values."""
    told = asyncio.Queue()
    with every_machine.daemon() as daemon:
        async with every_machine.client(told.put_nowait) as client:
            await client.bus.ask(bus_call("AddMatch", "s", [f"type='signal',path='{CONTROL[1]}'"]))
            assert await client.get("KillSwitches") == []
            every_machine.configure("enabled = false\n")
            daemon.process.send_signal(signal.SIGHUP)
            async with asyncio.timeout(20):
                message = await told.get()
                while message.member != "PropertiesChanged":
                    message = await told.get()
            assert message.body[1] == {}
            assert "KillSwitches" in message.body[2]
            assert [row[0] for row in await client.get("KillSwitches")] == ["enabled"]
        assert daemon.stop() == 0


def test_a_second_start_leaves_the_first_alone(every_machine):
    """A daemon that finds another one on its bus ends with 0 and says nothing."""
    with every_machine.daemon() as daemon:
        second = every_machine.run(sys.executable, "-m", "telemetryd")
        assert (second.returncode, second.stderr) == (0, "")
        assert daemon.process.poll() is None


@pytest.mark.parametrize("name", NAMES)
async def test_a_name_in_foreign_hands_ends_the_start_with_1(every_machine, name):
    """A name that another program owns: exit status 1, one sentence that names it, and the other name is free again."""
    async with every_machine.client() as client:
        assert await client.bus.own(name)
        failed = every_machine.run(sys.executable, "-m", "telemetryd", check=False)
        assert failed.returncode == 1
        assert failed.stderr == f"ERROR: {name} is owned by another process that is not a telemetryd of this user\n"
        (other,) = {*NAMES} - {name}
        async with asyncio.timeout(WAIT_S):
            while await client.bus.owner_of(other):  # the bus sees the end of the process when it looks
                await asyncio.sleep(0.01)


def test_without_a_bus_the_start_ends_with_1(machine):
    """No bus at the address, or one that is not local: exit status 1 and one sentence."""
    for address in (f"unix:path={machine.root}/nothing", "tcp:host=127.0.0.1,port=1"):
        failed = machine.run("env", f"DBUS_SESSION_BUS_ADDRESS={address}", sys.executable, "-m", "telemetryd", check=False)
        assert failed.returncode == 1
        assert failed.stderr.startswith("ERROR: cannot connect to the session bus: ")
        assert failed.stderr.count("\n") == 1


async def outcome(call):
    """The name of the error that a call ends with, or ""."""
    try:
        await call
    except CallError as failure:
        return failure.name
    return ""


async def test_another_bus_of_the_user_is_told_busy_until_it_is_free(machine, tmp_path):
    """While the daemon on another session bus holds the state directory, calls get Error.Busy; when it leaves, this one takes over."""
    with Machine(tmp_path / "other") as other, machine.daemon() as first:
        await consent(machine)
        async with machine.client() as client:
            await push(client)
        places = {"XDG_STATE_HOME": machine.environ["XDG_STATE_HOME"], "XDG_CONFIG_HOME": machine.environ["XDG_CONFIG_HOME"]}
        places["TELEMETRYD_DATA_DIRS"] = machine.environ["TELEMETRYD_DATA_DIRS"]
        with other.daemon(**places) as second:
            async with other.client() as client:
                for call in (push(client), client.register("org.kde.kate", COUNTER), client.questions(), client.get("Usage")):
                    assert await outcome(call) == "org.telemetryd.Error.Busy"
                assert first.stop() == 0
                async with asyncio.timeout(20):
                    while await outcome(push(client)) == "org.telemetryd.Error.Busy":
                        await asyncio.sleep(0.1)  # nothing tells an application that the daemon is busy no more
                assert await counted(client) == "2..3"
            assert second.stop() == 0
            assert second.log == ""
