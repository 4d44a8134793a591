"""What every key of a manifest is for: the clause of the policy that it serves, and how to write it.

Told by `lint` where a key is wrong or missing, by editors through the JSON Schema, and by `telemetryctl new`. Policy: T1.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.system_facts import SYSTEM
from telemetryd.toml.fields import LOCALISED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.authoring.lines import Place


class Guide(NamedTuple):
    """The clause that a key serves, and what to write."""

    clause: str
    help: str


_TEXT = Guide("T2", "see the manifest's documentation: schema = 1, [application], [[source]] and [[question]]")
GUIDES: Mapping[str, Mapping[str, Guide]] = MappingProxyType(
    {
        "schema": {"": Guide("T2", "write schema = 1 in the first line: the version of the manifest's format")},
        "application": {
            "": Guide("T2", "write one table [application] with id, name, vendor and contact: who asks"),
            "id": Guide("T2", 'write the reverse-DNS id of the desktop file: id = "org.example.Editor"'),
            "name": Guide("T1", 'write the name that users know, at most 80 characters: name = "Editor"'),
            "summary": Guide("T1", 'write in a few words what the program is: summary = "Text editor"'),
            "vendor": Guide("C6", 'name the endpoint that the distribution or administrator configured: vendor = "example"'),
            "contact": Guide("C8", 'write where users turn to with concerns: contact = "https://example.org/privacy", or mailto:'),
            "kind": Guide("T2", 'write "application", or "shared" for sources that many applications push into'),
            "uses": Guide("T2", 'list the shared sources that the program pushes into: uses = ["org.example.frameworks/crash"]'),
            "snap": Guide("A1", 'name the snap that may push for the program, in an installed manifest only: snap = "example-editor"'),
        },
        "source": {
            "": Guide("T2", "write one table [[source]] for each thing that is measured: id, type, description and its bins"),
            "id": Guide("T2", 'write a short name, the one that the program pushes to: id = "startup"'),
            "type": Guide("P1", "write flag, choice, number or count: there is no type for texts, because no free text is ever collected"),
            "description": Guide("T1", 'say what is measured, for a user: description = "Time from process start to the first window"'),
            "unit": Guide("T1", 'write the unit in at most 16 characters: unit = "ms"'),
            "combine": Guide("M2", "write which one value of a period is kept; every type has a few of its own"),
            "values": Guide("M2", 'list the few answers that matter, all else becomes "other": values = ["wayland", "x11"]'),
            "bins": Guide("M2", "list the edges of the bins in rising order, two edges are three bins: bins = [500, 2000]"),
        },
        "question": {
            "": Guide("M1", "write one table [[question]] for each thing that has to be known: nothing is collected without one"),
            "id": Guide("T2", 'write a short name: id = "startup-by-memory"'),
            "purpose": Guide("M1", 'ask what has to be known: purpose = "Is start-up too slow on machines with little memory?"'),
            "decision": Guide("M1", 'say what the answer will change: decision = "Whether the session restore is loaded lazily"'),
            "category": Guide("P2", 'write "system" for what the installation is like, "usage" for how it is used'),
            "detail": Guide("C1", 'write the level that a user must have chosen: "basic" or "detailed"'),
            "sources": Guide("T2", f"list the sources that answer it: ids of this manifest's, or {SYSTEM}/ and a system fact; at most 4"),
            "coarser": Guide("M2", "keep fewer edges or values of a source for this question: coarser = { startup = [2000] }"),
            "period": Guide("M4", "write the calendar period that one answer covers: day, week or month"),
            "starts": Guide("M4", "write the first day as a date without quotes: starts = 2026-11-02"),
            "ends": Guide("M4", "write the last day as a date without quotes, at most a year after starts: ends = 2027-06-27"),
            "draw": Guide("A3", 'write which period a user answers in: "uniform" (drawn at random) or "first"'),
            "share": Guide("A3", "write the part of the consenting users who are asked at all, above 0 and at most 1: share = 0.5"),
            "epsilon": Guide("A3", "write the protection of an answer in steps of 0.1, from 0.1 (strong) to 4.0: epsilon = 2.0"),
            "expected_users": Guide("A3", "write how many users are expected to accept, for the arithmetic only: expected_users = 20000"),
            "expected": Guide("M2", 'guess the share of each label: expected = { startup = { "<500" = 0.7, ">=500" = 0.3 } }'),
        },
    }
)
"""Table → key → guide; "" is the table itself."""


def guide(place: Place) -> Guide:
    """The guide of a key or table, or of what holds it; a translated text is a matter of being understood."""
    names = [part for part in place if isinstance(part, str)]
    guides = GUIDES.get(names[0]) if names else None
    if guides is None:
        return _TEXT
    localised = LOCALISED.fullmatch(names[1]) if len(names) > 1 else None
    if localised:
        return Guide("T1", "write the same text in that language, in one line of at most 300 characters")
    return guides.get(names[1], guides[""]) if len(names) > 1 else guides[""]
