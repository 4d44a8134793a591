import contextlib
import sqlite3
from array import array

from telemetryd.engine.ports import StoredTally

KEY, OTHER = ("org.kde.kate", "startup"), ("org.kde.krita", "startup")


def tally(number, *counts, key=KEY, pusher="org.kde.kate", period="2026-W42"):
    """A tally as the daemon hands it over."""
    return StoredTally(number, key, pusher, period, array("Q", counts))


def test_kept(opened):
    """Tallies come back as they were, the largest counts included; saving again replaces the counts."""
    store = opened()
    store.tallies.save([])
    store.tallies.save([tally(1, 0, 2**64 - 1)])
    store.tallies.save([tally(1, 5, 6), tally(2, 7, key=OTHER)])
    assert opened().tallies.all() == [tally(1, 5, 6), tally(2, 7, key=OTHER)]


def remove_first(folder):
    """Someone removes the first row from the file while it is in use."""
    with contextlib.closing(sqlite3.connect(folder / "telemetry.sqlite", isolation_level=None)) as someone:
        assert someone.execute("DELETE FROM tally WHERE id = 1").rowcount == 1


def test_saved_over_and_over(store):
    """A row is written anew each time it is saved, alone or among others."""
    first, second = tally(1, 0), tally(2, 0, key=OTHER)
    for count in range(1, 4):
        first.cells[0] = second.cells[0] = 2 * count
        store.tallies.save([first, second])
        first.cells[0] += 1
        store.tallies.save_one(first)
        assert [row.cells[0] for row in store.tallies.all()] == [2 * count + 1, 2 * count]


def test_a_row_was_removed(folder, store):
    """A row that someone removed from the file is made again by the next save, alone or among others."""
    first, second = tally(1, 1), tally(2, 2, key=OTHER)
    store.tallies.save([first, second])
    for save in (lambda: store.tallies.save_one(first), lambda: store.tallies.save([first, second])):
        remove_first(folder)
        save()
        assert store.tallies.all() == [first, second]


def test_erased_and_saved_again(store):
    """What was erased and is collected anew has its row again."""
    store.tallies.save_one(tally(1, 5))
    store.tallies.save_one(tally(1, 6))
    store.tallies.erase([KEY])
    store.tallies.save_one(tally(1, 1))
    assert store.tallies.all() == [tally(1, 1)]


def test_erase(folder, store):
    """Erased are the tallies of the questions named, or only one application's part, and nothing else."""
    ours, theirs = tally(1, 1), tally(2, 2, pusher="org.kde.krita")
    later, other = tally(3, 3, period="2026-W43"), tally(4, 4, key=OTHER)
    store.tallies.save([ours, theirs, later, other])
    store.tallies.erase([KEY], "org.kde.krita")
    assert store.tallies.all() == [ours, later, other]
    store.tallies.erase([KEY, ("no", "such")])
    assert store.tallies.all() == [other]
    store.tallies.erase([OTHER], "")
    assert store.tallies.all() == [other]


def test_erased_from_disk(folder, store):
    """An erased tally's counts are in no file after a purge."""
    mark = 0x1122334455667788
    store.tallies.save([tally(1, mark)])
    assert any(mark.to_bytes(8, "little") in path.read_bytes() for path in folder.iterdir())
    store.tallies.erase([KEY])
    assert store.purge()
    assert not any(mark.to_bytes(8, "little") in path.read_bytes() for path in folder.iterdir())
