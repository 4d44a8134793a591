"""Values of Control1 in words; an unknown value is shown as its number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.core.translation import mark

if TYPE_CHECKING:
    from collections.abc import Iterable

AXES = ("System", "Usage")
"""The two axes of consent, by the names of their properties."""
OFF = 0
LEVELS = {0: mark("off"), 1: mark("basic"), 2: mark("detailed")}
OWN_LEVELS = LEVELS | {3: mark("inherit")}
"""Levels of one application; 3 follows the global level."""
NEW_QUESTIONS = {0: "refuse", 1: "ask", 2: "accept"}
CONSENTS = {0: mark("undecided"), 1: mark("accepted"), 2: mark("refused")}
ABSENT = ("gone", "unreadable")
"""Kinds of applications that declare nothing now; they are listed because something is kept of them."""
STATES = {
    "unreviewed": mark("unreviewed"),
    "pending": mark("pending"),
    "waiting": mark("waiting"),
    "active": mark("active"),
    "reporting": mark("reporting"),
    "answered": mark("answered"),
    "passed": mark("not answered"),
    "expired": mark("expired"),
    "stopped": mark("stopped"),
    "suspended": mark("suspended"),
    "refused": mark("refused"),
}
"""The states of a question, in words."""

_DAY_S = 86_400


def word(names: dict[int, str], value: int) -> str:
    """The word for an enumerated value; an unknown value is shown as its number."""
    return names.get(value, f"unknown ({value})")


def number(names: dict[int, str], name: str) -> int:
    """The value of a word."""
    return next(value for value, known in names.items() if known == name)


def known_level(value: int) -> int:
    """The level; an unknown level counts as off."""
    return value if value in LEVELS else OFF


def day(unix: int) -> str:
    """A Unix time in seconds as a local date; 0 is never. Times that are rounded to a day are dates in UTC."""
    if not unix:
        return "never"
    zone = UTC if unix % _DAY_S == 0 else None
    try:
        return datetime.fromtimestamp(unix, UTC).astimezone(zone).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return f"unknown ({unix})"


def moment(unix: int) -> str:
    """A Unix time in seconds as a local date and time of day."""
    try:
        return datetime.fromtimestamp(unix, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return f"unknown ({unix})"


def count_phrase(count: int, noun: str) -> str:
    """A number with its noun: `1 question`, `2 questions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def join_with_and(parts: Iterable[str]) -> str:
    """An enumeration: `a`, `a and b`, `a, b and c`."""
    *others, last = parts
    return f"{', '.join(others)} and {last}" if others else last
