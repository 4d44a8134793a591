"""The wheel of this checkout, built once for all tests of a process, and virtual environments that have it."""

import atexit
import functools
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]


@functools.cache
def wheel():
    """The path of the wheel, in a folder that lives as long as the process."""
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build(Path(folder))


def build(target):
    """Build a wheel into a folder; its path."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(target)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)  # what it says of a fault is shown with the test's
    (found,) = Path(target).glob("*.whl")
    return found


def environment(place):
    """A virtual environment into which pip installed the wheel; its libraries are those of the tests, without their telemetryd."""
    venv.create(place, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    # A path in a .pth file is only a path: no .pth file there is read, so that it brings no telemetryd of an editable installation.
    (Path(place) / f"lib/{version}/site-packages/libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", f"{place}/bin/python"]
    subprocess.run([*pip, "install", "--no-index", "--no-deps", str(wheel())], check=True)
    return Path(place) / "bin"
