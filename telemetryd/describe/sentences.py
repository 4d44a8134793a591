"""A definition in plain sentences: what, when, how often, how coarse, to whom, until when, why, and what it will change. Policy: T1, T2.

`tell` is the only place where a definition is put into words for people: `telemetryctl show`, `review` and `document` print what it
says. Whatever is part of a digest is said, so equal words mean equal definitions. (One sentence a source, as Control1's `fields` and
every difference have it, is `difference.fields`': it names a source, where this explains it.)
"""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import Combine, Draw, Kind, PeriodKind, SourceType, number_label
from telemetryd.core.gate import axes
from telemetryd.core.noise import exp_thousandths, probabilities
from telemetryd.core.period import whole_periods
from telemetryd.core.system_facts import SYSTEM
from telemetryd.core.translation import ENGLISH, decimal, mark

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telemetryd.core.definition import Definition, Question, Source
    from telemetryd.core.translation import Words

NO_TEXTS: Mapping[str, str] = MappingProxyType({})

_KEPT = {
    Combine.LAST: mark("Of all values in the period, the last one counts."),
    Combine.MIN: mark("Of all values in the period, the lowest one counts."),
    Combine.MAX: mark("Of all values in the period, the highest one counts."),
    Combine.MEDIAN: mark("Of all values in the period, the middle one (the median) counts."),
    Combine.SUM: mark("The values of the period are added up."),
    Combine.APPLICATIONS: mark("It is counted how many different programs said so in the period."),
    Combine.MODE: mark("Of all values in the period, the most frequent one counts."),
    Combine.ANY: mark("It counts as yes if it was ever so in the period."),
    Combine.ALL: mark("It counts as yes only if it was always so in the period."),
}


class Bin(NamedTuple):
    """One possible answer of a source: as people say it, and as a report does."""

    text: str
    label: str


class ToldSource(NamedTuple):
    """One source in words: its reference, what is measured, by whom, how a period's values become one, how coarse it is kept."""

    id: str
    what: str
    whence: str
    how: str
    coarse: str
    bins: tuple[Bin, ...]


class Telling(NamedTuple):
    """A definition in sentences; each field stands for one question that a user may have."""

    who: str
    question: str
    why: str
    outcome: str
    sources: tuple[ToldSource, ...]
    together: str
    when: str
    often: str
    part: str
    until: str
    whom: str
    contact: str
    needs: str
    protection: str


def tell(definition: Definition, words: Words = ENGLISH, texts: Mapping[str, str] = NO_TEXTS) -> Telling:
    """The definition in words. `texts` are the manifest's own in the words' language, under the keys of `Declaration.texts`."""
    about, asked, _ = definition.application, definition.question, words.gettext
    name = texts.get("name", about.name)
    return Telling(
        who=_who(definition, name, words),
        question=asked.id,
        why=texts.get(f"question/{asked.id}/purpose", asked.purpose),
        outcome=texts.get(f"question/{asked.id}/decision", asked.decision),
        sources=tuple(_source(field, definition, words, texts) for field in definition.fields),
        together=_together(definition, words),
        when=_when(asked, words),
        often=_("Once: whoever has answered is never asked this again. Without a value in the period the answer is “none”."),
        part=_part(asked, words),
        until=_("Nothing is collected before {starts} or after {ends}.").format(starts=asked.starts, ends=asked.ends),
        whom=_("To the vendor “{vendor}” and nobody else, at the address that the system's configuration has for it.").format(
            vendor=about.vendor
        ),
        contact=about.contact,
        needs=_needs(definition, words),
        protection=_protection(definition, words),
    )


def _who(definition: Definition, name: str, words: Words) -> str:
    about = definition.application
    if about.kind is Kind.SHARED:
        text = words.gettext("{name} ({id}) asks, on behalf of many applications; nothing tells which of them a value came from.")
    else:
        text = words.gettext("{name} ({id}) asks.")
    return text.format(name=name, id=about.id)


def _source(field: Source, definition: Definition, words: Words, texts: Mapping[str, str]) -> ToldSource:
    is_fact = field.id.startswith(f"{SYSTEM}/")
    what = words.gettext(field.description) if is_fact else texts.get(f"source/{field.id}/description", field.description)
    if is_fact:
        whence, how = words.gettext("Read by telemetryd itself, once in the period."), ""
    else:
        is_shared = definition.application.kind is Kind.SHARED
        whence = words.gettext("Measured by the applications.") if is_shared else words.gettext("Measured by the application.")
        how = words.gettext(_KEPT[field.combine])
    return ToldSource(field.id, what, whence, how, _coarse(field, definition.question, words), _bins(field, words))


