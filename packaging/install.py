"""Installs a wheel of telemetryd, its units and its activation files below a prefix: what `make install` and packages run.

    packaging/install.py [--destdir DIR] [--prefix /usr/local] [--python /usr/bin/python3] [--pythondir DIR] WHEEL
    packaging/install.py [--destdir DIR] [--prefix /usr/local] --units

The second form writes units and activation files only, for packages whose tools install the wheel. It needs nothing but Python; the first
needs `installer` (python3-installer). Whatever stands in `systemd/` and `dbus/` is installed, by the rule of `service_files`.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from telemetryd.ctl.files import service_files  # noqa: E402 - after the path

_FOLDERS = {service_files.UNITS: "lib/systemd/user", service_files.ACTIVATION: "share/dbus-1/services"}
"""Where each kind of file is below a prefix."""
_SEARCHED = "import site, sys; print(*[one for one in sys.path if one.endswith(('site-packages', 'dist-packages'))], sep='\\n')"


def main(arguments: list[str] | None = None) -> None:
    """Install what the command line says."""
    chosen = _parser().parse_args(arguments)
    prefix = chosen.prefix.rstrip("/")
    if chosen.units:
        write_units(chosen.destdir, prefix)
        return
    if not chosen.wheel:
        _parser().error("a wheel is missing: `python -m hatchling build -t wheel` makes one")
    install_wheel(chosen.wheel, chosen.destdir, prefix, (chosen.python, chosen.pythondir or python_folder(chosen.python, prefix)))
    write_units(chosen.destdir, prefix)


def write_units(destdir: str, prefix: str) -> None:
    """Write units and activation files for the programs in PREFIX/bin."""
    for file in service_files.for_system(f"{prefix}/bin"):
        path = Path(f"{destdir}{prefix}/{_FOLDERS[file.kind]}/{file.name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
        path.chmod(0o644)


def install_wheel(wheel: str, destdir: str, prefix: str, interpreter: tuple[str, str]) -> None:
    """Install a wheel below a prefix, for an interpreter: its path, and the folder of its packages."""
    from installer import install  # noqa: PLC0415 - not needed for --units
    from installer.destinations import SchemeDictionaryDestination  # noqa: PLC0415 - the same
    from installer.sources import WheelFile  # noqa: PLC0415 - the same

    python, folder = interpreter
    scheme = {"purelib": folder, "platlib": folder, "headers": f"{prefix}/include", "scripts": f"{prefix}/bin", "data": prefix}
    place = SchemeDictionaryDestination(scheme, interpreter=python, script_kind="posix", destdir=destdir or None)
    remove_old(Path(f"{destdir}{folder}"))
    with WheelFile.open(wheel) as source:
        install(source, place, {"INSTALLER": b"telemetryd's packaging/install.py"})


def remove_old(folder: Path) -> None:
    """Remove the version that is there: every file that it recorded, so that no module of it is left."""
    for record in folder.glob("telemetryd-*.dist-info/RECORD"):
        with record.open(encoding="utf-8", newline="") as file:
            paths = [folder / row[0] for row in csv.reader(file)]
        for path in paths:
            path.unlink(missing_ok=True)


def python_folder(python: str, prefix: str) -> str:
    """The folder below a prefix in which an interpreter looks for packages. Ends the program if there is none."""
    environ = {"PATH": "/usr/bin:/bin"}
    done = subprocess.run([python, "-s", "-c", _SEARCHED], env=environ, capture_output=True, text=True, check=True)
    folders = [line for line in done.stdout.splitlines() if line.startswith(f"{prefix}/lib/")]
    if not folders:
        sys.exit(f"{python} looks for packages in no folder below {prefix}: give it another prefix, or --pythondir and a .pth file")
    return folders[0]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Install telemetryd below a prefix.")
    parser.add_argument("--destdir", default="", help="a directory that stands for the root directory, to make a package of")
    parser.add_argument("--prefix", default="/usr/local")
    parser.add_argument("--python", default="/usr/bin/python3", help="the interpreter that will run the programs")
    parser.add_argument("--pythondir", help="the folder of its packages; found by asking it, if not given")
    parser.add_argument("--units", action="store_true", help="units and activation files only")
    parser.add_argument("wheel", nargs="?")
    return parser


if __name__ == "__main__":
    main()
