"""The differences between two definitions, in sentences. Policy: T1, T2, T4.

Every part of a definition's digest has a sentence here. So equal sentences mean equal definitions.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.declared_words import translated_word
from telemetryd.core.definition import OTHER, Combine, Source, SourceType, number_label
from telemetryd.core.system_facts import SYSTEM
from telemetryd.core.translation import ENGLISH, decimal, mark, with_unit
from telemetryd.named_tuple import NamedTuple

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
"""How a source combines its samples, as part of a sentence."""


class Direction(StrEnum):
    """The direction of a change for the user's privacy: narrower means that less is learnt."""

    NARROWER = mark("narrower")
    WIDER = mark("wider")
    OTHER = mark("other")


class Change(NamedTuple):
    """One difference: its direction, the changed part of the declaration, and the sentence."""

    direction: Direction
    part: str
    text: str


def fields(definition: Definition, words: Words = ENGLISH) -> list[str]:
    """One sentence for each source: what is measured, its bins, and how samples are combined."""
    return [_source_sentence(field, words) for field in definition.fields]


def _combination(field: Source, words: Words) -> str:
    return words.gettext("read by telemetryd itself") if field.id.startswith(f"{SYSTEM}/") else words.gettext(_COMBINED[field.combine])


def changes(old: Definition, new: Definition, words: Words = ENGLISH) -> list[str]:
    """The differences, one sentence each; empty only if the digests are equal."""
    return [change.text for change in compare(old, new, words)]


def compare(old: Definition, new: Definition, words: Words = ENGLISH) -> list[Change]:
    """The differences with their directions; empty only if the digests are equal."""
    if old.digest == new.digest:
        return []
    listed = [
        *_application_changes(old.application, new.application, words),
        *_question_changes(old.question, new.question, words),
        *_protection_changes(old.question, new.question, words),
        *_field_changes(old, new, words),
    ]
    unknown = words.gettext("The definition changed in a way that no sentence here can tell: please read it as a new definition.")
    return listed or [Change(Direction.OTHER, "definition", unknown)]


NEW_ID = "ask it under a new id; to end it early, stop it (`telemetryctl stop`)"
"""The help for dates that moved."""


def moved_dates(old: Definition, new: Definition) -> dict[str, str]:
    """The date keys that differ between two definitions of one question, each with the reason against it. Policy: M4.

    Whoever answered under the old dates does not answer again. So some periods of the new dates would hold new users only.
    """
    if old.key != new.key:
        return {}
    pairs = {key: (str(getattr(old.question, key)), str(getattr(new.question, key))) for key in ("starts", "ends", "period")}
    why = "as before: users who accepted it would be missing from some of the new periods"
    return {key: f"expected {before}, {why}" for key, (before, after) in pairs.items() if before != after}


def _source_sentence(field: Source, words: Words) -> str:
    texts = {"what": field.description, "bins": with_unit(", ".join(field.labels), field.unit), "how": _combination(field, words)}
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
        yield _other("kind", text, (translated_word(new.kind, words), translated_word(old.kind, words)))


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
        yield _other("category", text, (translated_word(new.category, words), translated_word(old.category, words)))
    if new.detail != old.detail:
        text = _("It now needs the level {new} instead of {old}.")
        levels = translated_word(new.detail.name.lower(), words), translated_word(old.detail.name.lower(), words)
        yield _change("detail", text, levels, is_wider=new.detail < old.detail)
    if new.period != old.period:
        text = _("One answer now covers a {new} instead of a {old}.")
        yield _other("period", text, (translated_word(new.period, words), translated_word(old.period, words)))
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
            yield Change(Direction.NARROWER, "sources", _("{name} is no longer asked for.").format(name=_quote(name)))
    for name, field in after.items():
        if name not in before:
            text = _("{name} is new: {field}.").format(name=_quote(name), field=_source_sentence(field, words))
            yield Change(Direction.WIDER, "sources", text)
        else:
            yield from _source_changes(before[name], field, words)
            yield from _coarser_changes(name, old.question, new.question, words)
    if before.keys() == after.keys() and list(before) != list(after):
        text = _("The sources are now asked for in another order: {names}.").format(names=", ".join(map(_quote, after)))
        yield Change(Direction.OTHER, "sources", text)


def _source_changes(old: Source, new: Source, words: Words) -> Iterator[Change]:
    _, name = words.gettext, _quote(new.id)
    if new.description != old.description:
        yield _other("description", _("{name} is now described as “{new}” instead of “{old}”."), (new.description, old.description), name)
    if new.type != old.type:
        text = _("{name} is now a {new} instead of a {old}: {field}.")
        types = {"new": translated_word(new.type, words), "old": translated_word(old.type, words)}
        yield Change(Direction.OTHER, "type", text.format(name=name, **types, field=_source_sentence(new, words)))
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
    added = [item for item in after if item not in before]
    gone = [item for item in before if item not in after]
    direction = Direction.WIDER if not gone else Direction.NARROWER if not added else Direction.OTHER
    clauses = [_edge_clause(items, new, words, is_new=is_new) for items, is_new in ((added, True), (gone, False)) if items]
    text = words.gettext("{one} and {other}").format(one=clauses[0], other=clauses[1]) if len(clauses) > 1 else clauses[0]
    text = _sizes(old, new, words).format(name=name, now=len(new.labels), before=len(old.labels), other=OTHER, what=text)
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


def _edge_clause(items: list[str], source: Source, words: Words, *, is_new: bool) -> str:
    number = len(items)
    if source.type is SourceType.CHOICE:
        new = words.ngettext("the value {items} is new", "the values {items} are new", number)
        gone = words.ngettext("the value {items} is gone", "the values {items} are gone", number)
    else:
        new = words.ngettext("the edge {items} is new", "the edges {items} are new", number)
        gone = words.ngettext("the edge {items} is gone", "the edges {items} are gone", number)
    return (new if is_new else gone).format(items=with_unit(", ".join(items), source.unit))


def _coarser_changes(name: str, old: Question, new: Question, words: Words) -> Iterator[Change]:
    """The change of `coarser`. It is part of the digest even if the question's bins stay the same, because the source's own may change."""
    was, now = name in dict(old.coarser), name in dict(new.coarser)
    if was != now:
        only = words.gettext("{name} is now declared with only some of its source's bins.")
        everything = words.gettext("{name} is now declared with all of its source's bins.")
        yield Change(Direction.OTHER, "coarser", (only if now else everything).format(name=_quote(name)))


def _change(part: str, text: str, new_and_old: tuple[str, str], *, is_wider: bool) -> Change:
    """`new_and_old` are the two values that the sentence names."""
    return Change(Direction.WIDER if is_wider else Direction.NARROWER, part, text.format(new=new_and_old[0], old=new_and_old[1]))


def _other(part: str, text: str, new_and_old: tuple[str, str], name: str = "") -> Change:
    return Change(Direction.OTHER, part, text.format(new=new_and_old[0], old=new_and_old[1], name=name))


def _quote(name: str) -> str:
    return f"`{name}`"
