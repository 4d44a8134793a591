"""Makes a first manifest from a few answers, with one source and one question, for `telemetryctl new`. Policy: M1, M2, M4.

Samples replace missing answers. `lint` has no findings about the samples, so every finding concerns a given answer.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.authoring.linter.findings_of import lint
from telemetryd.core.answers.period import DAY, period_at
from telemetryd.core.definition import PeriodKind, SourceType

if TYPE_CHECKING:
    from telemetryd.authoring.linter.finding import Fault

_EPOCH = date(1970, 1, 1)
_HALF_YEAR = {PeriodKind.DAY: 60, PeriodKind.WEEK: 26, PeriodKind.MONTH: 6}
"""The default number of periods of a question: half a year, or two months of days. That is enough for most questions."""


class Draft(NamedTuple):
    """The answers as texts; lists have spaces or commas between their entries."""

    id: str = "org.example.Editor"
    name: str = "Editor"
    vendor: str = "example"
    contact: str = "https://example.org/privacy"
    type: str = "number"
    source: str = "first-window"
    description: str = "Time from process start to the first window"
    unit: str = ""
    bins: str = "500 2000"
    values: str = "left right"
    question: str = "to-be-answered"
    purpose: str = "How long do people wait at the start?"
    decision: str = "Whether the last session is restored lazily"
    category: str = "usage"
    detail: str = "basic"
    period: str = "week"
    starts: str = ""
    ends: str = ""


def suggest_dates(kind: PeriodKind, today: date) -> tuple[date, date]:
    """(starts, ends) of a question: from the first period that begins after `today`, for `_HALF_YEAR` periods."""
    start = end = period_at(kind, (today - _EPOCH).days * DAY).end
    for _ in range(_HALF_YEAR[kind]):
        end = period_at(kind, end).end
    return _EPOCH + timedelta(seconds=start), _EPOCH + timedelta(seconds=end - DAY)


def complaints(draft: Draft, today: date) -> list[Fault]:
    """The findings about the answers so far."""
    return [finding.fault for finding in lint(compose(draft, today), today)]


def compose(draft: Draft, today: date) -> str:
    """The text of the manifest."""
    before = date.fromisoformat(draft.starts) - timedelta(days=1) if draft.starts else today
    starts, ends = suggest_dates(PeriodKind(draft.period), before)
    return f"""\
schema = 1

[application]
id = {_quote(draft.id)}
name = {_quote(draft.name)}
vendor = {_quote(draft.vendor)}    # whose server the answers go to: an endpoint that the distribution or administrator configured
contact = {_quote(draft.contact)}

[[source]]
id = {_quote(draft.source)}    # what the program pushes to
type = {_quote(draft.type)}
description = {_quote(draft.description)}
{_bins(draft)}
[[question]]
id = {_quote(draft.question)}
purpose = {_quote(draft.purpose)}
decision = {_quote(draft.decision)}
category = {_quote(draft.category)}    # system, or usage: the axis of consent that it falls under
detail = {_quote(draft.detail)}    # basic or detailed: the level that a user must have chosen
sources = [{_quote(draft.source)}]    # further ones in the same question are a correlation
period = {_quote(draft.period)}    # one answer covers a calendar day, week or month (UTC)
starts = {draft.starts or starts}
ends = {draft.ends or ends}    # at most a year later
"""


def _bins(draft: Draft) -> str:
    """The lines of the keys that depend on the type of the source."""
    match draft.type:
        case SourceType.CHOICE:
            return f"values = [{', '.join(map(_quote, _entries(draft.values)))}]    # anything else becomes other\n"
        case SourceType.NUMBER | SourceType.COUNT:
            unit = f"unit = {_quote(draft.unit)}\n" if draft.unit else ""
            return f"{unit}bins = [{', '.join(map(_number, _entries(draft.bins)))}]    # two edges make three bins\n"
        case _:
            return ""


def _entries(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _number(text: str) -> str:
    """A TOML number; anything else becomes a text, which `lint` then reports."""
    for kind in (int, float):
        try:
            return repr(kind(text))
        except ValueError:
            continue
    return _quote(text)


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
