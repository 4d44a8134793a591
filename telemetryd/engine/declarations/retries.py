"""Reads manifests again that met a disk error: the end of such an error changes no file. No look takes long, and each has its turn."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING

from telemetryd.core.limits import READ_AGAIN_MAX
from telemetryd.errors import StorageError, TelemetrydError, UnfitFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from telemetryd.core.definition import Declaration
    from telemetryd.toml.cache import ParseCache

    Found = Declaration | TelemetrydError
    Kept = tuple[dict[str, Found], ParseCache[Declaration]]
    """What was read of each application, and the cache to read through."""


class Retries:
    """Goes round through the applications concerned, however they change from one look to the next."""

    def __init__(self) -> None:
        self._last = ""

    def read_again(self, all_kept: Sequence[Kept], read: Callable[[str, ParseCache[Declaration]], Found]) -> set[str]:
        """Read at most `READ_AGAIN_MAX` of them, each once for all that keep the error. Returns those that can be read now."""
        mended = set()
        met = {name: cache for kept, cache in reversed(all_kept) for name, found in kept.items() if _may_pass(found)}
        for application in self._following(met):
            found = read(application, met[application])
            for kept, _ in all_kept:
                if _may_pass(kept.get(application)):
                    kept[application] = found
            if not isinstance(found, StorageError):
                mended.add(application)
        return mended

    def _following(self, names: Iterable[str]) -> list[str]:
        ordered = sorted(names)
        at = bisect_right(ordered, self._last)
        chosen = [*ordered[at:], *ordered[:at]][:READ_AGAIN_MAX]
        self._last = chosen[-1] if chosen else ""
        return chosen


def _may_pass(found: Found | None) -> bool:
    """Whether an error may end though no file changes. Where only a change ends it, that change is noticed."""
    return isinstance(found, StorageError) and not isinstance(found, UnfitFileError)
