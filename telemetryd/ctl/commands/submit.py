"""`submit`: for an application's developer, in developer mode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.report_pages import reports_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

_ACCEPTED = 1
"""A question's `consent`."""


@click.command(short_help="Developer mode: close periods and send now.")
@as_json
def submit(*, is_json: bool) -> None:
    """Developer mode: close the running periods and send their reports now.

    Prints the reports that this made or tried, with what became of them, as `history` does. Then come the accepted questions of which no
    report was made, and why.
    """

    async def work(control: ControlClient) -> None:
        before = await control.history(0, 0)
        await control.submit()
        after = await control.history(0, 0)
        reports = [report for report in after if report["outcome"] == "queued" or report not in before]  # all that wait were tried
        if is_json:
            printing.emit(reports)
            return
        questions = await control.questions("")
        page = printing.Page()
        if not reports:
            page.say(_nothing_made(questions))
        reports_page(page, reports, _without_report(reports, questions), bodies=False)

    control_client.run(work)


def _without_report(reports: Sequence[ControlDict], questions: Sequence[ControlDict]) -> list[ControlDict]:
    """The accepted questions of which no report was made: their states say why."""
    made = {(report["application"], report["question"]) for report in reports}
    return [
        question for question in questions if question["consent"] == _ACCEPTED and (question["application"], question["id"]) not in made
    ]


def _nothing_made(questions: Sequence[ControlDict]) -> str:
    """Why there is no report."""
    if not questions:
        return _("No report was made: no application asks a question.")
    if not any(question["consent"] == _ACCEPTED for question in questions):
        return _("No report was made: you have accepted no question. `telemetryctl consent accept APP` accepts those of an application.")
    return _("No report was made. This is where the questions stand that you accepted:")
