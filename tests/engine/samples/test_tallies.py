import contextlib
import sqlite3

import pytest
from support.engine_flow import Running
from support.manifests.core_questions import STARTUP, define

from telemetryd.core.answers import aggregate
from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.engine.samples.tallies import RunningTallies
from telemetryd.errors import StorageError
from telemetryd.store import open_store

LAST = Source("platform", SourceType.CHOICE, "Windows", Combine.LAST, values=("x11", "wayland"))
KEY, OTHER = ("org.kde.kate", "one"), ("org.kde.kate", "two")
SLOTS = aggregate.layout(define(LAST), ())
COUNTED = aggregate.layout(define(STARTUP), ())


@pytest.fixture
def disk(tmp_path):
    """The real store."""
    store = open_store(tmp_path, is_developer=False)
    yield store
    store.close()


def add(tallies, key, pusher, reduced, *, slots=SLOTS):
    """Add one reduced sample; its tally."""
    tally = tallies.get(key, pusher, "2026-W48", slots)
    tallies.add(((aggregate.fold(slots[0]), tally),), [reduced])
    return tally


def test_no_row_before_the_first_sample(disk):
    """A tally that was only looked up is not on disk, nor is a commit of nothing a write."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    tallies.get(KEY, "org.kde.kate", "2026-W48", SLOTS)
    tallies.commit()
    assert disk.tallies.all() == []
    assert not disk.main.path.exists()


def test_committed_samples_survive(disk):
    """What was committed is there after a restart, and goes on."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    add(tallies, KEY, "org.kde.kate", 1, slots=COUNTED)
    tallies.commit()
    again = RunningTallies(disk.tallies, disk.decoys)
    add(again, KEY, "org.kde.kate", 1, slots=COUNTED)
    again.commit()
    (row,) = disk.tallies.all()
    assert list(row.cells) == [0, 2, 0]


def test_a_failed_commit_takes_its_batch_back(tmp_path):
    """If the disk refuses a batch, none of its samples counts, and later ones do."""
    with Running(tmp_path) as running:
        tallies = running.tallies
        tally = add(tallies, KEY, "org.kde.kate", 0, slots=COUNTED)
        tallies.commit()
        for _ in range(3):
            add(tallies, KEY, "org.kde.kate", 2, slots=COUNTED)
        with running.broken_disk(), pytest.raises(StorageError):
            tallies.commit()
        assert list(tally.cells) == [1, 0, 0]
        tallies.commit()
        add(tallies, KEY, "org.kde.kate", 1, slots=COUNTED)
        tallies.commit()
        assert [list(row.cells) for row in running.store.tallies.all()] == [[1, 1, 0]]


def test_erase(disk):
    """Erasing reaches memory and disk, of the named questions only, uncommitted samples included."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    tally, other = add(tallies, KEY, "org.kde.kate", 1), add(tallies, OTHER, "org.kde.kate", 1)
    tallies.commit()
    add(tallies, KEY, "org.kde.kate", 1)
    assert tallies.erase([KEY])
    tallies.commit()
    assert list(tally.cells) == [0] * len(other.cells)
    assert [row.key for row in disk.tallies.all()] == [other.key]
    assert tallies.contributions() == {(OTHER, "org.kde.kate")}
    assert not tallies.erase([KEY])


def test_erase_one_application(disk):
    """One application's part of a shared question can go alone."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    for pusher in ("org.kde.kate", "org.kde.dolphin"):
        add(tallies, KEY, pusher, 1)
    tallies.commit()
    assert tallies.erase([KEY], "org.kde.kate")
    assert [row.pusher for row in disk.tallies.all()] == ["org.kde.dolphin"]
    assert [tally.pusher for tally in tallies.of(KEY, "2026-W48")] == ["org.kde.dolphin"]
    assert not tallies.erase([KEY], "org.kde.kate")


def test_an_erasure_that_the_disk_refuses_can_be_tried_again(tmp_path):
    """The numbers are gone from memory at once, and the row stays known until the disk has let it go."""
    with Running(tmp_path) as running:
        tally = add(running.tallies, KEY, "org.kde.kate", 1)
        running.tallies.commit()
        with running.broken_disk(), pytest.raises(StorageError):
            running.tallies.erase([KEY])
        assert not any(tally.cells)
        assert running.tallies.erase([KEY])
        assert running.store.tallies.all() == []


