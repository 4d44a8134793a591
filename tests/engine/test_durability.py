import asyncio
import contextlib
import errno
import os
import sqlite3
import threading
from array import array
from functools import partial
from pathlib import Path

import pytest
from support.disk.descriptors import open_files

from telemetryd.core.limits import SETTLE_S
from telemetryd.engine.durability import Disk, Point, Work
from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError
from telemetryd.store import open_store

ROW = StoredTally(1, ("org.kde.kate", "startup"), "org.kde.kate", "2026-W48", array("Q", [1]))


@pytest.fixture
def store(disk):
    """The real files."""
    return disk.files


@pytest.fixture
async def disk(tmp_path):
    """What waits for them."""
    disk = Disk(partial(open_store, tmp_path, is_developer=False))
    yield disk
    disk.close()
    disk.files.close()


class Syncs:
    """What is synced, and by which thread; `hold` makes it wait."""

    def __init__(self, monkeypatch):
        self.names, self.threads, self.may_go_on = [], set(), threading.Event()
        self.may_go_on.set()
        self.failure = None
        for name in ("fsync", "fdatasync"):
            monkeypatch.setattr(os, name, self._wrap(getattr(os, name)))

    def _wrap(self, real):
        def sync(descriptor):
            self.names.append(Path(f"/proc/self/fd/{descriptor}").readlink().name)
            self.threads.add(threading.current_thread())
            self.may_go_on.wait(20)
            if self.failure:
                raise self.failure
            real(descriptor)

        return sync


@pytest.fixture
def syncs(monkeypatch):
    """The system's calls, watched."""
    return Syncs(monkeypatch)


def keep_levels(store, usage):
    """Commit a level."""
    store.consents.set_levels(store.consents.levels._replace(usage=usage))


async def test_a_commit_waits_for_nothing(store, disk, syncs):
    """No commit syncs anything; steps that wait for it go on when a thread has, and the loop goes on meanwhile. Policy: C3."""

    def steps():
        keep_levels(store, 2)
        assert syncs.names == []
        assert (yield Point.SYNCED)
        return list(syncs.names)

    syncs.may_go_on.clear()
    task = asyncio.ensure_future(disk.run(steps()))
    for _ in range(20):
        await asyncio.sleep(0.001)
    assert not task.done()
    syncs.may_go_on.set()
    names = await task
    assert "consent.sqlite-wal" in names
    assert syncs.threads == {thread for thread in syncs.threads if thread is not threading.main_thread()}


async def test_a_new_file_is_synced_by_name(store, disk, syncs, tmp_path):
    """A file that was just made is on the disk with its name before anything is promised of it; later only its log is synced."""

    def steps():
        keep_levels(store, 2)
        yield Point.SYNCED

    await disk.run(steps())
    assert {"consent.sqlite.new", tmp_path.name} <= set(syncs.names)
    syncs.names.clear()
    await disk.run(steps())
    assert set(syncs.names) == {"consent.sqlite-wal"}


async def test_a_new_file_whose_sync_failed_is_synced_by_name_again(store, disk, syncs, tmp_path):
    """What a failed sync left undone is done by the next one: the file that was made and its name included."""

    def steps():
        keep_levels(store, 2)
        yield Point.SYNCED

    syncs.failure = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StorageError):
        await disk.run(steps())
    syncs.names.clear()
    syncs.failure = None
    await disk.run(steps())
    assert {"consent.sqlite.new", tmp_path.name, "consent.sqlite-wal"} <= set(syncs.names)


