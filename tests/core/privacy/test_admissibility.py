import math
from collections import Counter
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import APPLICATION, CRASHED, PLATFORM, QUESTION, STARTUP
from support.manifests.core_questions import asking as definition

from telemetryd.core.answers.period import period_at
from telemetryd.core.definition import (
    Combine,
    Declaration,
    PeriodKind,
    Source,
    SourceType,
)
from telemetryd.core.privacy.admissibility import (
    figures,
    last_end,
    most_cells,
    objections,
    sentences,
    suitable_cells,
    warnings,
    warnings_of,
)
from telemetryd.core.privacy.noise import exp_thousandths, probabilities
from telemetryd.core.privacy.planning import Z, forged_points, reports_needed

TENTHS = st.integers(1, 40)


def numbers(cells):
    """A source whose answers have so many cells, `none` included."""
    return STARTUP._replace(edges=tuple(range(cells - 2)))


@pytest.mark.parametrize(
    ("epsilon", "exp", "most", "suitable"),
    [(0.1, 1105, 5, 7), (1.0, 2718, 10, 7), (2.0, 7389, 24, 8), (2.3, 9974, 31, 9), (2.4, 11023, 32, 9), (4.0, 54598, 32, 27)],
)
def test_arithmetic(epsilon, exp, most, suitable):
    """e^ε is cut to thousandths. At ε = 2, up to 8 cells are good and up to 24 are admitted; never more than 32."""
    assert (exp_thousandths(epsilon), most_cells(epsilon), suitable_cells(epsilon)) == (exp, most, suitable)


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
    """Exactly as many cells as ε permits are admitted; above twice the reports of four cells there is a warning with both figures."""
    epsilon = tenths / 10
    most, suitable = most_cells(epsilon), suitable_cells(epsilon)
    assert objections(definition(numbers(most), epsilon=epsilon)) == []
    assert "possible answers" in objections(definition(numbers(most + 1), epsilon=epsilon))[0]
    reports = [reports_needed(0.02, probabilities(cells, epsilon)) for cells in (4, suitable, suitable + 1)]
    assert reports[1] <= 2 * reports[0] < reports[2]
    assert not any("above" in text for text in warnings(definition(numbers(suitable), epsilon=epsilon)))
    (text,) = [text for text in warnings(definition(numbers(suitable + 1), epsilon=epsilon)) if "above" in text]
    assert f"above {suitable} " in text
    assert f"{reports[2]:,} instead of {reports[0]:,}" in text


@pytest.mark.parametrize(("epsilon", "cells", "points"), [(0.1, 24, 11), (0.1, 5, 2), (2.0, 24, 0), (4.0, 4, 0)])
def test_forged_points(epsilon, cells, points):
    """One forged report moves a share of 2,000 reports by 11 points at ε = 0.1 and 24 answers, and by nothing to speak of at 2."""
    assert int(forged_points(2_000, probabilities(cells, epsilon))) == points


@given(TENTHS, st.integers(3, 24))
def test_small_epsilon(tenths, cells):
    """There is a warning exactly where one forged report moves a share of 2,000 reports by more than half a point."""
    asked = definition(numbers(cells), epsilon=tenths / 10)
    truth, lie = probabilities(cells, tenths / 10)
    is_warned = any("one forged report moves" in text for text in warnings(asked))
    assert is_warned is (Fraction(100) / (2_000 * (truth - lie)) > Fraction(1, 2))


def test_size():
    """A report that could exceed 1,024 bytes is refused, with its size."""
    fine = [STARTUP._replace(id=name, edges=(1e-300,)) for name in ("a", "b")]
    assert objections(definition(*fine[:1])) == []
    assert objections(definition(*fine)) == []
    long = [source._replace(edges=(1e-300, 2e-300)) for source in fine]
    (objection,) = objections(definition(*long))
    assert objection.startswith("sources: expected a longest report of at most 1024 bytes, not 1")


def test_bin_that_stays_empty():
    """A count's edge at 0 is admitted with a warning, because no count is below it."""
    count = Source("saves", SourceType.COUNT, "Files saved", Combine.SUM, edges=(0, 10))
    assert warnings(definition(count)) == ["source saves: a count is never below 0, so the bin <0 stays empty"]
    assert warnings(definition(count._replace(edges=(1, 10)), numbers(3))) == []


