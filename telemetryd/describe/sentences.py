"""A definition in plain sentences: what is measured, when, how often, how coarsely, for whom, why, and for which decision. Policy: T1, T2.

`describe` is the only place that explains a definition to people: `telemetryctl show`, `review` and `document` print its sentences. They
cover every part of the digest, so equal sentences mean equal definitions. `difference.fields` has one short sentence for each source, which
Control1's `fields` and the differences use.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from telemetryd.core.answers.period import whole_periods
from telemetryd.core.definition import Combine, ManifestKind, PeriodKind, SourceType, number_label
from telemetryd.core.permission.gate import axes
from telemetryd.core.privacy.noise import probabilities
from telemetryd.core.privacy.odds import factor
from telemetryd.core.system_facts import SYSTEM
from telemetryd.core.translation import ENGLISH, counted, decimal, joined, mark, mark_plural
from telemetryd.describe.ranges import ranges_of
from telemetryd.named_tuple import NamedTuple

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
    Combine.APPLICATIONS: mark("What counts is how many different programs said so in the period."),
    Combine.MODE: mark("Of all values in the period, the most frequent one counts."),
    Combine.ANY: mark("It counts as yes if it was ever so in the period."),
    Combine.ALL: mark("It counts as yes only if it was always so in the period."),
}

_DRAWN_PERIOD = {
    PeriodKind.DAY: mark_plural(
        "Measured during one of {number} day (UTC), drawn by chance; you see which one as soon as you accept.",
        "Measured during one of {number} days (UTC), drawn by chance; you see which one as soon as you accept.",
    ),
    PeriodKind.WEEK: mark_plural(
        "Measured during one of {number} week (UTC), drawn by chance; you see which one as soon as you accept.",
        "Measured during one of {number} weeks (UTC), drawn by chance; you see which one as soon as you accept.",
    ),
    PeriodKind.MONTH: mark_plural(
        "Measured during one of {number} month (UTC), drawn by chance; you see which one as soon as you accept.",
        "Measured during one of {number} months (UTC), drawn by chance; you see which one as soon as you accept.",
    ),
}
_ONLY_PERIOD = {
    PeriodKind.DAY: mark("Measured during the only day (UTC) of this question."),
    PeriodKind.WEEK: mark("Measured during the only full week (UTC) of this question."),
    PeriodKind.MONTH: mark("Measured during the only full month (UTC) of this question."),
}
"""Messages of their own: a language without a plural has one form for all numbers."""


class Bin(NamedTuple):
    """One possible answer of a source: in words, and as its label in a report."""

    text: str
    label: str


class SourceDescription(NamedTuple):
    """One source in words: its id, what is measured, by whom (`whence`), how values are combined, how coarse the result is."""

    id: str
    what: str
    whence: str
    how: str
    coarse: str
    bins: tuple[Bin, ...]


class Description(NamedTuple):
    """A definition in sentences; each field answers one question of a user. `review --format json` prints them under these names."""

    who: str
    question: str
    why: str
    outcome: str
    sources: tuple[SourceDescription, ...]
    together: str
    when: str
    often: str
    part: str
    until: str
    whom: str
    contact: str
    needs: str
    protection: str


def describe(definition: Definition, words: Words = ENGLISH, texts: Mapping[str, str] = NO_TEXTS) -> Description:
    """The definition in words. `texts` are the manifest's translations into that language, under the keys of `Declaration.texts`."""
    application, question, _ = definition.application, definition.question, words.gettext
    name = texts.get("name", application.name)
    return Description(
        who=_who(definition, name, words),
        question=question.id,
        why=texts.get(f"question/{question.id}/purpose", question.purpose),
        outcome=texts.get(f"question/{question.id}/decision", question.decision),
        sources=tuple(_source(field, definition, words, texts) for field in definition.fields),
        together=_number_of_answers(definition, words),
        when=_when(question, words),
        often=_("Once: a question that was answered is never asked again. If nothing was measured, the answer is “none”."),
        part=_part(question, words),
        until=_("Nothing is collected before {starts} or after {ends}.").format(starts=question.starts, ends=question.ends),
        whom=_("To the vendor “{vendor}” and nobody else, at the address that the system's configuration has for it.").format(
            vendor=application.vendor
        ),
        contact=application.contact,
        needs=_needs(definition, words),
        protection=_protection(definition, words),
    )


