"""Registered manifests, kept whatever the consent so that a restart shows applications nothing. Policy: C3.

What an application registers again and again is compared in memory, by its digest: to read the file each time would leave it warm for
pushes that are kept, and not for those that are refused.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from telemetryd.store.database import Database


class _Kept(NamedTuple):
    digest: bytes
    month: str


class Texts:
    """The text that each application registered last, and the month in which it did so last."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[str, _Kept] = {}

    def months(self) -> dict[str, str]:
        """Application id → month (`2026-11`) of the last registration."""
        return dict(self._database.read("SELECT id, month FROM text"))

    def get(self, application: str) -> str | None:
        """The registered text of an application."""
        rows = self._database.read("SELECT manifest FROM text WHERE id = ?", (application,))
        return str(rows[0][0]) if rows else None

    def is_kept(self, application: str, manifest: str) -> bool:
        """Whether this is the application's registered text."""
        kept = self._kept(application)
        return kept is not None and kept.digest == _digest(manifest)

    def keep(self, application: str, manifest: str, month: str, *, instead_of: str = "") -> None:
        """Keep a registration, in the place of another application's, if one is named; the same text in the same month writes nothing."""
        kept = _Kept(_digest(manifest), month)
        if self._kept(application) == kept:
            return
        with self._database.change() as connection:
            if instead_of:
                connection.execute("DELETE FROM text WHERE id = ?", (instead_of,))
            connection.execute("INSERT OR REPLACE INTO text VALUES (?, ?, ?)", (application, manifest, month))
        self._known.pop(instead_of, None)
        self._known[application] = kept

    def drop(self, application: str) -> None:
        """Forget a registration."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM text WHERE id = ?", (application,))
        self._known.pop(application, None)

    def _kept(self, application: str) -> _Kept | None:
        if application not in self._known:
            rows = self._database.read("SELECT manifest, month FROM text WHERE id = ?", (application,))
            if not rows:
                return None
            manifest, month = rows[0]
            self._known[application] = _Kept(_digest(manifest), month)
        return self._known[application]


def _digest(manifest: str) -> bytes:
    return hashlib.sha256(manifest.encode(errors="surrogatepass")).digest()
