"""The tables, as numbered migrations: entry N takes a file from version N to N + 1. An entry that was released is never edited.

A file says whose it is (`APPLICATION`) and of which version. One that does not is of a layout before the first release: see `database`.
"""

from __future__ import annotations

from typing import NamedTuple

APPLICATION = int.from_bytes(b"TLMD", "big")
"""SQLite's application_id of our files."""


class Schema(NamedTuple):
    """The migrations of one kind of file, and whether it bears a seal: see `integrity`."""

    migrations: tuple[str, ...]
    is_sealed: bool = False


CONSENT = Schema(
    (
        """
        CREATE TABLE level (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE application (
            id TEXT PRIMARY KEY, system INTEGER NOT NULL, usage INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE refusal (application TEXT, question TEXT, PRIMARY KEY (application, question)) WITHOUT ROWID;
        CREATE TABLE acceptance (
            application TEXT, question TEXT, digest TEXT, at INTEGER NOT NULL, shown TEXT NOT NULL,
            PRIMARY KEY (application, question, digest)
        ) WITHOUT ROWID;
        CREATE TABLE shown (sum TEXT PRIMARY KEY, manifest TEXT NOT NULL);
        CREATE TABLE life (
            application TEXT, question TEXT,
            outcome TEXT NOT NULL, reason TEXT NOT NULL,
            period TEXT NOT NULL, begins INTEGER NOT NULL, closes INTEGER NOT NULL, host TEXT NOT NULL,
            closed_cause TEXT NOT NULL, is_paused INTEGER NOT NULL, noticed TEXT NOT NULL, revision TEXT NOT NULL,
            PRIMARY KEY (application, question)
        ) WITHOUT ROWID;
        CREATE TABLE lot (application TEXT, question TEXT, part TEXT NOT NULL, period TEXT NOT NULL, PRIMARY KEY (application, question))
            WITHOUT ROWID;
        CREATE TABLE ledger (
            application TEXT, question TEXT, host TEXT NOT NULL, year INTEGER NOT NULL, tenths INTEGER NOT NULL, sources TEXT NOT NULL,
            is_charged INTEGER NOT NULL, PRIMARY KEY (application, question)
        ) WITHOUT ROWID;
        CREATE TABLE seal (id INTEGER PRIMARY KEY CHECK (id = 1), sum INTEGER NOT NULL);
        """,
    ),
    is_sealed=True,
)
"""Policy: C1. `shown` holds each manifest text as it was accepted, once, so that a change can be shown as a difference.

`acceptance.shown` is its sum. A text goes when no question is left that can still use it: see `consents`.
"""

MAIN = Schema(
    (
        """
        CREATE TABLE tally (
            id INTEGER PRIMARY KEY, application TEXT NOT NULL, question TEXT NOT NULL, pusher TEXT NOT NULL,
            period TEXT NOT NULL, cells BLOB NOT NULL, turn INTEGER NOT NULL DEFAULT 0
        );
        CREATE UNIQUE INDEX tally_key ON tally (application, question, pusher, period);
        CREATE TABLE report (
            id INTEGER PRIMARY KEY, application TEXT NOT NULL, question TEXT NOT NULL, revision TEXT NOT NULL, period TEXT NOT NULL,
            vendor TEXT NOT NULL, url TEXT NOT NULL, headers TEXT NOT NULL, body BLOB NOT NULL,
            created INTEGER NOT NULL, slot INTEGER NOT NULL, opens INTEGER NOT NULL, closes INTEGER NOT NULL,
            tries INTEGER NOT NULL, started INTEGER NOT NULL, not_before INTEGER NOT NULL,
            outcome TEXT NOT NULL, status INTEGER NOT NULL, held TEXT NOT NULL
        );
        CREATE INDEX report_question ON report (application, question, outcome, created);
        CREATE INDEX report_created ON report (created);
        CREATE INDEX report_queued ON report (id) WHERE outcome = 'queued';
        CREATE TABLE tick (
            id INTEGER PRIMARY KEY CHECK (id = 1), seen INTEGER NOT NULL, since INTEGER NOT NULL, passed_s INTEGER NOT NULL,
            moment_s INTEGER NOT NULL, is_done INTEGER NOT NULL, late_day INTEGER NOT NULL,
            today INTEGER NOT NULL DEFAULT 0, before INTEGER NOT NULL DEFAULT 0, earlier INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE text (id TEXT PRIMARY KEY, manifest TEXT NOT NULL, month TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE missing (id INTEGER PRIMARY KEY CHECK (id = 1), noticed TEXT NOT NULL);
        """,
    )
)
"""Policy: M2. A tally's `cells` are those of `core.aggregate`; a report is queue and history in one row. Its indexes are for looks at a
question's reports, at a day's and at the queue: a year's history is not to be read for them.

`tally.turn` is 0 and 1 by turns: SQLite passes over a write that changes nothing, and then the time of a push would tell whether the value
was a new one (C3).
"""
