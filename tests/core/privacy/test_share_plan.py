"""The shares that `telemetryctl plan` recommends, against exact sums and against the rule of the daemon."""

import random
from datetime import date
from functools import cache
from math import comb

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.campaign import IS_CAMPAIGN
from support.manifests.core_questions import APPLICATION, STARTUP, asking

from telemetryd.core.definition import PeriodKind
from telemetryd.core.privacy import room, share_plan
from telemetryd.core.privacy.ledger import Caps, Charge, caps_of
from telemetryd.core.privacy.sampling_lot import draw_lot, period_among
from telemetryd.core.privacy.share_plan import (
    TOLERATED,
    Vendor,
    fitting_shares,
    losses,
    lost_as_the_last,
    lost_together,
    precisions,
    source_needs,
)
from telemetryd.core.settings import Budgets

CAPS = caps_of(Budgets(), is_spent=False)
YEAR = {"starts": date(2027, 1, 4), "ends": date(2027, 12, 26)}


def chance():
    """The same random numbers anew."""
    draw = random.Random(7).random
    return lambda bound: int(draw() * bound)


def vendor(number, *, applications=1, have=0, **change):
    """So many questions, each about a source of its own, spread over the vendor's applications."""
    definitions = [
        asking(
            STARTUP._replace(id=f"s{place}"),
            application=APPLICATION._replace(id=f"org.kde.a{place % applications}"),
            **{"id": f"q{place}", **YEAR, **change},
        )
        for place in range(number)
    ]
    return Vendor(definitions, CAPS, have)


@cache
def fitting_for(number):
    """The shares that fit for so many questions."""
    return fitting_shares(vendor(number), chance())


def lost_exactly(number, share):
    """The part of the drawn answers beyond eight a year, if all have ε = 2."""
    mean = sum(max(0, drawn - 8) * comb(number, drawn) * share**drawn * (1 - share) ** (number - drawn) for drawn in range(number + 1))
    return mean / (number * share)


@pytest.mark.parametrize(("number", "share"), [(9, 0.74), *[(12, 0.46), (40, 0.11)] * IS_CAMPAIGN])
def test_share_that_fits(number, share):
    """The largest share of two digits whose losses are tolerated, within one step of the exact sum; more would not be."""
    fitting = fitting_for(number).together
    assert fitting == pytest.approx(share, abs=0.011)
    assert lost_exactly(number, fitting - 0.01) < TOLERATED < lost_exactly(number, fitting + 0.02)


def lost_exactly_as_the_last(number, share):
    """The part of the drawn answers to the question that is published last, where eight others have taken the year's room."""
    return sum(comb(number - 1, drawn) * share**drawn * (1 - share) ** (number - 1 - drawn) for drawn in range(8, number))


@pytest.mark.parametrize("number", [9, *[12, 40, 100] * IS_CAMPAIGN])
def test_share_that_fits_in_any_order(number):
    """With the smaller share not even the question that is published last loses more than is tolerated; more than that share would."""
    together, share = fitting_for(number)
    assert share < together
    assert lost_as_the_last(vendor(number), share, chance()) == pytest.approx(lost_exactly_as_the_last(number, share), abs=0.002)
    assert lost_exactly_as_the_last(number, 0.98 * share) < TOLERATED < lost_exactly_as_the_last(number, 1.07 * share)


@pytest.mark.skipif(not IS_CAMPAIGN, reason="`make campaign` fits shares for many questions, which takes seconds for each")
@pytest.mark.parametrize(("number", "share"), [(100, 0.04), (400, 0.01)])
def test_share_of_many(number, share):
    """Many questions take a small share each: users are drawn for about four of them a year."""
    assert fitting_for(number).together == pytest.approx(share, rel=0.12)


@pytest.fixture
def few_users(monkeypatch):
    """300 simulated users instead of 9,000: enough where all of them are drawn for all that they are asked, and so have equal losses."""
    monkeypatch.setattr(share_plan, "_USERS", range(1, 300))


