from fractions import Fraction

import pytest

from telemetryd.analysis.channel import channel
from telemetryd.core.privacy.noise import exp_thousandths


@pytest.mark.parametrize("epsilon", [tenths / 10 for tenths in range(1, 41)])
def test_probabilities_are_exact(epsilon):
    """For every ε and number of answers: all probabilities make one, and truth to lie is as e^ε rounded down, not as a float."""
    for cells in range(2, 33):
        truth, lie = channel(cells, epsilon)
        assert truth + (cells - 1) * lie == 1
        assert truth / lie == Fraction(exp_thousandths(epsilon), 1000)


def test_without_noise():
    """A report without ε arrives as it was."""
    assert channel(4, None) == (1, 0)
    assert channel(4, None).gain == 1
