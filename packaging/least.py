"""Prints the least versions that pyproject.toml permits, as pins: `name==version`, one a line, markers kept.

usage: packaging/least.py            (what telemetryd needs, with every extra)
       packaging/least.py test       (what its tests need beside that, as last seen to pass)
"""

import re
import sys
import tomllib
from itertools import chain
from pathlib import Path

ROOT = Path(__file__).parents[1]
_UNUSED = {"coverage"}
"""Of no use here: nothing is measured."""


def least() -> list[str]:
    """The lower bound of each dependency. Raises ValueError for one without."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return [_least(one) for one in chain(project["dependencies"], *project["optional-dependencies"].values())]


def tools() -> list[str]:
    """The test tools in the versions of packaging/constraints.txt."""
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["test"]
    known = dict(_PIN.findall((ROOT / "packaging/constraints.txt").read_text()))
    names = [_NAME.match(one)[0] for one in group]
    return [f"{name}=={known[name]}" for name in names if name not in _UNUSED and not _is_pinned(name)]


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


if __name__ == "__main__":
    sys.stdout.write("\n".join(tools() if sys.argv[1:] == ["test"] else least()) + "\n")
