"""Findings about the wording of a manifest: personal or vague words are warnings, and values that are content are errors.

It works on the parsed document, even if that has other mistakes. Policy: A1, A2, M1, P1, T1.
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

    from telemetryd.authoring.linter.finding import Document, Fault
    from telemetryd.toml.mistakes import Place

_PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""The words of an id or text, including those of `lastOpenedUrl`."""
_WORDS = re.compile(r"\w+")
_SPACED = re.compile(r"[A-Za-z]")
"""A text with Latin letters has spaces between its words, so its words can be counted."""
_FEWEST_WORDS = 3


def faults(document: Document) -> Iterator[Fault]:
    """The faults of ids, values and texts."""
    for number, table in tables(document, "source"):
        yield from _source(table, ("source", number))
    for number, table in tables(document, "question"):
        yield from _question(table, ("question", number))


def _source(table: dict[str, Any], place: Place) -> Iterator[Fault]:
    prefix = _prefix(table, place)
    yield from _revealing_words(table.get("id"), (*place, "id"), f"{prefix}id: ")
    yield from _revealing_words(table.get("description"), (*place, "description"), f"{prefix}description: ")
    for number, value in enumerate(entries(table, "values")):
        at, where = (*place, "values", number), f"{prefix}values: item {number + 1}: "
        content = list(_value(value, at, where))
        yield from content or _revealing_words(value, at, where)
    description, id_ = table.get("description"), table.get("id")
    if isinstance(description, str) and isinstance(id_, str) and _bare_words(description) == _bare_words(id_):
        at = (*place, "description")
        yield warning(at, "T1", f"{prefix}description: says no more than the id", guide(at).help)


def _question(table: dict[str, Any], place: Place) -> Iterator[Fault]:
    prefix = _prefix(table, place)
    yield from _revealing_words(table.get("id"), (*place, "id"), f"{prefix}id: ")
    purpose, decision = table.get("purpose"), table.get("decision")
    for key, text in table.items():
        localised = LOCALISED.fullmatch(key)
        if isinstance(text, str) and (localised[1] if localised else key) == "purpose" and not ASKED.search(text):
            help_ = "write the same question in that language" if localised else guide((*place, key)).help
            yield warning((*place, key), "M1", f"{prefix}{key}: is not a question", help_)
    if isinstance(purpose, str) and (_is_short(purpose) or EXPLORING.search(purpose)):
        message = f"{prefix}purpose: asks nothing specific; data is for a specific question, never for exploring"
        yield warning((*place, "purpose"), "M1", message, guide((*place, "purpose")).help)
    if isinstance(decision, str) and _decides_nothing(decision, purpose):
        message = f"{prefix}decision: names no decision; what is done after one answer and not after another?"
        yield warning((*place, "decision"), "M1", message, guide((*place, "decision")).help)


def _revealing_words(text: Any, place: Place, prefix: str) -> Iterator[Fault]:
    """A warning about words that often stand for a person, a machine or content."""
    words = [word for word in dict.fromkeys(_PARTS.findall(text if isinstance(text, str) else "")) if word.lower() in NAMES]
    if words:
        clause, why = NAMES[words[0].lower()]
        word_list = ("word " if len(words) == 1 else "words ") + ", ".join(f"“{word}”" for word in words)
        yield warning(
            place, clause, f"{prefix}has the {word_list}", f"make sure that {why}; if nothing like that is meant, use other words"
        )


def _value(value: Any, place: Place, prefix: str) -> Iterator[Fault]:
    """An error about a value that is content itself."""
    for pattern, clause, kind in VALUES:
        if isinstance(value, str) and pattern.fullmatch(value):
            yield error(place, clause, f"{prefix}looks like {kind}", "list kinds of things, never a thing that only one person has")
            return


def _decides_nothing(decision: str, purpose: Any) -> bool:
    is_same = isinstance(purpose, str) and _bare_words(decision) == _bare_words(purpose)
    return is_same or _is_short(decision) or bool(MARKED.search(decision) or UNDECIDED.search(decision))


def _is_short(text: str) -> bool:
    return bool(_SPACED.search(text)) and len(_WORDS.findall(text)) < _FEWEST_WORDS


def _bare_words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.casefold())


def _prefix(table: dict[str, Any], place: Place) -> str:
    """The prefix of the parser's messages: `[[source]] "startup": `."""
    id_ = table.get("id")
    name = f'"{id_}"' if isinstance(id_, str) else f"number {int(place[1]) + 1}"
    return f"[[{place[0]}]] {name}: "
