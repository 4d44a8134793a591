"""Properties of `lint` that hold for any text. The files of tests/manifests/faulty have the place of each fault."""

import itertools
from copy import deepcopy
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.manifest_variations import MANIFEST, VALUES, altered, at, places, text_of

from telemetryd.authoring import guidance
from telemetryd.authoring.clauses import CLAUSES
from telemetryd.authoring.linter import parse_faults
from telemetryd.authoring.linter.finding import Level
from telemetryd.authoring.linter.findings_of import OtherManifests, lint
from telemetryd.authoring.linter.patterns import ASKED, EXPLORING, NAMES, UNDECIDED
from telemetryd.authoring.linter.patterns import VALUES as CONTENT
from telemetryd.core.limits import MANIFEST_BYTES
from telemetryd.core.privacy.admissibility import figures
from telemetryd.errors import InvalidManifestError
from telemetryd.toml.manifest import parse

FILES = sorted((Path(__file__).parents[2] / "manifests").glob("*/*.toml"))
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


def lint_results(text, today=TODAY, **how):
    """Findings as (line, level, clause)."""
    return [(finding.line, str(finding.fault.level), finding.fault.clause) for finding in lint(text, today, **how)]


def is_refused(text):
    """Whether the daemon refuses a text."""
    try:
        parse(text)
    except InvalidManifestError:
        return True
    return False


def holds(text):
    """For any text: errors of the parser's kind exactly if it refuses the text, and complete findings."""
    findings = lint(text, TODAY)
    errors = [finding for finding in findings if finding.fault.level is Level.ERROR and "looks like" not in finding.fault.message]
    assert bool(errors) is is_refused(text), text
    lines = text.count("\n") + 1
    assert [finding for finding in findings if not (1 <= finding.line <= lines and finding.fault.message and finding.fault.help)] == []
    assert {finding.fault.clause for finding in findings} <= CLAUSES.keys()
    assert sorted(finding.line for finding in findings) == [finding.line for finding in findings]


def test_one_change():
    """After any one change of a manifest with all keys, lint and the parser agree whether it is valid."""
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
    """A text with the deepest nesting that can be read gives a finding, not a crash."""
    holds(f"schema = 1\ndeep = {'[' * depth}{']' * depth}")


@pytest.mark.parametrize("more", [0, 1, 1000])
def test_too_long(more):
    """A text above the limit of a manifest is refused as a whole, whatever is in it."""
    text = WHOLE.replace("vendor", "owner") + "#" * (MANIFEST_BYTES - len(WHOLE) + 1 + more)
    findings = lint(text, TODAY)
    if more == 0:
        assert len(text) == MANIFEST_BYTES
        assert len(findings) > 1
    else:
        assert [(finding.line, finding.fault.place) for finding in findings] == [(1, ())]


def test_a_fact_that_has_another_name_elsewhere():
    """A source that says nearly what another manifest's source says is warned about with that name, and only then."""
    own, other = "org.example.Editor/startup", "org.example.Other/start"
    for same, named in (([[other, own]], True), ([[own]], False), ([[other, "org.example.Third/start"]], False)):
        findings = lint(WHOLE, TODAY, others=OtherManifests((), same))
        assert [(finding.fault.place, other in finding.fault.message) for finding in findings] == [
            (("source", 0, "description"), True)
        ] * named


MONTHLY = {'period = "week"': 'period = "month"', "starts = 2026-11-02": "starts = 2026-11-09", "ends = 2027-04-25": "ends = 2027-08-01"}


@pytest.mark.parametrize("was", MONTHLY)
def test_one_id_with_other_dates(was):
    """A question that keeps its id has to keep its dates: each that moved is an error at its line. Policy: M4."""
    before = parse(WHOLE).definitions
    moved = WHOLE.replace(was, MONTHLY[was])
    (finding,) = [finding for finding in lint(moved, TODAY, others=OtherManifests(before)) if finding.fault.level is Level.ERROR]
    assert moved.splitlines()[finding.line - 1] == MONTHLY[was]
    value = was.partition(" = ")[2].strip('"')
    assert finding.fault.clause == "M4"
    assert f": expected {value}, as before: " in finding.fault.message
    assert "new id" in finding.fault.help
    assert lint(moved.replace("startup-time", "startup-again"), TODAY, others=OtherManifests(before)) == []
    assert lint(WHOLE.replace("too slow", "slow"), TODAY, others=OtherManifests(before)) == []


