"""The running tallies in memory, committed at the end of each batch. Policy: M2.

A tally in memory has no row on disk before its first sample. A commit that fails takes every sample of its batch back.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING

from telemetryd.core import aggregate
from telemetryd.ports import StoredTally

if TYPE_CHECKING:
    from collections.abc import Iterable

    from telemetryd.core.aggregate import Fold, Slot
    from telemetryd.ports import Key
    from telemetryd.ports import Tallies as TallyStore


class Tally:
    """One question's cells of one pushing application and period."""

    __slots__ = ("cells", "id", "key", "period", "pusher")

    def __init__(self, stored: StoredTally) -> None:
        self.id, self.key, self.pusher, self.period, self.cells = stored


class RunningTallies:
    """Everything that is being collected."""

    def __init__(self, store: TallyStore) -> None:
        self._store = store
        self._dirty: dict[Tally, array[int]] = {}
        self._stamp = 0
        self._load()

    def get(self, key: Key, pusher: str, period: str, slots: tuple[Slot, ...]) -> Tally:
        """The tally of a question for one pushing application; a new one is empty and not on disk."""
        found = self._tallies.get((*key, pusher, period))
        if found is None:
            self._last_id += 1
            found = Tally(StoredTally(self._last_id, key, pusher, period, aggregate.empty(slots)))
            self._tallies[*key, pusher, period] = found
        stamps = (aggregate.last_stamp(slots, one.cells) for one in self.of(key, period))
        self._stamp = max(self._stamp, *stamps)
        return found

    def of(self, key: Key, period: str) -> list[Tally]:
        """All applications' tallies of a question and period."""
        return [one for one in self._tallies.values() if one.key == key and one.period == period]

    def contributions(self) -> set[tuple[Key, str]]:
        """(question, pushing application) of every tally."""
        return {(one.key, one.pusher) for one in self._tallies.values()}

    def add(self, folds: Iterable[tuple[Fold, Tally]], reduced: int) -> None:
        """Fold one reduced sample into its tallies; it counts once `commit` has returned."""
        self._stamp += 1
        dirty = self._dirty
        for fold, tally in folds:
            if tally not in dirty:
                dirty[tally] = array("Q", tally.cells)
            fold(tally.cells, reduced, self._stamp)

    def commit(self) -> None:
        """Write what was added since the last commit. Raises StorageError: then nothing of it was added."""
        if not self._dirty:
            return
        dirty, self._dirty = self._dirty, {}
        try:
            self._store.save([StoredTally(one.id, one.key, one.pusher, one.period, one.cells) for one in dirty])
        except BaseException:
            for tally, cells in dirty.items():
                tally.cells[:] = cells
            raise

    def keep(self, tally: Tally) -> None:
        """Make sure that a tally has its row even without a sample."""
        self._store.save([StoredTally(tally.id, tally.key, tally.pusher, tally.period, tally.cells)])

    def erase(self, keys: Iterable[Key], pusher: str | None = None) -> bool:
        """Erase questions' tallies from memory and disk, or only what one application pushed; True if there was anything."""
        gone = set(keys)
        doomed = [one for one in self._tallies.values() if one.key in gone and pusher in {None, one.pusher}]
        if not doomed:
            return False
        for tally in doomed:
            self._dirty.pop(tally, None)
            tally.cells[:] = array("Q", bytes(8 * len(tally.cells)))
        self._store.erase(sorted({one.key for one in doomed}), pusher)
        for tally in doomed:
            del self._tallies[*tally.key, tally.pusher, tally.period]
        return True

    def forget(self, key: Key, period: str) -> None:
        """The store erased a question's tallies of a period together with making its report."""
        for tally in self.of(key, period):
            self._dirty.pop(tally, None)
            del self._tallies[*tally.key, tally.pusher, tally.period]

    def _load(self) -> None:
        stored = self._store.all()
        self._tallies = {(*one.key, one.pusher, one.period): Tally(one) for one in stored}
        self._last_id = max((one.id for one in stored), default=0)
