"""Exact values to bins. No exact value passes this module. Policy: A3, M2, P1.

The input is a D-Bus type code and Python values of that type. The output is a small integer for each: the number of a bin or, for `sum`,
the count cut off at the last edge.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import isfinite
from types import MethodType
from typing import Any

from telemetryd.core.definition import Combine, Source, SourceType
from telemetryd.errors import InvalidValueError

type_codes = {
    SourceType.FLAG: "b",
    SourceType.CHOICE: "s",
    SourceType.NUMBER: "ynqiuxtd",
    SourceType.COUNT: "ynqiuxtd",
}
"""The D-Bus types that each source type accepts. A boolean is not a number."""
_NUMERIC = frozenset(type_codes[SourceType.NUMBER])

_EXPECTED = {
    SourceType.FLAG: "a flag: a D-Bus boolean (b)",
    SourceType.CHOICE: "a choice: a D-Bus string (s)",
    SourceType.NUMBER: "a finite number: a D-Bus integer (y n q i u x t) or double (d); a text is not a number, even if it reads like one",
    SourceType.COUNT: "a count: a D-Bus integer (y n q i u x t), or a double (d) without fraction, of at least 0",
}

Coarsener = Callable[[str, Sequence[Any]], list[int]]
"""(type code, values) → reduced values; raises InvalidValueError if any value does not fit."""


def expected_type(source: Source, *, many: bool = False) -> str:
    """The values that a source accepts, as a text for the caller."""
    also = ", or an array of one of these types" if many else ""
    return f"source {source.id} takes {_EXPECTED[source.type]}{also}"


def coarsener(source: Source) -> Coarsener:
    """The function that reduces values of one source. There is one for each source in use: bound, it takes 64 bytes, as a closure 330."""
    match source.type:
        case SourceType.FLAG:
            return _type_coarsener(source, lambda values: list(map(int, values)))
        case SourceType.CHOICE:
            numbers = {value: number for number, value in enumerate(source.values)}
            other = len(source.values)
            return _type_coarsener(source, lambda values: [numbers.get(value, other) for value in values])
        case SourceType.NUMBER:
            return MethodType(_coarsen_numbers, source)
        case _:
            return MethodType(_coarsen_counts, source)


def _type_coarsener(source: Source, reduce: Callable[[Sequence[Any]], list[int]]) -> Coarsener:
    code = type_codes[source.type]

    def coarsen(type_code: str, values: Sequence[Any]) -> list[int]:
        if type_code != code:
            raise InvalidValueError(expected_type(source))
        return reduce(values)

    return coarsen


def _coarsen_numbers(source: Source, type_code: str, values: Sequence[Any]) -> list[int]:
    """A finite sum proves finite values four times as fast as checking each; the converse is not true."""
    if type_code not in _NUMERIC or not (isfinite(sum(values)) or all(map(isfinite, values))):
        raise InvalidValueError(expected_type(source))
    edges = source.edges
    return [bisect_right(edges, value) for value in values]


def _coarsen_counts(source: Source, type_code: str, values: Sequence[Any]) -> list[int]:
    if type_code not in _NUMERIC or not all(map(isfinite, values)) or any(value < 0 or value % 1 for value in values):
        raise InvalidValueError(expected_type(source))
    edges = source.edges
    if source.combine is Combine.SUM:
        top = int(edges[-1])
        return [min(int(value), top) for value in values]
    return [bisect_right(edges, value) for value in values]
