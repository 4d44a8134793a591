"""What selection.py promises of who is asked, with fewer users and in fewer orders than the command has."""

from pathlib import Path
from statistics import mean

import pytest
from benchmarks import selection
from benchmarks.selection import AT_ONCE, agreement, agreement_about_a_fact, bias, chi_square, evenly, evenness, planned_for, step
from benchmarks.selection_people import (
    ACCEPTANCES,
    BEFORE,
    CAPS,
    FOREVER,
    PUBLICATIONS,
    YEAR_S,
    candidate_of,
    chance_of,
    fit_together,
    lots_of,
    published,
)

from telemetryd.core.privacy import room

HEAVY, ANSWERS = 5000, 15_000
POINTS = 0.01
IN_TURN = "one after another, for a week each"
DOCUMENT = Path(__file__).parents[2] / "docs" / "for-vendors.md"

pytestmark = pytest.mark.timeout(300)


@pytest.mark.parametrize("acceptance", ["by alphabet", "heavy users join late"])
def test_nobody_is_left_out(acceptance):
    """With the share of `plan`, heavy users are in the reports of each question as they are among those drawn: within 0.5 points."""
    found = bias(AT_ONCE, acceptance, HEAVY, planned_for(AT_ONCE))
    assert len(found.differences) == 40
    assert abs(found.worst) <= 0.5 * POINTS


@pytest.mark.parametrize("publication", [IN_TURN, "at random, for a random time"])
def test_nobody_is_left_out_of_what_is_published_later(publication):
    """With the share that `plan` says for it, the same holds where questions are published in the course of the year."""
    assert abs(bias(publication, "by alphabet", HEAVY, planned_for(publication)).worst) <= 0.5 * POINTS


def test_the_share_for_questions_published_together_leaves_out_users_of_later_ones():
    """With the other share the last questions of the year are off by more: the measure finds it."""
    assert bias(IN_TURN, "by alphabet", HEAVY // 2, selection.TOGETHER).worst < -1 * POINTS


def test_everybody_at_share_1():
    """At share 1 heavy users are under-represented by some 25 points: the same measure finds what is there."""
    assert mean(bias(AT_ONCE, "by alphabet", 200, 1.0).differences) == pytest.approx(-25 * POINTS, abs=3 * POINTS)


def test_no_step_at_the_new_year():
    """Where the truth does not change no trend is seen at the New Year. At share 1 the same measure finds a step."""
    found = step(False, 1000, None)
    assert len(found.chances) == 20
    assert min(found.chances) > 0.0005
    assert abs(mean(found.steps)) < 1 * POINTS
    assert mean(step(False, 400, 1.0).steps) > 1 * POINTS


def test_evenly():
    """Users who accept in alphabetical order answer each question equally often."""
    counts = evenly(1000)
    assert sum(counts) == 8 * 1000
    assert evenness(counts, [8] * 1000) > 1e-4


def test_evenness():
    """Counts are judged by the distribution of chi-square: 54.6 is exceeded in 5 % of cases with 39 degrees, 9.49 with 4; 0 always."""
    assert chi_square(54.572, 39) == pytest.approx(0.05, abs=1e-5)
    assert chi_square(9.4877, 4) == pytest.approx(0.05, abs=1e-5)
    assert chi_square(0, 39) == 1
    assert evenness([400] * 38 + [280, 520], [8] * 2000) < 1e-4
    assert evenness([2000] * 8 + [0] * 32, [8] * 2000) < 1e-4


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
@pytest.mark.parametrize("is_late", [False, True])
def test_what_fits_together_is_answered(share, is_late):
    """Where all that a user is drawn for fits together, the core gives room to all of it; where it does not, to less."""
    found, questions = [], published(AT_ONCE, share)
    for number in range(100):
        rng = chance_of((number, share))
        lots = list(lots_of(questions, rng))
        candidates = {asked.key: candidate_of(asked, lot, BEFORE + rng(YEAR_S) if is_late else 0)[1] for asked, lot in lots}
        candidates = {key: one for key, one in candidates.items() if one.accepted < one.begins}
        held = room.look({}, candidates, CAPS, FOREVER).changes
        assert (len(held) == len(candidates)) is fit_together(candidates.values())
        found.append(fit_together(candidates.values()))
    assert True in found
    assert False in found or share == 0.1


@pytest.mark.parametrize("asked", [(9, 1, 0), (40, 10, 0)])
def test_plan(asked):
    """`plan` says within 0.2 points what the daemon's rule does with other users."""
    found = agreement(*asked, ANSWERS)
    assert abs(found.simulated - found.planned) <= 0.2 * POINTS


@pytest.mark.parametrize("asked", selection.ONE_FACT[1::2])
def test_plan_about_one_fact(asked):
    """With the share that `plan` says for questions about one fact, one user in a hundred loses an answer, within 0.2 points."""
    found = agreement_about_a_fact(*asked, 2 * ANSWERS)
    assert abs(found.simulated - found.planned) <= 0.2 * POINTS


def test_document():
    """docs/for-vendors.md has the tables that the command prints: the same rows in the same order, and the command."""
    text = DOCUMENT.read_text()
    written = [tuple(cell.strip() for cell in line.split("|")[1:3]) for line in text.splitlines() if line.startswith("| ")]
    heads = [selection.BIAS_HEADS, selection.STEP_HEADS, selection.PLAN_HEADS]
    assert [head[:2] for head in heads] == [row for row in written if row in {head[:2] for head in heads}]
    orders = [(publication, acceptance) for publication in PUBLICATIONS for acceptance in ACCEPTANCES]
    orders += [(publication, "by alphabet") for publication in [*PUBLICATIONS][1:]] + [
        (publication, "by alphabet") for publication in PUBLICATIONS
    ]
    assert [row for row in written if row in set(orders)] == orders
    assert "python tests/benchmarks/selection.py" in text
