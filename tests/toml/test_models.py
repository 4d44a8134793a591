import tomllib

import pytest
from pydantic import Field, ValidationError

from telemetryd.errors import InvalidFileError
from telemetryd.toml import parser
from telemetryd.toml.models import base
from telemetryd.toml.models.base import ApplicationId, Line, Localised, Strict, explain


class Table(Localised):
    """A table with a text that can be translated."""

    translatable = ("name",)
    id: str = ""
    name: Line
    owner: ApplicationId = "org.example.app"


class Text(Strict):
    """A text of such tables."""

    number: int = 0
    one: Table | None = None
    many: list[Table] = Field(default_factory=list)


def refusal(text):
    """The error's text for a TOML text."""
    with pytest.raises(InvalidFileError) as caught:
        base.read(Text, parser.read(text, InvalidFileError), InvalidFileError)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("number = true", "number: expected a valid integer"),
        ('number = "1"', "number: expected a valid integer"),
        ("one = 1", "one: expected a table"),
        ("[one]", "[one]: name: is missing"),
        ("[one]\nid = 1\nname = 2", "[one]: id: expected a text; [one]: name: expected a text"),
        ("[[many]]\nname = 'a'\n[[many]]", "[[many]] number 2: name: is missing"),
        ("[[many]]\nid = 'a-1'", '[[many]] "a-1": name: is missing'),
        ("[[many]]\nid = 'a\\\"; b'", "[[many]] number 1: name: is missing"),
        ("many = [3]", "[[many]] number 1: expected a table"),
        ("many = 3", "many: expected a list"),
        ("[one]\nname = 'a'\n'name[de]' = ' b'", "[one]: name[de]: expected one line of text"),
        ("[one]\nname = 'a'\n'id[de]' = 'b'", "[one]: id[de]: unknown key; known are id, name, owner, name[LANGUAGE]"),
    ],
)
def test_explained(text, error):
    """An error names table and key as they stand in the file, and what was expected there."""
    assert refusal(text).startswith(error)


def test_five_problems_are_told():
    """Of many problems five are told and the rest counted."""
    text = refusal("[[many]]\n" * 7)
    assert text.count("is missing") == 5
    assert text.endswith("; and 2 more")


def test_read():
    """A sound text is read without conversion, with its translations by language."""
    found = base.read(Text, tomllib.loads("number = 3\n[one]\nname = 'a'\n'name[de]' = 'b'\n'name[pt_BR]' = 'c'"), InvalidFileError)
    assert found.number == 3
    assert found.one.translations() == {"de": {"name": "b"}, "pt_BR": {"name": "c"}}


def test_explain_repeats_no_value():
    """The explanation of an error repeats nothing of the value that caused it."""
    document = {"one": {"name": "secret\n", "owner": "secret"}}
    with pytest.raises(ValidationError) as caught:
        Text.model_validate(document)
    assert "secret" not in explain(caught.value, document)
