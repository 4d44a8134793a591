"""What `lint` finds. Where each fault of a whole file is found, tests/manifests/faulty tells; here is what holds for any text."""

import itertools
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
from altered import MANIFEST, VALUES, altered, at, places, text_of
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.authoring import guidance
from telemetryd.authoring.clauses import CLAUSES
from telemetryd.authoring.linter import refused
from telemetryd.authoring.linter.finding import Level
from telemetryd.authoring.linter.findings_of import lint
from telemetryd.authoring.linter.patterns import ASKED, EXPLORING, NAMES, UNDECIDED
from telemetryd.authoring.linter.patterns import VALUES as CONTENT
from telemetryd.core.admissibility import figures
from telemetryd.errors import InvalidManifestError
from telemetryd.toml.manifest import parse
from telemetryd.toml.models import manifest_tables

FILES = sorted((Path(__file__).parents[1] / "manifests").glob("*/*.toml"))
TEXTS = [text for path in FILES if len(text := path.read_text(errors="replace")) < 10_000]
TODAY = date(2026, 11, 24)
EDITOR = """\
schema = 1
[application]
id = "org.example.Editor"
name = "Editor"
vendor = "example"
contact = "https://example.org/privacy"
"""
STARTUP = """\
[[source]]
id = "startup"
type = "number"
description = "Time to the first window"
bins = [500, 2000]
"""
QUESTION = """\
[[question]]
id = "startup-time"
purpose = "Is start-up too slow?"
decision = "Whether the session is restored lazily"
category = "usage"
detail = "basic"
sources = ["startup"]
period = "week"
starts = 2026-11-02
ends = 2027-04-25
"""
WHOLE = EDITOR + STARTUP + QUESTION


def found(text, today=TODAY, **how):
    """Findings as (line, level, clause)."""
    return [(one.line, str(one.fault.level), one.fault.clause) for one in lint(text, today, **how)]


def is_refused(text):
    """What the daemon says."""
    try:
        parse(text)
    except InvalidManifestError:
        return True
    return False


def holds(text):
    """What has to hold for whatever text: errors of the parser's kind exactly if it refuses, and every finding is whole."""
    findings = lint(text, TODAY)
    errors = [one for one in findings if one.fault.level is Level.ERROR and "looks like" not in one.fault.message]
    assert bool(errors) is is_refused(text), text
    lines = text.count("\n") + 1
    assert [one for one in findings if not (1 <= one.line <= lines and one.fault.message and one.fault.help)] == []
    assert {one.fault.clause for one in findings} <= CLAUSES.keys()
    assert sorted(one.line for one in findings) == [one.line for one in findings]


def test_one_change():
    """After any one change of a manifest with every key (value, key more, key less), lint and the parser agree whether it is one."""
    for changed in itertools.islice(altered(MANIFEST), 0, None, 17):
        holds(text_of(changed))


@given(st.data())
def test_any_change(data):
    """The same after several changes of the document, or of the text's bytes."""
    document = deepcopy(MANIFEST)
    for _ in range(data.draw(st.integers(0, 3))):
        path = data.draw(st.sampled_from(list(places(document))))
        at(document, path)[path[-1]] = deepcopy(data.draw(st.sampled_from(VALUES)))
    text = data.draw(st.sampled_from([text_of(document), *TEXTS]))
    for _ in range(data.draw(st.integers(0, 2))):
        place = data.draw(st.integers(0, len(text)))
        text = text[:place] + data.draw(st.text(max_size=2)) + text[place + data.draw(st.integers(0, 9)) :]
    holds(text)


@given(st.data())
def test_lines_that_move(data):
    """The same for lines that are left out, doubled or moved."""
    lines = data.draw(st.sampled_from(TEXTS)).splitlines(keepends=True)
    for _ in range(data.draw(st.integers(1, 3))):
        moved = data.draw(st.sampled_from(lines or [""]))
        lines = [line for line in lines if line is not moved or data.draw(st.booleans())]
        lines.insert(data.draw(st.integers(0, len(lines))), moved if data.draw(st.booleans()) else "")
    holds("".join(lines))


@pytest.mark.parametrize("depth", range(150, 500, 9))
def test_deep(depth):
    """A text that is nested so deeply that it only just can be read is a finding, not a crash."""
    holds(f"schema = 1\ndeep = {'[' * depth}{']' * depth}")


