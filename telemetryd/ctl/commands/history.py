"""`preview`, `history`, `ledger`, `erase` and `forget`: reports that would be or were sent. Policy: T1, T2, C2."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from telemetryd.core.translation import mark
from telemetryd.ctl import control_client
from telemetryd.ctl.commands.changing import Asking, carry_out, id_of
from telemetryd.ctl.language import gettext as _
from telemetryd.ctl.language import ngettext
from telemetryd.ctl.options import as_json, assume_yes, require_terminal
from telemetryd.ctl.render import printing
from telemetryd.ctl.render.pages import standings_page
from telemetryd.ctl.render.report_pages import history_page, ledger_page, missing_page, preview_page, report_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import ControlClient, ControlDict

    _IntParam = click.ParamType[int]
else:
    _IntParam = click.ParamType  # click makes it generic at run time only since 8.4

_LIMIT, _LIMIT_MAX = 50, 2**32 - 1
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
            self.fail(_("{value} is neither a date such as 2026-11-24 nor a number of days.").format(value=repr(value)), param, ctx)


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
            print_reports(reports, _ended(reports, questions), empty=_empty_text(budgets, since), bodies=bodies)
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
    """Show the most that your answers have revealed so far, and how much they may still reveal. These budgets never renew."""

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


def print_reports(reports: list[ControlDict], ended: Sequence[ControlDict] = (), *, empty: str, bodies: bool) -> None:
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
