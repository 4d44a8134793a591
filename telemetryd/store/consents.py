"""The user's choices and the records of questions. A change survives a power cut after a sync. Policy: C1, C2."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from telemetryd.core.causes import Cause, because
from telemetryd.core.limits import ACCEPTED_TEXT_S
from telemetryd.core.permission.gate import ApplicationLevels, Decision, Levels
from telemetryd.core.permission.record import Outcome, Record, mark_passed
from telemetryd.core.permission.user_change import is_lower
from telemetryd.core.privacy.ledger import Charge
from telemetryd.core.privacy.sampling_lot import Lot
from telemetryd.engine.ports import UnwrittenFacts
from telemetryd.errors import StorageError
from telemetryd.store import integrity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.core.definition import Key
    from telemetryd.store.database import Database


_LOT = re.compile("[0-9a-f]{16}")
_DROP_TEXTS = """
    DELETE FROM shown WHERE sum NOT IN (
        SELECT shown FROM acceptance LEFT JOIN life USING (application, question)
        WHERE ifnull(outcome, '') IN ('', 'reporting') AND at >= ?
    )
"""
_IN_MEMORY = ("levels", "applications", "decisions", "records", "lots", "ledger")
_PUT_LEVEL = "INSERT OR REPLACE INTO level VALUES (?, ?)"
_PUT_APPLICATION = "INSERT OR REPLACE INTO application VALUES (?, ?, ?)"
_PUT_LIFE = f"INSERT OR REPLACE INTO life VALUES ({', '.join('?' * (2 + len(Record._fields)))})"  # noqa: S608 - only question marks
_Statement = tuple[str, tuple[Any, ...]]
_Name = tuple[str, ...]
_PUT_NOTE = "INSERT OR REPLACE INTO note VALUES (?, ?)"
_SELECT_DO_NOT_TRACK = "SELECT 1 FROM note WHERE name = 'do_not_track' AND value"
_HISTORY_ERASED = "history_erased"


class Consents:
    """The file's contents in memory. A change is written before it is visible. A value out of range reads as its default: off.

    A change that lowers a level, refuses or ends a question is visible in any case. If it cannot be written, it is owed and written later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.file = database.path.name
        self._owed: dict[_Name, _Statement] = {}
        self._group: ExitStack | None = None
        """Ends the transaction of a block of `together`."""
        self._shared: sqlite3.Connection | None = None
        """The connection of that transaction, once it has begun."""
        self.levels: Levels = self._read_levels()
        self.applications: Mapping[str, ApplicationLevels] = self._read_applications()
        self.decisions: Mapping[Key, Decision] = self._read_decisions()
        self.records: Mapping[Key, Record] = self._read_records()
        self.is_spent = bool(database.read("SELECT 1 FROM note WHERE name = 'spent'"))
        self.history_erased: int = self._read_history_erased()
        self.lots: Mapping[Key, Lot] = self._read_lots()
        self.ledger: Mapping[Key, Charge] = self._read_ledger()

    @property
    def is_owed(self) -> bool:
        """Whether a withdrawal or an end is not in the file yet."""
        return bool(self._owed)

    @property
    def owed_facts(self) -> UnwrittenFacts:
        """What happened and is not in the file yet."""
        ended = {key: record for key, record in self.records.items() if record.is_over and ("life", *key) in self._owed}
        return UnwrittenFacts(ended, self.history_erased if ("note", _HISTORY_ERASED) in self._owed else 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the changes in the block one transaction, which begins with the first of them.

        If any of them fails, none holds, in memory neither, and nothing is owed of them.
        """
        before = {name: getattr(self, name) for name in _IN_MEMORY}
        try:
            with ExitStack() as self._group:
                yield
        except BaseException:
            vars(self).update(before)
            raise
        finally:
            self._group = self._shared = None

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction, which is shared in a block of `together`."""
        if self._group is None:
            with self._own_transaction() as connection:
                yield connection
            return
        if self._shared is None:
            self._shared = self._group.enter_context(self._own_transaction())
        yield self._shared

    @contextmanager
    def _own_transaction(self) -> Iterator[sqlite3.Connection]:
        """A transaction with a new checksum. It survives a power cut after the next sync."""
        with self._database.change() as connection:
            # What is owed comes first: a newer change of the same row must win.
            for statement in self._owed.values():
                connection.execute(*statement)
            yield connection
            integrity.write_checksum(connection)
        self._owed.clear()

    def _write(self, statements: dict[_Name, _Statement], *, is_lowered: bool) -> None:
        """Write. If that fails, a change that lowers is owed, and any other raises StorageError."""
        try:
            with self._transaction() as connection:
                for statement in statements.values():
                    connection.execute(*statement)
        except StorageError:
            if not is_lowered or self._group is not None:
                raise
            self._owed.update(statements)

    def set_levels(self, levels: Levels) -> None:
        """Store the global levels."""
        statements: dict[_Name, _Statement] = {("level", name): (_PUT_LEVEL, (name, level)) for name, level in levels._asdict().items()}
        self._write(statements, is_lowered=all(new <= old for new, old in zip(levels, self.levels, strict=True)))
        self.levels = levels

    def set_application(self, application: str, levels: ApplicationLevels) -> None:
        """Store one application's levels."""
        before = self.applications.get(application, ApplicationLevels())
        is_lowered = all(is_lower(new, old) for new, old in zip(levels, before, strict=True))
        self._write({("application", application): (_PUT_APPLICATION, (application, *levels))}, is_lowered=is_lowered)
        self.applications = {**self.applications, application: levels}

    def accept(self, rows: Sequence[tuple[Key, str, str]], now: int) -> None:
        """Store acceptances: (key, digest, manifest text as shown). The first time of a digest stays. A refusal of the key ends.

        A text is stored once for all its questions. Texts that were accepted years ago are dropped: no question lasts so long.
        """
        with self._transaction() as connection:
            for key, digest, text in rows:
                sum_of_text = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
                connection.execute("INSERT OR IGNORE INTO acceptance VALUES (?, ?, ?, ?, ?)", (*key, digest, now, sum_of_text))
                connection.execute("INSERT OR IGNORE INTO shown VALUES (?, ?)", (sum_of_text, text))
                connection.execute("DELETE FROM refusal WHERE application = ? AND question = ?", key)
            connection.execute(_DROP_TEXTS, (now - ACCEPTED_TEXT_S,))
        self.decisions = self._read_decisions()

    def accepted_text(self, key: Key, digest: str) -> str:
        """The manifest text that was accepted under a digest, or ""."""
        sql = "SELECT manifest FROM acceptance JOIN shown ON shown = sum WHERE application = ? AND question = ? AND digest = ?"
        rows = self._database.read(sql, (*key, digest))
        return str(rows[0][0]) if rows else ""

    def refuse(self, key: Key, *, is_refused: bool) -> None:
        """Store or end a refusal."""
        sql = "INSERT OR IGNORE INTO refusal VALUES (?, ?)" if is_refused else "DELETE FROM refusal WHERE application = ? AND question = ?"
        self._write({("refusal", *key): (sql, key)}, is_lowered=is_refused)
        self.decisions = {**self.decisions, key: self.decisions.get(key, Decision())._replace(refused=is_refused)}
        if self.decisions[key] == Decision():
            self.decisions = {other: decision for other, decision in self.decisions.items() if other != key}

    def forget(self, application: str, ended: Mapping[Key, Record]) -> None:
        """Drop an application's levels, acceptances, open records and what is held for them, and store the `ended` ones.

        Refusals, lots and charges stay.
        """
        with self._transaction() as connection:
            connection.execute("DELETE FROM application WHERE id = ?", (application,))
            connection.execute("DELETE FROM acceptance WHERE application = ?", (application,))
            self._write_records(connection, ended)
            connection.execute("DELETE FROM life WHERE application = ? AND outcome = ''", (application,))
            connection.execute("DELETE FROM ledger WHERE application = ? AND NOT is_charged", (application,))
            connection.execute(_DROP_TEXTS, (0,))
        self.applications, self.decisions = self._read_applications(), self._read_decisions()
        self.records, self.ledger = self._read_records(), self._read_ledger()

    def set_records(self, records: Mapping[Key, Record]) -> None:
        """Store records of questions, all of them or none."""
        self.settle(records, {})

    def keep_lots(self, lots: Mapping[Key, Lot]) -> None:
        """Store lots. A lot that is stored already stays, and is the one that counts."""
        rows = [(*key, *(f"{number:016x}" for number in lot)) for key, lot in lots.items()]
        with self._transaction() as connection:
            connection.executemany("INSERT OR IGNORE INTO lot VALUES (?, ?, ?, ?, ?)", rows)
        self.lots = self._read_lots()

    def settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Charge | None]) -> None:
        """Store records and changes of the ledger (None releases what is held), all of them or none. A charge stays.

        If the write fails, records that end or are blocked take effect in memory all the same.
        """
        try:
            self._settle(records, ledger)
        except StorageError:
            if self._group is not None:
                raise
            ended = {key: record for key, record in records.items() if record.is_over or record.cause}
            self._owed.update({("life", *key): (_PUT_LIFE, (*key, *record)) for key, record in ended.items()})
            self.records = {**self.records, **ended}
            if len(ended) < len(records) or any(ledger.values()):
                raise

    def _settle(self, records: Mapping[Key, Record], ledger: Mapping[Key, Charge | None]) -> None:
        released = [key for key, entry in ledger.items() if entry is None]
        rows = [(*key, *entry[:3], " ".join(entry.sources), entry.is_charged) for key, entry in ledger.items() if entry]
        with self._transaction() as connection:
            self._write_records(connection, records)
            connection.executemany("DELETE FROM ledger WHERE application = ? AND question = ? AND NOT is_charged", released)
            connection.executemany(
                "INSERT INTO ledger VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET"
                " host = ?3, year = ?4, tenths = ?5, sources = ?6, is_charged = ?7 WHERE NOT is_charged",
                rows,
            )
            connection.execute(_DROP_TEXTS, (0,))
        self.records = {**self.records, **records}
        self.ledger = self._read_ledger()

    @property
    def is_do_not_track_noted(self) -> bool:
        """Whether the last daemon's environment had DO_NOT_TRACK. The timer's runs have another environment and obey the note."""
        return bool(self._database.read(_SELECT_DO_NOT_TRACK))

    def note_do_not_track(self, *, is_set: bool) -> None:
        """Note DO_NOT_TRACK, if there is a file. Without one nothing is due, and nothing may be written."""
        if self._database.is_made and is_set is not self.is_do_not_track_noted:
            with self._transaction() as connection:
                connection.execute(_PUT_NOTE, ("do_not_track", is_set))

    def note_history_erased(self, day: int) -> None:
        """Store the beginning (Unix s, UTC) of the day on which an erasure emptied the history. If that cannot be written, it is owed."""
        self._write({("note", _HISTORY_ERASED): (_PUT_NOTE, (_HISTORY_ERASED, day))}, is_lowered=True)
        self.history_erased = day

    def mark_ledger_lost(self) -> None:
        """Store that the ledger was lost: what was spent is not known, so the whole budget counts as spent."""
        with self._transaction() as connection:
            connection.execute(_PUT_NOTE, ("spent", 1))
        self.is_spent = True

    @staticmethod
    def _write_records(connection: sqlite3.Connection, records: Mapping[Key, Record]) -> None:
        connection.executemany(_PUT_LIFE, [(*key, *record) for key, record in records.items()])

    def _read_levels(self) -> Levels:
        rows = self._database.read("SELECT name, value FROM level")
        stored = {name: value for name, value in rows if name in Levels._fields and value in {0, 1, 2}}
        return Levels(**stored)

    def _read_history_erased(self) -> int:
        rows = self._database.read("SELECT value FROM note WHERE name = ? AND typeof(value) = 'integer' AND value > 0", (_HISTORY_ERASED,))
        return int(rows[0][0]) if rows else 0

    def _read_applications(self) -> dict[str, ApplicationLevels]:
        rows = self._database.read("SELECT id, system, usage FROM application")
        choices = {0, 1, 2, 3}
        return {name: ApplicationLevels(*(level if level in choices else 0 for level in levels)) for name, *levels in rows}

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
        """All lots. A malformed one means that the file cannot be trusted, and then the whole budget counts as spent."""
        lots: dict[Key, Lot] = {}
        for application, question, *texts in self._database.read("SELECT application, question, part, period, rank FROM lot"):
            if all(isinstance(text, str) and _LOT.fullmatch(text) for text in texts):
                lots[application, question] = Lot(*(int(text, 16) for text in texts))
            else:
                self.is_spent = True
        return lots

    def _read_ledger(self) -> dict[Key, Charge]:
        """All entries. An impossible one means that the ledger cannot be trusted, and then the whole budget counts as spent."""
        charges: dict[Key, Charge] = {}
        columns = "application, question, host, year, tenths, sources, is_charged"
        for application, question, host, year, tenths, sources, is_charged in self._database.read(f"SELECT {columns} FROM ledger"):  # noqa: S608 - fixed text
            if not isinstance(tenths, int) or tenths <= 0 or not host:
                self.is_spent = True
                continue
            charges[application, question] = Charge(host, year, tenths, tuple(sources.split()), bool(is_charged))
        return charges


def _record(values: Sequence[Any]) -> Record:
    """A record of these values. Values that this version does not know, or damaged ones, give an ended record: nothing is collected."""
    outcome, *values_rest = values
    if outcome in set(Outcome) and list(map(type, values_rest)) == list(map(type, Record()[1:])):
        record = Record(Outcome(outcome), *values_rest)
        with suppress(ValueError):
            record.reason  # noqa: B018 - it raises for a cause that this version does not know
            return record
    return mark_passed(Record(), because(Cause.DAMAGED))


def has_do_not_track_note(path: Path) -> bool:
    """The note in a consent file, read without opening the store."""
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)
    except sqlite3.Error:
        return False
    try:
        return connection.execute(_SELECT_DO_NOT_TRACK).fetchone() is not None
    except sqlite3.Error:
        return False
    finally:
        connection.close()