@pytest.mark.parametrize(("have", "part"), [(0, 1.0), (2, 0.2), (10, 1.0)])
def test_drawn_on_average(have, part):
    """The applications that a user has, the shares, and the cost of an answer multiply to what a user is drawn for."""
    of_ten = vendor(40, applications=10, have=have, share=0.5)
    assert of_ten.part == part
    assert share_plan._drawn_tenths(of_ten, 0.25) == pytest.approx(40 * 20 * 0.5 * 0.25 * part)


@pytest.mark.usefixtures("few_users")
def test_lots_of_simulated_users():
    """Simulated users answer in either year of a question that begins in one and ends in the next, and in any order."""
    over_years = vendor(2, starts=date(2026, 11, 30), ends=date(2027, 1, 31))
    users = share_plan._users(over_years, 1.0, chance())
    assert {entry.year for user in users for _, _, (_, _, entry) in user} == {2026, 2027}
    assert len({tuple(key for _, _, (_, key, _) in user) for user in users}) == 2


@pytest.mark.parametrize(("end", "year"), [(1798761600, 2026), (1798761601, 2027), (1798761599, 2026)])
def test_year_of_the_last_second(end, year):
    """A period that ends with a year is charged to that year; one second later it would be the next year's."""
    assert share_plan.year_of(end) == year


@given(st.lists(st.sampled_from([10, 20, 40]), max_size=12))
def test_lost_as_the_last_by_its_words(tenths):
    """Lost as the last is what finds no room in its own place, or would find none behind all others."""
    entries, caps = tuple(Charge("", 2027, cost, ()) for cost in tenths), Caps(40, 100, 200)
    expected = 0
    for place in range(len(entries)):
        orders = entries, (*entries[:place], *entries[place + 1 :], entries[place])
        expected += any(share_plan._are_lost(order, caps)[at] for order, at in zip(orders, (place, -1), strict=True))
    assert share_plan._number_lost_as_the_last(entries, caps) == expected


@pytest.mark.usefixtures("few_users")
def test_few_fit():
    """Eight answers of ε = 2 always have room, and so have more with a smaller ε."""
    assert losses(vendor(8), 1.0, chance()).lost == 0
    assert losses(vendor(16, epsilon=1.0), 1.0, chance()).lost == 0


@pytest.mark.usefixtures("few_users")
def test_two_of_ten_applications():
    """Who has two of ten applications with four questions each is asked as one with eight questions."""
    assert losses(vendor(40, applications=10, have=2), 1.0, chance()).lost == 0


@pytest.mark.usefixtures("few_users")
def test_no_user_is_simulated_where_all_fit():
    """Where even who has the applications that ask most has room for all answers, no number is drawn; one question more loses some."""
    for fits in (vendor(8), vendor(40, applications=10, have=2)):
        assert lost_together(fits, 1.0, None) == 0
        assert fitting_shares(fits, None) == (1.0, 1.0)
    assert lost_together(vendor(9), 1.0, chance()) == losses(vendor(9), 1.0, chance()).lost == pytest.approx(1 / 9)


@pytest.mark.usefixtures("few_users")
def test_questions_of_two_years():
    """Each year has a budget of its own: eight questions of one year and eight of the next still fit, with all users drawn for all."""
    first, second = vendor(8), vendor(8, starts=date(2028, 1, 3), ends=date(2028, 12, 24))
    later = [one._replace(question=one.question._replace(id=f"later-{one.question.id}")) for one in second.definitions]
    both = first._replace(definitions=[*first.definitions, *later])
    assert fitting_shares(both, chance()) == (1.0, 1.0)


def test_all_of_ten_applications():
    """Who has all ten is asked forty questions: a share of 0.10 loses less than is tolerated, and one of 0.13 loses more."""
    assert losses(vendor(40, applications=10), 0.10, chance()).lost < TOLERATED < losses(vendor(40, applications=10), 0.13, chance()).lost


