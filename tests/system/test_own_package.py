import os

import pytest

from telemetryd.system import own_package


@pytest.fixture
def folder(tmp_path):
    """A package with a part in a folder of its own."""
    root = tmp_path / "package"
    (root / "part").mkdir(parents=True)
    for name in ("__init__.py", "part/__init__.py", "part/module.py"):
        (root / name).write_text("")
    return root


def write(path):
    """The same file with another text."""
    path.write_text("import this")


def renamed(path):
    """Another file of the same size, time and name, as a package manager puts it in place."""
    new = path.with_name("new")
    new.write_bytes(path.read_bytes())
    state = path.stat()
    os.utime(new, ns=(state.st_atime_ns, state.st_mtime_ns))
    new.replace(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: write(folder / "part/module.py"),
        lambda folder: renamed(folder / "part/module.py"),
        lambda folder: (folder / "part/module.py").unlink(),
        lambda folder: (folder / "part/new.py").touch(),
        lambda folder: (folder / "part").rename(folder / "other"),
        lambda folder: folder.rename(folder.with_name("gone")),
    ],
    ids=["written", "replaced", "removed", "added", "renamed", "gone"],
)
def test_any_change_is_seen(folder, change):
    """A file that is written, replaced, added or removed makes another identity; looking again makes the same."""
    before, snapshot = own_package.identity(str(folder)), own_package.FilesSnapshot(str(folder))
    assert own_package.identity(str(folder)) == before == snapshot.identity
    assert snapshot.is_unchanged()
    change(folder)
    assert own_package.identity(str(folder)) != before
    assert not snapshot.is_unchanged()


def test_what_python_writes_itself(folder):
    """Compiled files come and go without a change of version."""
    before, snapshot = own_package.identity(str(folder)), own_package.FilesSnapshot(str(folder))
    (folder / "part/__pycache__").mkdir()
    (folder / "part/__pycache__/module.cpython-311.pyc").touch()
    assert own_package.identity(str(folder)) == before
    assert snapshot.is_unchanged()
    (folder / "part/new.py").touch()
    assert not snapshot.is_unchanged()
