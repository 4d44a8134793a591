"""Warnings about one fact under several names across manifests: each name would have a privacy budget of its own. Policy: A3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.authoring.linter.finding import warning
from telemetryd.core.privacy.admissibility import ONE_FACT, same_facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from telemetryd.authoring.linter.finding import Fault
    from telemetryd.core.definition import Declaration, Definition

_NAMED = 3
"""Most other names in a message: each of a hundred applications may have a start-up time."""


def groups_of(definitions: Iterable[Definition]) -> list[list[str]]:
    """Groups of source names of all these manifests, whose sources may be one fact. The last definition of a name counts."""
    return same_facts({_name(definition, field.id): field for definition in definitions for field in definition.fields})


def faults(declaration: Declaration, groups: Iterable[Sequence[str]]) -> Iterator[Fault]:
    """The warnings about sources of a declaration that are in one of the `groups` with a source of another manifest."""
    own = {f"{declaration.application.id}/{source.id}": number for number, source in enumerate(declaration.sources)}
    for group in groups:
        foreign = [name for name in group if name not in own]
        for name in group if foreign else ():
            if name in own:
                yield _fault(own[name], name, foreign)


def _fault(number: int, name: str, foreign: list[str]) -> Fault:
    more = f" and {len(foreign) - _NAMED} more" if len(foreign) > _NAMED else ""
    names = ", ".join(foreign[:_NAMED]) + more
    message = f'[[source]] "{name.rpartition("/")[2]}": description: says nearly the same as {names}; {ONE_FACT}'
    return warning(("source", number, "description"), "A3", message, "keep its earlier name, or declare it once in a shared manifest")


def _name(definition: Definition, reference: str) -> str:
    """The name of a source across manifests, to which its privacy budget belongs."""
    return reference if "/" in reference else f"{definition.application.id}/{reference}"
