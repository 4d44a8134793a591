"""What the arithmetic of an admissible declaration says against it: answers, reports, lifetime, bins. A person has to judge.

Policy: A3, M2, M4, P2, T1.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from telemetryd.authoring.guidance import guide
from telemetryd.authoring.linter.finding import warning
from telemetryd.core.admissibility import FEWEST_REPORTS, figures, of_one_fact
from telemetryd.core.definition import OTHER, Category, SourceType, number_label

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from telemetryd.authoring.lines import Place
    from telemetryd.authoring.linter.finding import Fault
    from telemetryd.core.definition import Declaration, Definition, Source

_LONG = timedelta(days=274)
"""Nine months: longer than a season and its comparison with the next; a question that takes longer should say why to its reviewers."""
_AHEAD = timedelta(days=366)
"""A question that ends later than a year from today is declared long before anybody can judge whether it is still of use."""
_EPSILON = 2.0
"""The default protection; a weaker one needs a reason."""
_RARE = 0.01
"""An expected share below which an answer drowns in the noise of all others."""
_YES_OR_NO = re.compile(r"(?i)(?:is|are|was|were|do|does|did|can|could|has|have|had|will|would|should)\b")
_FEW_BINS = 6
"""The most bins of one source that a question with yes or no for an answer needs."""


def faults(declaration: Declaration, today: date) -> list[Fault]:
    """What there is to say about a declaration that the parser accepted."""
    found = [*_unused_bins(declaration), *_one_fact(declaration), *_translations(declaration)]
    for number, source in enumerate(declaration.sources):
        if source.type is SourceType.COUNT and source.edges[0] == 0:
            message = f'[[source]] "{source.id}": bins: a count is never below 0, so the bin {source.labels[0]} stays empty'
            found.append(warning(("source", number, "bins", 0), "M2", message, "take the edge 0 out"))
    for number, definition in enumerate(declaration.definitions):
        place, head = ("question", number), f'[[question]] "{definition.question.id}": '
        found += _answers(definition, place, head)
        found += _reports(definition, place, head)
        found += _lifetime(definition, place, head, today)
        found += _finer(definition, declaration, place, head)
    return found


def _answers(definition: Definition, place: Place, head: str) -> Iterator[Fault]:
    of, question = figures(definition), definition.question
    if of.cells > of.optimum:
        message = f"{head}sources: {of.cells} possible answers at epsilon {of.epsilon:g}: above {of.optimum} each answer tells less"
        yield warning((*place, "sources"), "M2", message, "ask for fewer sources, or keep fewer bins with coarser")
    if question.epsilon > _EPSILON:
        message = f"{head}epsilon: {question.epsilon:g} protects an answer less than the usual {_EPSILON:g}"
        yield warning((*place, "epsilon"), "A3", message, "leave it out, or give the reviewers a reason")
    own = [field for field in definition.fields if field.id in question.sources and "/" not in field.id]
    if question.category is Category.SYSTEM and any(field.type is SourceType.COUNT for field in own):
        message = f"{head}category: counting over a period is usage, not what the installation is like"
        yield warning((*place, "category"), "P2", message, 'write category = "usage"')


def _reports(definition: Definition, place: Place, head: str) -> Iterator[Fault]:
    of, question = figures(definition), definition.question
    if of.users and of.reports < FEWEST_REPORTS:
        message = (
            f"{head}expected_users: about {int(of.reports)} reports a {of.period} from {of.users:,} users: "
            f"with fewer than {FEWEST_REPORTS} a report disappears in a small group only"
        )
        yield warning((*place, "expected_users"), "A3", message, "longer periods, an earlier end or a larger share give more")
    if of.sufficient_share is not None and of.sufficient_share * 2 <= question.share:
        message = f"{head}share: {of.sufficient_share:g} of the users would do for ± 2 points and {FEWEST_REPORTS} reports a {of.period}"
        yield warning((*place, "share"), "M2", message, f"ask no more than are needed: share = {of.sufficient_share:g}")
    for reference, shares in question.expected:
        field = next(field for field in definition.fields if field.id == reference)
        rare = [label for label, share in zip(field.labels, shares, strict=True) if share < _RARE and label != OTHER]
        if rare and "/" not in reference:
            message = f"{head}expected: {reference}: fewer than one user in a hundred is expected in {', '.join(rare)}"
            help_ = "merge the bin with its neighbour, or the value with other: the noise hides what is so rare"
            yield warning((*place, "expected", reference), "M2", message, help_)


def _lifetime(definition: Definition, place: Place, head: str, today: date) -> Iterator[Fault]:
    at, question = (*place, "ends"), definition.question
    if question.ends < today:
        message = f"{head}ends: is over; nothing is collected any more"
        yield warning(at, "M4", message, "take the question out, or ask anew under another id")
    elif question.ends - question.starts > _LONG:
        message = f"{head}ends: is far away, {(question.ends - question.starts).days + 1} days after starts"
        yield warning(at, "M4", message, "collect no longer than the answer takes: half a year is enough for most questions")
    elif question.ends - today > _AHEAD:
        message = f"{head}ends: is far away, more than a year from today"
        yield warning(at, "M4", message, "declare a question when it is going to be asked")


def _finer(definition: Definition, declaration: Declaration, place: Place, head: str) -> Iterator[Fault]:
    """Many bins where yes or no is wanted."""
    question = definition.question
    numbers = {source.id: number for number, source in enumerate(declaration.sources)}
    for field in definition.fields:
        is_number = field.type in {SourceType.NUMBER, SourceType.COUNT}
        if is_number and field.id in numbers and len(field.labels) > _FEW_BINS and _YES_OR_NO.match(question.purpose):
            at = (*place, "coarser", field.id) if field.id in dict(question.coarser) else ("source", numbers[field.id], "bins")
            message = f"{head}{field.id}: {len(field.labels)} bins for a question that yes or no answers: finer than the purpose needs"
            yield warning(at, "M2", message, "keep only the edges that the decision depends on")


def _unused_bins(declaration: Declaration) -> Iterator[Fault]:
    """Edges and values that every question leaves out with `coarser`."""
    for number, source in enumerate(declaration.sources):
        used = {
            item for one in declaration.definitions for field in one.fields if field.id == source.id for item in field.edges + field.values
        }
        unused = [_text(item) for item in source.edges + source.values if item not in used]
        if unused:
            key = "values" if source.values else "bins"
            message = f'[[source]] "{source.id}": {key}: no question asks for {", ".join(unused)}: finer than any purpose needs'
            yield warning(
                ("source", number, key), "M2", message, "take them out of the source instead of writing coarser in every question"
            )


def _one_fact(declaration: Declaration) -> Iterator[Fault]:
    numbers = {source.id: number for number, source in enumerate(declaration.sources)}
    for sources, message in of_one_fact(declaration):
        last: Source = sources[-1]
        yield warning(("source", numbers[last.id]), "A3", message, "one source, with all the edges in its bins, has one privacy budget")


def _translations(declaration: Declaration) -> Iterator[Fault]:
    """Languages in which a person would read one half of a question only."""
    places: dict[str, Place] = {f"source/{one.id}/description": ("source", n, "description") for n, one in enumerate(declaration.sources)}
    for number, one in enumerate(declaration.definitions):
        for key in ("purpose", "decision"):
            places[f"question/{one.question.id}/{key}"] = ("question", number, key)
    for language, texts in declaration.texts.items():
        missing = [name for name in places if name not in texts]
        if missing and len(missing) < len(places):
            table, id_, key = missing[0].split("/")
            place = (*places[missing[0]][:2], f"{key}[{language}]")
            message = (
                f'[[{table}]] "{id_}": {key}[{language}]: is missing, and {len(places) - len(missing)} of {len(places)} texts are there'
            )
            yield warning(place, "T1", message, guide(place).help)


def _text(item: float | str) -> str:
    return item if isinstance(item, str) else number_label(item)
