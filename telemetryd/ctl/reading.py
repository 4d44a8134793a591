"""`status`, `list` and `show`: what is asked, what is permitted, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client, printing, state_sentences
from telemetryd.ctl.options import as_json
from telemetryd.ctl.pages import applications_page, status_page

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import Control


@click.command(short_help="Say whether telemetry is on, and why.")
@as_json
def status(*, is_json: bool) -> None:
    """Say whether telemetry is on, and why.

    One sentence first; then your levels, whatever holds them down (kill switches, locks), files with problems, and where the
    questions stand that you decided on. With --json: the properties of org.telemetryd.Control1.
    """

    async def work(control: Control) -> None:
        applications, questions = await control.applications(), await control.questions("")
        properties = await control.properties()  # only now has every manifest been read, and a broken one become a problem
        if is_json:
            printing.emit(properties)
            return
        shown = state_sentences.Shown(properties, applications, questions)
        status_page(printing.Page(), shown)

    control_client.run(work)


@click.command("list", short_help="List the applications that ask.")
@as_json
def applications(*, is_json: bool) -> None:
    """List the applications that ask, and what each may have.

    System and Usage are the levels that hold now, after your own choices, locks and kill switches.
    """

    async def work(control: Control) -> None:
        found = await control.applications()
        if is_json:
            printing.emit(found)
        else:
            applications_page(printing.Page(), found)

    control_client.run(work)


@click.command(short_help="Show an application's questions.")
@click.argument("app")
@as_json
def show(app: str, *, is_json: bool) -> None:
    """Show the questions of APP: why, what exactly is collected, where it goes, and where each stands."""

    async def work(control: Control) -> None:
        found = await control.questions(app)
        if is_json:
            printing.emit(found)
            return
        from telemetryd.ctl.asked import heading, question_page  # noqa: PLC0415 - what a definition means: 20 ms that `status` does without

        page = printing.Page()
        heading(page, await control.application(app))
        if not found:
            page.gap()
            page.say("It asks no questions.")
        for question in found:
            page.gap()
            question_page(page, question)

    control_client.run(work)
