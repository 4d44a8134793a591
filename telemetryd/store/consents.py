"""The user's choices and what is remembered of each question's life. Every change survives a power cut. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telemetryd.core import life
from telemetryd.core.consent import ApplicationLevels, Decision, Levels
from telemetryd.core.life import Outcome, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from telemetryd.ports import Key
    from telemetryd.store.database import Database


class Consents:
    """The whole file in memory, each change written through before it is seen. What is out of range reads as its default: off."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.levels: Levels = self._read_levels()
        self.applications: Mapping[str, ApplicationLevels] = self._read_applications()
        self.decisions: Mapping[Key, Decision] = self._read_decisions()
        self.records: Mapping[Key, Record] = self._read_records()

    def set_levels(self, levels: Levels) -> None:
        """Keep the global levels."""
        with self._database.durable() as connection:
            connection.executemany("INSERT OR REPLACE INTO level VALUES (?, ?)", list(levels._asdict().items()))
        self.levels = levels

    def set_application(self, application: str, levels: ApplicationLevels) -> None:
        """Keep one application's levels."""
        with self._database.durable() as connection:
            connection.execute("INSERT OR REPLACE INTO application VALUES (?, ?, ?)", (application, *levels))
        self.applications = {**self.applications, application: levels}

    def accept(self, rows: Sequence[tuple[Key, str, str]], now: int) -> None:
        """Keep acceptances: (key, digest, manifest text as shown); the first time of a digest stays. A refusal of the key ends."""
        with self._database.durable() as connection:
            for key, digest, shown in rows:
                connection.execute("INSERT OR IGNORE INTO acceptance VALUES (?, ?, ?, ?, ?)", (*key, digest, now, shown))
                connection.execute("DELETE FROM refusal WHERE application = ? AND question = ?", key)
        self.decisions = self._read_decisions()

    def accepted_text(self, key: Key, digest: str) -> str:
        """The manifest text that was accepted under a digest, or ""."""
        sql = "SELECT shown FROM acceptance WHERE application = ? AND question = ? AND digest = ?"
        rows = self._database.read(sql, (*key, digest))
        return str(rows[0][0]) if rows else ""

    def refuse(self, key: Key, *, is_refused: bool) -> None:
        """Keep or end a refusal."""
        with self._database.durable() as connection:
            connection.execute("DELETE FROM refusal WHERE application = ? AND question = ?", key)
            if is_refused:
                connection.execute("INSERT INTO refusal VALUES (?, ?)", key)
        self.decisions = self._read_decisions()

    def set_records(self, records: Mapping[Key, Record]) -> None:
        """Keep what is remembered of questions' lives, all of it or none."""
        marks = ", ".join("?" * (2 + len(Record._fields)))
        sql = f"INSERT OR REPLACE INTO life VALUES ({marks})"  # noqa: S608 - only question marks
        with self._database.durable() as connection:
            connection.executemany(sql, [(*key, *record) for key, record in records.items()])
        self.records = {**self.records, **records}

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


def _record(values: Sequence[Any]) -> Record:
    """What damage did or a later version may have written is over for this one: nothing is collected."""
    outcome, *rest = values
    is_whole = outcome in set(Outcome) and list(map(type, rest)) == list(map(type, Record()[1:]))
    return Record(Outcome(outcome), *rest) if is_whole else life.passed(Record(), "damaged")
