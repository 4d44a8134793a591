"""The pages that more than one command shows: the applications, where questions stand, reports; `asked` has a question's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.core.translation import ENGLISH
from telemetryd.ctl import state_sentences
from telemetryd.ctl.value_words import AXES, LEVELS, NEW_QUESTIONS, OWN_LEVELS, day, word

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import Shown
    from telemetryd.ctl.printing import Page, Row
    from telemetryd.ctl.state_sentences import Shown as Told

_ENDS = {"", "unreviewed", "pending"}
"""States of questions that `status` only counts; those that the user decided on are listed."""


def status_page(page: Page, shown: Told) -> None:
    """The effective state in a sentence, then what it comes from."""
    page.say(state_sentences.status(shown), "bold")
    page.gap()
    page.facts(_status_rows(shown))


def applications_page(page: Page, applications: Sequence[Shown]) -> None:
    """One line for each application; what its own levels are where they do not follow the global ones."""
    if not applications:
        page.say("No application asks anything: no manifest is installed or registered.")
        return
    heads = ("APPLICATION", "NAME", "SYSTEM", "USAGE", "TO DECIDE", "KIND")
    page.table(heads, [_application(one) for one in applications])


def application_page(page: Page, one: Shown) -> None:
    """One application's levels, chosen and in force."""
    page.say(f"{one['name']} ({one['id']})", "bold")
    page.facts(levels(one, page.language.words))


def standings_page(page: Page, questions: Sequence[Shown]) -> None:
    """One line for each question: where it stands now."""
    page.table(("QUESTION", "STATE", "REASON"), [(one["id"], one["state"], one["reason"]) for one in questions])


def history_page(page: Page, reports: Sequence[Shown]) -> None:
    """One line for each report."""
    heads = ("MADE", "QUESTION", "PERIOD", "OUTCOME", "TRIES", "HTTP")
    page.table(heads, [_report(one) for one in reports])


def report_page(page: Page, report: Shown) -> None:
    """One report with everything that was or will be sent."""
    page.say(f"{report['application']}/{report['question']}, {report['period']}", "bold")
    page.facts(
        [
            ("outcome", f"{report['outcome']}, {_tries(report)}"),
            ("made", day(report["created"])),
            ("to", report["endpoint"] or "nowhere: no endpoint is configured"),
            *((_label("headers", index), f"{name}: {value}") for index, (name, value) in enumerate(report["headers"])),
        ]
    )
    _body(page, report["body"], ENGLISH)


def preview_page(page: Page, reports: Sequence[Sequence[str]]) -> None:
    """(application/question, URL, body) of each report that would be sent, in the person's language: what is not final is said."""
    from telemetryd.core.report import BLANK_NONCE  # noqa: PLC0415 - no other page needs what a report is

    _ = page.language.words.gettext
    if not reports:
        page.say(_("Nothing would be sent: no question is collecting, and no report waits."))
    for index, (question, url, text) in enumerate(reports):
        if index:
            page.gap()
        page.say(question, "bold")
        page.say(_("to {url}").format(url=url) if url else _("nowhere: no endpoint is configured for this vendor, so nothing is sent"))
        if f'"nonce":"{BLANK_NONCE}"' in text:
            page.say(_("before noise, and with a nonce of zeros: both are drawn when the period ends"))
        else:
            page.say(_("waits, and will be sent exactly so"))
        _body(page, text, page.language.words)


def _body(page: Page, text: str, words: Words) -> None:
    """A report's bytes; the blanks that fill it up are counted instead of shown."""
    _ = words.gettext
    shown = text.rstrip(" ")
    page.verbatim(shown or _("(no body is kept)"))
    if len(text) > len(shown):
        filling = _("(and {number} blanks that fill it up to {size} bytes)")
        page.say(filling.format(number=len(text) - len(shown), size=len(text.encode())))


def levels(one: Shown, words: Words) -> Iterator[Row]:
    """An application's own levels, and what holds."""
    _ = words.gettext
    for axis, label in (("system", words.gettext("system")), ("usage", words.gettext("usage"))):
        own, now = _(word(OWN_LEVELS, one[axis])), _(word(LEVELS, one["effective_" + axis]))
        yield label, _("{own} ({now} now)").format(own=own, now=now)


def _application(one: Shown) -> tuple[str, ...]:
    return (
        one["id"],
        one["name"],
        word(LEVELS, one["effective_system"]),
        word(LEVELS, one["effective_usage"]),
        str(one["pending"]) if one["pending"] else "-",
        one["kind"] + ("" if one["installed"] or one["kind"] == "gone" else ", registered by itself"),
    )


def _report(one: Shown) -> tuple[str, ...]:
    name = f"{one['application']}/{one['question']}"
    return day(one["created"]), name, one["period"], one["outcome"], str(one["tries"]), str(one["status"] or "-")


def _tries(report: Shown) -> str:
    status = f", HTTP {report['status']}" if report["status"] else ""
    return {0: "not tried yet", 1: "tried once"}.get(report["tries"], f"tried {report['tries']} times") + status


def _label(label: str, index: int) -> str:
    return "" if index else label


def _status_rows(shown: Told) -> Iterator[Row]:
    properties = shown.properties
    for axis in AXES:
        yield axis, _level(shown, axis)
    new_questions = properties.get("NewQuestions", 1)
    held = [f"held at {word(NEW_QUESTIONS, limit)} by {file}" for limit, file in state_sentences.locks(properties, "new_questions")[:1]]
    yield "New questions", word(NEW_QUESTIONS, new_questions) + (f" ({held[0]})" if held and new_questions else "")
    waiting = [f"{one['pending']} of {one['id']}" for one in shown.applications if one.get("pending")]
    yield "For you to decide", ", ".join(waiting) or "nothing"
    yield from several("Switched off", [state_sentences.switch(*one) for one in properties.get("KillSwitches", ())])
    yield from several("Locked", [state_sentences.lock(*one) for one in properties.get("Locks", ())])
    if properties.get("Developer"):
        yield "Developer mode", "on: unreviewed questions are admitted, reports go to this machine only"
    yield from several("Problems", [f"{file}: {text}" if file else text for file, text in properties.get("Problems", ())])
    yield from several("Questions", [_standing(one) for one in shown.questions if one.get("state", "") not in _ENDS])


def _level(shown: Told, axis: str) -> str:
    """The user's level, and the one that holds if it is another."""
    chosen = shown.properties.get(axis, 0)
    holds = 0 if shown.properties.get("KillSwitches") else state_sentences.effective(shown.properties, axis)
    said = word(LEVELS, chosen)
    return said if chosen == holds else f"{said} (your choice; {word(LEVELS, holds)} now)"


def _standing(question: Mapping[str, Any]) -> str:
    reason = f" ({question['reason']})" if question.get("reason") else ""
    return f"{question['application']}/{question['id']}: {question['state']}{reason}"


def several(label: str, values: Iterable[str]) -> Iterator[Row]:
    """One line each, the label on the first."""
    for index, value in enumerate(values):
        yield ("" if index else label), value
