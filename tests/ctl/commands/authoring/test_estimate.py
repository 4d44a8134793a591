import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from support.invoked_commands import runner
from support.manifests.survey_answers import MANIFEST, bodies, definition

from telemetryd.core.answers.report import encode, parse, report_for_test
from telemetryd.ctl.__main__ import cli

ASKED = definition()
SHARES = [0.2, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2]
"""Of the cells <500, 500..2000 and >=2000, each with wayland and other, then none."""
SECRET = b"/home/kate/secret-report.odt"


@pytest.fixture
def files(tmp_path):
    """Reports of 4,000 users, one repeated and two lines of rubbish among them, and the manifest."""
    reports, manifest = tmp_path / "reports.jsonl", tmp_path / "manifest.toml"
    lines = list(bodies(ASKED, SHARES, users=4000, seed=12))
    reports.write_bytes(b"\n".join([lines[0], SECRET, *lines, b'{"schema":1,"path":"' + SECRET + b'"}']))
    manifest.write_text(MANIFEST)
    return str(reports), str(manifest)


def run(*arguments, language="C", columns=200, **options):
    """The command, without a bus."""
    environ = {"DBUS_SESSION_BUS_ADDRESS": "rubbish", "COLUMNS": str(columns), "LC_ALL": f"{language}.UTF-8"}
    return runner().invoke(cli, ["estimate", *arguments], env=environ, **options)


def estimated(*arguments):
    """What it prints as JSON about the one question."""
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    (question,) = json.loads(done.stdout)["questions"]
    return question


def test_tables_and_drawings(files):
    """It prints every answer's share with its interval and trend, the users, and each answer's course over the weeks; no bus is needed."""
    done = run(files[0], "--manifest", files[1])
    assert (done.exit_code, done.stderr) == (0, "")
    assert "org.example.Editor startup-by-platform, revision " + ASKED.revision in done.stdout
    assert re.search(r"^ANSWER +SHARE % +± SE +FROM +TO +POINTS/WEEK", done.stdout, re.MULTILINE)
    assert re.search(
        r"^users +4,000 \(.* to .*\) consented at a time: 4,000 reports / \(8 of 8 weeks\) / share 1", done.stdout, re.MULTILINE
    )
    assert len(re.findall(r"^startup <500, platform wayland", done.stdout, re.MULTILINE)) == 2
    assert len(re.findall(r"^2026-W48 +\d+ +[-\d.]+ +[-\d.]+ +[-\d.]+ .*\|.*o.*\|", done.stdout, re.MULTILINE)) == ASKED.cells


def test_lines_that_are_no_reports(files):
    """They are counted and named by their numbers, and what they hold is never shown; a repeated delivery counts once."""
    done = run(files[0], "--manifest", files[1])
    assert f"{files[0]}: 4,000 reports; 1 delivered again, dropped; 2 not a report (lines 2, 4003)" in " ".join(done.stdout.split())
    assert b"secret" not in done.stdout_bytes + done.stderr_bytes
    result = json.loads(run(files[0], "--json").stdout)["files"]
    assert result == [{"name": files[0], "accepted": 4000, "repeated": [3], "broken": [2, 4003], "unfit": [], "tests": []}]


def test_test_reports(files, tmp_path):
    """Test reports are told apart from the reports, and change no figure."""
    with_tests = tmp_path / "with-tests.jsonl"
    tests = [encode(report_for_test("2026-12-01", f"{number:032x}")) for number in range(2)]
    with_tests.write_bytes(b"\n".join([tests[0], Path(files[0]).read_bytes(), tests[1]]))
    done = run(str(with_tests), "--manifest", files[1])
    assert "2 not a report (lines 3, 4004); 2 test reports, not counted (lines 1, 4005)" in " ".join(done.stdout.split())
    assert estimated(str(with_tests), "--manifest", files[1]) == estimated(*files[:1], "--manifest", files[1])


def test_shares_in_json(files):
    """Each true share lies within three standard errors; all of them make 1; each period is listed."""
    result = estimated(files[0], "--manifest", files[1])
    assert (result["is_declared"], result["cells"], result["reports"]) == (True, 7, 4000)
    overall = [share["overall"] for share in result["shares"]]
    assert all(abs(estimate["value"] - truth) < 3 * estimate["standard_error"] for estimate, truth in zip(overall, SHARES, strict=True))
    assert sum(estimate["value"] for estimate in overall) == pytest.approx(1)
    assert sum(period["reports"] for period in result["periods"]) == 4000
    assert all(len(share["by_period"]) == len(result["periods"]) == 8 for share in result["shares"])
    assert result["shares"][0]["answer"] == {"startup": "<500", "platform": "wayland"}
    assert result["users"]["consenting"]["value"] == pytest.approx(4000)
    assert abs(result["users"]["with_sample"]["value"] - 3200) < 4 * result["users"]["with_sample"]["standard_error"]


def test_given_another_source(files):
    """Shares of start-up times given the platform: half, a quarter, a quarter on wayland."""
    result = estimated(files[0], "--manifest", files[1], "--given", "platform")
    wayland = [share for share in result["shares"] if share["given"] == {"platform": "wayland"}]
    assert [share["answer"] for share in wayland] == [{"startup": label} for label in ("<500", "500..2000", ">=2000")]
    for share, truth in zip(wayland, (0.5, 0.25, 0.25), strict=True):
        assert abs(share["overall"]["value"] - truth) < 3 * share["overall"]["standard_error"]


