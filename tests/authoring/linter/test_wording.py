"""Findings about wording that need a whole table."""

import pytest
from support.manifests.manifest_texts import EDITOR

from telemetryd.authoring.linter import wording
from telemetryd.authoring.linter.finding import Level
from telemetryd.toml import parser


def faults(tables):
    """The faults of tables after an application."""
    return list(wording.faults(parser.loads(EDITOR + tables)))


@pytest.mark.parametrize(
    ("value", "clause", "kind"),
    [
        ("https.example.org", "P1", "a URL"),
        ("www.example", "P1", "a URL's host"),
        ("192.168.0.1", "A1", "a network address"),
        ("00-1a-2b-3c-4d-5e", "A2", "a hardware address"),
        ("0123456789abcdef0", "A2", "an id of one thing"),
        ("+49-30-123456", "A2", "a number of one person or thing"),
        ("letter.odt", "P1", "a file's name"),
        ("a..b", "P1", "a path"),
    ],
)
def test_values_that_are_content(value, clause, kind):
    """Each kind of content among the values is one error, at the value's place and with its clause."""
    (fault,) = faults(f'[[source]]\nid = "shell"\nvalues = ["x11", "{value}"]\n')
    assert (fault.level, fault.clause, fault.place) == (Level.ERROR, clause, ("source", 0, "values", 1))
    assert fault.message == f'[[source]] "shell": values: item 2: looks like {kind}'


@pytest.mark.parametrize(
    ("decision", "decides"),
    [
        ("A slower font is replaced", True),
        ("Zoom is taken out of the menu", True),
        ("Is start-up too slow?", False),
        ("IS START-UP: too slow!", False),
        ("To be decided", False),
        ("It goes", False),
    ],
)
def test_decisions(decision, decides):
    """A decision that only repeats the purpose in other letters and signs decides nothing, and neither does one of few words."""
    found = faults(f'[[question]]\nid = "q"\npurpose = "Is start-up too slow?"\ndecision = "{decision}"\n')
    assert [fault.place for fault in found] == ([] if decides else [("question", 0, "decision")])


def test_tables_without_an_id():
    """A table whose id is missing or no text is called by its number, from 1."""
    tables = "".join(f'[[source]]\n{id_}\ndescription = "The path"\n' for id_ in ("", 'id = "shell"', "id = 7"))
    begin = [fault.message.partition(": description: has the word “path”")[0] for fault in faults(tables)]
    assert begin == ["[[source]] number 1", '[[source]] "shell"', "[[source]] number 3"]
