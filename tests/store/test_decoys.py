import os
from array import array
from contextlib import suppress
from pathlib import Path

import pytest

from telemetryd.errors import StorageError
from telemetryd.ports import StoredTally
from telemetryd.store.decoys import Decoys

ROW = StoredTally(7, ("a", "b"), "c", "d", array("Q", [1, 2, 3]))


@pytest.fixture
def decoys(tmp_path):
    """Decoys in an empty directory."""
    opened = Decoys(tmp_path)
    yield opened
    opened.close()


def open_files(folder):
    """What this process has open in a folder: path as the kernel names it → descriptor."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            found[str(entry.readlink())] = int(entry.name)
    return {name: number for name, number in found.items() if name.startswith(str(folder))}


def test_no_name_in_any_directory(tmp_path, decoys):
    """What is written for refused samples is in files that no directory names, the log and its index included."""
    decoys.save([ROW])
    assert list(tmp_path.iterdir()) == []
    names = open_files(tmp_path)
    assert len(names) == 3
    assert all(name.endswith(" (deleted)") for name in names)


def test_same_file_system(tmp_path, decoys):
    """They lie on the file system of the real ones, or their time would be another's."""
    decoys.save([ROW])
    assert {os.fstat(number).st_dev for number in open_files(tmp_path).values()} == {tmp_path.stat().st_dev}


def test_gone_with_the_process(tmp_path, decoys):
    """After closing nothing is left, in no directory and behind no descriptor."""
    decoys.save([ROW])
    decoys.close()
    assert list(tmp_path.iterdir()) == []
    assert not open_files(tmp_path)


def test_what_a_killed_process_left_is_removed(tmp_path, decoys):
    """A process that was killed between making the files and unlinking them leaves nothing for longer than to the next one's first push."""
    left = tmp_path / ".decoy-killed"
    left.mkdir()
    (left / "telemetry.sqlite").write_bytes(b"half made")
    decoys.save([ROW])
    assert list(tmp_path.iterdir()) == []


def test_rows_are_written_each_time(decoys):
    """Saving a row again writes it, even if its cells are the same: the database would pass over a write that changes nothing."""
    turns = []
    for _ in range(3):
        decoys.save([ROW])
        turns += decoys.database().read("SELECT turn FROM tally")
    assert turns == [(0,), (1,), (0,)]


def test_no_directory(tmp_path):
    """Where the directory does not take it, that is said by the storage's own error, and the next push tries again."""
    decoys = Decoys(tmp_path / "missing")
    with pytest.raises(StorageError, match="No such file or directory"):
        decoys.save([ROW])
    (tmp_path / "missing").mkdir()
    decoys.save([ROW])
    decoys.close()


def test_settled_as_the_real_ones(decoys):
    """A commit asks for a sync as a real one does: the sync takes time that others notice."""
    asked = []
    decoys.on_unsettled = lambda: asked.append(1)
    assert decoys.unsettled() is None
    decoys.save([ROW])
    decoys.save([ROW])
    assert asked == [1]
    os.close(decoys.unsettled())
    assert decoys.unsettled() is None
