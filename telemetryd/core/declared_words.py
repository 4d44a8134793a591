"""The words of a declaration (`usage`, `week` …) as they stand in sentences, in the person's language."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.translation import mark

if TYPE_CHECKING:
    from telemetryd.core.translation import Words

_NAMES = {
    "system": mark("system"),
    "usage": mark("usage"),
    "basic": mark("basic"),
    "detailed": mark("detailed"),
    "day": mark("day"),
    "week": mark("week"),
    "month": mark("month"),
    "uniform": mark("uniform"),
    "first": mark("first"),
    "application": mark("application"),
    "shared": mark("shared"),
    "flag": mark("flag"),
    "choice": mark("choice"),
    "number": mark("number"),
    "count": mark("count"),
}


def named(name: str, words: Words) -> str:
    """A word of a declaration (`usage`, `week` …) as it stands in a sentence."""
    return words.gettext(_NAMES[name])