@pytest.mark.parametrize(
    ("number", "share", "count", "change"),
    [(9, 0.74, 300, {}), (40, 0.11, 1000, {}), (20, 0.15, 300, {"epsilon": 3.0}), *[(12, 1.0, 1000, {})] * IS_CAMPAIGN],
)
def test_losses_are_those_of_the_daemon(number, share, count, change):
    """The daemon, which looks at each beginning of a period, leaves the same users the same answers, whatever their periods are."""
    many, begins = vendor(number, **change), random.Random(99).randrange
    everyone = share_plan._users(many, share, chance())
    users, lost = everyone[:count], 0
    for user in users:
        candidates = {
            contender.key: room.Candidate(contender.rank, 0, 1 + begins(50), contender.entry._replace(host="a.example"))
            for *_, contender in user
        }
        ledger = {}
        for now in range(0, 51, 10):
            changes, passed, _ = room.look(ledger, candidates, CAPS, now)
            ledger |= changes
            candidates = {key: candidate for key, candidate in candidates.items() if key not in passed}
        lost += len(user) - len(ledger)
    drawn = sum(map(len, users))
    assert share_plan._lost(many, share, users, share_plan._number_lost) == pytest.approx(lost / drawn, abs=1e-9)
    assert share_plan._lost(many, share, everyone, share_plan._number_lost) == pytest.approx(lost / drawn, abs=0.01 * (1000 / count) ** 0.5)


PLANNED = st.builds(
    asking,
    st.integers(0, 5).map(lambda place: STARTUP._replace(id=f"s{place}")),
    application=st.integers(0, 2).map(lambda place: APPLICATION._replace(id=f"org.kde.a{place}")),
    epsilon=st.sampled_from([0.5, 1.3, 2.0, 4.0]),
    period=st.sampled_from(PeriodKind),
    starts=st.sampled_from([date(2026, 9, 1), date(2026, 11, 30)]),
    ends=st.sampled_from([date(2026, 12, 31), date(2027, 3, 31)]),
)


@settings(max_examples=60)
@given(st.lists(PLANNED, min_size=1, max_size=40), st.sampled_from([CAPS, Caps(1000, 160, 200)]), st.integers(0, 2**32))
def test_one_view_is_the_daemon_with_a_look_at_each_beginning(definitions, caps, seed):
    """For any questions of a vendor: what a simulated user of `plan` answers, the daemon answers, to the last question."""
    chance = random.Random(seed).randrange
    drawables = [share_plan.drawable(one._replace(question=one.question._replace(id=f"q{n}")), 1.0) for n, one in enumerate(definitions)]
    lots = {question.key: draw_lot(chance) for question in drawables}
    answers = [question.answer(lots[question.key]) for question in drawables]
    periods = {question.key: period_among(question.periods, lots[question.key]) for question in drawables}
    candidates = {key: room.Candidate(rank, 0, periods[key].start, entry) for rank, key, entry in answers}
    ledger, passed = {}, {}
    for now in sorted({period.start for period in periods.values()}):
        ledger = {key: entry._replace(is_charged=periods[key].end <= now) for key, entry in ledger.items()}
        open_ = {key: one for key, one in candidates.items() if key not in passed and not (key in ledger and ledger[key].is_charged)}
        changes, ends, _ = room.look(ledger, open_, caps, now)
        ledger, passed = ledger | changes, passed | ends
    assert {key: bool(why) for key, why in share_plan.obstacles_of(answers, caps).items()} == dict.fromkeys(ledger, False) | dict.fromkeys(
        passed, True
    )


@pytest.mark.usefixtures("few_users")
def test_years_of_who_answers_all():
    """Sixteen of ε a year are all of 64 after four years."""
    assert losses(vendor(8), 1.0, chance()).years == 4


