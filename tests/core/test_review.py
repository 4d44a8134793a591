from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.definition import (
    Application,
    Category,
    Combine,
    Definition,
    Detail,
    Draw,
    PeriodKind,
    Question,
    Source,
    SourceType,
    digest_of,
)
from telemetryd.core.review import exp_thousandths, last_end, most_cells, objections, optimum_cells, warnings

APPLICATION = Application("org.kde.kate", "Kate", "Editor", "kde", "https://kde.org/privacy")
STARTUP = Source("startup", SourceType.NUMBER, "Start", Combine.MEDIAN, "ms", edges=(500, 2000))
QUESTION = Question(
    id="startup",
    purpose="Is it slow?",
    decision="Whether it is mended",
    category=Category.USAGE,
    detail=Detail.BASIC,
    sources=("startup",),
    coarser=(),
    period=PeriodKind.WEEK,
    starts=date(2026, 11, 2),
    ends=date(2027, 6, 27),
    draw=Draw.UNIFORM,
    share=1.0,
    epsilon=2.0,
)
TENTHS = st.integers(1, 40)


def definition(*sources, **change):
    """The definition with other sources and another question."""
    question = QUESTION._replace(**change)
    return Definition(APPLICATION, question, sources or (STARTUP,), digest_of(APPLICATION, question, sources))


def numbers(cells):
    """A source that gives an answer of so many cells, `none` included."""
    return STARTUP._replace(edges=tuple(range(cells - 2)))


@pytest.mark.parametrize(
    ("epsilon", "exp", "most", "optimum"),
    [(0.1, 1105, 5, 3), (1.0, 2718, 10, 5), (2.0, 7389, 24, 12), (2.3, 9974, 31, 16), (2.4, 11023, 32, 18), (4.0, 54598, 32, 83)],
)
def test_arithmetic(epsilon, exp, most, optimum):
    """e^ε is cut to thousandths; at ε = 2 up to 12 cells are good and up to 24 admitted, and never more than 32."""
    assert (exp_thousandths(epsilon), most_cells(epsilon), optimum_cells(epsilon)) == (exp, most, optimum)


@given(TENTHS)
def test_exponential_is_rounded_down(tenths):
    """The rational is never above e^ε and less than a thousandth below it, so the true ε is never larger than the declared one."""
    exact = (Decimal(tenths) / 10).exp()
    assert 0 <= exact - Decimal(exp_thousandths(tenths / 10)) / 1000 < Decimal("0.001")


@pytest.mark.parametrize(
    ("starts", "end"),
    [(date(2026, 11, 2), date(2027, 11, 2)), (date(2028, 2, 29), date(2029, 2, 28)), (date(2027, 2, 28), date(2028, 2, 28))],
)
def test_last_end(starts, end):
    """A question ends a year after it starts at the latest, the day of that date included."""
    assert last_end(starts) == end
    assert objections(definition(starts=starts, ends=end)) == []
    late = objections(definition(starts=starts, ends=date.fromordinal(end.toordinal() + 1)))
    assert late == [f"ends: expected a date at most one year after starts, {end} or earlier"]


@pytest.mark.parametrize(
    ("change", "objection"),
    [
        ({"ends": date(2026, 11, 1)}, "ends: expected a date that is not before starts"),
        ({"ends": date(2026, 11, 7)}, "ends: expected at least one whole calendar week (UTC) from starts to ends"),
        (
            {"period": PeriodKind.MONTH, "ends": date(2026, 12, 30)},
            "ends: expected at least one whole calendar month (UTC) from starts to ends",
        ),
        ({"ends": date(2026, 11, 8)}, None),
        ({"period": PeriodKind.DAY, "ends": date(2026, 11, 2)}, None),
    ],
)
def test_lifetime(change, objection):
    """There is at least one whole period from `starts` to `ends`."""
    assert objections(definition(**change)) == ([objection] if objection else [])


@given(TENTHS)
def test_cells(tenths):
    """As many cells as ε carries are admitted and not one more; above the optimum there is a warning."""
    epsilon = tenths / 10
    most, optimum = most_cells(epsilon), optimum_cells(epsilon)
    assert objections(definition(numbers(most), epsilon=epsilon)) == []
    assert "possible answers" in objections(definition(numbers(most + 1), epsilon=epsilon))[0]
    assert warnings(definition(numbers(optimum), epsilon=epsilon)) == []
    assert "possible answers" in warnings(definition(numbers(optimum + 1), epsilon=epsilon))[0]


def test_size():
    """A report that could be longer than its 1,024 bytes is refused, and the size is told."""
    fine = [STARTUP._replace(id=name, edges=(1e-300,)) for name in ("a", "b")]
    assert objections(definition(*fine[:1])) == []
    assert objections(definition(*fine)) == []
    long = [source._replace(edges=(1e-300, 2e-300)) for source in fine]
    (objection,) = objections(definition(*long))
    assert objection.startswith("sources: expected a longest report of at most 1024 bytes, not 1")


def test_bin_that_stays_empty():
    """A count's edge at 0 is admitted and warned of: nothing is ever below it."""
    count = Source("saves", SourceType.COUNT, "Files saved", Combine.SUM, edges=(0, 10))
    assert warnings(definition(count)) == ["source saves: a count is never below 0, so the bin <0 stays empty"]
    assert warnings(definition(count._replace(edges=(1, 10)), numbers(3))) == []
