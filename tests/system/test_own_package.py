import os
import shutil
import sys
import time
from importlib import import_module
from math import inf

import pytest

from telemetryd.errors import BusyError
from telemetryd.system import own_package

SETTLED_S = 0.03
"""Longer than two changes may have the same time."""
LONG_S = 5


@pytest.fixture
def folder(tmp_path):
    """A package with a part in a folder of its own, with a link to a file elsewhere, at the end of a path with a link."""
    root, elsewhere = tmp_path / "versions/1/package", tmp_path / "elsewhere"
    for path in (root / "part", elsewhere):
        path.mkdir(parents=True)
    for name in ("__init__.py", "part/__init__.py", "part/module.py"):
        (root / name).write_text("")
    (elsewhere / "farmed.py").write_text("")
    (root / "part/link.py").symlink_to(elsewhere / "farmed.py")
    (tmp_path / "current").symlink_to(tmp_path / "versions/1")
    return tmp_path / "current/package"


def settle():
    """Let the clock of the files go on, which nothing tells of."""
    time.sleep(SETTLED_S)


def settled(folder):
    """A snapshot of the folder, at a time when nothing has just changed."""
    settle()
    return own_package.FilesSnapshot(str(folder))


def write(path):
    """The same file with another text."""
    with path.open("r+") as file:
        file.write("import this")


def renamed(path):
    """Another file of the same size, time and name, as a package manager puts it in place. Some put back the folder's times too."""
    new = path.with_name("new")
    state, folder = path.stat(), path.parent.stat()
    new.write_bytes(path.read_bytes())
    os.utime(new, ns=(state.st_atime_ns, state.st_mtime_ns))
    new.replace(path)
    os.utime(path.parent, ns=(folder.st_atime_ns, folder.st_mtime_ns))


def swapped(folder):
    """Another folder of the same files and times."""
    old = folder.with_name("old")
    folder.rename(old)
    shutil.copytree(old, folder, symlinks=True)


def other_version(folder):
    """The link in the path leads to another version, which has the same files and times."""
    versions = folder.parents[1] / "versions"
    shutil.copytree(versions / "1", versions / "2", symlinks=True)
    (versions / "link").symlink_to("2")
    (versions / "link").replace(folder.parent)


CHANGES = {
    "replaced": lambda folder: renamed(folder / "part/module.py"),
    "replaced below": lambda folder: renamed(folder / "__init__.py"),
    "replaced behind a link": lambda folder: renamed(folder.parents[1] / "elsewhere/farmed.py"),
    "written behind a link": lambda folder: write(folder.parents[1] / "elsewhere/farmed.py"),
    "removed": lambda folder: (folder / "part/module.py").unlink(),
    "added": lambda folder: (folder / "part/new.py").touch(),
    "renamed": lambda folder: (folder / "part").rename(folder / "other"),
    "swapped": lambda folder: swapped(folder / "part"),
    "swapped whole": lambda folder: swapped(folder.resolve()),
    "another version": other_version,
    "gone": lambda folder: folder.resolve().rename(folder.resolve().with_name("gone")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_quick_look_sees_what_is_replaced(folder, change):
    """A file that is replaced, added or removed in whatever way makes another identity, and the first quick look sees it."""
    before, snapshot = own_package.identity(str(folder)), settled(folder)
    assert own_package.identity(str(folder)) == before == snapshot.identity
    assert snapshot.is_unchanged(inf)
    change(folder)
    assert own_package.identity(str(folder)) != before
    assert not snapshot.is_unchanged(inf)
    assert not snapshot.is_unchanged()


@pytest.mark.parametrize("look_s", [0.0, 0.5])
def test_what_is_written_in_place(folder, look_s):
    """A file that is written where it is makes another identity. A complete look sees it, and of frequent looks the first after a time."""
    snapshot = settled(folder)
    write(folder / "part/module.py")
    assert own_package.identity(str(folder)) != snapshot.identity
    assert snapshot.is_unchanged(inf)
    begin = time.monotonic()
    while snapshot.is_unchanged(look_s):
        assert look_s > 0
        assert time.monotonic() - begin < LONG_S
    assert not snapshot.is_unchanged(inf)


@pytest.mark.parametrize("is_looked_at", [False, True], ids=["snapshot", "look"])
def test_what_has_just_changed(folder, is_looked_at):
    """A folder that changed within the clock's last ticks may change again at the same time: then the next look is complete."""
    for number in range(1000):
        (folder / "part/module.py").write_text("")
        begin = time.monotonic()
        (folder / f"part/new{number}.py").touch()
        snapshot = own_package.FilesSnapshot(str(folder))
        if is_looked_at:
            assert snapshot.is_unchanged()
        write(folder / "part/module.py")
        is_seen = not snapshot.is_unchanged(inf)
        if time.monotonic() - begin < SETTLED_S / 2:  # else this machine was busy, and nothing was young any more
            assert is_seen
            return
    raise AssertionError("this machine was busy each time")


def test_what_python_writes_itself(folder, monkeypatch):
    """Compiled files come and go without a change of version, and the looks after the next one look at no file again."""
    snapshot = settled(folder)
    (folder / "part/__pycache__").mkdir()
    (folder / "part/__pycache__/module.cpython-311.pyc").touch()
    assert own_package.identity(str(folder)) == snapshot.identity
    settle()
    assert snapshot.is_unchanged(inf)
    look, looked_at = os.stat, []
    monkeypatch.setattr(os, "stat", lambda path, *given, **named: looked_at.append(path) or look(path, *given, **named))
    assert snapshot.is_unchanged(inf)
    assert looked_at == [f"{folder}{part}" for part in ("", "/part", "/part/link.py")]
    (folder / "part/new.py").touch()
    assert not snapshot.is_unchanged(inf)


def test_no_module_of_another_version(folder, monkeypatch):
    """After a change that no quick look sees, modules of ours are imported no more, and the program hears of it; others are."""
    refused = []
    monkeypatch.setattr(own_package, "_OURS", settled(folder))
    monkeypatch.setattr(sys, "meta_path", sys.meta_path.copy())
    own_package.guard((), lambda: refused.append(1))
    own_package.guard((), lambda: refused.append(2))
    with pytest.raises(ModuleNotFoundError):
        import_module("telemetryd.missing")
    write(folder / "part/module.py")
    assert not own_package.has_changed(inf)
    with pytest.raises(BusyError):
        import_module("telemetryd.missing")
    with pytest.raises(ModuleNotFoundError):
        import_module("missing")
    assert refused == [2]
    assert own_package.has_changed(inf)