def test_years_until_the_budget_for_life_is_spent():
    """Who is asked nothing never spends it. Users who are drawn for four of forty questions a year need six to nine years."""
    assert losses(vendor(1), 0.001, lambda bound: bound - 1).years == float("inf")
    assert 6 <= losses(vendor(40), 0.11, chance()).years <= 9


def about_one_source(number, *, applications=1, have=0, **change):
    """So many questions about one source."""
    definitions = [
        asking(
            STARTUP._replace(id="org.telemetryd.system/memory"),
            application=APPLICATION._replace(id=f"org.kde.a{place % applications}"),
            **{"id": f"q{place}", **YEAR, **change},
        )
        for place in range(number)
    ]
    return Vendor(definitions, CAPS, have)


@pytest.mark.parametrize(("number", "share"), [(3, 0.21), (4, 0.14), (10, 0.047)])
def test_sources_that_bind_first(number, share):
    """Two answers of ε = 2 about one source have room: with more questions each takes a share so small that hardly anybody has three."""
    (need,) = source_needs(about_one_source(number), 1.0)
    assert (need.source, need.questions, need.exceeded, need.share) == ("org.telemetryd.system/memory", number, pytest.approx(1.0), share)
    assert source_needs(about_one_source(number), share) == []
    assert source_needs(about_one_source(number, share=share), 1.0) == []
    assert source_needs(about_one_source(number), share + 0.02)


def test_exactly_as_many_as_tolerated():
    """A source may be exceeded for exactly the tolerated part of the users: such a share is no problem, and is the one that is told."""
    tight = about_one_source(1)._replace(caps=Caps(10, 160, 640))
    assert source_needs(tight, TOLERATED) == []
    (need,) = source_needs(tight, TOLERATED * 2)
    assert (need.exceeded, need.share) == (TOLERATED * 2, TOLERATED)


def test_sources_with_room():
    """Two questions about a source always have room, and so have those of ten applications of which nobody has more than two."""
    assert source_needs(about_one_source(2), 1.0) == []
    few = source_needs(about_one_source(10, applications=10, have=1), 0.2)
    assert [need.exceeded < 0.001 for need in few] == []


@pytest.mark.parametrize(("applications", "have", "share", "exceeded"), [(3, 0, 0.5, 0.125), (6, 3, 1.0, 0.65625), (4, 1, 1.0, 13 / 256)])
def test_who_has_which_applications(applications, have, share, exceeded):
    """Of a source with room for two answers, the part of the users who have and are drawn for three or more of the questions.

    Each application has one question and is there independently of the others, so these are sums of binomial chances.
    """
    (need,) = source_needs(about_one_source(applications, applications=applications, have=have), share)
    assert (need.questions, need.exceeded) == (applications, pytest.approx(exceeded, abs=1e-12))


def test_nothing_fits():
    """Where one answer alone exceeds the caps, the least share is told."""
    tight = vendor(2)._replace(caps=Caps(10, 10, 10))
    assert fitting_shares(tight, chance()) == (0.001, 0.001)


@pytest.mark.parametrize(("spent", "years"), [([0, 20, 40, 60], 5), ([140, 70, 0], 2), ([100], 2)])
def test_years_of_different_users(spent, years):
    """The median over all beginnings, where the years that follow are those of the users that follow."""
    each = sorted(
        next(n for n in range(1, 99) if sum(spent[(first + year) % len(spent)] for year in range(n)) >= 140) for first in range(len(spent))
    )
    assert share_plan._median_years(spent, 140) == each[len(each) // 2] == years


def test_precision():
    """Reports are users times shares; the margin shrinks with their root."""
    (first, *_) = precisions(vendor(40, share=0.5), 0.11, 10_000)
    assert (first.key, first.reports, first.needed) == (("org.kde.a0", "q0"), pytest.approx(550), 6349)
    assert first.margin == pytest.approx(0.02 * (6349 / 550) ** 0.5)
