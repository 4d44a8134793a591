"""Reads the history in pages, in the client's thread: rows of reports, with the words of the questions that they answer. Without Qt."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.ctl.control_client import ReportFilter
from telemetryd.ctl.failures import Failure
from telemetryd.errors import UnknownApplicationError
from telemetryd.settings.reading.service_snapshot import OF_REPORT, QUEUED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from telemetryd.ctl.control_client import ControlClient
    from telemetryd.settings.reading.service_snapshot import Row

    Key = tuple[str, str]

_SHOWN = (*OF_REPORT, "body")
_NAMED = ("purpose", "translations")
_SINGLY_MAX = 8
"""Most applications whose questions are asked for one after the other. For more, one list of all takes less time."""
_DAY_S = 86_400
_YEAR_S = 360 * _DAY_S
"""Reports surely stay in the history for so long."""


class EmptyBecause(Enum):
    """Why no report is in a history although some were made."""

    ERASED = "the user erased it"
    LOST = "it is gone, though a report was sent too lately to be too old"
    OLD = "reports are kept for a year"


class ReadPage(NamedTuple):
    """Reports that are over, the newest first, what to read next (0: nothing), and the questions of applications that were not known."""

    rows: list[Row]
    following: int
    names: Mapping[Key, Row]
    applications: frozenset[str]
    """The applications whose questions are in `names`."""


class PageQuery(NamedTuple):
    """Which page: rows before a number (0: the newest), at most so many, and the applications whose questions are known already."""

    wanted: ReportFilter
    before: int
    limit: int
    known: Collection[str] = ()


async def read_page(control: ControlClient, query: PageQuery) -> ReadPage:
    """A page of the reports that are over. Each row has `answer`, what the report said, instead of its body. Raises `Failure`."""
    page, following = await control.history_page(query.before, query.limit, query.wanted._replace(keys=_SHOWN))
    rows = [_with_answer(row) for row in page if row["outcome"] != QUEUED]
    unknown = {row["application"] for row in rows} - set(query.known)
    questions = await _questions(control, unknown)
    return ReadPage(rows, following, {(row["application"], row["id"]): row for row in questions}, frozenset(unknown))


async def read_report(control: ControlClient, number: int) -> Row | None:
    """A report with its exact bytes, by the number of its row; None if it is in the history no more. Raises `Failure`."""
    rows, _ = await control.history_page(number + 1, 1, ReportFilter())
    return rows[0] if rows and rows[0]["id"] == number else None


async def last_sent(control: ControlClient) -> int:
    """The beginning of the day on which a report was last sent (Unix s), even if it is erased by now; 0: none. Raises `Failure`."""
    rows = await control.selected_questions(keys=("last_sent",))
    return max((int(row["last_sent"]) for row in rows), default=0)


def why_empty(last_sent: int, erased: int, now: float) -> EmptyBecause:
    """Why a history is empty, of which a report was last sent then. `erased` is the day on which an erasure emptied it, or 0."""
    if erased and last_sent < erased + _DAY_S:
        return EmptyBecause.ERASED
    return EmptyBecause.LOST if last_sent > now - _YEAR_S else EmptyBecause.OLD


def months_of(rows: Iterable[Row]) -> Counter[str]:
    """How many reports were sent in each month, as `2026-10`."""
    return Counter(datetime.fromtimestamp(row["sent"], UTC).strftime("%Y-%m") for row in rows if row["sent"] and row["outcome"] != QUEUED)


def answer_of(body: str) -> str:
    """What a report says, by its labels; "" if it cannot be read."""
    try:
        return ", ".join(json.loads(body)["answer"])
    except (ValueError, KeyError, TypeError):
        return ""


def _with_answer(row: Row) -> Row:
    return {**{key: value for key, value in row.items() if key != "body"}, "answer": answer_of(row["body"])}


async def _questions(control: ControlClient, applications: Collection[str]) -> list[Row]:
    if len(applications) > _SINGLY_MAX:
        return [row for row in await control.selected_questions(keys=_NAMED) if row["application"] in applications]
    return [row for name in sorted(applications) for row in await _questions_of(control, name)]


async def _questions_of(control: ControlClient, application: str) -> list[Row]:
    try:
        return await control.selected_questions(application, keys=_NAMED)
    except Failure as failure:
        if failure.name != UnknownApplicationError.bus_name:
            raise
        return []
