import asyncio
import contextlib
import threading

import pytest

from telemetryd.core.limits import SETTLE_S
from telemetryd.settling import Settling
from telemetryd.store.database import Database
from telemetryd.store.schema import Schema

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
        self.moved_s += seconds
        for _ in range(3):
            await asyncio.sleep(0)
        for thread in set(threading.enumerate()) - {threading.main_thread()}:
            thread.join()


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
    with database.durable() as connection:
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
