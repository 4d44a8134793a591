"""The application that asks, and one question with everything that the user consents to, in the user's language. Policy: C1, T1, T2.

The page is made from the definition with that digest, never from texts beside it. So the user can accept only what the page shows. With
details a translation is printed above the original, which was reviewed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.privacy import admissibility
from telemetryd.core.translation import ENGLISH, joined, mark
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.language import gettext
from telemetryd.ctl.render.pages import labelled_rows, level_rows, texts_of
from telemetryd.ctl.render.reasons import reason, state_word
from telemetryd.ctl.render.value_words import CONSENTS, day, join_with_commas, word
from telemetryd.describe import difference
from telemetryd.describe.sentences import describe
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import ControlDict
    from telemetryd.ctl.render.printing import Page, Row
    from telemetryd.describe.sentences import Description, SourceDescription

_OTHER_VERSION = mark("the running telemetryd is of another version: restart it, `systemctl --user restart telemetryd`")


def heading(page: Page, application: ControlDict, *, has_details: bool = True) -> None:
    """The application that asks: its contact, its kind, its callers and its levels; with details also what lint warns of."""
    words = page.language.words
    _ = words.gettext
    name, summary = texts_of(application, page.language)
    title = _("{name} ({id}): {summary}") if summary else _("{name} ({id})")
    page.say(title.format(name=name, id=application["id"], summary=summary), "bold")
    vendor = application.get("vendor_name") or application["vendor"]
    callers = (_caller(caller, words) for caller in application["callers"])
    page.facts(
        [
            (_("vendor"), _("{vendor}; for concerns: {contact}").format(vendor=vendor, contact=application["contact"])),
            (_("kind"), _kind(application, words)),
            (_("callers"), join_with_commas(callers, words) or _("none so far")),
            *level_rows(application, words),
            *labelled_rows(_("warnings"), application["warnings"] if has_details else ()),
        ]
    )


def _kind(application: ControlDict, words: Words) -> str:
    """The kind of the application, and whether it is installed."""
    _ = words.gettext
    match application["kind"]:
        case "gone":
            return _("gone: it declares nothing now; this is what telemetryd still keeps")
        case "unreadable":
            return _("its manifest cannot be read; this is what telemetryd still keeps")
        case kind:
            installed, registered = _("{kind}, installed"), _("{kind}, registered by a program, not installed")
            return (installed if application["installed"] else registered).format(kind=_(kind))


def question_page(page: Page, question: ControlDict, *, has_details: bool = True) -> None:
    """What the user consents to; with details also the reviewed original, the state, the figures, the warnings and the digest.

    The example report comes last, alone on its line, so that it can be copied.
    """
    if not question["definition"]:
        _undeclared_page(page, question)
        return
    definition = _definition(question)
    words = page.language.words
    description = describe(definition, words, page.language.texts(question["translations"]))
    page.say(page.language.apart(f"{question['application']}/{question['id']}"), "bold")
    page.say(description.who)
    page.facts(
        [
            *_meaning_rows(description, describe(definition), words, has_details=has_details),
            *_course_rows(question, description, words),
            *_standing_rows(question, definition, words, has_details=has_details),
        ]
    )
    page.say(words.gettext("example"), "bold")
    page.verbatim(question["example"])


def _undeclared_page(page: Page, question: ControlDict) -> None:
    """A question without a definition: its state, and what the user decided."""
    words = page.language.words
    _ = words.gettext
    page.say(page.language.apart(f"{question['application']}/{question['id']}"), "bold")
    page.facts([(_("purpose"), _("unknown: nothing declares this question any more")), *_state_rows(question, words)])


def _definition(question: ControlDict) -> Definition:
    try:
        definition = canonical.read(question["definition"])
    except (KeyError, InvalidManifestError):
        raise Failure(gettext(_OTHER_VERSION)) from None
    if definition.digest != question["digest"]:
        text = gettext("telemetryd gives a digest of {question} that is not this definition's: {why}")
        raise Failure(text.format(question=question["id"], why=gettext(_OTHER_VERSION)))
    return definition


def _standing_rows(question: ControlDict, definition: Definition, words: Words, *, has_details: bool) -> Iterator[Row]:
    """The state, what changed, who reviewed it, and the details."""
    _ = words.gettext
    if has_details:
        yield from _state_rows(question, words)
    yield from labelled_rows(_("changed"), _changes(question, definition, words))
    yield _("reviewed"), join_with_commas(question["reviewers"], words) or _("by nobody: no review of this definition is installed")
    if question["record"]:
        yield _("record"), question["record"]
    if has_details:
        yield from labelled_rows(_("figures"), _figures(question, definition, words))
        yield from labelled_rows(_("warnings"), question["warnings"])
        yield _("digest"), question["digest"]


def _meaning_rows(description: Description, original: Description, words: Words, *, has_details: bool) -> Iterator[Row]:
    """The purpose, the decision and the sources; with details also the original of each translation, and how values are combined."""
    _ = words.gettext
    reviewed = original if has_details else description
    yield from labelled_rows(_("purpose"), _with_original(description.why, reviewed.why, words))
    yield from labelled_rows(_("decides"), _with_original(description.outcome, reviewed.outcome, words))
    for source, original_source in zip(description.sources, reviewed.sources, strict=True):
        is_own = source.how != ""
        measured = _with_original(source.what, original_source.what, words) if is_own else [source.what]
        how, kept = joined((source.whence, source.how, source.coarse), words), answers(source, words)
        values = [how, kept] if has_details else [joined((source.coarse, kept), words)]
        yield from labelled_rows(_("collects"), [*measured, *values])
    yield _("answers"), description.together


def _course_rows(question: ControlDict, description: Description, words: Words) -> Iterator[Row]:
    """Time, conditions, protection and destination."""
    _ = words.gettext
    drawn = [_("Here that is {period}.").format(period=question["drawn_period"])] if question["drawn_period"] else []
    yield _("when"), joined([description.when, *drawn], words)
    yield from labelled_rows("", [description.often, description.part, description.until])
    yield _("needs"), description.needs
    yield _("noise"), description.protection if _is_noisy(question) else _("none is added: the report says the answer as it is")
    nowhere = _("Not sent anywhere: this system has no server for this vendor.")
    yield from labelled_rows(_("sent to"), [question["endpoint"], description.whom] if question["endpoint"] else [nowhere])


def _state_rows(question: ControlDict, words: Words) -> Iterator[Row]:
    """The state and the user's decision."""
    _ = words.gettext
    yield _("sent"), _sent(question, words)
    state, why = state_word(question, words), reason(question, words)
    yield _("state"), _("{name}: {text}").format(name=state, text=why) if why else state
    is_changed = bool(question["accepted_digest"]) and question["accepted_digest"] != question["digest"] and question["consent"] == 0
    decided = word(CONSENTS, question["consent"], words)
    yield _("you"), _("{decided}, an earlier definition accepted").format(decided=decided) if is_changed else decided


