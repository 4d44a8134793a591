from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetryd.core.answers.period import DAY, first_whole_period, next_midnight, period_at, whole_periods
from telemetryd.core.definition import PeriodKind

KINDS = st.sampled_from(PeriodKind)
DATES = st.dates(date(1970, 1, 1), date(2999, 12, 31))
MOMENTS = st.integers(-62_000_000_000, 32_000_000_000) | st.floats(-62_000_000_000, 32_000_000_000)


def unix(text):
    """Unix seconds of a UTC date or time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("kind", "moment", "label", "days"),
    [
        ("day", "2026-11-24T16:59:29", "2026-11-24", ("2026-11-24", "2026-11-25")),
        ("week", "2026-11-24T16:59:29", "2026-W48", ("2026-11-23", "2026-11-30")),
        ("month", "2026-11-24T16:59:29", "2026-11", ("2026-11-01", "2026-12-01")),
        ("week", "2027-01-01", "2026-W53", ("2026-12-28", "2027-01-04")),
        ("week", "2027-01-04", "2027-W01", ("2027-01-04", "2027-01-11")),
        ("week", "2024-12-30", "2025-W01", ("2024-12-30", "2025-01-06")),
        ("month", "2028-02-29T23:59:59", "2028-02", ("2028-02-01", "2028-03-01")),
        ("month", "2026-12-31T23:59:59", "2026-12", ("2026-12-01", "2027-01-01")),
        ("day", "1970-01-01", "1970-01-01", ("1970-01-01", "1970-01-02")),
        ("week", "1970-01-01", "1970-W01", ("1969-12-29", "1970-01-05")),
        ("day", "1969-12-31T23:59:59", "1969-12-31", ("1969-12-31", "1970-01-01")),
        ("month", "1969-12-31T23:59:59", "1969-12", ("1969-12-01", "1970-01-01")),
        ("day", "0001-01-02T00:00:01", "0001-01-02", ("0001-01-02", "0001-01-03")),
    ],
)
def test_labels(kind, moment, label, days):
    """A period is a calendar day, ISO week or month in UTC and has the label of its ISO year."""
    assert period_at(PeriodKind(kind), unix(moment)) == (kind, label, *map(unix, days))


@example(PeriodKind.DAY, -0.5)
@given(KINDS, MOMENTS)
def test_periods_tile_time(kind, moment):
    """Every moment is in exactly one period, and the next one begins where it ends, with another label."""
    period = period_at(kind, moment)
    assert period.start <= moment < period.end
    assert period_at(kind, period.start) == period == period_at(kind, period.end - 1)
    following = period_at(kind, period.end)
    assert following.start == period.end
    assert following.label != period.label
    assert period.start % DAY == period.end % DAY == 0


@given(KINDS, DATES, st.integers(-40, 130))
def test_whole_periods(kind, starts, length):
    """The whole periods are those, and only those, of whose days all lie from `starts` to `ends`, both included."""
    ends = starts + timedelta(days=length)
    days = [starts + timedelta(days=number) for number in range(length + 1)]
    midnights = [unix(day.isoformat()) for day in days]
    inside = set(midnights)
    expected = {
        period for period in (period_at(kind, moment) for moment in midnights) if inside.issuperset(range(period.start, period.end, DAY))
    }
    assert whole_periods(kind, starts, ends) == tuple(sorted(expected, key=lambda period: period.start))


@given(KINDS, DATES, st.integers(-40, 400), st.integers(-50 * DAY, 450 * DAY))
def test_first_whole_period(kind, starts, length, offset):
    """The first whole period after a moment is the first of all whole ones that does not begin before it."""
    ends = starts + timedelta(days=length)
    moment = unix(starts.isoformat()) + offset
    later = [period for period in whole_periods(kind, starts, ends) if period.start >= moment]
    assert first_whole_period(kind, starts, ends, moment) == (later[0] if later else None)


def test_accepted_on_wednesday():
    """A weekly question that is accepted on a Wednesday begins on the Monday after; at Monday's first second it begins at once."""
    starts, ends = date(2026, 11, 2), date(2027, 6, 27)
    wednesday = first_whole_period(PeriodKind.WEEK, starts, ends, unix("2026-11-25T12:00:00"))
    assert wednesday.label == "2026-W49"
    assert first_whole_period(PeriodKind.WEEK, starts, ends, unix("2026-11-30")) == wednesday
    assert first_whole_period(PeriodKind.WEEK, starts, ends, unix("2026-11-30T00:00:01")).label == "2026-W50"
    assert first_whole_period(PeriodKind.WEEK, starts, ends, unix("2027-06-22")) is None


@example(-1)
@example(-DAY)
@example(-0.5)
@given(MOMENTS)
def test_next_midnight(moment):
    """The next midnight is later than the moment, by a day at most, and a whole day number."""
    midnight = next_midnight(moment)
    assert moment < midnight <= moment + DAY
    assert midnight % DAY == 0
