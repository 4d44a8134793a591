"""Keeps equal texts and tuples once: what many applications declare alike takes memory once.

A catalogue has a table for each of its caches, so that the time of a first sample does not show what a decision has read. Policy: C3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from telemetryd.core.limits import SHARED_MAX_BYTES

if TYPE_CHECKING:
    from telemetryd.core.definition import Declaration

T = TypeVar("T")

_ENTRY_BYTES = 200
"""What an entry takes beside its characters or references: the object, its key and its place in the table."""


class Shared:
    """A table of texts and tuples. When it is full it begins anew, so that texts that came and went do not accumulate."""

    def __init__(self, most_bytes: int = SHARED_MAX_BYTES) -> None:
        self._known: dict[tuple[type, Any], Any] = {}
        self._most_bytes = most_bytes
        self.size_bytes = 0

    def share(self, value: T) -> T:
        """An equal value whose texts and tuples are those of the table. A value of another type is returned as it is.

        Numbers in tuples count as equal whether they are written 500 or 500.0, as they do in labels and digests.
        """
        if isinstance(value, tuple):
            parts = map(self.share, value)
            value = value._make(parts) if hasattr(value, "_make") else tuple(parts)  # type: ignore[assignment]  # the type stays
        elif type(value) is not str:
            return value
        key = type(value), value
        known = self._known.get(key)
        if known is None:
            self._note(key)
            known = value
        return known

    def share_declaration(self, declaration: Declaration) -> Declaration:
        """The same declaration, which shares all but its digests."""
        application = type(declaration.application)._make(map(self.share, declaration.application))
        definitions = [
            definition._replace(application=application, question=self.share(definition.question), fields=self.share(definition.fields))
            for definition in declaration.definitions
        ]
        return declaration._replace(application=application, sources=self.share(declaration.sources), definitions=tuple(definitions))

    def _note(self, key: tuple[type, Any]) -> None:
        kind, value = key
        size_bytes = _ENTRY_BYTES + len(value) * (1 if kind is str else 8)
        if size_bytes > self._most_bytes:
            return
        if self.size_bytes + size_bytes > self._most_bytes:
            self._known.clear()
            self.size_bytes = 0
        self._known[key] = value
        self.size_bytes += size_bytes
