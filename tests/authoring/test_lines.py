"""The lines of places in a TOML text, compared with texts whose lines are known because the test wrote them."""

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.authoring.lines import line_of, positions

ROOT = Path(__file__).parents[2]


def places(value, place=()):
    """Every place of a document except the document itself."""
    found_places = {place} if place else set()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        found_places |= places(below, (*place, key))
    return found_places


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = 1\n\n b = 2 # c = 3", {("a",): 1, ("b",): 3}),
        ("[t]\n# x = 1\na.b = 1", {("t",): 1, ("t", "a"): 3, ("t", "a", "b"): 3}),
        (
            "[[t]]\na = 1\n[[t]]\n[t.u]\nb = 1",
            {("t",): 1, ("t", 0): 1, ("t", 0, "a"): 2, ("t", 1): 3, ("t", 1, "u"): 4, ("t", 1, "u", "b"): 5},
        ),
        ("[a.b]\nc = 1\n[a]\nd = 2", {("a",): 3, ("a", "b"): 1, ("a", "b", "c"): 2, ("a", "d"): 4}),
        (
            "[[a]]\n[[a.b]]\n[[a]]\n[[a.b]]\n[[a.b]]",
            {("a",): 1, ("a", 0): 1, ("a", 0, "b"): 2, ("a", 0, "b", 0): 2}
            | {("a", 1): 3, ("a", 1, "b"): 4, ("a", 1, "b", 0): 4, ("a", 1, "b", 1): 5},
        ),
        ("'name[de]' = 'x'\n\"a.b\".\"\\u00e4\" = 1", {("name[de]",): 1, ("a.b",): 2, ("a.b", "ä"): 2}),
        (
            "a = [ # [\n  1,\n  '#]', # ]\n  [2,\n3], ]\nb = 1",
            {("a",): 1, ("a", 0): 2, ("a", 1): 3, ("a", 2): 4, ("a", 2, 0): 4, ("a", 2, 1): 5, ("b",): 6},
        ),
        (
            "a = { b = [1,\n2], 'c.d' = { e = '}' } }\nf = 1",
            {("a",): 1, ("a", "b"): 1, ("a", "b", 0): 1, ("a", "b", 1): 2, ("a", "c.d"): 2} | {("a", "c.d", "e"): 2, ("f",): 3},
        ),
        ('a = """\n[b]\n\\""" "" \n\\\\""""\nc = \'\'\'\n\'\' x = 1\n\'\'\'\'\nd = 2', {("a",): 1, ("c",): 5, ("d",): 8}),
        ('a = ""\nb = \'\'\nc = """"""\nd = "\\\\"\ne = 1', {("a",): 1, ("b",): 2, ("c",): 3, ("d",): 4, ("e",): 5}),
        ("a = 2026-11-02 07:32:00Z\r\nb = [2026-11-02 , 1e3]\r\nc = +inf", {("a",): 1, ("b",): 2, ("b", 0): 2, ("b", 1): 2, ("c",): 3}),
    ],
)
def test_places(text, expected):
    """Headers, dotted and quoted keys, lists and multi-line strings: each place has its line, and there are no others."""
    assert places(tomllib.loads(text)) == expected.keys()
    assert positions(text) == expected


def test_what_is_missing_stands_at_its_table():
    """A missing place has the line of the nearest table around it, or line 1."""
    lines = positions("\n[[question]]\nid = 'a'")
    assert line_of(("question", 0, "ends"), lines) == 2
    assert line_of(("question", 0, "id", 3), lines) == 3
    assert line_of(("application", "id"), lines) == 1


@pytest.mark.parametrize("path", sorted([*(ROOT / "docs").rglob("*.toml"), ROOT / "pyproject.toml"]), ids=lambda path: path.name)
def test_files(path):
    """In real files the line of every place has the last part of the place; items are within their list."""
    text = path.read_text()
    lines = positions(text)
    assert lines.keys() == places(tomllib.loads(text))
    for place, line in lines.items():
        if isinstance(place[-1], str):
            assert place[-1] in text.splitlines()[line - 1]


