"""A finding of `lint`: its clause of the policy, line, message and correction."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.toml.mistakes import Place

Document: TypeAlias = "dict[str, Any]"
"""The document of a manifest as `tomllib` parses it; nothing in it is checked."""


class Level(StrEnum):
    """The severity of a finding."""

    ERROR = "error"
    WARNING = "warning"
    """A person has to judge."""


class Fault(NamedTuple):
    """A finding with a place in the document instead of a line."""

    place: Place
    clause: str
    level: Level
    message: str
    help: str


class Finding(NamedTuple):
    """A fault and its line, from 1."""

    line: int
    fault: Fault


def tables(document: Document, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The tables of `[[name]]` with their numbers, without other values under that key."""
    value = document.get(name)
    for number, item in enumerate(value if isinstance(value, list) else ()):
        if isinstance(item, dict):
            yield number, item


def entries(table: dict[str, Any], key: str) -> list[Any]:
    """The entries of a list in a table; none if there is no list."""
    value = table.get(key)
    return value if isinstance(value, list) else []


def warning(place: Place, clause: str, message: str, help_: str) -> Fault:
    """A fault that a person has to judge."""
    return Fault(place, clause, Level.WARNING, message, help_)


def error(place: Place, clause: str, message: str, help_: str) -> Fault:
    """A fault that must be corrected."""
    return Fault(place, clause, Level.ERROR, message, help_)
