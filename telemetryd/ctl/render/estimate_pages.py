"""The findings of `estimate` as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.analysis.number_words import answer_text, percent, population_text, share_title, slope, trend_sentence
from telemetryd.analysis.terminal import LEGEND, drawing, heads_of, interval_heads
from telemetryd.core.declared_words import translated_word
from telemetryd.core.definition import PeriodKind
from telemetryd.core.privacy.admissibility import grouped
from telemetryd.core.translation import counted, decimal, mark, mark_plural
from telemetryd.ctl.render.line_breaks import width
from telemetryd.ctl.render.printing import Page
from telemetryd.ctl.render.value_words import join_with_commas
from telemetryd.ctl.safe_text import END, LEFT_TO_RIGHT

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.analysis.question_findings import Findings, ShareFinding, Users
    from telemetryd.analysis.received import Lines, Received, ReportGroup
    from telemetryd.analysis.shares import Estimate
    from telemetryd.core.translation import Words

_PERIODS = {
    PeriodKind.DAY: mark_plural("{number} day", "{number} days"),
    PeriodKind.WEEK: mark_plural("{number} week", "{number} weeks"),
    PeriodKind.MONTH: mark_plural("{number} month", "{number} months"),
}
_WITH_SAMPLE = {
    PeriodKind.DAY: mark("{users} of them had a sample in their day"),
    PeriodKind.WEEK: mark("{users} of them had a sample in their week"),
    PeriodKind.MONTH: mark("{users} of them had a sample in their month"),
}
_LINES_NAMED = 10
"""Most line numbers that are printed for a file; JSON has all."""


def page(received: Received, findings: Sequence[Findings], uncountable: Sequence[ReportGroup]) -> None:
    """Print the files, then each question with its tables and drawings."""
    page = Page()
    words = page.language.words
    for lines in received.files:
        page.say(_file(lines, words))
    for group in uncountable:
        page.gap()
        page.say(_heading(group, words), "bold")
        page.say(words.gettext("More different answers were reported than a question can have: give its --manifest."))
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


def _file(lines: Lines, words: Words) -> str:
    _, number = words.gettext, len(lines.accepted)
    reports = words.ngettext("{number} report", "{number} reports", number).format(number=grouped(number, words))
    parts = [_("{name}: {text}").format(name=lines.name, text=reports)]
    if lines.repeated:
        parts.append(_("{number} delivered again, dropped").format(number=len(lines.repeated)))
    if lines.broken:
        text = _("{number} not a report ({lines})")
        parts.append(text.format(number=len(lines.broken), lines=_line_numbers(lines.broken, words)))
    if lines.unfit:
        text = _("{number} against the definition or the calendar ({lines})")
        parts.append(text.format(number=len(lines.unfit), lines=_line_numbers(lines.unfit, words)))
    if lines.tests:
        text = words.ngettext(
            "{number} test report, not counted ({lines})", "{number} test reports, not counted ({lines})", len(lines.tests)
        )
        parts.append(text.format(number=len(lines.tests), lines=_line_numbers(lines.tests, words)))
    return words.pgettext("between answers", "; ").join(parts)


def _line_numbers(lines: Sequence[int], words: Words) -> str:
    numbers = join_with_commas(map(str, lines[:_LINES_NAMED]), words)
    text = words.ngettext("line {numbers}", "lines {numbers}", len(lines)).format(numbers=numbers)
    return f"{text} …" if len(lines) > _LINES_NAMED else text


def _heading(group: ReportGroup, words: Words) -> str:
    text = words.gettext("{application} {question}, revision {revision}")
    return text.format(application=group.application, question=group.question, revision=group.revision)


def _question(page: Page, finding: Findings) -> None:
    words, unit = page.language.words, finding.question.group.kind
    _ = words.gettext
    page.say(_heading(finding.question.group, words), "bold")
    page.facts(_facts(finding, words))
    page.gap()
    slope_head = _("POINTS/{period}").format(period=translated_word(unit, words).upper())
    error, low, high = _("± SE"), *interval_heads(words)
    heads = (_("ANSWER"), _("AMONG"), _("SHARE %"), error, low, high, slope_head, error, low, high)
    rows = [
        (answer_text(share.column), population_text(share.column, words), *_share_cells(share.overall, words), *_trend_cells(share, words))
        for share in finding.shares
    ]
    kept = [column for column in range(len(heads)) if column != 1 or any(row[1] for row in rows)]
    page.table([heads[column] for column in kept], [[row[column] for column in kept] for row in rows])
    if finding.users:
        page.gap()
        users = zip(finding.periods, finding.users.by_period, strict=True)
        rows_of_users = [(period.label, str(period.reports), *_number_cells(estimate, words)) for period, estimate in users]
        page.table((_("PERIOD"), _("REPORTS"), _("USERS"), error, low, high), rows_of_users)
    for share in finding.shares:
        page.gap()
        page.say(page.language.apart(share_title(share.column, words)), "bold")
        if share.trend:
            page.say(trend_sentence(share.trend, unit, words))
        titles = [page.language.apart(head) for head in heads_of(words)]
        for line in drawing(share, finding.periods, heads=titles, width=width, words=words):
            page.verbatim(f"{LEFT_TO_RIGHT}{line}{END}" if page.language.is_right_to_left else line)
    page.gap()
    page.say(_(LEGEND))


def _facts(finding: Findings, words: Words) -> Iterator[tuple[str, str]]:
    _, group, layout = words.gettext, finding.question.group, finding.question.layout
    first, last = finding.periods[0].label, finding.periods[-1].label
    periods = _("{low} to {high}").format(low=first, high=last) if len(finding.periods) > 1 else first
    count = counted(_PERIODS[group.kind], len(finding.periods), words)
    yield _("reports"), _("{number} from {count}, {periods}").format(number=grouped(finding.reports, words), count=count, periods=periods)
    if group.epsilon is None:
        yield _("noise"), _("none: every answer arrives as it was")
    else:
        truth, lie = (decimal(f"{100 * float(part):.2f}", words) + "\N{NO-BREAK SPACE}%" for part in finding.channel)
        text = _("ε {epsilon}, {cells} answers: an answer arrives as it was with {truth}, and as each of the others with {lie}")
        yield _("noise"), text.format(epsilon=decimal(f"{group.epsilon:g}", words), cells=layout.cells, truth=truth, lie=lie)
    if finding.users:
        yield from _user_facts(finding, finding.users, words)
    else:
        yield (
            _("caution"),
            _("no manifest given declares this revision: if there are answers that nobody reported, the shares are wrong"),
        )


def _user_facts(finding: Findings, users: Users, words: Words) -> Iterator[tuple[str, str]]:
    _, kind = words.gettext, finding.question.group.kind
    reports = words.ngettext("{number} report", "{number} reports", finding.reports).format(number=grouped(finding.reports, words))
    seen = _("{number} of {count}").format(number=users.seen, count=counted(_PERIODS[kind], users.draws, words))
    share = _("share {share}").format(share=decimal(f"{users.probability * users.draws:g}", words))
    text = _("{users} consented at a time: {terms}")
    yield _("users"), text.format(users=_interval(users.consenting, words), terms=f"{reports} / ({seen}) / {share}")
    if users.with_sample:
        yield "", _(_WITH_SAMPLE[kind]).format(users=_interval(users.with_sample, words))


def _interval(estimate: Estimate, words: Words) -> str:
    value, low, high = (grouped(round(part), words) for part in (estimate.value, estimate.low, estimate.high))
    return words.gettext("{value} ({low} to {high})").format(value=value, low=low, high=high)


def _share_cells(estimate: Estimate | None, words: Words) -> tuple[str, ...]:
    return tuple(decimal(percent(part), words) for part in estimate) if estimate else ("?", "", "", "")


def _trend_cells(share: ShareFinding, words: Words) -> tuple[str, ...]:
    if share.trend is None:
        return "", "", "", ""
    value, error, low, high = share.trend.slope
    return tuple(decimal(text, words) for text in (slope(value), slope(error).removeprefix("+"), slope(low), slope(high)))


def _number_cells(estimate: Estimate, words: Words) -> tuple[str, ...]:
    return tuple(grouped(round(part), words) for part in estimate)


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
