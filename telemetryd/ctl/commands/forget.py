"""`forget`: all that is kept about an application that is not installed. Policy: C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl.commands.changing import Asking, carry_out, id_of
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.options import as_json, assume_yes, require_terminal
from telemetryd.ctl.render import printing

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import ControlClient


@click.command(short_help="Forget an application that is not installed.")
@click.argument("app")
@assume_yes
@as_json
def forget(app: str, *, yes: bool, is_json: bool) -> None:
    """Forget an APP that registered itself or is gone: withdraw all consents, and delete what is kept about it.

    What was collected and not sent is erased, and so are its manifest, its levels and what you accepted. Your refusals stay, and a question
    that is over stays over. The history stays too; `erase` erases it. An installed application cannot be forgotten: uninstall it, or refuse
    its questions. With --json: the applications that are left, as `list` prints them.
    """
    require_terminal(is_agreed=yes)
    app_id = id_of(app)

    async def print_rest(control: ControlClient) -> None:
        if is_json:
            printing.emit(await control.applications())
        else:
            printing.Page().say(_("Forgotten. If it runs and registers again, you decide on its questions anew."))

    prompt = _("Withdraw everything from {application}, and forget it?").format(application=app_id)
    carry_out({"forget": app_id}, app_id, Asking(prompt, yes, is_json, always=True), print_rest)
