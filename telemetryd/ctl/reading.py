"""`status`, `list` and `show`: what is asked, what is permitted, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from telemetryd.ctl import client, output, sentences
from telemetryd.ctl.options import as_json
from telemetryd.ctl.pages import applications_page, heading, question_page
from telemetryd.ctl.words import AXES, LEVELS, NEW_QUESTIONS, word

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from telemetryd.ctl.client import Control
    from telemetryd.ctl.output import Row
    from telemetryd.ctl.sentences import Shown

_ENDS = {"", "unreviewed", "pending"}
"""States of questions that `status` only counts; those that the user decided on are listed."""


@click.command(short_help="Say whether telemetry is on, and why.")
@as_json
def status(*, is_json: bool) -> None:
    """Say whether telemetry is on, and why.

    One sentence first; then your levels, whatever holds them down (kill switches, locks), files with problems, and where the
    questions stand that you decided on. With --json: the properties of org.telemetryd.Control1.
    """

    async def work(control: Control) -> None:
        properties = await control.properties()
        if is_json:
            output.emit(properties)
            return
        shown = sentences.Shown(properties, await control.applications(), await control.questions(""))
        page = output.Page()
        page.say(sentences.status(shown), "bold")
        page.gap()
        page.facts(_status_rows(shown))

    client.run(work)


@click.command("list", short_help="List the applications that ask.")
@as_json
def applications(*, is_json: bool) -> None:
    """List the applications that ask, and what each may have.

    System and Usage are the levels that hold now, after your own choices, locks and kill switches.
    """

    async def work(control: Control) -> None:
        found = await control.applications()
        if is_json:
            output.emit(found)
        else:
            applications_page(output.Page(), found)

    client.run(work)


@click.command(short_help="Show an application's questions.")
@click.argument("app")
@as_json
def show(app: str, *, is_json: bool) -> None:
    """Show the questions of APP: why, what exactly is collected, where it goes, and where each stands."""

    async def work(control: Control) -> None:
        found = await control.questions(app)
        if is_json:
            output.emit(found)
            return
        page = output.Page()
        heading(page, await control.application(app))
        if not found:
            page.gap()
            page.say("It asks no questions.")
        for question in found:
            page.gap()
            question_page(page, question)

    client.run(work)


def _status_rows(shown: Shown) -> Iterator[Row]:
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
    yield from _several("Problems", [f"{file}: {text}" for file, text in properties.get("Problems", ())])
    yield from _several("Questions", [_standing(one) for one in shown.questions if one.get("state", "") not in _ENDS])


def _level(shown: Shown, axis: str) -> str:
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
