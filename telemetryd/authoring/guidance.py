"""The guide of each manifest key, from `toml.manifest_keys`: the clause of the policy that it serves, and how to write it. Policy: T1.

`lint` shows it for a wrong or missing key, editors show it through the JSON Schema, and `telemetryctl new` shows it too.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.toml.fields import LOCALISED
from telemetryd.toml.manifest_keys import APPLICATION, MANIFEST, QUESTION, SOURCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.toml.mistakes import Place
    from telemetryd.toml.tables import TableKey


class Guide(NamedTuple):
    """The clause that a key serves, and what to write."""

    clause: str
    help: str


def _guides(keys: Mapping[str, TableKey]) -> dict[str, Guide]:
    return {name: Guide(key.clause, key.help) for name, key in keys.items()}


_TEXT = Guide("T2", "see the manifest's documentation: schema = 1, [application], [[source]] and [[question]]")
_TABLES = _guides(MANIFEST.keys)
GUIDES: Mapping[str, Mapping[str, Guide]] = MappingProxyType(
    {
        "schema": {"": _TABLES["schema"]},
        "application": {"": _TABLES["application"], **_guides(APPLICATION.keys)},
        "source": {"": _TABLES["source"], **{key: guide for table in SOURCE.tables.values() for key, guide in _guides(table.keys).items()}},
        "question": {"": _TABLES["question"], **_guides(QUESTION.keys)},
    }
)
"""Table → key → guide; "" is the table itself."""


_HELP_BY_REASON = (
    ("expected none in a shared manifest", 'remove it, or write kind = "application"'),
    (
        "expected shared sources of other manifests",
        "list shared sources of other manifests only: the program pushes its own anyway",
    ),
    ("combine: expected sum: applications", 'write combine = "sum", or kind = "shared" in [application]'),
    ("id: expected an id that no other", "give each of them an id of its own"),
    ("category: expected system: the question asks", 'write category = "system"'),
    ("possible answers at epsilon", "ask for fewer sources, or keep fewer bins or values of them: coarser = { startup = [2000] }"),
    ("expected a longest report", "give the sources edges with fewer digits, and values and ids with fewer letters"),
    ("another manifest's source", "remove it, and ask about it in the manifest that declares it"),
    ("own sources go by their id alone", "write the id alone, without the application's"),
    ("expected a [[source]] with this id", "declare it in a table [[source]], or remove it"),
    ("unknown system fact", "write one of the known facts, or remove it"),
    ("expected sources that the question asks for", "remove it, or add it to the question's sources"),
    ("a flag has nothing to leave out", "remove it: a flag has two bins, and both are needed"),
    ("expected one or more of the source's", "list some of the edges or values that the source itself has"),
    ("expected labels of its bins", "write the labels as they are listed here"),
    ("expected a date that is not before starts", "write a last day that comes after the first one"),
    ("expected at least one whole calendar", "write a later last day, or a shorter period"),
    ("values without", "take these two out: telemetryd adds them itself"),
    ("expected an id outside of", "write the id of the program itself, as its desktop file has it"),
)
"""(words of a reason, help), for reasons that the guide of a key does not fit. The first match counts."""


def help_for(place: Place, reason: str) -> str:
    """How to correct a mistake at a place."""
    return next((help_text for words, help_text in _HELP_BY_REASON if words in reason), guide(place).help)


def guide(place: Place) -> Guide:
    """The guide of a key or table, or of its container. Translations have a guide of their own."""
    names = [part for part in place if isinstance(part, str)]
    guides = GUIDES.get(names[0]) if names else None
    if guides is None:
        return _TEXT
    localised = LOCALISED.fullmatch(names[1]) if len(names) > 1 else None
    if localised:
        return Guide("T1", "write the same text in that language, in one line of at most 300 characters")
    return guides.get(names[1], guides[""]) if len(names) > 1 else guides[""]