def test_several_at_once():
    """What is wrong in several tables, and between them, is told at once and in the order of the lines; one mistake is told once."""
    text = (
        WHOLE.replace("vendor", "vendr").replace("[500, 2000]", "[2000, 500]").replace('"usage"', '"use"')
        + STARTUP.replace('"startup"', '"other"')
        + QUESTION.replace("startup-time", "second").replace('["startup"]', '["none", "other"]').replace("2027-04-25", "2028-04-25")
        + QUESTION.replace("startup-time", "third").replace('["startup"]', '["other"]').replace("2027-04-25", "2028-04-25")
    )
    told = [(one.line, one.fault.message.partition(": expected")[0]) for one in lint(text, TODAY)]
    assert told == [
        (2, "[application]: vendor: is missing"),
        (5, "[application]: vendr: unknown key"),
        (11, '[[source]] "startup": bins'),
        (16, '[[question]] "startup-time": category'),
        (33, '[[question]] "second": sources: none'),
        (46, '[[question]] "third": ends'),
    ]


def test_all_unknown_keys():
    """All unknown keys are named, and what else is wrong with their table; the help names the key that was meant."""
    text = WHOLE.replace("[application]", "[application]\ncolour = 1\nnmae = 'x'\n'vendor[de]' = 'x'").replace('name = "Editor"', "")
    told = {one.fault.message.removeprefix("[application]: "): one.fault.help for one in lint(text, TODAY)}
    assert told.keys() == {"colour: unknown key", "nmae: unknown key", "vendor[de]: unknown key", "name: is missing"}
    assert told["nmae: unknown key"] == "did you mean name?"
    assert told["colour: unknown key"].startswith("take it out, or write one of id, name")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[application]", "[[application]]", [(2, "error", "T2")]),
        ("[[source]]", "[[sources]]", [(7, "error", "T2"), (18, "error", "T2")]),
        ('type = "number"', "type = 3", [(9, "error", "P1")]),
        ('id = "startup"', "id = 3", [(8, "error", "T2")]),
        ('sources = ["startup"]', "sources = 3", [(18, "error", "T2")]),
        ('vendor = "example"', 'vendor = "example"\nkind = "x"\nuses = ["a.b.c/d"]', [(6, "error", "T2")]),
        ('vendor = "example"', 'vendor = "example"\nkind = "shared"\nuses = ["a.b.c/d"]', [(7, "error", "T2")]),
        ('vendor = "example"', 'vendor = "example"\nuses = ["org.telemetryd.system/os"]', [(6, "error", "T2")]),
        ("ends = 2027-04-25", 'ends = 2027-04-25\nexpected = { other = { "<1" = 1 } }', [(22, "error", "M2")]),
        (WHOLE, EDITOR.replace("schema = 1", "schema = 1\nquestion = 3"), [(2, "error", "M1")]),
        (WHOLE, EDITOR.replace("schema = 1", "schema = 1\nsource = 3") + QUESTION, [(2, "error", "T2")]),
        (WHOLE, "schema = 1\napplication = 3", [(2, "error", "T2"), (2, "error", "M1")]),
        (WHOLE, "schema = 1", [(1, "error", "T2"), (1, "error", "M1")]),
        (WHOLE, "schema = 1\nsource = [1]\nquestion = [2]", [(1, "error", "T2"), (2, "error", "T2"), (3, "error", "M1")]),
        (STARTUP + QUESTION, "", [(2, "error", "M1")]),
        (STARTUP + QUESTION, "[[question]]", [(7, "error", clause) for clause in ("P2", "M1", "C1", "M4", "T2", "M4", "M1", "T2", "M4")]),
    ],
)
def test_lines(old, new, expected):
    """Faults that are no file of the corpus are found at their lines, too."""
    assert old in WHOLE
    assert sorted(found(WHOLE.replace(old, new, 1))) == sorted(expected)


def test_installed_as():
    """A file in a directory of manifests has to have the name of its application's id, or the daemon does not read it."""
    assert found(WHOLE, installed_as="org.example.Editor") == found(WHOLE) == []
    assert found(WHOLE, installed_as="editor") == [(3, "error", "T2")]


@pytest.mark.parametrize("day", [date(2026, 4, 24), date(2026, 4, 23), date(2027, 4, 25), date(2027, 4, 26)])
def test_today(day):
    """What is far away, and what is over, depends on the day."""
    assert bool(found(WHOLE, day)) is (day in {date(2026, 4, 23), date(2027, 4, 26)})


def test_far_end():
    """Nine months, 274 days from starts to ends, are long enough for a question; one day more is far."""
    assert found(WHOLE.replace("ends = 2027-04-25", "ends = 2027-08-03")) == []
    assert found(WHOLE.replace("ends = 2027-04-25", "ends = 2027-08-04")) == [(21, "warning", "M4")]


def test_share_that_is_needed():
    """A share is too much from twice of what would do; below that it is the developer's reserve."""
    whole = WHOLE + "expected_users = 100000\nshare = {}\n"
    enough = figures(parse(whole.format("0.5")).definitions[0]).sufficient_share
    assert [len(found(whole.format(f"{share:.4f}"))) for share in (1.9 * enough, 2 * enough, 2.1 * enough)] == [0, 1, 1]


