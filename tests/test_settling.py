import asyncio
import contextlib
import os
import threading
from array import array

import pytest
from descriptors import open_logs

from telemetryd.core.limits import SETTLE_S
from telemetryd.ports import StoredTally
from telemetryd.settling import Settling
from telemetryd.store import open_store
from telemetryd.store.database import Database
from telemetryd.store.schema import Schema

ROW = StoredTally(1, ("org.kde.kate", "startup"), "org.kde.kate", "2026-W48", array("Q", [1]))
INSERT = "INSERT INTO word VALUES ('one')"


class Synced:
    """The logs that were given away to be synced, in the time of a loop that the test moves."""

    def __init__(self, monkeypatch):
        self.logs, self.moved_s = [], 0.0
        loop = asyncio.get_running_loop()
        time = loop.time
        monkeypatch.setattr(loop, "time", lambda: time() + self.moved_s)

    def give(self, database):
        """What `Settling` asks; remembers each log that it hands out."""
        log = database.unsettled()
        found = [log] if log is not None else []
        self.logs += found
        return found

    async def pass_time(self, seconds):
        """Move the loop's clock, and let it do what is due, to the end."""
        await self.begin(seconds)
        for thread in set(threading.enumerate()) - {threading.main_thread()}:
            thread.join()

    async def begin(self, seconds):
        """The same, and no more than begin what takes long."""
        self.moved_s += seconds
        for _ in range(3):
            await asyncio.sleep(0)


@pytest.fixture
def database(tmp_path):
    """One file."""
    with contextlib.closing(Database(tmp_path / "words.sqlite", Schema(("CREATE TABLE word (text TEXT)",)))) as database:
        yield database


@pytest.fixture
async def synced(database, monkeypatch):
    """Settling at work on it."""
    synced = Synced(monkeypatch)
    synced.settling = Settling(lambda: synced.give(database))
    database.on_unsettled = synced.settling.begin
    yield synced
    synced.settling.stop()


async def test_seconds_after_the_first_commit(database, synced):
    """The first commit is synced after so many seconds, however many follow; then nothing more happens until the next one."""
    for _ in range(4):
        database.write(INSERT)
        await synced.pass_time(SETTLE_S / 5)
    assert synced.logs == []
    await synced.pass_time(SETTLE_S / 4)
    assert len(synced.logs) == 1
    await synced.pass_time(SETTLE_S * 100)
    assert len(synced.logs) == 1
    database.write(INSERT)
    await synced.pass_time(SETTLE_S)
    assert len(synced.logs) == 2


async def test_durable_needs_none(database, synced):
    """What is synced when it is committed begins nothing."""
    with database.change() as connection:
        connection.execute(INSERT)
    await synced.pass_time(SETTLE_S)
    assert synced.logs == []


async def test_closed(database, synced):
    """Closing the file syncs it: nothing is left to do."""
    database.write(INSERT)
    database.close()
    assert database.unsettled() is None
    await synced.pass_time(SETTLE_S)
    assert synced.logs == []


def test_a_few_seconds():
    """A power cut takes the last few seconds of samples, as the documentation says."""
    assert SETTLE_S <= 5


SIDES = {"tallies": lambda store: store.tallies, "decoys": lambda store: store.decoys.opened()}


@pytest.mark.parametrize("side", SIDES)
def test_both_sides_settle(tmp_path, side):
    """A commit asks for a sync of its log, whether of what is kept or refused: a sync takes time that others notice. Policy: C3."""
    begun = []
    with contextlib.closing(open_store(tmp_path, is_developer=False)) as store:
        store.tell_unsettled(lambda: begun.append(side))
        SIDES[side](store).save([ROW])
        assert begun == [side]
        (log,) = store.unsettled()
        assert all(os.path.sameopenfile(log, own) for own in open_logs(tmp_path)), "the other side was not written to"
        os.close(log)
        assert store.unsettled() == []


async def test_nothing_stays_open(database, synced, tmp_path):
    """What was given away to be synced is closed afterwards: the daemon does not run out of descriptors."""
    database.write(INSERT)
    before = open_logs(tmp_path)
    for _ in range(3):
        await synced.pass_time(SETTLE_S)
        database.write(INSERT)
    assert len(synced.logs) == 3
    assert open_logs(tmp_path) == before


async def test_a_disk_that_fails(database, synced, tmp_path, caplog):
    """A log that cannot be synced is closed and told to the journal, and does not keep others from being synced."""
    reading, writing = os.pipe()  # the kernel syncs no pipe
    os.set_blocking(reading, False)
    settling = Settling(lambda: [writing, *synced.give(database)])
    database.on_unsettled = settling.begin
    database.write(INSERT)
    before = open_logs(tmp_path)
    await synced.pass_time(SETTLE_S)
    assert os.read(reading, 1) == b""
    os.close(reading)
    assert len(synced.logs) == 1
    assert open_logs(tmp_path) == before
    assert [one.getMessage() for one in caplog.records] == ["the disk does not take what was committed: Invalid argument"]


async def test_a_slow_disk(database, synced, monkeypatch):
    """While the disk has not taken one sync no other is begun; what was committed meanwhile is synced by the next one."""
    may_sync, syncing = threading.Event(), []
    monkeypatch.setattr(os, "fdatasync", lambda log: syncing.append(log) or may_sync.wait())
    for _ in range(4):
        database.write(INSERT)
        await synced.begin(SETTLE_S)
    assert len(synced.logs) == 1
    may_sync.set()
    await synced.pass_time(SETTLE_S)
    await synced.pass_time(SETTLE_S)
    assert len(syncing) == 2
