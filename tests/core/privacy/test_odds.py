"""What answers reveal, in words."""

import pytest
from support.manifests.core_questions import STARTUP, asking

from telemetryd.core.privacy.odds import Revealed, factor, sentences
from telemetryd.describe.sentences import describe


def test_one_answer():
    """One answer of ε = 2 multiplies odds by at most e² = 7.389. The sentence rounds up, and says what even odds become."""
    assert sentences(Revealed(2.0, 0, 2.0, 1)) == (
        "Your answer can change anyone's odds about you by a factor of 7.4 at most. "
        "Someone who gave it even odds before could become up to 88 % sure."
    )


def test_several_answers():
    """Two linked answers multiply odds by e⁴ = 54.6, and the sentence for one of them keeps its own bound."""
    text = sentences(Revealed(2.0, 2.0, 2.0, 2))
    assert text.startswith("Each answer can change anyone's odds about you by a factor of 7.4 at most")
    assert text.endswith("Then the factors multiply, to 55 at most.")


def test_answers_that_are_held():
    """What is spent and what is only held add up."""
    assert sentences(Revealed(1.0, 2.0, 2.0, 2)).endswith(f"to {factor(3.0)} at most.")


def test_answers_of_an_application():
    """What all answers of an application tell of its use is added up, and said to be without a limit of its own."""
    text = sentences(Revealed(2.0, 2.0, 2.0, 2, "org.kde.kate"))
    assert "whether you use it at all, by a factor of 55 at most. This has no limit of its own" in text


@pytest.mark.parametrize("application", ["", "org.kde.kate"])
def test_promised(application):
    """Where nothing was told yet the sentence says so first; where anything was, it does not."""
    promised = "Nothing of this was told yet, it is only promised. "
    assert sentences(Revealed(0, 2.0, 2.0, 1, application)).startswith(promised)
    assert promised not in sentences(Revealed(2.0, 2.0, 2.0, 2, application))


@pytest.mark.parametrize(
    ("epsilon", "text"), [(0.1, "1.2"), (0.5, "1.7"), (2.0, "7.4"), (2.3, "10.0"), (2.4, "12"), (4.6, "100"), (16.0, "8,900,000")]
)
def test_factors_are_rounded_up(epsilon, text):
    """A bound is never rounded down."""
    assert factor(epsilon) == text


@pytest.mark.parametrize("epsilon", [0.1, 0.5, 1.0, 1.5, 2.0, 2.4, 3.0, 4.0])
def test_question_and_ledger_say_the_same_factor(epsilon):
    """The factor that a user reads before a yes is the one that the ledger shows afterwards."""
    bound = f"by a factor of {factor(epsilon)} at most"
    assert bound in describe(asking(STARTUP, epsilon=epsilon)).protection
    assert bound in sentences(Revealed(epsilon, 0, epsilon, 1))


def test_no_answer_has_no_words():
    """A line without answers has no sentence."""
    assert sentences(Revealed(0, 0, 0, 0)) == ""
