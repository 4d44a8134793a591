"""`erase`: what was collected and not sent, and the history of what was sent. Policy: C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.core.translation import mark
from telemetryd.ctl.commands.changing import Asking, carry_out, id_of
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.options import as_json, assume_yes, require_terminal
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import standings_page

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import ControlClient

_ERASE_NOTE = mark(
    "The list of what was sent is erased too. What was sent cannot be called back, because nobody can tell which reports are yours."
)


@click.command(short_help="Erase what was not yet sent, and the history.")
@click.argument("app", default="")
@click.option("--all", "is_all", is_flag=True, help="For all applications.")
@assume_yes
@as_json
def erase(app: str, *, is_all: bool, yes: bool, is_json: bool) -> None:
    """Erase what was collected and not yet sent, and the history of what was sent, for APP or for all applications.

    Your consent stays as it is. A question whose answer is erased is not asked again. With --json: the questions afterwards, as
    `show` prints them.
    """
    if bool(app) is is_all:
        raise click.UsageError(_("Name an application, or give --all."))
    require_terminal(is_agreed=yes)
    app_id = id_of(app)
    one = _("Erase what was collected and not sent, and the history of what was sent, for {application}?").format(application=app_id)
    every = _("Erase what was collected and not sent, and the history of what was sent, for all applications?")

    async def print_rest(control: ControlClient) -> None:
        now = await control.questions(app_id)
        if is_json:
            printing.emit(now)
            return
        page = printing.Page()
        page.say(_("Erased."))
        if now:
            standings_page(page, now)

    asking = Asking(one if app_id else every, yes, is_json, always=True, note=_ERASE_NOTE)
    carry_out({"erase": app_id}, app_id, asking, print_rest)