KEYS = st.text("ab-_.[]# ='\"\\ä\n", min_size=1, max_size=4) | st.sampled_from(["name[de]", "a", "b"])
STRINGS = st.text("ab\"'#[]{}=,\\\n ", max_size=6)
SCALARS = st.integers(-3, 3) | st.booleans() | STRINGS | st.dates() | st.times() | st.datetimes() | st.floats(allow_nan=False)
VALUES = st.recursive(SCALARS, lambda below: st.lists(below, max_size=3) | st.dictionaries(KEYS, below, max_size=3), max_leaves=6)
TABLES = st.dictionaries(KEYS, VALUES, max_size=4)


class Writer:
    """Writes TOML, and records the line of each place."""

    def __init__(self, data):
        self.text, self.lines, self.data = "", {}, data

    @property
    def line(self):
        """The current line."""
        return self.text.count("\n") + 1

    def choose(self, *choices):
        """One of the choices."""
        return self.data.draw(st.sampled_from(choices))

    def key(self, key):
        """Write a key in one of its spellings."""
        self.text += key if key.isascii() and key.isalnum() and self.choose(True, False) else json.dumps(key)

    def value(self, value, place):
        """Write a value in one of its spellings."""
        match value:
            case bool():
                self.text += str(value).lower()
            case str() if "'" not in value and "\n" not in value and self.choose(True, False):
                self.text += f"'{value}'"
            case str() if "'" not in value and self.choose(True, False):
                self.text += f"'''\n{value}'''"
            case str() if self.choose(True, False):
                self.text += '"""' + value.replace("\\", "\\\\").replace('"""', '""\\"') + '"""' if value[-1:] != '"' else json.dumps(value)
            case str():
                self.text += json.dumps(value)
            case list():
                self.items(value, place)
            case dict():
                self.inline(value, place)
            case int() | float():
                self.text += repr(value)
            case _:
                self.text += value.isoformat()

    def items(self, value, place):
        """Write a list, over one or several lines."""
        gap = ("", "\n", " # ],\n", "\n\n")
        self.text += "["
        for number, item in enumerate(value):
            self.text += self.choose(*gap)
            self.lines[*place, number] = self.line
            self.value(item, (*place, number))
            self.text += self.choose(*gap) + self.choose(",", ", ")
        self.text += self.choose(*gap) + "]"

    def inline(self, value, place):
        """Write a table in braces."""
        self.text += "{ "
        for number, (key, item) in enumerate(value.items()):
            self.text += ", " if number else ""
            self.pair(key, item, place)
        self.text += " }"

    def pair(self, key, item, place):
        """Write a key and its value."""
        self.lines[*place, key] = self.line
        self.key(key)
        self.text += self.choose("=", " = ")
        self.value(item, (*place, key))

    def table(self, head, table, place):
        """Write a table; `head` is `[[` or `[`."""
        self.text += self.choose("", "\n", "# [x]\n  ")
        self.lines[place] = self.line
        self.text += head
        for number, part in enumerate(part for part in place if isinstance(part, str)):
            self.text += self.choose(".", " . ") if number else ""
            self.key(part)
        self.text += head.replace("[", "]") + self.choose("\n", " # ]]\n")
        for key, item in table.items():
            self.pair(key, item, place)
            self.text += self.choose("\n", " # b = 1\n", "\n\n")


@given(st.data(), TABLES, st.lists(TABLES, max_size=3), st.lists(TABLES, max_size=2))
def test_whatever_is_written(data, single, array, below):
    """Whatever the style, every place of the document has exactly the line on which it was written."""
    writer = Writer(data)
    writer.table("[", single, ("one",))
    for number, table in enumerate(array):
        writer.table("[[", table, ("many", number))
    if array:
        writer.lines["many",] = writer.lines["many", 0]
        for number, table in enumerate(below):
            place = ("many", len(array) - 1, "deeper !", number)
            writer.table("[[", table, place)
            writer.lines[place[:-1]] = writer.lines[*place[:-1], 0]
    assert places(tomllib.loads(writer.text)) == writer.lines.keys()
    assert positions(writer.text) == writer.lines
