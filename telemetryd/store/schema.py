"""The tables, as numbered migrations: entry N takes a file from version N to N + 1. A released entry is never edited.

A file contains its application id (`APPLICATION`) and version. A file without them has a layout before the first release: see `database`.
"""

from __future__ import annotations

from telemetryd.named_tuple import NamedTuple

APPLICATION = int.from_bytes(b"TLMD", "big")
"""SQLite's application_id of our files."""


class Schema(NamedTuple):
    """The migrations of one kind of file, and whether it has a checksum: see `integrity`."""

    migrations: tuple[str, ...]
    has_checksum: bool = False


CONSENT = Schema(
    (
        """
        CREATE TABLE level (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE note (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
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
            outcome TEXT NOT NULL, cause TEXT NOT NULL, args TEXT NOT NULL,
            period TEXT NOT NULL, begins INTEGER NOT NULL, closes INTEGER NOT NULL, host TEXT NOT NULL,
            is_paused INTEGER NOT NULL, noticed TEXT NOT NULL, digest TEXT NOT NULL, report TEXT NOT NULL, sent INTEGER NOT NULL,
            PRIMARY KEY (application, question)
        ) WITHOUT ROWID;
        CREATE TABLE lot (
            application TEXT, question TEXT, part TEXT NOT NULL, period TEXT NOT NULL, rank TEXT NOT NULL,
            PRIMARY KEY (application, question)
        ) WITHOUT ROWID;
        CREATE TABLE ledger (
            application TEXT, question TEXT, host TEXT NOT NULL, year INTEGER NOT NULL, tenths INTEGER NOT NULL, sources TEXT NOT NULL,
            is_charged INTEGER NOT NULL, PRIMARY KEY (application, question)
        ) WITHOUT ROWID;
        CREATE TABLE checksum (id INTEGER PRIMARY KEY CHECK (id = 1), sum INTEGER NOT NULL);
        """,
    ),
    has_checksum=True,
)
"""Policy: C1. `note` holds what the daemon notes for itself: `do_not_track` and `spent` are 1, and `history_erased` is a day (Unix s, UTC).

`shown` holds each accepted manifest text once, so that a change can be shown as a difference.

`acceptance.shown` is its SHA-256. A text is dropped when no question can use it any more: see `consents`.
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
            started INTEGER NOT NULL, outcome TEXT NOT NULL, status INTEGER NOT NULL, held TEXT NOT NULL,
            tries TEXT NOT NULL
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
"""Policy: M2. A tally's `cells` are those of `core.answers.aggregate`. A report is queue and history in one row. The indexes of `report`
find a question's reports, those since a day, and the queue, without reading a year's history.

`tally.turn` alternates between 0 and 1: SQLite skips a write that changes nothing, and then the time of a push would show whether the value
was new (C3).
"""
