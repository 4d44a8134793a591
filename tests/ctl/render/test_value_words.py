import time
from datetime import UTC, datetime

import pytest

from telemetryd.core.definition import Detail
from telemetryd.core.permission.gate import ACCEPT_KNOWN, ASK, INHERIT, REFUSE_SILENTLY
from telemetryd.ctl import safe_text
from telemetryd.ctl.render import value_words


def test_words_are_those_of_the_core():
    """The words for levels and for new questions stand for the numbers that the daemon means."""
    assert {value_words.LEVELS[detail] for detail in Detail} == {detail.name.lower() for detail in Detail}
    assert value_words.OWN_LEVELS[INHERIT] == "inherit"
    assert value_words.NEW_QUESTIONS == {REFUSE_SILENTLY: "refuse", ASK: "ask", ACCEPT_KNOWN: "accept"}
    assert [value_words.number(value_words.OWN_LEVELS, name) for name in value_words.OWN_LEVELS.values()] == [0, 1, 2, 3]


@pytest.mark.parametrize("names", [value_words.LEVELS, value_words.OWN_LEVELS, value_words.NEW_QUESTIONS, value_words.CONSENTS])
def test_unknown_value_is_shown_as_it_is(names):
    """A value that a newer daemon knows is printed as a number, and counts as off where a level is meant."""
    assert value_words.word(names, 9) == "unknown (9)"
    assert (value_words.known_level(9), value_words.known_level(3), value_words.known_level(2)) == (0, 0, 2)


@pytest.fixture
def new_york(monkeypatch):
    """A person west of Greenwich, whose day begins later."""
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("new_york")
def test_days():
    """A time is the day in UTC, as in every sentence about days, west of Greenwich too; 0 is never."""
    evening = int(datetime(2026, 11, 25, 1, 30, tzinfo=UTC).timestamp())
    cut = int(datetime(2026, 11, 25, tzinfo=UTC).timestamp())
    assert (value_words.day(evening), value_words.day(cut), value_words.day(0)) == ("2026-11-25", "2026-11-25", "never")


def test_day_beyond_the_calendar():
    """A time that no calendar holds does not end the command."""
    assert value_words.day(2**64 - 1) == f"unknown ({2**64 - 1})"


@pytest.mark.parametrize("bad", ["\x1b[31m", "\x07", "\x9b", "\u202e", "\u2028", "\x7f", "\ud800"])
def test_unprintable_is_replaced(bad):
    """Nothing that moves the cursor, colours, rings or turns the writing around gets through."""
    output = safe_text.one_line(f"a{bad}b")
    assert output.isprintable()
    assert output.startswith("a")
    assert output.endswith("b")


def test_text_survives():
    """Other languages' letters are left alone, line ends become blanks."""
    assert safe_text.one_line("Größe,\n 起動  時間") == "Größe, 起動 時間"


def test_enumerations():
    """Counts and lists read like sentences."""
    assert [value_words.count_phrase(count, "question") for count in (0, 1, 2)] == ["0 questions", "1 question", "2 questions"]
    assert [value_words.join_with_and("abc"[:length]) for length in (1, 2, 3)] == ["a", "a and b", "a, b and c"]
