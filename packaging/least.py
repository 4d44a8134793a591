"""Prints the least versions that pyproject.toml permits, as pins: `name==version`, one a line, markers kept.

usage: packaging/least.py            (what telemetryd needs, with every extra)
       packaging/least.py build      (the same without the window's library: what runs in a distribution's build)
       packaging/least.py test       (what its tests need beside that: the test runner's least versions, the others as last seen to pass)
"""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
_UNUSED = {"coverage"}
"""Of no use here: nothing is measured."""


def least(*, without: str = "") -> list[str]:
    """The lower bound of each dependency, but for those of an extra. Raises ValueError for one without."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [names for extra, names in project["optional-dependencies"].items() if extra != without]
    return [_least(one) for one in chain(project["dependencies"], *extras)]


def tools() -> list[str]:
    """The test runner with its plugins in the least versions, and the other tools in those of packaging/constraints.txt."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["test"]
    known = dict(_PIN.findall((ROOT / "packaging/constraints.txt").read_text()))
    named = [(_NAME.match(one)[0], one) for one in group]
    wanted = [(name, one) for name, one in named if name not in _UNUSED and not _is_pinned(name)]
    return [_least(one) + ".*" if name.startswith("pytest") else f"{name}=={known[name]}" for name, one in wanted]


_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PIN = re.compile(r"^([a-z0-9-]+)==([^ ;]+)", re.MULTILINE)
"""A line of packaging/constraints.txt: name and version."""


def _least(requirement: str) -> str:
    wanted, _, marker = requirement.partition(";")
    bound = re.search(r"(?:>=|==)\s*([0-9.]+)", wanted)
    if not bound:
        raise ValueError(f"{wanted} has no lower bound")
    return f"{_NAME.match(wanted)[0]}=={bound[1]}" + (f" ;{marker}" if marker else "")


def _is_pinned(name: str) -> bool:
    return name.lower() in {_NAME.match(one)[0].lower() for one in least()}


_KINDS = {"test": tools, "build": lambda: least(without="settings")}

if __name__ == "__main__":
    sys.stdout.write("\n".join(_KINDS.get("".join(sys.argv[1:]), least)()) + "\n")
