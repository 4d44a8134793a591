"""The user's choices and what is remembered of each question's life. A change survives a power cut after a sync. Policy: C1, C2."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from telemetryd.core import lifecycle
from telemetryd.core.gate import INHERIT, ApplicationLevels, Decision, Levels
from telemetryd.core.ledger import Entry
from telemetryd.core.lifecycle import Outcome, Record
from telemetryd.core.sampling_lot import Lot
from telemetryd.errors import StorageError
from telemetryd.store import integrity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.engine.ports import Key
    from telemetryd.store.database import Database


_LOT = re.compile("[0-9a-f]{16}")
_TEXT_YEARS = 3
"""How long an accepted text can be of use: a question ends within a year of its start, and its report is out or dropped months later."""
_DROP_TEXTS = """
    DELETE FROM shown WHERE sum NOT IN (
        SELECT shown FROM acceptance LEFT JOIN life USING (application, question)
        WHERE ifnull(outcome, '') IN ('', 'reporting') AND at >= ?
    )
"""
_RUNNING = {Outcome.OPEN, Outcome.REPORTING}
_PUT_LEVEL = "INSERT OR REPLACE INTO level VALUES (?, ?)"
_PUT_APPLICATION = "INSERT OR REPLACE INTO application VALUES (?, ?, ?)"
_PUT_LIFE = f"INSERT OR REPLACE INTO life VALUES ({', '.join('?' * (2 + len(Record._fields)))})"  # noqa: S608 - only question marks
_Statement = tuple[str, tuple[Any, ...]]
_Name = tuple[str, ...]
_NOTED = "SELECT 1 FROM level WHERE name = 'do_not_track' AND value"


class Consents:
    """The whole file in memory, each change written through before it is seen. What is out of range reads as its default: off.

    But what lowers a level, refuses or ends a question is seen in any case; if the disk does not take it, it is written later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._owed: dict[_Name, _Statement] = {}
        self.levels: Levels = self._read_levels()
        self.applications: Mapping[str, ApplicationLevels] = self._read_applications()
        self.decisions: Mapping[Key, Decision] = self._read_decisions()
        self.records: Mapping[Key, Record] = self._read_records()
        self.is_spent = bool(database.read("SELECT 1 FROM level WHERE name = 'spent'"))
        self.lots: Mapping[Key, Lot] = self._read_lots()
        self.ledger: Mapping[Key, Entry] = self._read_ledger()

    @property
    def is_owed(self) -> bool:
        """Whether something that was lowered or ended is not in the file yet."""
        return bool(self._owed)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """A transaction that is sealed. It is on disk with the next sync, and in the file proper when the logs are emptied."""
        with self._database.change() as connection:
            for statement in self._owed.values():
                connection.execute(*statement)
            yield connection
            integrity.seal(connection)
        self._owed.clear()

    def _put(self, statements: dict[_Name, _Statement], *, is_lowered: bool) -> None:
        """Write; where the disk does not take it, what is lowered is owed. Raises StorageError for anything else."""
        try:
            with self._change() as connection:
                for statement in statements.values():
                    connection.execute(*statement)
        except StorageError:
            if not is_lowered:
                raise
            self._owed.update(statements)

    def set_levels(self, levels: Levels) -> None:
        """Keep the global levels."""
        statements: dict[_Name, _Statement] = {("level", name): (_PUT_LEVEL, (name, level)) for name, level in levels._asdict().items()}
        self._put(statements, is_lowered=all(new <= old for new, old in zip(levels, self.levels, strict=True)))
        self.levels = levels

    def set_application(self, application: str, levels: ApplicationLevels) -> None:
        """Keep one application's levels."""
        before = self.applications.get(application, ApplicationLevels())
        is_lowered = all(new in {0, old} or new < old < INHERIT for new, old in zip(levels, before, strict=True))
        self._put({("application", application): (_PUT_APPLICATION, (application, *levels))}, is_lowered=is_lowered)
        self.applications = {**self.applications, application: levels}

    def accept(self, rows: Sequence[tuple[Key, str, str]], now: int) -> None:
        """Keep acceptances: (key, digest, manifest text as shown); the first time of a digest stays. A refusal of the key ends.

        Texts are kept once, however many questions they ask. The ones that were accepted years ago go: no question lasts so long.
        """
        with self._change() as connection:
            for key, digest, text in rows:
                sum_of_text = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
                connection.execute("INSERT OR IGNORE INTO acceptance VALUES (?, ?, ?, ?, ?)", (*key, digest, now, sum_of_text))
                connection.execute("INSERT OR IGNORE INTO shown VALUES (?, ?)", (sum_of_text, text))
                connection.execute("DELETE FROM refusal WHERE application = ? AND question = ?", key)
            connection.execute(_DROP_TEXTS, (now - _TEXT_YEARS * 366 * 86400,))
        self.decisions = self._read_decisions()

    def accepted_text(self, key: Key, digest: str) -> str:
        """The manifest text that was accepted under a digest; "" if there is none, or none any more."""
        sql = "SELECT manifest FROM acceptance JOIN shown ON shown = sum WHERE application = ? AND question = ? AND digest = ?"
        rows = self._database.read(sql, (*key, digest))
        return str(rows[0][0]) if rows else ""

    def refuse(self, key: Key, *, is_refused: bool) -> None:
        """Keep or end a refusal."""
        sql = "INSERT OR IGNORE INTO refusal VALUES (?, ?)" if is_refused else "DELETE FROM refusal WHERE application = ? AND question = ?"
        self._put({("refusal", *key): (sql, key)}, is_lowered=is_refused)
        self.decisions = {**self.decisions, key: self.decisions.get(key, Decision())._replace(refused=is_refused)}
        if self.decisions[key] == Decision():
            self.decisions = {one: decision for one, decision in self.decisions.items() if one != key}

    def forget(self, application: str, over: Mapping[Key, Record]) -> None:
        """Drop an application's levels, acceptances, open lives and reservations; keep what is `over`. Refusals, lots and charges stay."""
        with self._change() as connection:
            connection.execute("DELETE FROM application WHERE id = ?", (application,))
            connection.execute("DELETE FROM acceptance WHERE application = ?", (application,))
            self._put_records(connection, over)
            connection.execute("DELETE FROM life WHERE application = ? AND outcome = ''", (application,))
            connection.execute(_DROP_TEXTS, (0,))
            connection.execute("DELETE FROM ledger WHERE application = ? AND NOT is_charged", (application,))
            connection.execute(_DROP_TEXTS, (0,))
        self.applications, self.decisions = self._read_applications(), self._read_decisions()
        self.records, self.ledger = self._read_records(), self._read_ledger()

    def set_records(self, records: Mapping[Key, Record]) -> None:
        """Keep what is remembered of questions' lives, all of it or none."""
        self.settle(records, {})

    def keep_lots(self, lots: Mapping[Key, Lot]) -> None:
        """Keep what was drawn; a lot that is there already stays, and is the one that counts."""
        rows = [(*key, f"{lot.part:016x}", f"{lot.period:016x}") for key, lot in lots.items()]
        with self._change() as connection:
            connection.executemany("INSERT OR IGNORE INTO lot VALUES (?, ?, ?, ?)", rows)
        self.lots = self._read_lots()

    def settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Entry | None]) -> None:
        """Keep what is remembered of lives and what changes in the ledger (None: released), all of it or none. A charge stays.

        Where the disk takes none of it, the lives that end or are shut do so all the same.
        """
        try:
            self._settle(records, ledger)
        except StorageError:
            shut = {key: record for key, record in records.items() if record.outcome not in _RUNNING or record.closed_cause}
            self._owed.update({("life", *key): (_PUT_LIFE, (*key, *record)) for key, record in shut.items()})
            self.records = {**self.records, **shut}
            if len(shut) < len(records) or any(ledger.values()):
                raise

    def _settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Entry | None]) -> None:
        gone = [key for key, entry in ledger.items() if entry is None]
        rows = [(*key, *entry[:3], " ".join(entry.sources), entry.is_charged) for key, entry in ledger.items() if entry]
        with self._change() as connection:
            self._put_records(connection, records)
            connection.executemany("DELETE FROM ledger WHERE application = ? AND question = ? AND NOT is_charged", gone)
            connection.executemany(
                "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET"
                " host = ?3, year = ?4, tenths = ?5, sources = ?6, is_charged = ?7 WHERE NOT is_charged",
                rows,
            )
            if any(record.outcome not in _RUNNING for record in records.values()):
                connection.execute(_DROP_TEXTS, (0,))
        self.records = {**self.records, **records}
        self.ledger = self._read_ledger()

    @property
    def is_do_not_track_noted(self) -> bool:
        """Whether the environment of the last daemon said DO_NOT_TRACK: the timer's runs have another environment and obey it too."""
        return bool(self._database.read(_NOTED))

    def note_do_not_track(self, *, is_set: bool) -> None:
        """Note what the environment says, where there is a file at all; without one nothing is due and nothing written."""
        if self._database.is_made and is_set is not self.is_do_not_track_noted:
            with self._change() as connection:
                connection.execute("INSERT OR REPLACE INTO level VALUES ('do_not_track', ?)", (is_set,))

    def spend(self) -> None:
        """The ledger was lost: nobody knows what was spent, so everything counts as spent."""
        with self._change() as connection:
            connection.execute("INSERT OR REPLACE INTO level VALUES ('spent', 1)")
        self.is_spent = True

    @staticmethod
    def _put_records(connection: sqlite3.Connection, records: Mapping[Key, Record]) -> None:
        connection.executemany(_PUT_LIFE, [(*key, *record) for key, record in records.items()])

    def _read_levels(self) -> Levels:
        rows = self._database.read("SELECT name, value FROM level")
        stored = {name: value for name, value in rows if name in Levels._fields and value in {0, 1, 2}}
        return Levels(**stored)

    def _read_applications(self) -> dict[str, ApplicationLevels]:
        rows = self._database.read("SELECT id, system, usage FROM application")
        choices = {0, 1, 2, 3}
        return {name: ApplicationLevels(*(one if one in choices else 0 for one in levels)) for name, *levels in rows}

    def _read_decisions(self) -> dict[Key, Decision]:
        refused = set(map(tuple, self._database.read("SELECT application, question FROM refusal")))
        accepted: dict[Key, dict[str, int]] = {}
        for row in self._database.read("SELECT application, question, digest, at FROM acceptance"):
            if list(map(type, row)) == [str, str, str, int]:
                application, question, digest, at = row
                accepted.setdefault((application, question), {})[digest] = at
        return {key: Decision(key in refused, accepted.get(key, {})) for key in refused | accepted.keys()}

    def _read_records(self) -> dict[Key, Record]:
        columns = ", ".join(Record._fields)
        rows = self._database.read(f"SELECT application, question, {columns} FROM life")  # noqa: S608 - our own column names
        return {(application, question): _record(values) for application, question, *values in rows}

    def _read_lots(self) -> dict[Key, Lot]:
        """Every lot; one that was never drawn so means that the file cannot be trusted, and then the ledger counts as spent."""
        found: dict[Key, Lot] = {}
        for application, question, *texts in self._database.read("SELECT application, question, part, period FROM lot"):
            if all(isinstance(text, str) and _LOT.fullmatch(text) for text in texts):
                found[application, question] = Lot(*(int(text, 16) for text in texts))
            else:
                self.is_spent = True
        return found

    def _read_ledger(self) -> dict[Key, Entry]:
        """Every entry; one that cannot be true means that the ledger cannot be trusted, and then it counts as spent."""
        found: dict[Key, Entry] = {}
        columns = "application, question, host, year, tenths, sources, is_charged"
        for application, question, host, year, tenths, sources, is_charged in self._database.read(f"SELECT {columns} FROM ledger"):  # noqa: S608 - fixed text
            if not isinstance(tenths, int) or tenths <= 0 or not host:
                self.is_spent = True
                continue
            found[application, question] = Entry(host, year, tenths, tuple(sources.split()), bool(is_charged))
        return found


def _record(values: Sequence[Any]) -> Record:
    """What damage did or a later version may have written is over for this one: nothing is collected."""
    outcome, *rest = values
    is_whole = outcome in set(Outcome) and list(map(type, rest)) == list(map(type, Record()[1:]))
    return Record(Outcome(outcome), *rest) if is_whole else lifecycle.passed(Record(), "damaged")


def noted_do_not_track(path: Path) -> bool:
    """The note of a consent file that is not opened for it."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    try:
        return connection.execute(_NOTED).fetchone() is not None
    except sqlite3.Error:
        return False
    finally:
        connection.close()
