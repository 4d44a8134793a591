"""`preview`, `history`, `ledger`, `erase` and `forget`: reports that would be or were sent. Policy: T1, T2, C2."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from telemetryd.core.translation import mark
from telemetryd.ctl import control_client
from telemetryd.ctl.commands.changing import Asking, carry_out
from telemetryd.ctl.options import as_json, assume_yes
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import history_page, missing_page, preview_page, report_page, standings_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

    _IntParam = click.ParamType[int]
else:
    _IntParam = click.ParamType  # click makes it generic at run time only since 8.4

_LIMIT = 50
_ERASE_NOTE = mark(
    "The list of what was sent is erased too. What was sent cannot be called back, because nobody can tell which reports are yours."
)
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
            self.fail(f"{value!r} is neither a date such as 2026-11-24 nor a number of days.", param, ctx)


@click.command(short_help="Show what would be sent.")
@click.argument("app", default="")
@as_json
def preview(app: str, *, is_json: bool) -> None:
    """Show what would be sent if the periods ended now, byte for byte, for APP or for all applications.

    A report that is not final says so: the noise and a random number are added before it is sent. Until then it has no noise and a nonce of
    zeros. Reports that wait are shown exactly as they will be sent. With --json: a list of [application/question, URL or "", body].
    """

    async def work(control: ControlClient) -> None:
        reports = await control.preview(app)
        if is_json:
            printing.emit(reports)
        else:
            preview_page(printing.Page(), reports)

    control_client.run(work)


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
    type=click.IntRange(0, 2**32 - 1),
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
        reports = await control.history(since, limit, has_bytes=bodies or is_json)
        if is_json:
            printing.emit(reports)
        else:
            budgets, questions = await control.ledger(), await control.standings()
            print_reports(reports, _ended(reports, questions), empty=_empty_text(budgets, since), bodies=bodies)
            is_cut = bool(reports) and (since > 0 or 0 < limit <= len(reports))
            made = sum(budget["answers"] for budget in budgets if budget["application"])
            if made > len(reports) and not is_cut:
                missing_page(printing.Page(), made, [question["outcome"] for question in questions])

    control_client.run(work)


@click.command(short_help="Show how much you have revealed.")
@as_json
def ledger(*, is_json: bool) -> None:
    """Show the most that your answers have revealed so far, and how much they may still reveal. These budgets never renew."""

    async def work(control: ControlClient) -> None:
        budgets = await control.ledger()
        if is_json:
            printing.emit(budgets)
            return
        page = printing.Page()
        if budgets:
            page.table(("TO", "ABOUT", "IN", "ANSWERS", "USED", "PROMISED", "LIMIT"), [_ledger_row(budget) for budget in budgets])
            for budget in budgets:
                if budget["text"] and not budget["year"]:
                    page.gap()
                    page.say(_ledger_heading(budget), "bold")
                    page.say(budget["text"])
        else:
            page.say("The ledger is empty: no answer is recorded in it, and nothing is promised.")

    control_client.run(work)


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
        raise click.UsageError("Name an application, or give --all.")
    prompt = f"Erase what was collected and not sent, and the history of what was sent, for {app or 'all applications'}?"

    async def print_rest(control: ControlClient) -> None:
        now = await control.questions(app)
        if is_json:
            printing.emit(now)
            return
        page = printing.Page()
        page.say("Erased.")
        if now:
            standings_page(page, now)

    carry_out({"erase": app}, app, Asking(prompt, yes, is_json, always=True, note=_ERASE_NOTE), print_rest)


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

    async def print_rest(control: ControlClient) -> None:
        if is_json:
            printing.emit(await control.applications())
        else:
            printing.Page().say("Forgotten. If it runs and registers again, you decide on its questions anew.")

    carry_out({"forget": app}, app, Asking(f"Withdraw everything from {app}, and forget it?", yes, is_json, always=True), print_rest)


def _first_day(text: str) -> date:
    if re.fullmatch(r"\d{1,5}", text, re.ASCII):
        return datetime.now(UTC).date() - timedelta(days=int(text))
    return date.fromisoformat(text)


def _empty_text(budgets: Sequence[ControlDict], since: int) -> str:
    """What an empty list says. The ledger is not erased, so it knows whether a report was made; a lost one is a problem of `status`."""
    if since:
        return "No report of that time is in the list."
    return "No report is in the list." if budgets else "No report is in the list, and the ledger knows of none."


def _ended(reports: Sequence[ControlDict], questions: Sequence[ControlDict]) -> list[ControlDict]:
    """The questions whose state says why a report ended."""
    ended = {(report["application"], report["question"]) for report in reports if report["outcome"] in _ENDED}
    return [question for question in questions if (question["application"], question["id"]) in ended]


def print_reports(
    reports: list[ControlDict], ended: Sequence[ControlDict] = (), *, empty: str = "No report was made.", bodies: bool
) -> None:
    """Print reports for a person: a table, or each with its bytes; then the states of the questions that `ended`."""
    page = printing.Page()
    if not reports:
        page.say(empty)
    elif not bodies:
        history_page(page, reports)
    for index, report in enumerate(reports if bodies else []):
        if index:
            page.gap()
        report_page(page, report)
    if ended:
        page.gap()
        standings_page(page, ended)


def _ledger_row(budget: ControlDict) -> tuple[str, ...]:
    span = str(budget["year"]) if budget["year"] else "ever"
    about = f"use of {budget['application']}" if budget["application"] else budget["source"] or "all answers"
    limit = f"{budget['cap']:g}" if budget["capped"] else "-"
    return budget["host"], about, span, str(budget["answers"]), f"{budget['spent']:g}", f"{budget['reserved']:g}", limit


def _ledger_heading(budget: ControlDict) -> str:
    if budget["application"]:
        return f"That you use {budget['application']}:"
    if budget["source"]:
        return f"About {budget['source']}:"
    return f"Told to {budget['vendor_name']} ({budget['host']}):" if budget["vendor_name"] else f"Told to {budget['host']}:"
