"""The places of faults of a valid text: where in a question the faulty reference stands."""

import pytest
from support.manifests.manifest_texts import EDITOR, question

from telemetryd.authoring.linter import parse_faults

SOURCES = "".join(
    f'[[source]]\nid = "{name}"\ntype = "number"\ndescription = "What {name} shows"\nbins = [1, 2]\n' for name in ("load", "zoom")
)
TEXTS = {"purpose": "Which is kept?", "decision": "Whether the slower one goes"}


@pytest.mark.parametrize(
    ("names", "more", "place"),
    [
        (("load", "zoom", "org.telemetryd.system/nothing"), "", ("sources", 2)),
        (("load", "zoom"), "coarser = { load = [7] }", ("coarser", "load")),
        (("load", "zoom"), "coarser = { zoom = [7] }", ("coarser", "zoom")),
        (("load", "zoom"), 'expected = { zoom = { "x" = 1 } }', ("expected", "zoom")),
    ],
)
def test_references(names, more, place):
    """A reference that is wrong is found by its number in a list, and by its name in a table."""
    (fault,) = parse_faults.faults(EDITOR + SOURCES + question("kept", *names, more=more, **TEXTS))
    assert fault.place == ("question", 0, *place)


def test_a_table_with_wrong_keys_keeps_the_right_ones():
    """What is right in [application] is read although another key is wrong: the question's own faults are found too."""
    wrong = EDITOR.replace("name =", "name = 7\nnames =") + SOURCES + question("kept", "load", "org.telemetryd.system/nothing", **TEXTS)
    places = [fault.place for fault in parse_faults.faults(wrong)]
    assert ("application", "name") in places
    assert ("question", 0, "sources", 1) in places
