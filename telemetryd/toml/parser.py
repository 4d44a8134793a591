"""The one way to a TOML parser: a text is looked at first, and one that would keep the parser busy for long is refused.

`tomllib` takes time that grows with the square of a key's parts and with header parts times key parts times lines, and 64 KiB have room for
20,000 values. Who sends a text is not trusted, and one text at a time is parsed for everybody. So its depth is bounded, and the number of
its pieces. What is looked at is the text without its strings and comments, which a parser passes over quickly whatever they hold.
"""

from __future__ import annotations

import re
import tomllib
from itertools import islice
from typing import TYPE_CHECKING, Any

from telemetryd.core.limits import MANIFEST_BYTES, TOML_DEPTH, TOML_PIECES

if TYPE_CHECKING:
    from telemetryd.errors import TelemetrydError

_OPAQUE = re.compile(
    r"#[^\n]*"
    r'|"""(?:[^"\\]+|\\(?:.|\Z)|"(?!""))*(?:"{3,5}|\Z)'
    r"|'''(?:[^']+|'(?!''))*(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]+|\\[^\n])*"?'
    r"|'[^'\n]*'?",
    re.DOTALL,
)
"""What stands for itself. Up to the first fault of a text this is how a parser reads it too, and behind that it does not read.

Whatever follows, each alternative matches as soon as it has begun, so that nothing is gone through twice. (Possessive groups would say so,
but Python 3.11.7 takes two characters for the empty text of six quotes.)
"""
_DOTTED = re.compile(rf"\.(?:[^\n,=\[\]{{}}.]*\.){{{TOML_DEPTH - 1}}}")
"""A key of too many parts. It is searched for from its first dot, so that each run is gone through a few times only."""
_BRACKET = re.compile(r"[\[\]{}]")
_PIECES = "=,.[{"
"""Each key, value and table has one of these before it. Ends of lines and of comments are not counted: 65,000 of them take 20 ms."""


class UnboundedError(ValueError):
    """A text that is not parsed for the time it could take; `line` is the line, and the text says what was expected."""

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(f"line {line}: expected {expected}")
        self.line = line


def loads(text: str) -> dict[str, Any]:
    """What a TOML text says. Raises UnboundedError, or ValueError as `tomllib` does."""
    check(text)
    return tomllib.loads(text)


def read(text: str, error: type[TelemetrydError]) -> dict[str, Any]:
    """What a TOML text says; raises `error` with the line and what was expected."""
    try:
        return loads(text)
    except UnboundedError as failure:
        raise error(str(failure)) from None
    except ValueError as failure:
        raise error(f"no TOML: {_syntax(str(failure))}") from None


def check(text: str) -> None:
    """Raises UnboundedError if a parser could take long for this text; takes a fraction of a parser's time itself."""
    bare = _OPAQUE.sub('"', text)
    dotted = _DOTTED.search(bare)
    if dotted:
        raise UnboundedError(_line(text, bare[: dotted.start()]), f"a key of at most {TOML_DEPTH} parts")
    depth = 0
    for found in _BRACKET.finditer(bare):
        depth += 1 if found[0] in "[{" else -1
        if depth > TOML_DEPTH:
            raise UnboundedError(_line(text, bare[: found.start()]), f"lists and tables in each other at most {TOML_DEPTH} deep")
    most = TOML_PIECES * -(-len(text) // MANIFEST_BYTES)
    if sum(map(bare.count, _PIECES)) > most:
        raise UnboundedError(1, f"at most {most} of the characters = , . [ {{ outside of quotes and comments")


def _line(text: str, bare: str) -> int:
    """The number of the line in a text of which so much was looked at; strings of several lines have lost their ends of lines."""
    passed = islice(_OPAQUE.finditer(text), bare.count('"'))
    return 1 + bare.count("\n") + sum(found[0].count("\n") for found in passed)


def _syntax(message: str) -> str:
    """A TOML parser's message without the keys that it repeats, and with its place in front."""
    found = re.search(r" \(at (line \d+, column \d+|end of document)\)$", message)
    if not found:
        return "a number is too long"
    fault = message[: found.start()]
    for opening in ("Cannot declare", "Cannot redefine", "Cannot mutate", "Duplicate"):
        if fault.startswith(opening):
            fault = "a key or table stands there twice"
    return f"{found[1]}: {fault}"
