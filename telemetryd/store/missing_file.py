"""What stands for a file that cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from telemetryd.errors import StorageError
from telemetryd.store.database import Database

if TYPE_CHECKING:
    from telemetryd.store.schema import Schema


class NoDatabase(Database):
    """Stands for a file that cannot be used: it reads as empty, and whoever writes is told why."""

    def __init__(self, schema: Schema, why: StorageError) -> None:
        super().__init__(Path(os.devnull, "nothing"), schema)
        self._why = why

    def make(self) -> None:
        """There is nothing to make. Raises StorageError."""
        raise StorageError(str(self._why), self._why.place)
