"""Two definitions compared, and one described, in plain words. Policy: T1, T2, T4.

Whatever is part of a definition's digest has its sentence here, so equal sentences mean that the same was accepted.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.declared_words import named
from telemetryd.core.definition import OTHER, Combine, Source, SourceType, number_label
from telemetryd.core.system_facts import SYSTEM
from telemetryd.core.translation import ENGLISH, decimal, mark

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.core.definition import Application, Definition, Question
    from telemetryd.core.translation import Words

_COMBINED = {
    Combine.LAST: mark("the last value of the period"),
    Combine.MIN: mark("the lowest value of the period"),
    Combine.MAX: mark("the highest value of the period"),
    Combine.MEDIAN: mark("the median of the period"),
    Combine.SUM: mark("the sum over the period"),
    Combine.APPLICATIONS: mark("the number of different programs in the period"),
    Combine.MODE: mark("the most frequent value of the period"),
    Combine.ANY: mark("whether it was ever true in the period"),
    Combine.ALL: mark("whether it was always true in the period"),
}
"""The words of a declaration, as they stand in sentences."""


class Direction(StrEnum):
    """Which way a change goes for the user's privacy."""

    NARROWER = mark("narrower")
    WIDER = mark("wider")
    OTHER = mark("other")


class Change(NamedTuple):
    """One difference: which way it goes, the part of the declaration, the sentence."""

    direction: Direction
    part: str
    text: str


def fields(definition: Definition, words: Words = ENGLISH) -> list[str]:
    """What is kept of each source, one sentence each."""
    return [_described(field, words) for field in definition.fields]


def combined(field: Source, words: Words = ENGLISH) -> str:
    """How a period's samples become one."""
    return words.gettext("read by telemetryd itself") if field.id.startswith(f"{SYSTEM}/") else words.gettext(_COMBINED[field.combine])


def changes(old: Definition, new: Definition, words: Words = ENGLISH) -> list[str]:
    """What is another in the new definition, one sentence each; empty only if the digests are equal."""
    return [change.text for change in compare(old, new, words)]


def compare(old: Definition, new: Definition, words: Words = ENGLISH) -> list[Change]:
    """The same, with the direction of each change."""
    if old.digest == new.digest:
        return []
    found = [
        *_application_changes(old.application, new.application, words),
        *_question_changes(old.question, new.question, words),
        *_protection_changes(old.question, new.question, words),
        *_field_changes(old, new, words),
    ]
    unknown = words.gettext("The definition changed in a way that cannot be told in a sentence: please read it as a new one.")
    return found or [Change(Direction.OTHER, "definition", unknown)]


def _described(field: Source, words: Words) -> str:
    unit = f" {field.unit}" if field.unit else ""
    texts = {"what": field.description, "bins": ", ".join(field.labels) + unit, "how": combined(field, words)}
    return words.gettext("{what}, as one of: {bins} ({how})").format(**texts)


def _application_changes(old: Application, new: Application, words: Words) -> Iterator[Change]:
    _ = words.gettext
    if new.id != old.id:
        yield _other("application", _("Another application asks: {new} instead of {old}."), (new.id, old.id))
    if new.name != old.name:
        yield _other("name", _("The application is now called “{new}” instead of “{old}”."), (new.name, old.name))
    if new.vendor != old.vendor:
        yield _other("vendor", _("The answer now goes to the vendor {new} instead of {old}."), (new.vendor, old.vendor))
    if new.contact != old.contact:
        yield _other("contact", _("The contact for concerns is now {new} instead of {old}."), (new.contact, old.contact))
    if new.kind != old.kind:
        text = _("The declaration is now of the kind {new} instead of {old}.")
        yield _other("kind", text, (named(new.kind, words), named(old.kind, words)))


