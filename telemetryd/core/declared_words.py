"""The words of a declaration (`usage`, `week` …) in the user's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.translation import mark

if TYPE_CHECKING:
    from telemetryd.core.translation import Words

NAMES = {
    "system": mark("system"),
    "usage": mark("usage"),
    "basic": mark("basic"),
    "detailed": mark("detailed"),
    "day": mark("day"),
    "week": mark("week"),
    "month": mark("month"),
    "application": mark("application"),
    "shared": mark("shared"),
    "flag": mark("flag"),
    "choice": mark("choice"),
    "number": mark("number"),
    "count": mark("count"),
}
"""As in a manifest → in running text, in English."""


def translated_word(name: str, words: Words) -> str:
    """A word of a declaration in the form of running text."""
    return words.gettext(NAMES[name])
