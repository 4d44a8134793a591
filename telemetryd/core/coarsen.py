"""Exact value to bin. Nothing exact exists behind this file. Policy: A3, M2, P1.

A value arrives as the bus gives it: a D-Bus type code and a Python value. What leaves is a small integer: the number of a bin or, for
`sum`, the count cut off at the last edge.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from math import isfinite
from typing import Any

from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.errors import InvalidValueError

type_codes = {
    SourceType.FLAG: "b",
    SourceType.CHOICE: "s",
    SourceType.NUMBER: "ynqiuxtd",
    SourceType.COUNT: "ynqiuxtd",
}
"""The D-Bus types that can stand for each source type; a boolean is no number and a text is neither."""

_EXPECTED = {
    SourceType.FLAG: "a flag: a D-Bus boolean (b)",
    SourceType.CHOICE: "a choice: a D-Bus string (s)",
    SourceType.NUMBER: "a finite number: a D-Bus integer (y n q i u x t) or double (d); a text is no number, even if it reads like one",
    SourceType.COUNT: "a count: a D-Bus integer (y n q i u x t), or a double (d) without fraction, of at least 0",
}

Coarsener = Callable[[str, Any], int]
"""(type code, value) → what is kept of it; raises InvalidValueError."""


def expected(source: Source, *, many: bool = False) -> str:
    """What a source takes, in words for the caller."""
    also = ", or an array of one of these types" if many else ""
    return f"source {source.id} takes {_EXPECTED[source.type]}{also}"


def coarsener(source: Source) -> Coarsener:
    """The function that reduces values of one source."""
    match source.type:
        case SourceType.FLAG:
            return _typed(source, int)
        case SourceType.CHOICE:
            numbers = {value: number for number, value in enumerate(source.values)}
            other = len(source.values)
            return _typed(source, lambda value: numbers.get(value, other))
        case SourceType.NUMBER:
            return _number(source)
        case _:
            return _count(source)


def _typed(source: Source, reduce: Callable[[Any], int]) -> Coarsener:
    code = type_codes[source.type]

    def coarsen(type_code: str, value: Any) -> int:
        if type_code != code:
            raise InvalidValueError(expected(source))
        return reduce(value)

    return coarsen


def _number(source: Source) -> Coarsener:
    edges, codes = source.edges, frozenset(type_codes[source.type])

    def coarsen(type_code: str, value: Any) -> int:
        if type_code not in codes or not isfinite(value):
            raise InvalidValueError(expected(source))
        return bisect_right(edges, value)

    return coarsen


def _count(source: Source) -> Coarsener:
    edges, codes = source.edges, frozenset(type_codes[source.type])
    top = int(edges[-1])
    is_sum = source.combine is Combine.SUM

    def coarsen(type_code: str, value: Any) -> int:
        if type_code not in codes or not isfinite(value) or value < 0 or value % 1:
            raise InvalidValueError(expected(source))
        return min(int(value), top) if is_sum else bisect_right(edges, value)

    return coarsen
