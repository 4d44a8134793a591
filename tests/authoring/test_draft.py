import tomllib
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.authoring.draft import Draft, complaints, compose, suggest_dates
from telemetryd.core.answers.period import whole_periods
from telemetryd.core.definition import PeriodKind, SourceType
from telemetryd.toml.manifest import parse

TODAY = date(2026, 11, 24)
WRITTEN = [name for name in Draft._fields if name not in {"type", "period", "starts", "ends"}]


@pytest.mark.parametrize("kind", SourceType)
@pytest.mark.parametrize("period", PeriodKind)
def test_the_samples_are_clean(kind, period):
    """For every type and period the samples give no findings, so all findings concern the answers."""
    draft = Draft(type=kind, period=period)
    assert complaints(draft, TODAY) == []
    (definition,) = parse(compose(draft, TODAY)).definitions
    assert (definition.fields[0].type, definition.question.period) == (kind, period)
    assert complaints(draft._replace(starts="2027-02-03", ends="2027-05-04"), TODAY) == []


def test_the_day_of_the_start():
    """The sixty days of a question count from the start that was given, if a period begins then; without one from tomorrow."""
    for starts, first, last in (("2027-02-03", "2027-02-03", "2027-04-03"), ("", "2026-11-25", "2027-01-23")):
        (table,) = tomllib.loads(compose(Draft(period=PeriodKind.DAY, starts=starts), TODAY))["question"]
        assert (str(table["starts"]), str(table["ends"])) == (first, last)


@given(st.sampled_from(PeriodKind), st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_suggested(kind, today):
    """A question gets whole periods, from the first one after today, for at most half a year and a week."""
    starts, ends = suggest_dates(kind, today)
    periods = whole_periods(kind, starts, ends)
    assert periods[0].start == (starts - date(1970, 1, 1)).days * 86400
    assert periods[-1].end == ((ends - date(1970, 1, 1)).days + 1) * 86400
    assert len(periods) == {"day": 60, "week": 26, "month": 6}[kind]
    assert 0 < (starts - today).days <= 31
    assert (ends - starts).days <= 189


@given(st.sampled_from(SourceType), st.dictionaries(st.sampled_from(WRITTEN), st.text(max_size=40) | st.sampled_from(["1", "1.5", "a b"])))
def test_any_answers(kind, answers):
    """Any answers give findings, or a manifest with exactly these answers."""
    draft = Draft(type=kind, **answers)
    if not complaints(draft, TODAY):
        document = tomllib.loads(compose(draft, TODAY))
        assert document["question"][0]["purpose"] == draft.purpose
        assert document["application"]["id"] == draft.id
        assert parse(compose(draft, TODAY)).sources[0].type == kind
