"""The house rules, as far as the linters do not hold them."""

import ast
import io
import os
import re
import shutil
import subprocess
import sys
import tokenize
import tomllib
from collections import Counter
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from support.collected import names_at_another_time

from telemetryd import errors
from telemetryd.ctl.__main__ import cli

ROOT = Path(__file__).parents[1]
PACKAGE = sorted((ROOT / "telemetryd").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
PYTHON = [*PACKAGE, *TESTS, *sorted((ROOT / "packaging").rglob("*.py")), *sorted((ROOT / "docs").rglob("*.py"))]
LONGEST_FUNCTION, LONGEST_MODULE, LARGEST_FOLDER = 60, 400, 17
CLAUSES = {
    f"{letter}{number}" for letter, last in {"T": 4, "C": 8, "A": 4, "M": 4, "P": 2, "R": 4}.items() for number in range(1, last + 1)
}
NOT_OURS = {
    "T4": "a release's announcement is written by its vendor",
    "C8": "the contact answers, not the daemon: it is shown",
    "A4": "what a server keeps of connections is the server's",
    "R3": "reviews are published by the reviewers",
}
"""Clauses that an organisation has to keep; the package can only help."""
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def place(path, line):
    """Where something is, as editors understand it."""
    return f"{path.relative_to(ROOT)}:{line}"


class Documented(NamedTuple):
    """A function or class: its name, its first line, its number of lines after that, and whether it has a docstring."""

    name: str
    line: int
    length: int
    is_documented: bool


class Module(NamedTuple):
    """What the rules ask of a module: all functions, what is public with the module itself, public classes, and lines that print."""

    functions: list[Documented]
    public: list[Documented]
    classes: list[str]
    printing: list[int]


@cache
def module(path):
    """What is asked of a module, by one parse for all rules. The tree is not kept: with all of them, parsing takes four times as long."""
    text = path.read_text()
    tree = ast.parse(text, str(path))
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    nodes = [node for holder in (tree, *classes) for node in holder.body if isinstance(node, (*FUNCTION, ast.ClassDef))]
    return Module(
        [documented(node) for node in statements(tree) if isinstance(node, FUNCTION)],
        [documented(node) for node in (tree, *nodes) if not getattr(node, "name", "").startswith("_")],
        [node.name for node in classes],
        [call.lineno for call in ast.walk(tree) if is_print(call)] if "print" in text else [],
    )


def documented(node):
    """What is asked of a node."""
    line = getattr(node, "lineno", 1)
    return Documented(getattr(node, "name", ""), line, getattr(node, "end_lineno", line) - line, bool(ast.get_docstring(node)))


def statements(node):
    """All statements in a node, nested ones too: functions and classes are nowhere else, and expressions are most of a tree."""
    for field in ("body", "orelse", "finalbody", "handlers", "cases"):
        for inside in getattr(node, field, ()):
            yield inside
            yield from statements(inside)


def is_print(node):
    """Whether a node prints anything but what goes to standard error."""
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    return is_call and "stderr" not in ast.dump(node)


def modules(folder):
    """The modules that lie in a folder itself, without `__init__` and `__main__`."""
    return [path for path in PACKAGE if path.parent == folder and not path.stem.startswith("__")]


def comments(path):
    """(line, text) of every comment that may exempt something; most modules have none, and splitting a text into tokens takes long."""
    text = path.read_text()
    if not re.search("noqa|type: ignore", text):
        return []
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]


def clauses(paths):
    """The clauses of the policy that files name, as `Policy: M2, C1`."""
    texts = "\n".join(path.read_text() for path in paths)
    named = re.findall(r"Policy: ((?:[TCAMPR]\d(?:, |,| and )?)+)", texts)
    return set(re.findall(r"[TCAMPR]\d", " ".join(named)))


def tracked():
    """Every text file that is part of the project."""
    git = shutil.which("git")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True) if git else None
    if not listed or listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.split("\0") if name and name != "LICENSE" and (ROOT / name).is_file()]


def test_functions_are_short():
    """No function is longer than 60 lines."""
    every = [(path, one) for path in PYTHON for one in module(path).functions]
    assert len(every) > 5000
    assert [place(path, one.line) for path, one in every if one.length >= LONGEST_FUNCTION] == []


