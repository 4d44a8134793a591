"""Explains to people why a text is not valid TOML: the line, the reason and the correction. Policy: T1.

Of the text it repeats at most a key.
"""

from __future__ import annotations

import re

from telemetryd.named_tuple import NamedTuple

_BOM = "\ufeff"
_JSON = r"\s*(?:\{|\[\s*\{)"
"""The beginning of a JSON text; no TOML text begins so."""
_GAP = r"(?:[ \t]*(?:#[^\n]*)?\n)*"
"""The lines before the first statement."""
_YAML = rf'({_GAP})(?:---\s|%YAML|- |["\']?[A-Za-z_][\w.-]*["\']?[ \t]*:(?:\s|\Z))'
_UNQUOTED = r"[ \t]*([a-z]{1,20}\[[A-Za-z0-9_@]{1,40}\])[ \t]*="
"""A key such as `name[de]`, which TOML requires in quotes."""
_PLACE = r" \(at (line (\d+), column \d+|end of document)\)$"
_LONG_NUMBER = r"[0-9]{4300}"
"""A number of more digits than Python converts."""
_TWICE = ("Cannot declare", "Cannot redefine", "Cannot mutate", "Cannot overwrite", "Duplicate")

_INSTEAD = "write key = value under [table] headers; `telemetryctl new` writes a first manifest"
_HELPS = (
    ("Illegal character '\\n'", "close the quotes in the line in which they begin"),
    ("Unclosed", "close the brackets"),
    ("Expected '='", "write key = value, or a [table] header in a line of its own"),
    ("Invalid value", "write texts in quotes, dates as 2026-11-24, numbers without units, lists in brackets"),
    ("Invalid date", "write a day that the calendar has, as 2026-11-24"),
)
"""(beginning of a parser's message, correction)."""


class Unreadable(NamedTuple):
    """The first line of a text that is not TOML, the reason, and the correction."""

    line: int
    message: str
    help: str = "write valid TOML: https://toml.io describes it"


def diagnose(text: str, message: str, unbounded_at: int = 0) -> Unreadable:
    """The explanation of a parser's message. `unbounded_at` is the line of an UnboundedError, or 0."""
    if text.startswith(_BOM):
        return Unreadable(1, "begins with a byte order mark (BOM), which TOML does not have", "save the file as UTF-8 without BOM")
    if re.match(_JSON, text):
        return Unreadable(1, "expected TOML, not JSON", _INSTEAD)
    yaml = re.match(_YAML, text)
    if yaml:
        line = 1 + yaml[1].count("\n")
        return Unreadable(line, f"line {line}: expected TOML, not YAML", _INSTEAD)
    if unbounded_at:
        return Unreadable(unbounded_at, message, "take out what no key of a manifest needs")
    return _diagnose_message(text, message)


def _diagnose_message(text: str, message: str) -> Unreadable:
    position = re.search(_PLACE, message)
    if not position:
        number = re.search(_LONG_NUMBER, text)
        line = text.count("\n", 0, number.start() if number else len(text)) + 1
        return Unreadable(line, "not valid TOML: a number is too long", "write a shorter number")
    line = int(position[2]) if position[2] else text.rstrip().count("\n") + 1
    at = text.split("\n", line)[line - 1] if position[2] else ""
    unquoted = re.match(_UNQUOTED, at)
    if unquoted:
        reason = f"not valid TOML: {position[1]}: expected quotes around a key with brackets"
        return Unreadable(line, reason, f'put the key in quotes: "{unquoted[1]}" = …')
    fault = message[: position.start()]
    if fault.startswith(_TWICE):
        return Unreadable(line, f"not valid TOML: {position[1]}: a key or table appears twice", "keep one of the two")
    if not position[2]:
        return Unreadable(line, f"not valid TOML: {position[1]}: {fault}", "write the value, and close quotes and brackets")
    help_ = next((help_text for beginning, help_text in _HELPS if fault.startswith(beginning)), Unreadable._field_defaults["help"])
    return Unreadable(line, f"not valid TOML: {position[1]}: {fault}", help_)
