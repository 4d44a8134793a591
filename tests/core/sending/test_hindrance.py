"""What the stored words for undelivered reports mean to the user."""

from telemetryd.core.limits import DAY_S
from telemetryd.core.sending.hindrance import Hindrance, error_of_last_try, error_word, is_problem, sentence, with_try

LATER = "a-word-of-a-later-version"


def test_whose_fault_it_is():
    """What somebody has to repair has a sentence; the network has none, and a word of a later version names none."""
    told = {word: sentence(word) for word in Hindrance}
    assert told[Hindrance.CA_FILE] == "this file cannot be read, or holds no certificate"
    assert sentence(LATER) == ""
    assert {word for word in Hindrance if is_problem(word)} == {word for word, text in told.items() if text}
    assert is_problem(LATER)


def test_last_try():
    """The last of several tries is told, by its day; one day has one try, the last."""
    tries = ()
    for day, word in ((3, Hindrance.NAME), (1, Hindrance.KEYS), (2, Hindrance.EXPIRED), (3, Hindrance.STRICT)):
        tries = with_try(tries, day * DAY_S + 5, word)
    assert [when // DAY_S for when, _ in tries] == [1, 2, 3]
    assert error_of_last_try(tries) == (3 * DAY_S, "tls-authority")
    assert error_of_last_try(()) is None


def test_error_word():
    """A status is an error of its own, whatever was noted before; without a hindrance there is none."""
    assert error_word(Hindrance.NAME, "rejected") == "status"
    assert error_word(Hindrance.NAME, "unknown") == "tls-name"
    assert error_word("", "accepted") == ""
