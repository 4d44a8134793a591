"""What root would hide: file modes and other users' processes. Everything here runs as an ordinary user, on a bus of its own.

As root, that user is `nobody`, and programs that it may not read are put where it may; else it is whoever runs the tests.
"""

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from harness import CONTROL, KATE, ROOT, TELEMETRY, Machine, until

IS_ROOT = os.geteuid() == 0
NOBODY = 65534
DENIED = "org.freedesktop.DBus.Error.AccessDenied"
NOT_NEEDED = shutil.ignore_patterns(
    "__pycache__", "test", "site-packages", "idlelib", "tkinter", "PySide6*", "shiboken6*", "mypy*", "ruff*"
)

needs_root = pytest.mark.skipif(not IS_ROOT, reason="only root can act as two users")


class OrdinaryMachine(Machine):
    """A machine of an ordinary user; its bus lets anybody in, so that strangers can be refused by the daemon."""

    def __init__(self, root, places):
        super().__init__(root)
        self.python, self.folder, self.packages, self.libraries = places
        config = self.root / "bus.conf"
        config.write_text(config.read_text().replace('<allow own="*"/>', '<allow own="*"/><allow user="*"/>'))
        if IS_ROOT:
            self.prefix = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
            for path in (self.root, self.root / "state", self.root / "home", self.root / "home/telemetryd"):
                os.chown(path, NOBODY, NOBODY)
        shutil.rmtree(self.root / "state")

    @property
    def environ(self):
        """With the programs that the user may read; what they run is not measured, for they could not write it down."""
        inherited = {name: value for name, value in super().environ.items() if not name.startswith("COVERAGE_")}
        return {**inherited, "PYTHONPATH": self.packages, "LD_LIBRARY_PATH": self.libraries, "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def store(self):
        """The daemon's state directory."""
        return self.root / "state/telemetryd"

    def accept(self):
        """The user says yes to Kate."""
        self.busctl("set-property", *CONTROL, "Usage", "u", "1")
        listed = self.ask(CONTROL, "ListQuestions", "s", "org.kde.kate")[0]
        digests = [text for one in listed for text in (one["id"]["data"], one["digest"]["data"])]
        self.busctl("call", *CONTROL, "Accept", "sa{ss}", "org.kde.kate", str(len(listed)), *digests)

    def push(self):
        """One sample, by busctl."""
        arguments = ("call", *TELEMETRY, "Push", "ssv", "org.kde.kate", "startup", "d", "700")
        return self.run("busctl", f"--address={self.address}", *arguments, check=False)


def is_reachable(path):
    """Whether anybody may go to a place and read there."""
    path = Path(path).resolve()
    return all(one.stat().st_mode & stat.S_IXOTH for one in (path, *path.parents))


def link_tree(source, target):
    """A tree of hard links: no copies, where the file system is the same."""

    def link(old, new):
        try:
            os.link(old, new)
        except OSError:
            shutil.copy2(old, new)

    shutil.copytree(source, target, ignore=NOT_NEEDED, copy_function=link, dirs_exist_ok=True)
    target.chmod(0o755)


@pytest.fixture(scope="module")
def folder():
    """A directory that every user may enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="telemetryd-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def places(folder):
    """Interpreter, working directory, packages and libraries that the ordinary user may read."""
    packages, libraries = Path(sysconfig.get_path("purelib")), Path(sys.base_prefix) / "lib"
    if not IS_ROOT or all(map(is_reachable, (sys.executable, ROOT, packages, libraries))):
        return sys.executable, ROOT, str(packages), ""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    link_tree(libraries / version, folder / "lib" / version)
    (folder / "bin").mkdir()
    shutil.copy2(Path(sys.executable).resolve(), folder / "bin/python")
    for library in libraries.glob("libpython*"):
        shutil.copy2(library, folder / "lib")
    link_tree(packages, folder / "packages")
    for name in ("telemetryd", "dbus"):
        link_tree(ROOT / name, folder / "project" / name)
    return str(folder / "bin/python"), folder / "project", f"{folder / 'project'}:{folder / 'packages'}", str(folder / "lib")


@pytest.fixture
def ordinary(folder, places):
    """A machine whose user is an ordinary one; Kate is installed and reviewed."""
    root = folder / "machine"
    with OrdinaryMachine(root, places) as machine:
        machine.install(KATE)
        yield machine
    shutil.rmtree(root)


def modes(folder):
    """Every file and directory with its mode."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.rglob("*")}


def test_only_the_user_may_read_what_is_kept(ordinary):
    """With the usual umask and in developer mode too, the state directory is 0700 and every file in it 0600, while open and after."""
    for prefix in ("", "developer-"):
        if prefix:
            ordinary.develop()
        with ordinary.daemon(prefix=("sh", "-c", 'umask 022; exec "$@"', "sh")) as daemon:
            ordinary.accept()
            ordinary.busctl("call", *TELEMETRY, "Register", "ssa{sv}", "org.example.x", KATE.replace("org.kde.kate", "org.example.x"), "0")
            assert ordinary.push().returncode == 0
            found = modes(ordinary.store)
            assert {f"{prefix}consent.sqlite", f"{prefix}telemetry.sqlite", f"{prefix}telemetry.sqlite-wal"} <= set(found)
            assert set(found.values()) == {0o600}
            assert stat.S_IMODE(ordinary.store.stat().st_mode) == 0o700
            assert ordinary.store.stat().st_uid == (NOBODY if IS_ROOT else os.geteuid())
            assert daemon.stop() == 0
        assert set(modes(ordinary.store).values()) == {0o600}


def test_a_state_directory_that_others_may_read_is_closed(ordinary):
    """A state directory that was made with other modes becomes 0700."""
    ordinary.store.mkdir(parents=True)
    ordinary.store.chmod(0o755)
    if IS_ROOT:
        os.chown(ordinary.store, NOBODY, NOBODY)
    with ordinary.daemon():
        assert stat.S_IMODE(ordinary.store.stat().st_mode) == 0o700


UNREADABLE = [
    "etc/telemetryd/telemetryd.toml",
    "etc/telemetryd/telemetryd.toml.d",
    "home/telemetryd/telemetryd.toml",
    "etc/KDE/UserFeedback.conf",
]


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_file_that_cannot_be_read_is_a_kill_switch(ordinary, name):
    """A configuration file or folder without permission: everything is off, the file is named, and applications notice nothing."""
    path = ordinary.root / name
    if path.suffix == ".d":
        path.mkdir(parents=True)
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    if not name.startswith("home"):
        ordinary.develop()
    path.chmod(0)
    with ordinary.daemon() as daemon:
        assert ordinary.busctl("get-property", *CONTROL, "KillSwitches") == f'a(ss) 1 "unreadable" "{path}"\n'
        ordinary.accept()
        pushed = ordinary.push()
        assert (pushed.returncode, pushed.stderr) == (0, "")
        assert ordinary.ask(CONTROL, "Preview", "s", "") == [[]]
        assert str(path) in re.sub(r"\s*\n\s*", "", ordinary.control("status").stdout)
        path.chmod(0o755)
        assert ordinary.busctl("get-property", *CONTROL, "KillSwitches") == "a(ss) 0\n"
        if not name.startswith("home"):
            assert "none" in ordinary.ask(CONTROL, "Preview", "s", "")[0][0][2]
        assert daemon.stop() == 0


def test_reviews_that_cannot_be_read_admit_nothing(ordinary):
    """A review file without permission may hide a stop: nothing is admitted, and Problems names the file."""
    (path,) = (ordinary.root / "share/telemetryd/reviews.d").iterdir()
    path.chmod(0)
    with ordinary.daemon():
        assert str(path) in ordinary.busctl("get-property", *CONTROL, "Problems")
        (question,) = ordinary.ask(CONTROL, "ListQuestions", "s", "org.kde.kate")[0]
        assert question["state"]["data"] in {"unreviewed", "pending"}
        assert ordinary.push().returncode == 0
        assert ordinary.ask(CONTROL, "Preview", "s", "") == [[]]


CALLS = {TELEMETRY: ("Push", "string:org.kde.kate", "string:startup", "variant:double:1"), CONTROL: ("ListApplications",)}
"""A call to each interface, as dbus-send takes it."""


@needs_root
@pytest.mark.parametrize("interface", CALLS)
def test_another_user_is_refused(ordinary, interface):
    """A caller of another uid, even root, is nobody that the daemon knows: AccessDenied on both interfaces."""
    (name, path, own), (member, *arguments) = interface, CALLS[interface]
    with ordinary.daemon():
        call = ["dbus-send", "--session", "--print-reply", f"--dest={name}", path, f"{own}.{member}", *arguments]
        assert ordinary.run(*call).stdout.startswith("method return")
        refused = subprocess.run(call, env=ordinary.environ, capture_output=True, text=True, check=False)
        assert refused.returncode == 1
        assert refused.stderr.startswith(f"Error {DENIED}: ")


@pytest.mark.parametrize("interface", CALLS)
def test_a_process_whose_root_cannot_be_looked_at_is_refused(ordinary, interface):
    """A program of the same user that hides its /proc is unknown, and unknown means no, for applications and for the user."""
    for source in (ROOT / "tests/raw_bus.py", ROOT / "tests/flow/peers/hidden_caller.py"):
        shutil.copy2(source, ordinary.root)
    with ordinary.daemon():
        call = (ordinary.python, str(ordinary.root / "hidden_caller.py"), ordinary.address, interface[0], CALLS[interface][0])
        assert ordinary.run(*call).stdout == DENIED


def storage_error(machine):
    """What a push is answered with."""
    pushed = machine.push()
    assert pushed.returncode == 1
    assert machine.ask(("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"), "NameHasOwner", "s", TELEMETRY[0]) == [
        True
    ]
    return pushed.stderr


@needs_root
def test_a_state_directory_of_someone_else_is_an_error_to_callers(ordinary):
    """A state directory of another user: it is not touched, callers and the log are told, and the daemon leaves in order."""
    ordinary.store.mkdir(parents=True)
    ordinary.store.chmod(0o777)
    with ordinary.daemon() as daemon:
        assert "belongs to another user" in storage_error(ordinary)
        assert daemon.stop() == 0
        assert daemon.log == f"ERROR: the state directory {ordinary.store}: belongs to another user\n"
    assert list(ordinary.store.iterdir()) == []


def test_a_state_directory_that_cannot_be_made_is_an_error_to_callers(ordinary):
    """No permission to make the state directory: callers and the log are told why, once; when it can be made, the daemon goes on."""
    parent = ordinary.root / "state"
    parent.mkdir()
    parent.chmod(0o555)
    with ordinary.daemon() as daemon:
        assert "Permission denied" in storage_error(ordinary)
        assert daemon.log == f"ERROR: the state directory {ordinary.store}: Permission denied\n"
        parent.chmod(0o755)
        os.chown(parent, *((NOBODY, NOBODY) if IS_ROOT else (-1, -1)))
        until(lambda: ordinary.push().returncode == 0)
        assert daemon.log.count("\n") == 1
