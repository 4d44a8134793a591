"""The attacks of linkage.py against what is promised: with as many people as the command has in a campaign, else with a part."""

import fcntl
import os
import pickle
import random
from collections import Counter
from pathlib import Path
from statistics import mean

import pytest
from benchmarks import linkage, linkage_lives, linkage_living
from benchmarks.linkage_answers import mode_is_right
from benchmarks.linkage_attacks import DAY_S, Times, spread_evenly
from benchmarks.linkage_calendars import CLASSES, ZONES, class_of
from benchmarks.linkage_days import Outbox, Seen, Server, life, runs, sessions
from benchmarks.linkage_living import YEARLY, Lived
from benchmarks.linkage_people import HOURS, PERIODS, STARTS, WEEK_S, definitions, owed, person
from benchmarks.linkage_presence import Odds, odds
from benchmarks.linkage_servers import SERVERS, Answering
from support.campaign import IS_CAMPAIGN

from telemetryd.core.limits import HOUR_S
from telemetryd.core.privacy import sampling_lot
from telemetryd.core.sending import schedule
from telemetryd.core.sending.hindrance import Hindrance
from telemetryd.core.sending.schedule import Queued
from telemetryd.core.sending.ticks import first_hour

pytestmark = pytest.mark.timeout(600)

SHARE = 1 if IS_CAMPAIGN else 8
"""One in so many of the people that the command has; whoever looks for a report among fewer finds it as many times as often."""
TRIES = 4000 // SHARE
BOUND = 0.001 * SHARE
SHARE_LIVING = 1 if IS_CAMPAIGN else 20
"""The same of the people who live."""
DOCUMENT = Path(__file__).parents[2] / "docs" / "privacy.md"


@pytest.fixture(scope="module")
def once(tmp_path_factory):
    """Measures what has that name once for all tests of this module, whichever worker they run in."""
    own = tmp_path_factory.getbasetemp()

    def measured(name, measure):
        place = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / name
        with place.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            kept = file.read()
            figures = pickle.loads(kept) if kept else measure()
            if not kept:
                pickle.dump(figures, file)
        return figures

    return measured


