"""`make install`: what a wheel has, and where packaging/install.py puts it."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from support import built_wheel

ROOT = Path(__file__).parents[1]
INSTALL = ROOT / "packaging/install.py"
DATA = "telemetryd-0.1.0.data/data/share"


def listed(folder):
    """Every file below a folder."""
    return {str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A directory that stands for the root directory of a system, with telemetryd below /usr."""
    root = tmp_path_factory.mktemp("root")
    place = ["--destdir", str(root), "--prefix", "/usr", "--python", sys.executable, "--pythondir", "/usr/lib/python3/dist-packages"]
    subprocess.run([sys.executable, INSTALL, *place, built_wheel.wheel()], check=True)
    return root


def test_wheel_brings_what_a_system_looks_for():
    """A wheel has each interface, each file of packaging/desktop, pages and completions as data, and the templates beside the code."""
    with zipfile.ZipFile(built_wheel.wheel()) as wheel:
        names = set(wheel.namelist())
    assert {f"{DATA}/dbus-1/interfaces/{path.name}" for path in (ROOT / "dbus").glob("*.xml")} <= names
    for path in (one for one in (ROOT / "packaging/desktop").rglob("*") if one.is_file()):
        assert [name for name in names if name.startswith(DATA) and name.endswith(f"/{path.name}")] != []
    assert {f"{DATA}/man/man8/telemetryd.8", f"{DATA}/bash-completion/completions/telemetryctl"} <= names
    templates = [*(ROOT / "systemd").iterdir(), *(path for path in (ROOT / "dbus").iterdir() if path.suffix != ".xml")]
    assert {f"telemetryd/ctl/templates/{path.relative_to(ROOT)}" for path in templates} <= names
    assert [name for name in names if "/locale/de/" in name and name.endswith(".mo")] != []


def test_two_builds_are_the_same(tmp_path):
    """Two builds of a wheel have the same bytes."""
    assert built_wheel.build(tmp_path).read_bytes() == built_wheel.wheel().read_bytes()


def test_everything_is_below_the_prefix(installed):
    """Programs, units, activation files, pages, completions and the window's files are where a system looks for them."""
    files = listed(installed)
    assert [name for name in files if not name.startswith("usr/")] == []
    assert {f"usr/bin/{name}" for name in ("telemetryd", "telemetryctl", "telemetryd-upload", "telemetryd-settings")} <= files
    assert {f"usr/lib/systemd/user/{path.name.removesuffix('.in')}" for path in (ROOT / "systemd").iterdir()} <= files
    assert {
        f"usr/share/dbus-1/services/{path.name.removesuffix('.in')}" for path in (ROOT / "dbus").iterdir() if path.suffix != ".xml"
    } <= files
    assert {
        "usr/share/applications/org.telemetryd.Settings.desktop",
        "usr/share/metainfo/org.telemetryd.Settings.metainfo.xml",
        "usr/share/icons/hicolor/scalable/apps/org.telemetryd.Settings.svg",
        "usr/share/man/man5/telemetryd.toml.5",
        "usr/share/fish/vendor_completions.d/telemetryctl.fish",
    } <= files
    assert "ExecStart=/usr/bin/telemetryd --tick\n" in (installed / "usr/lib/systemd/user/telemetryd-tick.service").read_text()


def test_installed_programs_run(installed):
    """What was installed runs with the interpreter that it was installed for, and `check` finds nothing wrong with the units."""
    folder = installed / "usr/lib/python3/dist-packages"
    environ = {"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
    for name in ("telemetryd", "telemetryctl"):
        done = subprocess.run([installed / "usr/bin" / name, "--version"], env=environ, cwd="/", capture_output=True, text=True, check=True)
        assert "0.1.0" in done.stdout
    done = subprocess.run(
        [installed / "usr/bin/telemetryctl", "check", installed], env=environ, cwd="/", capture_output=True, text=True, check=False
    )
    assert "is not there" not in done.stdout
    assert "is not installed" not in done.stdout


def test_units_alone(tmp_path, installed):
    """For packages whose tools install the wheel, units and activation files are written alone, with the same texts, by any Python 3.11."""
    subprocess.run([sys.executable, "-I", "-S", INSTALL, "--units", "--destdir", tmp_path, "--prefix", "/usr"], check=True)
    files = listed(tmp_path)
    assert {name.rpartition("/")[0] for name in files} == {"usr/lib/systemd/user", "usr/share/dbus-1/services"}
    assert all((tmp_path / name).read_bytes() == (installed / name).read_bytes() for name in files)


def test_again_over_another_version(tmp_path):
    """A second installation takes the place of the first: no module is left of it that the new version has not."""
    command = [sys.executable, INSTALL, "--destdir", tmp_path, "--prefix", "/usr", "--pythondir", "/usr/lib/python3/dist-packages"]
    subprocess.run([*command, built_wheel.wheel()], check=True)
    before = listed(tmp_path)
    folder = tmp_path / "usr/lib/python3/dist-packages"
    (folder / "telemetryd/old.py").write_text("")
    (record,) = folder.glob("telemetryd-*.dist-info/RECORD")
    record.write_text(record.read_text() + "telemetryd/old.py,,\n")
    subprocess.run([*command, built_wheel.wheel()], check=True)
    assert listed(tmp_path) == before


def test_a_prefix_that_its_python_does_not_know(tmp_path):
    """An interpreter that would not find what is installed is named, and nothing is installed."""
    command = [sys.executable, INSTALL, "--destdir", tmp_path, "--prefix", "/nowhere", "--python", sys.executable, built_wheel.wheel()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "looks for packages in no folder below /nowhere" in done.stderr
    assert listed(tmp_path) == set()
