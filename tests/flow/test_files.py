"""What is installed comes, changes, is masked and breaks while the daemon runs: it is obeyed, named, and costs only itself. Policy: C4."""

import asyncio
import shutil
import signal

import pytest
from support.machine import CONTROL, KATE, ROOT, WAIT_S, until
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, accept_last_week, found_on_disk

from telemetryd.bus.transport.library import bus_call
from telemetryd.core.causes import PAUSING

KATE_ID, KWRITE_ID, QUESTION = "org.kde.kate", "org.kde.kwrite", "saves-a-week"
KWRITE = SAVES.replace(KATE_ID, KWRITE_ID)
BROKEN = f'[[stop]]\napplication = "{KWRITE_ID}"\nquestion = "{QUESTION}"\nreason = "bored"\ndate = 2026-11-21\n'


async def states(machine):
    """Application → the state of its question, or of nothing else than its manifest."""
    async with machine.client() as client:
        applications = [one["id"].value for one in (await client.call(CONTROL, "ListApplications"))[0]]
        return {one: (await client.questions(one))[QUESTION] for one in applications}


@pytest.mark.parametrize(
    ("name", "text", "paused", "goes_on"),
    [
        ("reviews.d/broken.toml", BROKEN, {KWRITE_ID}, True),
        ("reviews.d/broken.toml", BROKEN[:-3], {KATE_ID, KWRITE_ID}, False),
        (f"manifests/{KWRITE_ID}.toml", KWRITE.replace("schema = 1", "schema = 2"), {KWRITE_ID}, True),
    ],
)
async def test_a_broken_file_costs_only_itself(machine, name, text, paused, goes_on):
    """It is named in the journal and in the status; what it is about pauses, the others go on; mended, nothing was lost."""
    for manifest in (SAVES, KWRITE):
        machine.install(manifest)
    await accept_last_week(machine, KATE_ID, KWRITE_ID)
    path = machine.root / "share/telemetryd" / name
    before = path.read_text() if path.exists() else ""
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.push(KWRITE_ID, "saves", "t", 1)
            path.write_text(text)
            found = await states(machine)
            assert {one for one, question in found.items() if question["cause"] in PAUSING} == paused
            assert set(found) == {KATE_ID, KWRITE_ID}
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert bool(found_on_disk(machine, TOTAL_BYTES)) is goes_on
            assert str(path) in machine.control("status").stdout.replace("\n", "").replace(" ", "")
            await client.get("Problems")
            assert daemon.log.count(f"WARNING: {path}: ") == 1
            path.write_text(before)
            found = await states(machine)
            assert {question["state"] for question in found.values()} == {"active"}
            assert str(path) not in machine.control("status").stdout
            assert f"{KWRITE_ID}/{QUESTION}" in await client.preview()
        assert daemon.stop() == 0


async def test_the_journal_does_not_repeat_itself(machine):
    """A broken manifest is named once, whatever else changes meanwhile; once more when it was mended and breaks again."""
    machine.install(KATE)
    path = machine.root / f"share/telemetryd/manifests/{KATE_ID}.toml"
    path.write_text("schema = 2\n")
    with machine.daemon() as daemon:
        async with machine.client() as client:
            for number in range(4):
                (machine.root / f"share/telemetryd/reviews.d/other-{number}.toml").write_text("")
                await client.get("Problems")
                await client.call(CONTROL, "ListApplications")
                await client.get("Problems")
            assert daemon.log.count(f"WARNING: {path}: ") == 1
            for text in (KATE, "schema = 2\n"):
                path.write_text(text)
                for _ in range(5):  # what was written just now is looked at once more a few milliseconds later
                    await client.call(CONTROL, "ListApplications")
                    await client.get("Problems")
                    await asyncio.sleep(0.01)
            assert daemon.log.count(f"WARNING: {path}: ") == 2


@pytest.mark.parametrize("how", ["empty", "link"])
async def test_a_masked_manifest_is_gone(machine, how):
    """An administrator's empty file or link to /dev/null over a manifest: the application asks nothing any more; unmasked it asks again."""
    other = machine.root / "first/telemetryd/manifests"
    other.mkdir(parents=True)
    machine.install(KATE)
    mask = other / f"{KATE_ID}.toml"
    with machine.daemon(TELEMETRYD_DATA_DIRS=f"{machine.root}/first:{machine.root}/share"):
        async with machine.client() as client:
            assert list(await client.questions()) == ["startup-time"]
            if how == "link":
                mask.symlink_to("/dev/null")
            else:
                mask.write_text("")
            assert await client.questions() == {}
            mask.unlink()
            mask.write_text(KATE.replace("Is start-up too slow?", "Is it slow?"))
            assert (await client.questions())["startup-time"]["purpose"] == "Is it slow?"


async def test_what_appears_is_obeyed_at_sighup(machine):
    """A drop-in of the administrator that switches off erases at SIGHUP; a mask over it turns nothing on."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    first = machine.root / "first/telemetryd/telemetryd.toml.d"
    first.mkdir(parents=True)
    with machine.daemon(TELEMETRYD_CONFIG_DIRS=f"{machine.root}/first:{machine.root}/etc") as daemon:
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            machine.configure("enabled = false\n", name="telemetryd.toml.d/50-off.toml")
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: not found_on_disk(machine, TOTAL_BYTES))
            (first / "50-off.toml").symlink_to("/dev/null")
            assert [what for what, _ in await client.get("KillSwitches")] == ["enabled"]
            (first / "50-off.toml").unlink()
            (first / "50-off.toml").write_text("enabled = true\n")
            assert await client.get("KillSwitches") == []


async def test_interfaces_are_read_once(machine):
    """Nothing that a reply depends on is read late: with the interfaces' files gone under the running daemon all is answered and told."""
    machine.folder = machine.root / "moved"
    for name in ("telemetryd", "dbus"):
        shutil.copytree(ROOT / name, machine.folder / name)
    signals = asyncio.Queue()
    with machine.daemon() as daemon:
        shutil.rmtree(machine.folder / "dbus")
        async with machine.client(signals.put_nowait) as client:
            await client.bus.ask(bus_call("AddMatch", "s", [f"type='signal',path='{CONTROL[1]}'"]))
            await client.set("Usage", 1)
            told = {(await asyncio.wait_for(signals.get(), WAIT_S)).member for _ in range(3)}
            assert told == {"NameAcquired", "PropertiesChanged", "QuestionsChanged"}
            described = (CONTROL[0], CONTROL[1], "org.freedesktop.DBus.Introspectable")
            assert "SetQuestionConsent" in (await client.call(described, "Introspect"))[0]
        assert daemon.stop() == 0
        assert daemon.log == ""
