"""The bins of a number or count in words: `less than an hour`, `1 to less than 4 hours`, `4 hours or more`. Policy: T1.

A unit that is a word stands in the plural, so 1 is said without it, or in words of its own.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from telemetryd.core.definition import SourceType, number_label
from telemetryd.core.system_facts import SYSTEM
from telemetryd.core.translation import mark, with_unit
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from telemetryd.core.definition import Source
    from telemetryd.core.translation import Words


class _Time(NamedTuple):
    """A unit of time: its name, and what is said of the edge 1."""

    plural: str
    below_one: str
    from_one: str


_TIMES = {
    "seconds": _Time(mark("seconds"), mark("less than a second"), mark("a second or more")),
    "minutes": _Time(mark("minutes"), mark("less than a minute"), mark("a minute or more")),
    "hours": _Time(mark("hours"), mark("less than an hour"), mark("an hour or more")),
    "days": _Time(mark("days"), mark("less than a day"), mark("a day or more")),
    "weeks": _Time(mark("weeks"), mark("less than a week"), mark("a week or more")),
    "months": _Time(mark("months"), mark("less than a month"), mark("a month or more")),
    "years": _Time(mark("years"), mark("less than a year"), mark("a year or more")),
}
"""Units that many sources have. Other units are words of their manifest, and stay as they are."""
_NOUNS = re.compile(r"[^\W\d_]{3,}s")
"""A unit that is a noun in the plural, not a symbol such as `ms`."""


def ranges_of(field: Source, words: Words) -> list[str]:
    """The text of each bin, in the order of the labels."""
    known = field.id.startswith(f"{SYSTEM}/") or field.unit in _TIMES
    unit = words.gettext(field.unit) if field.unit and known else field.unit
    if field.type is SourceType.COUNT:
        return _counts([int(edge) for edge in field.edges], unit, words)
    edges = [number_label(edge) for edge in field.edges]
    between = words.gettext("{low} to less than {high}")
    return [
        _below(edges[0], field.unit, unit, words),
        *(between.format(low=low, high=with_unit(high, unit)) for low, high in pairwise(edges)),
        _above(edges[-1], field.unit, unit, words),
    ]


def _below(edge: str, declared: str, unit: str, words: Words) -> str:
    """The lowest range. `declared` is the unit as it is declared."""
    if edge == "1" and declared in _TIMES:
        return words.gettext(_TIMES[declared].below_one)
    return words.gettext("less than {edge}").format(edge=_amount(edge, declared, unit))


def _above(edge: str, declared: str, unit: str, words: Words) -> str:
    if edge == "1" and declared in _TIMES:
        return words.gettext(_TIMES[declared].from_one)
    return words.gettext("{edge} or more").format(edge=_amount(edge, declared, unit))


def _amount(edge: str, declared: str, unit: str) -> str:
    return edge if edge == "1" and _NOUNS.fullmatch(declared) else with_unit(edge, unit)


def _counts(edges: list[int], unit: str, words: Words) -> list[str]:
    """The ranges of a count by whole numbers. Nothing is said of 1 with a unit, which is a noun in the plural: `0 times`, `2 times`."""
    first, last = edges[0], edges[-1]
    below = with_unit("0", unit) if first == 1 else words.gettext("less than {edge}").format(edge=with_unit(str(first), unit))
    more = words.gettext("more than {number}").format(number=with_unit("0", unit))
    above = more if last == 1 else words.gettext("{edge} or more").format(edge=with_unit(str(last), unit))
    return [below, *(_count_range(low, high - 1, unit, words) for low, high in pairwise(edges)), above]


def _count_range(low: int, high: int, unit: str, words: Words) -> str:
    highest = str(high) if high == 1 else with_unit(str(high), unit)
    return highest if low == high else words.gettext("{low} to {high}").format(low=low, high=highest)
