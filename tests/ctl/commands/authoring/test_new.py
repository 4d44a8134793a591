"""`telemetryctl new`: a few answers become a manifest about which lint has nothing to say; and `telemetryctl schema`."""

import json
import os
import re
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.invoked_commands import runner

from telemetryd.authoring.linter.findings_of import lint
from telemetryd.ctl.__main__ import cli
from telemetryd.toml.manifest import parse

ROOT = Path(__file__).parents[4]
ENVIRON = {
    "PYTHONPATH": str(ROOT),
    "PATH": "/usr/bin",
    "NO_COLOR": "1",
    **{k: v for k, v in os.environ.items() if k.startswith("COVERAGE_")},
}
WHO = {"id": "org.example.Editor", "name": "Editor “2”", "vendor": "example", "contact": "mailto:privacy@example.org"}
WHAT = {"source": "saves", "description": 'How often something was "saved"', "type": "count", "bins": "1, 10"}
WHY = {"purpose": "How often is something saved?", "decision": "Whether saving becomes automatic"}
ALL = WHO | WHAT | WHY
NEXT_YEAR = datetime.now(UTC).year + 1


def new(*arguments, folder, **answers):
    """The command without a terminal."""
    options = [part for name, answer in answers.items() for part in (f"--{name}", answer)]
    return subprocess.run(
        [sys.executable, "-m", "telemetryd.ctl", "new", *arguments, *options],
        check=False, capture_output=True, text=True, cwd=folder, stdin=subprocess.DEVNULL, env=ENVIRON,
    )  # fmt: skip


def asked(*arguments, folder, lines):
    """The command at a terminal on which these lines are typed: status, all that it showed."""
    ours, theirs = os.openpty()
    os.write(ours, "".join(f"{line}\n" for line in lines).encode())
    done = subprocess.run(
        [sys.executable, "-m", "telemetryd.ctl", "new", *arguments],
        check=False, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=folder, timeout=20,
        env=ENVIRON,
    )  # fmt: skip
    os.close(ours)
    os.close(theirs)
    return done.returncode, done.stdout


def clean(path):
    """The declaration in a file about which lint has nothing to say."""
    text = path.read_text()
    assert lint(text, datetime.now(UTC).date()) == []
    return parse(text)


@pytest.mark.parametrize(
    "kind",
    [
        {},
        {"type": "number", "bins": "-1.5 0 20", "unit": "°C"},
        {"type": "choice", "bins": None, "values": "wayland x11", "category": "system"},
        {"type": "flag", "bins": None, "detail": "detailed"},
        {"period": "day"},
        {"period": "month", "question": "saving", "starts": f"{NEXT_YEAR}-01-01", "ends": f"{NEXT_YEAR}-03-31"},
        {"period": "month", "starts": f"{NEXT_YEAR}-01-01"},
    ],
)
def test_from_options(kind, tmp_path):
    """A script says everything by options; the manifest that is written says exactly that, and lint nothing."""
    answers = {name: answer for name, answer in (ALL | kind).items() if answer is not None}
    done = new(folder=tmp_path, **answers)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert "telemetryctl lint org.example.Editor.toml" in done.stderr
    (definition,) = clean(tmp_path / "org.example.Editor.toml").definitions
    document = tomllib.loads((tmp_path / "org.example.Editor.toml").read_text())
    written = document["application"] | document["question"][0] | document["source"][0] | {"source": document["source"][0]["id"]}
    for name in answers.keys() - {"id", "bins", "values", "question"}:
        assert str(written[name]) == answers[name]
    assert document["question"][0]["id"] == answers.get("question", "about-saves")
    assert definition.question.ends > definition.question.starts


def test_standard_output(tmp_path):
    """With -o - it writes no file."""
    done = new("-o", "-", folder=tmp_path, **ALL)
    assert parse(done.stdout).application.id == "org.example.Editor"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["id", "contact", "type", "source", "description", "bins", "purpose", "decision"])
