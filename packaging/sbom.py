"""What telemetryd needs at run time: the licence of each package, checked, and a bill of materials in CycloneDX.

    python packaging/sbom.py FILE.json     writes the bill, prints a line for each package, and fails for a licence that does not fit

The packages are those of the environment that runs this, as packaging/constraints.txt pins them. The bill is the same for the same
versions: it has no date and no random number.
"""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]

_FITS = ("MIT", "BSD", "Apache", "PSF", "Python-2.0", "MPL-2.0", "LGPL", "ISC", "0BSD", "Unlicense")
"""Beginnings of licences that a program under GPL-3.0-or-later may be combined with."""
_BY_CLASSIFIER = {
    "MIT License": "MIT",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
_TOLD = {"PySide6_Essentials": "LGPL-3.0-only", "shiboken6": "LGPL-3.0-only"}
"""What packages say in words of their own: checked by hand."""


def closure(requirements: list[str]) -> dict[str, metadata.Distribution]:
    """Every distribution that requirements lead to, by its normal name. Raises PackageNotFoundError for one that is missing."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [(Requirement(one), {""}) for one in requirements]
    while waiting:
        needed, extras = waiting.pop()
        if needed.marker and not any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        name = normal(needed.name)
        if name in found:
            continue
        found[name] = metadata.distribution(name)
        waiting += [(Requirement(one), {"", *needed.extras}) for one in found[name].requires or []]
    return dict(sorted(found.items()))


def normal(name: str) -> str:
    """A project's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(distribution: metadata.Distribution) -> str:
    """The licence as an SPDX expression, or what the package says instead."""
    said = distribution.metadata
    name = said["Name"]
    if name in _TOLD:
        return _TOLD[name]
    classified = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier", []) if one.startswith("License :: OSI")]
    return (
        said.get("License-Expression")
        or next((_BY_CLASSIFIER[one] for one in classified if one in _BY_CLASSIFIER), "")
        or said.get("License", "")
    )


def fits(expression: str) -> bool:
    """Whether every part that counts fits: of alternatives one, of a sum each."""
    return all(any(part.strip(" ()").startswith(_FITS) for part in whole.split(" OR ")) for whole in expression.split(" AND ")) and bool(
        expression
    )


def bill(project: dict[str, Any], found: dict[str, metadata.Distribution]) -> dict[str, Any]:
    """The bill of materials, CycloneDX 1.6."""
    own = f"pkg:pypi/{project['name']}@{project['version']}"
    parts = [
        {
            "type": "library",
            "bom-ref": f"pkg:pypi/{name}@{one.version}",
            "name": name,
            "version": one.version,
            "licenses": [{"expression": licence(one)}],
            "purl": f"pkg:pypi/{name}@{one.version}",
        }
        for name, one in found.items()
    ]
    about = {"type": "application", "bom-ref": own, "name": project["name"], "version": project["version"], "purl": own}
    about |= {"licenses": [{"expression": project["license"]}]}
    needs = [{"ref": own, "dependsOn": [part["bom-ref"] for part in parts]}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": about},
        "components": parts,
        "dependencies": needs,
    }


def main(path: str) -> int:
    """Write the bill to a file; the exit status."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    required = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    found = closure(required)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(json.dumps(bill(project, found), indent=2) + "\n", encoding="utf-8")
    wrong = [name for name, one in found.items() if not fits(licence(one))]
    for name, one in found.items():
        print(f"{name} {one.version}: {licence(one)}{' (does not fit, or is unknown)' if name in wrong else ''}")  # noqa: T201 - what it is for
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