def test_of_one_source(files):
    """Shares of one source among users with a sample leave `none` out and make 1."""
    result = estimated(files[0], "--manifest", files[1], "--of", "platform", "--answered")
    assert [share["answer"] for share in result["shares"]] == [{"platform": "wayland"}, {"platform": "other"}]
    assert sum(share["overall"]["value"] for share in result["shares"]) == pytest.approx(1)


def test_without_a_manifest(files):
    """The labels that were seen are used, in the order of their bins, which the page and the JSON say; the shares are the same here."""
    result = estimated(files[0])
    assert (result["is_declared"], result["users"]) == (False, None)
    assert [source["labels"] for source in result["sources"]] == [["<500", "500..2000", ">=2000"], ["wayland", "other"]]
    with_manifest = estimated(files[0], "--manifest", files[1])
    assert [share["overall"] for share in result["shares"]] == [share["overall"] for share in with_manifest["shares"]]
    assert "no manifest given declares this revision" in run(files[0]).stdout


def test_other_words(files, tmp_path):
    """Reports belong to a manifest with other texts too, since no text is in the revision; other dates for one question are an error."""
    other = tmp_path / "other.toml"
    other.write_text(MANIFEST.replace("Is start-up slower", "Is it slower"))
    result = estimated(files[0], "--manifest", str(other), "--manifest", files[1])
    assert (result["is_declared"], result["reports"]) == (True, 4000)
    other.write_text(MANIFEST.replace("2026-12-27", "2026-12-20"))
    done = run(files[0], "--manifest", str(other), "--manifest", files[1])
    assert (done.exit_code, done.stdout) == (1, "")
    assert "startup-by-platform: the manifests differ in these keys: ends" in done.stderr


def test_several_files_and_standard_input(files):
    """Files are counted together; - is standard input; a report that comes again in another file is dropped."""
    done = run(files[0], "-", "--json", input=Path(files[0]).read_bytes())
    result = json.loads(done.stdout)
    assert [file["accepted"] for file in result["files"]] == [4000, 0]
    assert result["questions"][0]["reports"] == 4000


def test_picture(files, tmp_path):
    """--svg writes a well-formed picture with a panel for each share."""
    picture = tmp_path / "trend.svg"
    assert run(files[0], "--manifest", files[1], "--svg", str(picture)).exit_code == 0
    assert len(ET.parse(picture).findall("{http://www.w3.org/2000/svg}polyline")) == ASKED.cells


def test_picture_that_cannot_be_written(files, tmp_path):
    """Where the picture cannot be written, the command says so, after its tables."""
    picture = tmp_path / "absent" / "trend.svg"
    done = run(files[0], "--svg", str(picture))
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert str(picture) in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["--question", "colour"],
        ["--of", "colour"],
        ["--given", "colour"],
        ["--given", "platform", "--of", "platform"],
        ["--given", "platform", "--answered"],
    ],
)
def test_questions_that_are_not_there(files, arguments):
    """What no question can answer is a wrong command line."""
    done = run(files[0], "--manifest", files[1], *arguments)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")


@pytest.mark.parametrize("form", [["--json"], []])
def test_no_report_at_all(tmp_path, form):
    """A file without a report ends with status 4, after the account of its lines."""
    rubbish = tmp_path / "rubbish"
    rubbish.write_bytes(SECRET)
    done = run(str(rubbish), *form)
    assert (done.exit_code, done.stderr) == (4, "telemetryctl: there is no report to count\n")
    assert str(rubbish) in done.stdout
    assert "secret" not in done.stdout


@pytest.mark.parametrize("text", [b"\xff", b"schema = 1"])
def test_what_is_no_manifest(files, tmp_path, text):
    """A manifest that is none is refused by name."""
    other = tmp_path / "other.toml"
    other.write_bytes(text)
    done = run(files[0], "--manifest", str(other))
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"telemetryctl: {other} is not a manifest")


def test_forged_answers(files, tmp_path):
    """A question with more answers than any may have is not guessed at; the others are shown."""
    report = parse(next(bodies(ASKED, SHARES, users=1, seed=14)))
    forged = [report._replace(answer=(f"v{number}", "x"), nonce=f"{number:032x}", revision="0" * 12) for number in range(40)]
    more = tmp_path / "more"
    more.write_bytes(b"\n".join(map(encode, forged)))
    result = json.loads(run(files[0], str(more), "--json").stdout)
    assert [question["revision"] for question in result["questions"]] == [ASKED.revision]
    assert [question["revision"] for question in result["obscure"]] == ["0" * 12]
    assert "give its --manifest" in run(files[0], str(more)).stdout


def test_analysis_is_loaded_by_this_command_only():
    """The other commands start without the analysis."""
    code = "import sys, telemetryd.ctl.__main__; print([name for name in sys.modules if name.startswith('telemetryd.analysis')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("language", "ends", "comma"), [("de_DE", ("VON", "BIS"), ","), ("ja_JP", ("下限", "上限"), ".")], ids=str)
def test_in_another_language(files, language, ends, comma):
    """Tables and drawings name an interval's ends, and write decimals, as the language does; at 80 columns no row falls apart."""
    reports, manifest = files
    done = run(reports, "--manifest", manifest, language=language, columns=80)
    heads = [line.split() for line in done.stdout.splitlines() if ends[0] in line]
    assert {len(head) for head in heads} == {7, 9, 12}
    assert all(head[head.index(ends[0]) + 1] == ends[1] for head in heads)
    assert set(re.findall(r"(?<=\d)[.,](?=\d\b)", done.stdout)) == {comma}
