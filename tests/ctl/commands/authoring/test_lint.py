"""`telemetryctl lint`: every fault of the corpus is found at its line, and all formats say the same."""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.invoked_commands import runner

from telemetryd.authoring.clauses import CLAUSES
from telemetryd.ctl.__main__ import cli
from telemetryd.toml.manifest import parse

ROOT = Path(__file__).parents[4]
FAULTY, GOOD = (sorted((ROOT / "tests/manifests" / kind).glob("*.toml")) for kind in ("faulty", "good"))
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.toml"))
TODAY = "2026-11-24"
CONTROLS = re.compile(r"[^\n\x20-\x7e\xa0-\U0010ffff]")


def run(*arguments, status, **options):
    """What lint prints."""
    done = runner().invoke(cli, ["lint", "--on", TODAY, *map(str, arguments)], **options)
    assert done.exit_code == status, done.output
    assert done.stderr == ""
    return done.stdout


def findings(*arguments, status, **options):
    """What it finds, as objects."""
    return json.loads(run("--format", "json", *arguments, status=status, **options))


@pytest.mark.parametrize("path", FAULTY, ids=lambda path: path.stem)
def test_faulty(path):
    """The one fault of each faulty manifest is found: its clause, at its line, as an error or for a person to judge, and nothing else."""
    level, clause, line = re.match(rb"# expect: (error|warning) ([A-Z]\d) line (\d+)\n# The fault: ", path.read_bytes()).groups()
    (finding,) = findings(path, status=int(level == b"error"))
    assert (finding["file"], finding["line"]) == (str(path), int(line))
    assert (finding["clause"], finding["level"]) == (clause.decode(), level.decode())
    assert list(finding) == ["file", "line", "clause", "level", "message", "help"]
    assert findings("--strict", path, status=1) == [finding]


_STARTUP = '[[question]] "startup-by-memory": '
_MACHINE = (
    "make sure that no answer tells one device, installation or person from all others; if nothing like that is meant, use other words"
)
SAID = {
    "vendor-missing": (
        "[application]: vendor: is missing",
        'name the endpoint that the distribution or administrator configured: vendor = "example"',
    ),
    "contact-http": (
        "[application]: contact: expected an https: or mailto: URL",
        'write where users can raise concerns: contact = "https://example.org/privacy", or mailto:',
    ),
    "decision-missing": (
        f"{_STARTUP}decision: is missing",
        'say what the answer will change: decision = "Whether the session restore is loaded lazily"',
    ),
    "value-mac": (
        '[[source]] "platform": values: item 2: looks like a hardware address',
        "list kinds of things, never a thing that only one person has",
    ),
    "warn-bins-count-below-0": (
        '[[source]] "saves": bins: a count is never below 0, so the bin <0 stays empty',
        "remove the edge 0",
    ),
    "warn-bins-for-yes-or-no": (
        f"{_STARTUP}startup: 7 bins, but yes or no answers the question: finer than the purpose needs",
        "keep only the edges that the decision depends on",
    ),
    "warn-cells": (
        (
            '[[question]] "saving": sources: 13 possible answers at epsilon 2: above 8 the worst share needs more than twice the reports '
            "of four answers, here 20,862 instead of 6,349"
        ),
        "ask for fewer sources, or keep fewer bins with coarser",
    ),
    "warn-ends-far": (
        f"{_STARTUP}ends: is far away, the question lasts 364 days",
        "collect no longer than the answer takes: half a year is enough for most questions",
    ),
    "warn-ends-far-ahead": (
        f"{_STARTUP}ends: is far away, more than a year from today",
        "declare the question when you are about to ask it",
    ),
    "warn-epsilon": (
        f"{_STARTUP}epsilon: 3 protects an answer less than the usual 2",
        "leave it out, or give the reviewers a reason",
    ),
    "warn-expected-rare": (
        f"{_STARTUP}expected: startup: fewer than one user in a hundred is expected in >=2000",
        "merge the bin with its neighbour, or the value with other: the noise hides such rare answers",
    ),
    "warn-purpose-no-question-translated": (f"{_STARTUP}purpose[de]: is not a question", "write the same question in that language"),
    "warn-reports-few": (
        (f"{_STARTUP}expected_users: about 147 reports a week from 5,000 users: with fewer than 500, each report hides in a small crowd"),
        "use longer periods, an earlier end or a larger share",
    ),
    "warn-share-much": (
        f"{_STARTUP}share: 0.017 of the users is enough for ± 2 points and 500 reports a week",
        "ask no more than are needed: share = 0.017",
    ),
    "warn-word-hash": ('[[source]] "platform": values: item 2: has the word “hash”', _MACHINE),
}


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name):
    """What is wrong is told with the figures that it is about, and how to mend it with what to write."""
    (finding,) = findings(FAULTY[0].parent / f"{name}.toml", status=int(not name.startswith("warn-")))
    assert (finding["message"], finding["help"]) == SAID[name]


