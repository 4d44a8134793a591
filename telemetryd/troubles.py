"""A problem that lasts is named once in the journal, whoever runs into it, and again when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    import logging


class Troubles:
    """What is known to be wrong at the moment, by its cause."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def say(self, log: logging.Logger, what: str, failure: Exception) -> None:
        """Tell the journal, if this cause was not told yet; `what` says what could not be done, with a place for the cause."""
        cause = str(failure)
        if cause not in self._told:
            self._told.add(cause)
            log.warning(what, failure.placed if isinstance(failure, StorageError) else failure)

    def over(self) -> None:
        """Everything that was due could be done."""
        self._told.clear()
