"""An installation of telemetryd of a test's own: an interpreter with its packages, to replace, to break, or to shadow."""

import shutil
import sys
from pathlib import Path

import click

ROOT = Path(__file__).parents[2]
PACKAGES = Path(click.__file__).parents[1]
"""Where libraries are installed: Debian has them elsewhere than `sysconfig` says."""
_VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
USER_SITE = f".local/lib/{_VERSION}/site-packages"
"""Where a user's own packages are, in the home directory."""

_LAST = f"""
from importlib.machinery import PathFinder
class Last:
    def find_spec(name, path=None, target=None):
        return PathFinder.find_spec(name, [{str(PACKAGES)!r}]) if path is None else None
sys.meta_path.append(Last)
"""
"""Packages are found here when nothing else has them, as those of the system are."""


class Installation:
    """Its `python` finds what is installed here, and `package`: telemetryd as a link to this checkout, or as a copy.

    With `is_system` it looks at the user's own packages first, as an interpreter of the system does; else it is a virtual environment.
    """

    def __init__(self, root, *, is_copy=False, is_system=False):
        self.root = Path(root)
        self.python, self.site = self.root / "bin/python", self.root / f"lib/{_VERSION}/site-packages"
        self.package = self.site / "telemetryd"
        self.site.mkdir(parents=True)
        self.python.parent.mkdir()
        self.python.symlink_to(Path(sys.executable).resolve())
        system = str(is_system).lower()
        (self.root / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\ninclude-system-site-packages = {system}\n")
        (self.site / "first.pth").write_text(f"import sys; exec(open({str(self.site / 'start.py')!r}).read(), dict(sys=sys))\n")
        first = f"sys.path[:] = [one for one in sys.path if one != {str(ROOT)!r}]\n"  # PYTHONPATH may lead to the checkout
        (self.site / "start.py").write_text(first + (_LAST if is_system else f"import site; site.addsitedir({str(PACKAGES)!r})\n"))
        (self.site / "dbus").symlink_to(ROOT / "dbus")
        if is_copy:
            shutil.copytree(ROOT / "telemetryd", self.package, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            self.package.symlink_to(ROOT / "telemetryd")

    def at_start(self, script):
        """What every Python of this installation does at its start, after that."""
        with (self.site / "start.py").open("a") as file:
            file.write(script)

    def replace(self, change=lambda _folder: None):
        """Another version takes the package's place, as a package manager puts it there: file by file, by renaming."""
        new = self.root / "new"
        shutil.copytree(self.package, new, ignore=shutil.ignore_patterns("__pycache__"))
        change(new)
        for path in [one for one in new.rglob("*") if one.is_file()]:
            path.replace(self.package / path.relative_to(new))
        shutil.rmtree(new)
