"""The state directory that is locked is the one that is used, whatever is moved away and put in its place. Policy: C1."""

import contextlib
import shutil

import pytest
from support.machine import CallError, Machine
from support.machine_at import TOTAL, TOTAL_BYTES, collect_total, rows

KATE_ID = "org.kde.kate"
BUSY, STORAGE = "org.telemetryd.Error.Busy", "org.telemetryd.Error.Storage"


@pytest.fixture
async def collecting(machine):
    """A question in its period with a total on disk; the daemon does not run."""
    await collect_total(machine)
    return machine


def folder_of(machine):
    """The state directory."""
    return machine.root / "state/telemetryd"


def replace_by_a_copy(machine):
    """`mv state/telemetryd old; cp -a old state/telemetryd`; gives the old one's place."""
    old = machine.root / "state/old"
    folder_of(machine).rename(old)
    machine.run("cp", "-a", old, folder_of(machine))
    return old


@contextlib.contextmanager
def second_daemon(machine, root):
    """Another daemon of the same user over the same files, on another bus."""
    with Machine(root) as other:
        names = ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "TELEMETRYD_DATA_DIRS", "TELEMETRYD_CONFIG_DIRS")
        with other.daemon(**{name: machine.environ[name] for name in names}):
            yield other


async def error_of(call):
    """The name of the error that a call ends with, or ""."""
    try:
        await call
    except CallError as failure:
        return failure.name
    return ""


async def test_two_daemons_and_a_lost_lock(collecting, tmp_path):
    """Somebody removes the locks' files, and a second daemon takes new ones: after a withdrawal there the first one keeps nothing."""
    with collecting.daemon():
        async with collecting.client() as client:
            await client.push(KATE_ID, "saves", "t", 1)
            for name in ("lock", "serving"):
                (folder_of(collecting) / name).unlink()
            with second_daemon(collecting, tmp_path / "other") as other:
                async with other.client() as user:
                    await user.set("Usage", 0)
                    assert await error_of(client.push(KATE_ID, "saves", "t", TOTAL)) == BUSY
                    assert rows(collecting, "SELECT * FROM tally") == []


async def test_a_lost_lock_is_taken_anew(collecting):
    """Without a second daemon a removed lock is made again, and nothing is lost."""
    with collecting.daemon():
        async with collecting.client() as client:
            (folder_of(collecting) / "lock").unlink()
            await client.push(KATE_ID, "saves", "t", 1)
            assert (folder_of(collecting) / "lock").exists()
            assert len(rows(collecting, "SELECT * FROM tally")) == 1


async def test_two_daemons_and_a_copy(collecting, tmp_path):
    """A second daemon serves the copy; after a withdrawal there the first one keeps nothing, in neither directory, and changes nothing."""
    with collecting.daemon() as first:
        async with collecting.client() as client:
            await client.push(KATE_ID, "saves", "t", 1)
            old = replace_by_a_copy(collecting)
            with second_daemon(collecting, tmp_path / "other") as other:
                async with other.client() as user:
                    assert await user.get("Usage") == 2
                    await user.set("Usage", 0)
                    before = {path: path.read_bytes() for path in old.iterdir()}
                    assert await error_of(client.push(KATE_ID, "saves", "t", TOTAL)) == BUSY
                    assert await error_of(client.get("Usage")) == BUSY
                    assert await error_of(client.set("Usage", 2)) == BUSY
                    await user.push(KATE_ID, "saves", "t", TOTAL)
                    assert await user.get("Usage") == 0
            assert rows(collecting, "SELECT * FROM tally") == []
            assert TOTAL_BYTES not in b"".join(path.read_bytes() for path in folder_of(collecting).iterdir())
            assert {path.name for path in before} >= {path.name for path in old.iterdir()}  # closing folds the logs in, no more
            assert first.process.poll() is None


async def test_a_copy_that_nobody_serves(collecting):
    """Without another daemon the running one takes the copy's lock and goes on there, at the next call, and leaves the old one alone."""
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            await client.push(KATE_ID, "saves", "t", 1)
            old = replace_by_a_copy(collecting)
            await client.push(KATE_ID, "saves", "t", 2)
            after = {path.name: path.read_bytes() for path in old.iterdir()}
            await client.set("Usage", 0)
            assert rows(collecting, "SELECT * FROM tally") == []
            assert {path.name: path.read_bytes() for path in old.iterdir()} == after
        assert "the state directory was moved or replaced" in daemon.log
        assert daemon.stop() == 0


async def test_a_directory_that_was_put_away(collecting):
    """Moved away with nothing in its place: everything is off, as at a first start; moved back, it is as it was."""
    away = collecting.root / "state/away"
    with collecting.daemon():
        async with collecting.client() as client:
            folder_of(collecting).rename(away)
            assert await client.get("Usage") == 0
            shutil.rmtree(folder_of(collecting))
            away.rename(folder_of(collecting))
            assert await client.get("Usage") == 2
            assert len(await client.preview()) == 1


@pytest.mark.root
@pytest.mark.parametrize("what", ["directory", "consent.sqlite"])
async def test_what_another_user_put_there_raises_nothing(collecting, tmp_path, what):
    """With everything off, a copy in which all is on and that another user owns is put in the place: nothing is raised, nothing kept."""
    generous = shutil.copytree(folder_of(collecting), tmp_path / "generous")
    with collecting.daemon() as daemon:
        async with collecting.client() as client:
            await client.set("Usage", 0)
            path = folder_of(collecting)
            if what == "directory":
                path.rename(tmp_path / "old")
                generous.rename(path)
                shutil.chown(path, "nobody")
            else:
                shutil.chown(generous / what, "nobody")
                (generous / what).replace(path / what)
            assert await error_of(client.push(KATE_ID, "saves", "t", TOTAL)) in {"", STORAGE}  # of a file only looks tell
            assert await client.get("Usage") == 0
            assert await error_of(client.push(KATE_ID, "saves", "t", TOTAL)) == STORAGE
            assert await error_of(client.set("Usage", 2)) == STORAGE
        assert "belongs to another user" in daemon.log
        assert rows(collecting, "SELECT * FROM tally") == [] or what == "directory"


async def test_owner_and_mode_are_looked_at_again(collecting):
    """Opened to others under the running daemon, the directory is closed again when its files are opened anew."""
    with collecting.daemon():
        async with collecting.client() as client:
            await client.get("Usage")
            folder_of(collecting).chmod(0o777)
            (folder_of(collecting) / "telemetry.sqlite").unlink()
            await client.get("Usage")
            assert folder_of(collecting).stat().st_mode & 0o777 == 0o700
