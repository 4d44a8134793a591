"""The sentences about sums: which answers they count, and how their bounds are rounded."""

from decimal import Decimal

from telemetryd.core.privacy.ledger import Charge, Line, revealed
from telemetryd.core.privacy.odds import factor, sentences

HOST = "telemetry.example.org"


def answer(tenths, host=HOST, year=2026):
    """An answer to a host."""
    return Charge(host, year, tenths, ("org.kde.kate/startup",))


def words_of(line, *answers):
    """The words of a line beside these answers."""
    return sentences(revealed(line, {("a.b.c", str(number)): answer for number, answer in enumerate(answers)}))


def test_factors_have_two_digits():
    """A bound is the least number of two digits that is no less than e to the ε, for every sum under the cap for life."""
    for tenths in range(1, 641):
        exact = (Decimal(tenths) / 10).exp()
        bound = Decimal(factor(tenths / 10).replace(",", ""))
        unit = Decimal(10) ** max(exact.adjusted() - 1, -1)
        assert bound - unit < exact + Decimal("0.001"), tenths
        assert exact <= bound, tenths


def test_words_count_the_answers_to_their_host_only():
    """Answers to hosts that sort before or behind a line's host are not in its words, and neither are those of another year."""
    answers = [answer(20), answer(30, "a.example"), answer(30, "z.example"), answer(30, "z.example", 2027)]
    for host, year, begin in ((HOST, 0, "Your answer"), ("a.example", 2026, "Your"), ("z.example", 0, "Each"), ("z.example", 2027, "Your")):
        assert words_of(Line("".join(list(host)), "", year, 30, 0, 640), *answers).startswith(begin)
