"""A machine of an ordinary user, whom the bus and the kernel refuse what root is never refused.

As root, that user is `nobody`, and programs that it may not read are put where it may; else it is whoever runs the tests.
"""

import os
import shutil
import stat
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path

from support.confinements import IS_ROOT, NOBODY, USER
from support.machine import CONTROL, KATE, ROOT, TELEMETRY, Machine

NOT_NEEDED = shutil.ignore_patterns(
    "__pycache__", "test", "site-packages", "idlelib", "tkinter", "PySide6*", "shiboken6*", "mypy*", "ruff*"
)


class OrdinaryMachine(Machine):
    """A machine of an ordinary user; its bus lets anybody in, so that strangers can be refused by the daemon."""

    policy = '<policy context="default"><allow user="*"/></policy>'

    def __init__(self, root, places, **options):
        super().__init__(root, **options)
        self.python, self.folder, self.packages, self.libraries = places
        if IS_ROOT:
            self.prefix = USER
            for path in (self.root, self.root / "state", self.root / "home", self.root / "home/telemetryd"):
                os.chown(path, NOBODY, NOBODY)
        shutil.rmtree(self.root / "state")

    def __enter__(self):
        super().__enter__()
        (self.root / "bus").chmod(0o777)
        return self

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


def reachable(folder):
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


@contextmanager
def ordinary_machine(folder, places, **options):
    """A machine whose user is an ordinary one; Kate is installed and reviewed."""
    root = folder / "machine"
    with OrdinaryMachine(root, places, **options) as machine:
        machine.install(KATE)
        yield machine
    shutil.rmtree(root)
