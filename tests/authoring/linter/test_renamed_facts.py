"""One fact under several names across manifests: what is warned about, and how many names are told."""

import pytest
from support.manifests.manifest_texts import EDITOR, question

from telemetryd.authoring.linter.renamed_facts import faults
from telemetryd.toml.manifest import parse

SOURCES = "".join(
    f'[[source]]\nid = "{name}"\ntype = "number"\ndescription = "What {name} shows"\nbins = [1, 2]\n' for name in ("load", "zoom")
)
OWN = parse(EDITOR + SOURCES + question("kept", "load", "zoom", purpose="Which is kept?", decision="Whether the slower one goes"))
"""A manifest with two sources, of which the second is in the groups."""
NAME = f"{OWN.application.id}/zoom"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (0, None),
        (1, "org.a0/start"),
        (3, "org.a0/start, org.a1/start, org.a2/start"),
        (4, "org.a0/start, org.a1/start, org.a2/start and 1 more"),
        (6, "org.a0/start, org.a1/start, org.a2/start and 3 more"),
    ],
)
def test_names(number, told):
    """At most three names of other manifests are told, and how many more there are, at the source that is one fact with them."""
    group = [NAME, *(f"org.a{other}/start" for other in range(number))]
    found = [(fault.place, fault.message.partition("nearly the same as ")[2].partition(";")[0]) for fault in faults(OWN, [group])]
    assert found == ([(("source", 1, "description"), told)] if told else [])