def _coarse(field: Source, asked: Question, words: Words) -> str:
    number = len(field.labels)
    if field.type is SourceType.FLAG:
        text = words.gettext("Only yes or no is kept.")
    elif field.type is SourceType.CHOICE:
        text = words.ngettext("Of it only this choice is kept.", "Of it only one of {number} choices is kept.", number)
    else:
        text = words.ngettext(
            "Of it only this range is kept.", "Of it only one of {number} ranges is kept, never the value itself.", number
        )
    text = text.format(number=number)
    if field.id in dict(asked.coarser):
        return f"{text} {words.gettext('That is coarser than it is declared for other questions.')}"
    return text


def _bins(field: Source, words: Words) -> tuple[Bin, ...]:
    if field.type is SourceType.FLAG:
        texts = [words.pgettext("a flag", "no"), words.pgettext("a flag", "yes")]
    elif field.type is SourceType.CHOICE:
        texts = [*field.values, words.gettext("anything else")]
    else:
        texts = _ranges(field, words)
    return tuple(map(Bin, texts, field.labels))


def _ranges(field: Source, words: Words) -> list[str]:
    unit = words.gettext(field.unit) if field.unit and field.id.startswith(f"{SYSTEM}/") else field.unit
    edges = [number_label(edge) for edge in field.edges]
    first, last = (f"{edge} {unit}".rstrip() for edge in (edges[0], edges[-1]))
    between = words.gettext("{low} to less than {high}")
    return [
        words.gettext("less than {edge}").format(edge=first),
        *(between.format(low=low, high=f"{high} {unit}".rstrip()) for low, high in pairwise(edges)),
        words.gettext("{edge} or more").format(edge=last),
    ]


def _together(definition: Definition, words: Words) -> str:
    cells, number = definition.cells, len(definition.fields)
    one = words.ngettext("There is {cells} possible answer.", "There are {cells} possible answers, “none” included.", cells)
    if number == 1:
        return one.format(cells=cells)
    joint = words.ngettext("This {number} value goes alone.", "These {number} values go together, as one answer.", number)
    return f"{joint.format(number=number)} {one.format(cells=cells)}"


def _when(asked: Question, words: Words) -> str:
    if asked.draw is Draw.FIRST:
        return words.gettext(_FIRST[asked.period])
    number = len(whole_periods(asked.period, asked.starts, asked.ends))
    return _drawn(asked.period, number, words).format(number=number)


_FIRST = {
    PeriodKind.DAY: mark("On one day (UTC): the first whole one after the question is accepted."),
    PeriodKind.WEEK: mark("In one week (UTC): the first whole one after the question is accepted."),
    PeriodKind.MONTH: mark("In one month (UTC): the first whole one after the question is accepted."),
}


def _drawn(period: PeriodKind, number: int, words: Words) -> str:
    match period:
        case PeriodKind.DAY:
            return words.ngettext("On the one day (UTC) of its time.", "On one day (UTC), drawn by chance from {number} days.", number)
        case PeriodKind.WEEK:
            return words.ngettext("In the one week (UTC) of its time.", "In one week (UTC), drawn by chance from {number} weeks.", number)
        case _:
            return words.ngettext(
                "In the one month (UTC) of its time.", "In one month (UTC), drawn by chance from {number} months.", number
            )


def _part(asked: Question, words: Words) -> str:
    if asked.share == 1:
        return words.gettext("Everybody who accepts takes part.")
    text = words.gettext("A share of {share} of those who accept takes part, drawn by chance; nothing is collected of the others.")
    return text.format(share=decimal(number_label(asked.share), words))


def _needs(definition: Definition, words: Words) -> str:
    """What has to be on: the question's own axis, and System too if telemetryd itself reads something for it. Policy: P2."""
    _ = words.gettext
    level = _("basic") if definition.question.detail.name == "BASIC" else _("detailed")
    match axes(definition):
        case ("system",):
            text = _("Only where “System” is turned on, at least at {level}.")
        case ("usage",):
            text = _("Only where “Usage” is turned on, at least at {level}.")
        case _:
            text = _("Only where “Usage” and “System” are turned on, both at least at {level}.")
    return text.format(level=level)


def _protection(definition: Definition, words: Words) -> str:
    """What ε means: the odds of any guess about the true answer grow by no more than e^ε, rounded up here. Policy: A1."""
    epsilon = definition.question.epsilon
    truth, lie = (round(100 * chance) for chance in probabilities(definition.cells, epsilon))
    text = words.gettext(
        "Chance may change the answer before it leaves: the true one is sent with {truth} %, each other one with {lie} %, so that "
        "anybody can deny what was sent. A guess about the user becomes at most {times} times as likely by it (ε = {epsilon})."
    )
    return text.format(truth=truth, lie=lie, times=ceil(exp_thousandths(epsilon) / 1000), epsilon=decimal(number_label(epsilon), words))
