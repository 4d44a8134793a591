"""`consent …`: the user's decisions, global, for one application and for one question. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.commands.changing import Asking, carry_out
from telemetryd.ctl.failures import NOTHING, Failure, failure_for
from telemetryd.ctl.options import OrderedGroup, as_json, assume_yes, level_option
from telemetryd.ctl.render import printing, state_sentences
from telemetryd.ctl.render.pages import application_page, standings_page, status_page
from telemetryd.ctl.render.value_words import ABSENT, LEVELS, NEW_QUESTIONS, OWN_LEVELS, count_phrase, number
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
    not yet sent. A change that starts questions says which, and asks. One that ends questions for good, or erases anything, asks on
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
        raise click.UsageError("Say what to set: --system, --usage or --new-questions.")

    async def print_status(control: ControlClient) -> None:
        properties = await control.properties()
        if is_json:
            printing.emit(properties)
            return
        status_page(printing.Page(), state_sentences.ServiceState(properties, await control.applications(), await control.standings()))

    carry_out(change, "", Asking("Change your settings?", yes, is_json), print_status)


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
        raise click.UsageError("Say what to set: --system or --usage.")

    async def print_application(control: ControlClient) -> None:
        now = await control.application(app)
        if is_json:
            printing.emit(now)
        else:
            application_page(printing.Page(), now)

    carry_out({"application": app, **chosen}, app, Asking(f"Change your settings for {app}?", yes, is_json), print_application)


@consent.command(short_help="Accept questions of APP, as shown.")
@click.argument("app")
@click.argument("questions", metavar="[QUESTION[=DIGEST]]...", nargs=-1)
@assume_yes
@as_json
def accept(app: str, questions: tuple[str, ...], *, yes: bool, is_json: bool) -> None:
    """Accept questions of APP: those named, or all that wait for your decision.

    Shows what would be accepted, then asks. Exactly what was shown is accepted. If a definition changes meanwhile, nothing is accepted.
    With QUESTION=DIGEST you accept what you saw earlier: `show` prints the digest. If the digest has changed, nothing is accepted.
    """

    async def read_questions(control: ControlClient) -> tuple[ControlDict, list[ControlDict]]:
        declared = await control.application(app)
        if declared["kind"] in ABSENT:
            raise Failure(f"the manifest of {app} is {declared['kind']}, and so it asks nothing now; nothing was accepted")
        return declared, _choose(app, await control.questions(app), questions)

    declared, chosen = control_client.run(read_questions)
    if not is_json:
        _print_questions(declared, chosen)
    change = {"accept": {app: {question["id"]: question["digest"] for question in chosen}}}
    prompt = "Accept it?" if len(chosen) == 1 else f"Accept these {len(chosen)} questions?"
    names = [question["id"] for question in chosen]
    carry_out(change, app, Asking(prompt, yes, is_json, always=True), _printer(app, names, is_json=is_json))


@consent.command(short_help="Refuse questions of APP.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@assume_yes
@as_json
def refuse(app: str, questions: tuple[str, ...], *, yes: bool, is_json: bool) -> None:
    """Refuse questions of APP, however their definitions change, and erase what was collected for them."""
    change = {"refuse": [[app, question] for question in questions]}
    asking = Asking(f"Refuse {count_phrase(len(questions), 'question')}?", yes, is_json)
    carry_out(change, app, asking, _printer(app, questions, is_json=is_json))


@consent.command(short_help="Undo a refusal.")
@click.argument("app")
@click.argument("questions", metavar="QUESTION...", nargs=-1, required=True)
@assume_yes
@as_json
def allow(app: str, questions: tuple[str, ...], *, yes: bool, is_json: bool) -> None:
    """Undo a refusal. This accepts nothing: questions that you have not accepted wait for your decision again."""
    change = {"allow": [[app, question] for question in questions]}
    asking = Asking(f"Allow {count_phrase(len(questions), 'question')} again?", yes, is_json)
    carry_out(change, app, asking, _printer(app, questions, is_json=is_json))


def _choose(app: str, questions: Sequence[ControlDict], named: Sequence[str]) -> list[ControlDict]:
    """The questions to accept. Raises `Failure` if a named digest is not the current one."""
    if not named:
        waiting = [question for question in questions if question["state"] == "pending"]
        if not waiting:
            raise Failure(f"no question of {app} waits for your decision; `telemetryctl show {app}` shows where each stands", NOTHING)
        return waiting
    by_id = {question["id"]: question for question in questions}
    chosen = []
    for name, _, digest in (argument.partition("=") for argument in named):
        if name not in by_id:
            raise failure_for(UnknownQuestionError.bus_name, f"{app} asks no question {name!r}", app)
        if digest and digest != by_id[name]["digest"]:
            raise failure_for(
                ChangedError.bus_name, f"the definition of {name} does not have the digest that you gave; nothing was accepted", app
            )
        chosen.append(by_id[name])
    return chosen


def _print_questions(application: ControlDict, questions: Sequence[ControlDict]) -> None:
    from telemetryd.ctl.render.question_page import heading, question_page  # noqa: PLC0415 - slow, and needed only to show a definition

    page = printing.Page()
    heading(page, application)
    page.gap()
    page.say(count_phrase(len(questions), "question") + " to accept:")
    for question in questions:
        page.gap()
        question_page(page, question)
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
