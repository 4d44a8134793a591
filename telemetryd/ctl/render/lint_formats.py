"""The output formats of `lint`: text, JSON, SARIF 2.1.0 for code scanning, and GitHub's workflow commands."""

from __future__ import annotations

import json
import os
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

import click

from telemetryd.authoring.clauses import CLAUSES
from telemetryd.authoring.linter.finding import Level
from telemetryd.ctl.render.value_words import count_phrase
from telemetryd.ctl.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from telemetryd.authoring.linter.finding import Finding

_COLOURS = {Level.ERROR: "red", Level.WARNING: "yellow"}
_SHOWN = 120
"""Most characters of the source line below a finding."""
_SARIF = "https://json.schemastore.org/sarif-2.1.0.json"


class LintedFile(NamedTuple):
    """One file, its text, its findings, and its figures as sentences, which are for people only."""

    file: str
    text: str
    findings: Sequence[Finding]
    figures: Sequence[str] = ()


def as_text(linted: Sequence[LintedFile]) -> str:
    """Like a compiler: `file:line: level: message [clause]`, the line, and how to fix it; then the counts, and the figures."""
    texts = [_finding_text(file, finding) for file in linted for finding in file.findings]
    if texts:
        levels = [finding.fault.level for file in linted for finding in file.findings]
        counts = [count_phrase(levels.count(level), level) for level in Level if level in levels]
        texts.append(f"{' and '.join(counts)}\n")
    return "".join((*texts, *(f"{printable(file.file)}: {figure}\n" for file in linted for figure in file.figures)))


def as_json(linted: Sequence[LintedFile]) -> str:
    """A list of objects in ASCII, so that nothing in it controls a terminal."""
    rows = [
        {
            "file": file.file,
            "line": finding.line,
            "clause": finding.fault.clause,
            "level": finding.fault.level,
            "message": finding.fault.message,
            "help": finding.fault.help,
        }
        for file in linted
        for finding in file.findings
    ]
    return json.dumps(rows, indent=2) + "\n"


def as_sarif(linted: Sequence[LintedFile]) -> str:
    """One SARIF run; its rules are the clauses of the policy."""
    clauses = sorted({finding.fault.clause for file in linted for finding in file.findings})
    driver = {
        "name": "telemetryctl lint",
        **_version(),
        "rules": [{"id": clause, "shortDescription": {"text": CLAUSES[clause]}} for clause in clauses],
    }
    results = [_result(file.file, finding, clauses) for file in linted for finding in file.findings]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SARIF, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _version() -> dict[str, str]:
    """The version, which SARIF does not demand; nothing when it runs from its sources, as a distribution's build does."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - 20 ms for this format only

    try:
        return {"version": version("telemetryd")}
    except PackageNotFoundError:
        return {}


def as_github(linted: Sequence[LintedFile]) -> str:
    """Workflow commands, which GitHub shows beside the lines of a change. They contain no control characters."""
    return "".join(
        f"::{finding.fault.level} file={_property(printable(file.file))},line={finding.line},title={finding.fault.clause}::"
        f"{_data(printable(finding.fault.message))}%0A{_data(printable(finding.fault.help))}\n"
        for file in linted
        for finding in file.findings
    )


FORMATS: Mapping[str, Callable[[Sequence[LintedFile]], str]] = MappingProxyType(
    {"text": as_text, "json": as_json, "sarif": as_sarif, "github": as_github}
)
"""Name of a format → function that formats all files."""


def _finding_text(file: LintedFile, finding: Finding) -> str:
    fault, lines = finding.fault, file.text.split("\n") if file.text else []
    level = _style(fault.level, fg=_COLOURS[fault.level], bold=True)
    text = f"{_style(f'{printable(file.file)}:{finding.line}:', bold=True)} {level}: {printable(fault.message)} [{fault.clause}]\n"
    if lines[finding.line - 1 : finding.line]:
        text += f"{finding.line:5} | {printable(lines[finding.line - 1].expandtabs())[:_SHOWN]}\n"
    return f"{text}      = help: {printable(fault.help)}\n"


def _style(text: str, *, fg: str | None = None, bold: bool = False) -> str:
    """A coloured text. Click removes the colours if there is no terminal."""
    return text if os.environ.get("NO_COLOR") else click.style(text, fg=fg, bold=bold)


def _result(file: str, finding: Finding, clauses: list[str]) -> dict[str, object]:
    from urllib.parse import quote  # noqa: PLC0415 - for this format only

    location = {"artifactLocation": {"uri": quote(file)}, "region": {"startLine": finding.line}}
    return {
        "ruleId": finding.fault.clause,
        "ruleIndex": clauses.index(finding.fault.clause),
        "level": finding.fault.level,
        "message": {"text": f"{finding.fault.message}. To fix it: {finding.fault.help}"},
        "locations": [{"physicalLocation": location}],
    }


def _data(text: str) -> str:
    return text.replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
