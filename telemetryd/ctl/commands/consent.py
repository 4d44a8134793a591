"""`consent …`: the user's decisions, global, for one application and for one question. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.commands.changing import Asking, carry_out, id_of
from telemetryd.ctl.commands.service_state import read_service_state
from telemetryd.ctl.failures import NOTHING, Failure, own_failure
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext
from telemetryd.ctl.options import OrderedGroup, as_json, assume_yes, level_option
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import application_page, standings_page, status_page
from telemetryd.ctl.render.value_words import ABSENT, LEVELS, NEW_QUESTIONS, OWN_LEVELS, number
from telemetryd.errors import ChangedError, UnknownQuestionError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

_NEW_HELP = (
    "What happens to questions that you have not decided on. With accept, they are accepted unseen if you accepted another question of "
    "their application."
)


@click.group(cls=OrderedGroup)
def consent() -> None:
    """Decide what may be collected.

    Everything is off until you turn it on. Lowering a level, or refusing a question, also erases what was collected under it and
    not yet sent. A change that starts questions says which, and asks. A change that ends questions for good, or erases anything, asks on
    a terminal only: withdrawing always works without one.

    With --json each command prints what `status`, `list` or `show` would print afterwards.
    """


@consent.command("global")
@level_option("--system", LEVELS, "Questions about the system: hardware and software, however it is used.")
@level_option("--usage", LEVELS, "Questions about how applications are used, as statistics.")
@level_option("--new-questions", NEW_QUESTIONS, _NEW_HELP)
@assume_yes
@as_json
def global_levels(  # noqa: PLR0913 - by keyword: click's options
    system: str | None, usage: str | None, new_questions: str | None, *, yes: bool, is_json: bool
) -> None:
    """Set the levels for all applications.

    They are ceilings: an application's own level can only be lower. All of them are set, or none.
    """
    named = [("system", LEVELS, system), ("usage", LEVELS, usage), ("new_questions", NEW_QUESTIONS, new_questions)]
    change = {name: number(words, name_of_value) for name, words, name_of_value in named if name_of_value}
    if not change:
        raise click.UsageError(_("Say what to set: --system, --usage or --new-questions."))

    async def print_status(control: ControlClient) -> None:
        if is_json:
            printing.emit(await control.properties())
        else:
            status_page(printing.Page(), await read_service_state(control))

    carry_out(change, "", Asking(_("Change your settings?"), yes, is_json), print_status)


@consent.command(short_help="Set the levels of APP.")
@click.argument("app")
@level_option("--system", OWN_LEVELS, "Questions about the system; inherit: follow the global level.")
@level_option("--usage", OWN_LEVELS, "Questions about use; inherit: follow the global level.")
@assume_yes
@as_json
def application(  # noqa: PLR0913 - by keyword: click's options
    app: str, system: str | None, usage: str | None, *, yes: bool, is_json: bool
) -> None:
    """Set the levels of APP. An option that is not given stays as it is."""
    chosen = {f"app_{axis}": number(OWN_LEVELS, level) for axis, level in (("system", system), ("usage", usage)) if level}
    if not chosen:
        raise click.UsageError(_("Say what to set: --system or --usage."))
    app_id = id_of(app)

    async def print_application(control: ControlClient) -> None:
        now = await control.application(app_id)
        if is_json:
            printing.emit(now)
        else:
            application_page(printing.Page(), now)

    prompt = _("Change your settings for {application}?").format(application=app_id)
    carry_out({"application": app_id, **chosen}, app_id, Asking(prompt, yes, is_json), print_application)


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

    declared, chosen = control_client.run(read_questions)
    if not is_json:
        _print_questions(declared, chosen, has_details=has_details)
    app_id, names = declared["id"], [question["id"] for question in chosen]
    change = {"accept": {app_id: {question["id"]: question["digest"] for question in chosen}}}
    prompt = ngettext("Accept it?", "Accept these {number} questions?", len(chosen))
    carry_out(change, app_id, Asking(prompt, yes, is_json, always=True), _printer(app_id, names, is_json=is_json))


@consent.command(short_help="Refuse questions of APP.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@assume_yes
@as_json
def refuse(app: str, questions: tuple[str, ...], *, yes: bool, is_json: bool) -> None:
    """Refuse questions of APP, however their definitions change, and erase what was collected for them."""
    app_id = id_of(app)
    prompt = ngettext("Refuse {number} question?", "Refuse {number} questions?", len(questions))
    change = {"refuse": [[app_id, question] for question in questions]}
    carry_out(change, app_id, Asking(prompt, yes, is_json), _printer(app_id, questions, is_json=is_json))


@consent.command(short_help="Undo a refusal.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@assume_yes
@as_json
def allow(app: str, questions: tuple[str, ...], *, yes: bool, is_json: bool) -> None:
    """Undo a refusal. This accepts nothing: questions that you have not accepted wait for your decision again."""
    app_id = id_of(app)
    prompt = ngettext("Allow {number} question again?", "Allow {number} questions again?", len(questions))
    change = {"allow": [[app_id, question] for question in questions]}
    carry_out(change, app_id, Asking(prompt, yes, is_json), _printer(app_id, questions, is_json=is_json))


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
            raise own_failure(UnknownQuestionError.bus_name, text, app)
        if digest and digest != by_id[name]["digest"]:
            text = _("the definition of {question} does not have the digest that you gave; nothing was accepted")
            raise own_failure(ChangedError.bus_name, text.format(question=name), app)
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
        page.gap()


def _printer(app: str, questions: Sequence[str], *, is_json: bool) -> Callable[[ControlClient], Awaitable[None]]:
    """What prints the states of the questions after a decision."""

    async def print_standings(control: ControlClient) -> None:
        now = [question for question in await control.questions(app) if question["id"] in questions]
        if is_json:
            printing.emit(now)
        else:
            standings_page(printing.Page(), now)

    return print_standings
