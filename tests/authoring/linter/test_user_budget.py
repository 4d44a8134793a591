"""What one user who accepts everything gives and loses, against models that are computed in another way."""

from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.manifests.core_questions import APPLICATION, MEMORY, STARTUP, asking

from telemetryd.authoring.linter import user_budget
from telemetryd.core.answers.period import whole_periods
from telemetryd.core.definition import Declaration, PeriodKind

TENTHS = 10


def declared(*definitions):
    """A manifest that asks these, each under an id of its own."""
    asked = [one._replace(question=one.question._replace(id=f"q{place}")) for place, one in enumerate(definitions)]
    return Declaration(APPLICATION, (), tuple(asked), "", {})


def about_one_fact(number, **change):
    """So many questions about one start-up time."""
    return declared(*(asking(STARTUP, id=f"q{index}", **change) for index in range(number)))


def about_facts(number, **change):
    """So many questions about a source each."""
    return declared(*(asking(STARTUP._replace(id=f"s{index}"), id=f"q{index}", **change) for index in range(number)))


def test_sums():
    """Each answer counts once for its host by year and for life, and once for each source, whichever period is drawn."""
    manifest = declared(
        asking(STARTUP, MEMORY, id="both"),
        asking(STARTUP, id="one", epsilon=0.5),
        asking(MEMORY, id="late", period=PeriodKind.MONTH, starts=date(2027, 1, 1), ends=date(2027, 2, 28)),
    )
    assert [(line.about, line.most / TENTHS, line.cap / TENTHS) for line in user_budget.sums_of(manifest)] == [
        ("2026", 2.5, 16),
        ("2027", 4.5, 16),
        ("", 4.5, 64),
        ("org.kde.kate/startup", 2.5, 4),
        ("org.telemetryd.system/memory", 4.0, 4),
    ]
    assert user_budget.loss_of(manifest) == (3.0, 0.0)
    assert list(user_budget.faults(manifest)) == []
    assert user_budget.sentences(manifest) == [
        "all answers of one user to kde: epsilon 2.5 of 16 in 2026, 4.5 of 16 in 2027, 4.5 of 64 for life",
        "all answers of one user by source: epsilon 2.5 of 4 about org.kde.kate/startup, 4.0 of 4 about org.telemetryd.system/memory",
        "a user who accepts everything loses no answer",
    ]


@pytest.mark.parametrize(
    ("period", "starts", "ends", "year"),
    [
        (PeriodKind.MONTH, date(2026, 12, 1), date(2026, 12, 31), "2026"),
        (PeriodKind.DAY, date(2026, 12, 31), date(2026, 12, 31), "2026"),
        (PeriodKind.WEEK, date(2026, 12, 28), date(2027, 1, 3), "2027"),
        (PeriodKind.DAY, date(2027, 1, 1), date(2027, 1, 1), "2027"),
    ],
)
def test_year_of_the_last_second(period, starts, ends, year):
    """An answer belongs to the year of its period's last second (UTC)."""
    manifest = declared(asking(STARTUP, period=period, starts=starts, ends=ends))
    assert user_budget.sums_of(manifest)[0].about == year


@pytest.mark.parametrize(("number", "lost"), [(2, 0), (3, 1), (10, 8)])
def test_cap_of_a_source(number, lost):
    """Of the questions about one fact at ε = 2, two find room and all others are lost."""
    assert user_budget.loss_of(about_one_fact(number)) == (number, lost)


def test_caps_of_a_host():
    """Of questions about different facts, eight find room in one year at ε = 2, and sixteen for life at ε = 4."""
    in_a_year = {"starts": date(2026, 11, 2), "ends": date(2026, 12, 6)}
    assert user_budget.loss_of(about_facts(8, **in_a_year)) == (8, 0)
    assert user_budget.loss_of(about_facts(11, **in_a_year)) == (11, 3)
    years = [{"starts": date(year, 2, 1), "ends": date(year, 11, 30), "epsilon": 4.0} for year in range(2027, 2033)]
    asked = [definition for number, year in enumerate(years) for definition in about_facts(3, **year).definitions]
    renamed = [
        definition._replace(
            question=definition.question._replace(sources=(f"f{index}",)), fields=(definition.fields[0]._replace(id=f"f{index}"),)
        )
        for index, definition in enumerate(asked)
    ]
    assert user_budget.loss_of(declared(*renamed)) == (18, 2)