def _question_changes(old: Question, new: Question, words: Words) -> Iterator[Change]:
    _ = words.gettext
    if new.id != old.id:
        yield _other("question", _("Another question is asked: {new} instead of {old}."), (new.id, old.id))
    if new.purpose != old.purpose:
        yield _other("purpose", _("The purpose is now “{new}” instead of “{old}”."), (new.purpose, old.purpose))
    if new.decision != old.decision:
        yield _other("decision", _("What the answer decides is now “{new}” instead of “{old}”."), (new.decision, old.decision))
    if new.category != old.category:
        text = _("It now falls under the consent for {new} data instead of {old} data.")
        yield _other("category", text, (named(new.category, words), named(old.category, words)))
    if new.detail != old.detail:
        text = _("It now needs the level {new} instead of {old}.")
        levels = named(new.detail.name.lower(), words), named(old.detail.name.lower(), words)
        yield _change("detail", text, levels, is_wider=new.detail < old.detail)
    if new.period != old.period:
        text = _("One answer now covers a {new} instead of a {old}.")
        yield _other("period", text, (named(new.period, words), named(old.period, words)))
    yield from _date_changes(old, new, words)


def _date_changes(old: Question, new: Question, words: Words) -> Iterator[Change]:
    _ = words.gettext
    if new.starts != old.starts:
        is_wider = new.starts < old.starts
        text = _("It now starts earlier: on {new} instead of {old}.") if is_wider else _("It now starts later: on {new} instead of {old}.")
        yield _change("starts", text, (str(new.starts), str(old.starts)), is_wider=is_wider)
    if new.ends != old.ends:
        is_wider = new.ends > old.ends
        text = _("It now ends later: on {new} instead of {old}.") if is_wider else _("It now ends earlier: on {new} instead of {old}.")
        yield _change("ends", text, (str(new.ends), str(old.ends)), is_wider=is_wider)


def _protection_changes(old: Question, new: Question, words: Words) -> Iterator[Change]:
    _ = words.gettext
    if new.draw != old.draw:
        text = _("The period that a user answers in is now drawn as {new} instead of {old}.")
        yield _other("draw", text, (named(new.draw, words), named(old.draw, words)))
    if new.share != old.share:
        more = _("The share of users who take part is now {new} instead of {old} (more users).")
        fewer = _("The share of users who take part is now {new} instead of {old} (fewer users).")
        is_wider = new.share > old.share
        yield _change("share", more if is_wider else fewer, _decimals(words, new.share, old.share), is_wider=is_wider)
    if new.epsilon != old.epsilon:
        weaker = _("The answer's protection is now weaker: epsilon {new} instead of {old}.")
        stronger = _("The answer's protection is now stronger: epsilon {new} instead of {old}.")
        is_wider = new.epsilon > old.epsilon
        yield _change("epsilon", weaker if is_wider else stronger, _decimals(words, new.epsilon, old.epsilon), is_wider=is_wider)


def _decimals(words: Words, new: float, old: float) -> tuple[str, str]:
    return decimal(number_label(new), words), decimal(number_label(old), words)


def _field_changes(old: Definition, new: Definition, words: Words) -> Iterator[Change]:
    _ = words.gettext
    before = {field.id: field for field in old.fields}
    after = {field.id: field for field in new.fields}
    for name in before:
        if name not in after:
            yield Change(Direction.NARROWER, "sources", _("{name} is no longer asked for.").format(name=_quoted(name)))
    for name, field in after.items():
        if name not in before:
            text = _("{name} is new: {field}.").format(name=_quoted(name), field=_described(field, words))
            yield Change(Direction.WIDER, "sources", text)
        else:
            yield from _source_changes(before[name], field, words)
            yield from _coarser_changes(name, old.question, new.question, words)
    if before.keys() == after.keys() and list(before) != list(after):
        text = _("The sources are now asked for in another order: {names}.").format(names=", ".join(map(_quoted, after)))
        yield Change(Direction.OTHER, "sources", text)


