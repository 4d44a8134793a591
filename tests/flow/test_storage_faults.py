"""A disk that is full, locked, damaged, foreign or gone: callers are told, the daemon goes on, and consent never reads as more than it was.

`make campaign` damages the files 1,500 times, every test run some forty times.
"""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest
from support.campaign import IS_CAMPAIGN
from support.disk.descriptors import open_logs
from support.machine import CONTROL, KATE, TELEMETRY, CallError, Machine, until
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, accept_last_week, daemon_at, edit, found_on_disk, rows
from support.shifted_time import hastened

from telemetryd.errors import StorageError
from telemetryd.runtime.assembly import Surroundings, assemble
from telemetryd.system.installed import InstalledFiles

KATE_ID, KWRITE_ID = "org.kde.kate", "org.kde.kwrite"
ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'
STORAGE = "org.telemetryd.Error.Storage"
DAMAGES = 1500 if IS_CAMPAIGN else 40
LIVING = 6
"""Every so-and-so-manieth damage of them is shown to the real daemon, too."""
RATE = 4
"""So many times as fast does time pass for a daemon that is to wait until its patience is over."""
FILES = ("consent.sqlite", "telemetry.sqlite")


def state_of(machine):
    """The daemon's state directory."""
    return machine.root / "state/telemetryd"


@pytest.fixture
async def collecting(machine):
    """Two applications' questions: Kate's accepted and in its period, with a total on disk, KWrite's not. The daemon does not run."""
    machine.configure(ENDPOINT)
    machine.install(SAVES)
    machine.install(SAVES.replace(KATE_ID, KWRITE_ID))
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 3, 1)
            await client.set("System", 0)
            await client.register("org.kde.okular", SAVES.replace(KATE_ID, "org.kde.okular"))
            await push(client)
    return machine


async def push(client, application=KATE_ID):
    """One sample that can be found on the disk."""
    await client.push(application, "saves", "t", TOTAL)


async def error_of(call):
    """The name of the error that a call ends with, or ""."""
    try:
        await call
    except CallError as failure:
        return failure.name
    return ""


async def verdicts(client):
    """What a push that is kept and one that is refused are told."""
    return [await error_of(push(client, application)) for application in (KATE_ID, KWRITE_ID)]


async def both_get(client, *errors):
    """Both kinds of push are told the same, whatever it is; one of these errors."""
    told = await verdicts(client)
    assert told[0] == told[1]
    assert told[0] in errors


async def consents(client):
    """The levels, and which questions count as accepted."""
    levels = [await client.get(name) for name in ("System", "Usage", "NewQuestions")]
    asked = [row for name in (KATE_ID, KWRITE_ID) for row in (await client.questions(name)).values()]
    return levels, {row["application"] for row in asked if row["consent"] == 1}


def is_no_more(levels, accepted):
    """Whether this is at most what the user gave: usage 2, one application."""
    return levels[0] == 0 and levels[1] <= 2 and levels[2] <= 1 and accepted <= {KATE_ID}


