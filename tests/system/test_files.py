"""What is looked at without being read."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from telemetryd.system.files import settled_signature


@pytest.fixture(params=["the disk", "memory"])
def folder(request, tmp_path):
    """A folder on the file system of the tests, and one on a tmpfs, as Debian 13's /tmp is."""
    if request.param == "the disk":
        yield tmp_path
    elif not os.path.ismount("/dev/shm"):
        pytest.skip("there is no tmpfs here that the tests may write to")
    else:
        with TemporaryDirectory(dir="/dev/shm") as folder:
            yield Path(folder)


def test_changes_within_a_tick(folder):
    """However soon a file is written again, with the same size and in the same place, its signature is another one; so is its folder's."""
    path = folder / "a.toml"
    for number in range(100):
        path.write_text("enabled = true ")
        before = settled_signature(str(path)), settled_signature(str(folder))
        path.write_text("enabled = false")
        assert settled_signature(str(path)) != before[0], number
        (folder / "link").symlink_to("/dev/null")
        masked = settled_signature(str(folder))
        (folder / "link").unlink()
        (folder / "link").symlink_to("nothing")
        assert settled_signature(str(folder)) != masked, number
        (folder / "link").unlink()


def test_what_lies_still_has_one_signature(folder):
    """A moment after the last change the signature stays the same for ever."""
    path = folder / "a.toml"
    path.touch()
    os.utime(path, (0, 0))
    deadline = time.monotonic() + 10
    while (signature := settled_signature(str(path))) != settled_signature(str(path)):
        assert time.monotonic() < deadline
    assert [settled_signature(str(path)) for _ in range(3)] == [signature] * 3
