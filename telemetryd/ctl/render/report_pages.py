"""Pages about reports: the history, one report with its bytes, the preview, and the ledger of what they revealed. Policy: T1, T2."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from telemetryd.core.privacy.odds import Revealed, sentences
from telemetryd.core.translation import decimal, mark
from telemetryd.ctl.render.pages import labelled_rows, standings_page
from telemetryd.ctl.render.reasons import error_text
from telemetryd.ctl.render.value_words import day, join_with_and, outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.core.translation import Words
    from telemetryd.ctl.control_client import ControlDict
    from telemetryd.ctl.render.printing import Page, Row

_FATES = {
    **dict.fromkeys(("accepted", "answered", "suspended", "rejected"), mark("{number} sent")),
    "unknown": mark("{number} perhaps sent"),
    **dict.fromkeys(("dropped", "erased"), mark("{number} not sent")),
    "queued": mark("{number} waiting to be sent"),
}
"""Outcomes of reports, as they are counted."""


def reports_page(page: Page, reports: Sequence[ControlDict], ended: Sequence[ControlDict], *, bodies: bool) -> None:
    """A table of reports, or each with its bytes; then the states of the questions that `ended`."""
    if reports and not bodies:
        history_page(page, reports)
    for index, report in enumerate(reports if bodies else []):
        if index:
            page.gap()
        report_page(page, report)
    if ended:
        page.gap()
        standings_page(page, ended)


def history_page(page: Page, reports: Sequence[ControlDict]) -> None:
    """One line for each report."""
    _ = page.language.words.gettext
    heads = (_("QUESTION"), _("SENT"), _("TO"), _("PERIOD"), _("OUTCOME"))
    page.table(heads, [_report_row(report, page.language.words) for report in reports], texts=(4,), below=(4,))


def report_page(page: Page, report: ControlDict) -> None:
    """One report with all headers and bytes that were or will be sent."""
    words = page.language.words
    _ = words.gettext
    page.say(_("{name}, {period}").format(name=f"{report['application']}/{report['question']}", period=report["period"]), "bold")
    page.facts(
        [
            (_("outcome"), outcome(report, words)),
            (_("made"), day(report["created"], words)),
            *_sending_rows(report, words),
            (_("to"), report["endpoint"] or _("Not sent anywhere: this system has no server for this vendor.")),
            *((_first_label(_("headers"), index), f"{name}: {value}") for index, (name, value) in enumerate(report["headers"])),
        ]
    )
    _body(page, report["body"])


def missing_page(page: Page, made: int, outcomes: Sequence[str], *, erased: int) -> None:
    """What became of the reports that were made, if the list does not have them all. `outcomes` are those of the questions.

    `erased` is the beginning of the day on which the user last emptied the list, or 0.
    """
    words = page.language.words
    _ = words.gettext
    counts = Counter(_FATES[outcome] for outcome in outcomes if outcome in _FATES)
    known = [_(fate).format(number=counts[fate]) for fate in dict.fromkeys(_FATES.values()) if counts[fate]]
    lost = made - sum(counts.values())
    if lost > 0:
        known.append(_("{number} of which nothing more is known").format(number=lost))
    page.say(_("Reports leave this list after a year, or when you erase it."))
    if erased:
        page.say(_("You last erased the whole list on {day}.").format(day=day(erased, words)))
    text = words.ngettext("The ledger counts {number} report in all: {fates}.", "The ledger counts {number} reports in all: {fates}.", made)
    page.say(text.format(number=made, fates=join_with_and(known, words)))


def preview_page(page: Page, reports: Sequence[Sequence[str]]) -> None:
    """The reports that would be sent, as (application/question, URL, body), in the user's language. The page says what is not final."""
    from telemetryd.core.answers.report import BLANK_NONCE  # noqa: PLC0415 - no other page needs this module

    _ = page.language.words.gettext
    if not reports:
        page.say(_("Nothing would be sent: no question is collecting, and no report waits."))
    for index, (question, url, text) in enumerate(reports):
        if index:
            page.gap()
        page.say(page.language.apart(question), "bold")
        page.say(_("to {url}").format(url=url) if url else _("Not sent anywhere: this system has no server for this vendor."))
        if f'"nonce":"{BLANK_NONCE}"' in text:
            page.say(_("Not final: the noise and a random number are added before it is sent."))
        else:
            page.say(_("waits, and will be sent exactly so"))
        _body(page, text)