FIELDS = st.sampled_from([(STARTUP,), (PLATFORM,), (CRASHED,), (STARTUP, CRASHED), (PLATFORM, CRASHED), (STARTUP, PLATFORM)])
KINDS = st.sampled_from(PeriodKind)
USERS = st.integers(1, 10**7)


def test_figures_of_the_example():
    """Three bins and `none` at ε = 2, 34 weeks, 20,000 users: the figures match those computed by hand, and so do the sentences."""
    of = figures(definition(expected_users=20_000, share=0.5, expected=(("startup", (0.5, 0.3, 0.2)),)))
    assert (of.epsilon, of.cells, of.suitable, of.most) == (2.0, 4, 8, 24)
    assert (of.needed, of.needed_at_tenth) == (6349, 3374)
    assert (of.max_bits, of.expected_bits) == (2.0, pytest.approx(math.log2(1 + 0.5**-0.5 * 0.3**-0.3 * 0.2**-0.2)))
    assert (of.periods, of.reports, of.sufficient_share) == (34, Fraction(10_000, 34), 0.85)
    assert sentences(of) == [
        "4 possible answers, “none” included: noise at epsilon 2 suits up to 8; more than 24 are refused.",
        "An answer holds at most 2.00 bits before noise, and at most 1.93 if the shares are as expected.",
        "The share of an answer is known to ± 2 points (95 %) from 6,349 reports, or 3,374 if one user in ten gives it.",
        "If 20,000 users accept before it starts, about 294 reports come in each of 34 weeks.",
        "A share of 0.85 is enough for ± 2 points over all reports and 500 reports a week.",
    ]


def test_sentences_without_expectations():
    """Without expectations there are no expected bits, and no sentence about users."""
    of = figures(definition(epsilon=4.0))
    assert (of.users, of.expected_bits, of.sufficient_share) == (0, None, None)
    assert sentences(of)[:2] == [
        "4 possible answers, “none” included: noise at epsilon 4 suits up to 27; more than 32 are refused.",
        "An answer holds at most 2.00 bits before noise.",
    ]
    assert len(sentences(of)) == 3


@given(st.integers(3, 24))
def test_bits_are_rounded_up(cells):
    """A stated maximum is never below the figure, nor a hundredth above it; whole bits stay whole."""
    of = figures(definition(numbers(cells)))
    bits = float(sentences(of)[1].split()[5])
    assert of.max_bits - 1e-8 <= bits < of.max_bits + 0.01


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (
            {"expected_users": 900},
            [
                "If 900 users accept before it starts, about 26 reports come in each of 34 weeks.",
                "It takes 17,000 users for ± 2 points over all reports and 500 reports a week.",
            ],
        ),
        (
            {"expected_users": 1_000_000, "period": PeriodKind.DAY, "ends": date(2026, 11, 3)},
            [
                "If 1,000,000 users accept before it starts, about 500,000 reports come in each of 2 days.",
                "A share of 0.0064 is enough for ± 2 points over all reports and 500 reports a day.",
            ],
        ),
        (
            {"expected_users": 6349, "period": PeriodKind.MONTH, "ends": date(2026, 12, 31)},
            [
                "If 6,349 users accept before it starts, about 6,349 reports come in its one month.",
                "A share of 1 is enough for ± 2 points over all reports and 500 reports a month.",
            ],
        ),
    ],
)
def test_sentences_about_users(change, texts):
    """The sentences name the reports of the expected users, and the share or number of users that suffices."""
    assert sentences(figures(definition(**change)))[3:] == texts


def expected_for(fields, counts):
    """Expected shares for the first of the fields, from numbers that are made to add up to 1."""
    first = [counts[number % len(counts)] for number in range(len(fields[0].labels))]
    return ((fields[0].id, tuple(count / sum(first) for count in first)),)


