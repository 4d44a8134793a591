"""The findings of `estimate` as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.analysis.number_words import percent, population_text, share_title, slope, trend_sentence
from telemetryd.analysis.terminal import LEGEND, drawing
from telemetryd.ctl.render.printing import Page
from telemetryd.ctl.render.value_words import count_phrase

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Findings, ShareFinding, Users
    from telemetryd.analysis.received import Lines, Received, ReportGroup
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend

_LINES_NAMED = 10
"""Most line numbers that are printed for a file; JSON has all."""


def page(received: Received, findings: Sequence[Findings], uncountable: Sequence[ReportGroup]) -> None:
    """Print the files, then each question with its tables and drawings."""
    page = Page()
    for lines in received.files:
        page.say(_file(lines))
    for group in uncountable:
        page.gap()
        page.say(_heading(group), "bold")
        page.say("More different answers were reported than a question can have: give its --manifest.")
    for finding in findings:
        page.gap()
        _question(page, finding)


def json_value(received: Received, findings: Sequence[Findings], uncountable: Sequence[ReportGroup]) -> dict[str, Any]:
    """Everything as JSON values; an estimate is {value, standard_error, low, high}, or null if there is none."""
    return {
        "files": [lines._asdict() | {"accepted": len(lines.accepted)} for lines in received.files],
        "obscure": [group._asdict() for group in uncountable],
        "questions": [_json_question(finding) for finding in findings],
    }


def _file(lines: Lines) -> str:
    parts = [f"{lines.name}: {count_phrase(len(lines.accepted), 'report')}"]
    if lines.repeated:
        parts.append(f"{len(lines.repeated)} delivered again, dropped")
    if lines.broken:
        parts.append(f"{len(lines.broken)} not a report ({_line_numbers(lines.broken)})")
    if lines.unfit:
        parts.append(f"{len(lines.unfit)} against the definition or the calendar ({_line_numbers(lines.unfit)})")
    if lines.tests:
        parts.append(f"{count_phrase(len(lines.tests), 'test report')}, not counted ({_line_numbers(lines.tests)})")
    return "; ".join(parts)


def _line_numbers(lines: Sequence[int]) -> str:
    text = ("line " if len(lines) == 1 else "lines ") + ", ".join(map(str, lines[:_LINES_NAMED]))
    return f"{text} …" if len(lines) > _LINES_NAMED else text


def _heading(group: ReportGroup) -> str:
    return f"{group.application} {group.question}, revision {group.revision}"


def _question(page: Page, finding: Findings) -> None:
    page.say(_heading(finding.question.group), "bold")
    page.facts(_facts(finding))
    page.gap()
    unit = finding.question.group.kind
    heads = ("ANSWER", "AMONG", "SHARE %", "± SE", "FROM", "TO", f"POINTS/{unit.upper()}", "± SE", "FROM", "TO")
    rows = [(*_answer_and_population(share), *_share_cells(share.overall), *_trend_cells(share.trend)) for share in finding.shares]
    kept = [column for column in range(len(heads)) if column != 1 or any(row[1] for row in rows)]
    page.table([heads[column] for column in kept], [[row[column] for column in kept] for row in rows])
    if finding.users:
        page.gap()
        users = zip(finding.periods, finding.users.by_period, strict=True)
        rows_of_users = [(period.label, str(period.reports), *_number_cells(estimate)) for period, estimate in users]
        page.table(("PERIOD", "REPORTS", "USERS", "± SE", "FROM", "TO"), rows_of_users)
    for share in finding.shares:
        page.gap()
        page.say(share_title(share.column), "bold")
        if share.trend:
            page.say(trend_sentence(share.trend, unit))
        for line in drawing(share, finding.periods):
            page.verbatim(line)
    page.gap()
    page.say(LEGEND)


def _facts(finding: Findings) -> Iterator[tuple[str, str]]:
    group, layout = finding.question.group, finding.question.layout
    periods = f"{finding.periods[0].label} to {finding.periods[-1].label}" if len(finding.periods) > 1 else finding.periods[0].label
    yield "reports", f"{finding.reports:,} from {count_phrase(len(finding.periods), group.kind)}, {periods}"
    if group.epsilon is None:
        yield "noise", "none: every answer arrives as it was"
    else:
        truth, lie = (f"{100 * float(part):.2f} %" for part in finding.channel)
        yield "noise", f"ε {group.epsilon}, {layout.cells} answers: one arrives as it was with {truth}, as each other one with {lie}"
    if finding.users:
        yield from _user_facts(finding, finding.users)
    else:
        yield "caution", "no manifest given declares this revision: if there are answers that nobody reported, the shares are wrong"


def _user_facts(finding: Findings, users: Users) -> Iterator[tuple[str, str]]:
    kind = finding.question.group.kind
    number = f"{users.consenting.value:,.0f} ({users.consenting.low:,.0f} to {users.consenting.high:,.0f})"
    share = users.probability * users.draws
    terms = f"{finding.reports:,} reports / ({users.seen} of {count_phrase(users.draws, kind)}) / share {share:g}"
    yield "users", f"{number} consented at a time: {terms}"
    if users.with_sample:
        sample = users.with_sample
        yield "", f"{sample.value:,.0f} ({sample.low:,.0f} to {sample.high:,.0f}) of them had a sample in their {kind}"


def _answer_and_population(share: ShareFinding) -> tuple[str, str]:
    among = population_text(share.column)
    return share_title(share.column).removesuffix(f", among {among}"), among


def _share_cells(estimate: Estimate | None) -> tuple[str, ...]:
    return tuple(map(percent, estimate)) if estimate else ("?", "", "", "")


def _trend_cells(trend: Trend | None) -> tuple[str, ...]:
    if trend is None:
        return "", "", "", ""
    value, error, low, high = trend.slope
    return slope(value), slope(error).removeprefix("+"), slope(low), slope(high)


def _number_cells(estimate: Estimate) -> tuple[str, ...]:
    return tuple(f"{part:,.0f}" for part in estimate)


def _json_question(finding: Findings) -> dict[str, Any]:
    group, layout = finding.question.group, finding.question.layout
    truth, lie = map(float, finding.channel)
    return {
        **group._asdict(),
        "is_declared": finding.question.definition is not None,
        "sources": [{"id": name, "labels": labels} for name, labels in zip(layout.names, layout.labels, strict=True)],
        "cells": layout.cells,
        "truth": truth,
        "lie": lie,
        "reports": finding.reports,
        "periods": [{"period": period.label, "reports": period.reports} for period in finding.periods],
        "shares": [_json_share(share) for share in finding.shares],
        "users": _json_users(finding.users) if finding.users else None,
    }


def _json_share(share: ShareFinding) -> dict[str, Any]:
    return {
        "answer": dict(share.column.answer),
        "given": dict(share.column.given),
        "is_answered": share.column.is_answered,
        "overall": _json_estimate(share.overall),
        "by_period": [_json_estimate(estimate) for estimate in share.by_period],
        "trend": {**share.trend.slope._asdict(), "fit": share.trend.fit} if share.trend else None,
    }


def _json_users(users: Users) -> dict[str, Any]:
    return {
        "draws": users.draws,
        "seen": users.seen,
        "chance": users.probability,
        "consenting": users.consenting._asdict(),
        "with_sample": _json_estimate(users.with_sample),
        "by_period": [estimate._asdict() for estimate in users.by_period],
    }


def _json_estimate(estimate: Estimate | None) -> dict[str, float] | None:
    return estimate._asdict() if estimate else None
