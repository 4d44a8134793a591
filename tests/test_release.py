"""What has to be the same in a release: the version wherever it stands, and the packages' lists of parts."""

import re
import tomllib
from pathlib import Path

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
