"""Reads a TOML document by its table of keys into a row, or reports all its mistakes. Policy: A1, M1, M4, P1, R1.

Pydantic could do the same, but its import takes 80 ms and 11 MB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.toml.fields import RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.errors import TelemetrydError
    from telemetryd.toml.mistakes import Mistake
    from telemetryd.toml.tables import Row, Table


def read(table: Table, document: Mapping[str, Any], error: type[TelemetrydError]) -> Row:
    """The row of a parsed document. Raises `error` with the places and the expected values."""
    try:
        return table.read(document)
    except RefusedError as refusal:
        from telemetryd.toml.mistakes import explain  # noqa: PLC0415 - most texts have no mistake

        raise error(explain(refusal, document)) from None


def mistakes(table: Table, document: Mapping[str, Any]) -> Sequence[Mistake]:
    """All mistakes of a parsed document."""
    try:
        table.read(document)
    except RefusedError as refusal:
        from telemetryd.toml.mistakes import mistakes_of  # noqa: PLC0415 - the same

        return tuple(mistakes_of(refusal))
    return ()