def test_dates_of_another_application():
    """Only the same question of the same application is compared."""
    other = parse(WHOLE.replace("org.example.Editor", "org.example.Other")).definitions
    assert lint(WHOLE.replace("2027-04-25", "2027-04-18"), TODAY, others=OtherManifests(other)) == []


def test_several_at_once():
    """Faults in and across several tables are reported together in the order of the lines, and none twice."""
    text = (
        WHOLE.replace("vendor", "vendr").replace("[500, 2000]", "[2000, 500]").replace('"usage"', '"use"')
        + STARTUP.replace('"startup"', '"other"')
        + QUESTION.replace("startup-time", "second").replace('["startup"]', '["none", "other"]').replace("2027-04-25", "2028-04-25")
        + QUESTION.replace("startup-time", "third").replace('["startup"]', '["other"]').replace("2027-04-25", "2028-04-25")
    )
    messages = [(finding.line, finding.fault.message.partition(": expected")[0]) for finding in lint(text, TODAY)]
    assert messages == [
        (5, "[application]: vendr: unknown key"),
        (11, '[[source]] "startup": bins'),
        (16, '[[question]] "startup-time": category'),
        (33, '[[question]] "second": sources: none'),
        (46, '[[question]] "third": ends'),
    ]


def test_all_unknown_keys():
    """All unknown keys are named with the other faults of their table. A key that is misspelt is not missing too: the help names it."""
    text = WHOLE.replace("[application]", "[application]\ncolour = 1\nnmae = 'x'\n'vendor[de]' = 'x'").replace('name = "Editor"', "")
    help_by_message = {finding.fault.message.removeprefix("[application]: "): finding.fault.help for finding in lint(text, TODAY)}
    assert help_by_message.keys() == {"colour: unknown key", "nmae: unknown key", "vendor[de]: unknown key"}
    assert help_by_message["nmae: unknown key"] == "did you mean name?"
    assert help_by_message["colour: unknown key"].startswith("remove it, or write one of id, name")


