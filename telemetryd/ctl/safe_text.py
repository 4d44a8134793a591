"""Makes foreign texts safe for a terminal."""

from __future__ import annotations

import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def printable(text: str) -> str:
    """The text without characters that control a terminal or change the direction of writing."""
    return "".join(_REPLACEMENT if unicodedata.category(character) in _UNPRINTABLE else character for character in text)


def one_line(text: str) -> str:
    """The printable text on one line."""
    return printable(" ".join(text.split()))
