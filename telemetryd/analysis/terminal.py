"""A share over the periods as lines of plain characters, at most 80 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.analysis.number_words import DRAWN_SHARES, percent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import ReportedPeriod, ShareFinding
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend

WIDTH = 80
LEGEND = "|---o---| share and 95 % interval (< > it goes on)   + trend   : nobody"

_COLUMNS = (10, 7, 6, 6, 6)
"""Widths of the columns before the drawing."""
_PLOT = WIDTH - sum(_COLUMNS) - len(_COLUMNS)
_WIDEST = 9.999
"""Beyond this share only the direction is written: such a number would not fit its column."""


def drawing(finding: ShareFinding, periods: Sequence[ReportedPeriod]) -> Iterator[str]:
    """A header line with the scale, then one line for each period: numbers, interval and trend."""
    estimates = [estimate for estimate in finding.by_period if estimate]
    if not estimates:
        return
    low = max(DRAWN_SHARES[0], min(estimate.low for estimate in estimates))
    high = min(DRAWN_SHARES[1], max(estimate.high for estimate in estimates))
    scale = _Scale(low, high if high > low else low + 1)
    left, right = f"{percent(low)} %", f"{percent(high)} %"
    yield _line(("PERIOD", "REPORTS", "SHARE", "FROM", "TO"), left + right.rjust(_PLOT - len(left)))
    for period, estimate in zip(periods, finding.by_period, strict=True):
        shares = [_number(part) for part in (estimate.value, estimate.low, estimate.high)] if estimate else ["?", "", ""]
        yield _line((period.label, str(period.reports), *shares), _picture(scale, estimate, finding.trend, period))


class _Scale:
    """Maps a share to a column of the drawing."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._width = low, high - low

    def column(self, share: float) -> int:
        """The column; outside the drawing it is negative, or `_PLOT` and more."""
        return round((share - self._low) / self._width * (_PLOT - 1))


def _line(cells: Sequence[str], picture: str) -> str:
    (first, *numbers), (width, *widths) = cells, _COLUMNS
    return " ".join([first.ljust(width), *(number.rjust(room) for number, room in zip(numbers, widths, strict=True)), picture]).rstrip()


def _number(share: float) -> str:
    return percent(share) if abs(share) < _WIDEST else "<-999" if share < 0 else ">999"


def _picture(scale: _Scale, estimate: Estimate | None, trend: Trend | None, period: ReportedPeriod) -> str:
    marks = [" "] * _PLOT
    _put(marks, scale.column(0.0), ":")
    if estimate:
        first, last = scale.column(estimate.low), scale.column(estimate.high)
        for column in range(max(first, 0), min(last, _PLOT - 1) + 1):
            marks[column] = "-"
        for end in (first, last):
            inside = min(max(end, 0), _PLOT - 1)
            marks[inside] = "|" if end == inside else "<" if end < 0 else ">"
    if trend:
        _put(marks, scale.column(trend.at(period.number).value), "+")
    if estimate:
        _put(marks, scale.column(estimate.value), "o")
    return "".join(marks)


def _put(marks: list[str], column: int, mark: str) -> None:
    if 0 <= column < _PLOT:
        marks[column] = mark
