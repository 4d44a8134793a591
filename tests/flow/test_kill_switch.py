"""Each kill switch alone is enough, and nothing on the user's side overrides the system's. Policy: C4."""

import json
import os
import signal

import pytest
from support.machine import KATE, PROPERTIES, TELEMETRY, until
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, accept_last_week, collect_total, found_on_disk, rows
from support.manifests.manifest_texts import this_week

KATE_ID = "org.kde.kate"
USER_ON = "enabled = true\n"


def _system(machine):
    machine.configure("enabled = false\n")
    return "enabled", "etc/telemetryd/telemetryd.toml"


def _system_drop_in(machine):
    machine.configure("enabled = true\n")
    machine.configure("enabled = false\n", name="telemetryd.toml.d/10-off.toml")
    machine.configure("enabled = true\n", name="telemetryd.toml.d/99-on.toml")
    return "enabled", "etc/telemetryd/telemetryd.toml.d/10-off.toml"


def _unparsable(machine):
    machine.configure("enabled = = true\n")
    return "unreadable", "etc/telemetryd/telemetryd.toml"


def _unknown_key(machine):
    machine.configure("enabeld = true\n")
    return "unreadable", "etc/telemetryd/telemetryd.toml"


def _no_text(machine):
    (machine.root / "etc/telemetryd/telemetryd.toml").write_bytes(b"\xff\xfe\x00")
    return "unreadable", "etc/telemetryd/telemetryd.toml"


def _dangling(machine):
    (machine.root / "etc/telemetryd/telemetryd.toml").symlink_to(machine.root / "nowhere")
    return "unreadable", "etc/telemetryd/telemetryd.toml"


def _pipe(machine):
    os.mkfifo(machine.root / "etc/telemetryd/telemetryd.toml")
    return "unreadable", "etc/telemetryd/telemetryd.toml"


def _kuserfeedback(machine):
    (machine.root / "etc/KDE").mkdir()
    (machine.root / "etc/KDE/UserFeedback.conf").write_text("[UserFeedback]\nEnabled[$i]=false\n")
    return "kuserfeedback", "etc/KDE/UserFeedback.conf"


def _kuserfeedback_of_the_user(machine):
    (machine.root / "home/KDE").mkdir()
    (machine.root / "home/KDE/UserFeedback.conf").write_text("[UserFeedback]\nEnabled=false\n")
    return "kuserfeedback", "home/KDE/UserFeedback.conf"


SWITCHES = pytest.mark.parametrize(
    "switch",
    [_system, _system_drop_in, _unparsable, _unknown_key, _no_text, _dangling, _pipe, _kuserfeedback, _kuserfeedback_of_the_user],
)


async def _switches(client):
    return [tuple(one) for one in await client.get("KillSwitches")]


@SWITCHES
async def test_a_system_switch_beats_a_user_who_says_on(machine, switch):
    """With any switch on and the user's own file saying `enabled = true`: off, no sample kept, and the user is told which file."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    machine.configure_user(USER_ON)
    what, file = switch(machine)
    with machine.daemon():
        async with machine.client() as client:
            assert (what, str(machine.root / file)) in await _switches(client)
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert await client.preview() == {}
            (about,) = json.loads(machine.control("list", "--json").stdout)
            assert (about["effective_system"], about["effective_usage"]) == (0, 0)
            assert (await client.get("System"), await client.get("Usage")) == (2, 2)
    assert found_on_disk(machine, TOTAL_BYTES) == set()
    assert rows(machine, "SELECT * FROM tally") == []


@pytest.mark.parametrize(("value", "is_off"), [("1", True), ("true", True), ("yes", True), ("0", False), ("", False), ("no", False)])
async def test_do_not_track(machine, value, is_off):
    """DO_NOT_TRACK in the daemon's environment is a switch unless it says 0, false, no or nothing."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon(DO_NOT_TRACK=value):
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert await _switches(client) == ([("DO_NOT_TRACK", "")] if is_off else [])
    assert bool(rows(machine, "SELECT * FROM tally")) is not is_off


async def test_the_users_own_file_can_switch_off(machine):
    """A user's `enabled = false` is enough where the system says on."""
    machine.configure("enabled = true\n")
    machine.configure_user("enabled = false\n")
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            assert await _switches(client) == [("enabled", str(machine.root / "home/telemetryd/telemetryd.toml"))]
            await client.push(KATE_ID, "saves", "t", TOTAL)
    assert rows(machine, "SELECT * FROM tally") == []