def test_last_is_the_last_of_all_applications_after_a_restart(disk):
    """Which application pushed last is known across restarts, whichever runs first afterwards."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    for _ in range(5):
        add(tallies, KEY, "org.kde.kate", 0)
    tallies.commit()
    again = RunningTallies(disk.tallies, disk.decoys)
    add(again, KEY, "org.kde.dolphin", 1)
    merged = aggregate.merge(SLOTS, (tally.cells for tally in again.of(KEY, "2026-W48")))
    assert aggregate.answer(SLOTS, merged) == (1,)


def test_forget_and_keep(disk):
    """A tally without samples gets its row when its period closes; what the store erased itself is forgotten."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    tally = tallies.get(KEY, "org.kde.kate", "2026-W48", SLOTS)
    tallies.keep(tally)
    assert [list(row.cells) for row in disk.tallies.all()] == [[0, 0]]
    add(tallies, KEY, "org.kde.kate", 1)
    tallies.forget(KEY, "2026-W48")
    tallies.commit()
    assert tallies.contributions() == set()
    assert [list(row.cells) for row in disk.tallies.all()] == [[0, 0]]


def test_delays_are_there_after_a_restart(disk):
    """The delays that were noted last are the ones that a later process knows, whichever sorts first."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    add(tallies, KEY, "org.kde.kate", 1)
    tallies.commit()
    for noticed in ("2 2 2 2;x 1 1", "1 1 1 1;x 1 1", "3 3 3 3;x 1 1", ""):
        tallies.note_missing(noticed)
        assert RunningTallies(disk.tallies, disk.decoys).missing == tallies.missing == noticed


def add_refused(tallies, reduced):
    """Push into a refused question; its decoy."""
    slots = aggregate.decoy_slots(COUNTED)
    tally = tallies.decoy(KEY, "org.kde.kate", "2026-W48", slots)
    tallies.add(((aggregate.fold(slots[0]), tally),), reduced)
    return tally


def test_decoys_are_no_tallies(disk):
    """What is refused has a row in the file without a name and none among the tallies: nothing to load, to erase, to merge. Policy: C1."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    add_refused(tallies, [0, 1, 2])
    tallies.commit()
    assert disk.tallies.all() == []
    assert not disk.main.path.exists()
    assert tallies.contributions() == set()
    assert not tallies.erase([KEY])
    ((application, question, pusher, cells),) = disk.decoys.database().read("SELECT application, question, pusher, cells FROM tally")
    assert {application, question, pusher}.isdisjoint({*KEY, "org.kde.kate"})
    assert len(cells) == 8 * sum(slot.width for slot in COUNTED)


def test_each_decoy_has_its_row(disk):
    """Two refused questions have a row each, one after the other and in one batch, as two kept ones have. Policy: C3."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    slots = aggregate.decoy_slots(COUNTED)
    decoys = [tallies.decoy(key, "org.kde.kate", "2026-W48", slots) for key in (KEY, OTHER)]
    for batch in (decoys[:1], decoys[1:], decoys):
        for tally in batch:
            tallies.add(((aggregate.fold(slots[0]), tally),), [1])
        tallies.commit()
    rows = disk.decoys.database().read("SELECT id FROM tally WHERE id != 0 ORDER BY id")
    assert rows == sorted((tally.stored.id,) for tally in decoys)
    assert len(set(rows)) == 2


def test_refused_samples_leave_no_trace_in_kept_ones(disk):
    """The number of a kept sample within its question does not count the refused ones before it. Policy: C1."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    add_refused(tallies, [0] * 1000)
    tally = add(tallies, KEY, "org.kde.kate", 1)
    tallies.commit()
    assert list(tally.cells) == [1, 2]