def test_there_are_enough():
    """The corpus has sixty faults and more, of every clause that a manifest can break, and fifteen good manifests and more."""
    heads = [path.read_bytes().split(b"\n", 1)[0].split() for path in FAULTY]
    assert len(FAULTY) >= 60
    assert {head[3].decode() for head in heads} == {"T1", "T2", "C1", "C6", "C8", "A1", "A2", "A3", "M1", "M2", "M4", "P1", "P2"}
    assert len(GOOD) >= 15


def test_good():
    """About good manifests, and the documentation's examples, there is nothing to say, in any format; people get figures."""
    files = [*GOOD, *EXAMPLES]
    assert run("--format", "github", "--strict", *files, status=0) == ""
    assert findings("--strict", *files, status=0) == []
    lines = run("--strict", *files, status=0).splitlines()
    assert {line.partition(": ")[0] for line in lines} == {str(path) for path in files if parse(path.read_text()).definitions}


def test_figures(tmp_path):
    """After the findings, each question's reports for ± 2 points are printed, at the worst share and at a share of 10 %."""
    path, many = tmp_path / "many.toml", ", ".join(f'"{letter}"' for letter in "abcdefghij")
    path.write_text(re.sub(r"values = \[.*?\]", f"values = [{many}]", (GOOD[0].parent / "choice.toml").read_text(), flags=re.DOTALL))
    assert "12 possible answers at epsilon 2; ± 2 points (95 %) take 19,123 reports at the worst share, 6,459 at a share of 10 %" in run(
        path, status=0
    )
    text = run(FAULTY[0].parent / "warn-epsilon.toml", FAULTY[0].parent / "ends-missing.toml", status=1)
    _, _, figures = text.partition("1 error and 1 warning\n")
    said = [line.split(": ")[1] for line in figures.splitlines()]
    assert said[:2] == ["startup-by-memory", "saving"]
    assert said[2:4] == ["all answers of one user to example", "all answers of one user by source"]
    assert said[4].startswith("a user who accepts everything loses")


def test_one_fact_in_several_manifests(tmp_path):
    """A source that says nearly the same as one of another manifest is named, whether both are linted or one is last year's."""
    text = (GOOD[0].parent / "number.toml").read_text()
    old, new, other = (tmp_path / f"{name}.toml" for name in ("old", "new", "other"))
    old.write_text(text)
    new.write_text(text.replace('"startup"', '"start-duration"').replace('"startup-time"', '"start-again"'))
    other.write_text(text.replace("org.example.Editor", "org.example.Viewer"))
    assert findings("--since", old, old, status=0) == findings(new, status=0) == []
    (finding,) = findings("--since", old, new, status=0)
    assert (finding["file"], finding["clause"], finding["level"]) == (str(new), "A3", "warning")
    assert "says nearly the same as org.example.Editor/startup; if this is one fact under several names" in finding["message"]
    assert new.read_text().splitlines()[finding["line"] - 1].startswith("description = ")
    assert [finding["file"] for finding in findings(old, other, status=0)] == [str(old), str(other)]
    several = [tmp_path / f"{number}.toml" for number in range(5)]
    for number, path in enumerate(several):
        path.write_text(text.replace("org.example.Editor", f"org.example.Viewer{number}"))
    names = ", ".join(f"org.example.Viewer{number}/startup" for number in (1, 2, 3))
    assert f"the same as {names} and 1 more;" in findings(*several, status=0)[0]["message"]


