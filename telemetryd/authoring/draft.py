"""A first manifest out of a few answers: one source, one question about it, as `telemetryctl new` writes it.

Before everything is answered, sample texts stand in, about which `lint` has nothing to say: whatever it finds is due to what was answered.
Policy: M1, M2, M4.
"""

from __future__ import annotations

import json
from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.authoring.linter.findings_of import lint
from telemetryd.core.definition import PeriodKind, SourceType
from telemetryd.core.period import DAY, period_at

if TYPE_CHECKING:
    from telemetryd.authoring.linter.finding import Fault

_EPOCH = date(1970, 1, 1)
_HALF_YEAR = {PeriodKind.DAY: 60, PeriodKind.WEEK: 26, PeriodKind.MONTH: 6}
"""Periods that a question is asked in, unless another end is given: half a year, of days two months, which do for most."""


class Draft(NamedTuple):
    """The answers; each is what stands in the manifest, lists as their entries with spaces or commas between."""

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


def suggested(kind: PeriodKind, today: date) -> tuple[date, date]:
    """When a question might be asked: from the first period that begins after a day, long enough for its answer."""
    start = end = period_at(kind, (today - _EPOCH).days * DAY).end
    for _ in range(_HALF_YEAR[kind]):
        end = period_at(kind, end).end
    return _EPOCH + timedelta(seconds=start), _EPOCH + timedelta(seconds=end - DAY)


def complaints(draft: Draft, today: date) -> list[Fault]:
    """What is wrong or doubtful with the answers so far."""
    return [found.fault for found in lint(compose(draft, today), today)]


def compose(draft: Draft, today: date) -> str:
    """The text of the manifest."""
    before = date.fromisoformat(draft.starts) - timedelta(days=1) if draft.starts else today
    starts, ends = suggested(PeriodKind(draft.period), before)
    return f"""\
schema = 1

[application]
id = {_text(draft.id)}
name = {_text(draft.name)}
vendor = {_text(draft.vendor)}    # whose server the answers go to: an endpoint that the distribution or administrator configured
contact = {_text(draft.contact)}

[[source]]
id = {_text(draft.source)}    # what the program pushes to
type = {_text(draft.type)}
description = {_text(draft.description)}
{_bins(draft)}
[[question]]
id = {_text(draft.question)}
purpose = {_text(draft.purpose)}
decision = {_text(draft.decision)}
category = {_text(draft.category)}    # system, or usage: the axis of consent that it falls under
detail = {_text(draft.detail)}    # basic or detailed: the level that a user must have chosen
sources = [{_text(draft.source)}]    # further ones in the same question are a correlation
period = {_text(draft.period)}    # one answer covers a calendar day, week or month (UTC)
starts = {draft.starts or starts}
ends = {draft.ends or ends}    # at most a year later
"""


def _bins(draft: Draft) -> str:
    """The keys that the type of the source has."""
    match draft.type:
        case SourceType.CHOICE:
            return f"values = [{', '.join(map(_text, _entries(draft.values)))}]    # anything else becomes other\n"
        case SourceType.NUMBER | SourceType.COUNT:
            unit = f"unit = {_text(draft.unit)}\n" if draft.unit else ""
            return f"{unit}bins = [{', '.join(map(_number, _entries(draft.bins)))}]    # edges: two are three bins\n"
        case _:
            return ""


def _entries(written: str) -> list[str]:
    return written.replace(",", " ").split()


def _number(written: str) -> str:
    """A number as TOML has it; anything else as a text, which `lint` then finds."""
    for kind in (int, float):
        try:
            return repr(kind(written))
        except ValueError:
            continue
    return _text(written)


def _text(written: str) -> str:
    return json.dumps(written, ensure_ascii=False)
