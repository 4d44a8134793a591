"""A finding of `lint`: which clause of the policy, where, what is wrong, and how to mend it."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.authoring.lines import Place

Document: TypeAlias = "dict[str, Any]"
"""What `tomllib` makes of a manifest, whatever that is."""


class Level(StrEnum):
    """How sure the machine is."""

    ERROR = "error"
    WARNING = "warning"
    """A person has to judge."""


class Fault(NamedTuple):
    """A finding that has a place in the document and no line yet."""

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
    """The tables of one `[[name]]` with their numbers; what stands there and is no table is left out."""
    found = document.get(name)
    for number, one in enumerate(found if isinstance(found, list) else ()):
        if isinstance(one, dict):
            yield number, one


def entries(table: dict[str, Any], key: str) -> list[Any]:
    """The entries of a list in a table; none if there is no list."""
    found = table.get(key)
    return found if isinstance(found, list) else []


def warning(place: Place, clause: str, message: str, help_: str) -> Fault:
    """Something that a person has to judge."""
    return Fault(place, clause, Level.WARNING, message, help_)


def error(place: Place, clause: str, message: str, help_: str) -> Fault:
    """Something that is wrong."""
    return Fault(place, clause, Level.ERROR, message, help_)