def test_text():
    """A person reads file, line, level, what is wrong and the clause; then the line itself and how to fix it; then counts and figures."""
    text = run(FAULTY[0].parent / "ends-missing.toml", FAULTY[0].parent / "warn-epsilon.toml", status=1)
    assert re.fullmatch(
        r'\S+ends-missing\.toml:36: error: \[\[question\]\] "startup-by-memory": ends: is missing \[M4\]\n'
        r"   36 \| \[\[question\]\]\n      = help: write the last day as a date .*\n"
        r'\S+warn-epsilon\.toml:47: warning: \[\[question\]\] "startup-by-memory": epsilon: 3 protects .* \[A3\]\n'
        r"   47 \| epsilon = 3\.0\n      = help: .*\n1 error and 1 warning\n(?:\S+warn-epsilon\.toml: .*\n){5}",
        text,
    )


def test_colours():
    """Only a terminal gets colours, and none with NO_COLOR."""
    path = FAULTY[0].parent / "ends-missing.toml"
    assert "\x1b[31m" in run(path, status=1, color=True)
    assert "\x1b[" not in run(path, status=1, color=True, env={"NO_COLOR": "1"})


@pytest.mark.parametrize("form", ["text", "json", "sarif", "github"])
def test_nothing_acts_on_a_terminal(form, tmp_path):
    """Whatever a file holds or is called, what is printed holds no control character and no broken line."""
    text = (GOOD[0].parent / "number.toml").read_text()
    path = tmp_path / "\x1b[2J,:%.toml"
    path.write_text(
        text.replace("vendor", '"\\u001b[31m"= 1 # \x7f\x9b\nvendor').replace("[500, 2000]", "[2] \t# \u202e\n").replace("\x7f", "")
    )
    assert not CONTROLS.search(run("--format", form, path, status=1))


def test_sarif():
    """SARIF has a rule for each clause that is referred to, and a place for each finding."""
    (sarif_run,) = json.loads(run("--format", "sarif", *FAULTY, status=1))["runs"]
    rules = sarif_run["tool"]["driver"]["rules"]
    assert {rule["id"]: rule["shortDescription"]["text"] for rule in rules}.items() <= CLAUSES.items()
    assert len(sarif_run["results"]) >= len(FAULTY)
    for result, finding in zip(sarif_run["results"], findings(*FAULTY, status=1), strict=True):
        (location,) = result["locations"]
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"] == finding["clause"]
        assert result["level"] == finding["level"]
        assert finding["message"] in result["message"]["text"]
        assert location["physicalLocation"] == {"artifactLocation": {"uri": finding["file"]}, "region": {"startLine": finding["line"]}}


def test_github(tmp_path):
    """GitHub's commands hold a finding each, with what would end a property or a line escaped."""
    path = tmp_path / "50%, or so: a.toml"
    path.write_bytes((FAULTY[0].parent / "ends-missing.toml").read_bytes())
    line, end = run("--format", "github", path, status=1).split("\n")
    assert end == ""
    assert line.startswith(f"::error file={tmp_path}/50%25%2C or so%3A a.toml,line=36,title=M4::[[question]] ")
    assert "is missing%0Awrite the last day" in line


def test_what_cannot_be_read(tmp_path):
    """A file that is not there, a directory, one that may not be read: each is a finding, and the others are linted all the same."""
    secret = tmp_path / "secret.toml"
    secret.touch(mode=0)
    paths = [tmp_path / "none.toml", tmp_path, *([secret] if os.geteuid() else []), FAULTY[0].parent / "ends-missing.toml"]
    linted = findings(*paths, status=1)
    assert [finding["file"] for finding in linted] == [str(path) for path in paths]
    assert [finding["message"] for finding in linted][:2] == ["cannot be read: No such file or directory", "cannot be read: Is a directory"]
    assert "[T2]" in run(paths[0], status=1)