def test_modules_are_short():
    """No module of the package is longer than 400 lines."""
    assert [place(path, 1) for path in PACKAGE if len(path.read_text().splitlines()) > LONGEST_MODULE] == []


def test_folders_are_small():
    """No folder of the package holds more than 17 modules: one look at it says what there is."""
    folders = {path.parent for path in PACKAGE}
    assert len(folders) > 15
    assert [str(one.relative_to(ROOT)) for one in sorted(folders) if len(modules(one)) > LARGEST_FOLDER] == []


def test_tests_mirror_the_package():
    """A test that is named as a module lies in the folder that is named as the module's."""
    homes = {(path.relative_to(ROOT).parts[1], path.stem): path.parent.relative_to(ROOT / "telemetryd") for path in PACKAGE}
    tests = [test.relative_to(ROOT / "tests") for test in TESTS]
    named = {path: homes.get((path.parts[0], path.stem.removeprefix("test_"))) for path in tests}
    assert len([home for home in named.values() if home]) > 60
    assert [str(path) for path, home in named.items() if home and home != path.parent] == []


def test_public_names_are_documented():
    """Every module of the package, and every public class and function in it, has a docstring."""
    every = [(path, one) for path in PACKAGE for one in module(path).public]
    assert len(every) > 1000
    assert [place(path, one.line) for path, one in every if not one.is_documented] == []


def test_tests_state_their_claim():
    """Every test has a docstring."""
    every = [(path, one) for path in TESTS for one in module(path).functions if one.name.startswith("test_")]
    assert len(every) > 1000
    assert [place(path, one.line) for path, one in every if not one.is_documented] == []


def test_nothing_is_printed():
    """The package prints nothing but the uploader's one line on standard error."""
    assert [place(path, line) for path in PACKAGE for line in module(path).printing] == []


def test_exemptions_say_what_and_why():
    """Every `noqa` and `type: ignore` names its rule and its reason."""
    exemption = re.compile(r"# (noqa: [A-Z]+\d+(, ?[A-Z]+\d+)*|type: ignore\[[a-z, -]+\])\s+[-#] ?\S.{6,}")
    every = [(path, line, text) for path in PYTHON for line, text in comments(path) if re.match(r"# (noqa|type: ignore)\b", text)]
    assert len(every) > 10
    assert [place(path, line) for path, line, text in every if not exemption.match(text)] == []


def test_rules_left_out_have_reasons():
    """Every rule of ruff that pyproject.toml leaves out has a reason beside it."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    assert [line for line in lines if re.match(r'    "[A-Z]{1,6}\d*",', line) and "# " not in line] == []


def test_errors_are_documented():
    """Every error name that a caller can get is documented in an interface file."""
    documented = "".join(path.read_text() for path in (ROOT / "dbus").glob("*.xml"))
    named = {one.bus_name for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.TelemetrydError)}
    assert len(named) > 10
    assert [name for name in sorted(named) if name not in documented] == []


def test_every_clause_is_cited():
    """Every clause of the policy that a program can keep is named where the package keeps it (policy/ has the tests of each)."""
    cited = clauses(PACKAGE)
    assert sorted(cited - CLAUSES) == []
    assert sorted(CLAUSES - cited - NOT_OURS.keys()) == []


def test_documented_ranges():
    """The table in docs/administration.md has each dependency, its oldest version and the end of its range, as pyproject.toml says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    required = [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]
    ranges = {re.match(r"([\w-]+)>=([\d.]+)(?:,!=[\d.]+)?(?:,<([\d.]+))?(?:;|$)", one).groups(default="") for one in required}
    rows = re.findall(r"^\| ([\w-]+)(?:, \w+.*)? \| ([\d.]+) \| ([\d.]*) ?\|$", (ROOT / "docs/administration.md").read_text(), re.MULTILINE)
    assert set(rows) == ranges | {("Python", project["requires-python"].removeprefix(">="), "")}


def test_no_two_of_one_name():
    """No two modules have one name, and no two public classes have."""
    paths = [path for path in PACKAGE if not path.stem.startswith("__")]
    classes = [name for path in paths for name in module(path).classes]
    assert [name for name, count in Counter(path.stem for path in paths).items() if count > 1] == []
    assert [name for name, count in Counter(classes).items() if count > 1] == []


