"""Two definitions compared, and one described, in plain words. Policy: T1, T2, T4.

Whatever is part of a definition's digest has its sentence here, so equal sentences mean that the same was accepted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.definition import OTHER, Combine, Source, SourceType, number_label
from telemetryd.core.system import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from telemetryd.core.definition import Application, Definition, Question

_COMBINED = {
    Combine.LAST: "the last value of the period",
    Combine.MIN: "the lowest value of the period",
    Combine.MAX: "the highest value of the period",
    Combine.MEDIAN: "the median of the period",
    Combine.SUM: "the sum over the period",
    Combine.APPLICATIONS: "the number of different programs in the period",
    Combine.MODE: "the most frequent value of the period",
    Combine.ANY: "whether it was ever true in the period",
    Combine.ALL: "whether it was always true in the period",
}


def fields(definition: Definition) -> list[str]:
    """What is kept of each source, one sentence each."""
    return [_described(field) for field in definition.fields]


def changes(old: Definition, new: Definition) -> list[str]:
    """What is another in the new definition, one sentence each; empty only if the digests are equal."""
    if old.digest == new.digest:
        return []
    found = [
        *_application_changes(old.application, new.application),
        *_question_changes(old.question, new.question),
        *_protection_changes(old.question, new.question),
        *_field_changes(old, new),
    ]
    return found or ["The definition changed in a way that cannot be told in a sentence: please read it as a new one."]


def _described(field: Source) -> str:
    unit = f" {field.unit}" if field.unit else ""
    how = "read by telemetryd itself" if field.id.startswith(f"{SYSTEM}/") else _COMBINED[field.combine]
    return f"{field.description}, as one of: {', '.join(field.labels)}{unit} ({how})"


def _application_changes(old: Application, new: Application) -> Iterator[str]:
    if new.id != old.id:
        yield f"Another application asks: {new.id} instead of {old.id}."
    if new.name != old.name:
        yield f"The application is now called “{new.name}” instead of “{old.name}”."
    if new.vendor != old.vendor:
        yield f"The answer now goes to the vendor {new.vendor} instead of {old.vendor}."
    if new.contact != old.contact:
        yield f"The contact for concerns is now {new.contact} instead of {old.contact}."
    if new.kind != old.kind:
        yield f"The declaration is now of the kind {new.kind} instead of {old.kind}."


def _question_changes(old: Question, new: Question) -> Iterator[str]:
    if new.id != old.id:
        yield f"Another question is asked: {new.id} instead of {old.id}."
    if new.purpose != old.purpose:
        yield f"The purpose is now “{new.purpose}” instead of “{old.purpose}”."
    if new.decision != old.decision:
        yield f"What the answer decides is now “{new.decision}” instead of “{old.decision}”."
    if new.category != old.category:
        yield f"It now falls under the consent for {new.category} data instead of {old.category} data."
    if new.detail != old.detail:
        yield f"It now needs the level {new.detail.name.lower()} instead of {old.detail.name.lower()}."
    if new.period != old.period:
        yield f"One answer now covers a {new.period} instead of a {old.period}."
    if new.starts != old.starts:
        yield f"It now starts {_moved(new.starts > old.starts)}: on {new.starts} instead of {old.starts}."
    if new.ends != old.ends:
        yield f"It now ends {_moved(new.ends > old.ends)}: on {new.ends} instead of {old.ends}."


def _protection_changes(old: Question, new: Question) -> Iterator[str]:
    if new.draw != old.draw:
        yield f"The period that a user answers in is now drawn as {new.draw} instead of {old.draw}."
    if new.share != old.share:
        more = "more" if new.share > old.share else "fewer"
        yield f"The share of users who take part is now {number_label(new.share)} instead of {number_label(old.share)} ({more} users)."
    if new.epsilon != old.epsilon:
        protection = "weaker" if new.epsilon > old.epsilon else "stronger"
        new_epsilon, old_epsilon = number_label(new.epsilon), number_label(old.epsilon)
        yield f"The answer's protection is now {protection}: epsilon {new_epsilon} instead of {old_epsilon}."


def _moved(is_later: bool) -> str:  # noqa: FBT001 - a comparison's result, turned into its word
    return "later" if is_later else "earlier"


def _field_changes(old: Definition, new: Definition) -> Iterator[str]:
    before = {field.id: field for field in old.fields}
    after = {field.id: field for field in new.fields}
    yield from (f"{_quoted(name)} is no longer asked for." for name in before if name not in after)
    for name, field in after.items():
        if name not in before:
            yield f"{_quoted(name)} is new: {_described(field)}."
        else:
            yield from _source_changes(before[name], field)
            yield from _coarser_changes(name, old.question, new.question)
    if before.keys() == after.keys() and list(before) != list(after):
        yield f"The sources are now asked for in another order: {', '.join(map(_quoted, after))}."


def _source_changes(old: Source, new: Source) -> Iterator[str]:
    name = _quoted(new.id)
    if new.description != old.description:
        yield f"{name} is now described as “{new.description}” instead of “{old.description}”."
    if new.type != old.type:
        yield f"{name} is now a {new.type} instead of a {old.type}: {_described(new)}."
    if new.unit != old.unit:
        yield f"{name} is now in {new.unit or 'no unit'} instead of {old.unit or 'no unit'}."
    if new.combine != old.combine:
        yield f"What is kept of {name} is now {_COMBINED[new.combine]} instead of {_COMBINED[old.combine]}."
    if new.type == old.type and set(new.labels) != set(old.labels):
        yield _label_change(name, old, new)


def _label_change(name: str, old: Source, new: Source) -> str:
    """`startup` is now kept in 4 bins instead of 3: the edge 1000 ms is new (finer)."""
    if new.type is SourceType.CHOICE:
        before, after, what, unit = old.values, new.values, "value", ""
        sizes = f"{len(new.labels)} values ({OTHER} included){_instead(old, new)}"
    else:
        before, after = tuple(map(number_label, old.edges)), tuple(map(number_label, new.edges))
        what, unit = "edge", f" {new.unit}" if new.unit else ""
        sizes = f"{len(new.labels)} bins{_instead(old, new)}"
    added = [one for one in after if one not in before]
    gone = [one for one in before if one not in after]
    told = [
        *([f"the {_listed(what, added)}{unit} {_is(added)} new"] if added else []),
        *([f"the {_listed(what, gone)}{unit} {_is(gone)} gone"] if gone else []),
    ]
    direction = "finer" if not gone else "coarser" if not added else "other bins"
    return f"{name} is now kept in {sizes}: {' and '.join(told)} ({direction})."


def _instead(old: Source, new: Source) -> str:
    same = len(old.labels) == len(new.labels)
    return " as before, but others" if same else f" instead of {len(old.labels)}"


def _coarser_changes(name: str, old: Question, new: Question) -> Iterator[str]:
    """A question's bins can stay the same while `coarser` comes or goes and the source's own bins change; the digest names it."""
    was, now = name in dict(old.coarser), name in dict(new.coarser)
    if was != now:
        how = "only some of its source's bins" if now else "all of its source's bins"
        yield f"{_quoted(name)} is now declared with {how}."


def _listed(what: str, items: Iterable[str]) -> str:
    items = list(items)
    return f"{what}{'s' if len(items) > 1 else ''} {', '.join(items)}"


def _is(items: list[str]) -> str:
    return "are" if len(items) > 1 else "is"


def _quoted(name: str) -> str:
    return f"`{name}`"