@pytest.mark.parametrize("command", [["lint", "--strict"], ["diff", "/dev/null"], ["document"]])
def test_pipes_and_devices(command, tmp_path):
    """A pipe that nobody writes into, a device that never ends and a socket are an error at once; nothing is waited for."""
    os.mkfifo(tmp_path / "pipe.toml")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket.toml"))
        for path, message in (
            (tmp_path / "pipe.toml", "expected a file"),
            ("/dev/zero", "expected a file"),
            (tmp_path / "socket.toml", ""),
        ):
            done = runner().invoke(cli, [*command, str(path)])
            assert done.exit_code == 1
            assert message in done.stdout + done.stderr


def test_github_holds_no_control_byte(tmp_path):
    """What a script prints goes to a terminal, too: with a name of every control byte, none is in the commands of GitHub's form."""
    path = tmp_path / ("".join(map(chr, (*range(1, 32), 127, 0x9B))) + "\u202e.toml")
    path.write_text("x = \x07")
    done = subprocess.run([sys.executable, "-m", "telemetryd.ctl", "lint", "--format", "github", path], capture_output=True, check=False)
    (line,) = done.stdout.decode().splitlines()
    assert not CONTROLS.search(line)
    assert line.startswith("::error file=")


def test_standard_input():
    """- is standard input."""
    (finding,) = findings("-", status=1, input=(FAULTY[0].parent / "ends-missing.toml").read_bytes())
    assert (finding["file"], finding["line"]) == ("-", 36)


def test_since(tmp_path):
    """Against earlier manifests, a question that keeps its id and gets other dates is an error; the same manifest is none."""
    good, moved = GOOD[0].parent / "number.toml", tmp_path / "moved.toml"
    moved.write_text(re.sub(r"^ends = .*", "ends = 2027-02-28", good.read_text(), flags=re.MULTILINE))
    assert findings("--since", good, good, status=0) == findings(moved, status=0) == []
    (finding,) = findings("--since", EXAMPLES[0], "--since", good, moved, status=1)
    assert (finding["clause"], finding["level"]) == ("M4", "error")
    assert moved.read_text().splitlines()[finding["line"] - 1].startswith("ends = ")
    assert finding["help"] == "ask it under a new id; to end it early, stop it (`telemetryctl stop`)"
    done = runner().invoke(cli, ["lint", "--since", "none.toml", str(good)])
    assert (done.exit_code, "none.toml cannot be read" in done.stderr) == (1, True)


def test_file_name(tmp_path):
    """Where manifests are installed from, a file that is not named after its application's id is an error: the daemon does not read it."""
    folder = tmp_path / "share/telemetryd/manifests"
    folder.mkdir(parents=True)
    for name, status in (("org.example.Editor", 0), ("editor", 1)):
        shutil.copy(GOOD[0].parent / "number.toml", folder / f"{name}.toml")
        linted = findings(folder / f"{name}.toml", status=status)
        assert [(finding["line"], finding["clause"]) for finding in linted] == ([(4, "T2")] if status else [])


def test_wrong_command_line():
    """Without a file, with an unknown format or a day that is none, nothing is linted."""
    for arguments in ([], ["--format", "xml", "a.toml"], ["--on", "today", "a.toml"]):
        assert runner().invoke(cli, ["lint", *arguments]).exit_code == 2


@pytest.mark.parametrize("path", [GOOD[0].parent / "correlation.toml", FAULTY[0].parent / "ends-missing.toml"], ids=lambda path: path.stem)
def test_fast_enough_for_a_hook(path):
    """One file takes less than three times as long as importing click and pydantic (some 300 ms), also one with a mistake.

    By processor time, and measured in turn: how fast the machine is and what else runs on it counts for both.
    """
    linting, importing = [], []
    for _ in range(3):
        linting.append(_spent("-m", "telemetryd.ctl", "lint", "--on", TODAY, str(path)))
        importing.append(_spent("-c", "import click, pydantic.main"))
    assert min(linting) < min(importing) * (3 if "COVERAGE_PROCESS_CONFIG" not in os.environ else 6)


