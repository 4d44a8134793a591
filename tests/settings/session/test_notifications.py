"""`telemetryd-settings --notify` against a real service and a notification server on a private bus. Policy: C2, C3, T1."""

import asyncio
import contextlib
import json
import os
import signal
import sys

import pytest
from support.bus.notification_server import FULL, NAME, notification_server
from support.bus.recorded_window import RecordedWindow
from support.driven_window import driven_window
from support.machine import KATE, ROOT
from support.manifests.manifest_texts import STARTUP, application, question

from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import signal as bus_signal

KATE_ID, DOLPHIN_ID = "org.kde.kate", "org.kde.dolphin"
DOLPHIN = (
    application(DOLPHIN_ID, "Dolphin", "File manager")
    + STARTUP
    + question("first-folder", "startup", purpose="Does the first folder take too long?", decision="Whether thumbnails are made later")
)
STATE = "state/telemetryd-settings/notifications.json"
STOP = f'[[stop]]\napplication = "{KATE_ID}"\nquestion = "startup-time"\nreason = "suspended"\ndate = 2026-01-02\n'
QUIET = """\
import sys
from telemetryd.settings.__main__ import main
status = main(["--notify"])
print(status, *[name for name in sys.modules if name.split(".")[0] == "PySide6"])
"""
END_S = 30


@contextlib.asynccontextmanager
async def notifying(machine, *program, **environ):
    """The command, until the block ends."""
    command = [sys.executable, *(program or ("-m", "telemetryd.settings", "--notify"))]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, env={**machine.environ, **environ}, cwd=ROOT, stdout=pipe, stderr=pipe)
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def run(machine, *program):
    """Run it to its end; its output."""
    async with notifying(machine, *program) as process, asyncio.timeout(END_S):
        output, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return output.decode()


@contextlib.asynccontextmanager
async def prepared(machine, **environ):
    """Kate's question is accepted, and Dolphin's waits for the user; the service runs."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
    machine.install(DOLPHIN)
    with machine.daemon(**environ):
        yield machine


@pytest.fixture
async def asked(machine):
    """The same."""
    async with prepared(machine):
        yield machine


def kept(machine):
    """What the window's file says, or None."""
    file = machine.root / STATE
    return json.loads(file.read_text()) if file.exists() else None


async def test_a_new_question_and_a_click(asked):
    """The notice names who asks. A click opens that application in the window, with the server's token. The next run tells nothing."""
    window = RecordedWindow(asked)
    async with notification_server(asked.address) as server, notifying(asked) as process:
        shown = await server.until(1)
        assert (shown.summary, shown.body.splitlines()[0]) == ("1 question for you", "From: Dolphin")
        assert (shown.hints["desktop-entry"], shown.hints["urgency"]) == (("s", "org.telemetryd.Settings"), ("y", 0))
        assert shown.actions[::2] == ["default", "show"]
        server.click(shown, token="token-1")
        async with asyncio.timeout(END_S):
            assert await process.wait() == 0
        await run(asked)
        assert len(server.shown) == 1
    tokens = {"activation-token": "token-1", "desktop-startup-id": "token-1"}
    assert window.calls() == [["ActivateAction", ["show", [DOLPHIN_ID], tokens]]]
    assert [key.split(" ")[:2] for key in kept(asked)["notified"]] == [[f"{DOLPHIN_ID}/first-folder", "pending"]]


async def test_it_ends_when_it_is_closed(asked):
    """A notice that the user closes opens nothing, and the program ends. Forged signals of others change nothing."""
    window = RecordedWindow(asked)
    async with notification_server(asked.address) as server, notifying(asked) as process:
        shown = await server.until(1)
        forger = Connection(address=asked.address)
        await forger.connect()
        forged = bus_signal(
            "/org/freedesktop/Notifications", NAME, "ActionInvoked", "us", [shown.number, "default"], destination=shown.sender
        )
        forger.send(forged)
        await forger.drained(END_S)
        server.say(shown._replace(number=99), "ActionInvoked", "us", "default")
        server.dismiss(shown)
        async with asyncio.timeout(END_S):
            assert await process.wait() == 0
        await forger.disconnect()
    assert window.calls() == []


async def test_texts_are_plain(asked):
    """A server that reads markup gets the manifest's texts escaped; another gets them as they are, and no actions if it has none."""
    text = DOLPHIN.replace('name = "Dolphin"', 'name = "Files <b>&"')
    assert text != DOLPHIN
    for capabilities, expected in ((FULL, "From: Files &lt;b&gt;&amp;"), (("body",), "From: Files <b>&")):
        (asked.root / STATE).unlink(missing_ok=True)
        asked.install(text)
        async with notification_server(asked.address, capabilities) as server, notifying(asked):
            shown = await server.until(1)
            assert (shown.body.splitlines()[0], bool(shown.actions)) == (expected, "actions" in capabilities)


