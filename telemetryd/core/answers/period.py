"""Calendar periods in UTC: the period of a moment, and the whole periods between two dates. Policy: M4.

Moments are Unix seconds; a period is [start, end). Dates are inclusive at both ends. Valid for the years 1 to 9998.
"""

from __future__ import annotations

from datetime import date, timedelta

from telemetryd.core.definition import PeriodKind
from telemetryd.named_tuple import NamedTuple

DAY = 86_400
"""Seconds of a day: Unix time has no leap seconds."""

_EPOCH = date(1970, 1, 1).toordinal()


class Period(NamedTuple):
    """One calendar period [start, end) in Unix seconds; `label` is its name in reports."""

    kind: PeriodKind
    label: str
    start: int
    end: int


def period_at(kind: PeriodKind, unix: float) -> Period:
    """The period that contains a moment."""
    return _period_of(kind, date.fromordinal(int(unix // DAY) + _EPOCH))


def whole_periods(kind: PeriodKind, starts: date, ends: date) -> tuple[Period, ...]:
    """The periods that lie wholly within the two dates, in order; empty if there is none."""
    end = _midnight(ends + timedelta(days=1))
    periods: list[Period] = []
    period = first_whole_period(kind, starts, ends, _midnight(starts))
    while period and period.end <= end:
        periods.append(period)
        period = period_at(kind, period.end)
    return tuple(periods)


def first_whole_period(kind: PeriodKind, starts: date, ends: date, after_unix: float) -> Period | None:
    """The first period that begins at or after a moment and lies wholly within the two dates, or None."""
    earliest = max(_midnight(starts), after_unix)
    period = period_at(kind, earliest)
    if period.start < earliest:
        period = period_at(kind, period.end)
    return period if period.end <= _midnight(ends + timedelta(days=1)) else None


def next_midnight(unix: float) -> int:
    """The first midnight in UTC that is later than a moment."""
    return (int(unix // DAY) + 1) * DAY


def _midnight(day: date) -> int:
    return (day.toordinal() - _EPOCH) * DAY


def _period_of(kind: PeriodKind, day: date) -> Period:
    if kind is PeriodKind.DAY:
        return Period(kind, day.isoformat(), _midnight(day), _midnight(day) + DAY)
    if kind is PeriodKind.WEEK:
        year, week, weekday = day.isocalendar()
        start = _midnight(day) - (weekday - 1) * DAY
        return Period(kind, f"{year:04}-W{week:02}", start, start + 7 * DAY)
    first = day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return Period(kind, f"{first.year:04}-{first.month:02}", _midnight(first), _midnight(following))