def _spent(*arguments):
    before = os.times()
    subprocess.run([sys.executable, *arguments], check=False, cwd=ROOT, stdout=subprocess.PIPE)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def test_no_library_without_need():
    """A manifest is linted without pydantic, asyncio or a D-Bus library, with mistakes or without."""
    code = f"""
import sys
from telemetryd.ctl.__main__ import cli
from telemetryd.toml.manifest import parse
cli(["lint", "--on", "{TODAY}", "{GOOD[0].parent / "number.toml"}"], standalone_mode=False)
try:
    cli(["lint", "--format", "json", "--on", "{TODAY}", "{FAULTY[0].parent / "ends-missing.toml"}"], standalone_mode=False)
except SystemExit as end:
    print(end.code)
print(sorted({{"pydantic", "asyncio", "dbus_fast", "dbus_next"}} & set(sys.modules)))
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert "ends: is missing" in printed
    assert printed.endswith("\n1\n[]\n")


def hooks():
    """The hooks that are offered to pre-commit; the file keeps to one `key: value` a line."""
    blocks = (ROOT / ".pre-commit-hooks.yaml").read_text().split("- id: ")[1:]
    return [
        dict(line.strip().split(": ", 1) for line in f"id: {block}".splitlines() if line.strip() and "#" not in line) for block in blocks
    ]


def test_pre_commit_hook(tmp_path):
    """The hook has the keys that pre-commit knows and demands, fits the place where manifests are, and its entry runs on file names."""
    (hook,) = hooks()
    keys = {"id", "name", "entry", "language", "description", "files", "types", "require_serial", "minimum_pre_commit_version"}
    assert {"id", "name", "entry", "language"} <= hook.keys() <= keys
    assert (hook["id"], hook["language"]) == ("telemetryctl-lint", "python")
    assert re.search(hook["files"].strip("'"), "data/share/telemetryd/manifests/org.example.Editor.toml")
    assert not re.search(hook["files"].strip("'"), "pyproject.toml")
    entry = shlex.split(hook["entry"])
    program = Path(sys.executable).with_name(entry[0])
    if not program.exists():
        pytest.skip("telemetryd is not installed here")
    for path, status in ((GOOD[0].parent / "uses-only.toml", 0), (FAULTY[0].parent / "ends-missing.toml", 1)):
        assert subprocess.run([program, *entry[1:], path], check=False, stdout=subprocess.PIPE, cwd=tmp_path).returncode == status


def test_the_page_names_every_clause():
    """docs/manifest.md says of each clause what its errors and its warnings are, and of no other."""
    page = (ROOT / "docs/manifest.md").read_text()
    rows = re.findall(r"^\| ([A-Z]\d) \| (.*?) \| ?(.*?) ?\|$", page, re.MULTILINE)
    heads = {tuple(path.read_bytes().split(b"\n", 1)[0].decode().split()[2:4]) for path in FAULTY}
    named_faults = {("error", clause) for clause, errors, _ in rows if errors} | {
        ("warning", clause) for clause, _, warnings in rows if warnings
    }
    assert named_faults == heads


def test_the_page_shows_what_is_printed(tmp_path):
    """The example of its output in docs/manifest.md is what is printed of the page's example without its end."""
    page = (ROOT / "docs/manifest.md").read_text()
    example, output = re.search(r"```toml\n(schema.*?)```", page, re.DOTALL)[1], re.search(r"```text\n(org\..*?)```", page, re.DOTALL)[1]
    path = tmp_path / "org.example.Editor.toml"
    path.write_text("".join(line for line in example.splitlines(keepends=True) if not line.startswith("ends =")))
    assert run(path, status=1).replace(f"{tmp_path}/", "") == f"{output}1 error\n"
