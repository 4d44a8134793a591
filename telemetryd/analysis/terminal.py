"""A share over the periods as lines of plain characters, at most 80 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.analysis.number_words import DRAWN_SHARES, percent
from telemetryd.core.translation import ENGLISH, decimal, mark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from telemetryd.analysis.question_findings import ReportedPeriod, ShareFinding
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend
    from telemetryd.core.translation import Words

WIDTH = 80
LEGEND = mark("|---o---| share and 95 % interval (< > it goes on)   + trend   : nobody")

_COLUMNS = (10, 7, 6, 6, 6)
"""Widths of the columns before the drawing."""
_PLOT = WIDTH - sum(_COLUMNS) - len(_COLUMNS)
_WIDEST = 9.999
"""Beyond this share only the direction is written: such a number would not fit its column."""


def interval_heads(words: Words = ENGLISH) -> tuple[str, str]:
    """Heads of the columns of an interval's two ends."""
    return words.gettext("FROM"), words.pgettext("upper end of an interval", "TO")


def heads_of(words: Words = ENGLISH) -> tuple[str, ...]:
    """Heads of the columns before the drawing."""
    _ = words.gettext
    return _("PERIOD"), _("REPORTS"), _("SHARE"), *interval_heads(words)


def drawing(  # noqa: PLR0913 - by keyword: what the reader's language changes
    finding: ShareFinding,
    periods: Sequence[ReportedPeriod],
    *,
    heads: Sequence[str] = heads_of(),
    width: Callable[[str], int] = len,
    words: Words = ENGLISH,
) -> Iterator[str]:
    """A header line with the scale, then one line for each period: numbers, interval and trend. `width` is that of a head in columns."""
    estimates = [estimate for estimate in finding.by_period if estimate]
    if not estimates:
        return
    low = max(DRAWN_SHARES[0], min(estimate.low for estimate in estimates))
    high = min(DRAWN_SHARES[1], max(estimate.high for estimate in estimates))
    scale = _Scale(low, high if high > low else low + 1)
    left, right = (f"{decimal(percent(end), words)} %" for end in (low, high))
    yield _line(heads, left + right.rjust(_PLOT - len(left)), width)
    for period, estimate in zip(periods, finding.by_period, strict=True):
        shares = [decimal(_number(part), words) for part in (estimate.value, estimate.low, estimate.high)] if estimate else ["?", "", ""]
        yield _line((period.label, str(period.reports), *shares), _picture(scale, estimate, finding.trend, period))


class _Scale:
    """Maps a share to a column of the drawing."""

    def __init__(self, low: float, high: float) -> None:
        self._low, self._width = low, high - low

    def column(self, share: float) -> int:
        """The column; outside the drawing it is negative, or `_PLOT` and more."""
        return round((share - self._low) / self._width * (_PLOT - 1))


def _line(cells: Sequence[str], picture: str, width: Callable[[str], int] = len) -> str:
    """One line: the first cell at the left, the numbers at the right of their columns."""
    rooms = [" " * (room - width(cell)) for cell, room in zip(cells, _COLUMNS, strict=True)]
    (first, *numbers), (after, *before) = cells, rooms
    return " ".join([first + after, *(room + number for room, number in zip(before, numbers, strict=True)), picture]).rstrip()


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
