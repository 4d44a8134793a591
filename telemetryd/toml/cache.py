"""What was made of texts, kept under the digest of their bytes: never stale, because the bytes are read and digested each time.

Kept in memory only. On disk it would have to lie where the user's programs write, and could stand in for the system's files; and nothing
may be written while everything is off, so that the time of a start would tell applications whether anything ever was on. Policy: C3.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class Kept(Generic[T]):
    """What `make` makes of a text and its name; what is not asked for between two turns is forgotten at the second."""

    def __init__(self, make: Callable[[str, str], T]) -> None:
        self._make = make
        self._new: dict[tuple[str, bytes], T] = {}
        self._old: dict[tuple[str, bytes], T] = {}

    def get(self, text: str, name: str) -> T:
        """What is made of this text; whatever `make` raises."""
        key = name, hashlib.sha256(text.encode(errors="surrogatepass")).digest()
        found = self._new.get(key) or self._old.get(key)
        self._new[key] = found = self._make(text, name) if found is None else found
        return found

    def turn(self) -> None:
        """The files are looked at anew."""
        self._old, self._new = self._new, {}
