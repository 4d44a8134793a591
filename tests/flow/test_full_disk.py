"""With a full disk the user can still take everything back: it holds at once, and is written later. Policy: C1, C2."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess

import pytest
from support.machine import CONTROL, CallError, Variant, until
from support.machine_at import TOTAL, TOTAL_BYTES, collect_total, found_on_disk, rows

from telemetryd.core.permission.gate import Levels
from telemetryd.core.permission.user_change import UserChange
from telemetryd.engine.choices.unwritten_withdrawals import UnwrittenWithdrawals
from telemetryd.errors import StorageError
from telemetryd.runtime.assembly import Surroundings, assemble, assemble_without_storage
from telemetryd.system.installed import InstalledFiles

pytestmark = pytest.mark.root
KATE_ID, QUESTION = "org.kde.kate", "saves-a-week"
STORAGE = "org.telemetryd.Error.Storage"
HELD = "it holds from now on, but it is not on disk yet"


class SmallDisk:
    """The state directory on a file system of 2 MiB."""

    def __init__(self, machine):
        self.machine, self.folder = machine, machine.root / "state/telemetryd"
        self._ballast = self.folder / "ballast"

    def fill(self):
        """Leave no byte free."""
        with contextlib.suppress(OSError), self._ballast.open("ab", buffering=0) as ballast:
            while True:
                ballast.write(bytes(1024))

    def leave(self, kib):
        """Leave so many more kibibytes free than now."""
        os.truncate(self._ballast, self._ballast.stat().st_size - kib * 1024)

    def free(self):
        """Give it back."""
        self._ballast.unlink()

    def level(self):
        """The level of Usage on disk."""
        return rows(self.machine, "SELECT value FROM level WHERE name = 'usage'", file="consent.sqlite")[0][0]


@pytest.fixture
async def disk(machine):
    """A question in its period with a total on disk; the daemon does not run."""
    await collect_total(machine)
    folder, kept = machine.root / "state/telemetryd", machine.root / "kept"
    folder.rename(kept)
    folder.mkdir(mode=0o700)
    mount = ("mount", "-t", "tmpfs", "-o", "size=2m,mode=700", "tmpfs", str(folder))
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        shutil.copytree(kept, folder, dirs_exist_ok=True)
        yield SmallDisk(machine)
    finally:
        subprocess.run(("umount", "-l", str(folder)), check=True)


async def refusal(call):
    """The text of the Error.Storage that a call ends with."""
    with pytest.raises(CallError) as refused:
        await call
    assert refused.value.name == STORAGE
    return refused.value.text


async def fill_up(disk, client):
    """Fill the disk, until nothing can be raised."""
    disk.fill()
    for _ in range(200):  # what the log has room for already
        try:
            await client.set("NewQuestions", 2)
            await client.set("NewQuestions", 1)
        except CallError:
            return
        disk.fill()
    raise AssertionError("the disk does not get full")


async def is_shut(client):
    """Nothing is collected, and nothing would be sent."""
    assert (await client.questions(KATE_ID))[QUESTION]["state"] in {"passed", "refused"}
    assert await client.preview() == {}


ACTS = {
    "level": lambda client: client.set("Usage", 0),
    "application": lambda client: client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 0, 0),
    "question": lambda client: client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, QUESTION, False),
    "erase": lambda client: client.call(CONTROL, "Erase", "s", KATE_ID),
    "several": lambda client: client.call(
        CONTROL, "Apply", "a{sv}s", {"usage": Variant("u", 0), "refuse": Variant("a(ss)", [[KATE_ID, QUESTION]])}, ""
    ),
}


@pytest.mark.parametrize("act", ACTS)
async def test_taking_back_holds_and_is_written_later(disk, act):
    """Every "no" is shut at once and told as not written; with room again it is written, and the sample is gone."""
    machine = disk.machine
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await fill_up(disk, client)
            told = await refusal(ACTS[act](client))
            assert told.startswith(f"{disk.folder}: {HELD}")
            await is_shut(client)
            assert any("not on disk yet" in text for _, text in await client.get("Problems")) or act == "erase"
            await refusal(client.push(KATE_ID, "saves", "t", TOTAL))
            disk.free()
            await is_shut(client)
            assert found_on_disk(machine, TOTAL_BYTES) == set()
            await client.set("NewQuestions", 1)  # Problems that no file is the cause of are told anew after an act
            assert not any("not on disk yet" in text for _, text in await client.get("Problems"))
        daemon.stop(signal.SIGKILL)
    with machine.daemon():
        async with machine.client() as client:
            await is_shut(client)


async def test_only_raising_needs_the_disk(disk):
    """After a level was lowered without the disk it cannot be raised again without it; with room both are written in their order."""
    with disk.machine.daemon():
        async with disk.machine.client() as client:
            await fill_up(disk, client)
            await refusal(client.set("Usage", 0))
            assert HELD not in await refusal(client.set("Usage", 1))
            assert await client.get("Usage") == 0
            disk.free()
            await client.set("Usage", 1)
            assert disk.level() == 1
            assert (await client.questions(KATE_ID))[QUESTION]["state"] == "passed"


async def test_killed_before_it_was_written(disk):
    """Killed with the disk still full, the "no" is lost: the answer promised no more."""
    with disk.machine.daemon() as daemon:
        async with disk.machine.client() as client:
            await fill_up(disk, client)
            assert HELD in await refusal(client.set("Usage", 0))
        daemon.stop(signal.SIGKILL)
    disk.free()
    assert disk.level() == 2
    with disk.machine.daemon():
        async with disk.machine.client() as client:
            assert await client.get("Usage") == 2


async def test_it_stays_as_long_as_something_is_owed(disk):
    """A daemon that leaves when idle stays while a "no" is not on disk, and leaves when it is. What is wrong is named once."""
    disk.machine.configure_user("idle_exit_minutes = 0.02\n")
    with disk.machine.daemon() as daemon:
        async with disk.machine.client() as client:
            await fill_up(disk, client)
            await refusal(client.set("Usage", 0))
            for _ in range(5):
                daemon.process.send_signal(signal.SIGHUP)
                assert await client.get("Usage") == 0
            with pytest.raises(subprocess.TimeoutExpired):
                daemon.process.wait(3)
            assert daemon.log.count("the disk is full") == 1
            disk.free()
            daemon.process.send_signal(signal.SIGHUP)
            until(lambda: daemon.process.poll() is not None)
    assert disk.level() == 0


async def test_a_withdrawal_outlives_starts_that_fail(disk):
    """With ever more room, a start fails at ever later steps. No earlier withdrawal is lost with them, and it is written at last."""
    lowered, failed = UnwrittenWithdrawals(), 0
    lowered.of("consent.sqlite").bound({"usage": 0})
    disk.fill()
    while True:
        try:
            assembly = assemble(InstalledFiles(disk.machine.environ), disk.folder, Surroundings(asyncio.Lock(), lowered=lowered))
        except StorageError:
            failed += 1
            assert lowered.of("consent.sqlite").levels.get("usage") == 0 or disk.level() == 0
            disk.leave(4)
        else:
            break
    assert assembly.control.consents.levels.usage == 0
    disk.free()
    assembly.close()
    assert failed > 1
    assert disk.level() == 0


async def test_what_ended_outlives_starts_that_fail(disk):
    """A switch ends a question in a start on a full disk, which fails. When the switch is gone and there is room, it stays ended."""
    switch = disk.machine.root / "etc/telemetryd/telemetryd.toml.d/50-off.toml"
    switch.parent.mkdir(exist_ok=True)
    switch.write_text("enabled = false\n")
    surroundings = Surroundings(asyncio.Lock(), lowered=UnwrittenWithdrawals())
    disk.fill()
    while not surroundings.lowered.is_any:  # until a start gets as far as the switch
        with pytest.raises(StorageError):
            assemble(InstalledFiles(disk.machine.environ), disk.folder, surroundings)
        disk.leave(1)
    switch.unlink()
    disk.free()
    assemble(InstalledFiles(disk.machine.environ), disk.folder, surroundings).close()
    assert rows(disk.machine, "SELECT outcome, cause FROM life", file="consent.sqlite") == [("passed", "kill_switch")]
    assert found_on_disk(disk.machine, TOTAL_BYTES) == set()


@pytest.mark.parametrize("is_open", [True, False], ids=["the file is open", "no file is open"])
async def test_a_no_outlives_developer_mode(disk, is_open):
    """A no that could not be written holds for its own file when developer mode, which has another, begins and the daemon ends in it.

    Developer mode does not begin before that no is on the disk.
    """
    environ, lowered = disk.machine.environ, UnwrittenWithdrawals()
    surroundings = Surroundings(asyncio.Lock(), lowered=lowered)
    disk.machine.develop()
    with contextlib.closing(assemble(InstalledFiles(environ), disk.folder, surroundings)) as developer:
        developer.control.consents.set_levels(Levels(2, 2))
    disk.machine.configure_user("")
    if is_open:
        assembly = assemble(InstalledFiles(environ), disk.folder, surroundings)
    else:
        assembly = assemble_without_storage(InstalledFiles(environ), surroundings, StorageError("the disk is full"))
    disk.fill()
    with pytest.raises(StorageError, match=HELD):
        await assembly.control.choices.act(UserChange(levels={"usage": 0}))
    with contextlib.suppress(StorageError):
        assembly.close()
    lowered.take_over(assembly.store.consents)
    disk.machine.develop()
    failures = set()
    while True:
        try:
            developer = assemble(InstalledFiles(environ), disk.folder, surroundings)
        except StorageError as failure:
            failures.add(str(failure))
            assert lowered.is_any or disk.level() == 0
            disk.leave(4)
        else:
            break
    with contextlib.closing(developer):
        assert developer.control.consents.levels == Levels(2, 2)
        assert disk.level() == 0
        assert not lowered.is_any
    assert "what was withdrawn before developer mode cannot be written" in failures
