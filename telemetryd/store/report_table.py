"""Queue and history in one: a report's row is written before it is sent, completed after, and kept for a year. Policy: T2."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from telemetryd.engine.ports import StoredReport

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from telemetryd.engine.ports import Key
    from telemetryd.store.database import Database

_TICK = "seen, since, passed_s, moment_s, is_done, today, before, earlier, late_day"
"""The fields of `schedule.Ticks`, and the day of the last late report."""
_KEEP_DAYS = 366
"""Rows of the history go after a year."""

_COLUMNS = ", ".join(StoredReport._fields)
_BLURRED = "held = '', started = 0, not_before = 0, slot = 0, created = created / 86400 * 86400"
"""What is left of a report's times once it is over: nobody can match a seized disk with a server's table. Policy: A2."""

_STILL = "WHERE id = ? AND outcome = 'queued' AND body = ?"
"""The row of a report that still waits: ids are used again when rows go, and a try may end in a process that did not see that."""

_LAST_ID = (1 << 63) - 1
_ROWS = 32
"""Rows of the history that are read at once: some 50 KB, in half a millisecond."""
_ROWS_DROPPED = 256
"""Rows of the history that are erased at once, in 5 ms."""


class Reports:
    """All changes survive a power cut once they are synced."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, report: StoredReport) -> None:
        """One transaction: the report joins the queue, and the tallies that it was made of are erased."""
        values = (None, *report[1:7], json.dumps(report.headers), *report[8:])
        marks = ", ".join("?" * len(values))
        with self._database.change() as connection:
            connection.execute(f"INSERT INTO report VALUES ({marks})", values)  # noqa: S608 - only question marks
            connection.execute(
                "DELETE FROM tally WHERE application = ? AND question = ? AND period = ?",
                (report.application, report.question, report.period),
            )

    def queue(self) -> list[StoredReport]:
        """The reports that are still to be sent."""
        return self._select("WHERE outcome = 'queued' ORDER BY id", ())

    def is_queued(self, body: bytes) -> bool:
        """Whether a report of exactly these bytes is still to be sent."""
        return bool(self._database.read("SELECT 1 FROM report WHERE outcome = 'queued' AND body = ?", (body,)))

    def history(self, since: int, limit: int) -> list[StoredReport]:
        """The newest `limit` reports created at or after `since`, newest first."""
        return self._select("WHERE created >= ? ORDER BY id DESC LIMIT ?", (since, limit))

    def latest(self, since: int) -> Iterator[StoredReport]:
        """The same without a limit, a few rows at a time: whoever has enough stops, and others may change the table between two of them."""
        ((oldest,),) = self._database.read("SELECT min(id) FROM report INDEXED BY report_created WHERE created >= ?", (since,))
        before = _LAST_ID
        while oldest is not None and before >= oldest:
            rows = self._select("WHERE created >= ? AND id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?", (since, oldest, before, _ROWS))
            yield from rows
            before = rows[-1].id - 1 if rows else 0

    def newest(self, key: Key, period: str) -> StoredReport | None:
        """The report that was made last of a question and period."""
        found = self._select("WHERE application = ? AND question = ? AND period = ? ORDER BY id DESC LIMIT 1", (*key, period))
        return found[0] if found else None

    def applications(self) -> list[str]:
        """Every application of which there is a report, queued or over."""
        return [application for (application,) in self._database.read("SELECT DISTINCT application FROM report")]

    def questions(self, application: str) -> list[str]:
        """The questions of an application of which there is a report, queued or over."""
        sql = "SELECT DISTINCT question FROM report WHERE application = ?"
        return [question for (question,) in self._database.read(sql, (application,))]

    def last_sent(self, application: str) -> dict[str, int]:
        """Question → when the last report that a server took was made (Unix s, a day's beginning)."""
        sql = "SELECT question, max(created) FROM report WHERE application = ? AND outcome = 'accepted' GROUP BY question"
        return dict(self._database.read(sql, (application,)))

    def start(self, report: StoredReport, now: int, not_before: int) -> None:
        """A try begins: written before any byte leaves, with its address and headers, and the next one's moment if its outcome is lost."""
        with self._database.change() as connection:
            sql = """
                UPDATE report SET url = ?, headers = ?, tries = tries + 1, started = ?, not_before = ?
                WHERE id = ? AND outcome = 'queued'
            """
            connection.execute(sql, (report.url, json.dumps(report.headers), now, not_before, report.id))

    def postpone(self, report: StoredReport, not_before: int, status: int) -> None:
        """The try failed and another is possible."""
        with self._database.change() as connection:
            sql = f"UPDATE report SET started = 0, not_before = ?, status = ?, held = '' {_STILL}"  # noqa: S608 - fixed texts
            connection.execute(sql, (not_before, status, report.id, report.body))

    def held(self) -> list[tuple[str, str]]:
        """Of the reports that something of our own keeps here: whose they are (vendor), and what it is."""
        rows = self._database.read("SELECT DISTINCT vendor, held FROM report WHERE outcome = 'queued' AND held != '' ORDER BY 1, 2")
        return [(vendor, word) for vendor, word in rows]

    def hold(self, report: StoredReport, not_before: int, hindrance: str) -> None:
        """Something of our own was in the way: it was no try, and `report` is the row before it."""
        with self._database.change() as connection:
            sql = f"UPDATE report SET started = 0, tries = ?, not_before = ?, held = ? {_STILL}"  # noqa: S608 - fixed texts
            connection.execute(sql, (report.tries, not_before, hindrance, report.id, report.body))

    def finish(self, report: StoredReport, outcome: str, *, status: int, body: bytes) -> bool:
        """No try is possible any more; `body` is the report with its nonce blanked, and the time is cut to the day.

        False if the row was erased in the meantime: then it stays erased.
        """
        with self._database.change() as connection:
            cursor = connection.execute(
                f"UPDATE report SET outcome = ?, status = ?, body = ?, {_BLURRED} {_STILL}",  # noqa: S608 - fixed texts
                (outcome, status, body, report.id, report.body),
            )
            return cursor.rowcount == 1

    def erase(self, keys: Iterable[Key]) -> None:
        """Erase the queued reports of questions; where bytes may have left the history says so."""
        with self._database.change() as connection:
            connection.executemany(
                f"UPDATE report SET outcome = iif(tries > 0, 'unknown', 'erased'), body = x'', headers = '[]', {_BLURRED}"  # noqa: S608 - fixed texts
                " WHERE application = ? AND question = ? AND outcome = 'queued'",
                list(keys),
            )

    def forget(self, application: str) -> bool:
        """Erase some of the history of an application, or of all (""); True if there may be more."""
        return self._drop("application = ?", application) if application else self._drop("1")

    def prune(self, now: int) -> bool:
        """Drop some of the rows older than a year; True if there may be more."""
        oldest = now - _KEEP_DAYS * 86400
        is_any = self._database.read("SELECT 1 FROM report WHERE created < ? AND outcome != 'queued' LIMIT 1", (oldest,))
        return bool(is_any) and self._drop("created < ?", oldest)

    def _drop(self, which: str, *values: str | int) -> bool:
        """A few at a time: each row is overwritten, and the loop waits for it."""
        some = f"SELECT id FROM report WHERE outcome != 'queued' AND {which} LIMIT {_ROWS_DROPPED}"  # noqa: S608 - fixed texts
        with self._database.change() as connection:
            return connection.execute(f"DELETE FROM report WHERE id IN ({some})", values).rowcount == _ROWS_DROPPED  # noqa: S608 - the same

    def ticks(self) -> tuple[int, ...]:
        """The fields of the kept `schedule.Ticks` and the day of the last late report, or nothing."""
        return tuple(next(iter(self._database.read(f"SELECT {_TICK} FROM tick")), ()))  # noqa: S608 - fixed texts

    def keep_ticks(self, ticks: Sequence[int]) -> None:
        """Keep them; a power cut may undo the last ones."""
        marks = ", ".join("?" * len(ticks))
        self._database.write(f"INSERT OR REPLACE INTO tick (id, {_TICK}) VALUES (1, {marks})", tuple(map(int, ticks)))  # noqa: S608 - fixed texts

    def _select(self, rest: str, values: Sequence[int | str]) -> list[StoredReport]:
        rows: list[Any] = self._database.read(f"SELECT {_COLUMNS} FROM report {rest}", values)  # noqa: S608 - fixed texts
        return [StoredReport._make((*row[:7], tuple((name, value) for name, value in json.loads(row[7])), *row[8:])) for row in rows]