def damage(path, chance):
    """Change a file as a broken disk does: single bits, bytes, a run of them, a page of zeros, a piece cut off."""
    data = bytearray(path.read_bytes())
    at = chance.randrange(len(data))
    match chance.randrange(6):
        case 0:
            data[at] ^= 1 << chance.randrange(8)
        case 1:
            data[at] = chance.randrange(256)
        case 2:
            data[at : at + 16] = chance.randbytes(len(data[at : at + 16]))
        case 3:
            data[at // 1024 * 1024 : at // 1024 * 1024 + 1024] = bytes(1024)
        case 4:
            del data[at:]
        case 5:
            data[at % 100] = chance.randrange(256)
    path.write_bytes(data)


def opened(machine):
    """The levels and accepted applications after opening the files in this process, or None for a clear error."""
    try:
        assembly = assemble(InstalledFiles(machine.environ), state_of(machine), Surroundings(asyncio.Lock()))
    except StorageError:
        return None
    try:
        parts = assembly.control
        for view in (parts.views.questions(""), parts.views.history(0), parts.views.ledger(), parts.views.preview("")):
            list(view)
        decisions = parts.consents.decisions.items()
        accepted = {key[0] for key, decision in decisions if decision.accepted and not decision.refused}
        return list(parts.consents.levels), accepted & {KATE_ID, KWRITE_ID}
    finally:
        assembly.close()


@pytest.fixture
def in_our_process(monkeypatch, collecting):
    """The environment of the machine is this process's."""
    for name, value in collecting.environ.items():
        monkeypatch.setenv(name, value)
    return collecting


@pytest.mark.timeout(900)
@pytest.mark.parametrize("file", FILES)
async def test_random_damage(in_our_process, tmp_path, file):
    """Whatever bytes of a file change, it opens, or is set aside, or a clear error says why; consent is at most what the user gave."""
    machine, before = in_our_process, tmp_path / "before"
    shutil.copytree(state_of(machine), before)
    for seed in range(DAMAGES):
        shutil.rmtree(state_of(machine))
        shutil.copytree(before, state_of(machine))
        damage(state_of(machine) / file, random.Random(f"{file} {seed}"))
        kept = state_of(machine).parent / "damaged"
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(state_of(machine), kept)
        found = opened(machine)
        assert found is None or is_no_more(*found), seed
        if seed % (DAMAGES // LIVING) == 0:
            shutil.rmtree(state_of(machine))
            kept.rename(state_of(machine))
            await live_with_it(machine, seed)


def newer(machine):
    """The main file is of a newer version."""
    edit(machine, "PRAGMA user_version = 99", file="telemetry.sqlite")


def lost_consent(machine):
    """The consent file is damaged, and a new one cannot be told so: its place is taken."""
    (state_of(machine) / "consent.sqlite").write_bytes(b"no database")
    (state_of(machine) / "consent.sqlite.new").mkdir()


@pytest.mark.parametrize("damage_it", [newer, lost_consent])
def test_a_failed_opening_leaves_nothing_open(in_our_process, damage_it):
    """Files that cannot be used are not kept open either: the daemon tries again and again."""
    folder = state_of(in_our_process)
    damage_it(in_our_process)
    with contextlib.closing(sqlite3.connect(folder / "consent.sqlite", isolation_level=None)) as other:
        with contextlib.suppress(sqlite3.DatabaseError):  # a damaged file cannot be locked
            other.execute("BEGIN IMMEDIATE")
        before = len(open_logs(folder))  # of the files themselves SQLite keeps descriptors as long as anyone here has a lock
        with pytest.raises(StorageError) as failure:
            assemble(InstalledFiles(in_our_process.environ), folder, Surroundings(asyncio.Lock()))
        assert len(open_logs(folder)) == before, failure  # it holds what was in use


async def test_a_loss_that_cannot_be_noted_is_told_later(in_our_process):
    """The main file is damaged while another process writes to the other one: the period is passed at once, and told by the next start."""
    folder = state_of(in_our_process)
    (folder / "telemetry.sqlite").write_bytes(b"no database")
    with contextlib.closing(sqlite3.connect(folder / "consent.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assembly = assemble(InstalledFiles(in_our_process.environ), folder, Surroundings(asyncio.Lock()))
        assert assembly.store.consents.records[KATE_ID, "saves-a-week"].cause == "damaged"
        assert len(list(folder.glob("*-untold"))) == 1
        with contextlib.suppress(StorageError):
            assembly.close()
    assembly = assemble(InstalledFiles(in_our_process.environ), folder, Surroundings(asyncio.Lock()))
    assert assembly.store.consents.records[KATE_ID, "saves-a-week"].cause == "damaged"
    assembly.close()
    assert list(folder.glob("*-untold")) == []


async def live_with_it(machine, seed):
    """The real daemon over the same damage: every call has an answer, both kinds of push the same, and it ends as told."""
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await both_get(client, "", STORAGE)
            if await error_of(client.get("Usage")) == "":
                assert is_no_more(*await consents(client)), seed
            assert await error_of(client.call(CONTROL, "Erase", "s", "")) in {"", STORAGE}
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log


async def test_a_digit_of_a_level(collecting):
    """One bit of the consent file turns "off" into "basic": SQLite sees nothing wrong, the checksum does, and everything is off."""
    path = state_of(collecting) / "consent.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE level SET value = 1 WHERE name = 'system'")
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            assert await consents(client) == ([0, 0, 1], set())
            assert found_on_disk(collecting, TOTAL_BYTES) <= {TOTAL_BYTES}
            assert "consent.sqlite is damaged" in daemon.log


async def test_a_damaged_log_brings_no_consent_back(collecting):
    """After kill -9 the consent file's log is not needed any more: what was withdrawn stays so without it."""
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            await client.set("Usage", 0)
        daemon.stop(signal.SIGKILL)
    for log in state_of(collecting).glob("consent.sqlite-*"):
        log.write_bytes(b"\xff" * log.stat().st_size)
    with collecting.daemon():
        async with collecting.client() as client:
            assert (await consents(client))[0] == [0, 0, 1]


@contextlib.contextmanager
def small_disk(machine, size_kb=2048):
    """The state directory's files on a file system of so many KiB."""
    folder = state_of(machine)
    kept = machine.root / "kept"
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    command = ("mount", "-t", "tmpfs", "-o", f"size={size_kb}k,mode=700", "tmpfs", str(folder))
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield folder
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)


def fill(folder):
    """Leave no byte free."""
    with contextlib.suppress(OSError), (folder / "ballast").open("ab", buffering=0) as ballast:
        while True:
            ballast.write(bytes(1024))


@pytest.mark.root
async def test_a_full_disk(collecting):
    """Full in mid-work: from one moment on every push gets Storage, kept or not; a change that fails changes nothing; then all works."""
    with small_disk(collecting) as folder, collecting.daemon() as daemon:
        async with collecting.client() as client:
            await both_get(client, "")
            fill(folder)
            told = [await verdicts(client) for _ in range(300)]
            assert sum(kept != refused for kept, refused in told) <= 1  # the disk was full from one push to the next
            assert told[-1] == [STORAGE, STORAGE]
            accepted = await error_of(client.set("System", 2))
            assert accepted in {"", STORAGE}
            assert await client.get("System") == (0 if accepted else 2)
            (folder / "ballast").unlink()
            await both_get(client, "")
            await client.set("Usage", 0)
            await client.call(CONTROL, "Erase", "s", "")
        assert daemon.stop() == 0
        assert found_on_disk(collecting, TOTAL_BYTES) == set()
        assert "Traceback" not in daemon.log


@pytest.mark.root
async def test_a_disk_that_is_full_at_the_start(collecting):
    """No room at a start: every call has an answer, consent reads as it was or not at all, and with room again the daemon works."""
    with small_disk(collecting) as folder:
        fill(folder)
        with collecting.daemon() as daemon:
            async with collecting.client() as client:
                await both_get(client, "", STORAGE)
                if await error_of(client.get("Usage")) == "":
                    assert is_no_more(*await consents(client))
            assert daemon.stop() == 0
        (folder / "ballast").unlink()
        with collecting.daemon():
            async with collecting.client() as client:
                await both_get(client, "")
                assert (await consents(client)) == ([0, 2, 1], {KATE_ID})


@pytest.mark.root
async def test_a_directory_of_someone_else(collecting):
    """The state directory belongs to another user: it is not touched, and whatever would need it says Storage (see test_unkept)."""
    shutil.chown(state_of(collecting), "nobody")
    before = collecting.state()
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            await both_get(client, STORAGE)
            for call in (client.set("Usage", 2), client.call(CONTROL, "Erase", "s", "")):
                assert await error_of(call) == STORAGE
        assert daemon.stop() == 0
        assert daemon.log.count("belongs to another user") == 1
    assert collecting.state() == before


@contextlib.contextmanager
def failing_disk(machine):
    """The state directory's files on an ext4 file system of their own; gives what makes the kernel forbid all writes, as after a fault."""
    folder, kept, image = state_of(machine), machine.root / "kept", machine.root / "image"
    with image.open("wb") as file:
        file.truncate(16 << 20)
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    commands = ("mkfs.ext4", "-q", str(image)), ("mount", "-o", "loop", str(image), str(folder))
    if any(subprocess.run(command, check=False, capture_output=True).returncode for command in commands):
        pytest.skip("no file system can be mounted here")
    try:
        folder.chmod(0o700)
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield lambda: subprocess.run(("mount", "-o", "remount,abort", str(folder)), check=True)
        after = shutil.copytree(folder, machine.root / "after", ignore=shutil.ignore_patterns("lost+found"))
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)
    folder.rmdir()
    after.rename(folder)


@pytest.mark.root
async def test_a_disk_that_becomes_read_only(collecting):
    """The kernel forbids writing in mid-work: from then on every push gets Storage and nothing can be changed; nothing is lost."""
    with failing_disk(collecting) as fail, collecting.daemon() as daemon:
        async with collecting.client() as client:
            await both_get(client, "")
            before = await consents(client)
            fail()
            for _ in range(3):
                await both_get(client, STORAGE)
            assert await error_of(client.set("System", 2)) == STORAGE
            assert await error_of(client.call(CONTROL, "Erase", "s", "")) == STORAGE
            assert await consents(client) == before
        assert daemon.stop() == 0
        assert "Traceback" not in daemon.log
    with collecting.daemon():
        async with collecting.client() as client:
            assert await consents(client) == before
            await both_get(client, "")


@pytest.mark.root
async def test_a_read_only_file_system(collecting):
    """A disk that is read-only at a start: both kinds of push get the same, nothing can be raised, and every call has an answer."""
    with small_disk(collecting) as folder:
        with collecting.daemon() as daemon:
            async with collecting.client() as client:
                await both_get(client, "")
            daemon.stop(signal.SIGKILL)
        subprocess.run(("mount", "-o", "remount,ro", str(folder)), check=True)
        with collecting.daemon() as daemon:
            async with collecting.client() as client:
                await both_get(client, STORAGE)
                assert await error_of(client.set("System", 2)) == STORAGE
                assert await error_of(client.call(CONTROL, "Erase", "s", "")) == STORAGE
            assert daemon.stop() == 0
            assert "Traceback" not in daemon.log
        subprocess.run(("mount", "-o", "remount,rw", str(folder)), check=True)
        with collecting.daemon():
            async with collecting.client() as client:
                assert await consents(client) == ([0, 2, 1], {KATE_ID})
                await both_get(client, "")


@pytest.mark.parametrize("file", FILES)
async def test_a_file_that_another_process_locks(collecting, file):
    """While another process writes for long, both kinds of push get the same, nothing half is kept; afterwards everything works."""
    with collecting.daemon(**hastened(RATE)) as daemon:
        async with collecting.client() as client:
            await both_get(client, "")
            with contextlib.closing(sqlite3.connect(state_of(collecting) / file, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                first = await error_of(push(client))
                assert first == ("" if file == "consent.sqlite" else STORAGE)
                await both_get(client, first)
                level = await error_of(client.set("Usage", 0))
                other.execute("ROLLBACK")
            await both_get(client, "")
            if file == "consent.sqlite":
                assert level == STORAGE
                assert await client.get("Usage") == 0
            await client.set("Usage", 0)
            assert found_on_disk(collecting, TOTAL_BYTES) == set()
        assert daemon.stop() == 0


async def test_damage_under_a_running_daemon(collecting):
    """Damage that another program does while the daemon runs costs the period: it is set aside, and both kinds of push go on alike."""
    path = state_of(collecting) / "telemetry.sqlite"
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            await both_get(client, "")
            with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
                (root,) = other.execute("SELECT rootpage FROM sqlite_master WHERE name = 'tally'").fetchone()
                other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                with path.open("r+b") as file:
                    file.seek((root - 1) * 1024)
                    file.write(bytes([0xFF]) * 1024)
                other.execute("UPDATE tick SET seen = seen WHERE 0")
                other.execute("INSERT INTO text VALUES ('org.example.other', '', '2026-01')")
            assert await error_of(push(client)) == STORAGE
            await both_get(client, "")
            assert "damaged" in daemon.log
            assert [one["state"] for one in (await client.questions(KATE_ID)).values()] == ["passed"]
            await client.set("Usage", 0)
            assert found_on_disk(collecting, TOTAL_BYTES) == set()
        assert daemon.stop() == 0


@pytest.mark.parametrize("file", FILES)
async def test_a_start_while_another_process_locks(collecting, file):
    """Locked at a start: every call has an answer, the same for both kinds of push; then the daemon works, without a new start."""
    with contextlib.closing(sqlite3.connect(state_of(collecting) / file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with collecting.daemon(**hastened(RATE)) as daemon:
            async with collecting.client() as client:
                await both_get(client, STORAGE)
                other.execute("ROLLBACK")
                other.close()
                async with asyncio.timeout(30):
                    while await verdicts(client) != ["", ""]:
                        await asyncio.sleep(0.2)  # nothing tells an application that storage is back
                assert await consents(client) == ([0, 2, 1], {KATE_ID})
            assert daemon.log.count("ERROR") == 1


@pytest.mark.parametrize("how", ["removed", "replaced"])
async def test_a_file_that_vanishes_in_mid_period(collecting, how):
    """The main file is removed, or another put in its place, while it is open: the period is passed (damaged), the daemon goes on."""
    path = state_of(collecting) / "telemetry.sqlite"
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            assert (await client.questions(KATE_ID))["saves-a-week"]["state"] == "active"
            if how == "removed":
                path.unlink()
            else:
                shutil.copy(path, path.with_name("copy"))
                path.with_name("copy").replace(path)
            question = (await client.questions(KATE_ID))["saves-a-week"]
            assert (question["state"], question["cause"]) == ("passed", "damaged")
            await both_get(client, "")
            assert rows(collecting, "SELECT * FROM tally") == []
        assert daemon.log.count("removed or replaced") == 1
        assert daemon.stop() == 0


async def test_consent_that_vanishes(collecting):
    """The consent file is removed while it is open: everything is off at the next look."""
    with collecting.daemon():
        async with collecting.client() as client:
            assert (await consents(client))[0] == [0, 2, 1]
            (state_of(collecting) / "consent.sqlite").unlink()
            assert await consents(client) == ([0, 0, 1], set())
            await both_get(client, "")
            assert found_on_disk(collecting, TOTAL_BYTES) == set()


async def test_killed_between_the_damage_and_what_follows(collecting, strace):
    """A process that dies after it set the damaged main file aside: the next one still ends the period as lost."""
    path = state_of(collecting) / "telemetry.sqlite"
    path.write_bytes(b"damaged" * 1000)
    prefix = (strace, "-f", "-qq", "-o", "/dev/null", "-e", "trace=?link,linkat", "-e", "inject=?link,linkat:signal=KILL:when=1")
    with collecting.daemon(prefix=prefix, wait=False, PYTHONDONTWRITEBYTECODE="1") as daemon:
        until(lambda: daemon.process.poll() is not None)
    assert not path.exists()
    with collecting.daemon():
        async with collecting.client() as client:
            question = (await client.questions(KATE_ID))["saves-a-week"]
            assert (question["state"], question["cause"]) == ("passed", "damaged")


async def test_a_damaged_file_is_kept_for_a_month(collecting):
    """What was set aside is there for whoever wants to know why, and gone after thirty days: at a start, and under a daemon that stays."""
    path = state_of(collecting) / "telemetry.sqlite"
    path.write_bytes(b"damaged" * 1000)
    os.utime(path, (0, 0))
    for shift, count in (("+0", 1), ("+29d", 1), ("+31d", 0)):
        with daemon_at(collecting, shift):
            async with collecting.client() as client:
                await client.get("Usage")
            assert len(list(path.parent.glob("*.damaged-*"))) == count, shift
    (path.parent / "telemetry.sqlite.damaged-2026-01-01").touch()
    with collecting.daemon():
        os.utime(path.parent / "telemetry.sqlite.damaged-2026-01-01", (0, 0))
        async with collecting.client() as client:
            await client.get("Usage")
        assert list(path.parent.glob("*.damaged-*")) == []


async def test_two_daemons(collecting, tmp_path):
    """A second daemon, on the same bus or on another, writes nothing and tells its callers Busy; the first does not notice."""
    with collecting.daemon() as first, Machine(tmp_path / "other") as other:
        assert collecting.run(sys.executable, "-m", "telemetryd").stderr == ""
        places = {name: collecting.environ[name] for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "TELEMETRYD_DATA_DIRS")}
        with other.daemon(**places) as second:
            before = collecting.state()
            async with other.client() as client:
                assert await verdicts(client) == ["org.telemetryd.Error.Busy"] * 2
                assert await error_of(client.set("Usage", 0)) == "org.telemetryd.Error.Busy"
            assert collecting.state() == before
            assert second.stop() == 0
        assert first.process.poll() is None
        async with collecting.client() as client:
            await both_get(client, "")


async def test_a_newer_version_says_so_to_both(collecting):
    """A database of a newer telemetryd: both kinds of push get Storage with the version; the log is told once; the exit status is 0."""
    edit(collecting, "PRAGMA user_version = 99", file="telemetry.sqlite")
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            await both_get(client, STORAGE)
            with pytest.raises(CallError, match="version 99"):
                await client.call(*(TELEMETRY, "Register", "ssa{sv}", KATE_ID, KATE, {}))
        assert daemon.log.count("ERROR") == 1
        assert daemon.stop() == 0
