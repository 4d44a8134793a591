"""What changed between two manifests of an application, for its release announcement. Policy: T4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.sheet import Fact, Section, Sheet, fact
from telemetryd.describe import difference
from telemetryd.describe.sentences import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.core.definition import Application, Declaration, Definition
    from telemetryd.ctl.language import Language


class Compared(NamedTuple):
    """The questions of two manifests: new ones, those asked otherwise (before, now), those that are gone, those that are the same."""

    application: Application
    new: tuple[Definition, ...]
    changed: tuple[tuple[Definition, Definition], ...]
    gone: tuple[Definition, ...]
    same: tuple[Definition, ...]
    texts: Mapping[str, Mapping[str, str]]


def compared(old: Declaration | None, new: Declaration | None) -> Compared:
    """Compare two manifests, of which one may be missing."""
    before = {one.question.id: one for one in old.definitions} if old else {}
    after = {one.question.id: one for one in new.definitions} if new else {}
    found = new or old
    assert found is not None  # noqa: S101 - the caller has one of them at least
    both = [(before[name], one) for name, one in after.items() if name in before]
    return Compared(
        found.application,
        tuple(one for name, one in after.items() if name not in before),
        tuple(pair for pair in both if pair[0].digest != pair[1].digest),
        tuple(one for name, one in before.items() if name not in after),
        tuple(now for was, now in both if was.digest == now.digest),
        found.texts,
    )


def sheet(found: Compared, language: Language) -> Sheet:
    """The changes as a page."""
    _ = language.words.gettext
    title = _("{name}: changes of telemetry").format(name=language.texts(found.texts).get("name", found.application.name))
    sections = tuple(_sections(found, language))
    text = "" if sections else _("Nothing changed in what is collected, why, for whom or for how long.")
    return Sheet(found.application.id, title, text, sections)


def plain(found: Compared, language: Language) -> dict[str, Any]:
    """The changes as JSON values."""
    return {
        "application": found.application.id,
        "new": [_plain(one) for one in found.new],
        "changed": [
            {**_plain(now), "before": was.digest, "changes": [one._asdict() for one in difference.compare(was, now, language.words)]}
            for was, now in found.changed
        ],
        "gone": [_plain(one) for one in found.gone],
        "same": [_plain(one) for one in found.same],
    }


def _sections(found: Compared, language: Language) -> Iterator[Section]:
    words = language.words
    _ = words.gettext
    for one in found.new:
        yield Section(_("New: {question}").format(question=one.question.id), tuple(_told(one, found, language)))
    for was, now in found.changed:
        changes = difference.compare(was, now, words)
        facts = [fact(_("Purpose"), tell(now, words, language.texts(found.texts)).why)]
        facts += [fact(_(change.direction), change.text) for change in changes]
        yield Section(_("Changed: {question}").format(question=now.question.id), tuple(facts))
    if found.gone:
        yield Section(_("No longer asked"), tuple(fact(one.question.id, one.question.purpose) for one in found.gone))


def _told(one: Definition, found: Compared, language: Language) -> Iterator[Fact]:
    _ = language.words.gettext
    told = tell(one, language.words, language.texts(found.texts))
    yield fact(_("Purpose"), told.why)
    yield fact(_("What it will change"), told.outcome)
    for source in told.sources:
        yield fact(_("Data"), source.what)
        yield fact(_("Possible values"), ", ".join(each.text for each in source.bins))
    yield fact(_("When"), told.when)
    yield fact(_("Until when"), told.until)
    yield fact(_("To whom"), told.whom)
    yield fact(_("Consent"), told.needs)


def _plain(one: Definition) -> dict[str, Any]:
    return {"question": one.question.id, "definition": one.digest, "purpose": one.question.purpose}
