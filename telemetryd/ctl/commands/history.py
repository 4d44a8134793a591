"""`history` and `ledger`: the reports that were made, and what they revealed. Policy: T1, T2."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext
from telemetryd.ctl.options import as_json
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.report_pages import ledger_page, missing_page, reports_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

    _IntParam = click.ParamType[int]
else:
    _IntParam = click.ParamType  # click makes it generic at run time only since 8.4

_LIMIT, _LIMIT_MAX = 50, 2**32 - 1
_ENDED = {"answered", "suspended", "erased"}
"""Outcomes that have a reason in the question's state."""


class Since(_IntParam):
    """A date, or a number of days before today, as the Unix time of that day's beginning in UTC. The history counts days in UTC."""

    name = "DATE|DAYS"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Convert the option's text to Unix seconds."""
        if isinstance(value, int):
            return value
        try:
            return max(0, int(datetime.combine(_first_day(value), time(), UTC).timestamp()))
        except (ValueError, OverflowError):
            self.fail(_("{value} is neither a date such as 2026-11-24 nor a number of days.").format(value=repr(value)), param, ctx)


@click.command(short_help="List the reports that were made.")
@click.option(
    "--since",
    type=Since(),
    default=0,
    show_default="all",
    help="Only reports made on this day (2026-11-24) or later, or in the last DAYS days.",
)
@click.option(
    "--limit",
    type=click.IntRange(0, _LIMIT_MAX),
    default=_LIMIT,
    show_default=True,
    help="Only the newest reports, at most this many; 0 for all.",
)
@click.option("--bodies", is_flag=True, help="Show each report's headers and body, byte for byte.")
@as_json
def history(since: int, limit: int, *, bodies: bool, is_json: bool) -> None:
    """List the reports that were made, what they said, and what became of them.

    Reports are kept for a year. With --json, headers and bodies are always included.
    """

    async def work(control: ControlClient) -> None:
        wanted = min(limit + 1, _LIMIT_MAX) if limit else 0
        found = await control.history(since, wanted, has_bytes=bodies or is_json)
        reports = found[:limit] if limit else found
        if is_json:
            printing.emit(reports)
        else:
            budgets, questions = await control.ledger(), await control.standings()
            page = printing.Page()
            if not reports:
                page.say(_empty_text(budgets, since))
            reports_page(page, reports, _ended(reports, questions), bodies=bodies)
            if len(found) > len(reports):
                _say_cut(len(reports))
            is_cut = bool(reports) and (since > 0 or len(found) > len(reports))
            made = sum(budget["answers"] for budget in budgets if budget["application"])
            if made > len(reports) and not is_cut:
                erased = (await control.some_properties("HistoryErased"))["HistoryErased"]
                missing_page(printing.Page(), made, [question["outcome"] for question in questions], erased=erased)

    control_client.run(work)


@click.command(short_help="Show how much you have revealed.")
@as_json
def ledger(*, is_json: bool) -> None:
    """Show how much your answers have revealed at most, and how much they may still reveal. These budgets never renew."""

    async def work(control: ControlClient) -> None:
        budgets = await control.ledger()
        if is_json:
            printing.emit(budgets)
            return
        page = printing.Page()
        if budgets:
            ledger_page(page, budgets)
        else:
            page.say(_("The ledger is empty: no answer is recorded in it, and nothing is promised."))

    control_client.run(work)


def _say_cut(shown: int) -> None:
    """Say that older reports are left out, and how to see them."""
    page = printing.Page()
    page.gap()
    page.say(
        ngettext(
            "Only the newest report is shown; `telemetryctl history --limit 0` shows all.",
            "Only the newest {number} reports are shown; `telemetryctl history --limit 0` shows all.",
            shown,
        )
    )


def _first_day(text: str) -> date:
    if re.fullmatch(r"\d{1,5}", text, re.ASCII):
        return datetime.now(UTC).date() - timedelta(days=int(text))
    return date.fromisoformat(text)


def _empty_text(budgets: Sequence[ControlDict], since: int) -> str:
    """What an empty list says. The ledger is not erased, so it knows whether a report was made; a lost one is a problem of `status`."""
    if since:
        return _("No report of that time is in the list.")
    return _("No report is in the list.") if budgets else _("No report is in the list, and the ledger knows of none.")


def _ended(reports: Sequence[ControlDict], questions: Sequence[ControlDict]) -> list[ControlDict]:
    """The questions whose state says why a report ended."""
    ended = {(report["application"], report["question"]) for report in reports if report["outcome"] in _ENDED}
    return [question for question in questions if (question["application"], question["id"]) in ended]