_TYPES = "expected flag, choice, number or count"
_WRITE_TYPES = (
    'write "flag" for true or false, "choice" for one of a few values, "number" for what is measured, "count" for what is counted'
)
_TRANSLATE = 'write a translation as a key in quotes: "{}[de]"'
_QUESTION_KEYS = (
    "remove it, or write one of id, purpose, decision, category, detail, sources, coarser, period, starts, ends, share, epsilon, "
    "expected_users, expected, purpose[LANGUAGE], decision[LANGUAGE]"
)
_DETAIL, _SUMMARY = guidance.guide(("question", 0, "detail")).help, guidance.guide(("application", "summary")).help
SAID = [
    ({'type = "number"': 'type="bool"'}, [(9, f'[[source]] "startup": type: {_TYPES}', 'for true or false write "flag"')]),
    ({'type = "number"': 'type="colour"'}, [(9, f'[[source]] "startup": type: {_TYPES}', _WRITE_TYPES)]),
    ({'type = "number"\n': ""}, [(7, '[[source]] "startup": type: is missing', _WRITE_TYPES)]),
    ({"purpose": "purpse"}, [(14, '[[question]] "startup-time": purpse: unknown key', "did you mean purpose?")]),
    (
        {'purpose = "Is start-up too slow?"': "purpse = 3\npurpos = 3"},
        [
            (
                14,
                '[[question]] "startup-time": purpose: expected a text',
                'ask what you need to know: purpose = "Is start-up too slow on machines with little memory?"',
            ),
            (14, '[[question]] "startup-time": purpse: unknown key', "did you mean purpose?"),
            (15, '[[question]] "startup-time": purpos: unknown key', "did you mean purpose?"),
        ],
    ),
    ({"[[question]]": "[[questoin]]"}, [(12, "questoin: unknown key", "did you mean question?")]),
    ({"[[source]]": "[[sorce]]"}, [(7, "sorce: unknown key", "did you mean source?")]),
    ({"[application]": "[aplication]"}, [(2, "aplication: unknown key", "did you mean application?")]),
    (
        {"[[question]]": "[[questoin]]", "purpose": "purpse", 'detail = "basic"': "colour = 1\ndetail = 7"},
        [
            (12, "questoin: unknown key", "did you mean question?"),
            (14, '[[question]] "startup-time": purpse: unknown key', "did you mean purpose?"),
            (17, '[[question]] "startup-time": colour: unknown key', _QUESTION_KEYS),
            (18, "[[question]] \"startup-time\": detail: expected 'basic' or 'detailed'", _DETAIL),
        ],
    ),
    (
        {'vendor = "example"': 'vendor = "example"\nsumary = 7'},
        [(6, "[application]: sumary: unknown key", "did you mean summary?"), (6, "[application]: summary: expected a text", _SUMMARY)],
    ),
    (
        {'type = "number"': 'typ = "number"', "[500, 2000]": "[2000, 500]"},
        [
            (9, '[[source]] "startup": typ: unknown key', "did you mean type?"),
            (
                11,
                '[[source]] "startup": bins: expected one or more edges in rising order, each once',
                "list the edges of the bins in rising order, two edges make three bins: bins = [500, 2000]",
            ),
        ],
    ),
    (
        {"purpose": "purpse", "2027-04-25": "2028-04-25"},
        [
            (14, '[[question]] "startup-time": purpse: unknown key', "did you mean purpose?"),
            (
                21,
                '[[question]] "startup-time": ends: expected a date at most one year after starts, 2027-11-02 or earlier',
                "write the last day as a date without quotes, at most a year after starts: ends = 2027-06-27",
            ),
        ],
    ),
    ({'name = "Editor"': 'name.de = "Editor"'}, [(4, "[application]: name: expected a text", _TRANSLATE.format("name"))]),
    (
        {"schema = 1": "schema: 1"},
        [(1, "expected TOML, not YAML", "write key = value under [table] headers; `telemetryctl new` writes a first manifest")],
    ),
    (
        {"schema = 1": "schema = 1\nshare = 0,5"},
        [
            (
                2,
                "not valid TOML: column 10: expected a number without a comma",
                "write a point before decimals, as 0.5, and nothing between thousands, as 20000",
            )
        ],
    ),
    (
        {"schema = 1": "schema = 1\na.b.c.d.e = 1"},
        [(2, "expected a key of at most 4 parts", "take out what no key of a manifest needs")],
    ),
]


@pytest.mark.parametrize(("changes", "expected"), SAID)
def test_what_is_said(changes, expected):
    """Each mistake is told once: by its message, its line and its help together."""
    text = WHOLE
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new, 1)
    told = [(finding.line, finding.fault.message, finding.fault.help) for finding in lint(text, TODAY)]
    assert told == expected


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("[application]", "[[application]]", [(2, "error", "T2")]),
        ("[[source]]", "[[sources]]", [(7, "error", "T2")]),
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
    """Faults that are not in the corpus are found at their lines too."""
    assert old in WHOLE
    assert sorted(lint_results(WHOLE.replace(old, new, 1))) == sorted(expected)


def test_installed_as():
    """A file in a directory of manifests must have the name of its application's id, or the daemon does not read it."""
    assert lint_results(WHOLE, installed_as="org.example.Editor") == lint_results(WHOLE) == []
    assert lint_results(WHOLE, installed_as="editor") == [(3, "error", "T2")]


@pytest.mark.parametrize("day", [date(2026, 4, 24), date(2026, 4, 23), date(2027, 4, 25), date(2027, 4, 26)])
def test_today(day):
    """The warnings about dates depend on the day."""
    assert bool(lint_results(WHOLE, day)) is (day in {date(2026, 4, 23), date(2027, 4, 26)})


def test_far_end():
    """Nine months, 274 days from starts to ends, give no warning; one day more does."""
    assert lint_results(WHOLE.replace("ends = 2027-04-25", "ends = 2027-08-03")) == []
    assert lint_results(WHOLE.replace("ends = 2027-04-25", "ends = 2027-08-04")) == [(21, "warning", "M4")]