async def test_a_suspended_question_is_told(machine):
    """An accepted question that is suspended is told with its sentence."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
        (machine.root / "share/telemetryd/reviews.d/stop.toml").write_text(STOP)
        async with notification_server(machine.address) as server, notifying(machine):
            shown = await server.until(1)
    assert (shown.summary, "Is start-up too slow" in shown.body) == ("1 question is suspended", True)


async def test_before_a_first_yes(machine):
    """Who has not said yes to anything is told nothing, and no file is made."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.set("Usage", 2)
            async with notification_server(machine.address) as server:
                await run(machine)
                assert (server.shown, kept(machine)) == ([], None)


@pytest.mark.parametrize("silence", ["off", "locked", "refused", "switched off", "DO_NOT_TRACK", "damaged"])
async def test_silence(machine, silence):
    """Nothing is told while telemetry is off, where new questions are refused, where the user wants none, or if the file is damaged."""
    async with prepared(machine, **({"DO_NOT_TRACK": "1"} if silence == "DO_NOT_TRACK" else {})):
        file, text = machine.root / STATE, {"switched off": '{"may_notify": false}', "damaged": "{"}.get(silence)
        if text:
            file.parent.mkdir()
            file.write_text(text)
        if silence in {"off", "locked"}:
            machine.configure("enabled = false\n" if silence == "off" else "[limits]\nsystem = 0\nusage = 0\n")
        if silence == "refused":
            async with machine.client() as client:
                await client.set("NewQuestions", 0)
        async with notification_server(machine.address) as server:
            await run(machine)
            assert server.shown == []
        assert (file.read_text() if file.exists() else None) == text


async def test_where_nobody_shows_notices(asked):
    """Without a notification server nothing counts as told: the next run with one tells it."""
    await run(asked)
    assert kept(asked) is None
    async with notification_server(asked.address) as server, notifying(asked):
        await server.until(1)


async def test_it_loads_no_qt(asked):
    """A run that tells something loads no part of Qt."""
    async with notification_server(asked.address) as server, notifying(asked, "-c", QUIET) as process:
        server.dismiss(await server.until(1))
        async with asyncio.timeout(END_S):
            output, _ = await process.communicate()
    assert output.decode() == "0\n"


async def test_without_a_way_to_open_the_window_it_becomes_the_window(asked):
    """Where the bus can start no window, a click opens one all the same."""
    async with notification_server(asked.address) as server, notifying(asked, QT_QPA_PLATFORM="offscreen") as process:
        server.click(await server.until(1))
        async with asked.client() as client, asyncio.timeout(END_S):
            while not await client.bus.owner_of("org.telemetryd.Settings"):
                await asyncio.sleep(0.05)
        assert process.returncode is None
        os.kill(process.pid, signal.SIGTERM)


async def calls_of_a_run(machine):
    """The calls of one run to the service, in order, as a monitor of the bus sees them."""
    command = ["busctl", f"--address={machine.address}", "monitor", "--json=short", "org.telemetryd.Control1"]
    pipe = asyncio.subprocess.PIPE
    monitor = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=machine.environ, limit=1 << 24)
    await monitor.stderr.readline()  # "Monitoring bus message stream."
    await run(machine)
    monitor.terminate()
    output, _ = await monitor.communicate()
    messages = [json.loads(line) for line in output.splitlines()]
    return [message["member"] for message in messages if message["type"] == "method_call" and message["member"] != "BecomeMonitor"]


async def test_the_service_is_asked_the_same(asked):
    """Whatever the user chose, each run makes the same calls: applications see the service come and go alike."""
    async with notification_server(asked.address):
        silent = []
        for text in ('{"may_notify": false}', "{"):
            (asked.root / STATE).parent.mkdir(exist_ok=True)
            (asked.root / STATE).write_text(text)
            silent.append(await calls_of_a_run(asked))
        asked.configure("enabled = false\n")
        silent.append(await calls_of_a_run(asked))
    assert silent[0]
    assert silent == [silent[0]] * 3


def test_the_switch_in_the_window(asked):
    """The window's box shows what is kept and changes it; until it is used no file is made."""
    with driven_window(asked) as window:
        os.environ["XDG_STATE_HOME"] = str(asked.root / "state")
        window.until(lambda: window.part("notifications") is not None)
        before = kept(asked)
        window.use("notifications")
        assert (before, kept(asked)["may_notify"]) == (None, False)
        window.use("notifications")
        assert (kept(asked)["may_notify"], window.part("notifications").isChecked()) == (True, True)
