"""Finds the line of each table, key and item in a TOML text, because `tomllib` gives values without lines.

The text must be valid TOML; otherwise the parser's error names the line. A place is the path to a value in the parsed document, such as
("question", 0, "coarser", "startup", 1). The line of a table is that of its header or, without one, of its first key.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING

from telemetryd.toml import parser

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.toml.mistakes import Place

_GAP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANKS = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}'
    r"|'''(?:[^']|'(?!''))*'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_OTHER_VALUE = re.compile(r"[^\s,\]}#]+(?: [0-9][^\s,\]}#]*)?")
"""A number, a boolean or a time. A date and its time may have a space between them."""


def positions(text: str) -> dict[Place, int]:
    """The line, from 1, of every table, key and item."""
    return _Reader(text.replace("\r\n", "\n")).read()


def line_of(place: Place, lines: Mapping[Place, int]) -> int:
    """The line of a place. A missing place has the line of its container, and the whole text has line 1."""
    while place not in lines:
        if not place:
            return 1
        place = place[:-1]
    return lines[place]


class _Reader:
    """Scans a text once. A method named after a part of TOML reads that part at `_at`, and moves `_at` behind it."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self._starts = [0, *(newline.end() for newline in re.finditer("\n", text))]
        self._lines: dict[Place, int] = {}
        self._lengths: dict[Place, int] = {}
        """The index of the last table so far in each array of tables."""

    def read(self) -> dict[Place, int]:
        table: Place = ()
        while self._skip(_GAP) < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
        return self._lines

    def _header(self) -> Place:
        line, is_item = self._line(), self._text.startswith("[[", self._at)
        self._at += 1 + is_item
        *above, last = self._key()
        self._at += 1 + is_item
        place: Place = ()
        for part in above:
            place = self._last_table((*place, part), line)
        place = (*place, last)
        if is_item:
            self._lines.setdefault(place, line)
            self._lengths[place] = self._lengths.get(place, -1) + 1
            place = (*place, self._lengths[place])
        self._lines[place] = line
        return place

    def _last_table(self, place: Place, line: int) -> Place:
        """The place of a parent table in a header. For an array of tables it is the last table."""
        self._lines.setdefault(place, line)
        return (*place, self._lengths[place]) if place in self._lengths else place

    def _pair(self, table: Place) -> None:
        line, place = self._line(), table
        for part in self._key():
            place = (*place, part)
            self._lines.setdefault(place, line)
        self._at += 1
        self._skip(_BLANKS)
        self._value(place)

    def _key(self) -> list[str]:
        parts: list[str] = []
        while True:
            self._skip(_BLANKS)
            quoted = self._text[self._at] in "\"'"
            key = self._take(_STRING if quoted else _BARE_KEY)
            parts.append(parser.loads(f"key = {key}")["key"] if quoted else key)
            self._skip(_BLANKS)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _value(self, place: Place) -> None:
        match self._text[self._at]:
            case "[":
                self._array(place)
            case "{":
                self._inline_table(place)
            case '"' | "'":
                self._take(_STRING)
            case _:
                self._take(_OTHER_VALUE)

    def _array(self, place: Place) -> None:
        self._at += 1
        number = 0
        while self._text[self._skip(_GAP)] != "]":
            if self._text[self._at] == ",":
                self._at += 1
                continue
            self._lines[*place, number] = self._line()
            self._value((*place, number))
            number += 1
        self._at += 1

    def _inline_table(self, place: Place) -> None:
        self._at += 1
        while self._text[self._skip(_GAP)] != "}":
            if self._text[self._at] == ",":
                self._at += 1
            else:
                self._pair(place)
        self._at += 1

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)

    def _skip(self, blanks: re.Pattern[str]) -> int:
        match = blanks.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        if not match:  # pragma: no cover - tomllib read the text
            raise ValueError(f"line {self._line()}: expected TOML")
        self._at = match.end()
        return match[0]