def test_byte_order_mark():
    """What a Windows editor writes first is named, not called a wrong statement."""
    (one,) = lint("\ufeff" + WHOLE, TODAY)
    assert (one.line, one.fault.message) == (1, "begins with a byte order mark (BOM), which TOML does not have")
    assert one.fault.help == "save the file as UTF-8 without BOM"


def test_language_that_is_none():
    """Who writes out a language is told how it is written, not to leave it out."""
    (one,) = lint(WHOLE.replace("bins", '"description[german]" = "Zeit"\nbins'), TODAY)
    assert one.fault.message == '[[source]] "startup": description[german]: unknown key'
    assert "description[de], description[pt_BR]" in one.fault.help
    (one,) = lint(WHOLE.replace("bins", '"colour[de]" = "Zeit"\nbins'), TODAY)
    assert one.fault.help.startswith("take it out")


def test_several_words():
    """Several words are told as several."""
    (one,) = lint(WHOLE.replace("Time to the first window", "User, or path, or Path"), TODAY)
    assert one.fault.message == '[[source]] "startup": description: has the words “User”, “path”, “Path”'


def test_guides_are_complete():
    """Every key of every table has its guide, with a clause of the policy, and no other has one."""
    models = [manifest_tables.FlagSource, manifest_tables.ChoiceSource, manifest_tables.NumberSource, manifest_tables.CountSource]
    known = {
        "schema": set(),
        "application": set(manifest_tables.ApplicationTable.model_fields),
        "source": {name for model in models for name in model.model_fields},
        "question": set(manifest_tables.QuestionTable.model_fields),
    }
    assert {table: set(keys) - {""} for table, keys in guidance.GUIDES.items()} == known
    assert {one.clause for keys in guidance.GUIDES.values() for one in keys.values()} <= CLAUSES.keys()
    assert guidance.guide(()).clause == guidance.guide(("endpoint",)).clause == "T2"


def test_nothing_wrong():
    """Of a text that is a manifest nothing is told as a reason against it."""
    assert [refused.faults(text) for text in TEXTS if not is_refused(text)].count([]) > 40


@pytest.mark.parametrize(
    "text", ["Is it?", "Ist es („so“)?", "これは遅いですか", "これは\uff1f", "慢吗\uff1f", "慢吗", "Είναι;", "هل هو؟", "Դա՞ է"]
)
def test_asked(text):
    """Questions are known in several scripts."""
    assert ASKED.search(text)


@pytest.mark.parametrize("text", ["It is.", "Is it? No.", "It is;", "遅い", ""])
def test_not_asked(text):
    """What is none is not."""
    assert not ASKED.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "To be decided",
        "TBD",
        "todo: ask Bo",
        "n/a",
        "Nothing yet",
        "unknown",
        "For statistics",
        "To know more about it",
        "A better understanding",
        "Improve the product",
        "Improving our user experience.",
        "improvements of the application",
        "Used for various things",
        "We'll see what comes",
    ],
)
def test_undecided(text):
    """Decisions that are none."""
    assert UNDECIDED.search(text)


@pytest.mark.parametrize(
    "text",
    [
        "Whether the splash screen stays",
        "Which exporter is improved first",
        "Improving the renderer's cache for 4 GiB",
        "How many undo steps are kept",
    ],
)
def test_decided(text):
    """Decisions that are some."""
    assert not UNDECIDED.search(text)


def test_exploring():
    """Purposes that explore, and one that does not."""
    assert EXPLORING.search("What is the usage in general?")
    assert not EXPLORING.search("Is start-up too slow?")


@pytest.mark.parametrize(
    "value",
    [
        "wayland",
        "x11",
        "node.js",
        "tar.gz",
        ".odt",
        "C++",
        "2026-11-24",
        "20261124",
        "x86_64",
        "1.2.3",
        "6.12.0-rc1",
        "GPL-3.0-or-later",
        "deadbeef",
        "opensuse-tumbleweed",
        "org.kde.breeze",
        "4K",
        "en_US.UTF-8",
        "fr",
        "qt6.8",
        "decade",
        "armv7l",
    ],
)
def test_kinds(value):
    """Values that are kinds of things are no content."""
    assert [what for pattern, _, what in CONTENT if pattern.fullmatch(value)] == []


def test_words():
    """The words that the policy has in mind are known, each with a clause."""
    assert {"path", "url", "user", "name", "serial", "hash"} <= NAMES.keys()
    machines = ("serial", "hash", "hashed", "uuid", "imei", "token", "tokens", "fingerprint", "cookie", "cookies", "hostname", "identifier")
    assert {NAMES[word][0] for word in machines} == {"A2"}
    assert {NAMES[word][0] for word in ("filename", "filepath", "pathname", "pathnames", "clipboard")} == {"P1"}
    assert {clause for clause, _ in NAMES.values()} == {"P1", "A1", "A2"}