def _body(page: Page, text: str) -> None:
    """A report's bytes; the padding is counted instead of printed."""
    _ = page.language.words.gettext
    content = text.rstrip(" ")
    if content:
        page.verbatim(content)
    else:
        page.say(_("(no body is kept)"))
    if len(text) > len(content):
        filling = _("(and {number} blanks that fill it up to {size} bytes)")
        page.say(filling.format(number=len(text) - len(content), size=len(text.encode())))


def ledger_page(page: Page, budgets: Sequence[ControlDict]) -> None:
    """A line for each budget, then what those that never renew mean."""
    words = page.language.words
    _ = words.gettext
    heads = (_("TO"), _("ABOUT"), _("IN"), _("ANSWERS"), _("USED"), _("PROMISED"), _("LIMIT"))
    page.table(heads, [_ledger_row(budget, words) for budget in budgets], texts=(1,))
    for budget in budgets:
        text = _meaning(budget, words)
        if text and not budget["year"]:
            page.gap()
            page.say(_ledger_heading(budget, words), "bold")
            page.say(text)


def _meaning(budget: ControlDict, words: Words) -> str:
    """What a line of the ledger means; the service's own sentences if it does not say what they are made from."""
    if "largest" not in budget:
        return str(budget["text"])
    revealed = Revealed(budget["spent"], budget["reserved"], budget["largest"], budget["charges"], budget["application"])
    return sentences(revealed, words)


def _ledger_row(budget: ControlDict, words: Words) -> tuple[str, ...]:
    _ = words.gettext
    span = str(budget["year"]) if budget["year"] else _("ever")
    about = _("use of {application}").format(application=budget["application"]) if budget["application"] else budget["source"]
    spent, reserved, cap = (decimal(f"{budget[key]:g}", words) for key in ("spent", "reserved", "cap"))
    limit = cap if budget["capped"] else "-"
    return budget["host"] or "-", about or _("all answers"), span, str(budget["answers"]), spent, reserved, limit


def _ledger_heading(budget: ControlDict, words: Words) -> str:
    _ = words.gettext
    if budget["application"]:
        return _("That you use {application}:").format(application=budget["application"])
    if budget["source"]:
        return _("About {source}:").format(source=budget["source"])
    promised = _("To be told to {vendor}:") if not budget["spent"] else _("Told to {vendor}:")
    both = _("{name} ({id})").format(name=budget["vendor_name"], id=budget["host"])
    return promised.format(vendor=both if budget["vendor_name"] else budget["host"])


def _report_row(report: ControlDict, words: Words) -> tuple[str, ...]:
    name = f"{report['application']}/{report['question']}"
    sent = day(report["sent"], words) if report["sent"] else "-"
    return name, sent, urlsplit(report["endpoint"]).hostname or "-", report["period"], _fate(report, words)


def _fate(report: ControlDict, words: Words) -> str:
    """What became of a report, with the error if that says more than the status."""
    text, error = outcome(report, words), report["error"]
    is_told = error and error != "status"
    return words.gettext("{name}: {text}").format(name=text, text=error_text(error, words)) if is_told else text


def _sending_rows(report: ControlDict, words: Words) -> Iterator[Row]:
    """When the report was sent, or until when it waits; why it was not accepted, and each day on which a try reached nobody."""
    _ = words.gettext
    if report["outcome"] == "queued":
        # `due_until` is the moment at which the last day is over.
        yield _("sent"), _("not yet; after {date} it is deleted unsent").format(date=day(report["due_until"] - 1, words))
    else:
        yield _("sent"), day(report["sent"], words)
    if report["error"] not in {"", "status"}:  # the outcome has the status
        yield _("error"), error_text(report["error"], words)
    tries = [_("{name}: {text}").format(name=day(tried, words), text=error_text(error, words)) for tried, error in report.get("tries", ())]
    yield from labelled_rows(_("tried"), tries)


def _first_label(label: str, index: int) -> str:
    return "" if index else label
