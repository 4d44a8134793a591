"""The pages that more than one command shows: the applications, a question, reports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.ctl import sentences
from telemetryd.ctl.words import AXES, CONSENTS, LEVELS, NEW_QUESTIONS, OWN_LEVELS, day, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from telemetryd.ctl.client import Shown
    from telemetryd.ctl.output import Page, Row
    from telemetryd.ctl.sentences import Shown as Told

_ENDS = {"", "unreviewed", "pending"}
"""States of questions that `status` only counts; those that the user decided on are listed."""
_FACT = "(read by telemetryd itself)"
"""How the sentence about a system fact ends."""


def status_page(page: Page, shown: Told) -> None:
    """The effective state in a sentence, then what it comes from."""
    page.say(sentences.status(shown), "bold")
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
    page.facts(_levels(one))


def heading(page: Page, one: Shown) -> None:
    """Who asks: the application, whom to write to, and who has called in its name."""
    page.say(f"{one['name']} ({one['id']}): {one['summary']}", "bold")
    page.facts(
        [
            ("vendor", f"{one['vendor']}; for concerns: {one['contact']}"),
            ("kind", one["kind"] + (", installed" if one["installed"] else ", registered by a program, not installed")),
            ("callers", ", ".join(map(_caller, one["callers"])) or "none so far"),
            *_levels(one),
            *_several("warnings", one["warnings"]),
        ]
    )


def question_page(page: Page, question: Shown) -> None:
    """Everything about a question that consent is given to, and where it stands."""
    page.say(f"{question['application']}/{question['id']}", "bold")
    page.facts(_question(question))


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
    body(page, report["body"])


def body(page: Page, text: str) -> None:
    """A report's bytes; the blanks that fill it up are counted instead of shown."""
    shown = text.rstrip(" ")
    page.verbatim(shown or "(no body is kept)")
    if len(text) > len(shown):
        page.say(f"(and {len(text) - len(shown)} blanks that fill it up to {len(text.encode())} bytes)")


def _levels(one: Shown) -> list[Row]:
    return [(axis, f"{word(OWN_LEVELS, one[axis])} ({word(LEVELS, one['effective_' + axis])} now)") for axis in ("system", "usage")]


def _caller(identity: str) -> str:
    """Sandboxes are known by the bus; what a program outside says of itself is a claim."""
    is_claim = identity == "host" or identity.startswith("host:")
    return f"{identity} ({'claimed' if is_claim else 'verified'})"


def _application(one: Shown) -> tuple[str, ...]:
    return (
        one["id"],
        one["name"],
        word(LEVELS, one["effective_system"]),
        word(LEVELS, one["effective_usage"]),
        str(one["pending"]) if one["pending"] else "-",
        one["kind"] + ("" if one["installed"] else ", registered by itself"),
    )


def _question(one: Shown) -> Iterator[Row]:
    """Labels of at most eight letters: so the digest, 71 long, stays whole on 80 columns."""
    yield "purpose", one["purpose"]
    yield "decides", one["decision"]
    yield "needs", f"{_axes(one)} at least {one['detail']}"
    for index, field in enumerate(one["fields"]):
        yield _label("collects", index), field
    yield "example", one["example"]
    yield "once for", f"one {one['period']}" + (f": {one['drawn_period']}" if one["drawn_period"] else "") + f", asked until {one['ends']}"
    yield "noise", _noise(one)
    yield "sent to", one["endpoint"] or "nowhere: no endpoint is configured for this vendor, so nothing is sent"
    yield "sent", day(one["last_sent"])
    yield "state", one["state"] + (f": {one['reason']}" if one["reason"] else "")
    yield "you", word(CONSENTS, one["consent"]) + (", an earlier definition accepted" if _is_changed(one) else "")
    for index, change in enumerate(one["changes"]):
        yield _label("changed", index), change
    yield "reviewed", ", ".join(one["reviewers"]) or "by nobody: no review of this definition is installed"
    if one["record"]:
        yield "record", one["record"]
    yield from _several("figures", one["figures"])
    yield from _several("warnings", one["warnings"])
    yield "digest", one["digest"]


def _axes(one: Shown) -> str:
    """What has to be on: the question's own axis, and System too if telemetryd itself reads something for it."""
    uses_facts = any(field.endswith(_FACT) for field in one["fields"])
    return "Usage and System" if uses_facts and one["category"] == "usage" else one["category"].capitalize()


def _noise(one: Shown) -> str:
    """How the answer is protected. The example is a report as it would be: one whose epsilon is null says the answer itself."""
    if not one["epsilon"] or '"epsilon":null' in one["example"]:
        return "none is added: the report says the answer as it is"
    return f"epsilon {one['epsilon']:g}: the most that an answer can reveal"


def _is_changed(one: Shown) -> bool:
    return bool(one["accepted_digest"]) and one["accepted_digest"] != one["digest"] and one["consent"] == 0


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
    held = [f"held at {word(NEW_QUESTIONS, limit)} by {file}" for limit, file in sentences.locks(properties, "new_questions")[:1]]
    yield "New questions", word(NEW_QUESTIONS, new_questions) + (f" ({held[0]})" if held and new_questions else "")
    waiting = [f"{one['pending']} of {one['id']}" for one in shown.applications if one.get("pending")]
    yield "For you to decide", ", ".join(waiting) or "nothing"
    yield from _several("Switched off", [sentences.switch(*one) for one in properties.get("KillSwitches", ())])
    yield from _several("Locked", [sentences.lock(*one) for one in properties.get("Locks", ())])
    if properties.get("Developer"):
        yield "Developer mode", "on: unreviewed questions are admitted, reports go to this machine only"
    yield from _several("Problems", [f"{file}: {text}" if file else text for file, text in properties.get("Problems", ())])
    yield from _several("Questions", [_standing(one) for one in shown.questions if one.get("state", "") not in _ENDS])


def _level(shown: Told, axis: str) -> str:
    """The user's level, and the one that holds if it is another."""
    chosen = shown.properties.get(axis, 0)
    holds = 0 if shown.properties.get("KillSwitches") else sentences.effective(shown.properties, axis)
    said = word(LEVELS, chosen)
    return said if chosen == holds else f"{said} (your choice; {word(LEVELS, holds)} now)"


def _standing(question: Mapping[str, Any]) -> str:
    reason = f" ({question['reason']})" if question.get("reason") else ""
    return f"{question['application']}/{question['id']}: {question['state']}{reason}"


def _several(label: str, values: list[str]) -> Iterator[Row]:
    """One line each, the label on the first."""
    for index, value in enumerate(values):
        yield ("" if index else label), value
