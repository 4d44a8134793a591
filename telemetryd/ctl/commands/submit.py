"""`submit` and `monitor`: for an application's developer, in developer mode."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.commands import history
from telemetryd.ctl.failures import failure_for
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.errors import NotDeveloperError

if TYPE_CHECKING:
    from telemetryd.ctl.control_client import ControlClient, ControlDict


_APPLICATION, _SOURCE, _BIN = 24, 24, 16
"""Fixed widths of the columns, which cannot know later rows."""
_HEAD = f"{'APPLICATION':{_APPLICATION}} {'SOURCE':{_SOURCE}} {'BIN':{_BIN}} VERDICT"
_NONE = "-"


@click.command(short_help="Developer mode: close periods and send now.")
@as_json
def submit(*, is_json: bool) -> None:
    """Developer mode: close the running periods and send their reports now.

    Prints the reports that this made or tried, with what became of them, as `history` does.
    """

    async def work(control: ControlClient) -> None:
        before = await control.history(0, 0)
        await control.submit()
        after = await control.history(0, 0)
        reports = [json.loads(text) for text in (Counter(map(json.dumps, after)) - Counter(map(json.dumps, before))).elements()]
        if is_json:
            printing.emit(reports)
        else:
            history.print_reports(reports, bodies=False)

    control_client.run(work)


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
        if app:
            await control.application(app)
        page = None if is_json else printing.Page()
        if page:
            page.say(_HEAD, "bold")
        left, after = count, 0
        while left is None or left > 0:
            after, events = await control.monitor(app, after)
            for event in events[:left]:
                if page:
                    page.verbatim(_row(event))
                else:
                    printing.emit_line(event)
            left = None if left is None else left - len(events)

    with suppress(KeyboardInterrupt):
        control_client.run(work)


def _row(event: ControlDict) -> str:
    """One row. An id that is longer than its column pushes the others to the right, and is never cut."""
    cells = (event["application"] or _NONE, _APPLICATION), (event["source"] or _NONE, _SOURCE), (event["bin"] or _NONE, _BIN)
    return " ".join(f"{cell:{width}}" for cell, width in cells) + f" {_verdict(event)}"


def _verdict(event: ControlDict) -> str:
    if not event["error"]:
        return str(event["verdict"])
    return f"refused, {event['error'].rpartition('.')[2]}: {event['verdict']}"
