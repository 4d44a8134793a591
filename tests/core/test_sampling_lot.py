"""The draw of the users and of their periods."""

from datetime import date

from harness import KATE_2026
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.definition import Draw
from telemetryd.core.period import whole_periods
from telemetryd.core.sampling_lot import Lot, draw_lot, drawn_period, takes_part
from telemetryd.toml import manifest

QUESTION = manifest.parse(KATE_2026.replace('draw = "first"', 'draw = "uniform"')).definitions[0].question
PERIODS = whole_periods(QUESTION.period, QUESTION.starts, QUESTION.ends)
LAST = 2**64 - 1


def test_numbers_have_64_bits():
    """Both numbers are drawn below 2⁶⁴, in order."""
    asked = []
    assert draw_lot(lambda bound: asked.append(bound) or len(asked)) == Lot(1, 2)
    assert asked == [2**64, 2**64]


def test_share():
    """Exactly the users whose first number is below share · 2⁶⁴ take part."""
    assert takes_part(Lot(LAST, 0), 1.0)
    assert takes_part(Lot(2**62 - 1, 0), 0.25)
    assert not takes_part(Lot(2**62, 0), 0.25)
    assert not takes_part(Lot(int(0.1 * 2**64) + 2048, 0), 0.1)


def test_periods_are_drawn_evenly():
    """Equal parts of the second number lead to each of the periods: the first number to the first, the last to the last."""
    step = 2**64 // len(PERIODS)
    drawn = [drawn_period(QUESTION, Lot(0, number * step + step // 2), 0) for number in range(len(PERIODS))]
    assert drawn == list(PERIODS)
    assert drawn_period(QUESTION, Lot(0, 0), 0) == PERIODS[0]
    assert drawn_period(QUESTION, Lot(0, LAST), 0) == PERIODS[-1]


@given(st.integers(0, LAST), st.integers(PERIODS[0].start - 10**6, PERIODS[-1].end + 10**6))
def test_acceptance_never_moves_the_period(number, accepted):
    """Who accepts late has the period that was drawn, or none if it had begun: late-comers do not pile up at the end."""
    anyway = drawn_period(QUESTION, Lot(0, number), 0)
    period = drawn_period(QUESTION, Lot(0, number), accepted)
    assert period == (anyway if anyway.start > accepted else None)


def test_first():
    """`first` is the first whole period after the acceptance, whatever was drawn; one that begins that second had begun."""
    first = QUESTION._replace(draw=Draw.FIRST)
    assert drawn_period(first, Lot(0, LAST), PERIODS[3].start - 1) == PERIODS[3]
    assert drawn_period(first, Lot(0, LAST), PERIODS[3].start) == PERIODS[4]
    assert drawn_period(first._replace(ends=date(2026, 1, 20)), Lot(0, 0), PERIODS[9].start) is None
