"""`monitor`: for an application's developer, what arrives in developer mode."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.failures import failure_for
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.errors import NotDeveloperError

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import ControlClient, ControlDict

_WIDTHS = (24, 24, 16)
"""Fixed widths of the columns but the last, because later rows are not known."""
_NONE = "-"


@click.command(short_help="Developer mode: watch pushes arrive.")
@click.argument("app", default="")
@click.option("--count", type=click.IntRange(1), help="End after this many rows.")
@as_json
def monitor(app: str, count: int | None, *, is_json: bool) -> None:
    """Developer mode: watch the pushes of APP, or of all applications, with source, bin, and whether each was kept.

    Calls that are refused are shown too, with the error that the program got. Begins with the latest rows. Ctrl-C ends it with status 0.
    With --json each row is a line: an object with application, source, bin, verdict and error. The error is the name of the D-Bus error,
    or "".
    """

    async def work(control: ControlClient) -> None:
        if not (await control.properties()).get("Developer"):
            raise failure_for(NotDeveloperError.bus_name, "", app)
        app_id = await control.id_of(app)
        page = None if is_json else printing.Page()
        if page:
            page.row((_("APPLICATION"), _("SOURCE"), _("BIN"), _("VERDICT")), _WIDTHS)
        left, after = count, 0
        while left is None or left > 0:
            after, events = await control.monitor(app_id, after)
            for event in events[:left]:
                if page:
                    names = (event[key] or _NONE for key in ("application", "source", "bin"))
                    page.row((*names, _verdict(event)), _WIDTHS)
                else:
                    printing.emit_line(event)
            left = None if left is None else left - len(events)

    with suppress(KeyboardInterrupt):
        control_client.run(work)


def _verdict(event: ControlDict) -> str:
    if not event["error"]:
        return str(event["verdict"])
    return _("refused, {error}: {text}").format(error=event["error"].rpartition(".")[2], text=event["verdict"])
