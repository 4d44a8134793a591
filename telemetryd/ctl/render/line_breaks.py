"""Lines of text: how wide characters are, and where a line may break. Words, ids and what no-break spaces join are never broken.

A word that is longer than the line stays whole. The terminal continues it on the next row, and it is copied in one piece.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from telemetryd.ctl.safe_text import END, OPENING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READABLE = 100
"""Most columns of running text. Longer lines are hard to read on a wide terminal."""
_NARROWEST = 8
"""Least columns for running text, however narrow the terminal is."""
_WIDE = re.compile("[\u2e80-\u303f\u3040-\u30ff\u31f0-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff]")
"""Characters of Chinese and Japanese, which have no spaces between words: a line may break between two."""
_CLOSING = {"Pe", "Pf", "Po", "Lm"}
_OPENING = {"Ps", "Pi"}
"""Categories of characters that Chinese and Japanese keep off the beginning of a line, or off its end."""
_STOPS = frozenset("、。")
"""Behind these a line may break even before a path, although its `/` is such a character."""
_WORDS = re.compile(" +|[^ `]*`[^`]+`[^ ]*|[^ ]+")
"""Blanks, or a word; a command in backticks is one word, so that it can be copied."""
_UNIT = re.compile("(?:%|ms|s|min|h|d|B|kB|KiB|MB|MiB|GB|GiB|points?|bits?|bytes?|times|pixels)[.,;:)]*")
"""Units of our own sentences. A line does not break between a number and its unit."""
_JOINING = frozenset("\u00a0\u202f\u2060")


def width(text: str) -> int:
    """The columns that a text takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_columns, text))


def padded(text: str, columns: int) -> str:
    """The text, filled up with blanks."""
    return text + " " * (columns - width(text))


def wrapped(text: str, columns: int) -> list[str]:
    """The text in lines of at most so many columns, unless a word is longer. Isolates end with each line and begin again in the next."""
    lines = [line for part in text.split("\n") for line in _filled(part, max(columns, _NARROWEST))]
    return list(_balanced(lines))


def _columns(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _filled(text: str, columns: int) -> Iterator[str]:
    line, used = "", 0
    for gap, piece in _pieces(text):
        size = width(piece)
        if line and used + len(gap) + size > columns:
            yield line
            line, used = piece, size
        else:
            line, used = line + gap + piece, used + len(gap) + size
    yield line


def _pieces(text: str) -> Iterator[tuple[str, str]]:
    """(blanks before it, piece) of everything that is not broken."""
    held_gap, held = "", ""
    gap = ""
    for word in _WORDS.findall(text):
        if word[0] == " ":
            gap = word
            continue
        for piece in _parts(word):
            if held and gap == " " and held[-1].isdigit() and _UNIT.fullmatch(piece):
                held += gap + piece
            else:
                if held:
                    yield held_gap, held
                held_gap, held = gap, piece
            gap = ""
    if held:
        yield held_gap, held


def _parts(word: str) -> Iterator[str]:
    start = 0
    for index in range(1, len(word)) if not word.isascii() else ():
        if _breaks(word[index - 1], word[index]):
            yield word[start:index]
            start = index
    yield word[start:]


def _breaks(before: str, after: str) -> bool:
    if not (_WIDE.match(before) or _WIDE.match(after)) or {before, after} & _JOINING or not _columns(after):
        return False
    opens = unicodedata.category(before) in _OPENING
    closes = unicodedata.category(after) in _CLOSING and not (before in _STOPS and after == "/")
    is_small = bool(_WIDE.match(after)) and "SMALL" in unicodedata.name(after, "")  # of kana, not of Latin letters
    return not (opens or closes or before in OPENING or is_small)


def _balanced(lines: Iterable[str]) -> Iterator[str]:
    begun: list[str] = []
    for line in lines:
        before = "".join(begun)
        for character in line:
            if character in OPENING:
                begun.append(character)
            elif character == END and begun:
                begun.pop()
        yield before + line + END * len(begun)
