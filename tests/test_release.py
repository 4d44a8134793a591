"""What has to be the same in a release: the version wherever it stands, and the packages' lists of parts."""

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGING = ROOT / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def first(pattern, path):
    """What a pattern finds first in a file."""
    found = re.search(pattern, (ROOT / path).read_text(), re.MULTILINE)
    return found[1] if found else ""


def test_version_is_everywhere_the_same():
    """The package, the changelog and each distribution's recipe have one version."""
    places = {
        "CHANGELOG.md": r"^## (\d[\d.]*) - ",
        "packaging/debian/changelog": r"^telemetryd \(([\d.]+)-\d+\)",
        "packaging/fedora/telemetryd.spec": r"^Version: +([\d.]+)$",
        "packaging/arch/PKGBUILD": r"^pkgver=([\d.]+)$",
    }
    assert {path: first(pattern, path) for path, pattern in places.items()} == dict.fromkeys(places, PROJECT["version"])


def test_debian_takes_every_part_of_the_package():
    """The patterns of the two Debian packages take every module and folder of telemetryd, each once."""
    patterns = {name: (PACKAGING / f"debian/{name}.install").read_text().split() for name in ("telemetryd", "telemetryd-settings")}
    parts = [path.name for path in (ROOT / "telemetryd").iterdir() if path.name != "__pycache__"]
    assert {"settings", "store", "core"} <= set(parts)
    for part in parts:
        takers = [
            name
            for name, lines in patterns.items()
            for line in lines
            if Path(f"telemetryd/{part}").match(line.partition("dist-packages/")[2] or "-")
        ]
        assert takers == ["telemetryd-settings" if part == "settings" else "telemetryd"], part


def test_recipes_describe_the_same_packages():
    """Debian, Fedora and Arch have the same three packages, and the same home page and licence as the Python package."""
    control, spec, pkgbuild = ((PACKAGING / path).read_text() for path in ("debian/control", "fedora/telemetryd.spec", "arch/PKGBUILD"))
    names = ["telemetryd", "telemetryd-settings", "telemetryd-off"]
    assert re.findall(r"^Package: (.+)$", control, re.MULTILINE) == names
    assert ["telemetryd", *(f"telemetryd-{name}" for name in re.findall(r"^%package (.+)$", spec, re.MULTILINE))] == names
    assert first(r"^pkgname=\((.+)\)$", "packaging/arch/PKGBUILD").split() == names
    for text in (control, spec, pkgbuild):
        assert PROJECT["urls"]["Homepage"] in text
    for text in (spec, pkgbuild):
        assert PROJECT["license"] in text


def test_switch_is_one_file_that_switches_off():
    """The kill switch's package has one file, and what it says switches everything off."""
    (line,) = (PACKAGING / "debian/telemetryd-off.install").read_text().splitlines()
    source, folder = line.split()
    assert folder == "usr/share/telemetryd/telemetryd.toml.d"
    assert tomllib.loads((ROOT / source).read_text()) == {"enabled": False}


def sbom(*arguments):
    """Run packaging/sbom.py."""
    return subprocess.run([sys.executable, PACKAGING / "sbom.py", *arguments], capture_output=True, text=True, check=False)


def test_bill_of_materials(tmp_path):
    """The bill has what the project needs at run time, in the pinned versions, each with a licence that fits. It is the same each time."""
    pytest.importorskip("PySide6", reason="PySide6 is not installed: the bill would lack the window's library")
    done, again = (sbom(tmp_path / name) for name in ("one.json", "two.json"))
    assert (done.returncode, done.stderr) == (0, "")
    assert again.stdout == done.stdout
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    found = json.loads((tmp_path / "one.json").read_text())
    parts = {part["name"]: part["version"] for part in found["components"]}
    assert {"click", "aiohttp", "dbus-next", "yarl", "pyhpke"} <= set(parts)
    assert not {"pytest", "babel", "ruff"} & set(parts)
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+)", (PACKAGING / "constraints.txt").read_text(), re.MULTILINE))
    assert {name: pinned[name] for name in parts} == parts
    assert all(part["licenses"][0]["expression"] for part in found["components"])


def test_licences_that_do_not_fit():
    """Of alternatives one has to fit, of a sum each. What says nothing does not."""
    spec = importlib.util.spec_from_file_location("sbom", PACKAGING / "sbom.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert all(map(module.fits, ("MIT", "Apache-2.0 OR Proprietary", "Apache-2.0 AND MIT", "LGPL-3.0-only")))
    assert not any(map(module.fits, ("", "Proprietary", "MIT AND Proprietary", "GPL-2.0-only", "SSPL-1.0")))
