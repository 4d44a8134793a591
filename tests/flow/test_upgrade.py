"""No upgrade, downgrade or damage of a database raises a level, and none keeps what consent was lost for. Policy: C1."""

import pytest
from support.machine import CONTROL, KATE, TELEMETRY, CallError, Variant
from support.machine_at import TOTAL, TOTAL_BYTES, collect_total, daemon_at, edit, found_on_disk, rows

from telemetryd.store.schema import CONSENT, MAIN

KATE_ID = "org.kde.kate"
LEVELS = ("System", "Usage", "NewQuestions")
STORAGE = "org.telemetryd.Error.Storage"


NEWEST = {"consent.sqlite": len(CONSENT.migrations), "telemetry.sqlite": len(MAIN.migrations)}
"""The version of each file."""
ANSWER = b'"answer":["'
"""Stands in a report and nowhere else."""


@pytest.fixture
async def collecting(machine):
    """A question in its period with a total on disk; the daemon does not run."""
    await collect_total(machine)
    return machine


@pytest.fixture
async def reporting(collecting):
    """Its period is over and the report waits; the daemon does not run."""
    with daemon_at(collecting, "+7d"):
        pass
    assert found_on_disk(collecting, ANSWER)
    return collecting


async def _levels(client):
    return [await client.get(name) for name in LEVELS]


def _path(machine, name):
    return machine.root / "state/telemetryd" / name


def _garbage(path):
    path.write_bytes(b"this is no database " * 500)


def _truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _overwritten(path):
    data = path.read_bytes()
    path.write_bytes(data[:1024] + b"\xff" * (len(data) - 1024))


def _emptied(path):
    path.write_bytes(b"")


def _removed(path):
    path.unlink()


DAMAGES = pytest.mark.parametrize("damage", [_garbage, _truncated, _overwritten])


@pytest.mark.parametrize("damage", [_garbage, _truncated, _overwritten, _emptied, _removed])
async def test_a_damaged_consent_file_reads_as_off(collecting, damage):
    """Whatever is left of it, everything is off and pending, and what was collected is in no file any more."""
    damage(_path(collecting, "consent.sqlite"))
    with collecting.daemon():
        async with collecting.client() as client:
            assert await _levels(client) == [0, 0, 1]
            question = (await client.questions())["saves-a-week"]
            assert (question["state"], question["consent"]) == ("pending", 0)
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert await client.preview() == {}
            assert found_on_disk(collecting, TOTAL_BYTES) == set()


@pytest.mark.parametrize("damage", [_garbage, _removed])
async def test_a_report_does_not_outlive_its_consent(reporting, damage):
    """A report that waited when the consent file was lost is erased, not sent."""
    damage(_path(reporting, "consent.sqlite"))
    with daemon_at(reporting, "+7d"):
        async with reporting.client() as client:
            assert await client.preview() == {}
            assert found_on_disk(reporting, ANSWER) == set()


@DAMAGES
async def test_consent_survives_a_damaged_main_file(collecting, damage):
    """The levels and acceptances are as before; the running period is passed (damaged); pushes are answered and not kept."""
    damage(_path(collecting, "telemetry.sqlite"))
    with collecting.daemon():
        async with collecting.client() as client:
            assert await _levels(client) == [2, 2, 1]
            question = (await client.questions())["saves-a-week"]
            assert (question["state"], question["cause"], question["consent"]) == ("passed", "damaged", 1)
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert rows(collecting, "SELECT * FROM tally") == []


@DAMAGES
async def test_a_lost_report_stays_answered(reporting, damage):
    """With the main file a report that waited is lost: the question says answered (lost) and is never asked again."""
    damage(_path(reporting, "telemetry.sqlite"))
    with daemon_at(reporting, "+7d"):
        async with reporting.client() as client:
            question = (await client.questions())["saves-a-week"]
            assert (question["state"], question["cause"]) == ("answered", "lost")


async def test_a_set_aside_file_goes_with_a_withdrawal(collecting):
    """What a damaged file may still hold is in no file after the user erased everything."""
    path = _path(collecting, "telemetry.sqlite")
    path.write_bytes(b"damaged " + path.read_bytes()[8:])
    assert found_on_disk(collecting, TOTAL_BYTES)
    with collecting.daemon():
        async with collecting.client() as client:
            await client.get("System")
            assert len(list(path.parent.glob("*.damaged-*"))) == 1
            await client.call(CONTROL, "Erase", "s", "")
            assert found_on_disk(collecting, TOTAL_BYTES) == set()
            assert not list(path.parent.glob("*.damaged-*"))


