import contextlib
import sqlite3
import threading
import time
from array import array

import pytest

from telemetryd.engine.ports import StoredTally

FIRST, SECOND = StoredTally(1, ("a", "b"), "c", "d", array("Q", [1, 0])), StoredTally(2, ("a", "e"), "c", "d", array("Q", [0, 0]))
BURST = 4
"""Samples enough for a burst."""


@pytest.fixture
def other(folder, store):
    """Another process's connection to the file of kept samples, which is made for it. It waits for nothing."""
    store.make()
    path = folder / "telemetry.sqlite"
    with contextlib.closing(sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)) as other:
        yield other


def push(tallies, row=FIRST, times=BURST):
    """Count so many samples, each in a commit of its own."""
    for _ in range(times):
        row.cells[0] += 1
        tallies.save_one(row)


def is_emptied(other):
    """Whether another process can empty the log: not while anyone reads what is older than the last commit."""
    (is_busy, _, _) = other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return not is_busy


def stored(other):
    """The first cell of each row that another process sees."""
    return [array("Q", cells)[0] for (cells,) in other.execute("SELECT cells FROM tally ORDER BY id")]


def test_each_sample_is_committed(store, other):
    """In a burst too, a sample is on the file when its commit returns: another process sees it at once."""
    for number in range(BURST):
        push(store.tallies, times=1)
        assert stored(other) == [FIRST.cells[0]], number


def test_one_sample_begins_no_burst(store, other):
    """A burst is worth it from the second commit of a sample on. The first of all makes the row, and is none."""
    push(store.tallies, times=2)
    assert is_emptied(other)
    push(store.tallies, times=2)
    assert not is_emptied(other)


def test_commits_of_another_process(store, other):
    """Neither what another process commits during a burst nor the samples after it are lost, and the next query sees both."""
    push(store.tallies)
    other.execute("INSERT INTO missing VALUES (1, 'since Monday')")
    push(store.tallies)
    push(store.tallies, SECOND)
    assert stored(other) == [FIRST.cells[0], SECOND.cells[0]]
    assert store.tallies.missing() == "since Monday"
    push(store.tallies)
    other.execute("UPDATE missing SET noticed = 'since Tuesday'")
    assert store.tallies.missing() == "since Tuesday"


def test_another_process_that_writes(store, other):
    """A sample in a burst waits for another process's transaction as any other does."""
    push(store.tallies)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Thread(target=lambda: (time.sleep(0.05), other.execute("COMMIT")))
    end.start()
    push(store.tallies, times=1)
    end.join()
    assert stored(other) == [FIRST.cells[0]]


@pytest.mark.parametrize(
    "act",
    [
        lambda store: store.burst.end(),
        lambda store: store.tallies.missing(),
        lambda store: store.tallies.erase([("x", "y")]),
        lambda store: store.tallies.save([FIRST]),
        lambda store: store.tallies.probe(),
        lambda store: store.decoys.close(),
    ],
    ids=["end", "query", "transaction", "several samples", "probe", "decoys closed"],
)
@pytest.mark.parametrize("is_kept", [True, False], ids=["kept", "refused"])
def test_both_files_begin_and_end_together(store, other, act, is_kept):
    """Samples that are refused begin a burst over the file of kept ones too, and whatever ends it for one file ends it for both.

    Else the next push would take longer or not depending on where the last one went. Policy: C3.
    """
    tallies = store.tallies if is_kept else store.decoys.opened()
    store.decoys.opened()
    push(tallies)
    assert not is_emptied_after_commit(store, other)
    act(store)
    assert is_emptied(other)


def is_emptied_after_commit(store, other):
    """Whether another process can empty the log after a further commit, which makes an open query old."""
    store.main.write("INSERT OR REPLACE INTO missing VALUES (1, 'later')")
    return is_emptied(other)


def test_a_burst_keeps_nothing_that_is_erased(folder, store, other):
    """Erasing ends the burst: nothing of what was erased is in the file or its log. Policy: C1."""
    secret = StoredTally(3, ("org.secret.app", "b"), "c", "d", array("Q", [1]))
    push(store.tallies, secret)
    store.tallies.erase([secret.key])
    assert store.purge()
    assert not any(b"org.secret" in path.read_bytes() for path in folder.iterdir())
    assert stored(other) == []
