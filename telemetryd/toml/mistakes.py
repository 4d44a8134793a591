"""Mistakes of a text, with places and messages for people. It is imported only for a text with mistakes."""

from __future__ import annotations

import re
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

from telemetryd.named_tuple import NamedTuple
from telemetryd.toml.value_kinds import MistakesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.toml.fields import RefusedError
    from telemetryd.toml.value_kinds import Part

Place: TypeAlias = "tuple[str | int, ...]"
"""The path to a value in a document, such as ("question", 0, "sources", 1)."""

_MESSAGES_MAX = 5
"""Most mistakes in one message: enough to correct a text at once, few enough to read."""
_PRINTABLE_KEY = r"[A-Za-z0-9_.@/\[\]<=>+-]{1,200}"
_PRINTABLE_ID = r"[a-z0-9_-]{1,64}"
"""Keys and ids that messages may repeat. They are not compiled here, because most starts find no mistake."""


class Mistake(NamedTuple):
    """One mistake: its place and message, and for an unknown key the known ones."""

    place: Place
    message: str
    known: tuple[str, ...] = ()


def mistakes_of(refusal: RefusedError) -> Iterator[Mistake]:
    """All mistakes of an error, each with its place."""
    if isinstance(refusal, MistakesError):
        yield from _flatten(refusal.parts, ())
    else:
        yield Mistake((), str(refusal))


def _flatten(parts: list[Part], above: Place) -> Iterator[Mistake]:
    is_first = True
    for key, error in parts:
        place = (*above, key)
        if isinstance(error, list):
            yield from _flatten(error, place)
        elif isinstance(error, tuple):
            yield Mistake(place, f"unknown key; known keys: {', '.join(error)}" if is_first else "unknown key", error)
            is_first = False
        else:
            yield Mistake(place, error)


def explain(refusal: RefusedError, document: Mapping[str, Any]) -> str:
    """A message with the first mistakes. Of the text it repeats only keys and ids."""
    mistakes = mistakes_of(refusal)
    messages = [format_mistake(mistake, document) for mistake in islice(mistakes, _MESSAGES_MAX)]
    more = sum(1 for _ in mistakes)
    return "; ".join(messages) + (f"; and {more} more" if more else "")


def format_mistake(mistake: Mistake, document: Mapping[str, Any]) -> str:
    """The message of one mistake with its place: `[[question]] "startup": ends: is missing`."""
    if mistake.known:
        return f"{format_place(mistake.place[:-1], document)}{_printable_key(mistake.place[-1])}: {mistake.message}"
    return f"{format_place(mistake.place, document)}{mistake.message}"


def format_place(place: Place, document: Mapping[str, Any]) -> str:
    """The prefix of a message about a place, such as `[[question]] "startup": ends: `; "" for the whole text."""
    if not place:
        return ""
    head, rest = str(place[0]), place[1:]
    value = document.get(head)
    parts = [_printable_key(head)]
    if isinstance(value, dict):
        if rest and isinstance(value.get(str(rest[0])), dict) and head == "endpoint":
            head, rest = f"{head}.{_printable_key(rest[0])}", rest[1:]
        parts = [f"[{head}]"]
    elif isinstance(value, list) and rest and isinstance(rest[0], int):
        parts = [f"[[{head}]] {_name(value[rest[0]], rest[0])}"]
        rest = rest[1:]
    parts += [f"item {part + 1}" if isinstance(part, int) else _printable_key(part) for part in rest]
    return ": ".join(parts) + ": "


def _printable_key(key: object) -> str:
    return key if isinstance(key, str) and re.fullmatch(_PRINTABLE_KEY, key) else "(a key with other characters)"


def _name(table: Any, number: int) -> str:
    name = table.get("id") if isinstance(table, dict) else None
    return f'"{name}"' if isinstance(name, str) and re.fullmatch(_PRINTABLE_ID, name) else f"number {number + 1}"
