"""Exact value to bin. Nothing exact exists behind this file. Policy: A3, M2, P1.

Values arrive as the bus gives them: a D-Bus type code and Python values of that type. What leaves of each is a small integer: the number
of a bin or, for `sum`, the count cut off at the last edge.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
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

Coarsener = Callable[[str, Sequence[Any]], list[int]]
"""(type code, values) → what is kept of each; raises InvalidValueError if any does not fit."""


def expected(source: Source, *, many: bool = False) -> str:
    """What a source takes, in words for the caller."""
    also = ", or an array of one of these types" if many else ""
    return f"source {source.id} takes {_EXPECTED[source.type]}{also}"


def coarsener(source: Source) -> Coarsener:
    """The function that reduces values of one source."""
    match source.type:
        case SourceType.FLAG:
            return _typed(source, lambda values: list(map(int, values)))
        case SourceType.CHOICE:
            numbers = {value: number for number, value in enumerate(source.values)}
            other = len(source.values)
            return _typed(source, lambda values: [numbers.get(value, other) for value in values])
        case SourceType.NUMBER:
            return _number(source)
        case _:
            return _count(source)


def _typed(source: Source, reduce: Callable[[Sequence[Any]], list[int]]) -> Coarsener:
    code = type_codes[source.type]

    def coarsen(type_code: str, values: Sequence[Any]) -> list[int]:
        if type_code != code:
            raise InvalidValueError(expected(source))
        return reduce(values)

    return coarsen


def _number(source: Source) -> Coarsener:
    """A finite sum has finite summands, and is found four times as fast; the sum of finite ones may be infinite."""
    edges, codes = source.edges, frozenset(type_codes[source.type])

    def coarsen(type_code: str, values: Sequence[Any]) -> list[int]:
        if type_code not in codes or not (isfinite(sum(values)) or all(map(isfinite, values))):
            raise InvalidValueError(expected(source))
        return [bisect_right(edges, value) for value in values]

    return coarsen


def _count(source: Source) -> Coarsener:
    edges, codes = source.edges, frozenset(type_codes[source.type])
    top = int(edges[-1])
    is_sum = source.combine is Combine.SUM

    def coarsen(type_code: str, values: Sequence[Any]) -> list[int]:
        if type_code not in codes or not all(map(isfinite, values)) or any(value < 0 or value % 1 for value in values):
            raise InvalidValueError(expected(source))
        if is_sum:
            return [min(int(value), top) for value in values]
        return [bisect_right(edges, value) for value in values]

    return coarsen
