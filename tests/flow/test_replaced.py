"""The package is replaced under the running daemon: no process mixes two versions, and no call is lost. Policy: T2."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from support.installation import Installation
from support.machine import CONTROL, KATE, WAIT_S, CallError, until

import telemetryd
from telemetryd.bus.transport.library import Variant

KATE_ID = "org.kde.kate"
PACKAGE = Path(telemetryd.__file__).parent
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
CALLS = 50


@pytest.fixture
def installation(machine, tmp_path):
    """The machine's daemon is a copy of ours, which a package manager may replace."""
    installation = Installation(tmp_path / "installation", is_copy=True)
    machine.python, machine.folder = str(installation.python), installation.root
    return installation


def newer(folder):
    """Another version: every module differs."""
    for path in folder.rglob("*.py"):
        path.write_text(path.read_text() + "\n# newer\n")


def append(path):
    """The same file with more at its end."""
    with path.open("a") as file:
        file.write("\n# edited\n")


async def ask_for(seconds, client):
    """Calls one after another for a while, which may fail."""
    begin = time.monotonic()
    while time.monotonic() - begin < seconds:
        await client.get("System")


async def test_calls_while_the_package_is_replaced(machine, installation):
    """While calls come the package is replaced: each is answered, by the old version or the new one, and the old one exits in order."""
    machine.install(KATE)
    machine.activate(f"{installation.python} -P -m telemetryd")
    answered, refused, is_over = 0, [], False

    async def call():
        nonlocal answered
        async with machine.client() as client:
            while not is_over:
                try:
                    await client.push(KATE_ID, "startup", "d", 700.0)
                except CallError as failure:
                    refused.append(failure.name)
                else:
                    answered += 1

    calling = asyncio.ensure_future(call())
    while not answered:
        await asyncio.sleep(0.01)
    log = machine.root / "bus.log"
    installation.replace(newer)
    before = answered
    while log.read_text().count("telemetryd was replaced while it ran; it exits") < 1:
        await asyncio.sleep(0.05)
    while answered < before + 50:
        await asyncio.sleep(0.01)
    is_over = True
    await calling
    assert set(refused) <= {"org.telemetryd.Error.Busy"}
    assert "Traceback" not in log.read_text()
    assert "WARNING: the work after a check" not in log.read_text()


async def test_the_user_is_told(machine, installation):
    """A call that finds the package replaced says so, and the daemon exits with status 0; the next one serves."""
    machine.install(KATE)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.get("System")
            installation.replace(newer)
            with pytest.raises(CallError, match=r"Error\.Busy: telemetryd was replaced"):
                await client.call(CONTROL, "ListQuestions", "s", "")
        assert daemon.process.wait(10) == 0
    with machine.daemon():
        async with machine.client() as client:
            assert set(await client.questions()) == {"startup-time"}


async def test_a_module_is_edited(machine, installation):
    """One file that is written where it is ends the daemon too, within a second of calls: the next call starts what was edited."""
    machine.install(KATE)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.get("System")
            append(installation.package / "ctl/failures.py")
            with pytest.raises(CallError, match=r"Error\.Busy: telemetryd was replaced"):
                await ask_for(WAIT_S, client)
        assert daemon.process.wait(WAIT_S) == 0


@pytest.mark.parametrize("late", ["describe/sentences.py", "locale/ja/LC_MESSAGES/telemetryd.mo"], ids=["module", "catalogue"])
async def test_nothing_late_is_of_another_version(machine, installation, late):
    """What only some calls need and was written since the last complete look answers no call: neither a module nor a catalogue."""
    machine.install(KATE)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.call(CONTROL, "Questions", "a{sv}", {"languages": Variant("as", ["de"])} if late.endswith(".mo") else {})
            append(installation.package / late)
            with pytest.raises(CallError, match=r"Error\.Busy: telemetryd was replaced"):
                await client.call(CONTROL, "Questions", "a{sv}", {"languages": Variant("as", ["ja"])})
        until(lambda: daemon.process.poll() is not None)
        assert daemon.process.returncode == 0


async def test_a_call_looks_at_folders_only(machine, tmp_path, strace):
    """Calls in a row look at the package's folders, and at its files once a second at most."""
    log, found = tmp_path / "strace.log", [path for path in PACKAGE.rglob("*") if "__pycache__" not in path.parts]
    folders, files = CALLS * (1 + sum(path.is_dir() for path in found)), sum(path.is_file() for path in found)
    with machine.daemon(prefix=(strace, "-f", "--seccomp-bpf", "-qq", "-o", str(log), "-e", "trace=newfstatat,stat,statx")) as daemon:
        async with machine.client() as client:
            await client.get("System")
            before, begin = log.read_text().count(f'"{PACKAGE}'), time.monotonic()
            for _ in range(CALLS):
                await client.get("System")
            looked_at, seconds = log.read_text().count(f'"{PACKAGE}') - before, time.monotonic() - begin
        os.kill(machine.ask(BUS, "GetConnectionUnixProcessID", "s", CONTROL[0])[0], signal.SIGTERM)  # strace itself does not listen to it
        assert daemon.process.wait(WAIT_S) == 0
    assert folders <= looked_at <= folders + (seconds + 1) * files


@pytest.mark.parametrize("more", ["\nunknown = 1\n", "\n{", '\n[[source]]\nid = 1\ntype = "int"\n'], ids=["key", "syntax", "type"])
async def test_a_reply_needs_no_other_files(machine, installation, more):
    """A faulty text is refused with its mistakes, whatever lies where our modules were: what says them was loaded before the first call."""
    machine.install(KATE)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            installation.replace(newer)
            with pytest.raises(CallError, match=r"Error\.InvalidManifest: "):
                await client.register("org.kde.ark", KATE.replace(KATE_ID, "org.kde.ark") + more)
            with pytest.raises(CallError, match=r"Error\.Busy: telemetryd was replaced"):
                await client.get("System")
        until(lambda: daemon.process.poll() is not None)
        assert daemon.process.returncode == 0


async def test_an_announcement_reads_nothing(machine, installation):
    """A change that succeeded is answered as such, wherever the files of the interfaces are by then."""
    machine.install(KATE)
    with machine.daemon(TELEMETRYD_DATA_DIRS=str(machine.root / "share")):
        async with machine.client() as client:
            (installation.site / "dbus").unlink()
            await client.set("System", 1)
            assert await client.get("System") == 1
