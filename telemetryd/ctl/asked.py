"""Who asks, and one question with everything that consent is given to, in the person's language. Policy: C1, T1, T2.

What is shown is made from the definition that the digest stands for, never from a text beside it: so nothing else can be accepted than what
was read. A translation stands above the original, which is what was reviewed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core import admissibility
from telemetryd.core.translation import ENGLISH
from telemetryd.ctl.failures import Failure
from telemetryd.ctl.pages import levels, several
from telemetryd.ctl.reasons import reason
from telemetryd.ctl.value_words import CONSENTS, STATES, day, word
from telemetryd.describe import difference
from telemetryd.describe.sentences import tell
from telemetryd.errors import InvalidManifestError
from telemetryd.toml import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import Shown
    from telemetryd.ctl.printing import Page, Row
    from telemetryd.describe.sentences import Telling, ToldSource

_OTHER_VERSION = "the running telemetryd is of another version: restart it, `systemctl --user restart telemetryd`"


def heading(page: Page, one: Shown) -> None:
    """Who asks: the application, whom to write to, and who has called in its name."""
    words = page.language.words
    _ = words.gettext
    page.say(f"{one['name']} ({one['id']})" + (f": {one['summary']}" if one["summary"] else ""), "bold")
    page.facts(
        [
            (_("vendor"), _("{vendor}; for concerns: {contact}").format(vendor=one["vendor"], contact=one["contact"])),
            (_("kind"), _kind(one, words)),
            (_("callers"), ", ".join(_caller(caller, words) for caller in one["callers"]) or _("none so far")),
            *levels(one, words),
            *several(_("warnings"), one["warnings"]),
        ]
    )


def _kind(one: Shown, words: Words) -> str:
    """What the application is, and who says so."""
    _ = words.gettext
    match one["kind"]:
        case "gone":
            return _("gone: it declares nothing now; this is what is kept of it")
        case "unreadable":
            return _("its manifest cannot be read; this is what is kept of it")
        case kind:
            installed, registered = _("{kind}, installed"), _("{kind}, registered by a program, not installed")
            return (installed if one["installed"] else registered).format(kind=_(kind))


def question_page(page: Page, question: Shown) -> None:
    """Everything about a question that consent is given to, and where it stands."""
    if not question["definition"]:
        _lost_page(page, question)
        return
    definition = _definition(question)
    told = tell(definition, page.language.words, page.language.texts(question["translations"]))
    page.say(f"{question['application']}/{question['id']}", "bold")
    page.say(told.who)
    page.facts(_rows(question, definition, told, page.language.words))


def _lost_page(page: Page, question: Shown) -> None:
    """A question of which no definition is known any more: where it stands, and what the person decided."""
    words = page.language.words
    _ = words.gettext
    page.say(f"{question['application']}/{question['id']}", "bold")
    page.facts([(_("purpose"), _("unknown: nothing declares this question any more")), *_course_so_far(question, words)])


def _definition(question: Shown) -> Definition:
    try:
        definition = canonical.read(question["definition"])
    except (KeyError, InvalidManifestError):
        raise Failure(_OTHER_VERSION) from None
    if definition.digest != question["digest"]:
        raise Failure(f"telemetryd gives a digest of {question['id']} that is not this definition's: {_OTHER_VERSION}")
    return definition


def _rows(one: Shown, definition: Definition, told: Telling, words: Words) -> Iterator[Row]:
    """Labels of at most eight letters: so the digest, 71 long, stays whole on 80 columns."""
    yield from _meaning(told, tell(definition), words)
    yield from _course(one, told, words)
    yield from _standing(one, definition, words)
    _ = words.gettext
    yield from several(_("reviewed"), [", ".join(one["reviewers"]) or _("by nobody: no review of this definition is installed")])
    if one["record"]:
        yield _("record"), one["record"]
    yield from several(_("figures"), _figures(one, definition, words))
    yield from several(_("warnings"), one["warnings"])
    yield _("digest"), one["digest"]


def _meaning(told: Telling, original: Telling, words: Words) -> Iterator[Row]:
    """Why it is asked and what is measured."""
    _ = words.gettext
    yield from several(_("purpose"), _beside(told.why, original.why, words))
    yield from several(_("decides"), _beside(told.outcome, original.outcome, words))
    for source, reviewed in zip(told.sources, original.sources, strict=True):
        is_own = source.how != ""
        what = _beside(source.what, reviewed.what, words) if is_own else [source.what]
        yield from several(_("collects"), [*what, " ".join(filter(None, (source.whence, source.how, source.coarse))), answers(source)])
    yield _("answers"), told.together


def _course(one: Shown, told: Telling, words: Words) -> Iterator[Row]:
    """When, under which conditions, how protected and whereto."""
    _ = words.gettext
    drawn = [_("Here that is {period}.").format(period=one["drawn_period"])] if one["drawn_period"] else []
    yield _("when"), " ".join([told.when, *drawn])
    yield from several("", [told.often, told.part, told.until])
    yield _("needs"), told.needs
    yield _("noise"), told.protection if _is_noisy(one) else _("none is added: the report says the answer as it is")
    nowhere = _("nowhere: no endpoint is configured for this vendor, so nothing is sent")
    yield from several(_("sent to"), [one["endpoint"], told.whom] if one["endpoint"] else [nowhere])
    yield _("example"), one["example"]


def _standing(one: Shown, definition: Definition, words: Words) -> Iterator[Row]:
    """What became of it, what the person decided, and how it changed since."""
    yield from _course_so_far(one, words)
    yield from several(words.gettext("changed"), _changes(one, definition, words))


def _course_so_far(one: Shown, words: Words) -> Iterator[Row]:
    """What became of it, and what the person decided."""
    _ = words.gettext
    yield _("sent"), day(one["last_sent"]) if one["last_sent"] else _("never")
    state = _(one["state"]) if one["state"] in STATES else one["state"]
    yield _("state"), state + (f": {reason(one['reason'], words)}" if one["reason"] else "")
    is_changed = bool(one["accepted_digest"]) and one["accepted_digest"] != one["digest"] and one["consent"] == 0
    decided = _(word(CONSENTS, one["consent"]))
    yield _("you"), _("{decided}, an earlier definition accepted").format(decided=decided) if is_changed else decided


def _changes(one: Shown, definition: Definition, words: Words) -> Sequence[str]:
    """The differences from what was accepted before; as the service says them if that cannot be read any more."""
    try:
        return difference.changes(canonical.read(one["accepted_definition"]), definition, words)
    except InvalidManifestError:
        return list(one["changes"])


def _figures(one: Shown, definition: Definition, words: Words) -> Sequence[str]:
    """The arithmetic in the person's language, from the definition and what the application expects; a daemon may not say the latter."""
    if words is ENGLISH or "expected" not in one:
        return list(one["figures"])
    expected = tuple((source, tuple(shares)) for source, shares in one["expected"].items())
    asked = definition.question._replace(expected_users=one["expected_users"], expected=expected)
    return admissibility.sentences(admissibility.figures(definition._replace(question=asked)), words)


def answers(source: ToldSource) -> str:
    """The possible answers of one source: in words, and as a report says them."""
    return "; ".join(one.text if one.text == one.label else f"{one.text} ({one.label})" for one in source.bins)


def _beside(text: str, original: str, words: Words) -> list[str]:
    if text == original:
        return [text]
    return [text, words.gettext("the original, which was reviewed: {text}").format(text=original)]


def _is_noisy(one: Shown) -> bool:
    """The example is a report as it would be: one whose epsilon is null says the answer itself."""
    return bool(one["epsilon"]) and '"epsilon":null' not in one["example"]


def _caller(identity: str, words: Words) -> str:
    """Only what was verified is told so: what a program outside of a sandbox, or in a container, says of itself is a claim."""
    kind, _, name = identity.partition(":")
    if kind == "flatpak?":
        return words.gettext("in a Flatpak sandbox, as {application}").format(application=name)
    if kind == "container":
        return words.gettext("in a container, as {application} (claimed)").format(application=name)
    is_verified = kind in {"flatpak", "snap"}
    return (words.gettext("{caller} (verified)") if is_verified else words.gettext("{caller} (claimed)")).format(caller=identity)
