"""Queue and history in one table: a row is written before the report is sent, completed after, and kept for a year. Policy: T2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from telemetryd.core.limits import HISTORY_S
from telemetryd.engine.ports import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from telemetryd.core.definition import Key
    from telemetryd.engine.ports import ReportSelection
    from telemetryd.store.database import Database

_TICK_COLUMNS = "seen, since, passed_s, moment_s, is_done, today, before, earlier, late_day"
"""The fields of `ticks.Ticks`, and the day of the last late report."""

_COLUMNS = ", ".join(StoredReport._fields)
_WITHOUT_TIMES = "started = started / 86400 * 86400, slot = 0, created = created / 86400 * 86400"
"""Leaves the days of an ended report, so that a seized disk cannot be matched with a server's table. Policy: A2."""

_WHERE_QUEUED = "WHERE id = ? AND outcome = 'queued' AND body = ?"
"""The row of a report that still waits. Ids are reused, and an attempt may end in a process that did not see it: so the body counts too."""

_LAST_ID = (1 << 63) - 1
_ROWS = 32
"""Rows of the history per read: some 50 KB, in half a millisecond."""
_ROWS_DROPPED = 256
"""Rows of the history per erasure, in 5 ms."""


class Reports:
    """The table of reports. A change survives a power cut after a sync."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, report: StoredReport) -> None:
        """Add a report to the queue and erase its tallies, in one transaction."""
        values = (None, *report[1:7], json.dumps(report.headers), *report[8:-1], json.dumps(report.tries))
        marks = ", ".join("?" * len(values))
        with self._database.change() as connection:
            connection.execute(f"INSERT INTO report VALUES ({marks})", values)  # noqa: S608 - only question marks
            connection.execute(
                "DELETE FROM tally WHERE application = ? AND question = ? AND period = ?",
                (report.application, report.question, report.period),
            )

    def queue(self) -> list[StoredReport]:
        """The reports that wait."""
        return self._select("WHERE outcome = 'queued' ORDER BY id", ())

    def is_queued(self, body: bytes) -> bool:
        """Whether a report of exactly these bytes waits."""
        return bool(self._database.read("SELECT 1 FROM report WHERE outcome = 'queued' AND body = ?", (body,)))

    def history(self, since: int, limit: int) -> list[StoredReport]:
        """The newest `limit` reports created at or after `since`, newest first."""
        return self._select("WHERE created >= ? ORDER BY id DESC LIMIT ?", (since, limit))

    def latest(self, since: int) -> Iterator[StoredReport]:
        """As `history` without a limit. Rows are read a few at a time, and the table may change between two reads."""
        ((oldest,),) = self._database.read("SELECT min(id) FROM report INDEXED BY report_created WHERE created >= ?", (since,))
        before = _LAST_ID
        while oldest is not None and before >= oldest:
            rows = self._select("WHERE created >= ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?", (since, oldest, before, _ROWS))
            yield from rows
            before = rows[-1].id - 1 if rows else 0

    def select(self, selection: ReportSelection) -> Iterator[StoredReport]:
        """The reports of a selection, newest first. As `latest`, rows are read a few at a time."""
        left, before = selection.limit, selection.before
        while left > 0:
            ids = self._ids(selection._replace(limit=left, before=before))
            for first in range(0, len(ids), _ROWS):
                few = ids[first : first + _ROWS]
                rows = self._select(f"WHERE id IN ({', '.join('?' * len(few))}) ORDER BY id DESC", few)
                left -= len(rows)
                yield from rows
            if not ids:
                return
            before = ids[-1]  # if rows were erased meanwhile, others come instead of them

    def _ids(self, selection: ReportSelection) -> list[int]:
        """The ids of a selection. A narrowed one reads an index alone, in 3 ms of ten thousand reports."""
        chosen = {"application": selection.application, "question": selection.question}
        columns = [column for column, value in chosen.items() if value]
        outcomes = f"outcome IN ({', '.join('?' * len(selection.outcomes))})" if selection.outcomes else "1"
        is_narrow = bool(selection.since or selection.outcomes or columns)
        table, before = ("report INDEXED BY report_question", "+id < ?") if is_narrow else ("report", "id < ?")
        where = " AND ".join([before, "created >= ?", outcomes, *(f"{column} = ?" for column in columns)])
        values = (selection.before, selection.since, *selection.outcomes, *(chosen[column] for column in columns), selection.limit)
        sql = f"SELECT id FROM {table} WHERE {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - fixed texts and question marks
        return [number for (number,) in self._database.read(sql, values)]

    def newest(self, key: Key, period: str = "") -> StoredReport | None:
        """The newest report of a question, of one period or of any ("")."""
        sql = "WHERE application = ? AND question = ? AND ? IN ('', period) ORDER BY id DESC LIMIT 1"
        reports = self._select(sql, (*key, period))
        return reports[0] if reports else None

    def applications(self) -> list[str]:
        """Every application with a report, queued or ended."""
        return [application for (application,) in self._database.read("SELECT DISTINCT application FROM report")]

    def questions(self, application: str) -> list[str]:
        """The questions of an application with a report, queued or ended."""
        sql = "SELECT DISTINCT question FROM report WHERE application = ?"
        return [question for (question,) in self._database.read(sql, (application,))]

    def start(self, report: StoredReport) -> bool:
        """Store that the report's attempt begins at its `started`, before any byte is sent. False if another one had begun."""
        with self._database.change() as connection:
            sql = f"UPDATE report SET url = ?, headers = ?, started = ? {_WHERE_QUEUED} AND started = 0"  # noqa: S608 - fixed texts
            values = (report.url, json.dumps(report.headers), report.started, report.id, report.body)
            return connection.execute(sql, values).rowcount == 1

    def held(self) -> list[tuple[str, str]]:
        """(vendor, hindrance) of the reports that wait because they reached nobody."""
        rows = self._database.read("SELECT DISTINCT vendor, held FROM report WHERE outcome = 'queued' AND held != '' ORDER BY 1, 2")
        return [(vendor, word) for vendor, word in rows]

    def hold(self, report: StoredReport) -> None:
        """Store that nothing of the report left: its `slot`, `held` and `tries`. It waits for that slot."""
        with self._database.change() as connection:
            sql = f"UPDATE report SET started = 0, slot = ?, held = ?, tries = ? {_WHERE_QUEUED}"  # noqa: S608 - fixed texts
            connection.execute(sql, (report.slot, report.held, json.dumps(report.tries), report.id, report.body))

    def finish(self, report: StoredReport, *, body: bytes) -> bool:
        """Store the report's final `outcome`, `status` and `held`. `body` has a blank nonce, and times are cut to the day.

        False if the row was erased in the meantime: then it stays erased.
        """
        with self._database.change() as connection:
            sql = f"UPDATE report SET outcome = ?, held = ?, status = ?, body = ?, {_WITHOUT_TIMES} {_WHERE_QUEUED}"  # noqa: S608 - fixed texts
            values = (report.outcome, report.held, report.status, body, report.id, report.body)
            return connection.execute(sql, values).rowcount == 1

    def erase(self, keys: Iterable[Key]) -> None:
        """Erase the queued reports of questions. The history says if bytes may have been sent."""
        with self._database.change() as connection:
            connection.executemany(
                "UPDATE report SET outcome = iif(started > 0, 'unknown', 'erased'), "  # noqa: S608 - fixed texts
                f"body = x'', headers = '[]', held = '', tries = '[]', {_WITHOUT_TIMES} "
                "WHERE application = ? AND question = ? AND outcome = 'queued'",
                list(keys),
            )

    def has_history(self) -> bool:
        """Whether there is a report that does not wait."""
        return bool(self._database.read("SELECT 1 FROM report WHERE outcome != 'queued' LIMIT 1"))

    def forget(self, application: str) -> bool:
        """Erase some of the history of an application, or of all (""). True if there may be more."""
        return self._drop("application = ?", application) if application else self._drop("1")

    def prune(self, now: int) -> bool:
        """Drop some of the rows older than a year. True if there may be more."""
        oldest = now - HISTORY_S
        is_any = self._database.read("SELECT 1 FROM report WHERE created < ? AND outcome != 'queued' LIMIT 1", (oldest,))
        return bool(is_any) and self._drop("created < ?", oldest)

    def _drop(self, condition: str, *values: str | int) -> bool:
        """Drop a few rows, because each is overwritten while the loop waits. True if there may be more."""
        ids = f"SELECT id FROM report WHERE outcome != 'queued' AND {condition} LIMIT {_ROWS_DROPPED}"  # noqa: S608 - fixed texts
        with self._database.change() as connection:
            return connection.execute(f"DELETE FROM report WHERE id IN ({ids})", values).rowcount == _ROWS_DROPPED  # noqa: S608 - the same

    def ticks(self) -> tuple[int, ...]:
        """The fields of the stored `ticks.Ticks` and the day of the last late report, or nothing."""
        return tuple(next(iter(self._database.read(f"SELECT {_TICK_COLUMNS} FROM tick")), ()))  # noqa: S608 - fixed texts

    def keep_ticks(self, ticks: Sequence[int]) -> None:
        """Store these fields. A power cut may undo the last change."""
        marks = ", ".join("?" * len(ticks))
        self._database.write(f"INSERT OR REPLACE INTO tick (id, {_TICK_COLUMNS}) VALUES (1, {marks})", tuple(map(int, ticks)))  # noqa: S608 - fixed texts

    def _select(self, clauses: str, values: Sequence[int | str]) -> list[StoredReport]:
        rows: list[Any] = self._database.read(f"SELECT {_COLUMNS} FROM report {clauses}", values)  # noqa: S608 - fixed texts
        return [StoredReport._make((*row[:7], _pairs(row[7]), *row[8:-1], _pairs(row[-1]))) for row in rows]


def _pairs(text: str) -> tuple[tuple[Any, Any], ...]:
    """The pairs of a stored list: headers, or tries."""
    return tuple((first, second) for first, second in json.loads(text))
