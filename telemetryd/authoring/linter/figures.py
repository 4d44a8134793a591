"""Warnings from the arithmetic of an admissible declaration: answers, reports, dates, bins. A person has to judge them.

Policy: A3, M2, M4, P2, T1.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from telemetryd.authoring.guidance import guide
from telemetryd.authoring.linter.finding import warning
from telemetryd.core.definition import OTHER, Category, SourceType, number_label
from telemetryd.core.privacy.admissibility import FEWEST_REPORTS, duplicate_facts, figures, noise_warnings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from telemetryd.authoring.linter.finding import Fault
    from telemetryd.core.definition import Declaration, Definition, Source
    from telemetryd.toml.mistakes import Place

_LONG = timedelta(days=274)
"""Nine months: long enough to compare two seasons. Reviewers should know why a question takes longer."""
_AHEAD = timedelta(days=366)
"""A question that ends later is declared too early: nobody can know whether it will still be useful."""
_EPSILON = 2.0
"""The default protection; a larger ε needs a reason."""
_RARE = 0.01
"""An answer with a smaller expected share disappears in the noise of the others."""
_YES_OR_NO = re.compile(r"(?i)(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should)\b")
_NOISE = {
    "sources": ("M2", "ask for fewer sources, or keep fewer bins with coarser"),
    "epsilon": ("A3", "write a larger epsilon, or keep fewer bins with coarser: anyone can send reports"),
}
"""Key of the question → clause and help of the warning that answers and noise fit badly."""
_FEW_BINS = 6
"""The most bins of a source that a yes-or-no question needs."""


def faults(declaration: Declaration, today: date) -> list[Fault]:
    """The warnings about an accepted declaration."""
    faults = [*_unused_bins(declaration), *_duplicate_facts(declaration), *_translations(declaration)]
    for number, source in enumerate(declaration.sources):
        if source.type is SourceType.COUNT and source.edges[0] == 0:
            message = f'[[source]] "{source.id}": bins: a count is never below 0, so the bin {source.labels[0]} stays empty'
            faults.append(warning(("source", number, "bins", 0), "M2", message, "remove the edge 0"))
    for number, definition in enumerate(declaration.definitions):
        place, prefix = ("question", number), f'[[question]] "{definition.question.id}": '
        faults += _answers(definition, place, prefix)
        faults += _reports(definition, place, prefix)
        faults += _lifetime(definition, place, prefix, today)
        faults += _too_many_bins(definition, declaration, place, prefix)
    return faults


def _answers(definition: Definition, place: Place, prefix: str) -> Iterator[Fault]:
    numbers, question = figures(definition), definition.question
    for key, text in noise_warnings(numbers).items():
        clause, help_ = _NOISE[key]
        yield warning((*place, key), clause, f"{prefix}{key}: {text}", help_)
    if question.epsilon > _EPSILON:
        message = f"{prefix}epsilon: {question.epsilon:g} protects an answer less than the usual {_EPSILON:g}"
        yield warning((*place, "epsilon"), "A3", message, "leave it out, or give the reviewers a reason")
    if question.category is Category.SYSTEM and any(field.type is SourceType.COUNT for field in definition.fields):
        message = f"{prefix}category: counting over a period is usage, not what the installation is like"
        yield warning((*place, "category"), "P2", message, 'write category = "usage"')


def _reports(definition: Definition, place: Place, prefix: str) -> Iterator[Fault]:
    numbers, question = figures(definition), definition.question
    if numbers.users and numbers.reports < FEWEST_REPORTS:
        message = (
            f"{prefix}expected_users: about {int(numbers.reports)} reports a {numbers.period} from {numbers.users:,} users: "
            f"with fewer than {FEWEST_REPORTS}, each report hides in a small crowd"
        )
        yield warning((*place, "expected_users"), "A3", message, "use longer periods, an earlier end or a larger share")
    if numbers.sufficient_share is not None and numbers.sufficient_share * 2 <= question.share:
        message = f"{prefix}share: {numbers.sufficient_share:g} of the users is enough for ± 2 points "
        message += f"and {FEWEST_REPORTS} reports a {numbers.period}"
        yield warning((*place, "share"), "M2", message, f"ask no more than are needed: share = {numbers.sufficient_share:g}")
    for reference, shares in question.expected:
        field = next(field for field in definition.fields if field.id == reference)
        rare = [label for label, share in zip(field.labels, shares, strict=True) if share < _RARE and label != OTHER]
        if rare and "/" not in reference:
            message = f"{prefix}expected: {reference}: fewer than one user in a hundred is expected in {', '.join(rare)}"
            help_ = "merge the bin with its neighbour, or the value with other: the noise hides such rare answers"
            yield warning((*place, "expected", reference), "M2", message, help_)


def _lifetime(definition: Definition, place: Place, prefix: str, today: date) -> Iterator[Fault]:
    at, question = (*place, "ends"), definition.question
    if question.ends < today:
        message = f"{prefix}ends: is in the past; nothing is collected any more"
        yield warning(at, "M4", message, "remove the question, or ask again under another id")
    elif question.ends - question.starts > _LONG:
        message = f"{prefix}ends: is far away, the question lasts {(question.ends - question.starts).days + 1} days"
        yield warning(at, "M4", message, "collect no longer than the answer takes: half a year is enough for most questions")
    elif question.ends - today > _AHEAD:
        message = f"{prefix}ends: is far away, more than a year from today"
        yield warning(at, "M4", message, "declare the question when you are about to ask it")


def _too_many_bins(definition: Definition, declaration: Declaration, place: Place, prefix: str) -> Iterator[Fault]:
    """Sources with many bins in a yes-or-no question."""
    question = definition.question
    numbers = {source.id: number for number, source in enumerate(declaration.sources)}
    for field in definition.fields:
        is_number = field.type in {SourceType.NUMBER, SourceType.COUNT}
        if is_number and field.id in numbers and len(field.labels) > _FEW_BINS and _YES_OR_NO.match(question.purpose):
            at = (*place, "coarser", field.id) if field.id in dict(question.coarser) else ("source", numbers[field.id], "bins")
            message = f"{prefix}{field.id}: {len(field.labels)} bins, but yes or no answers the question: finer than the purpose needs"
            yield warning(at, "M2", message, "keep only the edges that the decision depends on")


def _unused_bins(declaration: Declaration) -> Iterator[Fault]:
    """Edges and values that no question uses, because all leave them out with `coarser`."""
    for number, source in enumerate(declaration.sources):
        used = {
            item
            for definition in declaration.definitions
            for field in definition.fields
            if field.id == source.id
            for item in field.edges + field.values
        }
        unused = [_text(item) for item in source.edges + source.values if item not in used]
        if unused:
            key = "values" if source.values else "bins"
            message = f'[[source]] "{source.id}": {key}: no question asks for {", ".join(unused)}: finer than any purpose needs'
            yield warning(
                ("source", number, key), "M2", message, "remove them from the source instead of writing coarser in every question"
            )


def _duplicate_facts(declaration: Declaration) -> Iterator[Fault]:
    numbers = {source.id: number for number, source in enumerate(declaration.sources)}
    for sources, message in duplicate_facts(declaration):
        last: Source = sources[-1]
        yield warning(
            ("source", numbers[last.id]), "A3", message, "merge them into one source with all the edges: it has one privacy budget"
        )


def _translations(declaration: Declaration) -> Iterator[Fault]:
    """Languages in which some texts are missing, so that a user would read half a question."""
    places: dict[str, Place] = {
        f"source/{source.id}/description": ("source", number, "description") for number, source in enumerate(declaration.sources)
    }
    for number, definition in enumerate(declaration.definitions):
        for key in ("purpose", "decision"):
            places[f"question/{definition.question.id}/{key}"] = ("question", number, key)
    for language, texts in declaration.texts.items():
        there = [name for name in places if name in texts]
        missing = [name for name in places if name not in texts]
        if there and missing:
            table, id_, key = missing[0].split("/")
            place = (*places[missing[0]][:2], f"{key}[{language}]")
            message = f'[[{table}]] "{id_}": {key}[{language}]: is missing, and {len(there)} of {len(places)} texts are there'
            yield warning(place, "T1", message, guide(place).help)


def _text(item: float | str) -> str:
    return item if isinstance(item, str) else number_label(item)
