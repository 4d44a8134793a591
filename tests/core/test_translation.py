"""The source language, and how sentences and numbers are put together in any language."""

import pytest

from telemetryd.core.translation import ENGLISH, counted, decimal, joined, mark, mark_plural, with_unit


class Marked:
    """A language that says whether a message was translated, and has a comma before decimals."""

    def gettext(self, message):
        """The message in brackets."""
        return f"[{message}]"

    def ngettext(self, singular, plural, count):
        """A plural for none and several."""
        return self.gettext(singular if count == 1 else plural)

    def pgettext(self, context, _message):
        """What stands between sentences and before decimals."""
        return {"two sentences": "{one}{other}", "before decimals": ","}[context]


@pytest.mark.parametrize(("number", "text"), [(0, "0 weeks"), (1, "1 week"), (2, "2 weeks"), (11, "11 weeks"), (21, "21 weeks")])
def test_english_numbers(number, text):
    """English has the singular for one thing alone, and the plural for none and several."""
    assert counted(mark_plural("{number} week", "{number} weeks"), number, ENGLISH) == text


def test_english_is_the_text_of_the_code():
    """English texts are the messages themselves, whatever their context."""
    assert [ENGLISH.gettext("Off"), ENGLISH.pgettext("a level", "Off"), mark("Off")] == ["Off"] * 3


def test_the_language_says_what_stands_between():
    """Sentences, decimals and plurals are put together as the language does it. Empty sentences leave no gap."""
    assert joined(["One.", "", "Two.", "Three."], ENGLISH) == "One. Two. Three."
    assert joined(["One.", "", "Two.", "Three."], Marked()) == "One.Two.Three."
    assert [decimal("0.25", words) for words in (ENGLISH, Marked())] == ["0.25", "0,25"]
    assert counted(("{number} week", "{number} weeks"), 2, Marked()) == "[2 weeks]"


def test_no_line_breaks_before_a_unit():
    """A number and its unit stay in one line, and a number without a unit has no space behind it."""
    assert [with_unit("5", "s"), with_unit("5", "")] == ["5\N{NO-BREAK SPACE}s", "5"]