@pytest.mark.parametrize("file", ["consent.sqlite", "telemetry.sqlite"])
async def test_a_newer_version_is_left_alone(collecting, file):
    """A file of a later telemetryd: what needs it says Storage, nothing is changed; back in the later version everything is as it was."""
    edit(collecting, "PRAGMA user_version = 99", file=file)
    before = _path(collecting, file).read_bytes()
    with collecting.daemon():
        async with collecting.client() as client:
            for interface, member, signature, body in (
                (TELEMETRY, "Push", "ssv", (KATE_ID, "saves", Variant("t", TOTAL))),
                (TELEMETRY, "Register", "ssa{sv}", (KATE_ID, KATE, {})),
                (CONTROL, "Accept", "sa{ss}", (KATE_ID, {})),
            ):
                with pytest.raises(CallError, match="version 99") as refused:
                    await client.call(interface, member, signature, *body)
                assert refused.value.name == STORAGE
    assert _path(collecting, file).read_bytes() == before
    edit(collecting, f"PRAGMA user_version = {NEWEST[file]}", file=file)
    with collecting.daemon():
        async with collecting.client() as client:
            assert await _levels(client) == [2, 2, 1]
            assert len(await client.preview()) == 1


OLDER = {
    "no version": "PRAGMA user_version = 0",
    "before the first release": "PRAGMA application_id = 0; PRAGMA user_version = 3",
    "another program's": "PRAGMA application_id = 7",
}


@pytest.mark.parametrize("file", ["consent.sqlite", "telemetry.sqlite"])
@pytest.mark.parametrize("layout", OLDER.values(), ids=list(OLDER))
async def test_a_layout_that_is_not_known(collecting, file, layout):
    """A file of another layout is set aside whole: consent in it reads off, what was collected is lost, and everything works anew."""
    for pragma in layout.split(";"):
        edit(collecting, pragma, file=file)
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            assert await _levels(client) == ([0, 0, 1] if file == "consent.sqlite" else [2, 2, 1])
            assert await client.preview() == {}
            assert found_on_disk(collecting, TOTAL_BYTES) == ({TOTAL_BYTES} if file == "telemetry.sqlite" else set())
            (aside,) = _path(collecting, file).parent.glob("*.older-*")
            assert aside.name.startswith(file)
            told = dict(await client.get("Problems"))
            assert ("everything was switched off" in told.get(str(aside), "")) is (file == "consent.sqlite")
            await client.set("Usage", 0)
            assert not aside.exists()
        assert f"{file} has a layout that is not known any more" in daemon.log


NOBODY_WROTE = {
    "UPDATE level SET value = 3": [0, 0, 1],
    "UPDATE level SET value = -1": [0, 0, 1],
    "UPDATE level SET value = 'detailed'": [0, 0, 1],
    "UPDATE level SET value = x'02'": [0, 0, 1],
    "UPDATE level SET value = 1.5": [0, 0, 1],
    "UPDATE level SET name = 'everything' WHERE name = 'usage'": [2, 0, 1],
    "UPDATE life SET outcome = 'of a later version'": [2, 2, 1],
    "UPDATE life SET begins = 'never', closes = x'00'": [2, 2, 1],
    "UPDATE acceptance SET at = 'never'": [2, 2, 1],
    "UPDATE acceptance SET digest = x'ff'": [2, 2, 1],
    "INSERT INTO application VALUES ('org.kde.kate', 9, 'x')": [2, 2, 1],
}
"""Change of the consent file → the levels that are read from it."""


async def test_values_that_nobody_wrote_are_off(collecting):
    """What is in the consent file and cannot be there reads as off, undecided or over, and the daemon answers."""
    files = {name: _path(collecting, name).read_bytes() for name in ("consent.sqlite", "telemetry.sqlite")}
    for change, levels in NOBODY_WROTE.items():
        for name, data in files.items():
            _path(collecting, name).write_bytes(data)
        edit(collecting, change)
        with collecting.daemon():
            async with collecting.client() as client:
                assert await _levels(client) == levels, change
                await client.push(KATE_ID, "saves", "t", 1)
                assert await client.preview() == {}, change
                assert (await client.questions())["saves-a-week"]["state"] in {"pending", "passed"}, change
