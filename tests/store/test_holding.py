"""Writes under a reading that stays open: nothing that others do is in the way of them, nor are they in the way of others for long."""

import contextlib
import sqlite3
import threading

import pytest

from telemetryd.store.database import Database
from telemetryd.store.schema import Schema

INSERT = "INSERT INTO word (text) VALUES (?)"
WORDS = "SELECT text FROM word ORDER BY rowid"
WRITES = 3000


@pytest.fixture
def database(folder):
    """A database with one row, written a moment ago."""
    with contextlib.closing(Database(folder / "words.sqlite", Schema(("CREATE TABLE word (text TEXT)",)))) as made:
        made.write(INSERT, ("first",))
        made.write(INSERT, ("second",))
        yield made


@pytest.fixture
def other(database):
    """Another connection to the same file, as another process has one."""
    with contextlib.closing(sqlite3.connect(database.path, isolation_level=None, check_same_thread=False)) as connection:
        yield connection


def may_fold(other):
    """Whether another process can fold the whole log into the file and empty it now."""
    other.execute("PRAGMA busy_timeout=0")
    return other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0


def test_a_reading_is_held_between_writes(database, other):
    """After a write the newest state stays locked, which spares the next one the locks: without that the rest here shows nothing."""
    assert not may_fold(other)
    database.write(INSERT, ("third",))
    assert not may_fold(other)


WAYS = pytest.mark.parametrize(
    "write", [lambda it: it.write(INSERT, ("ours",)), lambda it: it.write_many(INSERT, [("ours",)])], ids=["write", "write_many"]
)


@WAYS
def test_another_process_wrote(database, other, write):
    """A write after another process's goes on from what that one wrote."""
    other.execute(INSERT, ("theirs",))
    write(database)
    database.write("UPDATE word SET text = text || '!' WHERE text = 'theirs'")
    assert database.read(WORDS) == [("first",), ("second",), ("theirs!",), ("ours",)]


@WAYS
def test_another_process_is_writing(database, other, write):
    """A write waits for another process's that takes a moment."""
    other.execute("BEGIN IMMEDIATE")
    other.execute(INSERT, ("theirs",))
    ending = threading.Timer(0.05, other.execute, ("COMMIT",))
    ending.start()
    write(database)
    ending.join()
    assert database.read(WORDS) == [("first",), ("second",), ("theirs",), ("ours",)]


@pytest.mark.parametrize(
    "use",
    [
        lambda it: it.read(WORDS),
        lambda it: it.unsettled(),
        lambda it: contextlib.ExitStack().enter_context(it.durable()).execute(INSERT, ("third",)),
    ],
    ids=["read", "unsettled", "durable"],
)
def test_nothing_is_held_after_anything_else(database, other, use):
    """Whatever else is done with the file, and the sync five seconds after a write, lets go."""
    use(database)
    assert may_fold(other)


def test_reads_are_of_the_newest_state(database, other):
    """What another process wrote is read, however many writes of ours were before."""
    other.execute(INSERT, ("theirs",))
    assert database.read(WORDS)[-1] == ("theirs",)


def test_purge(database, folder):
    """Purging empties the log whatever is held."""
    database.write("DELETE FROM word")
    assert database.purge()
    assert (folder / "words.sqlite-wal").stat().st_size == 0


@pytest.mark.parametrize("rows", [1, 50])
def test_the_log_stays_small(database, folder, rows):
    """The log is folded in among writes that never pause, of one row or many: it does not grow with their number."""
    database.write_many(INSERT, [("a" * 600,)] * rows)  # about a page for each row
    for count in range(WRITES // rows):
        database.write("UPDATE word SET text = 'x' || ? WHERE rowid = 1", (count % 10,))
        changes = [(count % 10, number + 1) for number in range(rows)]
        database.write_many("UPDATE word SET text = ? || substr(text, 2) WHERE rowid = ?", changes)
    assert (folder / "words.sqlite-wal").stat().st_size < 1.5 * 1024 * 1024
