"""A question in short, and what the user can do about it now: the same on its card and on its page. Policy: C1, C2, T1, T2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from telemetryd.core.permission.lifecycle import ANSWERABLE
from telemetryd.describe import difference
from telemetryd.describe.sentences import describe
from telemetryd.errors import InvalidManifestError
from telemetryd.settings.pages.page import Place
from telemetryd.settings.reading.service_snapshot import ABSENT, DUE
from telemetryd.settings.widgets.plain import button
from telemetryd.settings.widgets.wrapping import equal
from telemetryd.settings.words.window_words import day, foreign, last_day, purpose_of
from telemetryd.toml import canonical

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.pages.page import PageSurroundings
    from telemetryd.settings.reading.service_snapshot import Row
    from telemetryd.settings.widgets.wrapping import WrappingButton

_REFUSABLE = {"unreviewed", "pending", *DUE}
_ANSWERED = {"answered", "stopped"}
"""States after which the vendor may have published what was learnt."""
_NOT_LEFT = {"waiting", "active"}
"""States in which it is only foreseen when the report leaves; later the state's own sentence says it."""
_SETTINGS = {"level": "overview", "application_level": "application"}
"""Cause → the page with the setting that shuts a question."""


def decision_buttons(question: Row, application: Row, around: PageSurroundings) -> list[WrappingButton]:
    """No and Yes have the same size, and neither is the default."""
    _, acts, purpose = around.language.words.gettext, around.acts, purpose_of(question, around.language)
    key, state = f"{question['application']}/{question['id']}", question["state"]
    is_declared = application["kind"] not in ABSENT and definition_of(question) is not None
    made: list[WrappingButton] = []
    if state in _ANSWERED and (results := link_button(application, purpose, _("&Results…"), f"results:{key}")):
        made.append(results)
    if state == "pending" and question["cause"] in _SETTINGS:
        place = _setting(question)
        made.append(button(_("&Open the setting"), purpose, lambda: around.go(place), name=f"setting:{key}"))
    if state in _REFUSABLE and not (state == "unreviewed" and not question["accepted_digest"]):
        text = _("&Withdraw…") if state in DUE else _("&No")
        made.append(button(text, purpose, lambda: acts.refuse(question), name=f"no:{key}"))
    if state == "pending" and question["cause"] in ANSWERABLE and is_declared:
        made.append(button(_("&Yes, answer this once"), purpose, lambda: acts.accept(question), name=f"yes:{key}"))
    if question["consent"] == 2:  # noqa: PLR2004 - refused, as Control1 has it
        made.append(button(_("&Allow again"), purpose, lambda: acts.allow(question), name=f"allow:{key}"))
    equal(made)
    return made


def link_button(application: Row, about: str, text: str, name: str) -> WrappingButton | None:
    """A button that opens the page on which the vendor publishes what was learnt; None if there is none."""
    address = application.get("results", "")
    if not address.startswith("https://"):
        return None
    return button(text, about, lambda: QDesktopServices.openUrl(QUrl(address)), name=name)


def card_lines(question: Row, application: Row, language: UserLanguage) -> Iterator[tuple[str, str]]:
    """What a card says below the state, by names: what changed, what a yes means, what was measured so far, when the report leaves."""
    _ = language.words.gettext
    if question["state"] == "pending" and (changed := changes(question, language)):
        yield "changes", "\n".join([_("What changed since you said yes:"), *("• " + foreign(text, language) for text in changed)])
    if question["state"] == "pending":
        yield from (("essential", text) for text in essentials(question, application, language))
    if question["state"] == "active" and question["so_far"]:
        yield "so-far", _("So far: {answer}.").format(answer=foreign(", ".join(so_far(question, language)), language))
    if question["state"] in _NOT_LEFT and not question["cause"] and question["due_until"]:
        text = _("The report most likely leaves between {first} and {last}, at the latest on {latest}.")
        last, latest = (last_day(question[key], language) for key in ("due", "due_until"))
        yield "leaves", text.format(first=day(question["due_from"], language), last=last, latest=latest)
    if question["state"] == "answered" and question["last_sent"]:
        yield "once", _("You will not be asked this again.")


def so_far(question: Row, language: UserLanguage) -> list[str]:
    """What was measured so far, in words; labels of a report if the definition cannot be read."""
    definition, labels = definition_of(question), list(question["so_far"])
    if definition is None:
        return labels
    sources = describe(definition, language.words, language.texts(question["translations"])).sources
    texts = [{answer.label: answer.text for answer in source.bins} for source in sources]
    return [words.get(label, label) for words, label in zip(texts, labels, strict=False)]


def changes(question: Row, language: UserLanguage) -> Sequence[str]:
    """The differences from what was accepted before, a sentence each. If a definition cannot be read they are the daemon's, in English."""
    if not question["accepted_definition"]:
        return list(question["changes"])
    accepted, now = question["accepted_definition"], question["definition"]
    try:
        return difference.changes(canonical.read(accepted), canonical.read(now), language.words)
    except InvalidManifestError:
        return list(question["changes"])


def essentials(question: Row, application: Row, language: UserLanguage) -> Iterator[str]:
    """What somebody has to know before saying yes, a paragraph each. Nothing if the definition cannot be read."""
    definition, words = definition_of(question), language.words
    if definition is None:
        return
    described = describe(definition, words, language.texts(question["translations"]))
    for source in described.sources:
        answers = ", ".join(foreign(answer.text, language) for answer in source.bins)
        yield words.gettext("Measured: {what} ({answers}).").format(what=foreign(source.what, language).rstrip("."), answers=answers)
    yield f"{described.when} {described.part}"
    yield foreign(described.protection, language)
    goes = words.gettext("Goes to {destination}. Reviewed in public by {reviewers}.")
    yield goes.format(destination=destination(question, application, language), reviewers=reviewers(question, language))


def definition_of(question: Row) -> Definition | None:
    """The definition that the digest is taken over; None if there is none, or if it is not that of the digest."""
    try:
        definition = canonical.read(question["definition"])
    except InvalidManifestError:
        return None
    return definition if definition.digest == question["digest"] else None


def destination(question: Row, application: Row, language: UserLanguage) -> str:
    """Where the report goes, and through whom."""
    _, relay = language.words.gettext, application.get("relay", "")
    if not question["endpoint"]:
        return _("nowhere, because this system has no server for its vendor")
    url = foreign(question["endpoint"], language)
    through = _("{url}, through a relay that hides your address: {relay}")
    return through.format(url=url, relay=foreign(relay, language)) if relay else url


def reviewers(question: Row, language: UserLanguage) -> str:
    """Who reviewed this definition."""
    unreviewed = language.words.gettext("nobody: no review of this question is installed")
    return ", ".join(foreign(name, language) for name in question["reviewers"]) or unreviewed


def _setting(question: Row) -> Place:
    axis = question["cause_args"].get("axis", "system")
    page = _SETTINGS[question["cause"]]
    if page == "overview":
        return Place(page, part=f"{axis}=1")
    return Place(page, question["application"], part=f"own-{axis}=1")
