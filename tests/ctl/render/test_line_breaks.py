"""Where lines break, and how wide they are."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.ctl.render.line_breaks import padded, width, wrapped

WORD = "org.example.a-very-long-name.of-an-application.Editor/startup-time"


@pytest.mark.parametrize("columns", [10, 40, 80])
def test_words_are_whole(columns):
    """An id, a path or a URL is in one piece, however narrow the terminal; what follows goes on in the next line."""
    lines = wrapped(f"it asks {WORD} twice", columns)
    assert [line for line in lines if WORD in line]
    assert " ".join(lines) == f"it asks {WORD} twice"
    assert all(width(line) <= columns or WORD in line for line in lines)


def test_commands_are_whole():
    """A command in backticks, with the brackets around it, stays on one line, so that it can be copied."""
    command = "(`telemetryctl show org.kde.kate`),"
    assert command in wrapped(f"one question waits for you {command} and others do not", 34)


@pytest.mark.parametrize("pair", ["500 ms", "88 %", "500\u00a0furlongs", "2\u202fGiB", "8\u00a0週", "6 % "])
def test_a_number_keeps_its_unit(pair):
    """A line breaks before a number, never between the number and its unit."""
    for columns in range(12, 40):
        assert any(pair.strip() in line for line in wrapped(f"some words that are before {pair} and some after", columns))


def test_other_numbers_break():
    """What follows a number is a unit only if it is one."""
    assert wrapped("there are 4 possible answers", 11) == ["there are 4", "possible", "answers"]


def test_japanese_breaks_between_characters():
    """Without blanks a line breaks between characters, but not before a closing one, a small one, or behind an opening one."""
    assert wrapped("質問を承諾しますか", 8) == ["質問を承", "諾します", "か"]
    assert wrapped("質問です。次の質問", 8) == ["質問で", "す。次の", "質問"]
    assert wrapped("質問は「はい」です", 8) == ["質問は", "「はい」", "です"]
    assert wrapped("このチェック", 8) == ["この", "チェック"]
    assert width("質問 2") == 6
    assert padded("質問", 6) == "質問  "


@given(st.text(alphabet="ab .-/0%ms質問。「」\u05d0\u0645\u00a0`", max_size=60), st.integers(8, 30))
def test_nothing_is_lost(text, columns):
    """Wrapping changes blanks only."""
    assert re.sub(r"\s", "", "".join(wrapped(text, columns))) == re.sub(r"\s", "", text)


def test_isolates_end_with_their_line():
    """A terminal lays out each line by itself, so what is isolated is isolated in each of its lines."""
    lines = wrapped("a \u2066one two \u2067three\u2069 four\u2069 b", 8)
    assert len(lines) > 2
    for line in lines:
        assert len(re.findall("[\u2066\u2067]", line)) == line.count("\u2069")
    assert "".join(lines).count("\u2067") == 1


def test_marks_take_no_columns():
    """Accents, joiners and isolates take no column."""
    assert (width("e\u0301"), width("\u2066ab\u2069"), width("\u0645\u06cc\u200c\u062e\u0648")) == (1, 2, 4)


@pytest.mark.parametrize("name", ["org.kde.kate/startup", "/usr/share/telemetryd", "Kate"])
def test_japanese_breaks_before_a_name(name):
    """Behind a Japanese comma a line may break before a name or a path, which stays whole; small kana stay where they are."""
    assert wrapped(f"ここ、{name}", width(name) + 2) == ["ここ、", name]
    assert wrapped("四つのファイル", 8) == ["四つの", "ファイル"]
