"""Values of Control1 in words; an unknown value is shown as its number."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from telemetryd.core.translation import ENGLISH, mark

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetryd.core.translation import Words

AXES = ("System", "Usage")
"""The two axes of consent, by the names of their properties."""
OFF = 0
LEVELS = {0: mark("off"), 1: mark("basic"), 2: mark("detailed")}
OWN_LEVELS = LEVELS | {3: mark("inherit")}
"""Levels of one application; 3 follows the global level."""
NEW_QUESTIONS = {0: mark("refuse"), 1: mark("ask"), 2: mark("accept")}
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

OUTCOMES = {
    "queued": mark("waits to be sent"),
    "accepted": mark("arrived"),
    "answered": mark("arrived; no more answers are needed"),
    "suspended": mark("arrived; the question is stopped because of a possible problem"),
    "rejected": mark("refused by the server"),
    "unknown": mark("broken off; may have arrived"),
    "dropped": mark("not sent in time; nothing left this computer"),
    "erased": mark("erased before it was sent"),
}
"""What became of a report."""


def word(names: dict[int, str], value: int, words: Words = ENGLISH) -> str:
    """The word for an enumerated value; an unknown value is shown as its number."""
    return words.gettext(names[value]) if value in names else words.gettext("unknown ({value})").format(value=value)


def number(names: dict[int, str], name: str) -> int:
    """The value of a word."""
    return next(value for value, known in names.items() if known == name)


def known_level(value: int) -> int:
    """The level; an unknown level counts as off."""
    return value if value in LEVELS else OFF


def day(unix: int, words: Words = ENGLISH) -> str:
    """The day (UTC) of a Unix time in seconds, as all sentences count days; 0 is never."""
    if not unix:
        return words.gettext("never")
    try:
        return datetime.fromtimestamp(unix, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return words.gettext("unknown ({value})").format(value=unix)


def moment(unix: int) -> str:
    """A Unix time in seconds as a local date and time of day."""
    try:
        return datetime.fromtimestamp(unix, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return f"unknown ({unix})"


def count_phrase(count: int, noun: str) -> str:
    """A number with its noun in English: `1 question`, `2 questions`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def join_with_and(parts: Iterable[str], words: Words = ENGLISH) -> str:
    """An enumeration: `a`, `a and b`, `a, b and c`."""
    *others, last = parts
    if not others:
        return last
    return words.gettext("{one} and {other}").format(one=join_with_commas(others, words), other=last)


def join_with_commas(parts: Iterable[str], words: Words = ENGLISH) -> str:
    """Several things, one after the other."""
    return words.pgettext("between items", ", ").join(parts)


def outcome(report: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """What became of a report, with the HTTP status if that says more; an unknown outcome is shown as it is."""
    name = str(report["outcome"])
    text = words.gettext(OUTCOMES[name]) if name in OUTCOMES else name
    is_told = report["status"] and (name == "rejected" or name not in OUTCOMES)
    return words.gettext("{outcome} (HTTP {status})").format(outcome=text, status=report["status"]) if is_told else text
