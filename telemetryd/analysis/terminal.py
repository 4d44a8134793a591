"""A share over the periods as lines of plain characters, at most 80 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.analysis.number_words import DRAWN, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Finding, Period
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend

WIDTH = 80
LEGEND = "|---o---| share and 95 % interval (< > it goes on)   + trend   : nobody"

_COLUMNS = (10, 7, 6, 6, 6)
"""Widths of the numbers before the drawing."""
_PLOT = WIDTH - sum(_COLUMNS) - len(_COLUMNS)
_WIDEST = 9.999
"""Beyond this share only the direction is written: it says nothing more, and would not fit."""


def drawing(finding: Finding, periods: Sequence[Period]) -> Iterator[str]:
    """A line of heads with the scale, then one line a period: numbers, interval, and where the trend is."""
    known = [one for one in finding.by_period if one]
    if not known:
        return
    low = max(DRAWN[0], min(one.low for one in known))
    high = min(DRAWN[1], max(one.high for one in known))
    scale = _Scale(low, high if high > low else low + 1)
    left, right = f"{percent(low)} %", f"{percent(high)} %"
    yield _line(("PERIOD", "REPORTS", "SHARE", "FROM", "TO"), left + right.rjust(_PLOT - len(left)))
    for period, found in zip(periods, finding.by_period, strict=True):
        shares = [_number(part) for part in (found.value, found.low, found.high)] if found else ["?", "", ""]
        yield _line((period.label, str(period.reports), *shares), _picture(scale, found, finding.trend, period))


class _Scale:
    """Where a share stands between the left and the right end of the drawing."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._width = low, high - low

    def column(self, share: float) -> int:
        """The column, negative or from `_PLOT` on if it is outside."""
        return round((share - self._low) / self._width * (_PLOT - 1))


def _line(cells: Sequence[str], picture: str) -> str:
    (first, *numbers), (width, *widths) = cells, _COLUMNS
    return " ".join([first.ljust(width), *(one.rjust(room) for one, room in zip(numbers, widths, strict=True)), picture]).rstrip()


def _number(share: float) -> str:
    return percent(share) if abs(share) < _WIDEST else "<-999" if share < 0 else ">999"


def _picture(scale: _Scale, found: Estimate | None, trend: Trend | None, period: Period) -> str:
    marks = [" "] * _PLOT
    _put(marks, scale.column(0.0), ":")
    if found:
        first, last = scale.column(found.low), scale.column(found.high)
        for column in range(max(first, 0), min(last, _PLOT - 1) + 1):
            marks[column] = "-"
        for end in (first, last):
            inside = min(max(end, 0), _PLOT - 1)
            marks[inside] = "|" if end == inside else "<" if end < 0 else ">"
    if trend:
        _put(marks, scale.column(trend.at(period.number).value), "+")
    if found:
        _put(marks, scale.column(found.value), "o")
    return "".join(marks)


def _put(marks: list[str], column: int, mark: str) -> None:
    if 0 <= column < _PLOT:
        marks[column] = mark