def test_commands_exist():
    """Every `make` command of the documents is one of the Makefile, and each of those says what it does."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"^([a-z0-9-]+):.* ## .", makefile, re.MULTILINE)) == targets
    text = "\n".join(path.read_text() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
    named = set(re.findall(r"(?:`|^    |^)make ([a-z0-9-]+)", text, re.MULTILINE))
    assert {"demo", "test"} <= named
    assert named <= targets


def test_commands_of_telemetryctl_exist():
    """Every `telemetryctl COMMAND` that a sentence of the documents names is a command."""
    text = "\n".join(path.read_text() for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
    named = set(re.findall(r"`telemetryctl ([a-z]+)", text))
    assert {"status", "consent"} <= named <= set(cli.list_commands(click.Context(cli)))


def test_ci_runs_the_one_command():
    """CI runs `make test` and nothing else."""
    script = (ROOT / ".ci/run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ['cd "$(dirname "${BASH_SOURCE[0]}")/.." && exec make test']
    assert os.access(ROOT / ".ci/run", os.X_OK)


def test_no_file_names_a_workplace():
    """No file names a folder of the machine that it was written on."""
    places = re.compile(r"/{}/|\.\./{}|/{}/".format("work", "shared", "root"))
    found = [f"{path.relative_to(ROOT)}: {hit[0]}" for path in tracked() if (hit := places.search(path.read_text(errors="replace")))]
    assert found == []


def test_folders_hold_what_they_should():
    """dbus/ and systemd/ hold no Python, which would shadow packages of those names; the top level holds only what is expected."""
    assert [path for folder in ("dbus", "systemd") for path in (ROOT / folder).rglob("*.py")] == []
    top = {path.relative_to(ROOT).parts[0] for path in tracked()}
    expected = (
        ".ci .gitignore .pre-commit-hooks.yaml ARCHITECTURE.md CHANGELOG.md CONTRIBUTING.md LICENSE LICENSES Makefile README.md REUSE.toml "
        "SECURITY.md dbus docs packaging pyproject.toml systemd telemetryd tests"
    )
    assert sorted(top - set(expected.split())) == []


def test_what_others_build_in_is_mit():
    """The interface files and all examples say that they are MIT, and the package has the licence's text."""
    files = [path for folder in ("dbus", "docs/examples", "docs/kuserfeedback") for path in (ROOT / folder).rglob("*") if path.is_file()]
    built_in = [path for path in files if path.suffix != ".in"]
    assert len(built_in) > 15
    assert [path for path in built_in if "SPDX-License-Identifier: MIT" not in "".join(path.read_text().splitlines()[:3])] == []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["license"], project["license-files"]) == ("GPL-3.0-or-later AND MIT", ["LICENSE", "LICENSES/MIT.txt"])
    assert (ROOT / "LICENSES/MIT.txt").read_text().startswith("MIT License\n")


def test_start_loads_no_heavy_library():
    """What the daemon's main module imports before it knows its work leaves out pydantic, aiohttp and click."""
    heavy = "{'pydantic', 'aiohttp', 'click'}"
    code = f"import sys, telemetryd.__main__, telemetryd.runtime.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "[]\n"


@pytest.mark.timeout(300)
def test_same_tests_at_any_time(request):
    """The tests have the same names at any time and in any order of sets: else two workers that start in different seconds run nothing."""
    places, folder = request.config.args, request.config.invocation_params.dir
    is_whole = [folder / place for place in places] == [ROOT / "tests"]
    collected = os.environ.get("TELEMETRYD_COLLECTED") if is_whole else None
    then = Path(collected).read_text().splitlines() if collected else names_at_another_time(places, folder)
    now = [item.nodeid for item in request.session.items]
    assert len(then) > 1000 or not is_whole
    asked = set(now)
    assert in_files(one for one in then if one in asked) == in_files(now)


def in_files(names):
    """File → the names of its tests, in their order."""
    found = {}
    for name in names:
        found.setdefault(name.partition("::")[0], []).append(name)
    return found
