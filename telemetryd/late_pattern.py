"""Regular expressions that are compiled when they are first used. The compiler is slow, and most runs of the daemon never meet their texts.

This is for what a daemon seldom reads. The first use takes longer, so it may not depend on what the user decided: never for manifests, of
which the accepted ones are read at a start. Policy: C3.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from re import Pattern


class _LatePattern:
    """Looks like a compiled pattern, and takes each member from it once."""

    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    def __getattr__(self, name: str) -> Any:
        member = getattr(re.compile(self._text, self._flags), name)
        setattr(self, name, member)
        return member


def late_pattern(text: str, flags: int = 0) -> Pattern[str]:
    """A pattern as of `re.compile`, which raises `re.error` only when it is used."""
    return _LatePattern(text, flags)  # type: ignore[return-value]  # it has all members
