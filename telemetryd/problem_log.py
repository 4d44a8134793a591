"""A problem that lasts is named once in the journal, whoever runs into it, and again when it comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    import logging


class Troubles:
    """What is known to be wrong at the moment: each cause, and what could not be done for it."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def say(self, log: logging.Logger, what: str, failure: Exception) -> None:
        """Tell the journal, if this cause was not told yet; `what` says what could not be done, with a place for the cause."""
        cause = str(failure)
        if cause not in self._known:
            log.warning(what, failure.placed if isinstance(failure, StorageError) else failure)
        self._known.setdefault(cause, set()).add(what)

    def over(self, what: str) -> None:
        """This could be done again. A cause is forgotten when it is in the way of nothing."""
        self._known = {cause: rest for cause, undone in self._known.items() if (rest := undone - {what})}
