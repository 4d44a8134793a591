"""A database in place of a file that cannot be used."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError
from telemetryd.store.database import Database

if TYPE_CHECKING:
    from telemetryd.store.schema import Schema


class NoDatabase(Database):
    """Reads as empty, and raises StorageError with the reason at every write."""

    def __init__(self, schema: Schema, why: StorageError) -> None:
        super().__init__(Path(os.devnull, "nothing"), schema)
        self._why = why
        weakref.finalize(self, self._connection.close)  # nobody closes what reads as empty

    def make(self) -> None:
        """Raises StorageError."""
        raise StorageError(str(self._why), self._why.path)
