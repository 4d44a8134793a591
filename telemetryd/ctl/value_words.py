"""Values of Control1 in words; a value that this version does not know is shown as it is, never guessed."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core.translation import mark

if TYPE_CHECKING:
    from collections.abc import Iterable

AXES = ("System", "Usage")
"""The two axes of consent, as their properties are called."""
OFF = 0
LEVELS = {0: mark("off"), 1: mark("basic"), 2: mark("detailed")}
OWN_LEVELS = LEVELS | {3: mark("inherit")}
"""Levels of one application; 3 follows the global one."""
NEW_QUESTIONS = {0: "refuse", 1: "ask", 2: "accept"}
CONSENTS = {0: mark("undecided"), 1: mark("accepted"), 2: mark("refused")}
ABSENT = ("gone", "unreadable")
"""Kinds of applications that declare nothing now: what is kept of them is listed."""
STATES = (
    mark("unreviewed"),
    mark("pending"),
    mark("waiting"),
    mark("active"),
    mark("reporting"),
    mark("answered"),
    mark("passed"),
    mark("expired"),
    mark("stopped"),
    mark("suspended"),
    mark("refused"),
)
"""Where a question can stand."""

_DAY_S = 86_400
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def word(names: dict[int, str], value: int) -> str:
    """The word for an enumerated value; one that a newer daemon knows is shown as its number."""
    return names.get(value, f"unknown ({value})")


def number(names: dict[int, str], name: str) -> int:
    """The value that a word stands for."""
    return next(value for value, one in names.items() if one == name)


def known_level(value: int) -> int:
    """A level as it counts: one that this version does not know is off."""
    return value if value in LEVELS else OFF


def day(unix: int) -> str:
    """A time (Unix s, 0 = never) as a date: the local one, but for times that are cut to the day, which is a day in UTC."""
    if not unix:
        return "never"
    zone = UTC if unix % _DAY_S == 0 else None
    try:
        return datetime.fromtimestamp(unix, UTC).astimezone(zone).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"unknown ({unix})"


def printable(text: str) -> str:
    """A text that others wrote, fit for a terminal: nothing in it moves the cursor, colours the screen or turns the writing around."""
    return "".join(_REPLACEMENT if unicodedata.category(one) in _UNPRINTABLE else one for one in text)


def one_line(text: str) -> str:
    """The same, on one line."""
    return printable(" ".join(text.split()))


def counted(count: int, noun: str) -> str:
    """A number with its noun: `1 question`, `2 questions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def listed(parts: Iterable[str]) -> str:
    """An enumeration as it is said: `a`, `a and b`, `a, b and c`."""
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
