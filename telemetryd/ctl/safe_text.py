"""Makes foreign texts safe for a terminal, and keeps ids apart from text that runs from right to left."""

from __future__ import annotations

import re
import unicodedata

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
LEFT_TO_RIGHT, RIGHT_TO_LEFT, _FIRST_STRONG, END = "\u2066", "\u2067", "\u2068", "\u2069"
"""Unicode's isolates: what stands between the beginning and the end does not change the order of the text around it."""
OPENING = frozenset({LEFT_TO_RIGHT, RIGHT_TO_LEFT, _FIRST_STRONG})
_JOINERS = "\u200c\u200d"
_MARKS = re.compile("[\u200e\u200f\u2066-\u2069]")
_LETTERS = {"L": "L", "R": "R", "AL": "R"}
"""Classes of letters → their direction."""
_BLANKS = re.compile(r"[^\S\u00a0\u202f]+")


def printable(text: str) -> str:
    """The text without characters that control a terminal or change the direction of writing.

    Isolates stay if each has its end, and joiners if they change how the letters around them look.
    """
    if text.isprintable():
        return text
    kept = _pairs(text) | _joiners(text)
    return "".join(
        _REPLACEMENT if unicodedata.category(character) in _UNPRINTABLE and index not in kept else character
        for index, character in enumerate(text)
    )


def one_line(text: str) -> str:
    """The printable text on one line. Blanks that forbid a break stay."""
    return printable(_BLANKS.sub(" ", text).strip(" "))


def without_marks(text: str) -> str:
    """The text without isolates and marks of direction."""
    return _MARKS.sub("", text)


def isolated(text: str) -> str:
    """The text as it keeps its order inside text from right to left: between isolates, in its direction.

    A text whose own words all run from right to left stays as it is: it belongs to the text around it.
    """
    safe, directions = printable(text), _directions(text)
    if not directions and not (OPENING & set(safe)):
        directions = ["L"]  # numbers and signs alone
    if "L" not in directions:
        return safe
    return (LEFT_TO_RIGHT if directions[0] == "L" else RIGHT_TO_LEFT) + safe + END


def _directions(text: str) -> list[str]:
    """The direction, L or R, of each letter that no isolate holds."""
    found, depth = [], 0
    for character in text:
        depth += (character in OPENING) - (character == END)
        direction = unicodedata.bidirectional(character)
        if not depth and direction in _LETTERS:
            found.append(_LETTERS[direction])
    return found


def _pairs(text: str) -> set[int]:
    """Where isolates begin and end, of those that do both."""
    begun: list[int] = []
    pairs = set()
    for index, character in enumerate(text):
        if character in OPENING:
            begun.append(index)
        elif character == END and begun:
            pairs |= {begun.pop(), index}
    return pairs


def _joiners(text: str) -> set[int]:
    """Where joiners stand that the script needs, as Persian and the languages of India do."""
    places = {index for index, character in enumerate(text) if character in _JOINERS}
    if not places:
        return places
    from telemetryd.toml.visible import is_joiner_seen  # noqa: PLC0415 - few texts need it

    return {index for index in places if is_joiner_seen(text, index)}
