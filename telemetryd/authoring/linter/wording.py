"""What a manifest's own words give away or leave open; whoever wrote them has to judge, but values that are content are errors.

Works on the document as it is written, whatever else is wrong with it. Policy: A1, A2, M1, P1, T1.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from telemetryd.authoring.guidance import guide
from telemetryd.authoring.linter.finding import entries, error, tables, warning
from telemetryd.authoring.linter.patterns import ASKED, EXPLORING, MARKED, NAMES, UNDECIDED, VALUES
from telemetryd.toml.fields import LOCALISED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.authoring.lines import Place
    from telemetryd.authoring.linter.finding import Document, Fault

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""The words of an id or text, those within `lastOpenedUrl` too."""
_WORDS = re.compile(r"\w+")
_SPACED = re.compile(r"[A-Za-z]")
"""Texts in Latin letters have spaces between their words, so that their words can be counted."""
_FEWEST_WORDS = 3


def faults(document: Document) -> Iterator[Fault]:
    """What there is to say about ids, values and texts."""
    for number, table in tables(document, "source"):
        yield from _source(table, ("source", number))
    for number, table in tables(document, "question"):
        yield from _question(table, ("question", number))


def _source(table: dict[str, Any], place: Place) -> Iterator[Fault]:
    head = _head(table, place)
    yield from _telling(table.get("id"), (*place, "id"), f"{head}id: ")
    yield from _telling(table.get("description"), (*place, "description"), f"{head}description: ")
    for number, value in enumerate(entries(table, "values")):
        at, where = (*place, "values", number), f"{head}values: item {number + 1}: "
        given_away = list(_value(value, at, where))
        yield from given_away or _telling(value, at, where)
    description, id_ = table.get("description"), table.get("id")
    if isinstance(description, str) and isinstance(id_, str) and _plain(description) == _plain(id_):
        at = (*place, "description")
        yield warning(at, "T1", f"{head}description: says no more than the id", guide(at).help)


def _question(table: dict[str, Any], place: Place) -> Iterator[Fault]:
    head = _head(table, place)
    yield from _telling(table.get("id"), (*place, "id"), f"{head}id: ")
    purpose, decision = table.get("purpose"), table.get("decision")
    for key, text in table.items():
        localised = LOCALISED.fullmatch(key)
        if isinstance(text, str) and (localised[1] if localised else key) == "purpose" and not ASKED.search(text):
            help_ = "write the same question in that language" if localised else guide((*place, key)).help
            yield warning((*place, key), "M1", f"{head}{key}: is no question", help_)
    if isinstance(purpose, str) and (_is_short(purpose) or EXPLORING.search(purpose)):
        message = f"{head}purpose: asks nothing in particular; data is for a specific question, never for exploring"
        yield warning((*place, "purpose"), "M1", message, guide((*place, "purpose")).help)
    if isinstance(decision, str) and _decides_nothing(decision, purpose):
        message = f"{head}decision: decides nothing; what is done after one answer and not after another?"
        yield warning((*place, "decision"), "M1", message, guide((*place, "decision")).help)


def _telling(text: Any, place: Place, head: str) -> Iterator[Fault]:
    """Words that often stand for a person, a machine or somebody's content."""
    found = [word for word in dict.fromkeys(_PARTS.findall(text if isinstance(text, str) else "")) if word.lower() in NAMES]
    if found:
        clause, why = NAMES[found[0].lower()]
        words = ("word " if len(found) == 1 else "words ") + ", ".join(f"“{word}”" for word in found)
        yield warning(place, clause, f"{head}has the {words}", f"see that {why}; if nothing of the kind is meant, say it in other words")


def _value(value: Any, place: Place, head: str) -> Iterator[Fault]:
    """Values that are content themselves."""
    for pattern, clause, what in VALUES:
        if isinstance(value, str) and pattern.fullmatch(value):
            yield error(
                place, clause, f"{head}looks like {what}", "list kinds of things, never single ones: nothing that one person has alone"
            )
            return


def _decides_nothing(decision: str, purpose: Any) -> bool:
    is_same = isinstance(purpose, str) and _plain(decision) == _plain(purpose)
    return is_same or _is_short(decision) or bool(MARKED.search(decision) or UNDECIDED.search(decision))


def _is_short(text: str) -> bool:
    return bool(_SPACED.search(text)) and len(_WORDS.findall(text)) < _FEWEST_WORDS


def _plain(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _head(table: dict[str, Any], place: Place) -> str:
    """`[[source]] "startup": `, as the parser's own messages begin."""
    id_ = table.get("id")
    name = f'"{id_}"' if isinstance(id_, str) else f"number {int(place[1]) + 1}"
    return f"[[{place[0]}]] {name}: "