def test_nobody_can_be_asked(name, tmp_path):
    """What a script does not say ends it; nothing is written."""
    done = new(folder=tmp_path, **{key: answer for key, answer in ALL.items() if key != name})
    assert done.returncode == 2
    assert f"give --{name}" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ({"id": "Editor"}, r"--id: \[application\]: id: expected an application id .*\[T2\]"),
        ({"purpose": "How people save"}, r"--purpose: .*is not a question \[M1\]"),
        ({"decision": "TBD"}, r"--decision: .*names no decision.*\[M1\]"),
        ({"bins": "10 1"}, r"--bins: .*in rising order.*\[M2\]"),
        ({"bins": "1 many"}, r"--bins: .*a finite number.*\[M2\]"),
        ({"bins": "1 2 3 4 5 6 7 8 9 10 11 12 13"}, r"--bins: .*possible answers.*\[M2\]"),
        ({"description": "Path of the file"}, r"--description: .*“Path”.*\[P1\]"),
        ({"category": "system"}, r"--category: .*usage.*\[P2\]"),
        ({"starts": "2027-01-01", "ends": "2026-12-31"}, r"--ends: .*before starts.*\[M4\]"),
    ],
)
def test_given_and_wrong(answers, error, tmp_path):
    """What lint would find is told with the option that it comes from, and nothing is written."""
    done = new(folder=tmp_path, **(ALL | answers))
    assert done.returncode == 1
    assert re.match(f"telemetryctl: {error}", done.stderr), done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("answers", [{"type": "text"}, {"type": "flag"}, {"type": "choice"}, {"starts": "soon"}, {"period": "year"}])
def test_wrong_command_line(answers, tmp_path):
    """A type that does not exist, bins of a flag, a day that is none: a wrong command line."""
    assert new(folder=tmp_path, **(ALL | answers)).returncode == 2
    assert list(tmp_path.iterdir()) == []


def test_it_overwrites_nothing_unasked(tmp_path):
    """A file that is there stays, until --force."""
    path = tmp_path / "org.example.Editor.toml"
    path.write_text("mine")
    for arguments in ([], ["-o", path.name]):
        done = new(*arguments, folder=tmp_path, **ALL)
        assert (done.returncode, path.read_text()) == (4, "mine")
        assert "exists already; --force overwrites it" in done.stderr
    assert new("--force", folder=tmp_path, **ALL).returncode == 0
    clean(path)


def test_it_cannot_be_written(tmp_path):
    """A folder that is not there is an error in one line."""
    done = new("-o", "none/a.toml", folder=tmp_path, **ALL)
    assert (done.returncode, done.stderr) == (1, "telemetryctl: none/a.toml cannot be written: No such file or directory\n")


def test_at_a_terminal(tmp_path):
    """A person is asked, told at once what would not do and why, and asked again; Enter takes what is proposed."""
    lines = [
        *("Editor", "org.example.Editor", "Editor", "example", "http://example.org", "https://example.org/privacy"),
        *("text", "number", "startup", "Time to the first window", "ms", "2000 500", "500 2000"),
        *("I want statistics", "How long do people wait?", "To be decided", "Whether the session is restored lazily", "", "month"),
    ]
    status, output = asked(folder=tmp_path, lines=lines)
    assert status == 0, output
    (definition,) = clean(tmp_path / "org.example.Editor.toml").definitions
    assert (definition.fields[0].edges, definition.fields[0].unit, definition.question.period) == ((500, 2000), "ms", "month")
    assert output.count("  help: ") == 5
    assert "[C8]" in output


def test_at_a_terminal_over_a_file(tmp_path):
    """A person is asked before a file is overwritten: once, and before all else where its name is known."""
    path = tmp_path / "a.toml"
    options = [part for name, answer in ALL.items() for part in (f"--{name}", answer)]
    path.write_text("mine")
    assert asked("-o", "a.toml", *options, folder=tmp_path, lines=["n"])[0] == 4
    assert path.read_text() == "mine"
    status, output = asked("-o", "a.toml", *options, folder=tmp_path, lines=["y", "", "", ""])
    assert (status, output.count("overwrite it?")) == (0, 1)
    clean(path)


def test_schema():
    """The schema that is printed is the one that is shipped."""
    done = runner().invoke(cli, ["schema"])
    assert done.exit_code == 0
    assert json.loads(done.stdout) == json.loads((ROOT / "telemetryd/ctl/manifest.schema.json").read_text())
