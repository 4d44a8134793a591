"""`submit` and `monitor`: for an application's developer, in developer mode."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.commands import history
from telemetryd.ctl.failures import failure_for
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.errors import NotDeveloperError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

_ACCEPTED = 1
"""A question's `consent`."""
_APPLICATION, _SOURCE, _BIN = 24, 24, 16
"""Fixed widths of the columns of `monitor`, which cannot know later rows."""
_NONE = "-"


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
        history.print_reports(reports, _without_report(reports, questions), empty=_nothing_made(questions), bodies=False)

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


@click.command(short_help="Developer mode: watch pushes arrive.")
@click.argument("app", default="")
@click.option("--count", type=click.IntRange(1), help="End after this many rows.")
@as_json
def monitor(app: str, count: int | None, *, is_json: bool) -> None:
    """Developer mode: watch the pushes of APP, or of all applications, with source, bin, and whether each was kept.

    Calls that are refused are shown too, with the error that the program got. Begins with the latest rows. Ctrl-C ends it with status 0.
    With --json: one line for each row, an object with application, source, bin, verdict, and error, the name of the D-Bus error or "".
    """

    async def work(control: ControlClient) -> None:
        if not (await control.properties()).get("Developer"):
            raise failure_for(NotDeveloperError.bus_name, "", app)
        app_id = await control.id_of(app)
        page = None if is_json else printing.Page()
        if page:
            page.verbatim(_columns(_("APPLICATION"), _("SOURCE"), _("BIN"), _("VERDICT")))
        left, after = count, 0
        while left is None or left > 0:
            after, events = await control.monitor(app_id, after)
            for event in events[:left]:
                if page:
                    page.verbatim(_columns(event["application"] or _NONE, event["source"] or _NONE, event["bin"] or _NONE, _verdict(event)))
                else:
                    printing.emit_line(event)
            left = None if left is None else left - len(events)

    with suppress(KeyboardInterrupt):
        control_client.run(work)


def _columns(application: str, source: str, label: str, verdict: str) -> str:
    """One row. An id that is longer than its column pushes the others to the right, and is never cut."""
    return f"{application:{_APPLICATION}} {source:{_SOURCE}} {label:{_BIN}} {verdict}"


def _verdict(event: ControlDict) -> str:
    if not event["error"]:
        return str(event["verdict"])
    return _("refused, {error}: {text}").format(error=event["error"].rpartition(".")[2], text=event["verdict"])