@pytest.fixture(scope="module")
def figures(once):
    """The attacks on people of the same hours each day."""
    return once("linkage", lambda: linkage.measure(linkage.PEOPLE // SHARE, tries=TRIES))


@pytest.fixture(scope="module")
def lives(once):
    """The attacks on people who live."""
    return once("lives", lambda: linkage_lives.measure(linkage.PEOPLE // SHARE_LIVING))


def test_content(figures):
    """By content a report is found at most 1.1 k / n of the time in its group, whatever is known beside it. Policy: A1, A3."""
    for asked in figures.content.values():
        assert all(one.success <= 1.1 * one.share and one.worst <= 1.1 for one in asked)
    realistic = figures.content["another report of theirs"]
    blind = mean(one.share / definition.cells for one, definition in zip(realistic, definitions(), strict=True))
    assert mean(one.success for one in realistic) < 3 * blind


def test_time(figures):
    """By time a report is found at most 0.1 % of the time, in each class of hours a day. Policy: A2."""
    for hours in HOURS:
        for kind in linkage.KINDS:
            assert figures.time[(hours, kind), "nearest"] <= BOUND
            assert figures.time[(hours, kind), "second of the minute"] <= BOUND
        assert figures.time[(hours, linkage.KINDS[0]), "time of day"] <= BOUND


def test_time_of_day(figures):
    """By the time of day it holds for the same hours each day too, unless they are too few for any schedule; then it is near the best."""
    reports = sum(figures.groups) / len(definitions())
    best = {hours: spread_evenly(hours, reports) for hours in HOURS}
    assert [hours for hours in HOURS if best[hours] > BOUND] == [0.5, 1]
    for hours in HOURS:
        assert figures.time[(hours, linkage.KINDS[1]), "time of day"] <= max(BOUND, 1.3 * best[hours]) * (1 if IS_CAMPAIGN else 1.2)


def test_spread_evenly():
    """The best that a schedule can do, as calculated, is what the attack finds if reports are spread evenly over people's hours."""
    chance, people, hours = random.Random(1), 2000, 2
    starts = [chance.randrange(DAY_S) for _ in range(people)]
    moments = [start + chance.randrange(hours * HOUR_S) for start in starts]
    table = Times(moments, DAY_S)
    known = [(start + chance.randrange(hours * HOUR_S), own) for start, own in zip(starts, moments, strict=True) for _ in range(40)]
    assert mean(table.success(*one) for one in known) == pytest.approx(spread_evenly(hours, people), rel=0.1)


def test_attack_by_time_finds_what_is_there(figures):
    """The same attack finds reports that leave one after another."""
    assert figures.one_after_another > 0.9


def test_nearest():
    """Success is shared by all that are as near, and nil if another is nearer; a cycle has no end."""
    assert [Times([10, 20, 30]).success(21, own) for own in (10, 20, 30)] == [0, 1, 0]
    assert [Times([10, 20, 30]).success(15, own) for own in (10, 20, 30)] == [0.5, 0.5, 0]
    assert Times([20, 20, 20, 9]).success(20, 20) == pytest.approx(1 / 3)
    assert Times([5, 30, 115], cycle=60).success(59, 65) == 0
    assert Times([5, 30, 115], cycle=60).success(59, 115) == 1
    assert Times([5, 55], cycle=60).success(0, 5) == 0.5
    assert Times([0, 30], cycle=60).success(0, 30) == 0
    assert Times([30, 30], cycle=60).success(0, 30) == 0.5


def test_delivery(figures):
    """At least 97 of 100 reports arrive in each class of hours a day."""
    assert all(part >= 0.97 for part in figures.delivered.values())


def test_membership(figures):
    """Whether a sample was pushed can be told as well as theory says, and no better: p - q of a known report, far less in a group."""
    attributed, unattributed = figures.membership
    assert attributed.is_as_theory
    assert unattributed.is_as_theory
    assert unattributed.theory < attributed.theory / 4


def test_joint_reports(figures):
    """The baseline: ten answers in one report are found again the week after."""
    assert figures.joint[1] > 0.6


def test_averaging(figures):
    """Asking again averages the noise out, but for the ledger, which stops at two answers; the mode of two is right as often as one."""
    for asked in linkage.RENEWALS:
        for has_ledger, answers in ((False, asked), (True, min(asked, 2))):
            theory = mode_is_right(answers)
            error = (theory * (1 - theory) / TRIES) ** 0.5
            assert figures.renewed[asked, has_ledger] == pytest.approx(theory, abs=4 * error)
    assert mode_is_right(16) > 0.99 > mode_is_right(2) == pytest.approx(mode_is_right(1))


def test_thresholds(figures):
    """Sixteen thresholds on one number find its exact bin of 17 in 62 of 100 cases, under the ledger in at most 15."""
    without, with_ledger, _ = figures.thresholds
    assert without == pytest.approx(0.62, abs=0.03)
    assert with_ledger <= 0.15


def test_samples_change_nothing_else(figures):
    """Samples on or off change neither the number, the size nor the times of what is sent. Policy: A3."""
    assert figures.differing == 0
    assert {report.size for number in range(50) for report in life(person(number, 1), 1)} == {1024}


def test_sessions_passed_over():
    """Passing over sessions in which nothing can leave changes nothing: as many reports arrive, as late on the average."""
    lives = {skips: [one for number in range(120) for one in life(person(number, 2), 2, skips=skips)] for skips in (True, False)}
    weeks = {f"2026-W{45 + week}" if week < 9 else f"2027-W{week - 8:02}": STARTS + (week + 1) * WEEK_S for week in range(PERIODS)}
    delays = [[one.arrived - weeks[one.period] for one in sent if one.arrived >= 0] for sent in lives.values()]
    assert [(one.question, one.period, one.cell) for one in lives[True]] == [(one.question, one.period, one.cell) for one in lives[False]]
    assert len(delays[0]) == pytest.approx(len(delays[1]), rel=0.01)
    assert mean(delays[0]) == pytest.approx(mean(delays[1]), abs=10 * 3600)


def test_drawn_as_the_core_draws():
    """What is worked out once for each question changes nothing: whoever owes an answer was drawn by the core, for that period."""
    for number in range(60):
        one, (chance, same) = person(number, 3), (random.Random(number), random.Random(number))
        lots = [(asked, sampling_lot.draw_lot(same.randrange)) for asked in definitions()]
        drawn = {
            place: sampling_lot.drawn_period(asked.question, lot, one.accepted)
            for place, (asked, lot) in enumerate(lots)
            if sampling_lot.takes_part(lot, asked.question.share, 1.0)
        }
        assert {due.question: due.period for due in owed(one, chance)}.items() <= drawn.items()
        assert chance.random() == same.random()


def test_runs_passed_over():
    """Passing over the runs between which nothing happens changes nothing at all."""
    for number in range(60):
        found = []
        for skips in (True, False):
            chance = random.Random(number)
            ticks, states = first_hour(STARTS, chance.randrange), []
            for session in sessions(person(number, 5), random.Random(number))[:10]:
                for state, is_due in runs(session, ticks, chance, skips=skips):
                    ticks = state
                    states += [state] if is_due else []
            found.append((states, ticks))
        assert found[0] == found[1]


def test_one_body(lives):
    """Every server sees the body of each answer at most once, whatever it answers and whenever it breaks off. Policy: A2."""
    assert [row.bodies for row in lives.servers] == [1] * len(SERVERS)


def test_a_second_body_would_be_counted():
    """The count of bodies is the server's: a report that is held after its body came is counted again."""
    server = Answering(schedule.held_delivery(Hindrance.REFUSED))
    linkage_living.lived(1, 1, server)
    assert max(map(len, server.bodies.values())) > 1


def test_hostile_servers(lives):
    """No server finds a report by content more than 1.1 k / n of the time, and no answer or silence moves another report. Policy: A1, A2.

    Who refuses TLS to one address for weeks, and looks only at what came later, finds more: docs/privacy.md says so.
    """
    *promised, with_address = lives.servers
    assert all(part <= 1.1 for row in promised for part in row.content)
    assert with_address.content[0] > 3 * promised[0].content[0]
    accepting, refusing, breaking, slow, held_once, _ = promised
    assert (refusing.moved, breaking.moved) == (0, 0)
    assert accepting.by_both == refusing.by_both == breaking.by_both
    assert all(row.by_both == pytest.approx(accepting.by_both, rel=0.15) for row in (slow, held_once))


def test_people_who_live(lives):
    """At the yearly cap of one host reports of each class arrive as promised, and of the daily classes with all loads."""
    for kind, one in enumerate(CLASSES):
        loads = [lives.yearly[kind, load] for load in YEARLY] + [lives.delivered[kind]]
        assert loads[0].delivered >= one.least
        assert one.least < 0.999 or all(load.delivered >= 0.999 for load in loads)


def test_off_arrives_as_often(lives):
    """At the yearly cap of one host, the part of a period off differs by at most 0.5 points between reports drawn and reports that arrive.

    Casual people, of whom some are on five times as often as others, are not promised that. Few people tell only of classes that lose few.
    """
    for kind, one in enumerate(CLASSES):
        drawn, arrived = lives.yearly[kind, 8].off_parts
        assert abs(drawn - arrived) <= 0.005 or not (one.least or (IS_CAMPAIGN and one.hours))


def test_population():
    """The parts of the classes and of the time zones add up to all people, and each hundred people have them."""
    assert sum(one.part for one in CLASSES) == sum(ZONES.values()) == 100
    assert Counter(map(class_of, range(100, 200))) == {kind: one.part for kind, one in enumerate(CLASSES)}


def test_presence(lives):
    """The week of arrival multiplies the odds that a machine was off in all the period by at most 3, but if it is on in strict periods."""
    found = {one.name: odds for one, odds in zip(CLASSES, lives.odds, strict=True) if odds}
    assert len(found) >= 8
    assert all(odds.up <= 3 for name, odds in found.items() if not name.startswith("every 14th day"))


def test_one_moment(lives):
    """Who saw a machine on finds nothing of those that are always on; the less a machine is on, the more."""
    factors = {one.name: lives.moments[kind, "nearest"][1] for kind, one in enumerate(CLASSES)}
    assert factors["always on"] < 1.5
    assert 1.5 < factors["daily, evenings, about 4 h"] < factors["weekends, about 3 h"] < factors["a fixed day a week, about 2 h"]


def test_living_sessions_passed_over():
    """Passing over sessions in which nothing can leave changes nothing for people who live: as many reports arrive, as late."""
    found = []
    for skips in (True, False):
        delays, owed = [], 0
        for number in range(60, 120):
            life = linkage_living.begin(number, 4)
            windows = [schedule.window(due.period.start, due.period.end) for due in life.dues]
            queue = [Queued(id_, one, schedule.slot(one, life.chance.randrange)) for id_, one in enumerate(windows)]
            server = Server()
            linkage_living.run(life.days, Outbox(queue, server, life.chance), life.chance, skips=skips)
            delays += [moments[0] - windows[id_].start for id_, moments in server.bodies.items()]
            owed += len(windows)
        found.append((len(delays) / owed, mean(delays)))
    assert found[0][0] == pytest.approx(found[1][0], abs=0.02)
    assert found[0][1] == pytest.approx(found[1][1], abs=24 * 3600)


def test_odds():
    """The odds of off are found where they differ by the week, and only there."""

    def report(week, was_off):
        window = schedule.window(STARTS, STARTS + WEEK_S)
        return Lived(Seen(0, 0, 0, "2026-W45", 0, window.start + (week - 1) * WEEK_S, 1024), 0, window, was_off, 0)

    even = [report(week, was_off) for week in (1, 2, 3) for was_off in [True] * 100 + [False] * 300]
    assert odds(even) == Odds(1.0, "3", 1.0, "1")
    found = odds(even + [report(4, True)] * 300 + [report(4, False)] * 100)
    assert (found.up_weeks, found.up) == ("4", pytest.approx(3 / (600 / 1000)))
    assert found.down == pytest.approx((1 / 3) / (600 / 1000))
    assert odds([report(1, False)] * 1000) is None


def test_document(figures, lives):
    """docs/privacy.md has the tables that the command prints: the same rows, in the same order, and the command."""
    text = DOCUMENT.read_text()
    written = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    tables = [(linkage.HEADS, linkage.rows(figures)), (linkage.TIME_HEADS, linkage.time_rows(figures)), *linkage_lives.tables(lives)]
    assert written == [row[0] for heads, rows in tables for row in (heads, ("---",), *rows)]
    assert "python tests/benchmarks/linkage.py" in text
