"""Pages that several commands print: applications, states of questions, reports. `question_page` prints one question."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from telemetryd.core.translation import ENGLISH
from telemetryd.ctl.render import state_sentences
from telemetryd.ctl.render.reasons import error_text, reason, state_word
from telemetryd.ctl.render.value_words import (
    AXES,
    LEVELS,
    NEW_QUESTIONS,
    OWN_LEVELS,
    count_phrase,
    day,
    join_with_and,
    moment,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import ControlDict
    from telemetryd.ctl.render.printing import Page, Row
    from telemetryd.ctl.render.state_sentences import ServiceState

_DAY_S = 86_400
_FATES = {
    **dict.fromkeys(("accepted", "answered", "suspended", "rejected"), "sent"),
    "unknown": "perhaps sent",
    **dict.fromkeys(("dropped", "erased"), "not sent"),
    "queued": "waiting to be sent",
}
"""Outcomes of reports, as they are counted."""
_ENDS = {"", "unreviewed", "pending"}
"""States of questions that `status` only counts; it lists questions that the user decided on."""

_LISTED_MAX = 5
"""Most lines of one kind in `status`."""


def status_page(page: Page, state: ServiceState) -> None:
    """The effective state in a sentence, then its causes."""
    page.say(state_sentences.status_sentence(state), "bold")
    page.gap()
    page.facts(_status_rows(state))


def applications_page(page: Page, applications: Sequence[ControlDict]) -> None:
    """One line for each application."""
    if not applications:
        page.say("No application asks anything: no manifest is installed or registered.")
        return
    heads = ("APPLICATION", "NAME", "SYSTEM", "USAGE", "TO DECIDE", "KIND")
    page.table(heads, [_application_row(application) for application in applications])


def application_page(page: Page, application: ControlDict) -> None:
    """One application's levels, chosen and in force."""
    page.say(f"{application['name']} ({application['id']})", "bold")
    page.facts(level_rows(application, page.language.words))


def standings_page(page: Page, questions: Sequence[ControlDict]) -> None:
    """One line for each question with its state, and why it is in it."""
    words = page.language.words
    rows = [(question["id"], state_word(question, words), reason(question, words)) for question in questions]
    page.table(("QUESTION", "STATE", "WHY"), rows)


def history_page(page: Page, reports: Sequence[ControlDict]) -> None:
    """One line for each report. Below are those that a try did not deliver, with the cause."""
    page.table(("SENT", "QUESTION", "PERIOD", "OUTCOME", "HTTP"), [_report_row(report) for report in reports])
    words = page.language.words
    page.facts([(f"{_name(report)}, {report['period']}", error_text(report["error"], words)) for report in reports if report["error"]])


def report_page(page: Page, report: ControlDict) -> None:
    """One report with all headers and bytes that were or will be sent."""
    page.say(f"{_name(report)}, {report['period']}", "bold")
    page.facts(
        [
            ("outcome", report["outcome"] + (f", HTTP {report['status']}" if report["status"] else "")),
            ("made", day(report["created"])),
            *_sending_rows(report, page.language.words),
            ("to", report["endpoint"] or "not sent anywhere: this system has no server for this vendor"),
            *((_first_label("headers", index), f"{name}: {value}") for index, (name, value) in enumerate(report["headers"])),
        ]
    )
    _body(page, report["body"], ENGLISH)


def missing_page(page: Page, made: int, outcomes: Sequence[str]) -> None:
    """What became of the reports that were made, if the list does not have them all. `outcomes` are those of the questions."""
    counts = Counter(_FATES[outcome] for outcome in outcomes if outcome in _FATES)
    known = [f"{counts[fate]} {fate}" for fate in dict.fromkeys(_FATES.values()) if counts[fate]]
    lost = made - sum(counts.values())
    if lost > 0:
        known.append(f"{lost} of which nothing more is known")
    page.say("Reports leave this list after a year, or when you erase it.")
    page.say(f"The ledger counts {count_phrase(made, 'report')} in all: {join_with_and(known)}.")


def preview_page(page: Page, reports: Sequence[Sequence[str]]) -> None:
    """The reports that would be sent, as (application/question, URL, body), in the user's language. The page says what is not final."""
    from telemetryd.core.report import BLANK_NONCE  # noqa: PLC0415 - no other page needs this module

    _ = page.language.words.gettext
    if not reports:
        page.say(_("Nothing would be sent: no question is collecting, and no report waits."))
    for index, (question, url, text) in enumerate(reports):
        if index:
            page.gap()
        page.say(question, "bold")
        page.say(_("to {url}").format(url=url) if url else _("Not sent anywhere: this system has no server for this vendor."))
        if f'"nonce":"{BLANK_NONCE}"' in text:
            page.say(_("Not final: the noise and a random number are added before it is sent."))
        else:
            page.say(_("waits, and will be sent exactly so"))
        _body(page, text, page.language.words)


def _body(page: Page, text: str, words: Words) -> None:
    """A report's bytes; the padding is counted instead of printed."""
    _ = words.gettext
    content = text.rstrip(" ")
    page.verbatim(content or _("(no body is kept)"))
    if len(text) > len(content):
        filling = _("(and {number} blanks that fill it up to {size} bytes)")
        page.say(filling.format(number=len(text) - len(content), size=len(text.encode())))