async def test_emptied(store, disk, tmp_path):
    """At that point nothing of what was erased is in any file; not while another process reads."""
    text = "a text that is to be erased" * 50

    def steps():
        return (yield Point.EMPTIED)

    store.texts.keep("org.example.App", text, "2026-11")
    store.texts.drop("org.example.App")
    other = sqlite3.connect(tmp_path / "telemetry.sqlite", isolation_level=None)
    other.execute("BEGIN")
    other.execute("SELECT * FROM text").fetchall()
    assert not await disk.run(steps())
    other.close()
    assert await disk.run(steps())
    assert not any(text.encode()[:40] in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("side", ["tallies", "decoys"])
async def test_both_sides_are_held(store, disk, side):
    """While the logs are emptied a hold keeps every sample waiting, whichever file it would go to; it is over before the reply."""
    held = []

    @contextlib.contextmanager
    def hold():
        held.append(True)
        yield
        held.append(False)

    disk._hold = hold
    {"tallies": store.tallies, "decoys": store.decoys.opened()}[side].save([ROW])

    def steps():
        return (yield Point.EMPTIED)

    assert await disk.run(steps())
    assert held == [True, False]


async def test_samples_go_on_while_most_is_copied(store, disk):
    """Commits in the midst of an emptying are neither lost nor in its way."""

    async def save():
        for number in range(200):
            store.tallies.save([ROW._replace(cells=array("Q", [number]))])
            await asyncio.sleep(0)

    def steps():
        return (yield Point.EMPTIED)

    results = await asyncio.gather(save(), *(disk.run(steps()) for _ in range(3)))
    assert results[1:] == [True] * 3
    assert list(store.tallies.all()[0].cells) == [199]


async def test_a_few_seconds_after_a_sample(store, disk, syncs, monkeypatch):
    """A power cut takes the last few seconds of samples at most, as the documentation says: kept and refused alike are synced then."""
    loop, moved_s = asyncio.get_running_loop(), 0.0
    time = loop.time
    monkeypatch.setattr(loop, "time", lambda: time() + moved_s)
    store.decoys.opened().save([ROW])
    store.tallies.save([ROW])
    syncs.names.clear()
    moved_s = SETTLE_S
    while not disk._tasks:
        await asyncio.sleep(0)
    await asyncio.gather(*disk._tasks)
    assert SETTLE_S <= 5
    assert sum(name.startswith("telemetry.sqlite-wal") for name in syncs.names) == 2


async def test_a_disk_that_fails(store, disk, syncs):
    """Steps hear of a failed sync as a storage error where they wait; the next sync tries again what that one did not do."""
    heard = []

    def steps():
        keep_levels(store, 1)
        try:
            yield Point.SYNCED
        except StorageError as failure:
            heard.append(str(failure))
            raise

    syncs.failure = OSError(errno.EIO, "Input/output error")
    with pytest.raises(StorageError, match="Input/output error"):
        await disk.run(steps())
    assert len(heard) == 1
    syncs.failure = None
    syncs.names.clear()
    await disk.run(steps())
    assert "consent.sqlite-wal" in syncs.names


async def test_a_log_that_grew_is_emptied(store, disk, tmp_path):
    """However many samples come, the logs stay short; nobody waits for that."""
    tally = ROW._replace(cells=array("Q", [0] * 100))
    for number in range(3000):
        tally.cells[number % 100] += 1
        store.tallies.save([tally])
        if not number % 100:
            await asyncio.sleep(0.005)
    await asyncio.gather(*disk._tasks)
    assert (tmp_path / "telemetry.sqlite-wal").stat().st_size < 3 << 20


async def test_nothing_is_begun_after_the_end(store, disk, syncs):
    """What is committed while the files are closed is settled by their closing: no timer, task or thread outlives them."""
    threads = threading.active_count()
    store.tallies.save([ROW])
    disk.close()
    store.tallies.save([ROW])
    disk.settle()
    disk.shrink()
    assert disk._timer is None
    assert not disk._tasks
    with pytest.raises(StorageError, match="closed meanwhile"):
        await disk._sync()
    assert threading.active_count() == threads


async def test_the_thread_ends_when_it_has_done_everything(store, disk, syncs):
    """Jobs are done one after another by one thread, also those of a closing; then there is none."""
    syncs.may_go_on.clear()
    keep_levels(store, 1)
    tasks = [asyncio.ensure_future(disk._sync()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert [thread.name for thread in threading.enumerate() if thread.name == "disk"] == ["disk"]
    threading.Timer(0.05, syncs.may_go_on.set).start()
    disk.close()
    assert [thread.name for thread in threading.enumerate() if thread.name == "disk"] == []
    assert await asyncio.gather(*tasks) == [True] * 3


async def test_one_after_another(store, disk):
    """Whoever works takes all steps before the next begins; who comes when the files are closed is told."""
    work, order = Work(asyncio.Lock(), disk), []

    def steps(name):
        order.append(name)
        yield Point.SYNCED
        order.append(name)

    await asyncio.gather(work.run(steps("a")), work.run(steps("b")))
    assert order == ["a", "a", "b", "b"]
    work.end()
    with pytest.raises(StorageError, match="closed meanwhile"):
        await work.run(steps("c"))


async def test_ending_ends_what_waits_for_the_files(store, disk):
    """What is done only as long as the files are open is broken off when they are closed."""
    work, forever = Work(asyncio.Lock(), disk), asyncio.Event()
    task = asyncio.ensure_future(work.run_until_closed(forever.wait()))
    await asyncio.sleep(0)
    work.end()
    assert not await task


def test_closing_gives_everything_back(tmp_path):
    """A closed store leaves no descriptor and no log."""
    before = open_files(tmp_path)
    store = open_store(tmp_path, is_developer=False)
    keep_levels(store, 2)
    store.tallies.save([ROW])
    store.decoys.opened().save([ROW])
    store.close()
    assert open_files(tmp_path) == before
    assert {path.name for path in tmp_path.iterdir()} == {"consent.sqlite", "telemetry.sqlite"}


@pytest.mark.parametrize("point", [Point.SYNCED, Point.EMPTIED])
async def test_no_burst_after_the_disk(tmp_path, store, disk, point):
    """What stays open between the commits of a burst of samples is closed with the next sync, and holds up no emptying of the log."""

    def steps():
        return (yield point)

    for _ in range(4):
        store.tallies.save_one(ROW)
    assert await disk.run(steps())
    store.tallies.keep_missing("later")
    with contextlib.closing(sqlite3.connect(tmp_path / "telemetry.sqlite", timeout=0)) as other:
        assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