def _sent(question: ControlDict, words: Words) -> str:
    """The day on which the report was sent, as far as that is known."""
    _ = words.gettext
    is_certain = question.get("outcome") != "unknown"
    if not question["last_sent"]:
        return _("never") if is_certain else _("unknown")
    sent = day(question["last_sent"])
    return sent if is_certain else _("perhaps on {date}").format(date=sent)


def _changes(question: ControlDict, definition: Definition, words: Words) -> Sequence[str]:
    """The differences from the accepted definition; the service's own sentences if that definition is unreadable."""
    try:
        return difference.changes(canonical.read(question["accepted_definition"]), definition, words)
    except InvalidManifestError:
        return list(question["changes"])


def _figures(question: ControlDict, definition: Definition, words: Words) -> Sequence[str]:
    """The figures in the user's language. They need the application's expectations; without them, the service's own sentences."""
    if words is ENGLISH or "expected" not in question:
        return list(question["figures"])
    expected = tuple((source, tuple(shares)) for source, shares in question["expected"].items())
    expecting = definition.question._replace(expected_users=question["expected_users"], expected=expected)
    return admissibility.sentences(admissibility.figures(definition._replace(question=expecting)), words)


def answers(source: SourceDescription, words: Words = ENGLISH) -> str:
    """The possible answers of one source: in words, with the labels of reports."""
    both = words.gettext("{name} ({id})")
    texts = (answer.text if answer.text == answer.label else both.format(name=answer.text, id=answer.label) for answer in source.bins)
    return words.pgettext("between answers", "; ").join(texts)


def _with_original(text: str, original: str, words: Words) -> list[str]:
    if text == original:
        return [text]
    return [text, words.gettext("the original, which was reviewed: {text}").format(text=original)]


def _is_noisy(question: ControlDict) -> bool:
    """Whether noise is added. In a report without noise, such as the example, epsilon is null."""
    return bool(question["epsilon"]) and '"epsilon":null' not in question["example"]


def _caller(identity: str, words: Words) -> str:
    """A caller in words. The identity of a program outside of a sandbox, or in a container, is only a claim."""
    kind, _, name = identity.partition(":")
    if kind == "flatpak?":
        return words.gettext("in a Flatpak sandbox, as {application}").format(application=name)
    if kind == "container":
        return words.gettext("in a container, as {application} (claimed)").format(application=name)
    is_verified = kind in {"flatpak", "snap"}
    return (words.gettext("{caller} (verified)") if is_verified else words.gettext("{caller} (claimed)")).format(caller=identity)
