"""Messages about mistakes in a text, with tables made for the test."""

import tomllib

import pytest

from telemetryd.errors import InvalidFileError
from telemetryd.toml import fields, parser, reader
from telemetryd.toml.tables import Table, TableKey, Tables, TranslatedKey
from telemetryd.toml.value_kinds import Integer, Map, Number, Text

TABLE = Table(
    "Table",
    {
        "id": TableKey(Text(str), default=""),
        "name": TranslatedKey(Text(fields.line, 300)),
        "owner": TableKey(Text(fields.application_id), default="org.example.app"),
        "shares": TableKey(Map(Text(fields.identifier), Number(fields.not_negative)), default={}),
    },
    about="A table with a text that can be translated.",
)
TEXT = Table(
    "Text",
    {"number": TableKey(Integer(0, 9), default=0), "one": TableKey(TABLE, default=None), "many": TableKey(Tables(TABLE), default=())},
    about="Tables.",
)


def refusal(text):
    """The error's text for a TOML text."""
    with pytest.raises(InvalidFileError) as caught:
        reader.read(TEXT, parser.read(text, InvalidFileError), InvalidFileError)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("number = true", "number: expected a whole number from 0 to 9"),
        ('number = "1"', "number: expected a whole number from 0 to 9, without quotes"),
        ("one = 1", "one: expected a table"),
        ("[one]", "[one]: name: is missing"),
        ("[one]\nname = 2\nid = 1", "[one]: id: expected a text; [one]: name: expected a text"),
        ("[[many]]\nname = 'a'\n[[many]]", "[[many]] number 2: name: is missing"),
        ("[[many]]\nid = 'a-1'", '[[many]] "a-1": name: is missing'),
        ("[[many]]\nid = 'a\\\"; b'", "[[many]] number 1: name: is missing"),
        ("many = [3]", "[[many]] number 1: expected a table"),
        ("many = 3", "many: expected a list"),
        ("[one]\nname = 'a'\n'name[de]' = ' b'", "[one]: name[de]: expected one line of text"),
        ("[one]\nname = 'a'\n'id[de]' = 'b'", "[one]: id[de]: unknown key; known keys: id, name, owner, shares, name[LANGUAGE]"),
        (
            "[one]\nowner = 'x'\nb = 1\na = 1",
            "[one]: b: unknown key; known keys: id, name, owner, shares, name[LANGUAGE]; [one]: a: unknown key; [one]: name: is missing",
        ),
        (
            "[one]\nname = 'a'\nid = 1\nb = 1",
            "[one]: b: unknown key; known keys: id, name, owner, shares, name[LANGUAGE]; [one]: id: expected",
        ),
        (
            "[one]\nname = 'a'\nshares = { A = -1 }",
            "[one]: shares: A: expected an id: 1 to 64 of a-z 0-9 _ -, beginning with a letter; [one]: shares: A: expected a finite number",
        ),
    ],
)
def test_explained(text, error):
    """An error names table and key as in the file, and what was expected; it has all mistakes of a table."""
    assert refusal(text).startswith(error)


def test_five_mistakes_are_told():
    """Of many mistakes five are listed, and the rest is counted."""
    text = refusal("[[many]]\n" * 7)
    assert text.count("is missing") == 5
    assert text.endswith("; and 2 more")


def test_read():
    """A valid text is read without conversion, with its translations by language."""
    document = tomllib.loads("number = 3\n[one]\nname = 'a'\n'name[de]' = 'b'\n'name[pt_BR]' = 'c'")
    row = reader.read(TEXT, document, InvalidFileError)
    assert row.number == 3
    assert row.one.texts == {"de": {"name": "b"}, "pt_BR": {"name": "c"}}
    assert reader.mistakes(TEXT, document) == ()


def test_no_value_is_repeated():
    """A message never repeats the wrong value."""
    assert "secret" not in refusal("[one]\nname = \"secret\\n\"\nowner = 'secret'\nid = ['secret']")