def test_share_that_is_needed():
    """A share gives a warning from twice the sufficient one; below that it is the author's reserve."""
    text = WHOLE + "expected_users = 100000\nshare = {}\n"
    enough = figures(parse(text.format("0.5")).definitions[0]).sufficient_share
    assert [len(lint_results(text.format(f"{share:.4f}"))) for share in (1.9 * enough, 2 * enough, 2.1 * enough)] == [0, 1, 1]


def test_byte_order_mark():
    """The byte order mark of Windows editors is named, not called a wrong statement."""
    (finding,) = lint("\ufeff" + WHOLE, TODAY)
    assert (finding.line, finding.fault.message) == (1, "begins with a byte order mark (BOM), which TOML does not have")
    assert finding.fault.help == "save the file as UTF-8 without BOM"


def test_language_that_is_none():
    """A written-out language gets a hint about its code, not to leave it out."""
    (finding,) = lint(WHOLE.replace("bins", '"description[german]" = "Zeit"\nbins'), TODAY)
    assert finding.fault.message == '[[source]] "startup": description[german]: unknown key'
    assert "description[de], description[pt_BR]" in finding.fault.help
    (finding,) = lint(WHOLE.replace("bins", '"colour[de]" = "Zeit"\nbins'), TODAY)
    assert finding.fault.help.startswith("remove it")


def test_several_words():
    """Several words are named in the plural."""
    (finding,) = lint(WHOLE.replace("Time to the first window", "User, or path, or Path"), TODAY)
    assert finding.fault.message == '[[source]] "startup": description: has the words “User”, “path”, “Path”'


def test_guides_are_complete():
    """Every key of every table has a help and a clause of the policy."""
    guides = [guide for keys in guidance.GUIDES.values() for guide in keys.values()]
    assert len(guides) > 30
    assert {guide.clause for guide in guides} <= CLAUSES.keys()
    assert [guide for guide in guides if not guide.help] == []
    assert guidance.guide(()).clause == guidance.guide(("endpoint",)).clause == "T2"


def test_help_fits_the_reason():
    """Each reason that the guide of a key does not fit has its own help, and each such help is used."""
    wrong = (
        EDITOR.replace("[application]", '[application]\nkind = "shared"\nuses = ["a.b.c/d"]') + STARTUP + QUESTION,
        WHOLE.replace("ends =", 'expected = { other = { "<1" = 1 } }\nends ='),
    )
    helps = {finding.fault.help for text in (*TEXTS, *wrong) for finding in lint(text, TODAY)}
    assert {help_ for _, help_ in guidance._HELP_BY_REASON} <= helps
    assert "remove it, or add it to the question's sources" in {finding.fault.help for finding in lint(wrong[1], TODAY)}


def test_nothing_wrong():
    """A valid manifest has no errors."""
    assert [parse_faults.faults(text) for text in TEXTS if not is_refused(text)].count([]) > 40


@pytest.mark.parametrize(
    "text", ["Is it?", "Ist es („so“)?", "これは遅いですか", "これは\uff1f", "慢吗\uff1f", "慢吗", "Είναι;", "هل هو؟", "Դա՞ է"]
)
def test_asked(text):
    """Questions are recognised in several scripts."""
    assert ASKED.search(text)


@pytest.mark.parametrize("text", ["It is.", "Is it? No.", "It is;", "遅い", ""])
def test_not_asked(text):
    """Texts that are not questions are recognised."""
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
    """Decisions that decide nothing."""
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
    """Decisions that decide something."""
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
    """Values that are kinds of things are not content."""
    assert [kind for pattern, _, kind in CONTENT if pattern.fullmatch(value)] == []


def test_words():
    """The words that the policy means are known, each with a clause."""
    assert {"path", "url", "user", "name", "serial", "hash"} <= NAMES.keys()
    machines = ("serial", "hash", "hashed", "uuid", "imei", "token", "tokens", "fingerprint", "cookie", "cookies", "hostname", "identifier")
    assert {NAMES[word][0] for word in machines} == {"A2"}
    assert {NAMES[word][0] for word in ("filename", "filepath", "pathname", "pathnames", "clipboard")} == {"P1"}
    assert {clause for clause, _ in NAMES.values()} == {"P1", "A1", "A2"}