def test_loss_of_a_share():
    """With a share the loss is the mean over the draws: of four questions about one fact, what a binomial draws above two."""
    loss = user_budget.loss_of(about_one_fact(4, share=0.5))
    assert loss.drawn == pytest.approx(2, abs=0.1)
    assert loss.lost == pytest.approx(sum((k - 2) * comb(4, k) / 16 for k in (3, 4)), abs=0.07)


QUESTIONS = st.builds(
    asking,
    st.integers(0, 4).map(lambda number: STARTUP._replace(id=f"s{number}")),
    share=st.sampled_from([1.0, 1.0, 0.5, 0.3]),
    epsilon=st.sampled_from([0.5, 2.0, 3.3, 4.0]),
    period=st.sampled_from(PeriodKind),
    starts=st.sampled_from([date(2026, 10, 1), date(2026, 12, 1)]),
    ends=st.just(date(2027, 2, 28)),
)


@settings(max_examples=15)
@given(st.lists(QUESTIONS, min_size=1, max_size=14))
def test_the_figures_are_those_of_a_model(definitions):
    """The loss is, to the last answer, that of a model which adds up the answers of the same users by itself."""
    manifest = declared(*definitions)
    loss, expected = user_budget.loss_of(manifest), sum(definition.question.share for definition in definitions)
    modelled = sums_by_itself(manifest)
    assert loss == (modelled if any(line.is_exceeded for line in user_budget.sums_of(manifest)) else (pytest.approx(expected), 0))


def sums_by_itself(manifest):
    """(drawn, lost) on average over a thousand users, whose numbers are the upper halves of Knuth's generator."""
    state, drawn, lost = 1, 0, 0
    years = [years_of(definition.question) for definition in manifest.definitions]
    for _ in range(1000):
        lots = []
        for definition, ends_in in zip(manifest.definitions, years, strict=True):
            numbers = []
            for _ in range(3):
                state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
                numbers.append(Fraction(state >> 32, 2**32))
            part, period, rank = numbers
            if part < Fraction(str(definition.question.share)):
                lots.append((rank, ends_in[int(period * len(ends_in))], definition.question))
        drawn += len(lots)
        spent = Counter()
        for _, year, question in sorted(lots):
            lines = {year: 160, "life": 640, question.sources: 40}
            has_room = all(spent[line] + round(10 * question.epsilon) <= cap for line, cap in lines.items())
            spent.update(dict.fromkeys(lines, round(10 * question.epsilon)) if has_room else {})
            lost += not has_room
    return drawn / 1000, lost / 1000


def years_of(question):
    """The year of the last second of each period."""
    periods = whole_periods(question.period, question.starts, question.ends)
    return [datetime.fromtimestamp(period.end - 1, UTC).year for period in periods]


def test_warning():
    """More than one lost answer in a hundred is a warning with the caps that are exceeded; fewer are not."""
    (fault,) = user_budget.faults(about_one_fact(3))
    assert (fault.place, fault.clause) == (("application",), "A1")
    assert fault.message.startswith("[application]: a user who accepts everything loses 1.00 of 3.00 answers: epsilon 6.0 of 4 about ")
    rare = about_one_fact(3, share=0.05)
    assert 0 <= user_budget.loss_of(rare).lost < 0.01 * user_budget.loss_of(rare).drawn
    assert list(user_budget.faults(rare)) == []


@pytest.mark.parametrize(("drawn", "lost", "is_too_much"), [(50, 0.5, False), (50, 0.6, True), (0.5, 0.006, True), (0.5, 0.004, False)])
def test_one_in_a_hundred(drawn, lost, is_too_much):
    """The bound of one lost answer in a hundred goes by how many are drawn."""
    assert user_budget.Loss(drawn, lost).is_too_much is is_too_much


def test_many_sources():
    """Of many sources those above their cap are named, the others are counted; a manifest that asks nothing has no sums."""
    _, by_source, lost = user_budget.sentences(declared(*about_facts(6).definitions, *about_one_fact(3).definitions))
    assert by_source == (
        "all answers of one user by source: epsilon 6.0 of 4 about org.kde.kate/startup, at most 2.0 of 4 about each of 6 others"
    )
    assert lost.startswith("a user who accepts everything loses 1.")
    assert user_budget.sentences(about_facts(5))[1].endswith("epsilon at most 2.0 of 4 about each of 5 sources")
    assert user_budget.sentences(declared()) == []
