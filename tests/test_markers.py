"""Tests get the markers of what they need by themselves (tests/support/markers.py), and a distribution's recipes choose by them."""

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from support import markers, shifted_time
from support.net.tls_receiver import Receiver

ROOT = Path(__file__).parents[1]
TESTS = ROOT / "tests"
CHOSEN = "-m pytest -q -m build -n "


class Item:
    """A test as pytest has collected it."""

    def __init__(self, place, *fixtures, uses=(), row=(), by_hand=()):
        self.path, self.fixturenames = TESTS / place, list(fixtures)
        self.module = ModuleType("test_sample")
        vars(self.module).update({one.__name__.rpartition(".")[2]: one for one in uses})
        self.callspec = SimpleNamespace(params=dict(enumerate(row)))
        self.names, self.reasons = set(by_hand), []

    def add_marker(self, marker):
        """A marker, or its name."""
        if isinstance(marker, str):
            self.names.add(marker)
        else:
            self.reasons.append(marker.kwargs["reason"])

    def iter_markers(self):
        """The markers so far."""
        return [SimpleNamespace(name=name) for name in self.names]


ROWS = {
    "nothing": (Item("core/test_sample.py"), {"build"}),
    "place": (Item("test_sample.py"), {"house"}),
    "folder": (Item("benchmarks/test_sample.py"), {"timing"}),
    "fixture": (Item("flow/test_sample.py", "machine"), {"bus", "build"}),
    "helper": (Item("flow/test_sample.py", uses=[Receiver]), {"loopback", "build"}),
    "function": (Item("flow/test_sample.py", uses=[shifted_time.hastened]), {"faketime", "build"}),
    "unfit fixture": (Item("flow/test_sample.py", "machine", "strace"), {"bus", "strace"}),
    "by hand": (Item("store/test_sample.py", by_hand=["root"]), {"root"}),
    "row": (Item("flow/test_sample.py", row=["dbus-next"]), {"dbus_next", "build"}),
    "row of pairs": (Item("flow/test_sample.py", row=[("dbus-fast", "dbus-daemon")]), {"dbus_fast", "build"}),
}


@pytest.mark.parametrize("name", ROWS)
def test_a_test_gets_its_markers(name):
    """By place, fixture, helper, row and hand; `build` goes to those whose needs can all be met where a distribution builds."""
    item, expected = ROWS[name]
    markers.mark([item])
    assert item.names == expected


def test_what_is_missing_skips(monkeypatch):
    """A test that needs a package that is not installed, or root's rights of an ordinary user, is skipped and says why."""
    monkeypatch.setattr(markers, "find_spec", lambda _package: None)
    monkeypatch.setattr(markers.os, "geteuid", lambda: 1000)
    markers._missing.cache_clear()
    items = [Item("settings/test_sample.py"), Item("store/test_sample.py", by_hand=["root"]), Item("core/test_sample.py")]
    markers.mark(items)
    markers._missing.cache_clear()
    assert [item.reasons for item in items] == [["PySide6 is not installed"], ["only root can do that"], []]


def test_signs_are_of_something():
    """Each place is that of a test, each fixture is there, each helper is a module of tests/support or a library's, each marker is told."""
    files = [str(path.relative_to(TESTS)) for path in TESTS.rglob("test_*.py")]
    text = "\n".join(path.read_text() for path in TESTS.rglob("*.py"))
    fixtures = set(re.findall(r"@pytest\.fixture\b.*\n(?:@.*\n)*(?:async )?def (\w+)", text))
    for sign in markers.SIGNS.values():
        assert [place for place in sign.places if not any(file.startswith(place) for file in files)] == []
        assert [name for name in sign.fixtures if name not in fixtures] == []
        assert [name for name in sign.helpers if not is_there(name.rstrip("."))] == []
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["markers"]
    assert [line.partition(":")[0] for line in told] == [*markers.SIGNS, markers.BUILD]
    named = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/packaging.md").read_text(), re.MULTILINE)
    assert [name for name in named if name in markers.SIGNS] == list(markers.SIGNS)


def is_there(name):
    """Whether a helper is a module or a name in a module."""
    if name.split(".")[0] != "support":
        return importlib.util.find_spec(name.split(".")[0]) is not None
    place, _, last = name.rpartition(".")
    path = TESTS / name.replace(".", "/")
    return path.is_dir() or path.with_suffix(".py").is_file() or f" {last}" in (TESTS / f"{place.replace('.', '/')}.py").read_text()


def test_recipes_choose_by_the_marker():
    """Debian, Fedora and Arch run the tests of the marker `build`, from the source, and have pytest and its plugins for that."""
    recipes = {
        "debian/rules": "debian/control",
        "fedora/telemetryd.spec": "fedora/telemetryd.spec",
        "arch/PKGBUILD": "arch/PKGBUILD",
    }
    for recipe, needs in recipes.items():
        (line,) = [one for one in (ROOT / "packaging" / recipe).read_text().splitlines() if "pytest -q" in one]
        assert line.strip().startswith("PYTHONPATH=$")
        assert CHOSEN in line
        text = (ROOT / "packaging" / needs).read_text()
        for name in ("pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist", "hypothesis", "trustme"):
            assert re.search(rf"python3?(dist\(|-){name}\b", text), (recipe, name)