def level_rows(application: ControlDict, words: Words) -> Iterator[Row]:
    """An application's own levels, and those in force."""
    _ = words.gettext
    for axis, label in (("system", words.gettext("system")), ("usage", words.gettext("usage"))):
        own, now = _(word(OWN_LEVELS, application[axis])), _(word(LEVELS, application["effective_" + axis]))
        yield label, _("{own} ({now} now)").format(own=own, now=now)


def _application_row(application: ControlDict) -> tuple[str, ...]:
    return (
        application["id"],
        application["name"],
        word(LEVELS, application["effective_system"]),
        word(LEVELS, application["effective_usage"]),
        str(application["pending"]) if application["pending"] else "-",
        application["kind"]
        + ("" if application["installed"] or application["kind"] == "gone" else ", declared by a program, not installed"),
    )


def _name(report: ControlDict) -> str:
    return f"{report['application']}/{report['question']}"


def _report_row(report: ControlDict) -> tuple[str, ...]:
    sent = day(report["sent"]) if report["sent"] else "-"
    return sent, _name(report), report["period"], report["outcome"], str(report["status"] or "-")


def _sending_rows(report: ControlDict, words: Words) -> Iterator[Row]:
    """When the report was sent, or until when it waits; why it was not accepted, and each day on which a try reached nobody."""
    if report["outcome"] == "queued":
        yield "sent", f"not yet; on {day(report['due_until'])} it is dropped"
    else:
        yield "sent", day(report["sent"]) if report["sent"] else "never"
    if report["error"]:
        yield "error", error_text(report["error"], words)
    yield from labelled_rows("tried", [f"{day(tried)}: {error_text(error, words)}" for tried, error in report.get("tries", ())])


def _first_label(label: str, index: int) -> str:
    return "" if index else label


def _status_rows(state: ServiceState) -> Iterator[Row]:
    properties = state.properties
    for axis in AXES:
        yield axis, _level_text(state, axis)
    new_questions = properties.get("NewQuestions", 1)
    limits = [f"held at {word(NEW_QUESTIONS, limit)} by {file}" for limit, file in state_sentences.locks(properties, "new_questions")[:1]]
    yield "New questions", word(NEW_QUESTIONS, new_questions) + (f" ({limits[0]})" if limits and new_questions else "")
    waiting = [f"{application['name']} ({application['pending']})" for application in state.applications if application.get("pending")]
    yield "Waiting for you", ", ".join(_some(waiting, "see `telemetryctl list`")) or "nothing"
    switches = [state_sentences.switch_sentence(*switch) for switch in properties.get("KillSwitches", ())]
    yield from labelled_rows("Switched off", _some(switches))
    yield from labelled_rows("Locked", _some([state_sentences.lock_sentence(*lock) for lock in properties.get("Locks", ())]))
    if properties.get("Developer"):
        yield "Developer mode", "on: unreviewed questions are admitted, reports go to this machine only"
    if properties.get("LastWork"):
        yield "Due work", _last_work(properties["LastWork"])
    if state.proxies:
        named = join_with_and(state.proxies)
        yield "Proxy", f"reports never use the proxy in {named}; only an administrator can name a proxy for them"
    yield from labelled_rows("Problems", _some([f"{file}: {text}" if file else text for file, text in properties.get("Problems", ())]))
    decided = [question for question in state.questions if question.get("state", "") not in _ENDS]
    if len(decided) > _LISTED_MAX:
        decided.sort(key=state_sentences.urgency)
    yield from labelled_rows("Questions", _some([_standing_text(question) for question in decided], "see `telemetryctl show APP`"))


def _some(texts: Sequence[str], help_text: str = "see --json") -> Sequence[str]:
    """The first few texts, so that the page fits a screen, and how many others there are."""
    others = len(texts) - _LISTED_MAX
    return texts if others <= 0 else [*texts[:_LISTED_MAX], f"and {others} more: {help_text}"]


def _last_work(unix: int) -> str:
    """When due work was last looked for, and what to do if that was long ago."""
    last = f"last looked for on {moment(unix)}"
    return last if time.time() - unix < _DAY_S else f"{last}; `telemetryctl check` says whether its timer is enabled"


def _level_text(state: ServiceState, axis: str) -> str:
    """The user's level, and the effective level if it differs."""
    chosen = state.properties.get(axis, 0)
    holds = 0 if state.properties.get("KillSwitches") else state_sentences.effective_level(state.properties, axis)
    text = word(LEVELS, chosen)
    return text if chosen == holds else f"{text} (your choice; {word(LEVELS, holds)} now)"


def _standing_text(question: Mapping[str, Any]) -> str:
    return f"{question['application']}/{question['id']}: {reason(question) or state_word(question)}"


def labelled_rows(label: str, values: Iterable[str]) -> Iterator[Row]:
    """A row for each value; only the first has the label."""
    for index, value in enumerate(values):
        yield ("" if index else label), value
