"""`consent …`: the user's decisions, global, for one application and for one question. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.failures import NOTHING, Failure, failure_for
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext
from telemetryd.ctl.options import OrderedGroup, as_json, assume_yes, confirm, level_option
from telemetryd.ctl.render import printing, state_sentences
from telemetryd.ctl.render.pages import application_page, standings_page, status_page
from telemetryd.ctl.render.value_words import ABSENT, LEVELS, NEW_QUESTIONS, OWN_LEVELS, number
from telemetryd.errors import ChangedError, UnknownQuestionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

_NEW_HELP = (
    "What happens to questions that you have not decided on. With accept, they are accepted unseen if you accepted another question of "
    "their application."
)


@click.group(cls=OrderedGroup)
def consent() -> None:
    """Decide what may be collected.

    Everything is off until you turn it on. Lowering a level, or refusing a question, also erases what was collected under it and
    not yet sent. With --json each command prints what `status`, `list` or `show` would print afterwards.
    """


@consent.command("global")
@level_option("--system", LEVELS, "Questions about the system: hardware and software, however it is used.")
@level_option("--usage", LEVELS, "Questions about how applications are used, as statistics.")
@level_option("--new-questions", NEW_QUESTIONS, _NEW_HELP)
@as_json
def global_levels(system: str | None, usage: str | None, new_questions: str | None, *, is_json: bool) -> None:
    """Set the levels for all applications.

    They are ceilings: an application's own level can only be lower.
    """
    named = [("System", LEVELS, system), ("Usage", LEVELS, usage), ("NewQuestions", NEW_QUESTIONS, new_questions)]
    chosen = [(name, number(words, name_of_value)) for name, words, name_of_value in named if name_of_value]
    if not chosen:
        raise click.UsageError(_("Say what to set: --system, --usage or --new-questions."))

    async def work(control: ControlClient) -> None:
        for name, value in sorted(chosen, key=lambda setting: setting[1]):
            await control.set_property(name, value)
        properties = await control.properties()
        if is_json:
            printing.emit(properties)
            return
        status_page(printing.Page(), state_sentences.ServiceState(properties, await control.applications(), await control.questions("")))

    control_client.run(work)


@consent.command(short_help="Set the levels of APP.")
@click.argument("app")
@level_option("--system", OWN_LEVELS, "Questions about the system; inherit: follow the global level.")
@level_option("--usage", OWN_LEVELS, "Questions about use; inherit: follow the global level.")
@as_json
def application(app: str, system: str | None, usage: str | None, *, is_json: bool) -> None:
    """Set the levels of APP. An option that is not given stays as it is."""
    if not system and not usage:
        raise click.UsageError(_("Say what to set: --system or --usage."))

    async def work(control: ControlClient) -> None:
        before = await control.application(app)
        chosen = [number(OWN_LEVELS, level) if level else before[axis] for axis, level in (("system", system), ("usage", usage))]
        await control.set_application(before["id"], *chosen)
        now = await control.application(before["id"])
        if is_json:
            printing.emit(now)
        else:
            application_page(printing.Page(), now)

    control_client.run(work)


@consent.command(short_help="Accept questions of APP, as shown.")
@click.argument("app")
@click.argument("questions", metavar="[QUESTION[=DIGEST]]...", nargs=-1)
@click.option("--details", "has_details", is_flag=True, help="Show everything that `show` does: figures, warnings and digests too.")
@assume_yes
@as_json
def accept(  # noqa: PLR0913 - one parameter for each option
    app: str, questions: tuple[str, ...], *, has_details: bool, yes: bool, is_json: bool
) -> None:
    """Accept questions of APP: those named, or all that wait for your decision.

    Shows what would be accepted, then asks. Exactly what was shown is accepted. If a definition changes meanwhile, nothing is accepted.
    With QUESTION=DIGEST you accept what you saw earlier: `show` prints the digest. If the digest has changed, nothing is accepted.
    """

    async def read_questions(control: ControlClient) -> tuple[ControlDict, list[ControlDict]]:
        declared = await control.application(app)
        if declared["kind"] in ABSENT:
            text = _("{application} declares nothing that can be read, so it asks nothing now; nothing was accepted")
            raise Failure(text.format(application=declared["id"]))
        return declared, _choose(declared["id"], await control.questions(declared["id"]), questions)

    async def accept_chosen(control: ControlClient) -> None:
        await control.accept(declared["id"], {question["id"]: question["digest"] for question in chosen})
        await _print_standings(control, declared["id"], [question["id"] for question in chosen], is_json=is_json)

    declared, chosen = control_client.run(read_questions)
    if not is_json:
        _print_questions(declared, chosen, has_details=has_details)
    confirm(ngettext("Accept it?", "Accept these {number} questions?", len(chosen)), is_agreed=yes)
    control_client.run(accept_chosen)


@consent.command(short_help="Refuse questions of APP.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@as_json
def refuse(app: str, questions: tuple[str, ...], *, is_json: bool) -> None:
    """Refuse questions of APP, however their definitions change, and erase what was collected for them."""
    _decide(app, questions, is_allowed=False, is_json=is_json)


@consent.command(short_help="Undo a refusal.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@as_json
def allow(app: str, questions: tuple[str, ...], *, is_json: bool) -> None:
    """Undo a refusal. This accepts nothing: questions that you have not accepted wait for your decision again."""
    _decide(app, questions, is_allowed=True, is_json=is_json)


def _decide(app: str, questions: Sequence[str], *, is_allowed: bool, is_json: bool) -> None:
    async def work(control: ControlClient) -> None:
        app_id = await control.id_of(app)
        for question in questions:
            await control.set_question(app_id, question, allowed=is_allowed)
        await _print_standings(control, app_id, questions, is_json=is_json)

    control_client.run(work)


def _choose(app: str, questions: Sequence[ControlDict], named: Sequence[str]) -> list[ControlDict]:
    """The questions to accept. Raises `Failure` if a named digest is not the current one."""
    if not named:
        waiting = [question for question in questions if question["state"] == "pending"]
        if not waiting:
            text = _("no question of {application} waits for your decision; `telemetryctl show {application}` shows where each stands")
            raise Failure(text.format(application=app), NOTHING)
        return waiting
    by_id = {question["id"]: question for question in questions}
    chosen = []
    for name, _equals, digest in (argument.partition("=") for argument in named):
        if name not in by_id:
            text = _("{application} asks no question {question}").format(application=app, question=repr(name))
            raise failure_for(UnknownQuestionError.bus_name, text, app)
        if digest and digest != by_id[name]["digest"]:
            text = _("the definition of {question} does not have the digest that you gave; nothing was accepted")
            raise failure_for(ChangedError.bus_name, text.format(question=name), app)
        chosen.append(by_id[name])
    return chosen


def _print_questions(application: ControlDict, questions: Sequence[ControlDict], *, has_details: bool) -> None:
    from telemetryd.ctl.render.question_page import heading, question_page  # noqa: PLC0415 - slow, and needed only to show a definition

    page = printing.Page()
    heading(page, application, has_details=has_details)
    page.gap()
    page.say(ngettext("{number} question to accept:", "{number} questions to accept:", len(questions)))
    for question in questions:
        page.gap()
        question_page(page, question, has_details=has_details)
    page.gap()
    if not has_details:
        page.say(_("With --details you also see the reviewed originals, figures, warnings and digests."))


async def _print_standings(control: ControlClient, app: str, questions: Sequence[str], *, is_json: bool) -> None:
    """Print the states of the questions after a decision."""
    now = [question for question in await control.questions(app) if question["id"] in questions]
    if is_json:
        printing.emit(now)
    else:
        standings_page(printing.Page(), now)
