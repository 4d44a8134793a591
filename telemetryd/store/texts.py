"""Registered manifests, kept whatever the consent so that a restart shows applications nothing. Policy: C3."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetryd.store.database import Database


class Texts:
    """The text that each application registered last, and the month in which it did so last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def months(self) -> dict[str, str]:
        """Application id → month (`2026-11`) of the last registration."""
        return dict(self._database.read("SELECT id, month FROM text"))

    def get(self, application: str) -> str | None:
        """The registered text of an application."""
        rows = self._database.read("SELECT manifest FROM text WHERE id = ?", (application,))
        return str(rows[0][0]) if rows else None

    def keep(self, application: str, manifest: str, month: str) -> None:
        """Keep a registration; the same text in the same month writes nothing."""
        if self._database.read("SELECT 1 FROM text WHERE id = ? AND manifest = ? AND month = ?", (application, manifest, month)):
            return
        with self._database.durable() as connection:
            connection.execute("INSERT OR REPLACE INTO text VALUES (?, ?, ?)", (application, manifest, month))

    def drop(self, application: str) -> None:
        """Forget a registration."""
        with self._database.durable() as connection:
            connection.execute("DELETE FROM text WHERE id = ?", (application,))
