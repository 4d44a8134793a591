"""The order of imports that pyproject.toml promises is held, type-only imports included."""

import os
import shutil
import subprocess
import sys
import tomllib

import pytest
from support.machine import ROOT

FORBIDDEN = {
    "engine/budget.py": "from telemetryd.engine.delivery import Deliveries",
    "core/definition.py": "from telemetryd.authoring.linter.finding import Finding",
    "store/database.py": "from telemetryd.store.consents import Consents",
    "system/files.py": "from telemetryd.engine.ports import Key",
    "toml/reader.py": "from telemetryd.authoring.models import model_of",
    "engine/declarations/catalogue.py": "from pydantic import BaseModel",
    "engine/samples/tallies.py": "from telemetryd.engine.choices.decisions import Decisions",
    "engine/views/queries.py": "from telemetryd.engine.samples.sampling import Sampling",
    "core/privacy/noise.py": "from telemetryd.core.permission.gate import Levels",
    "core/sending/schedule.py": "from telemetryd.core.sending.uploader_protocol import Job",
    "analysis/shares.py": "from telemetryd.analysis.question_findings import Findings",
    "authoring/linter/wording.py": "from telemetryd.authoring.linter.findings_of import OtherManifests",
    "describe/ranges.py": "from telemetryd.describe.sentences import Description",
    "system/endpoint_files.py": "from telemetryd.system.installed import InstalledFiles",
    "ctl/checks/machine.py": "from telemetryd.ctl.checks.work import problems",
    "ctl/commands/authoring/plan.py": "from telemetryd.ctl.commands.authoring.estimate import estimate",
    "ctl/files/inputs.py": "from telemetryd.ctl.files.signing import SignOff",
    "ctl/render/state_sentences.py": "from telemetryd.ctl.render.question_page import heading",
}
"""Module → an import that goes up, inside its package or out of it."""
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
LAYERED = {container: contract for contract in CONTRACTS if contract["type"] == "layers" for container in contract["containers"]}
"""Package → the contract about the layers of its modules."""
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What import-linter says of a copy in which each of these imports stands for types only."""
    folder = tmp_path_factory.mktemp("contracts")
    shutil.copytree(ROOT / "telemetryd", folder / "telemetryd", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name, statement in FORBIDDEN.items():
        with (folder / "telemetryd" / name).open("a") as file:
            file.write(f"\nif TYPE_CHECKING:\n    {statement}\n")
    environ = {**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"}
    done = subprocess.run(
        [sys.executable, "-c", LINT, "--no-logo", "--no-cache"], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    return done.stdout


@pytest.mark.parametrize("name", FORBIDDEN)
def test_an_import_that_goes_up_is_refused(said, name):
    """A module that imports what is above it, were it for types only, breaks a contract, which names both."""
    importer = "telemetryd." + name.removesuffix(".py").replace("/", ".")
    imported = FORBIDDEN[name].split()[1]
    assert f"{importer} -> {imported}" in said


def modules_by_package():
    """Package → the modules and packages in it, without `__main__` and the like."""
    found = {}
    for init in (ROOT / "telemetryd").rglob("__init__.py"):
        inside = [path for path in init.parent.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()]
        package = ".".join(init.parent.relative_to(ROOT).parts)
        found[package] = {path.stem for path in inside if not path.stem.startswith("__")}
    return found


def test_every_package_has_its_order():
    """Every package of two modules or more has a contract that gives each of them a layer, in which no two import each other."""
    orders = {package: set() for package in modules_by_package()}
    for package, contract in LAYERED.items():
        assert contract["exhaustive"]
        assert not any(":" in layer for layer in contract["layers"])
        orders[package] = {name for layer in contract["layers"] for name in layer.split(" | ")} - {"__main__"}
    missing = {package: names for package, names in modules_by_package().items() if len(names) > 1 and names != orders[package]}
    assert missing == {}
