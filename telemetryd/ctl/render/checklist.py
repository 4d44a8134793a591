"""The clauses of the policy for one definition: what is verified by arithmetic or enforced by the daemon, and what a person has to judge.

The reviewer signs for what a person has to judge. Policy: R1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.authoring.clauses import CLAUSES
from telemetryd.core.definition import SourceType
from telemetryd.core.privacy import admissibility
from telemetryd.core.system_facts import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.core.definition import Definition


class Check(NamedTuple):
    """One clause: its demand, what is verified, and the questions for the reviewer."""

    clause: str
    demand: str
    verified: tuple[str, ...]
    to_judge: tuple[str, ...]


def checklist(definition: Definition, languages: Sequence[str], changes: int | None) -> list[Check]:
    """All clauses in the policy's order.

    `languages` are those of the question's translations. `changes` is the number of differences from the last reviewed definition, or None
    if that definition is not known.
    """
    verified: dict[str, list[str]] = {}
    for clause, text in (*_transparency_checks(languages, changes), *_enforcement_checks(definition), *_arithmetic_checks(definition)):
        verified.setdefault(clause, []).append(text)
    return [Check(clause, demand, tuple(verified.get(clause, ())), _JUDGE.get(clause, ())) for clause, demand in CLAUSES.items()]


_JUDGE: Mapping[str, tuple[str, ...]] = {
    "T1": ("Would a user who is not a developer understand the purpose, the decision and each description?",),
    "T2": ("Does each description say all that is measured, and is it measured so in the application's code?",),
    "T4": ("Does the release announcement hold what `telemetryctl diff` says?",),
    "C2": ("Does the application say beside its other settings how telemetry is decided (`telemetryd-settings`, `telemetryctl`)?",),
    "C3": ("Does nothing in the application depend on whether it may push?",),
    "C6": ("Is this vendor the one that ships the application, and are its servers its own?",),
    "C8": ("Does somebody answer at this contact?",),
    "A1": ("Could an answer be personal data, alone or with what else is known of a user?",),
    "A3": ("Are the bins no finer than the decision needs?",),
    "A4": ("Does the vendor's server keep no addresses beside the reports?",),
    "M1": ("Is the purpose a question, and would different answers lead to different decisions?",),
    "M2": ("Would fewer bins, a longer period or a smaller share do?",),
    "M3": ("Does the decision need each source, and these together?",),
    "M4": ("Is the end as early as the reports needed permit?",),
    "P1": ("Does no value hint at what a user's files, pages or messages are about?",),
    "P2": ("Is what is measured of this category: the system itself, or statistics of use?",),
    "R3": ("Is the record public, and will it stay there?",),
    "R4": ("Who at the vendor looks at the received data, and how often?",),
}


def _transparency_checks(languages: Sequence[str], changes: int | None) -> Iterator[tuple[str, str]]:
    yield "T1", f"translated into {', '.join(sorted(languages))}" if languages else "there are no translations: users read the original"
    yield "T2", "this page is made from the definition that the daemon enforces, and says every part of it"
    yield "T3", "once the manifest is installed or registered, `telemetryctl show` says all this without a network"
    if changes is None:
        yield "T4", "no earlier reviewed definition is known here: give the manifest that was reviewed with --since"
    elif not changes:
        yield "T4", "the reviewed definition is this one"
    else:
        yield "T4", f"changes since the last review: {changes}, all on this page"
    yield "R1", "an entry needs two or more different reviewers; the daemon collects nothing without one"
    yield "R2", "an entry is for exactly this definition: any change of what is collected, why, for whom or for how long needs a new one"
    yield "R3", "an entry names its record; `telemetryctl document` makes the public page from the same definition"


def _enforcement_checks(definition: Definition) -> Iterator[tuple[str, str]]:
    application = definition.application
    yield "C1", "the daemon collects nothing before the user has turned the level on and accepted this definition"
    yield "C2", "levels and decisions can be changed at any time, at once"
    yield "C3", "the application is never told what the user chose"
    yield "C4", "kill switches, locks and DO_NOT_TRACK are obeyed"
    yield "C5", "`telemetryctl` and its documentation come with the daemon"
    yield "C6", f"the answer goes to the vendor “{application.vendor}”, to an address that only the system's configuration can give"
    yield "C7", "https only, certificates verified"
    yield "C8", f"the contact is {application.contact}"
    yield "A2", "a report holds no id of a device, an installation or a user; its nonce is drawn anew for each"
    yield "A4", "nothing but the report travels: no cookies, no user agent, no language, a connection of its own"
    yield "R4", "a stop or a suspension that is installed ends collecting at once; servers can answer 410 and 451"


def _arithmetic_checks(definition: Definition) -> Iterator[tuple[str, str]]:
    figures = admissibility.figures(definition)
    question = definition.question
    bits = admissibility.sentences(figures)[1]
    yield "A1", f"randomised response at ε = {figures.epsilon:g}: no report makes a guess about its sender much likelier"
    yield "A1", bits[0].lower() + bits[1:].rstrip(".")
    yield "A3", f"{figures.cells} possible answers; {figures.suitable} is what the noise suits, {figures.most} is the most that is admitted"
    yield "M1", "there is a purpose and a decision"
    yield "M2", "only bins are kept: " + "; ".join(f"{field.id} in {len(field.labels)}" for field in definition.fields)
    several = len(definition.fields) > 1
    yield "M3", "the sources are joined at the source, into one answer" if several else "one source, nothing to join"
    yield "M4", f"ends on {question.ends}; each user answers once; {figures.needed:,} reports are needed for ± 2 points (95 %)"
    values = [value for field in definition.fields for value in field.values]
    yield "P1", "no free text can be declared" + (f"; the values are {', '.join(values)}" if values else "; there are no values, only bins")
    facts = [field.id for field in definition.fields if field.id.startswith(f"{SYSTEM}/")]
    counted = [field.id for field in definition.fields if field.type is SourceType.COUNT]
    yield (
        "P2",
        f"category {question.category}"
        + (f", with {', '.join(facts)}" if facts else "")
        + (f"; counts {', '.join(counted)}" if counted else ""),
    )
