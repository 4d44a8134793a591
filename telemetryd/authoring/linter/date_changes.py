"""Errors about a manifest beside earlier ones: a question that keeps its id and gets other dates. Policy: M4."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.authoring.linter.finding import error
from telemetryd.describe.difference import NEW_ID, moved_dates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.authoring.linter.finding import Fault
    from telemetryd.core.definition import Declaration, Definition


def faults(declaration: Declaration, earlier: Iterable[Definition]) -> Iterator[Fault]:
    """The errors of an accepted declaration beside the earlier definitions of its questions. Other definitions do not count."""
    before = list(earlier)
    for number, definition in enumerate(declaration.definitions):
        moved = {key: text for old in before for key, text in moved_dates(old, definition).items()}
        for key, text in moved.items():
            yield error(("question", number, key), "M4", f'[[question]] "{definition.question.id}": {key}: {text}', NEW_ID)
