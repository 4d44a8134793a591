"""OpenSettings opens the window at an application's page, at once, and tells nobody what is declared or chosen. Policy: C2, C3."""

import asyncio
import time

import pytest
from support.bus.recorded_window import RecordedWindow
from support.machine import CONTROL, KATE, TELEMETRY, CallError, Machine, until

from telemetryd.bus.open_settings import SettingsOpener
from telemetryd.bus.transport.connection import Connection
from telemetryd.bus.transport.library import Variant

KATE_ID, UNKNOWN = "org.kde.kate", "org.example.Unknown"
NOT_SUPPORTED, INVALID = "org.telemetryd.Error.NotSupported", "org.freedesktop.DBus.Error.InvalidArgs"
SHOW_KATE = ["ActivateAction", ["show", [KATE_ID], {}]]
AT_ONCE_S = 5
"""Well below the time that the bus gives a program to start, and far above that of a reply on a loaded machine."""


async def open_settings(client, application=KATE_ID, options=None, parent=""):
    """Call it; the body of the reply."""
    return await client.call(TELEMETRY, "OpenSettings", "ssa{sv}", application, parent, options or {})


async def test_the_bus_starts_the_window(any_machine):
    """The window is started and asked to show the application, with the token that brings it to the front, and the caller's window."""
    any_machine.install(KATE)
    window = RecordedWindow(any_machine)
    options = {"activation_token": Variant("s", "token-1"), "later": Variant("u", 1)}
    with any_machine.daemon():
        async with any_machine.client() as client:
            assert await open_settings(client, options=options, parent="x11:2a00007") == []
            until(window.calls)
    platform = {"activation-token": "token-1", "desktop-startup-id": "token-1", "parent-window": "x11:2a00007"}
    assert window.calls() == [["ActivateAction", ["show", [KATE_ID], platform]]]


async def test_further_calls_do_nothing(any_machine):
    """Of many calls within ten seconds, of several callers for several applications, one opens the window. All are answered alike."""
    window = RecordedWindow(any_machine)
    with any_machine.daemon():
        async with any_machine.client() as one, any_machine.client() as other:
            replies = await asyncio.gather(*(open_settings(client, name) for client in (one, other) for name in (KATE_ID, UNKNOWN) * 5))
            until(window.calls)
            assert await open_settings(one) == []
    assert replies == [[]] * 20
    assert len(window.calls()) == 1


async def test_after_ten_seconds_it_opens_again(machine):
    """The pause begins with the call that opened the window, and calls meanwhile do not lengthen it."""
    window, now = RecordedWindow(machine), [0.0]
    connection = Connection(address=machine.address)
    await connection.connect()
    opener = SettingsOpener(lambda: connection, lambda: now[0])
    for second in (100.0, 105.0, 109.9, 110.0, 119.9):
        now[0] = second
        await opener.open(KATE_ID, "", {})
    async with asyncio.timeout(4 * AT_ONCE_S):
        while len(window.calls()) < 2:
            await asyncio.sleep(0.02)
    await connection.disconnect()
    assert window.calls() == [SHOW_KATE] * 2


async def test_without_a_window(any_machine):
    """Where no window is installed the answer names a command, whatever the application."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            for name in (KATE_ID, UNKNOWN):
                with pytest.raises(CallError) as refused:
                    await open_settings(client, name)
                assert (refused.value.name, "telemetryctl" in refused.value.text) == (NOT_SUPPORTED, True)


async def test_a_window_that_runs_uninstalled(machine):
    """A window that runs is asked, though the bus could start none."""
    calls = []
    other = Connection(address=machine.address, on_call=lambda call: calls.append([call.member, call.body[0]]))
    await other.connect()
    assert await other.own("org.telemetryd.Settings")
    with machine.daemon():
        async with machine.client() as client:
            await open_settings(client)
            async with asyncio.timeout(AT_ONCE_S):
                while not calls:
                    await asyncio.sleep(0.01)
    await other.disconnect()
    assert calls == [["ActivateAction", "show"]]


async def test_it_waits_for_no_window(machine):
    """A window that never comes up delays no reply, and no push behind it."""
    machine.install(KATE)
    RecordedWindow(machine, "/bin/sleep 60")
    with machine.daemon():
        async with machine.client() as client:
            begin = time.monotonic()
            await open_settings(client)
            await client.push(KATE_ID, "startup", "d", 700.0)
            assert time.monotonic() - begin < AT_ONCE_S


@pytest.mark.parametrize(
    ("application", "options", "parent"),
    [
        ("sent", {}, ""),
        ("", {}, ""),
        ("../etc.passwd/x", {}, ""),
        ("a." + "b" * 127, {}, ""),
        (KATE_ID, {"activation_token": Variant("u", 1)}, ""),
        (KATE_ID, {"activation_token": Variant("s", "t" * 1025)}, ""),
        (KATE_ID, {}, "wayland:" + "h" * 1017),
    ],
)
async def test_what_is_refused(machine, application, options, parent):
    """What is no application id, no token or no window opens nothing."""
    window = RecordedWindow(machine)
    with machine.daemon():
        async with machine.client() as client:
            with pytest.raises(CallError) as refused:
                await open_settings(client, application, options, parent)
            assert refused.value.name == INVALID
            await open_settings(client)  # the pause has not begun
            until(window.calls)
    assert window.calls() == [SHOW_KATE]


async def untouched(_machine):
    """The user never decided anything."""


async def consented(machine):
    """Everything is accepted."""
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)


async def refused(machine):
    """The question is refused and everything off."""
    machine.configure("enabled = false\n")
    with machine.daemon():
        async with machine.client() as client:
            await client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", False)


@pytest.mark.parametrize("decide", [untouched, consented, refused])
async def test_what_the_user_chose_changes_nothing(machine, decide):
    """Reply and window are the same after each choice, for an application that is declared and one that is not."""
    machine.install(KATE)
    window = RecordedWindow(machine)
    await decide(machine)
    with machine.daemon():
        async with machine.client() as client:
            assert (await client.reply(TELEMETRY, "OpenSettings", "ssa{sv}", UNKNOWN, "", {})).signature == ""
            until(window.calls)
    assert window.calls() == [["ActivateAction", ["show", [UNKNOWN], {}]]]


async def test_a_busy_daemon_opens_it_too(machine, tmp_path):
    """A daemon that cannot open its files, because another session's has them, still opens the window: it shows what is wrong."""
    window, elsewhere = RecordedWindow(machine), Machine(tmp_path / "other")
    with elsewhere, elsewhere.daemon(XDG_STATE_HOME=str(machine.root / "state")), machine.daemon():
        async with machine.client() as client:
            with pytest.raises(CallError):
                await client.push(KATE_ID, "startup", "d", 700.0)
            assert await open_settings(client) == []
            until(window.calls)
    assert window.calls() == [SHOW_KATE]


async def test_the_monitor_shows_why_nothing_opened(machine):
    """In developer mode the refused call is shown to the application's developer, as every other is."""
    machine.develop()
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            with pytest.raises(CallError):
                await open_settings(client)
            _, (event,) = await client.call(CONTROL, "Monitor", "st", KATE_ID, 0)
    assert (event["error"].value, event["verdict"].value.startswith("OpenSettings: ")) == (NOT_SUPPORTED, True)
