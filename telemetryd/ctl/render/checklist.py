"""The clauses of the policy for one definition: what is verified by arithmetic or enforced by the daemon, and what a person has to judge.

The reviewer signs for what a person has to judge. Policy: R1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.authoring.clauses import CLAUSES
from telemetryd.core.declared_words import translated_word
from telemetryd.core.definition import SourceType
from telemetryd.core.privacy import admissibility
from telemetryd.core.system_facts import SYSTEM
from telemetryd.core.translation import ENGLISH, decimal, mark
from telemetryd.ctl.render.value_words import join_with_commas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.translation import Words


class Check(NamedTuple):
    """One clause: its demand, what is verified, and the questions for the reviewer."""

    clause: str
    demand: str
    verified: tuple[str, ...]
    to_judge: tuple[str, ...]


def checklist(definition: Definition, languages: Sequence[str], changes: int | None, words: Words = ENGLISH) -> list[Check]:
    """All clauses in the policy's order.

    `languages` are those of the question's translations. `changes` is the number of differences from the last reviewed definition, or None
    if that definition is not known.
    """
    verified: dict[str, list[str]] = {}
    for checks in (_transparency_checks(languages, changes, words), _enforcement_checks(definition, words), _own_checks(definition, words)):
        for clause, text in checks:
            verified.setdefault(clause, []).append(text)
    return [
        Check(clause, words.gettext(demand), tuple(verified.get(clause, ())), tuple(map(words.gettext, _JUDGE.get(clause, ()))))
        for clause, demand in CLAUSES.items()
    ]


_JUDGE: Mapping[str, tuple[str, ...]] = {
    "T1": (mark("Would a user who is not a developer understand the purpose, the decision and each description?"),),
    "T2": (mark("Does each description say all that is measured, and is it measured so in the application's code?"),),
    "T4": (mark("Does the release announcement hold what `telemetryctl diff` says?"),),
    "C2": (mark("Does the application say beside its other settings how telemetry is decided (`telemetryd-settings`, `telemetryctl`)?"),),
    "C3": (mark("Does nothing in the application depend on whether it may push?"),),
    "C6": (mark("Is this vendor the one that ships the application, and are its servers its own?"),),
    "C8": (mark("Does somebody answer at this contact?"),),
    "A1": (mark("Could an answer be personal data, alone or with what else is known of a user?"),),
    "A3": (mark("Are the bins no finer than the decision needs?"),),
    "A4": (mark("Does the vendor's server keep no addresses beside the reports?"),),
    "M1": (mark("Is the purpose a question, and would different answers lead to different decisions?"),),
    "M2": (mark("Would fewer bins, a longer period or a smaller share do?"),),
    "M3": (mark("Does the decision need each source, and these together?"),),
    "M4": (mark("Is the end as early as the reports needed permit?"),),
    "P1": (mark("Does no value hint at what a user's files, pages or messages are about?"),),
    "P2": (mark("Is what is measured of this category: the system itself, or statistics of use?"),),
    "R3": (mark("Is the record public, and will it stay there?"),),
    "R4": (mark("Who at the vendor looks at the received data, and how often?"),),
}


def _transparency_checks(languages: Sequence[str], changes: int | None, words: Words) -> Iterator[tuple[str, str]]:
    _ = words.gettext
    translated = _("translated into {languages}").format(languages=join_with_commas(sorted(languages), words))
    yield "T1", translated if languages else _("there are no translations: users read the original")
    yield "T2", _("this page is made from the definition that the daemon enforces, and tells all its parts")
    yield "T3", _("once the manifest is installed or registered, `telemetryctl show` says all this without a network")
    if changes is None:
        yield "T4", _("no earlier reviewed definition is known here: give the manifest that was reviewed with --since")
    elif not changes:
        yield "T4", _("the reviewed definition is this one")
    else:
        yield "T4", _("changes since the last review: {number}, all on this page").format(number=changes)
    yield "R1", _("an entry needs two or more different reviewers; the daemon collects nothing without one")
    yield "R2", _("an entry is for exactly this definition: any change of what is collected, why, for whom or for how long needs a new one")
    yield "R3", _("an entry names its record; `telemetryctl document` makes the public page from the same definition")


def _enforcement_checks(definition: Definition, words: Words) -> Iterator[tuple[str, str]]:
    _, application = words.gettext, definition.application
    yield "C1", _("the daemon collects nothing before the user has turned the level on and accepted this definition")
    yield "C2", _("levels and decisions can be changed at any time, at once")
    yield "C3", _("the application is never told what the user chose")
    yield "C4", _("kill switches, locks and DO_NOT_TRACK are obeyed")
    yield "C5", _("`telemetryctl` and its documentation come with the daemon")
    whom = _("the answer goes to the vendor “{vendor}”, to an address that only the system's configuration can give")
    yield "C6", whom.format(vendor=application.vendor)
    yield "C7", _("https only, certificates verified")
    yield "C8", _("the contact is {contact}").format(contact=application.contact)
    yield "A2", _("a report holds no id of a device, an installation or a user; its nonce is drawn anew for each")
    yield "A4", _("nothing but the report travels: no cookies, no user agent, no language, a connection of its own")
    yield "R4", _("a stop or a suspension that is installed ends collecting at once; servers can answer 410 and 451")


def _own_checks(definition: Definition, words: Words) -> Iterator[tuple[str, str]]:
    """What is verified by the arithmetic and the kinds of values of this definition."""
    yield from _arithmetic_checks(definition, words)
    _, question = words.gettext, definition.question
    yield "M1", _("there is a purpose and a decision")
    bins = (_("{name} in {number}").format(name=field.id, number=len(field.labels)) for field in definition.fields)
    yield "M2", _("only bins are kept: {bins}").format(bins=join_with_commas(bins, words))
    several = len(definition.fields) > 1
    yield "M3", _("the sources are joined at the source, into one answer") if several else _("one source, nothing to join")
    values = [value for field in definition.fields for value in field.values]
    named = _("no free text can be declared; the values are {values}").format(values=join_with_commas(values, words))
    yield "P1", named if values else _("no free text can be declared; there are no values, only bins")
    parts = [_("category {name}").format(name=translated_word(question.category, words))]
    facts = [field.id for field in definition.fields if field.id.startswith(f"{SYSTEM}/")]
    counted = [field.id for field in definition.fields if field.type is SourceType.COUNT]
    parts += [_("with {names}").format(names=join_with_commas(facts, words))] if facts else []
    parts += [_("counts {names}").format(names=join_with_commas(counted, words))] if counted else []
    yield "P2", join_with_commas(parts, words)


def _arithmetic_checks(definition: Definition, words: Words) -> Iterator[tuple[str, str]]:
    _, figures = words.gettext, admissibility.figures(definition)
    noise = _("randomised response at ε = {epsilon}: no report makes a guess about its sender much likelier")
    yield "A1", noise.format(epsilon=decimal(f"{figures.epsilon:g}", words))
    yield "A1", admissibility.sentences(figures, words)[1]
    cells = _("{cells} possible answers; {suits} is what the noise suits, {most} is the most that is admitted")
    yield "A3", cells.format(cells=figures.cells, suits=figures.suitable, most=figures.most)
    ends = _("ends on {date}; each user answers once; {number} reports are needed for ± 2 points (95 %)")
    yield "M4", ends.format(date=definition.question.ends, number=admissibility.grouped(figures.needed, words))
