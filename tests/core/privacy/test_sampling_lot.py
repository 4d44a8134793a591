"""The random assignment of users and of their periods."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from support.engine_flow import KATE_2026

from telemetryd.core.answers.period import whole_periods
from telemetryd.core.privacy.sampling_lot import Lot, draw_lot, drawn_period, takes_part
from telemetryd.toml import manifest

QUESTION = manifest.parse(KATE_2026).definitions[0].question
PERIODS = whole_periods(QUESTION.period, QUESTION.starts, QUESTION.ends)
LAST = 2**64 - 1


def test_numbers_have_64_bits():
    """All three numbers are drawn below 2⁶⁴, in order."""
    bounds = []
    assert draw_lot(lambda bound: bounds.append(bound) or len(bounds)) == Lot(1, 2, 3)
    assert bounds == [2**64, 2**64, 2**64]


def test_share():
    """Exactly the users whose first number is below share · 2⁶⁴ take part."""
    assert takes_part(Lot(LAST, 0, 0), 1.0, 1.0)
    assert takes_part(Lot(2**62 - 1, 0, 0), 0.25, 1.0)
    assert not takes_part(Lot(2**62, 0, 0), 0.25, 1.0)
    assert not takes_part(Lot(int(0.1 * 2**64) + 2048, 0, 0), 0.1, 1.0)


@given(st.sampled_from([0.01, 0.1, 0.46, 0.5, 1.0]), st.sampled_from([0.01, 0.3, 0.74, 1.0]), st.integers(0, LAST))
def test_share_of_the_endpoint(share, endpoint_share, part):
    """The shares of question and endpoint are multiplied exactly; a smaller share admits a part of those whom a larger share admits."""
    is_drawn = takes_part(Lot(part, 0, 0), share, endpoint_share)
    assert is_drawn == (Fraction(part) < int(Fraction(str(share)) * Fraction(str(endpoint_share)) * 2**64))
    assert takes_part(Lot(part, 0, 0), share, 1.0) or not is_drawn


def test_periods_are_drawn_evenly():
    """Equal parts of the second number lead to each of the periods: the first number to the first, the last to the last."""
    step = 2**64 // len(PERIODS)
    periods = [drawn_period(QUESTION, Lot(0, number * step + step // 2, 0), 0) for number in range(len(PERIODS))]
    assert periods == list(PERIODS)
    assert drawn_period(QUESTION, Lot(0, 0, 0), 0) == PERIODS[0]
    assert drawn_period(QUESTION, Lot(0, LAST, 0), 0) == PERIODS[-1]


@given(st.integers(0, LAST), st.integers(PERIODS[0].start - 10**6, PERIODS[-1].end + 10**6))
def test_acceptance_never_moves_the_period(number, accepted):
    """A late user gets the drawn period, or none if it had begun, so late users do not pile up at the end."""
    anyway = drawn_period(QUESTION, Lot(0, number, 0), 0)
    period = drawn_period(QUESTION, Lot(0, number, 0), accepted)
    assert period == (anyway if anyway.start > accepted else None)
