"""The lock in the state directory, between real processes."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetryd.errors import StorageError
from telemetryd.runtime.lock import StateLock

HOLDER = """
import subprocess, sys
from pathlib import Path
from telemetryd.runtime.lock import StateLock
lock = StateLock(Path(sys.argv[1]))
print(lock.try_take(), flush=True)
if "serve" in sys.argv:
    lock.serve()
child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, close_fds=False)
print(child.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(directory, *options):
    """Another process that tries to take the lock and starts a child: (process, whether it has the lock, the child's id).

    With "serve" it takes the second lock too.
    """
    command = [sys.executable, "-c", HOLDER, directory, *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        yield process, process.stdout.readline() == "True\n", int(process.stdout.readline())
        process.kill()


def mode(path):
    """The permission bits."""
    return stat.S_IMODE(path.lstat().st_mode)


def test_one_at_a_time(tmp_path):
    """While one process holds the lock another one is told so at once; it gets it after the release."""
    lock = StateLock(tmp_path)
    assert lock.try_take()
    with holder(tmp_path) as (_, has_it, _):
        assert not has_it
    lock.release()
    with holder(tmp_path) as (_, has_it, _):
        assert has_it
        assert not lock.try_take()


def test_a_killed_holder_frees_it(tmp_path):
    """The lock of a process that dies is free at once, even while a child of it lives on."""
    with holder(tmp_path) as (process, has_it, child):
        assert has_it
        parked = os.pidfd_open(child)
        signal.pidfd_send_signal(parked, signal.SIGSTOP)
        process.kill()
        process.wait()
        lock = StateLock(tmp_path)
        assert lock.try_take()
        signal.pidfd_send_signal(parked, signal.SIGKILL)
        os.close(parked)
        lock.release()


def test_only_a_serving_holder_is_seen_as_serving(tmp_path):
    """Another process sees the second lock while its holder lives and serves, and looking at it takes nothing from anybody."""
    lock = StateLock(tmp_path / "state")
    assert not lock.is_served_by_another()
    with holder(tmp_path / "state") as (_, has_it, _):
        assert has_it
        assert not lock.try_take()
        assert not lock.is_served_by_another()
    with holder(tmp_path / "state", "serve") as (process, has_it, _):
        assert has_it
        assert not lock.try_take()
        assert lock.is_served_by_another()
        assert lock.is_served_by_another()
        process.kill()
        process.wait()
        assert not lock.is_served_by_another()
    assert mode(tmp_path / "state/serving") == 0o600


def test_serving_ends_before_the_lock_is_released(tmp_path):
    """An exit releases the second lock first; a directory that is taken instead of a moved one gets it too, until then."""
    path = tmp_path / "state"
    lock, onlooker = StateLock(path), StateLock(path)
    assert lock.try_take()
    lock.serve()
    assert onlooker.is_served_by_another()
    path.rename(tmp_path / "old")
    assert not onlooker.is_served_by_another()
    assert lock.try_take()
    assert onlooker.is_served_by_another()
    assert not StateLock(tmp_path / "old").is_served_by_another()
    lock.end_serving()
    assert not onlooker.is_served_by_another()
    with holder(path) as (_, has_it, _):
        assert not has_it
    lock.release()
    assert lock.try_take()
    assert not onlooker.is_served_by_another()
    lock.release()


def test_taking_and_releasing_twice(tmp_path):
    """Whoever holds it may take it again; releasing what is not held does nothing."""
    lock = StateLock(tmp_path)
    lock.release()
    assert lock.try_take()
    assert lock.try_take()
    lock.release()
    with holder(tmp_path) as (_, has_it, _):
        assert has_it


def test_the_directory_is_made_private(tmp_path):
    """The state directory and what lies above it are made 0700, the lock file 0600, whatever the umask; an existing one becomes 0700."""
    directory = tmp_path / "local" / "state" / "telemetryd"
    old = os.umask(0)
    try:
        lock = StateLock(directory)
        assert lock.try_take()
        assert [mode(path) for path in (directory.parent.parent, directory.parent, directory)] == [0o700] * 3
        assert mode(directory / "lock") == 0o600
        lock.release()
        directory.chmod(0o755)
        assert lock.try_take()
        assert mode(directory) == 0o700
    finally:
        os.umask(old)


def test_a_link_to_a_directory_of_the_user(tmp_path):
    """A state directory that is a link to one of the user's is followed; one that leads nowhere is refused, and nothing is made there."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    lock = StateLock(tmp_path / "state")
    assert lock.try_take()
    assert lock.is_in_place()
    with holder(tmp_path / "elsewhere") as (_, has_it, _):
        assert not has_it
    lock.release()
    (tmp_path / "state").unlink()
    (tmp_path / "state").symlink_to(tmp_path / "nothing")
    with pytest.raises(StorageError, match=r"expected a directory, or a link that leads to one$"):
        lock.try_take()
    assert not (tmp_path / "nothing").exists()


@pytest.mark.root
def test_another_users_link_is_refused(tmp_path):
    """A link that another user made is refused, wherever it leads: it could lead into any directory of ours."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "elsewhere")
    os.chown(tmp_path / "state", 65534, 65534, follow_symlinks=False)
    with pytest.raises(StorageError, match=r"belongs to another user$"):
        StateLock(tmp_path / "state").try_take()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_directory_that_is_locked_is_the_one_that_is_used(tmp_path):
    """Moved away, with a copy in its place: what is held is the old one under its new name, and taking the lock again takes the copy's."""
    path = tmp_path / "state"
    lock = StateLock(path)
    assert lock.try_take()
    assert lock.is_in_place()
    (lock.directory / "one").write_text("old")
    path.rename(tmp_path / "old")
    assert not lock.is_in_place()
    shutil.copytree(tmp_path / "old", path)
    assert not lock.is_in_place()
    (lock.directory / "two").write_text("old")
    assert (tmp_path / "old/two").exists()
    assert not (path / "two").exists()
    with holder(path) as (_, has_it, _):
        assert has_it
        assert not lock.try_take()
        with pytest.raises(StorageError, match="is not held"):
            lock.directory  # noqa: B018 - it raises
    assert lock.try_take()
    assert sorted(path.name for path in lock.directory.iterdir()) == ["lock", "one"]
    lock.release_lock()
    with holder(path) as (_, has_it, _):
        assert has_it
        assert lock.is_in_place()
    lock.release()


@pytest.mark.root
def test_owner_and_mode_are_looked_at_again(tmp_path):
    """Whoever has the lock and takes it again finds out that the directory was opened to others, or given away."""
    lock = StateLock(tmp_path / "state")
    assert lock.try_take()
    (tmp_path / "state").chmod(0o777)
    assert lock.try_take()
    assert mode(tmp_path / "state") == 0o700
    os.chown(tmp_path / "state", 65534, 65534)
    with pytest.raises(StorageError, match="belongs to another user"):
        lock.try_take()


def test_a_file_is_refused(tmp_path):
    """A file in the directory's place, or in the way to it, is refused."""
    (tmp_path / "state").touch()
    for path in (tmp_path / "state", tmp_path / "state" / "telemetryd"):
        with pytest.raises(StorageError, match=r"expected a directory$"):
            StateLock(path).try_take()


def test_a_linked_lock_file_is_refused(tmp_path):
    """A lock file that is a link is refused: it would be made elsewhere."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StorageError, match="expected 'lock' in it not to be a link"):
        StateLock(tmp_path).try_take()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.root
def test_another_users_directory_is_refused(tmp_path):
    """A directory of another user is refused and left as it is: who owns it could replace what lies in it."""
    directory = tmp_path / "state"
    directory.mkdir(mode=0o755)
    os.chown(directory, 65534, 65534)
    with pytest.raises(StorageError, match=r"belongs to another user$"):
        StateLock(directory).try_take()
    assert list(directory.iterdir()) == []


def test_a_lock_that_cannot_be_taken(tmp_path):
    """What the lock file's place does not allow is a StorageError, and no descriptor stays open."""
    (tmp_path / "lock").mkdir()
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(StorageError, match="Is a directory"):
        StateLock(tmp_path).try_take()
    assert sorted(Path("/proc/self/fd").iterdir()) == before
