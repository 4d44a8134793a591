"""`consent …`: the user's decisions, for everything, for one application, for one question. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client, printing, state_sentences
from telemetryd.ctl.failures import NOTHING, Failure, answered
from telemetryd.ctl.options import InOrder, as_json, confirm, levels, unasked
from telemetryd.ctl.pages import application_page, standings_page, status_page
from telemetryd.ctl.value_words import ABSENT, LEVELS, NEW_QUESTIONS, OWN_LEVELS, counted, number
from telemetryd.errors import ChangedError, UnknownQuestionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import Control, Shown

_NEW_HELP = "What happens to questions that you have not decided. accept: also unseen ones, of applications of which you accepted one."


@click.group(cls=InOrder)
def consent() -> None:
    """Decide what may be collected.

    Everything is off until you turn it on. Lowering a level, or refusing a question, also erases what was collected under it and
    not yet sent. With --json each command prints what `status`, `list` or `show` would print afterwards.
    """


@consent.command("global")
@levels("--system", LEVELS, "Questions about the system: hardware and software, however it is used.")
@levels("--usage", LEVELS, "Questions about how applications are used, as statistics.")
@levels("--new-questions", NEW_QUESTIONS, _NEW_HELP)
@as_json
def everywhere(system: str | None, usage: str | None, new_questions: str | None, *, is_json: bool) -> None:
    """Set the levels for all applications.

    They are ceilings: an application's own level can only be lower.
    """
    named = [("System", LEVELS, system), ("Usage", LEVELS, usage), ("NewQuestions", NEW_QUESTIONS, new_questions)]
    chosen = [(name, number(words, said)) for name, words, said in named if said]
    if not chosen:
        raise click.UsageError("Say what to set: --system, --usage or --new-questions.")

    async def work(control: Control) -> None:
        for name, value in sorted(chosen, key=lambda one: one[1]):
            await control.set_property(name, value)
        properties = await control.properties()
        if is_json:
            printing.emit(properties)
            return
        status_page(printing.Page(), state_sentences.Shown(properties, await control.applications(), await control.questions("")))

    control_client.run(work)


@consent.command(short_help="Set the levels of APP.")
@click.argument("app")
@levels("--system", OWN_LEVELS, "Questions about the system; inherit: as the global level.")
@levels("--usage", OWN_LEVELS, "Questions about use; inherit: as the global level.")
@as_json
def application(app: str, system: str | None, usage: str | None, *, is_json: bool) -> None:
    """Set the levels of APP. An option that is not given stays as it is."""
    if not system and not usage:
        raise click.UsageError("Say what to set: --system or --usage.")

    async def work(control: Control) -> None:
        before = await control.application(app)
        chosen = [number(OWN_LEVELS, said) if said else before[axis] for axis, said in (("system", system), ("usage", usage))]
        await control.set_application(app, *chosen)
        now = await control.application(app)
        if is_json:
            printing.emit(now)
        else:
            application_page(printing.Page(), now)

    control_client.run(work)


@consent.command(short_help="Accept questions of APP, as shown.")
@click.argument("app")
@click.argument("questions", metavar="[QUESTION[=DIGEST]]...", nargs=-1)
@unasked
@as_json
def accept(app: str, questions: tuple[str, ...], *, yes: bool, is_json: bool) -> None:
    """Accept questions of APP: those named, or all that wait for your decision.

    Shows what would be accepted and asks; exactly what was shown is accepted. If a definition changes meanwhile, nothing is accepted.
    With QUESTION=DIGEST you accept what you saw earlier (`show` prints the digest); if it is asked otherwise now, nothing is accepted.
    """

    async def look(control: Control) -> tuple[Shown, list[Shown]]:
        about = await control.application(app)
        if about["kind"] in ABSENT:
            raise Failure(f"the manifest of {app} is {about['kind']}, and so it asks nothing now; nothing was accepted")
        return about, _chosen(app, await control.questions(app), questions)

    async def take(control: Control) -> None:
        await control.accept(app, {one["id"]: one["digest"] for one in chosen})
        await _tell(control, app, [one["id"] for one in chosen], is_json=is_json)

    about, chosen = control_client.run(look)
    if not is_json:
        _show(about, chosen)
    confirm("Accept it?" if len(chosen) == 1 else f"Accept these {len(chosen)} questions?", is_agreed=yes)
    control_client.run(take)


@consent.command(short_help="Refuse questions of APP.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@as_json
def refuse(app: str, questions: tuple[str, ...], *, is_json: bool) -> None:
    """Refuse questions of APP, whatever their definitions become, and erase what was collected for them."""
    _decide(app, questions, is_allowed=False, is_json=is_json)


@consent.command(short_help="Take a refusal back.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@as_json
def allow(app: str, questions: tuple[str, ...], *, is_json: bool) -> None:
    """Take a refusal back. This accepts nothing: what you have not accepted waits for your decision again."""
    _decide(app, questions, is_allowed=True, is_json=is_json)


def _decide(app: str, questions: Sequence[str], *, is_allowed: bool, is_json: bool) -> None:
    async def work(control: Control) -> None:
        for question in questions:
            await control.set_question(app, question, allowed=is_allowed)
        await _tell(control, app, questions, is_json=is_json)

    control_client.run(work)


def _chosen(app: str, found: Sequence[Shown], named: Sequence[str]) -> list[Shown]:
    """The questions that are to be accepted; a digest that was given must be the one that is asked for now."""
    if not named:
        waiting = [one for one in found if one["state"] == "pending"]
        if not waiting:
            raise Failure(f"no question of {app} waits for your decision; `telemetryctl show {app}` shows where each stands", NOTHING)
        return waiting
    by_id = {one["id"]: one for one in found}
    chosen = []
    for name, _, digest in (one.partition("=") for one in named):
        if name not in by_id:
            raise answered(UnknownQuestionError.bus_name, f"{app} asks no question {name!r}", app)
        if digest and digest != by_id[name]["digest"]:
            raise answered(ChangedError.bus_name, f"the definition of {name} is not the one that you name; nothing was accepted", app)
        chosen.append(by_id[name])
    return chosen


def _show(application: Shown, questions: Sequence[Shown]) -> None:
    from telemetryd.ctl.asked import heading, question_page  # noqa: PLC0415 - what a definition means: needed where one is shown

    page = printing.Page()
    heading(page, application)
    page.gap()
    page.say(counted(len(questions), "question") + " to accept:")
    for one in questions:
        page.gap()
        question_page(page, one)
    page.gap()


async def _tell(control: Control, app: str, questions: Sequence[str], *, is_json: bool) -> None:
    """Where the questions stand after a decision."""
    now = [one for one in await control.questions(app) if one["id"] in questions]
    if is_json:
        printing.emit(now)
    else:
        standings_page(printing.Page(), now)
