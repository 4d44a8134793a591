"""Registered manifests. They are stored whatever the consent, so that a restart shows applications nothing. Policy: C3.

A repeated registration is compared in memory, by its digest. Reading the file each time would leave it in the cache for kept samples, and
not for refused ones. The first text that a process stores takes as long as making the file. Else its time would show whether the file was
there, because the user accepted something.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from telemetryd.store.database import Database


class _Registration(NamedTuple):
    digest: bytes
    month: str


class Texts:
    """The last registered text of each application, and its month. `make` creates the file: see `Decoys.make_beside`."""

    def __init__(self, database: Database, make: Callable[[Database], None]) -> None:
        self._database, self._make = database, make
        self._is_first = True
        self._cache: dict[str, _Registration] = {}

    def months(self) -> dict[str, str]:
        """Application id → month (`2026-11`) of the last registration."""
        return dict(self._database.read("SELECT id, month FROM text"))

    def get(self, application: str) -> str | None:
        """The registered text of an application."""
        rows = self._database.read("SELECT manifest FROM text WHERE id = ?", (application,))
        return str(rows[0][0]) if rows else None

    def is_kept(self, application: str, manifest: str) -> bool:
        """Whether this is the application's registered text."""
        registration = self._registration(application)
        return registration is not None and registration.digest == _digest(manifest)

    def keep(self, application: str, manifest: str, month: str, *, instead_of: str = "") -> None:
        """Store a registration, and remove that of `instead_of`. The same text in the same month writes nothing."""
        registration = _Registration(_digest(manifest), month)
        if self._registration(application) == registration:
            return
        if self._is_first:
            self._make(self._database)
            self._is_first = False
        with self._database.change() as connection:
            if instead_of:
                connection.execute("DELETE FROM text WHERE id = ?", (instead_of,))
            connection.execute("INSERT OR REPLACE INTO text VALUES (?, ?, ?)", (application, manifest, month))
        self._cache.pop(instead_of, None)
        self._cache[application] = registration

    def drop(self, application: str) -> None:
        """Forget a registration."""
        with self._database.change() as connection:
            connection.execute("DELETE FROM text WHERE id = ?", (application,))
        self._cache.pop(application, None)

    def _registration(self, application: str) -> _Registration | None:
        if application not in self._cache:
            rows = self._database.read("SELECT manifest, month FROM text WHERE id = ?", (application,))
            if not rows:
                return None
            manifest, month = rows[0]
            self._cache[application] = _Registration(_digest(manifest), month)
        return self._cache[application]


def _digest(manifest: str) -> bytes:
    return hashlib.sha256(manifest.encode(errors="surrogatepass")).digest()
