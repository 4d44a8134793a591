"""The history as a file: JSON with everything, or CSV for a table. Without Qt. Policy: T1."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from telemetryd.settings.reading.history_reading import answer_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.settings.reading.service_snapshot import Row

_COLUMNS = (
    "id",
    "application",
    "question",
    "revision",
    "period",
    "endpoint",
    "vendor_name",
    "created",
    "sent",
    "outcome",
    "status",
    "error",
)
_DAYS = {"created", "sent"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings of a text that a spreadsheet takes for a formula."""


def as_json(rows: Sequence[Row]) -> str:
    """All keys of Control1, the exact bytes included."""
    return json.dumps(list(rows), indent=2, ensure_ascii=False) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """A line a report: what is not in its body, its answer, and the body. Days are dates in UTC, or empty."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*_COLUMNS, "answer", "body"])
    for row in rows:
        cells = [_day(row[name]) if name in _DAYS else row[name] for name in _COLUMNS]
        writer.writerow([_safe(str(cell)) for cell in (*cells, answer_of(row["body"]), row["body"].rstrip(" "))])
    return text.getvalue()


def _day(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).date().isoformat() if unix else ""


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
