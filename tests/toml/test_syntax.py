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
    assert diagnosis[:2] == (1, "expected TOML, not JSON")
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
    """YAML is recognised at its first statement."""
    assert diagnosis_of(text)[:2] == (line, f"line {line}: expected TOML, not YAML")


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