@given(FIELDS, TENTHS, st.lists(st.integers(1, 1000), min_size=1, max_size=4), st.integers(0, 99))
def test_entropy(fields, tenths, counts, none):
    """The bound is from 0 to log₂(cells), and never below the entropy of the joint distribution for any `none`."""
    of = figures(definition(*fields, epsilon=tenths / 10, expected=expected_for(fields, counts)))
    assert of.max_bits == pytest.approx(math.log2(math.prod(len(field.labels) for field in fields) + 1))
    assert 0 <= of.expected_bits <= of.max_bits + 1e-12
    shares = [dict(zip(fields[0].labels, of_first(fields, counts), strict=True))]
    shares += [dict.fromkeys(field.labels, Fraction(1, len(field.labels))) for field in fields[1:]]
    joint = Counter({"none": Fraction(none, 100)})
    for labels in product(*shares):
        joint[labels] += (1 - Fraction(none, 100)) * math.prod(part[label] for part, label in zip(shares, labels, strict=True))
    assert sum(joint.values()) == 1
    assert of.expected_bits >= -sum(float(part) * math.log2(part) for part in joint.values() if part) - 1e-9


def of_first(fields, counts):
    """The same shares as fractions."""
    first = [counts[number % len(counts)] for number in range(len(fields[0].labels))]
    return [Fraction(count, sum(first)) for count in first]


@given(FIELDS)
def test_equal_shares_are_the_maximum(fields):
    """Equal shares of all labels have the largest expected entropy."""
    equal = tuple((field.id, (1 / len(field.labels),) * len(field.labels)) for field in fields)
    of = figures(definition(*fields, expected=equal))
    assert of.expected_bits == pytest.approx(of.max_bits)


@given(FIELDS, TENTHS)
def test_accuracy(fields, tenths):
    """The needed reports are those of `planning` for the question's cells and ε, and suffice for every share."""
    of = figures(definition(*fields, epsilon=tenths / 10))
    truth, lie = probabilities(math.prod(len(field.labels) for field in fields) + 1, tenths / 10)
    assert of.needed_at_tenth == reports_needed(0.02, (truth, lie), 0.1) <= of.needed
    for share in (Fraction(percent, 100) for percent in range(101)):
        arriving = lie + share * (truth - lie)
        assert Z * math.sqrt(arriving * (1 - arriving) / of.needed) / (truth - lie) <= 0.02 * (1 + 1e-9)


@given(KINDS, st.integers(31, 365), USERS, st.integers(1, 100))
def test_reports_a_period(kind, days, users, percent):
    """The reports are the users times the share over the whole periods, counted day by day; exact, so that 500 are 500."""
    starts = QUESTION.starts
    inside = Counter(period_at(kind, (starts + timedelta(day) - date(1970, 1, 1)).days * 86_400) for day in range(days))
    whole_periods = sum(1 for period, seen in inside.items() if seen * 86_400 == period.end - period.start)
    asked = definition(period=kind, ends=starts + timedelta(days - 1), expected_users=users, share=percent / 100)
    if not whole_periods:
        assert objections(asked)
        return
    of = figures(asked)
    assert (of.periods, of.reports) == (whole_periods, Fraction(users * percent, 100 * whole_periods))
    assert any("small crowd" in warning for warning in warnings(asked)) is (users * percent < 500 * 100 * whole_periods)


@given(FIELDS, USERS, st.integers(0, 10**7))
def test_sufficient_share(fields, users, more):
    """With the sufficient share the reports suffice without a warning; more users never need a larger share."""
    of = figures(definition(*fields, expected_users=users))
    larger = figures(definition(*fields, expected_users=users + more))
    assert larger.sufficient_share is None or larger.sufficient_share <= (of.sufficient_share or 1)
    if of.sufficient_share is None:
        assert users < max(of.needed, 500 * 34)
        return
    assert larger.sufficient_share is not None
    then = definition(*fields, expected_users=users, share=of.sufficient_share)
    assert not any("small crowd" in text for text in warnings(then))
    assert figures(then).reports * 34 >= of.needed


def test_warning_of_few_reports():
    """499 reports a week give a warning, 500 do not; without expected users there is none."""
    assert warnings(definition(expected_users=500 * 34)) == []
    assert warnings(definition()) == []
    (warning,) = warnings(definition(expected_users=500 * 34 - 1))
    assert warning.startswith("about 499 reports a week from 16,999 users: with fewer than 500, each report hides in a small crowd")


LONG = "Time from process start to the first window"


