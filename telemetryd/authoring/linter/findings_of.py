"""What is wrong or doubtful with a manifest's text, each with its clause and line.

What keeps a text from being a manifest is an error here exactly if `manifest.parse` refuses it; beyond that, values that give content away
are errors, and what a person has to judge is a warning. Policy: A1, A2, A3, M1, M2, M4, P1, P2, T1, T2.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from telemetryd.authoring.lines import line_of, positions
from telemetryd.authoring.linter import figures, refused, wording
from telemetryd.authoring.linter.finding import Finding, error
from telemetryd.core.limits import MANIFEST_BYTES
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser
from telemetryd.toml.manifest import parse

if TYPE_CHECKING:
    from datetime import date

_BOM = "\ufeff"
_NAMED = re.compile(r"\(at line (\d+), column \d+\)$")
_LONG_NUMBER = re.compile(r"\d{4300}", re.ASCII)
"""The number of digits from which Python converts none."""
_AS_TOML = "mend the text so that it is TOML (https://toml.io), in UTF-8 and at most 64 KiB"


def lint(text: str, today: date, installed_as: str = "") -> list[Finding]:
    """All findings in the order of their lines; none if the text is a manifest about which there is nothing to say.

    `installed_as` is the application that a file in a directory of manifests is named after.
    """
    try:
        declaration = parse(text)
    except InvalidManifestError as refusal:
        line = _unreadable(text)
        if text.startswith(_BOM):
            return [whole(1, "begins with a byte order mark (BOM), which TOML does not have", "save the file as UTF-8 without BOM")]
        if line:
            return [whole(line, str(refusal))]
        faults = refused.faults(text) or [whole(1, str(refusal)).fault]
    else:
        faults = figures.faults(declaration, today)
        if installed_as not in {"", declaration.application.id}:
            message = f"[application]: id: expected {installed_as!r}, as the file is named"
            faults.append(error(("application", "id"), "T2", message, "give the file the name of the application's id, or it is not read"))
    lines = positions(text)
    wrong = {fault.place for fault in faults}
    faults = [*faults, *(fault for fault in wording.faults(parser.loads(text)) if fault.place not in wrong)]
    return sorted((Finding(line_of(fault.place, lines), fault) for fault in faults), key=_order)


def whole(line: int, message: str, help_: str = _AS_TOML) -> Finding:
    """A finding about a text as a whole."""
    return Finding(line, error((), "T2", message, help_))


def _order(finding: Finding) -> tuple[int, str, str]:
    return finding.line, finding.fault.level, finding.fault.message


def _unreadable(text: str) -> int:
    """The line at which a text stops being one that can be read; 0 if it can be."""
    if len(text.encode(errors="surrogatepass")) > MANIFEST_BYTES:
        return 1
    try:
        parser.loads(text)
    except parser.UnboundedError as failure:
        return failure.line
    except ValueError as failure:
        return _syntax_line(text, str(failure))
    return 0


def _syntax_line(text: str, failure: str) -> int:
    """The line that a parser's message names; of the end of the text the last one with something on it."""
    named = _NAMED.search(failure)
    if named:
        return int(named[1])
    number = _LONG_NUMBER.search(text)
    return text.count("\n", 0, number.start() if number else len(text.rstrip())) + 1
