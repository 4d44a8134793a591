"""Whether a file is as it was written: SQLite's own check sees lost pages, not a digit that became another. Policy: C1.

Three more looks, at every opening: the tables are those of the schema; the rows of the main file are what this program writes; and the
consent file bears a seal, a checksum over all that the user decided and all that was spent, written with every change of it.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.store.schema import Schema

_TABLES = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
_TYPES = {"INTEGER": int, "TEXT": str, "BLOB": bytes}
_LONG = {"manifest"}
"""Columns that are not read here: their texts are checked when they are parsed, against the digest that was accepted."""
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_OUTCOMES = {"queued", "accepted", "answered", "suspended", "dropped", "erased", "unknown"}
_CELL_BYTES = 8


def check(connection: sqlite3.Connection, schema: Schema) -> None:
    """Raise sqlite3.DatabaseError if the file is not as it was written; its version is the schema's newest."""
    found = connection.execute(_TABLES).fetchall()
    if found != _tables(schema):
        raise _malformed()
    try:
        if schema.is_sealed and connection.execute("SELECT sum FROM seal").fetchall() != [(_sum(connection),)]:
            raise _malformed()
        if not schema.is_sealed:
            _check_rows(connection)
    except (ValueError, TypeError, sqlite3.OperationalError) as error:
        if getattr(error, "sqlite_errorcode", None) is None:  # Python's own: a text that is none, a list that is none
            raise _malformed() from error
        raise


def seal(connection: sqlite3.Connection) -> None:
    """Write the seal over what the consent file holds now; part of the transaction that changes it."""
    connection.execute("INSERT OR REPLACE INTO seal VALUES (1, ?)", (_sum(connection),))


def _tables(schema: Schema) -> list[Any]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for migration in schema.migrations:
            connection.executescript(migration)
        return connection.execute(_TABLES).fetchall()
    finally:
        connection.close()


def _sum(connection: sqlite3.Connection) -> int:
    total = 0
    for table in _names(connection):
        if table != "seal":
            for row in _rows(connection, table):
                total = zlib.crc32(repr((table, row)).encode(), total)
    return total


def _names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, type]:
    described = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return {name: _TYPES.get(kind, object) for _, name, kind, *_ in described if name not in _LONG}


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    columns = ", ".join(_columns(connection, table))
    yield from connection.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 - names out of our own schema


def _check_rows(connection: sqlite3.Connection) -> None:
    for table in _names(connection):
        columns = _columns(connection, table)
        for values in _rows(connection, table):
            row = dict(zip(columns, values, strict=True))
            if any(not isinstance(value, columns[name]) for name, value in row.items()) or not _is_believable(table, row):
                raise _malformed()


def _is_believable(table: str, row: dict[str, Any]) -> bool:
    match table:
        case "report":
            pairs = json.loads(row["headers"])
            return row["outcome"] in _OUTCOMES and all(isinstance(name, str) and isinstance(value, str) for name, value in pairs)
        case "tally":
            return not len(row["cells"]) % _CELL_BYTES
        case "text":
            return _MONTH.fullmatch(row["month"]) is not None
        case _:
            return True


def _malformed() -> sqlite3.DatabaseError:
    return sqlite3.DatabaseError("malformed")
