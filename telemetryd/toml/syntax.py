"""Explains to people why a text is not valid TOML: the line, the reason and the correction. Policy: T1.

Of the text it repeats at most a key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_BOM = "\ufeff"
_JSON = r"\s*(?:\{|\[\s*\{)"
"""The beginning of a JSON text; no TOML text begins so."""
_GAP = r"(?:[ \t]*(?:#[^\n]*)?\n)*"
"""The lines before the first statement."""
_YAML = rf'({_GAP})(?:---\s|%YAML|- |["\']?[A-Za-z_][\w.-]*["\']?[ \t]*:(?:\s|\Z))'
_BRACKETS = r"""[ \t]*([a-z]{1,20})\[["']?([A-Za-z0-9_@]{1,40})["']?\][ \t]*="""
"""A key such as `name[de]` or `name["de"]`; TOML requires quotes around it all."""
_DOTTED = r"[ \t]*([a-z]{1,20})[ \t]*\.[ \t]*([A-Za-z0-9_]{2,40})[ \t]*="
"""A key such as `name.de`, which makes a table of `name`."""
_PLACE = r" \(at (line (\d+), column (\d+)|end of document)\)$"
_LONG_NUMBER = r"[0-9]{4300}"
"""A number of more digits than Python converts."""
_TWICE = ("Cannot declare", "Cannot redefine", "Cannot mutate", "Cannot overwrite", "Duplicate")
_NOT_TOML = "not valid TOML: "

_INSTEAD = "write key = value under [table] headers; `telemetryctl new` writes a first manifest"
_ANYTHING = "write valid TOML: https://toml.io describes it"
_DAY = r"(?!\d{4}-\d\d-\d\d$)(?:\d{1,2}([-./])\d{1,2}\1(?:\d\d){1,2}|\d{4}([-./])\d{1,2}\2\d{1,2})"
"""A day as it is written in several countries, but not as TOML has it."""
_NEAR = 200
"""Characters of a line before and after the place of a fault that are looked at, whatever the length of the line."""
_AT = "\0"
"""Marks the place of the fault in its line."""
_CURLY = "\u2018-\u201f\u00ab\u00bb\u2039\u203a"
_HABITS = (
    (
        "",
        rf"{_AT}[{_CURLY}]|[\"'][^\"'{_CURLY}]*[{_CURLY}][\]}}, \t]*{_AT}\r?$",
        "expected straight quotes",
        "write \" or ' on both sides of a text; word processors replace them by others",
    ),
    ("", rf"{_AT}(?://|/\*|<!--)|^[ \t]*{_AT};", "expected # before a comment", "begin a comment with #, and each of its lines"),
    (
        "Expected ']",
        rf"[ \t]{_AT}[^\]#]",
        "expected the name of a table without blanks",
        "write one of the tables that there are: [application], [[source]] or [[question]]",
    ),
    (
        "",
        rf"\d(?:{_AT},\d|,\d+{_AT}[ \t]*[,}}])",
        "expected a number without a comma",
        "write a point before decimals, as 0.5, and nothing between thousands, as 20000",
    ),
    (
        "Expected newline",
        rf"{_AT}[;,]",
        "expected the end of the line after a value",
        "write neither ; nor , after a value, and begin a line for each key",
    ),
    ("Unclosed", rf"{_AT};", "expected a comma between entries", "write a comma between entries: [500, 2000]"),
)
"""(beginning of a parser's message, the line around the place, what was expected, correction) for habits from other formats."""
_HELPS = (
    ("Illegal character '\\n'", "close the quotes in the line in which they begin"),
    ("Unclosed", "close the brackets"),
    ("Expected '='", "write key = value, or a [table] header in a line of its own"),
    ("Invalid value", "write texts in quotes, dates as 2026-11-24, numbers without units, lists in brackets"),
    ("Invalid date", "write a day that the calendar has, as 2026-11-24"),
)
"""(beginning of a parser's message, correction)."""


class Unreadable(NamedTuple):
    """The first line of a text that is not TOML, the reason, the correction, and the place as messages tell it, after `prefix`."""

    line: int
    reason: str
    help: str
    place: str = ""
    prefix: str = ""

    @property
    def message(self) -> str:
        """The reason with its line, for who sees nothing else."""
        return self._told(self.place)

    @property
    def message_beside_line(self) -> str:
        """The reason without its line, for who sees that beside it."""
        return self._told(re.sub(r"^line \d+(?:, )?", "", self.place))

    def _told(self, place: str) -> str:
        return f"{self.prefix}{place}{': ' if place else ''}{self.reason}"


def diagnose(text: str, message: str, unbounded_at: int = 0) -> Unreadable:
    """The explanation of a parser's message. `unbounded_at` is the line of an UnboundedError, or 0."""
    if text.startswith(_BOM):
        return Unreadable(1, "begins with a byte order mark (BOM), which TOML does not have", "save the file as UTF-8 without BOM")
    if re.match(_JSON, text):
        return Unreadable(1, "expected TOML, not JSON", _INSTEAD)
    yaml = re.match(_YAML, text)
    if yaml:
        line = 1 + yaml[1].count("\n")
        return Unreadable(line, "expected TOML, not YAML", _INSTEAD, f"line {line}")
    if unbounded_at:
        place = f"line {unbounded_at}"
        return Unreadable(unbounded_at, message.removeprefix(f"{place}: "), "take out what no key of a manifest needs", place)
    return _diagnose_message(text, message)


def _diagnose_message(text: str, message: str) -> Unreadable:
    position = re.search(_PLACE, message)
    if not position:
        number = re.search(_LONG_NUMBER, text)
        line = text.count("\n", 0, number.start() if number else len(text)) + 1
        return Unreadable(line, "a number is too long", "write a shorter number", prefix=_NOT_TOML)
    lines = (text if position[2] else text.rstrip()).split("\n")
    line = int(position[2] or len(lines))
    at = lines[line - 1]
    column = int(position[3] or len(at) + 1)
    fault = message[: position.start()]
    reason, help_ = (
        _translation(lines[:line], fault)
        or _habit(at[: column - 1], at[column - 1 :], fault)
        or _as_parsed(fault, is_at_end=not position[2])
    )
    return Unreadable(line, reason, help_, position[1], _NOT_TOML)


def _translation(lines: Sequence[str], fault: str) -> tuple[str, str] | None:
    """The reason and correction if the last of these lines has a translation as TOML does not have it."""
    key = re.match(_BRACKETS, lines[-1])
    if key:
        return "expected quotes around a key with brackets", f'put the key in quotes: "{key[1]}[{key[2]}]" = …'
    key = re.match(_DOTTED, lines[-1]) if fault.startswith(_TWICE) else None
    if key and any(re.match(rf"[ \t]*{key[1]}[ \t]*=[ \t]*[\"']", line) for line in lines):
        return "expected a translation as a key in quotes", f'write the language in brackets: "{key[1]}[{key[2]}]" = …'
    return None


def _habit(before: str, after: str, fault: str) -> tuple[str, str] | None:
    """The reason and correction if the line has at the place of its fault what other formats have there."""
    before, after = before[-_NEAR:], after[:_NEAR]
    figures = "0123456789./-"
    date = before[len(before.rstrip(figures)) :] + after[: len(after) - len(after.lstrip(figures))]
    if re.fullmatch(_DAY, date, re.ASCII):
        return "expected a date as year-month-day", "write dates as 2026-11-24"
    marked = f"{before}{_AT}{after}"
    found = (row[2:] for row in _HABITS if fault.startswith(row[0]) and re.search(row[1], marked, re.ASCII))
    return next(found, None)


def _as_parsed(fault: str, *, is_at_end: bool) -> tuple[str, str]:
    """The reason and correction for any other message of the parser."""
    if fault.startswith(_TWICE):
        return "a key or table appears twice", "keep one of the two"
    if is_at_end:
        return fault, "write the value, and close quotes and brackets"
    return fault, next((help_text for beginning, help_text in _HELPS if fault.startswith(beginning)), _ANYTHING)
