"""Finds all errors and warnings in a manifest's text, with clause and line. Policy: A1, A2, A3, M1, M2, M4, P1, P2, T1, T2.

A text has errors if `manifest.parse` refuses it. Values that reveal content are errors too, and so are dates that moved since an earlier
manifest. Faults that a person has to judge are warnings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.authoring.guidance import guide
from telemetryd.authoring.lines import line_of, positions
from telemetryd.authoring.linter import date_changes, figures, parse_faults, renamed_facts, user_budget, wording
from telemetryd.authoring.linter.finding import Finding, error
from telemetryd.core.limits import MANIFEST_BYTES
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import parser
from telemetryd.toml.manifest import parse

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from telemetryd.core.definition import Definition

_TOO_LONG = "write a shorter text: a manifest has at most 64 KiB"


class OtherManifests(NamedTuple):
    """What a manifest is held against: definitions of earlier manifests, and sources of all manifests that may be one fact.

    `same_facts` are groups of source names, as of `renamed_facts.groups_of`.
    """

    before: Sequence[Definition] = ()
    same_facts: Sequence[Sequence[str]] = ()


_NO_OTHERS = OtherManifests()


def lint(text: str, today: date, installed_as: str = "", others: OtherManifests = _NO_OTHERS) -> list[Finding]:
    """All findings in the order of their lines.

    `installed_as` is the application id in the name of an installed file, or "".
    """
    try:
        declaration = parse(text)
    except InvalidManifestError as refusal:
        unreadable = _unreadable(text, str(refusal))
        if unreadable:
            return [unreadable]
        faults = parse_faults.faults(text) or [text_finding(1, str(refusal), guide(()).help).fault]
    else:
        faults = [*figures.faults(declaration, today), *user_budget.faults(declaration)]
        faults += [*date_changes.faults(declaration, others.before), *renamed_facts.faults(declaration, others.same_facts)]
        if installed_as not in {"", declaration.application.id}:
            message = f"[application]: id: expected {installed_as!r}, as the file is named"
            faults.append(error(("application", "id"), "T2", message, "name the file after the application's id, or it is not read"))
    lines = positions(text)
    faulty = {fault.place for fault in faults}
    faults = [*faults, *(fault for fault in wording.faults(parser.loads(text)) if fault.place not in faulty)]
    return sorted((Finding(line_of(fault.place, lines), fault) for fault in faults), key=_sort_key)


def text_finding(line: int, message: str, help_: str) -> Finding:
    """An error about the whole text."""
    return Finding(line, error((), "T2", message, help_))


def _sort_key(finding: Finding) -> tuple[int, str, str]:
    return finding.line, finding.fault.level, finding.fault.message


def _unreadable(text: str, refusal: str) -> Finding | None:
    """The finding about a text that is too long or not TOML; None for any other text."""
    if len(text.encode(errors="surrogatepass")) > MANIFEST_BYTES:
        return text_finding(1, refusal, _TOO_LONG)
    try:
        parser.loads(text)
    except ValueError as failure:
        diagnosis = parser.diagnosis(text, failure)
        return text_finding(diagnosis.line, diagnosis.message_beside_line, diagnosis.help)
    return None