def declared(*sources):
    """A declaration with these sources."""
    return Declaration(APPLICATION, sources, (), "", {})


def thresholds(number, describe="Time from start to the first window, {}"):
    """One fact under several names: a source for each threshold."""
    return [STARTUP._replace(id=f"t{n}", description=describe.format(n), edges=(100 * n,)) for n in range(number)]


def test_one_fact_under_sixteen_names():
    """Sixteen thresholds on one number give one warning with all names, even if each description differs in a word."""
    names = ", ".join(f"t{n}" for n in range(16))
    (warning,) = warnings_of(declared(*thresholds(16)))
    assert warning.startswith(f"sources {names}: their descriptions say nearly the same; if this is one fact")
    words = ["ab", "cd", "ef", "gh", "ij", "kl", "mn", "op", "qr", "st", "uv", "wx", "yz", "zy", "xw", "vu"]
    varied = [source._replace(description=f"{LONG} {word}") for source, word in zip(thresholds(16), words, strict=True)]
    assert warnings_of(declared(*varied)) == [warning]
    others = [source._replace(description=word) for source, word in zip(thresholds(16), words, strict=True)]
    (warning,) = warnings_of(declared(*others))
    assert warning.startswith(f"sources {names}: 16 times a number in ms; if this is one fact")


@pytest.mark.parametrize(
    ("first", "second", "is_warned"),
    [
        ({}, {"edges": (500, 2000)}, True),
        ({}, {"edges": (100,)}, True),
        ({}, {"description": "time from PROCESS start, to the first window (2)"}, True),
        ({}, {"description": "Time from the start of the process to its first window"}, True),
        ({}, {"description": "Time to save a file"}, False),
        ({"description": "Time to open a file"}, {"description": "Time to save a file"}, False),
        ({"description": "1"}, {"description": "2"}, True),
        ({}, {"unit": "s"}, False),
        ({}, {"type": SourceType.COUNT, "combine": Combine.SUM}, False),
        ({"unit": ""}, {"unit": "", "description": LONG + " 2"}, True),
        ({"unit": ""}, {"unit": "", "description": LONG + " again"}, False),
        ({"unit": "Hz"}, {"unit": "Hz", "description": LONG + " again"}, True),
    ],
)
def test_near_descriptions(first, second, is_warned):
    """Sources of one type and unit give a warning if their words are similar; without a unit the words must be equal."""
    pair = [STARTUP._replace(id=name, description=LONG)._replace(**change) for name, change in (("a", first), ("b", second))]
    assert [text.partition(":")[0] for text in warnings_of(declared(*pair))] == (["sources a, b"] if is_warned else [])


def test_flags_that_are_thresholds():
    """Flags have no unit: those that differ in a number only give a warning, different features do not."""
    slow = [CRASHED._replace(id=f"over{n}", description=f"Whether start-up took longer than {n} ms") for n in (500, 600, 700)]
    shown = [
        CRASHED._replace(id=part, description=f"Whether the {part} is shown in the main window") for part in ("map", "bar", "dock", "tree")
    ]
    (warning,) = warnings_of(declared(*slow, *shown))
    assert warning.startswith("sources over500, over600, over700: ")


def test_groups_are_joined_in_declared_order():
    """A source that is similar to two groups joins them. Each group is named once, in the order of the manifest."""
    texts = ["a b c d e f g h", "a b c d e f x y", "k l m n o p", "a b c d e f g x", "k l m n o p 2"]
    sources = [STARTUP._replace(id=f"s{number}", description=text) for number, text in enumerate(texts)]
    names = [text.partition(":")[0] for text in warnings_of(declared(*sources))]
    assert names == ["sources s0, s1, s3", "sources s2, s4", "sources s0, s1, s2, s3, s4"]


def test_few_sources_of_one_unit():
    """Three different numbers in one unit are usual; a fourth gives a warning."""
    words = ("start", "save", "search", "print")
    sources = [STARTUP._replace(id=word, description=f"How long a {word} takes") for word in words]
    different = [source._replace(description=source.id) for source in sources]
    assert warnings_of(declared(*different[:3])) == []
    assert [text.partition(";")[0] for text in warnings_of(declared(*different))] == [
        "sources start, save, search, print: 4 times a number in ms"
    ]
