"""`preview`: the reports that would be sent if the periods ended now. Policy: T1, T2."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.report_pages import preview_page

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import ControlClient


@click.command(short_help="Show what would be sent.")
@click.argument("app", default="")
@as_json
def preview(app: str, *, is_json: bool) -> None:
    """Show what would be sent if the periods ended now, byte for byte, for APP or for all applications.

    A report that is not final says so: the noise and a random number are added before it is sent. Until then it has no noise and a nonce of
    zeros. Reports that wait are shown exactly as they will be sent. With --json: a list of [application/question, URL or "", body].
    """

    async def work(control: ControlClient) -> None:
        reports = await control.preview(await control.id_of(app))
        if is_json:
            printing.emit(reports)
        else:
            preview_page(printing.Page(), reports)

    control_client.run(work)