@pytest.mark.parametrize("switch", [_system, _unparsable, _kuserfeedback])
async def test_removing_a_switch_turns_nothing_on(machine, switch):
    """A user who never turned anything on has nothing on when the switch is gone, though a file of the user's says `enabled = true`."""
    machine.install(SAVES)
    machine.configure_user(USER_ON)
    _, file = switch(machine)
    with machine.daemon() as daemon:
        (machine.root / file).unlink()
        daemon.process.send_signal(signal.SIGHUP)
        async with machine.client() as client:
            assert await _switches(client) == []
            assert [await client.get(name) for name in ("System", "Usage", "NewQuestions")] == [0, 0, 1]
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert (await client.questions())["saves-a-week"]["state"] == "pending"
            assert await client.preview() == {}
    assert machine.state() == {"telemetryd/lock": b"", "telemetryd/serving": b""}


async def test_a_switch_ends_the_running_period_for_good(machine):
    """A question whose period was switched off gives no answer, even when the switch is removed within it: a part is no whole period."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            machine.configure("enabled = false\n")
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: not found_on_disk(machine, TOTAL_BYTES))
            machine.configure("enabled = true\n")
            question = (await client.questions())["saves-a-week"]
            assert (question["state"], question["cause"]) == ("passed", "kill_switch")
            await client.push(KATE_ID, "saves", "t", TOTAL)
    assert rows(machine, "SELECT * FROM tally") == []


async def test_a_mistake_in_a_file_pauses_and_destroys_nothing(machine):
    """An unreadable file pauses collecting at once; when it is repaired within the day, what was collected before is still there."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", 600)
            machine.configure("enabled = = false\n")
            question = (await client.questions())["saves-a-week"]
            assert (question["state"], question["cause"]) == ("active", "unreadable")
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert await client.preview() == {}
            machine.configure("enabled = true\n")
            ((_, body),) = (await client.preview()).values()
    assert '"500..1000000000"' in body
    assert found_on_disk(machine, TOTAL_BYTES) == set()


async def test_a_check_that_fails_before_the_switch_is_seen(machine):
    """If what comes before a look at the files fails, no sample is kept until a look succeeds: a switch may have appeared."""
    await collect_total(machine)
    old = machine.root / "state/telemetryd/telemetry.sqlite.damaged-2026-11-30"
    old.touch()
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", 1)
            before = rows(machine, "SELECT * FROM tally")
            old.unlink()
            old.mkdir()
            os.utime(old, (1, 1))  # each check tries to remove it now, and fails
            _system(machine)
            await client.questions(KATE_ID)
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert rows(machine, "SELECT * FROM tally") == before
            old.rmdir()
            await client.questions(KATE_ID)
            assert rows(machine, "SELECT * FROM tally") == []


async def test_pushes_notice_a_switch_without_being_told(machine):
    """A switch that nobody announces works within seconds, by the pushes' own look at the files."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            machine.configure("enabled = false\n")
            address = (TELEMETRY[0], TELEMETRY[1], PROPERTIES)
            while found_on_disk(machine, TOTAL_BYTES):
                await client.push(KATE_ID, "saves", "t", 0)
                await client.call(address, "Get", "ss", TELEMETRY[2], "Version")
    assert rows(machine, "SELECT * FROM tally") == []


@pytest.mark.parametrize("has_state", [True, False])
async def test_asking_for_the_state_writes_nothing(machine, has_state):
    """With the kill switch on, `telemetryctl status` and `list` leave every file of the state directory as it was."""
    machine.install(this_week(KATE))
    if has_state:
        await accept_last_week(machine, KATE_ID)
    machine.configure("enabled = false\n")
    with machine.daemon():
        pass
    before = machine.state()
    machine.activate()
    assert "off" in machine.control("status").stdout.lower()
    assert KATE_ID in machine.control("list").stdout
    assert machine.control("list", "--json").stdout
    machine.busctl("call", "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetNameOwner", "s", TELEMETRY[0])
    assert {name: data for name, data in machine.state().items() if not name.endswith(("-shm", "-wal"))} == before
    assert not [name for name, data in machine.state().items() if name.endswith("-wal") and data]
