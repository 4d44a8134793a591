"""Callers that keep many calls under way, and the books that say what a daemon that dies under them may and may not have lost.

A reply is a promise; a call without one may have counted or not. `Books` has both, and `Left` reads what is on the disk.
"""

import asyncio
import contextlib
import sqlite3
import struct
from collections import Counter

from support.machine import CONTROL, CallError
from support.manifests import manifest_texts

PUSHERS = tuple(f"org.example.Pusher{number}" for number in range(3))
WHOLE, DAILY, TOGGLED, REGISTERED = "org.example.Whole", "org.example.Daily", "org.example.Toggled", "org.example.Registered"
WINDOW = 48
"""Calls that each caller keeps under way."""
NO_REPLY = "org.freedesktop.DBus.Error."
"""What the bus itself answers for a daemon that died, or that could not be started because it was killed."""

_SOURCES = """\
[[source]]
id = "delay"
type = "number"
description = "Delay"
unit = "ms"
combine = "median"
bins = [10]
[[source]]
id = "view"
type = "choice"
description = "View"
combine = "mode"
values = ["list", "tree"]
[[source]]
id = "presses"
type = "count"
description = "Presses"
combine = "sum"
bins = [1, 1000000000]
"""
VIEWS, PRESSES = "delay-by-view", "presses-a-period"


def declare(application, *, period="week", starts="2026-10-12", ends="2026-10-18", name=""):
    """A manifest with two questions over three sources, each of whose samples can be counted afterwards."""
    rest = {"period": period, "starts": starts, "ends": ends, "more": "epsilon = 1.0"}
    asked = [
        manifest_texts.question(one, *sources, purpose=f"Does {one} matter?", decision=f"Whether {one} is improved", **rest)
        for one, sources in ((VIEWS, ("delay", "view")), (PRESSES, ("presses",)))
    ]
    return "".join([manifest_texts.application(application, f"Example{name}", "An example"), _SOURCES, *asked])


class Books:
    """What was acknowledged, and what may have counted without: by (application, field, bin)."""

    def __init__(self):
        self.counted, self.acknowledged, self.unknown = Counter(), Counter(), Counter()
        self.totals = Counter()
        self.settings = {}

    def check(self, found):
        """Every acknowledged sample is there, and nothing that was not sent, or twice; what is there from now on has to stay."""
        low = self.counted + self.acknowledged
        high = low + self.unknown
        wrong = {name: (low[name], found[name], high[name]) for name in {*found, *high} if not low[name] <= found[name] <= high[name]}
        assert wrong == {}, "at least, found, at most"
        self.totals += Counter(acknowledged=self.acknowledged.total(), unknown=self.unknown.total())
        self.totals["kept without a reply"] += found.total() - low.total()
        self.counted, self.acknowledged, self.unknown = Counter(found), Counter(), Counter()

    def set(self, name, values):
        """One setting may now have any of these values."""
        self.settings[name] = set(values)


class Caller:
    """An application with many calls under way; it goes on until it is told to stop."""

    def __init__(self, application, client, books, chance):
        self.application, self.client, self.books, self.chance = application, client, books, chance
        self.replied = asyncio.Event()
        self._is_stopped = False

    async def run(self):
        """Push until told to stop; over when every call has an answer."""
        self._is_stopped = False
        async with asyncio.TaskGroup() as calls:
            for _ in range(WINDOW):
                calls.create_task(self._push_on())

    def stop(self):
        """Begin no more calls."""
        self._is_stopped = True

    def draw(self):
        """A call, and what it counts for."""
        if self.application != WHOLE and self.chance.random() < 0.7:
            samples, counts = self._single()
            return self.client.push(self.application, *samples), counts
        samples, counts = self._many()
        return self.client.push_many(self.application, samples), counts

    async def _push_on(self):
        while not self._is_stopped:
            call, counts = self.draw()
            try:
                await call
            except CallError as failure:
                if not failure.name.startswith(NO_REPLY):
                    raise
                self.books.unknown.update(counts)
                return
            self.books.acknowledged.update(counts)
            self.replied.set()

    def _single(self):
        source, code, value, number = self.chance.choice(
            [("delay", "d", 1.0, 0), ("delay", "u", 99, 1), ("view", "s", "list", 0), ("view", "s", "other", 2), ("presses", "u", 1, 0)]
        )
        return (source, code, value), {(self.application, source, number): 1}

    def _many(self):
        """As many samples of each source in one call."""
        size = self.chance.randrange(1, 30)
        low = self.chance.randrange(size + 1)
        samples = {
            "delay": ("ad", [1.0] * low + [99.0] * (size - low)),
            "view": ("as", ["tree"] * size),
            "presses": ("at", [1] * size),
        }
        counts = {("delay", 0): low, ("delay", 1): size - low, ("view", 1): size, ("presses", 0): size}
        return samples, {(self.application, *name): count for name, count in counts.items() if count}