def _who(definition: Definition, name: str, words: Words) -> str:
    application = definition.application
    if application.kind is ManifestKind.SHARED:
        text = words.gettext("{name} ({id}) asks, on behalf of many applications; nothing tells which of them a value came from.")
    else:
        text = words.gettext("{name} ({id}) asks.")
    return text.format(name=name, id=application.id)


def _source(field: Source, definition: Definition, words: Words, texts: Mapping[str, str]) -> SourceDescription:
    is_fact = field.id.startswith(f"{SYSTEM}/")
    measured = words.gettext(field.description) if is_fact else texts.get(f"source/{field.id}/description", field.description)
    if is_fact:
        measured_by, combined = words.gettext("Read by telemetryd itself, once in the period."), ""
    else:
        is_shared = definition.application.kind is ManifestKind.SHARED
        measured_by = words.gettext("Measured by the applications.") if is_shared else words.gettext("Measured by the application.")
        combined = words.gettext(_KEPT[field.combine])
    return SourceDescription(field.id, measured, measured_by, combined, _coarseness(field, definition.question, words), _bins(field, words))


def _coarseness(field: Source, question: Question, words: Words) -> str:
    number = len(field.labels)
    if field.type is SourceType.FLAG:
        text = words.gettext("Only yes or no is kept.")
    elif field.type is SourceType.CHOICE:
        text = words.ngettext("Only this choice is kept.", "Only which of these {number} choices applies is kept.", number)
    else:
        text = words.ngettext(
            "Only this range is kept.", "Only which of these {number} ranges it falls into is kept, never the value.", number
        )
    text = text.format(number=number)
    if field.id in dict(question.coarser):
        return joined([text, words.gettext("That is coarser than it is declared for other questions.")], words)
    return text


def _bins(field: Source, words: Words) -> tuple[Bin, ...]:
    if field.type is SourceType.FLAG:
        texts = [words.pgettext("a flag", "no"), words.pgettext("a flag", "yes")]
    elif field.type is SourceType.CHOICE:
        texts = [*field.values, words.gettext("anything else")]
    else:
        texts = ranges_of(field, words)
    return tuple(map(Bin, texts, field.labels))


def _number_of_answers(definition: Definition, words: Words) -> str:
    cells, number = definition.cells, len(definition.fields)
    number_of_answers = words.ngettext("There is {cells} possible answer.", "There are {cells} possible answers, “none” included.", cells)
    if number == 1:
        return number_of_answers.format(cells=cells)
    joint = words.ngettext("This {number} value goes alone.", "These {number} values go together, as one answer.", number)
    return joined([joint.format(number=number), number_of_answers.format(cells=cells)], words)


def _when(question: Question, words: Words) -> str:
    number = len(whole_periods(question.period, question.starts, question.ends))
    return words.gettext(_ONLY_PERIOD[question.period]) if number == 1 else counted(_DRAWN_PERIOD[question.period], number, words)


def _part(question: Question, words: Words) -> str:
    if question.share == 1:
        return words.gettext("Everybody who accepts takes part.")
    text = words.gettext("A share of {share} of those who accept takes part, drawn by chance; nothing is collected from the others.")
    return text.format(share=decimal(number_label(question.share), words))


def _needs(definition: Definition, words: Words) -> str:
    """The levels that the question needs: its own axis, and System too if telemetryd itself reads a fact. Policy: P2."""
    _ = words.gettext
    level = _("basic") if definition.question.detail.name == "BASIC" else _("detailed")
    match axes(definition):
        case ("system",):
            text = _("Needs your “System” setting at “{level}” or higher.")
        case ("usage",):
            text = _("Needs your “Usage” setting at “{level}” or higher.")
        case _:
            text = _("Needs your “Usage” and “System” settings, both at “{level}” or higher.")
    return text.format(level=level)


def _protection(definition: Definition, words: Words) -> str:
    """The meaning of ε: the odds of any guess about the true answer grow by at most e^ε, here rounded up. Policy: A1."""
    epsilon = definition.question.epsilon
    truth = round(100 * probabilities(definition.cells, epsilon)[0])
    text = words.gettext(
        "Chance may replace the answer before it is sent. Of 100 people who answer as you do, {truth} send that answer and {others} a "
        "different answer. Seeing your report can change anyone's odds about you by a factor of {factor} at most (ε = {epsilon})."
    )
    numbers = {"factor": factor(epsilon, words), "epsilon": decimal(number_label(epsilon), words)}
    return text.format(truth=truth, others=100 - truth, **numbers)
