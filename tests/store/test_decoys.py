import contextlib
import os
import subprocess
import sys
from array import array

import pytest
from support.disk.descriptors import open_files, open_logs
from support.engine_flow import APP, DURING, installed
from support.manifests.core_questions import STARTUP, define

from telemetryd.core.answers import aggregate
from telemetryd.engine.ports import CommitListener, StoredTally
from telemetryd.engine.samples.tallies import RunningTallies
from telemetryd.errors import StorageError
from telemetryd.store import open_store
from telemetryd.store.decoys import Decoys

FINE = STARTUP._replace(id="fine", edges=tuple(range(30)))
ROW = StoredTally(7, ("a", "b"), "c", "d", array("Q", [1, 2, 3]))


@pytest.fixture
def decoys(tmp_path):
    """Decoys in an empty directory."""
    opened = Decoys(tmp_path)
    yield opened
    opened.close()


def test_no_name_in_any_directory(tmp_path, decoys):
    """What is written for refused samples is in files that no directory names, the log and its index included."""
    decoys.opened().save([ROW])
    assert list(tmp_path.iterdir()) == []
    names = open_files(tmp_path)
    assert len(names) == 3
    assert all(name.endswith(" (deleted)") for name in names)


def test_same_file_system(tmp_path, decoys):
    """They lie on the file system of the real ones, or their time would be another's."""
    decoys.opened().save([ROW])
    assert {os.fstat(number).st_dev for numbers in open_files(tmp_path).values() for number in numbers} == {tmp_path.stat().st_dev}


_FOLDING = """
import sys
from array import array
from pathlib import Path
from telemetryd.engine.ports import StoredTally
from telemetryd.store import open_store

store = open_store(Path(sys.argv[1]), is_developer=False)
store.make()
tables = {"kept": store.tallies, "refused": store.decoys.opened()}
for turn in range(2):
    print(f"TURN {turn}", flush=True)
    for number, step in enumerate((store.sync, store.fold, store.cut, store.purge)):
        tables[sys.argv[2]].save([StoredTally(10 * turn + number, ("a", "b" * number), str(turn), "d", array("Q", [1]))])
        step()
"""
"""Writes a sample's row before each step of an erasure, in two turns: SQLite syncs a directory once."""


def _traced_turns(strace, calls, program, folder, kind):
    """What strace says of these system calls, in each of the two turns of a program with a new directory and a kind."""
    place, trace = folder / kind, folder.parent / kind
    place.mkdir()
    command = [strace, "-f", "--seccomp-bpf", "-o", trace, "-e", f"trace={calls},write", sys.executable, "-c", program, place, kind]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    _, first, second = trace.read_text().split('"TURN')
    return first, second


def test_as_many_syncs_as_for_kept_samples(folder, strace):
    """Folding and emptying the logs waits for the disk as often after refused samples as after kept ones. Policy: C3."""
    counts = {}
    for kind in ("kept", "refused"):
        _, second = _traced_turns(strace, "fsync,fdatasync", _FOLDING, folder, kind)
        counts[kind] = second.count("sync(")
    assert counts["kept"] == counts["refused"] == 10


_REGISTERING = """
import sys
from pathlib import Path
from telemetryd.store import open_store

store = open_store(Path(sys.argv[1]), is_developer=False)
if sys.argv[2] == "accepted":
    store.make()
for turn in range(2):
    print(f"TURN {turn}", flush=True)
    store.texts.keep("org.kde.kate", "text" * turn, "2026-11")
"""
"""Stores two registered texts, maybe after an acceptance has made the file."""


def test_the_first_registration_makes_as_many_files(folder, strace):
    """The first registration of a process makes as many files, whether the file was there or not, and the second one none. Policy: C3."""
    made = {}
    for kind in ("accepted", "nothing"):
        turns = _traced_turns(strace, "openat,mkdir", _REGISTERING, folder, kind)
        made[kind] = [(turn.count("mkdir("), turn.count("O_CREAT")) for turn in turns]
        assert list((folder / kind).glob(".decoy-*")) == []
    assert made["accepted"] == made["nothing"]
    assert made["nothing"] == [(1, made["nothing"][0][1]), (0, 0)]
    assert made["nothing"][0][1] >= len(("the file", "its log", "its index"))


def test_gone_with_the_process(tmp_path, decoys):
    """After closing nothing is left, in no directory and behind no descriptor."""
    decoys.opened().save([ROW])
    decoys.close()
    assert list(tmp_path.iterdir()) == []
    assert not open_files(tmp_path)


def test_what_a_killed_process_left_is_removed(tmp_path, decoys):
    """A process that was killed between making the files and unlinking them leaves nothing for longer than to the next one's first push."""
    left = tmp_path / ".decoy-killed"
    left.mkdir()
    (left / "telemetry.sqlite").write_bytes(b"half made")
    decoys.opened().save([ROW])
    assert list(tmp_path.iterdir()) == []


def test_rows_are_written_each_time(decoys):
    """Saving a row again writes it, even if its cells are the same: the database would pass over a write that changes nothing."""
    turns = []
    for _ in range(3):
        decoys.opened().save([ROW])
        turns += decoys.database().read("SELECT turn FROM tally")
    assert turns == [(0,), (1,), (0,)]


def test_no_directory(tmp_path):
    """Where the directory does not take it, that is said by the storage's own error, and the next push tries again."""
    decoys = Decoys(tmp_path / "missing")
    with pytest.raises(StorageError, match="No such file or directory"):
        decoys.opened().save([ROW])
    (tmp_path / "missing").mkdir()
    decoys.opened().save([ROW])
    decoys.close()


def test_settled_as_the_real_ones(tmp_path):
    """A commit asks for a sync as a real one does: the sync takes time that others notice."""
    syncs = []
    with contextlib.closing(Decoys(tmp_path, CommitListener(on_unsettled=lambda: syncs.append(1)))) as decoys:
        decoys.opened().save([ROW])
        decoys.opened().save([ROW])
        assert syncs == [1]
        decoys.database().sync()
        decoys.opened().save([ROW])
        assert syncs == [1, 1]


def test_the_probe_needs_room(tmp_path, decoys):
    """A probe empties the log and lets it grow again: what had room in a long log would succeed on a full disk, where real samples fail."""
    for _ in range(9):
        decoys.opened().save([ROW])
    log = open_logs(tmp_path)[0]
    long_bytes = os.fstat(log).st_size
    decoys.probe()
    assert 0 < os.fstat(log).st_size < long_bytes / 2


def test_no_two_begin_alike(tmp_path):
    """The cells of a decoy are by chance from the beginning, as far along as some week's counters: none is a tally that just began."""
    with contextlib.closing(open_store(tmp_path, is_developer=False)) as store:
        tallies = RunningTallies(store.tallies, store.decoys)
        slots = aggregate.decoy_slots(aggregate.layout(define(FINE), ()))
        begun = [list(tallies.decoy(("org.kde.kate", str(number)), "org.kde.kate", "2026-W48", slots).cells) for number in range(3)]
    assert begun[0] != begun[1] != begun[2] != begun[0]
    assert max(map(max, begun)) < 256


@pytest.mark.parametrize("is_consented", [False, True], ids=["refused", "kept"])
async def test_made_before_the_first_sample(tmp_path, is_consented):
    """The file is there before a first sample is written, also if all is kept: what only a refused one makes would tell. Policy: C3."""
    with installed(tmp_path) as running:
        if is_consented:
            await running.consent()
            running.to(DURING)
        running.sampling.push(APP, "startup", "d", 700.0)
        assert any("/.decoy-" in name for name in open_files(tmp_path))