class User:
    """Sets and registers things, one call at a time, until the daemon dies."""

    def __init__(self, client, books, chance):
        self.client, self.books, self.chance = client, books, chance
        self._is_stopped = False

    async def run(self):
        """Go on until told to stop, or the daemon dies."""
        self._is_stopped = False
        while not self._is_stopped:
            name, value, call = self.draw()
            before = self.books.settings[name]
            self.books.set(name, before | {value})
            try:
                await call
            except CallError as failure:
                if not failure.name.startswith(NO_REPLY):
                    raise
                return
            self.books.set(name, {value})

    def stop(self):
        """Begin no more calls."""
        self._is_stopped = True

    def draw(self):
        """(setting, value, call that sets it)."""
        which, number = self.chance.randrange(4), self.chance.randrange(3)
        if which == 0:
            call = self.client.call(CONTROL, "SetQuestionConsent", "ssb", TOGGLED, VIEWS, bool(number))
            return "refused", not number, call
        if which == 1:
            return "new_questions", number, self.client.set("NewQuestions", number)
        if which == 2:
            return "application", number, self.client.call(CONTROL, "SetApplicationConsent", "suu", REGISTERED, number, number)
        text = declare(REGISTERED, name=str(number))
        return "text", text, self.client.register(REGISTERED, text)


class Left:
    """What a daemon left behind, in a copy of its folder: SQLite would mend the files that the next daemon has to mend."""

    def __init__(self, folder):
        self._folder = folder
        names = {path.name for path in folder.iterdir()}
        self.unsettled = {name for name in names if f"{name}.new" in names}
        """Files whose creation did not end: whoever opens one that is torn begins anew."""
        self.names = names - {f"{name}{part}" for name in self.unsettled if not self._is_whole(name) for part in ("", "-wal", "-shm")}

    def rows(self, sql, file="telemetry.sqlite"):
        """The rows of a query; none where there is no file yet."""
        return self._rows(sql, file) if file in self.names else []

    def _is_whole(self, file):
        try:
            has_tables = self._rows("SELECT count(*) FROM sqlite_master", file) != [(0,)]  # SQLite finds nothing wrong with an empty file
            return has_tables and self._rows("PRAGMA integrity_check", file) == [("ok",)]
        except sqlite3.DatabaseError:
            return False

    def _rows(self, sql, file):
        with contextlib.closing(sqlite3.connect(self._folder / file)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            return connection.execute(sql).fetchall()

    def samples(self):
        """Every sample that counts, by (application, field, bin)."""
        found = Counter()
        for application, question, cells in self.rows("SELECT application, question, cells FROM tally"):
            numbers = struct.unpack(f"<{len(cells) // 8}Q", cells)
            names = [("delay", 0), ("delay", 1), ("view", 0), ("view", 1), ("view", 2)] if question == VIEWS else [None, ("presses", 0)]
            found.update({(application, *name): number for name, number in zip(names, numbers, strict=True) if name and number})
        return found

    def is_whole(self):
        """Whether SQLite finds nothing wrong with the files."""
        files = [name for name in self.names if name.endswith(".sqlite")]
        return all(self.rows("PRAGMA integrity_check", name) == [("ok",)] for name in files)

    def settings(self):
        """What the user set and applications registered."""
        text = self.rows(f"SELECT manifest FROM text WHERE id = '{REGISTERED}'")
        own = self.rows(f"SELECT system FROM application WHERE id = '{REGISTERED}'", "consent.sqlite")
        levels = dict(self.rows("SELECT name, value FROM level", "consent.sqlite"))
        refused = self.rows(f"SELECT 1 FROM refusal WHERE application = '{TOGGLED}'", "consent.sqlite")
        found = {"text": text, "application": own, "new_questions": [(levels.get("new_questions", 1),)]}
        return {name: next((row[0] for row in rows), None) for name, rows in found.items()} | {"refused": bool(refused)}

    def lasting(self):
        """Everything that no crash and no push may change: acceptances, lots, charges, reservations, lives, reports."""
        mine = f"WHERE application != '{TOGGLED}' ORDER BY application, question"
        consent = {table: self.rows(f"SELECT * FROM {table} {mine}", "consent.sqlite") for table in ("acceptance", "ledger", "life")}
        lots = self.rows("SELECT * FROM lot ORDER BY application, question", "consent.sqlite")
        levels = self.rows("SELECT * FROM level WHERE name != 'new_questions' ORDER BY name", "consent.sqlite")
        notes = self.rows("SELECT * FROM note ORDER BY name", "consent.sqlite")
        reports = self.rows("SELECT id, application, question, revision, period, body, slot, outcome FROM report ORDER BY id")
        return consent | {"lot": lots, "level": [*levels, *notes], "report": reports}
