"""A cache of parsed texts under the digest of their bytes. It is never stale, because the bytes are read and digested each time.

The cache stays in memory. On disk, the user's programs could forge it, and so replace system files. Also nothing may be written while
telemetry is off. Otherwise the duration of a start would tell applications whether it was ever on. Policy: C3.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class ParseCache(Generic[T]):
    """The results of `make(text, name)`. A result that is not requested for a whole generation is dropped."""

    def __init__(self, make: Callable[[str, str], T]) -> None:
        self._make = make
        self._current: dict[tuple[str, bytes], T] = {}
        self._previous: dict[tuple[str, bytes], T] = {}

    def get(self, text: str, name: str) -> T:
        """The result for a text. Raises what `make` raises; that is not cached."""
        key = name, hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        result = self._current.get(key) or self._previous.get(key)
        self._current[key] = result = self._make(text, name) if result is None else result
        return result

    def next_generation(self) -> None:
        """Begin a generation: all files are about to be read again."""
        self._previous, self._current = self._current, {}
