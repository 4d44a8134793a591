"""Checks the contents of a file. SQLite's own check finds lost pages, but not a changed digit. Policy: C1.

There are three more checks at every opening. The tables are those of the schema. The rows of the main file are such as this program writes.
The consent file has a checksum over all decisions and charges, which every change rewrites.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zlib
from typing import TYPE_CHECKING, Any

from telemetryd.core.permission.record import REPORT_ENDS
from telemetryd.engine.ports import QUEUED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from telemetryd.store.schema import Schema

_TABLES = "SELECT type, name, sql FROM sqlite_master ORDER BY name"
_TYPES = {"INTEGER": int, "TEXT": str, "BLOB": bytes}
_LONG = {"manifest"}
"""Columns that are not read here: these texts are checked against the accepted digest when they are parsed."""
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])", re.ASCII)
_OUTCOMES = {QUEUED, *REPORT_ENDS}
_CELL_BYTES = 8


def check(connection: sqlite3.Connection, schema: Schema) -> None:
    """Raise sqlite3.DatabaseError if the contents are damaged. The file has the schema's newest version."""
    tables = connection.execute(_TABLES).fetchall()
    if tables != _tables(schema):
        raise _damage_error()
    try:
        if schema.has_checksum and connection.execute("SELECT sum FROM checksum").fetchall() != [(_checksum(connection),)]:
            raise _damage_error()
        if not schema.has_checksum:
            _check_rows(connection)
    except (ValueError, TypeError, sqlite3.OperationalError) as error:
        if getattr(error, "sqlite_errorcode", None) is None:  # from Python: a text or list in a row could not be read
            raise _damage_error() from error
        raise


def check_pages(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError if pages are damaged that `check` does not read. It takes time in proportion to the file."""
    if connection.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        raise _damage_error()


def write_checksum(connection: sqlite3.Connection) -> None:
    """Write the checksum of the consent file's present contents, in the transaction that changes them."""
    connection.execute("INSERT OR REPLACE INTO checksum VALUES (1, ?)", (_checksum(connection),))


def _tables(schema: Schema) -> list[Any]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        for migration in schema.migrations:
            connection.executescript(migration)
        return connection.execute(_TABLES).fetchall()
    finally:
        connection.close()


def _checksum(connection: sqlite3.Connection) -> int:
    total = 0
    for table in _table_names(connection):
        if table != "checksum":
            for row in _rows(connection, table):
                total = zlib.crc32(repr((table, row)).encode(), total)
    return total


def _table_names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]


def _columns(connection: sqlite3.Connection, table: str) -> dict[str, type]:
    described = connection.execute(f"PRAGMA table_info({table})").fetchall()
    return {name: _TYPES.get(kind, object) for _, name, kind, *_ in described if name not in _LONG}


def _rows(connection: sqlite3.Connection, table: str) -> Iterator[tuple[Any, ...]]:
    columns = ", ".join(_columns(connection, table))
    yield from connection.execute(f"SELECT {columns} FROM {table}")  # noqa: S608 - names out of our own schema


def _check_rows(connection: sqlite3.Connection) -> None:
    for table in _table_names(connection):
        columns = _columns(connection, table)
        for values in _rows(connection, table):
            row = dict(zip(columns, values, strict=True))
            if any(not isinstance(value, columns[name]) for name, value in row.items()) or not _is_plausible(table, row):
                raise _damage_error()


def _is_plausible(table: str, row: dict[str, Any]) -> bool:
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


def _damage_error() -> sqlite3.DatabaseError:
    return sqlite3.DatabaseError("malformed")
