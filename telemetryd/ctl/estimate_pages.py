"""What `estimate` found, for people and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.analysis.number_words import given_of, percent, slope, title_of, trend_of
from telemetryd.analysis.terminal import LEGEND, drawing
from telemetryd.core.definition import Draw
from telemetryd.ctl.printing import Page
from telemetryd.ctl.value_words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Finding, Findings, Users
    from telemetryd.analysis.received import Asked, Lines, Received
    from telemetryd.analysis.shares import Estimate
    from telemetryd.analysis.trend import Trend

_LINES_NAMED = 10
"""Lines of a file that are named; JSON names all."""


def page(received: Received, found: Sequence[Findings], obscure: Sequence[Asked]) -> None:
    """Everything for a person: the files, then each question with its tables and drawings."""
    page = Page()
    for lines in received.files:
        page.say(_file(lines))
    for asked in obscure:
        page.gap()
        page.say(_heading(asked), "bold")
        page.say("More different answers were reported than a question can have: give its --manifest.")
    for one in found:
        page.gap()
        _question(page, one)


def plain(received: Received, found: Sequence[Findings], obscure: Sequence[Asked]) -> dict[str, Any]:
    """Everything as JSON values; an estimate is {value, standard_error, low, high}, or null where nothing can be said."""
    return {
        "files": [lines._asdict() | {"accepted": len(lines.accepted)} for lines in received.files],
        "obscure": [asked._asdict() for asked in obscure],
        "questions": [_plain_question(one) for one in found],
    }


def _file(lines: Lines) -> str:
    parts = [f"{lines.name}: {counted(len(lines.accepted), 'report')}"]
    if lines.repeated:
        parts.append(f"{len(lines.repeated)} delivered again, dropped")
    if lines.broken:
        parts.append(f"{counted(len(lines.broken), 'line')} no report ({_named(lines.broken)})")
    if lines.unfit:
        parts.append(f"{len(lines.unfit)} against the definition or the calendar ({_named(lines.unfit)})")
    return "; ".join(parts)


def _named(lines: Sequence[int]) -> str:
    text = ("line " if len(lines) == 1 else "lines ") + ", ".join(map(str, lines[:_LINES_NAMED]))
    return f"{text} …" if len(lines) > _LINES_NAMED else text


def _heading(asked: Asked) -> str:
    return f"{asked.application} {asked.question}, revision {asked.revision}"


def _question(page: Page, found: Findings) -> None:
    page.say(_heading(found.question.asked), "bold")
    page.facts(_facts(found))
    page.gap()
    unit = found.question.asked.kind
    heads = ("ANSWER", "AMONG", "SHARE %", "± SE", "FROM", "TO", f"POINTS/{unit.upper()}", "± SE", "FROM", "TO")
    rows = [(*_names(one), *_cells(one.overall), *_slopes(one.trend)) for one in found.shares]
    kept = [place for place in range(len(heads)) if place != 1 or any(row[1] for row in rows)]
    page.table([heads[place] for place in kept], [[row[place] for place in kept] for row in rows])
    if found.users:
        page.gap()
        users = zip(found.periods, found.users.by_period, strict=True)
        rows_of_users = [(period.label, str(period.reports), *_numbers(one)) for period, one in users]
        page.table(("PERIOD", "REPORTS", "USERS", "± SE", "FROM", "TO"), rows_of_users)
    for one in found.shares:
        page.gap()
        page.say(title_of(one.column), "bold")
        if one.trend:
            page.say(trend_of(one.trend, unit))
        for line in drawing(one, found.periods):
            page.verbatim(line)
    page.gap()
    page.say(LEGEND)


def _facts(found: Findings) -> Iterator[tuple[str, str]]:
    asked, layout = found.question.asked, found.question.layout
    periods = f"{found.periods[0].label} to {found.periods[-1].label}" if len(found.periods) > 1 else found.periods[0].label
    yield "reports", f"{found.reports:,} from {counted(len(found.periods), asked.kind)}, {periods}"
    if asked.epsilon is None:
        yield "noise", "none: every answer arrives as it was"
    else:
        truth, lie = (f"{100 * float(part):.2f} %" for part in found.channel)
        yield "noise", f"ε {asked.epsilon}, {layout.cells} answers: one arrives as it was with {truth}, as each other one with {lie}"
    if found.users:
        yield from _said_users(found, found.users)
    else:
        yield "caution", "no manifest given declares this revision: if there are answers that nobody reported, the shares are wrong"


def _said_users(found: Findings, users: Users) -> Iterator[tuple[str, str]]:
    kind = found.question.asked.kind
    number = f"{users.consenting.value:,.0f} ({users.consenting.low:,.0f} to {users.consenting.high:,.0f})"
    if users.draw is Draw.UNIFORM:
        share = users.chance * users.draws
        terms = f"{found.reports:,} reports / ({users.seen} of {counted(users.draws, kind)}) / share {share:g}"
        yield "users", f"{number} consented at a time: {terms}"
    else:
        yield "users", f"{number} accepted just before these {kind}s: {found.reports:,} reports / share {users.chance:g}"
    if users.with_sample:
        sample = users.with_sample
        yield "", f"{sample.value:,.0f} ({sample.low:,.0f} to {sample.high:,.0f}) of them had a sample in their {kind}"


def _names(one: Finding) -> tuple[str, str]:
    among = given_of(one.column)
    return title_of(one.column).removesuffix(f", among {among}"), among


def _cells(one: Estimate | None) -> tuple[str, ...]:
    return tuple(map(percent, one)) if one else ("?", "", "", "")


def _slopes(one: Trend | None) -> tuple[str, ...]:
    if one is None:
        return "", "", "", ""
    value, error, low, high = one.slope
    return slope(value), slope(error).removeprefix("+"), slope(low), slope(high)


def _numbers(one: Estimate) -> tuple[str, ...]:
    return tuple(f"{part:,.0f}" for part in one)


def _plain_question(found: Findings) -> dict[str, Any]:
    asked, layout = found.question.asked, found.question.layout
    truth, lie = map(float, found.channel)
    return {
        **asked._asdict(),
        "is_declared": found.question.definition is not None,
        "sources": [{"id": name, "labels": labels} for name, labels in zip(layout.names, layout.labels, strict=True)],
        "cells": layout.cells,
        "truth": truth,
        "lie": lie,
        "reports": found.reports,
        "periods": [{"period": period.label, "reports": period.reports} for period in found.periods],
        "shares": [_plain_share(one) for one in found.shares],
        "users": _plain_users(found.users) if found.users else None,
    }


def _plain_share(one: Finding) -> dict[str, Any]:
    return {
        "answer": dict(one.column.answer),
        "given": dict(one.column.given),
        "is_answered": one.column.is_answered,
        "overall": _plain_estimate(one.overall),
        "by_period": [_plain_estimate(each) for each in one.by_period],
        "trend": {**one.trend.slope._asdict(), "fit": one.trend.fit} if one.trend else None,
    }


def _plain_users(users: Users) -> dict[str, Any]:
    return {
        "draw": users.draw,
        "draws": users.draws,
        "seen": users.seen,
        "chance": users.chance,
        "consenting": users.consenting._asdict(),
        "with_sample": _plain_estimate(users.with_sample),
        "by_period": [one._asdict() for one in users.by_period],
    }


def _plain_estimate(one: Estimate | None) -> dict[str, float] | None:
    return one._asdict() if one else None
