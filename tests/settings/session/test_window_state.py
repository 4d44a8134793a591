"""The window's own file: whole or not at all, for the user only, and silence where it cannot be read. Policy: C2."""

import json
import subprocess
import sys

import pytest
from support.machine import ROOT

from telemetryd.settings.session.window_state import WindowState, path, read, update

KEPT = WindowState(may_notify=True, last=5, notified=("a", "b"))
ADDING = """\
import sys
from pathlib import Path
from telemetryd.settings.session.window_state import update
for number in range(50):
    update(Path(sys.argv[1]), lambda state: state._replace(notified=(*state.notified, f"{sys.argv[2]}-{number}")))
"""


@pytest.fixture
def file(tmp_path):
    """Where it would be."""
    return path({"XDG_STATE_HOME": str(tmp_path)})


def test_where_it_is(tmp_path):
    """It lies in the state directory; a relative one does not count."""
    assert path({"XDG_STATE_HOME": "/s", "HOME": "/h"}).as_posix() == "/s/telemetryd-settings/notifications.json"
    for relative in ("", "s"):
        assert path({"XDG_STATE_HOME": relative, "HOME": "/h"}).as_posix() == "/h/.local/state/telemetryd-settings/notifications.json"


def test_reading_makes_nothing(file, tmp_path):
    """Without a file there may be notifications, and reading creates none."""
    assert read(file) == WindowState()
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_is_read(file):
    """The file and its folder are the user's only, and nothing is left beside them."""
    assert update(file, lambda _: KEPT)
    assert read(file) == KEPT
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert list(file.parent.iterdir()) == [file]


def test_none_changes_nothing(file):
    """A change that wants nothing leaves the file as it is, byte for byte."""
    update(file, lambda _: KEPT)
    before = file.read_bytes()
    assert not update(file, lambda _: None)
    assert file.read_bytes() == before


def test_what_a_newer_version_keeps_stays(file):
    """Keys that this version does not know are ignored, and kept."""
    file.parent.mkdir(parents=True)
    file.write_text('{"may_notify": false, "later": [1]}')
    assert read(file) == WindowState(may_notify=False)
    update(file, lambda state: state._replace(last=7))
    assert (json.loads(file.read_text())["later"], read(file).last) == ([1], 7)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"last": "x"}',
        b'{"notified": [1]}',
        b'{"may_notify": 1}',
        b"[" * 100_000,
        b'{"last": true}',
    ],
)
def test_a_file_that_cannot_be_read_is_silence(file, text):
    """Whatever stands in the file, reading does not fail, and means no notifications. The user's switch writes it anew."""
    file.parent.mkdir(parents=True)
    file.write_bytes(text)
    assert read(file) == WindowState(may_notify=False)
    assert update(file, lambda state: state._replace(may_notify=True))
    assert read(file).may_notify


def test_a_disk_that_takes_nothing(tmp_path):
    """If it cannot be written the caller is told, and nothing is raised."""
    (tmp_path / "telemetryd-settings").write_text("a file in the folder's place")
    file = tmp_path / "telemetryd-settings/notifications.json"
    assert not update(file, lambda _: KEPT)
    assert read(file) == WindowState(may_notify=False)


def test_it_does_not_grow(file):
    """The latest 2,000 are remembered."""
    update(file, lambda _: WindowState(notified=tuple(map(str, range(3000)))))
    assert (len(read(file).notified), read(file).notified[-1]) == (2000, "2999")


def test_two_programs_at_once(file):
    """What two programs add at the same time is all there: neither overwrites the other's."""
    processes = [subprocess.Popen([sys.executable, "-c", ADDING, str(file), name], cwd=ROOT) for name in "ab"]
    assert [process.wait(60) for process in processes] == [0, 0]
    assert sorted(read(file).notified) == sorted(f"{name}-{number}" for name in "ab" for number in range(50))
