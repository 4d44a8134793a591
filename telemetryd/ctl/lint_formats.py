"""How the findings of `lint` are printed: for people, for scripts, for code scanning (SARIF 2.1.0) and for GitHub's checks."""

from __future__ import annotations

import json
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import click

from telemetryd.authoring.clauses import CLAUSES
from telemetryd.authoring.linter.finding import Level
from telemetryd.ctl.value_words import counted, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from telemetryd.authoring.linter.finding import Finding

_COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow"}
_SHOWN = 120
"""Most characters of a line that are shown below a finding."""
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


class Linted(NamedTuple):
    """One file, its text and what was found."""

    file: str
    text: str
    findings: Sequence[Finding]


def as_text(linted: Sequence[Linted]) -> str:
    """As compilers do it: `file:line: level: message [clause]`, the line itself, and how to mend it; nothing if nothing was found."""
    told = [_told(one, found) for one in linted for found in one.findings]
    if told:
        levels = [found.fault.level for one in linted for found in one.findings]
        counts = [counted(levels.count(level), level) for level in Level if level in levels]
        told.append(f"{' and '.join(counts)}\n")
    return "".join(told)


def as_json(linted: Sequence[Linted]) -> str:
    """A list of objects, in ASCII, so that nothing in it acts on a terminal."""
    found = [
        {
            "file": one.file,
            "line": found.line,
            "clause": found.fault.clause,
            "level": found.fault.level,
            "message": found.fault.message,
            "help": found.fault.help,
        }
        for one in linted
        for found in one.findings
    ]
    return json.dumps(found, indent=2) + "\n"


def as_sarif(linted: Sequence[Linted]) -> str:
    """One run of SARIF, whose rules are the clauses of the policy."""
    from importlib.metadata import version  # noqa: PLC0415 - 20 ms for this format only

    clauses = sorted({found.fault.clause for one in linted for found in one.findings})
    driver = {
        "name": "telemetryctl lint",
        "version": version("telemetryd"),
        "rules": [{"id": clause, "shortDescription": {"text": CLAUSES[clause]}} for clause in clauses],
    }
    results = [_result(one.file, found, clauses) for one in linted for found in one.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def as_github(linted: Sequence[Linted]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a change; no control byte of a file or its name is among them."""
    return "".join(
        f"::{found.fault.level} file={_property(printable(one.file))},line={found.line},title={found.fault.clause}::"
        f"{_data(printable(found.fault.message))}%0A{_data(printable(found.fault.help))}\n"
        for one in linted
        for found in one.findings
    )


FORMATS: Mapping[str, Callable[[Sequence[Linted]], str]] = MappingProxyType(
    {"text": as_text, "json": as_json, "sarif": as_sarif, "github": as_github}
)
"""Name → what makes the whole output of all files."""


def _told(one: Linted, found: Finding) -> str:
    fault, lines = found.fault, one.text.split("\n") if one.text else []
    level = _styled(fault.level, fg=_COLOURS[fault.level], bold=True)
    told = f"{_styled(f'{printable(one.file)}:{found.line}:', bold=True)} {level}: {printable(fault.message)} [{fault.clause}]\n"
    if lines[found.line - 1 : found.line]:
        told += f"{found.line:5} | {printable(lines[found.line - 1].expandtabs())[:_SHOWN]}\n"
    return f"{told}      = help: {printable(fault.help)}\n"


def _styled(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    """Click takes the colours out again where there is no terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=fg, bold=bold)


def _result(file: str, found: Finding, clauses: list[str]) -> dict[str, object]:
    from urllib.parse import quote  # noqa: PLC0415 - for this format only

    place = {"artifactLocation": {"uri": quote(file)}, "region": {"startLine": found.line}}
    return {
        "ruleId": found.fault.clause,
        "ruleIndex": clauses.index(found.fault.clause),
        "level": found.fault.level,
        "message": {"text": f"{found.fault.message}. To mend it: {found.fault.help}"},
        "locations": [{"physicalLocation": place}],
    }


def _data(text: str) -> str:
    return text.replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
