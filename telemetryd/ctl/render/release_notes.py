"""The changes between two manifests of an application, for its release announcement. Policy: T4."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from telemetryd.ctl.render.sheet import Fact, Section, Sheet, fact
from telemetryd.describe import difference
from telemetryd.describe.sentences import describe

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.core.definition import Application, Declaration, Definition
    from telemetryd.ctl.language import UserLanguage


class Comparison(NamedTuple):
    """The questions of two manifests: new, changed as (before, now), gone, and the same."""

    application: Application
    new: tuple[Definition, ...]
    changed: tuple[tuple[Definition, Definition], ...]
    gone: tuple[Definition, ...]
    same: tuple[Definition, ...]
    texts: Mapping[str, Mapping[str, str]]


def compare_manifests(old: Declaration | None, new: Declaration | None) -> Comparison:
    """Compare two manifests; one of them may be None."""
    before = {definition.question.id: definition for definition in old.definitions} if old else {}
    after = {definition.question.id: definition for definition in new.definitions} if new else {}
    latest = new or old
    assert latest is not None  # noqa: S101 - the caller has one of them at least
    pairs = [(before[name], definition) for name, definition in after.items() if name in before]
    return Comparison(
        latest.application,
        tuple(definition for name, definition in after.items() if name not in before),
        tuple(pair for pair in pairs if pair[0].digest != pair[1].digest),
        tuple(definition for name, definition in before.items() if name not in after),
        tuple(now for was, now in pairs if was.digest == now.digest),
        latest.texts,
    )


def date_errors(comparison: Comparison) -> list[str]:
    """The changed questions that keep their ids and get other dates, each key as a sentence. Policy: M4."""
    return [
        f"{now.question.id}: {key}: {text}" for was, now in comparison.changed for key, text in difference.moved_dates(was, now).items()
    ]


def sheet(comparison: Comparison, language: UserLanguage) -> Sheet:
    """The changes as a page."""
    _ = language.words.gettext
    title = _("{name}: changes of telemetry").format(name=language.texts(comparison.texts).get("name", comparison.application.name))
    sections = tuple(_sections(comparison, language))
    text = "" if sections else _("Nothing changed in what is collected, why, for whom or for how long.")
    return Sheet(comparison.application.id, title, text, sections)


def json_value(comparison: Comparison, language: UserLanguage) -> dict[str, Any]:
    """The changes as JSON values."""
    return {
        "application": comparison.application.id,
        "new": [_json_question(definition) for definition in comparison.new],
        "changed": [
            {
                **_json_question(now),
                "before": was.digest,
                "changes": [change._asdict() for change in difference.compare(was, now, language.words)],
            }
            for was, now in comparison.changed
        ],
        "gone": [_json_question(definition) for definition in comparison.gone],
        "same": [_json_question(definition) for definition in comparison.same],
        "errors": date_errors(comparison),
    }


def _sections(comparison: Comparison, language: UserLanguage) -> Iterator[Section]:
    words = language.words
    _ = words.gettext
    for definition in comparison.new:
        yield Section(
            _("New: {question}").format(question=definition.question.id), tuple(_question_facts(definition, comparison, language))
        )
    for was, now in comparison.changed:
        changes = difference.compare(was, now, words)
        facts = [fact(_("Purpose"), describe(now, words, language.texts(comparison.texts)).why)]
        facts += [fact(_(change.direction), change.text) for change in changes]
        yield Section(_("Changed: {question}").format(question=now.question.id), tuple(facts))
    if comparison.gone:
        yield Section(
            _("No longer asked"), tuple(fact(definition.question.id, definition.question.purpose) for definition in comparison.gone)
        )


def _question_facts(definition: Definition, comparison: Comparison, language: UserLanguage) -> Iterator[Fact]:
    _ = language.words.gettext
    description = describe(definition, language.words, language.texts(comparison.texts))
    yield fact(_("Purpose"), description.why)
    yield fact(_("What it will change"), description.outcome)
    for source in description.sources:
        yield fact(_("Data"), source.what)
        yield fact(_("Possible values"), ", ".join(answer.text for answer in source.bins))
    yield fact(_("When"), description.when)
    yield fact(_("Until when"), description.until)
    yield fact(_("To whom"), description.whom)
    yield fact(_("Consent"), description.needs)


def _json_question(definition: Definition) -> dict[str, Any]:
    return {"question": definition.question.id, "definition": definition.digest, "purpose": definition.question.purpose}
