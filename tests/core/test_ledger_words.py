"""The sentences about sums: which answers they count, and how their bounds are rounded."""

from decimal import Decimal

from telemetryd.core.ledger import Charge, Line, words

HOST = "telemetry.example.org"


def answer(tenths, host=HOST, year=2026):
    """An answer to a host."""
    return Charge(host, year, tenths, ("org.kde.kate/startup",))


def words_of(line, *answers):
    """The words of a line beside these answers."""
    return words(line, {("a.b.c", str(number)): answer for number, answer in enumerate(answers)})


def test_factors_have_two_digits():
    """A bound is the least number of two digits that is no less than e to the ε, for every sum under the cap for life."""
    for tenths in range(1, 641):
        factor = (Decimal(tenths) / 10).exp()
        bound = Decimal(words_of(Line(HOST, "", 0, tenths, 0, 640), answer(tenths)).split("at most ")[1].split(" (")[0].replace(",", ""))
        unit = Decimal(10) ** max(factor.adjusted() - 1, -1)
        assert bound - unit < factor + Decimal("0.001"), tenths
        assert factor <= bound, tenths


def test_words_count_the_answers_to_their_host_only():
    """Answers to hosts that sort before or behind a line's host are not in its words, and neither are those of another year."""
    answers = [answer(20), answer(30, "a.example"), answer(30, "z.example"), answer(30, "z.example", 2027)]
    for host, year, begin in ((HOST, 0, "This answer"), ("a.example", 2026, "This"), ("z.example", 0, "Each"), ("z.example", 2027, "This")):
        assert words_of(Line("".join(list(host)), "", year, 0, 30, 640), *answers).startswith(begin)
