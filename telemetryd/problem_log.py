"""Logs a lasting problem once, whichever part runs into it, and again if it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.errors import StorageError

if TYPE_CHECKING:
    import logging


class ProblemLog:
    """The current problems: each cause, with the messages of the work that it prevents."""

    def __init__(self) -> None:
        self._known: dict[str, set[str]] = {}

    def warn_once(self, log: logging.Logger, message: str, failure: Exception) -> None:
        """Log a warning if this cause is not known yet. `message` names the prevented work, with a `%s` for the cause."""
        cause = str(failure)
        if cause not in self._known:
            log.warning(message, failure.text_with_path if isinstance(failure, StorageError) else failure)
        self._known.setdefault(cause, set()).add(message)

    def solved(self, message: str) -> None:
        """The work of this message succeeded. A cause that prevents nothing any more is forgotten."""
        self._known = {cause: rest for cause, messages in self._known.items() if (rest := messages - {message})}
