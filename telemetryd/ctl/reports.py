"""`preview`, `history`, `ledger`, `erase` and `forget`: what would be and what was sent. Policy: T1, T2, C2."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

import click

from telemetryd.ctl import control_client, printing
from telemetryd.ctl.options import as_json, confirm, unasked
from telemetryd.ctl.pages import history_page, preview_page, report_page, standings_page

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.ctl.control_client import Control, Shown

    _Whole = click.ParamType[int]
else:
    _Whole = click.ParamType  # generic for the type checker; at run time since click 8.4 only

_LIMIT = 50
_ENDED = {"answered", "suspended", "erased"}
"""Outcomes of reports that something other than the answer ended."""


class Since(_Whole):
    """A date, or a number of days before today; as Unix seconds of that day's beginning in UTC, which is how the history counts days."""

    name = "DATE|DAYS"

    def convert(self, value: str | int, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the option's text."""
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
    """Show what would be sent if the period ended now, byte for byte, of APP or of all.

    What is being collected is shown before noise, and with a nonce of zeros; reports that wait are among them, exactly as they will be
    sent. With --json: a list of [application/question, URL or "", body].
    """

    async def work(control: Control) -> None:
        found = await control.preview(app)
        if is_json:
            printing.emit(found)
        else:
            preview_page(printing.Page(), found)

    control_client.run(work)


@click.command(short_help="List the reports that were made.")
@click.option(
    "--since",
    type=Since(),
    default=0,
    show_default="all",
    help="Only reports made on this day (2026-11-24) or later; or of the last so many days.",
)
@click.option(
    "--limit", type=click.IntRange(0, 2**32 - 1), default=_LIMIT, show_default=True, help="At most so many, the newest; 0 for all."
)
@click.option("--bodies", is_flag=True, help="Show each report's headers and body, byte for byte.")
@as_json
def history(since: int, limit: int, *, bodies: bool, is_json: bool) -> None:
    """List the reports that were made, what they said and what became of them.

    They are kept for a year. With --json headers and bodies are always there.
    """

    async def work(control: Control) -> None:
        found, is_whole = await control.history(since, limit)
        if not is_whole:
            click.echo(f"telemetryctl: these are the newest {len(found)}: one answer of telemetryd holds no more", err=True)
        if is_json:
            printing.emit(found)
        else:
            ended = {(one["application"], one["question"]) for one in found if one["outcome"] in _ENDED}
            questions = await control.questions("") if ended else []
            show(found, [one for one in questions if (one["application"], one["id"]) in ended], bodies=bodies)

    control_client.run(work)


@click.command(short_help="Show how much you have revealed.")
@as_json
def ledger(*, is_json: bool) -> None:
    """Show how much you have revealed so far, at most, and what may still be revealed: budgets that never renew."""

    async def work(control: Control) -> None:
        found = await control.ledger()
        if is_json:
            printing.emit(found)
            return
        page = printing.Page()
        if found:
            page.table(("HOST", "OF", "IN", "SPENT", "RESERVED", "CAP"), [_entry(one) for one in found])
            for one in found:
                if one["text"] and not one["year"]:
                    page.gap()
                    page.say(f"About {one['source']}:" if one["source"] else f"Told to {one['host']}:", "bold")
                    page.say(one["text"])
        else:
            page.say("The ledger is empty: no answer is recorded in it, and nothing is reserved.")

    control_client.run(work)


@click.command(short_help="Erase what was not yet sent, and the history.")
@click.argument("app", default="")
@click.option("--all", "is_all", is_flag=True, help="Of all applications.")
@unasked
@as_json
def erase(app: str, *, is_all: bool, yes: bool, is_json: bool) -> None:
    """Erase what was collected for APP, or for all, and not yet sent; and the history of what was sent.

    Your consent stays as it is. A question whose answer is erased is not asked again. With --json: the questions afterwards, as
    `show` prints them.
    """
    if bool(app) is is_all:
        raise click.UsageError("Name an application, or give --all.")
    confirm(f"Erase what was collected and not sent, and the history of what was sent, for {app or 'all applications'}?", is_agreed=yes)

    async def work(control: Control) -> None:
        await control.erase(app)
        now = await control.questions(app)
        if is_json:
            printing.emit(now)
            return
        page = printing.Page()
        page.say("Erased.")
        if now:
            standings_page(page, now)

    control_client.run(work)


@click.command(short_help="Forget an application that is not installed.")
@click.argument("app")
@unasked
@as_json
def forget(app: str, *, yes: bool, is_json: bool) -> None:
    """Forget APP, which registered itself or is gone: withdraw everything from it, and drop what is kept of it.

    What was collected and not sent is erased; its manifest, its levels and what you accepted go. Your refusals stay, and a question
    that is over stays over. The history stays too: see `erase`. An installed application cannot be forgotten: uninstall it, or refuse
    its questions. With --json: the applications that are left, as `list` prints them.
    """
    confirm(f"Withdraw everything from {app}, and forget it?", is_agreed=yes)

    async def work(control: Control) -> None:
        await control.forget(app)
        if is_json:
            printing.emit(await control.applications())
        else:
            printing.Page().say("Forgotten. If it runs and registers again, you decide on its questions anew.")

    control_client.run(work)


def _first_day(text: str) -> date:
    if re.fullmatch(r"\d{1,5}", text, re.ASCII):
        return datetime.now(UTC).date() - timedelta(days=int(text))
    return date.fromisoformat(text)


def show(reports: list[Shown], ended: Sequence[Shown] = (), *, bodies: bool) -> None:
    """Reports for a person: a table, or each with everything that it said; then why the questions that `ended` did."""
    page = printing.Page()
    if not reports:
        page.say("No report was made.")
    elif not bodies:
        history_page(page, reports)
    for index, report in enumerate(reports if bodies else []):
        if index:
            page.gap()
        report_page(page, report)
    if ended:
        page.gap()
        standings_page(page, ended)


def _entry(one: Shown) -> tuple[str, ...]:
    span = str(one["year"]) if one["year"] else "life"
    return one["host"], one["source"] or "everything", span, *(f"{one[key]:g}" for key in ("spent", "reserved", "cap"))
