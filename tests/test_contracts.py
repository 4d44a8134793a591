"""The order of imports that pyproject.toml promises is held, type-only imports included."""

import os
import shutil
import subprocess
import sys

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
}
"""Module → an import that goes up, inside its package or out of it."""
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
