"""`telemetryctl plan`: which shares fit, said with figures, and its exit status."""

import re

import pytest
from support.invoked_commands import runner
from support.manifests.manifest_texts import EDITOR, STARTUP, question

from telemetryd.ctl.__main__ import cli


def manifest(tmp_path, number, *, name="Editor", more="", is_one_source=True):
    """A manifest of so many questions, about one source or each about its own."""
    sources = [STARTUP] if is_one_source else [STARTUP.replace('"startup"', f'"startup{place}"') for place in range(number)]
    questions = [
        question(
            *(f"q{place}", "startup" if is_one_source else f"startup{place}"),
            purpose="Is it slow?",
            decision="Whether it is mended",
            starts="2027-01-04",
            ends="2027-12-26",
            more=more,
        )
        for place in range(number)
    ]
    path = tmp_path / f"org.example.{name}.toml"
    path.write_text("".join([EDITOR.replace("org.example.Editor", f"org.example.{name}"), *sources, *questions]))
    return str(path)


def plan(*arguments):
    """(exit status, output in one line)."""
    done = runner().invoke(cli, ["plan", *arguments])
    return done.exit_code, " ".join((done.stdout + done.stderr).split())


@pytest.mark.timeout(300)
def test_share(tmp_path):
    """Twelve questions do not fit with a share of 1, and do with the share that is named; the exit status says so."""
    path = manifest(tmp_path, 12, is_one_source=False)
    status, text = plan(path)
    assert status == 1
    assert "With an endpoint share of 1, 33.3 % of the drawn answers find no room in the budgets of the server." in text
    assert "The largest endpoint share that fits is 0.46" in text
    assert plan(path, "--endpoint-share", "0.45")[0] == 0
    assert plan(path, "--endpoint-share", "0.6")[0] == 1
    assert plan(manifest(tmp_path, 8, is_one_source=False))[0] == 0


def test_share_in_german(tmp_path, monkeypatch):
    """Shares and percentages have the language's decimal comma."""
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    _, text = plan(manifest(tmp_path, 4))
    assert "100,0 %" in text
    assert "0,14" in text
    assert not re.search(r"\d\.\d", text)


def test_source(tmp_path):
    """Four questions on one fact need a share of 0.14 each, in the manifest or at the endpoint."""
    status, text = plan(manifest(tmp_path, 4))
    assert status == 1
    assert "org.example.Editor/startup: 4 questions are too many for its budget: 100.0 % of the users lose an answer." in text
    assert "With a share of 0.14 for each" in text
    assert plan(manifest(tmp_path, 4), "--endpoint-share", "0.14")[0] == 0
    assert plan(manifest(tmp_path, 4, more="share = 0.14"))[0] == 0


def test_users(tmp_path):
    """The precision that so many users give is told for each question, and how many reach ± 2 points."""
    path = manifest(tmp_path, 40, is_one_source=False)
    status, text = plan(path, "--endpoint-share", "0.1", "--users", "10000")
    assert status == 0
    assert "org.example.Editor/q0 1,000 6,349 ± 5.0" in text
    assert "No question reaches ± 2 points." in text
    assert "8 questions reach ± 2 points." in plan(manifest(tmp_path, 8, is_one_source=False), "--users", "10000")[1]
    assert "1 question reaches ± 2 points." in plan(manifest(tmp_path, 1), "--users", "10000")[1]


def test_applications(tmp_path):
    """For users who have one of two applications only its questions count."""
    paths = [manifest(tmp_path, 8, name=name, is_one_source=False) for name in ("Editor", "Painter")]
    assert plan(*paths)[0] == 1
    status, text = plan(str(tmp_path), "--applications", "1")
    assert (status, "For a user who has 1 of the applications and accepts all that they ask:" in text) == (0, True)


@pytest.mark.parametrize(
    ("vendors", "arguments", "status", "text"),
    [
        (("a", "b"), (), 1, "expected manifests of one vendor, not of a, b"),
        (("a", "a"), ("--applications", "3"), 2, "only 2 of these applications ask questions"),
        (("a",), ("--endpoint-share", "0"), 2, "0 is not in the range"),
        ((), (), 1, "expected manifests of a vendor: there is none"),
    ],
)
def test_refused(tmp_path, vendors, arguments, status, text):
    """What cannot be planned is refused with its reason."""
    for number, vendor in enumerate(vendors):
        path = tmp_path / f"org.example.E{number}.toml"
        manifest(tmp_path, 1, name=f"E{number}")
        path.write_text(path.read_text().replace('vendor = "example"', f'vendor = "{vendor}"'))
    found = plan(str(tmp_path), *arguments)
    assert (found[0], text in found[1]) == (status, True)


def test_nothing_is_asked(tmp_path):
    """A manifest without a question has nothing to plan."""
    path = tmp_path / "org.example.Editor.toml"
    path.write_text(EDITOR + 'uses = ["org.example.shared/crash"]\n')
    assert plan(str(path)) == (1, "telemetryctl: these manifests ask no question")
