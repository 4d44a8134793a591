"""`status`, `list` and `show`: the effective state, the applications, and their questions."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.commands.service_state import read_service_state
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import applications_page, status_page

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import ControlClient


_PROXIES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
"""Variables that other programs take the proxy of https connections from."""


@click.command(short_help="Say whether telemetry is on, and why.")
@as_json
def status(*, is_json: bool) -> None:
    """Say whether telemetry is on, and why.

    One sentence comes first. Then come your levels, what limits them (kill switches, locks), files with problems, and the state of
    the questions that you decided on. With --json: the properties of org.telemetryd.Control1.
    """

    async def work(control: ControlClient) -> None:
        if is_json:
            printing.emit(await control.properties())
            return
        making = asyncio.to_thread(printing.Page)  # what it imports is read while the service makes the lists
        proxies = [name for name in _PROXIES if os.environ.get(name)]
        page, state = await asyncio.gather(making, read_service_state(control, proxies))
        status_page(page, state)

    control_client.run(work)


@click.command("list", short_help="List the applications that ask.")
@click.argument("app", default="")
@as_json
def applications(app: str, *, is_json: bool) -> None:
    """List the applications that ask, or APP alone, and what each may collect.

    System and Usage are the levels that hold now, after your own choices, locks and kill switches. In every command, APP is the id of an
    application, the last part of the id, or the name. So `kate` is org.kde.kate if no other application is called so.
    """

    async def work(control: ControlClient) -> None:
        answer = [await control.application(app)] if app else await control.applications()
        if is_json:
            printing.emit(answer)
        else:
            applications_page(printing.Page(), answer)

    control_client.run(work)


@click.command(short_help="Show an application's questions.")
@click.argument("app")
@as_json
def show(app: str, *, is_json: bool) -> None:
    """Show the questions of APP: why, what exactly is collected, where it goes, and where each stands."""

    async def work(control: ControlClient) -> None:
        application = await control.application(app)
        questions = await control.questions(application["id"])
        if is_json:
            printing.emit(questions)
            return
        from telemetryd.ctl.render.question_page import heading, question_page  # noqa: PLC0415 - 20 ms that `status` does not need

        page = printing.Page()
        heading(page, application)
        if not questions:
            page.gap()
            page.say(page.language.words.gettext("It asks no questions."))
        for question in questions:
            page.gap()
            question_page(page, question)

    control_client.run(work)
