"""Messages about texts that are not TOML."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.manifest_texts import KATE
from support.manifests.manifest_variations import MANIFEST

from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser
from telemetryd.toml.manifest import parse

JSON = json.dumps(MANIFEST, default=str, indent=2)
YAML = "application:\n  id: org.kde.kate\n  name: Kate\nsource:\n  - id: startup\n"


def diagnosis_of(text):
    """The message and the help for a text that cannot be read."""
    with pytest.raises(InvalidManifestError) as caught:
        parse(text)
    with pytest.raises(ValueError, match=r"line|document|digits") as failure:
        parser.loads(text)
    diagnosis = parser.diagnosis(text, failure.value)
    assert str(caught.value) == diagnosis.message
    return diagnosis


@pytest.mark.parametrize("text", [JSON, f"\n{JSON}", f"[\n{JSON}]", JSON[:-5], "{}", '{"schema": 1}'])
def test_json(text):
    """JSON is recognised, complete or not, at any depth; the help shows TOML."""
    diagnosis = diagnosis_of(text)
    assert (diagnosis.line, diagnosis.message) == (1, "expected TOML, not JSON")
    assert diagnosis.help.startswith("write key = value under [table] headers")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (f"schema: 1\n{YAML}", 1),
        (f"# Kate\n{YAML}", 2),
        (f"# Kate\n\n{YAML}", 3),
        (f"---\n{YAML}", 1),
        ("%YAML 1.2\n---\n", 1),
        ("- a\n- b\n", 1),
        ('"a": 1', 1),
        ("a:", 1),
    ],
)
def test_yaml(text, line):
    """YAML is recognised at its first statement. A reader who sees the line beside it is not told it twice."""
    diagnosis = diagnosis_of(text)
    assert (diagnosis.line, diagnosis.message) == (line, f"line {line}: expected TOML, not YAML")
    assert diagnosis.message_beside_line == "expected TOML, not YAML"


@pytest.mark.parametrize("key", ["name[de]", "name[pt_BR]", "summary[sr@latin]", "name[german]"])
def test_translations_without_quotes(key):
    """A key with brackets as in desktop files gets the help to put it in quotes."""
    line = KATE.splitlines().index("[application]") + 2
    diagnosis = diagnosis_of(KATE.replace("[application]\n", f"[application]\n  {key} = 'Käte'\n"))
    column = len(key.partition("[")[0]) + 3
    assert diagnosis.line == line
    assert diagnosis.message == f"not valid TOML: line {line}, column {column}: expected quotes around a key with brackets"
    assert diagnosis.help == f'put the key in quotes: "{key}" = …'


@pytest.mark.parametrize(
    ("text", "line", "help_"),
    [
        ('schema = 1\nname = "a\n', 2, "close the quotes in the line in which they begin"),
        ("schema = 1\nname = a\n", 2, "write texts in quotes"),
        ("schema = 1\nname\n", 2, "write key = value"),
        ("schema = 1\nends = 2026-02-30", 2, "write a day that the calendar has"),
        ("schema = 1\nname = [1\n\n", 2, "write the value, and close quotes and brackets"),
        ("schema = 1\nschema = 1\n", 2, "keep one of the two"),
        ("[a]\n[b]\n[a]\n", 3, "keep one of the two"),
        (f"schema = 1\nbins = [{'9' * 5000}]", 2, "write a shorter number"),
        (f"\nbins = [{'9' * 5000}]", 2, "write a shorter number"),
        ("schema = 1\na.b.c.d.e = 1", 2, "take out what no key of a manifest needs"),
        ("schema = 1\n\x00", 2, "write valid TOML"),
        ("\ufeffschema = 1", 1, "save the file as UTF-8 without BOM"),
    ],
)
def test_help_fits_the_fault(text, line, help_):
    """Each kind of fault has its line and its own help."""
    diagnosis = diagnosis_of(text)
    assert diagnosis.line == line
    assert diagnosis.help.startswith(help_)


QUOTES = ("expected straight quotes", "write \" or ' on both sides of a text; word processors replace them by others")
DATE = ("expected a date as year-month-day", "write dates as 2026-11-24")
COMMENT = ("expected # before a comment", "begin a comment with #, and each of its lines")
HEADER = (
    "expected the name of a table without blanks",
    "write one of the tables that there are: [application], [[source]] or [[question]]",
)
COMMA = ("expected a number without a comma", "write a point before decimals, as 0.5, and nothing between thousands, as 20000")
LINE_END = ("expected the end of the line after a value", "write neither ; nor , after a value, and begin a line for each key")
ENTRIES = ("expected a comma between entries", "write a comma between entries: [500, 2000]")
HABITS = [
    (
        'name = "K"\nname.de = "k"',
        "end of document",
        "expected a translation as a key in quotes",
        'write the language in brackets: "name[de]" = …',
    ),
    (
        'name = "K"\nname.pt_BR = "k"\n',
        17,
        "expected a translation as a key in quotes",
        'write the language in brackets: "name[pt_BR]" = …',
    ),
    ('\nname["de"] = "k"', 5, "expected quotes around a key with brackets", 'put the key in quotes: "name[de]" = …'),
    ("\nname['de'] = 'k'", 5, "expected quotes around a key with brackets", 'put the key in quotes: "name[de]" = …'),
    ("schema = 1\nshare = 0.5;\n", 12, *LINE_END),
    ('schema = 1\nname = "K",\n', 11, *LINE_END),
    ("schema = 1\nstarts = 2026-11-02, ends = 2026-11-29", 20, *LINE_END),
    ("schema = 1\nbins = [1; 2]", 10, *ENTRIES),
    ("schema = 1\nepsilon = 2,0\n", 12, *COMMA),
    ("schema = 1\nexpected_users = 20,000\n", 20, *COMMA),
    ('schema = 1\nexpected = { a = { "<1" = 0,7, ">=1" = 0,3 } }', 30, *COMMA),
    ("schema = 1\nends = 27.06.2027\n", 13, *DATE),
    ("schema = 1\nends = 01.06.27\n", 9, *DATE),
    ("schema = 1\nends = 6/27/2027\n", 9, *DATE),
    ("schema = 1\nends = 2027/06/27\n", 12, *DATE),
    ("schema = 1\nends = 2027-6-27\n", 12, *DATE),
    ("schema = 1\n// the source\n", 1, *COMMENT),
    ("schema = 1\nshare = 0.5 // half\n", 13, *COMMENT),
    ("schema = 1\n/* the source */\n", 1, *COMMENT),
    ("schema = 1\n<!-- the source -->\n", 1, *COMMENT),
    ("schema = 1\n ; the source\n", 2, *COMMENT),
    ("schema = 1\n[Desktop Entry]\n", 10, *HEADER),
    ("schema = 1\n[[Desktop Action new]]\n", 11, *HEADER),
    ("schema = 1\nname = “K”\n", 8, *QUOTES),
    ("schema = 1\nname = \u2018K\u2019\n", 8, *QUOTES),
    ("schema = 1\nname = „K“\n", 8, *QUOTES),
    ("schema = 1\nname = «K»\n", 8, *QUOTES),
    ("schema = 1\n“name” = 1\n", 1, *QUOTES),
    ('schema = 1\nname = "K”\n', 11, *QUOTES),
    ('schema = 1\r\nname = "K”\r\n', 11, *QUOTES),
    # What only looks similar.
    ('schema = 1\nname = "say “K”\n', 16, "Illegal character '\\n'", "close the quotes in the line in which they begin"),
    ("schema = 1\nends = 2026-02-30\n", 8, "Invalid date or datetime", "write a day that the calendar has, as 2026-11-24"),
    ("a = { kde = 1 }\na.kde = 2\n", 10, "a key or table appears twice", "keep one of the two"),
    (
        "bins = [1]\nbins = [1,,2]\n",
        11,
        "Invalid value",
        "write texts in quotes, dates as 2026-11-24, numbers without units, lists in brackets",
    ),
]


@pytest.mark.parametrize(("text", "place", "reason", "help_"), HABITS)
def test_habits_from_other_formats(text, place, reason, help_):
    """What is written by habit from another format is told in a sentence, with the form that TOML has."""
    diagnosis = diagnosis_of(text)
    assert (diagnosis.line, diagnosis.help) == (2, help_)
    where = f"column {place}" if isinstance(place, int) else place
    assert diagnosis.message_beside_line == f"not valid TOML: {where}: {reason}"
    assert diagnosis.message == f"not valid TOML: {'line 2, ' if isinstance(place, int) else ''}{where}: {reason}"


@given(st.integers(0, len(KATE)), st.text(max_size=20))
def test_only_lines_of_the_text(place, text):
    """For any text the line exists, and the message repeats at most a key."""
    changed = KATE[:place] + text + KATE[place:]
    try:
        parser.loads(changed)
    except ValueError as failure:
        diagnosis = parser.diagnosis(changed, failure)
        assert 1 <= diagnosis.line <= changed.count("\n") + 1
        assert not re.search("Kate|org.kde", diagnosis.message)