def _source_changes(old: Source, new: Source, words: Words) -> Iterator[Change]:
    _, name = words.gettext, _quoted(new.id)
    if new.description != old.description:
        yield _other("description", _("{name} is now described as “{new}” instead of “{old}”."), (new.description, old.description), name)
    if new.type != old.type:
        text = _("{name} is now a {new} instead of a {old}: {field}.")
        said = {"name": name, "new": named(new.type, words), "old": named(old.type, words), "field": _described(new, words)}
        yield Change(Direction.OTHER, "type", text.format(**said))
    if new.unit != old.unit:
        yield _other("unit", _("{name} is now in {new} instead of {old}."), (new.unit or _("no unit"), old.unit or _("no unit")), name)
    if new.combine != old.combine:
        text = _("What is kept of {name} is now {new} instead of {old}.")
        yield _other("combine", text, (_(_COMBINED[new.combine]), _(_COMBINED[old.combine])), name)
    if new.type == old.type and set(new.labels) != set(old.labels):
        yield _label_change(name, old, new, words)


def _label_change(name: str, old: Source, new: Source, words: Words) -> Change:
    """`startup` is now kept in 4 bins instead of 3: the edge 1000 ms is new (finer)."""
    if new.type is SourceType.CHOICE:
        before, after = old.values, new.values
    else:
        before, after = tuple(map(number_label, old.edges)), tuple(map(number_label, new.edges))
    added = [one for one in after if one not in before]
    gone = [one for one in before if one not in after]
    direction = Direction.WIDER if not gone else Direction.NARROWER if not added else Direction.OTHER
    told = [_told(items, new, words, is_new=is_new) for items, is_new in ((added, True), (gone, False)) if items]
    both = words.gettext("{one} and {other}").format(one=told[0], other=told[1]) if len(told) > 1 else told[0]
    text = _sizes(old, new, words).format(name=name, now=len(new.labels), before=len(old.labels), other=OTHER, what=both)
    return Change(direction, "bins", text + words.gettext(_FINENESS[direction]))


_FINENESS = {Direction.WIDER: mark(" (finer)."), Direction.NARROWER: mark(" (coarser)."), Direction.OTHER: mark(" (other bins).")}


def _sizes(old: Source, new: Source, words: Words) -> str:
    _ = words.gettext
    is_same = len(old.labels) == len(new.labels)
    if new.type is SourceType.CHOICE and is_same:
        return _("{name} is now kept in {now} values ({other} included) as before, but others: {what}")
    if new.type is SourceType.CHOICE:
        return _("{name} is now kept in {now} values ({other} included) instead of {before}: {what}")
    if is_same:
        return _("{name} is now kept in {now} bins as before, but others: {what}")
    return _("{name} is now kept in {now} bins instead of {before}: {what}")


def _told(items: list[str], source: Source, words: Words, *, is_new: bool) -> str:
    number, unit = len(items), f" {source.unit}" if source.unit else ""
    if source.type is SourceType.CHOICE:
        new = words.ngettext("the value {items} is new", "the values {items} are new", number)
        gone = words.ngettext("the value {items} is gone", "the values {items} are gone", number)
    else:
        new = words.ngettext("the edge {items} is new", "the edges {items} are new", number)
        gone = words.ngettext("the edge {items} is gone", "the edges {items} are gone", number)
    return (new if is_new else gone).format(items=", ".join(items) + unit)


def _coarser_changes(name: str, old: Question, new: Question, words: Words) -> Iterator[Change]:
    """A question's bins can stay the same while `coarser` comes or goes and the source's own bins change; the digest names it."""
    was, now = name in dict(old.coarser), name in dict(new.coarser)
    if was != now:
        only = words.gettext("{name} is now declared with only some of its source's bins.")
        everything = words.gettext("{name} is now declared with all of its source's bins.")
        yield Change(Direction.OTHER, "coarser", (only if now else everything).format(name=_quoted(name)))


def _change(part: str, text: str, both: tuple[str, str], *, is_wider: bool) -> Change:
    """`both`: what it is now, and what it was."""
    return Change(Direction.WIDER if is_wider else Direction.NARROWER, part, text.format(new=both[0], old=both[1]))


def _other(part: str, text: str, both: tuple[str, str], name: str = "") -> Change:
    return Change(Direction.OTHER, part, text.format(new=both[0], old=both[1], name=name))


def _quoted(name: str) -> str:
    return f"`{name}`"