def test_a_failing_decoy_refuses_the_batch(disk):
    """A batch of which the decoy's part cannot be written is refused as a whole, before anything of it is kept."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    tally = add(tallies, KEY, "org.kde.kate", 1)
    add_refused(tallies, [1])
    disk.decoys.database().close()
    with pytest.raises(StorageError):
        tallies.commit()
    assert not any(tally.cells)
    assert disk.tallies.all() == []


def test_one_failure_is_everyones(tmp_path):
    """After a failure on the real side refused samples fail too, until both sides take a write: no answer tells which side is whose."""
    with Running(tmp_path) as running:
        tallies = running.tallies
        add(tallies, KEY, "org.kde.kate", 0, slots=COUNTED)
        tallies.commit()
        add_refused(tallies, [1])
        tallies.commit()
        with contextlib.closing(sqlite3.connect(running.store.main.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            add_refused(tallies, [1])
            tallies.commit()
            add(tallies, KEY, "org.kde.kate", 2, slots=COUNTED)
            with pytest.raises(StorageError):
                tallies.commit()
            add_refused(tallies, [1])
            with pytest.raises(StorageError):
                tallies.commit()
            other.execute("ROLLBACK")
        add_refused(tallies, [1])
        tallies.commit()
        assert [list(row.cells) for row in running.store.tallies.all()] == [[1, 0, 0]]


@pytest.mark.parametrize("kept", range(5))
def test_several_take_two_commits(disk, kept):
    """A batch of several tallies makes two commits of the same number of rows, whether all are kept, some or none. Policy: C3."""
    written = []

    class Counted:
        """One side of the store, whose commits are counted."""

        def __init__(self, side):
            self.all, self.missing = (side.all, side.missing) if side is disk.tallies else (None, None)
            self.save = lambda rows: written.append(rows) or side.save(rows)
            self.save_one = lambda row: written.append(row) or side.save_one(row)
            self.opened = lambda: Counted(side.opened())

    tallies = RunningTallies(Counted(disk.tallies), Counted(disk.decoys))
    for number in range(4):
        if number < kept:
            add(tallies, KEY, f"{number}", 1)
        else:
            slots = aggregate.decoy_slots(COUNTED)
            tallies.add(((aggregate.fold(slots[0]), tallies.decoy(KEY, f"{number}", "2026-W48", slots)),), [1])
    tallies.commit()
    assert [type(rows) for rows in written] == [list, list]
    assert sum(map(len, written)) == 4 + 1
    assert len(disk.tallies.all()) == kept


def test_a_full_disk_when_decoys_are_renewed(disk, monkeypatch):
    """If the new file of the decoys cannot be made, what is refused fails only until it can be, like what is kept. Policy: C3."""
    monkeypatch.setattr("telemetryd.engine.samples.tallies.DECOYS_MAX", 2)
    tallies = RunningTallies(disk.tallies, disk.decoys)
    slots = aggregate.decoy_slots(COUNTED)
    first = ((aggregate.fold(slots[0]), tallies.decoy(KEY, "0", "2026-W48", slots)),)
    tallies.decoy(KEY, "1", "2026-W48", slots)
    folder, away = disk.main.path.parent, disk.main.path.parent.with_name("away")
    folder.rename(away)
    with pytest.raises(StorageError):
        tallies.decoy(KEY, "2", "2026-W48", slots)
    away.rename(folder)
    for is_taken in (False, True):
        tallies.add(first, [1])
        with contextlib.nullcontext() if is_taken else pytest.raises(StorageError):
            tallies.commit()


def test_decoys_are_bounded(disk, monkeypatch):
    """Applications that come with ever new questions fill neither memory nor disk: the decoys go with their file, and are made anew."""
    monkeypatch.setattr("telemetryd.engine.samples.tallies.DECOYS_MAX", 3)
    tallies = RunningTallies(disk.tallies, disk.decoys)
    slots = aggregate.decoy_slots(COUNTED)
    first = tallies.decoy(KEY, "0", "2026-W48", slots)
    assert tallies.decoy(KEY, "0", "2026-W48", slots) is first
    for number in range(1, 60):
        tallies.add(((aggregate.fold(slots[0]), tallies.decoy(KEY, str(number), "2026-W48", slots)),), [1])
        tallies.commit()
    assert tallies.decoy(KEY, "0", "2026-W48", slots) is not first
    assert disk.decoys.database().read("SELECT count(*) <= 4 FROM tally") == [(1,)]


def test_stamps_count_nothing(disk):
    """What is on disk of a question does not tell how many samples came, into it or others, kept, refused or erased. Policy: C1."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    for _ in range(777):
        add(tallies, OTHER, "org.kde.kate", 0)
        add(tallies, KEY, "org.kde.kate", 1)
        add_refused(tallies, [1])
    tallies.commit()
    tallies.erase([OTHER])
    assert [list(row.cells) for row in disk.tallies.all()] == [[1, 2]]


def test_last_of_several_applications(disk):
    """Of several applications that push in turn the last one's sample is the last, again after a restart in between."""
    tallies = RunningTallies(disk.tallies, disk.decoys)
    pushes = [("a", 0), ("b", 1), ("a", 1), ("c", 0), ("b", 0), ("b", 1), ("a", 0), ("c", 1)]
    for number, (pusher, reduced) in enumerate(pushes):
        if number % 3 == 0:
            tallies.commit()
            tallies = RunningTallies(disk.tallies, disk.decoys)
        add(tallies, KEY, pusher, reduced)
        merged = aggregate.merge(SLOTS, (tally.cells for tally in tallies.of(KEY, "2026-W48")))
        assert aggregate.answer(SLOTS, merged) == (reduced,), number


def test_a_write_in_the_midst_that_fails(tmp_path):
    """If deciding anew in the midst of a batch cannot write what came before, the end of the batch says so, and later batches count."""
    with Running(tmp_path) as running:
        tallies = running.tallies
        tally = add(tallies, KEY, "org.kde.kate", 0, slots=COUNTED)
        tallies.commit()
        add(tallies, KEY, "org.kde.kate", 0, slots=COUNTED)
        with running.broken_disk(), pytest.raises(StorageError):
            tallies.write()
        add(tallies, KEY, "org.kde.kate", 2, slots=COUNTED)
        with pytest.raises(StorageError):
            tallies.commit()
        assert list(tally.cells) == [1, 0, 0]
        add(tallies, KEY, "org.kde.kate", 1, slots=COUNTED)
        tallies.commit()
        assert [list(row.cells) for row in running.store.tallies.all()] == [[1, 1, 0]]
