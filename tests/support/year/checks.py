"""What holds on each day of a year, whatever the user, the packages, the clock and the server do."""

import json
import re
import struct
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from support.machine import CONTROL
from support.machine_at import rows
from support.year.packages import LEAST_SUM

DELAY = timedelta(days=7)
"""From a period's end to the first moment at which its report may leave (ARCHITECTURE.md, `core/schedule.py`)."""
STATE_MAX_BYTES = 4_000_000
"""A year of a few hundred reports, and all texts that were shown."""
BY_ANSWER = {204: "accepted", 410: "answered", 451: "suspended", 500: "rejected", 0: "unknown"}
"""What the server did (0: it broke the connection off) → the outcome in the history."""
CONSENT = "consent.sqlite"
_PASSED = re.compile(r"""^(INSERT INTO "life" VALUES\('[^']*','[^']*',)'(?:passed)?',.*$""")
_TEXT = 'INSERT INTO "shown"'
LINES = ("host", "source", "year", "application")


class Received(NamedTuple):
    """A report at the server: the daemon's time, its fields, its bytes without the nonce, and what the server answered."""

    moment: float
    fields: dict
    blank: str
    status: int

    @property
    def key(self):
        """(application, question)."""
        return self.fields["application"], self.fields["question"]


def _without_passing(lines):
    """The dump of the consent record without its checksum, its texts, and what the end of a waiting question changes in it."""
    return [_PASSED.sub(r"\1", line) for line in lines if not line.startswith(('INSERT INTO "checksum"', _TEXT))]


def _texts(lines):
    return {line for line in lines if line.startswith(_TEXT)}


class Checks:
    """The invariants of a desktop."""

    def __init__(self, desktop):
        self._desktop = desktop
        self.received, self._arriving = {}, []
        self._erased = set()
        self._spent = Counter()
        self._charged = {}
        self.largest_bytes = 0

    def arrives(self, request, status):
        """The server has a whole request; called in its thread."""
        self._arriving.append((self._desktop.now, request.partition(b"\r\n\r\n")[2], status))

    def take(self):
        """Check what has arrived since the last call, before anything else changes."""
        while self._arriving:
            moment, body, status = self._arriving.pop(0)
            fields = json.loads(body)
            report = Received(moment, fields, body.decode().replace(fields["nonce"], "0" * 32), status)
            self._check_report(report)
            self.received[report.key] = report

    def _check_report(self, report):
        """Consented to and reviewed now, the only one of its question, charged, and not before its time."""
        assert report.key not in self.received, f"a second answer: {report.key}"
        digest = self._desktop.reviewed(report.key, report.fields["revision"])
        assert digest, f"neither declared nor reviewed: {report}"
        assert self._desktop.person.may_be_sent(report.key, digest), f"sent without consent: {report}"
        earliest = end_of(report.fields["period"]) + DELAY
        assert report.moment >= earliest.timestamp(), f"before {earliest}: {report}"
        assert report.key in self._charges(), f"not charged: {report}"

    def nothing_is_written(self, before):
        """While off the state directory stays as it was, but that what waited past its period is passed, and its text dropped."""
        after = self._desktop.contents()
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert changed <= {CONSENT}, f"written while off: {changed}"
        record, now = before.get(CONSENT, []), after.get(CONSENT, [])
        assert _without_passing(now) == _without_passing(record), "the consent record was written while off"
        assert _texts(now) <= _texts(record), "a text was written while off"

    def needles(self, keys):
        """What can be found on a disk of these questions alone: nonces of waiting reports, and large sums that no other question has.

        Sums beyond the last bin's edge are all alike: they are kept as that edge.
        """
        nonces, sums, others = [], set(), set()
        reports = rows(self._desktop.machine, "SELECT application, question, body FROM report WHERE outcome = 'queued'")
        for application, question, body in reports:
            if (application, question) in keys:
                nonces.append(json.loads(body)["nonce"].encode())
        for application, question, cells in rows(self._desktop.machine, "SELECT application, question, cells FROM tally"):
            words = {cells[at : at + 8] for at in range(0, len(cells), 8)}
            (sums if (application, question) in keys else others).update(words)
        return nonces + [word for word in sums - others if struct.unpack("<Q", word)[0] >= LEAST_SUM]

    def nothing_left(self, keys, needles):
        """Nothing of withdrawn questions is in the tables, and nothing of what they held is in any file."""
        for key in keys:
            for table, more in (("tally", ""), ("report", "AND outcome = 'queued'")):
                where = f"WHERE application = '{key[0]}' AND question = '{key[1]}' {more}"
                assert not rows(self._desktop.machine, f"SELECT 1 FROM {table} {where}"), f"{table} of {key} is left"
        found = [(name, needle) for needle in needles for name, data in self._desktop.files().items() if needle in data]
        assert not found, f"of {keys} left on the disk: {found}"

    def history_is_erased(self, application):
        """The user erased the history of an application, or of all ("")."""
        self._erased |= {key for key in self.received if application in {"", key[0]}}

    async def of_a_day(self):
        """Everything that is checked over the running daemon."""
        self.take()
        await self._desktop.person.notice()
        await self._check_history()
        await self._check_ledger()
        self.of_files()

    def of_files(self):
        """What is checked without a daemon."""
        self.take()
        charges = self._charges()
        lost = {key: tenths for key, tenths in self._charged.items() if charges.get(key) != tenths}
        assert not lost, f"refunded: {lost}"
        self._charged = charges
        size = sum(len(data) for data in self._desktop.files().values())
        self.largest_bytes = max(self.largest_bytes, size)
        assert size < STATE_MAX_BYTES

    async def _check_history(self):
        """The history says of every report at the server what the server said, and of no other that it arrived."""
        sent = [row for row in await self._desktop.client.history() if row["outcome"] in BY_ANSWER.values()]
        told = {(row["application"], row["question"]): row for row in sent}
        assert len(sent) == len(told), "two reports of one question"
        for key, report in self.received.items():
            if key not in self._erased:
                assert (told[key]["outcome"], told[key]["body"]) == (BY_ANSWER[report.status], report.blank), key
        assert set(told) <= set(self.received), "told as sent and never received"

    async def _check_ledger(self):
        for row in (await self._desktop.client.call(CONTROL, "Ledger"))[0]:
            line = {key: variant.value for key, variant in row.items()}
            name = tuple(line[key] for key in LINES)
            assert not line["capped"] or line["spent"] + line["reserved"] <= line["cap"] + 1e-9, f"above its cap: {line}"
            assert line["spent"] >= self._spent[name] - 1e-9, f"refunded: {line}"
            self._spent[name] = line["spent"]

    def _charges(self):
        """(application, question) → tenths of ε that were charged."""
        found = rows(self._desktop.machine, "SELECT application, question, tenths FROM ledger WHERE is_charged", file=CONSENT)
        return {(application, question): tenths for application, question, tenths in found}


def end_of(period):
    """The end of a period by its name in a report, UTC."""
    if "W" in period:
        year, week = period.split("-W")
        day = date.fromisocalendar(int(year), int(week), 7)
    elif period.count("-") == 2:
        day = date.fromisoformat(period)
    else:
        day = (date.fromisoformat(f"{period}-01") + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
