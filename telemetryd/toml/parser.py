"""The only use of a TOML parser. A text that could take the parser long is refused first.

The time of `tomllib` grows with the square of a key's parts, and with the product of header parts, key parts and lines. 64 KiB can hold
20,000 values. Senders are not trusted, and all of them wait while one text is parsed. So the depth and the number of pieces are
bounded. The check ignores strings and comments, which a parser skips quickly.
"""

from __future__ import annotations

import re
import tomllib
from itertools import islice
from typing import TYPE_CHECKING, Any

from telemetryd.core.limits import MANIFEST_BYTES, TOML_DEPTH, TOML_PIECES

if TYPE_CHECKING:
    from telemetryd.errors import TelemetrydError
    from telemetryd.toml.syntax import Unreadable

_OPAQUE = re.compile(
    r"#[^\n]*"
    r'|"""(?:[^"\\]+|\\(?:.|\Z)|"(?!""))*(?:"{3,5}|\Z)'
    r"|'''(?:[^']+|'(?!''))*(?:'{3,5}|\Z)"
    r'|"(?:[^"\\\n]+|\\[^\n])*"?'
    r"|'[^'\n]*'?",
    re.DOTALL,
)
"""Comments and strings. A parser splits the text in the same way up to the first syntax error, and stops there.

Each alternative matches as soon as its first character does, so no text is scanned twice. Possessive groups would show that, but Python
3.11.7 matches only two of six quotes of an empty text with them.
"""
_DOTTED = re.compile(rf"\.(?:[^\n,=\[\]{{}}.]*\.){{{TOML_DEPTH - 1}}}")
"""A key of too many parts. The pattern begins at the first dot, so each run is scanned a few times only."""
_BRACKET = re.compile(r"[\[\]{}]")
_PIECES = "=,.[{"
"""One of these precedes each key, value and table. Line ends and comments do not count: 65,000 of them take 20 ms."""


class UnboundedError(ValueError):
    """A text that could take the parser too long. `line` counts from 1, and the message says what was expected."""

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(f"line {line}: expected {expected}")
        self.line = line


def loads(text: str) -> dict[str, Any]:
    """The document of a TOML text. Raises UnboundedError, or ValueError as `tomllib` does."""
    check(text)
    return tomllib.loads(text)


def read(text: str, error: type[TelemetrydError]) -> dict[str, Any]:
    """The document of a TOML text. Raises `error` with the line and what was expected."""
    try:
        return loads(text)
    except ValueError as failure:
        raise error(diagnosis(text, failure).message) from None


def diagnosis(text: str, failure: ValueError) -> Unreadable:
    """The explanation of an error that `loads` raised for a text."""
    from telemetryd.toml.syntax import diagnose  # noqa: PLC0415 - most texts are TOML

    return diagnose(text, str(failure), failure.line if isinstance(failure, UnboundedError) else 0)


def check(text: str) -> None:
    """Raises UnboundedError if a parser could take long for this text; needs a fraction of the parser's time itself."""
    bare = _OPAQUE.sub('"', text)
    dotted = _DOTTED.search(bare)
    if dotted:
        raise UnboundedError(_line_number(text, bare[: dotted.start()]), f"a key of at most {TOML_DEPTH} parts")
    depth = 0
    for bracket in _BRACKET.finditer(bare):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > TOML_DEPTH:
            raise UnboundedError(_line_number(text, bare[: bracket.start()]), f"lists and tables nested at most {TOML_DEPTH} deep")
    most = TOML_PIECES * -(-len(text) // MANIFEST_BYTES)
    if sum(map(bare.count, _PIECES)) > most:
        raise UnboundedError(1, f"at most {most} of the characters = , . [ {{ outside of quotes and comments")


def _line_number(text: str, bare: str) -> int:
    """The line number in `text` of the end of `bare`, a part of it without strings and comments, whose line ends are added."""
    passed = islice(_OPAQUE.finditer(text), bare.count('"'))
    return 1 + bare.count("\n") + sum(opaque[0].count("\n") for opaque in passed)
