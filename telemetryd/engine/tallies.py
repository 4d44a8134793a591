"""The running tallies in memory, committed at the end of each batch. Policy: M2, C3.

A tally in memory has no row on disk before its first sample. A commit that fails takes every sample of its batch back.

What is refused is folded into a decoy: a tally of the same size whose slots keep nothing, with a row in a file without a name. So kept and
refused samples take the same steps and the same time.
"""

from __future__ import annotations

import secrets
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core import aggregate
from telemetryd.core.limits import DECOYS_MAX
from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from telemetryd.core.aggregate import Fold, Slot
    from telemetryd.engine.ports import Decoys, Key
    from telemetryd.engine.ports import Tallies as TallyStore


_PERIOD_CHARACTERS = len("2026-W48")
_FILLER = StoredTally(0, ("", ""), "", "", array("Q", [0, 0, 0]))
"""A decoy that stands for nothing."""


class Tally:
    """One question's cells of one pushing application and period, or a decoy's. `cells` are changed in place, and are those of `stored`."""

    __slots__ = ("cells", "is_decoy", "key", "last", "period", "pusher", "stored")

    def __init__(self, stored: StoredTally, last: Last, *, is_decoy: bool = False) -> None:
        self.stored, self.last = stored, last
        _, self.key, self.pusher, self.period, self.cells = stored
        self.is_decoy = is_decoy


class Last:
    """Which application pushed last into a question and period, and its stamp: it grows when another one pushes, and counts no more."""

    __slots__ = ("stamp", "tally")

    def __init__(self, stamp: int = 0) -> None:
        self.stamp = stamp
        self.tally: Tally | None = None


Folds = tuple[tuple["Fold", Tally], ...]
"""Where samples of one source go: to a tally, or a decoy, of each question that asks for it."""


class RunningTallies:
    """Everything that is being collected."""

    def __init__(self, store: TallyStore, decoys: Decoys) -> None:
        self._store = store
        self._decoy_store = decoys
        self._sides: tuple[TallyStore, ...] = (store,)
        """Where rows go, by `Tally.is_decoy`: the same number of steps for both."""
        self._decoys: dict[tuple[Key, str, str, int], Tally] = {}
        self._dirty: dict[Tally, array[int]] = {}
        self._last_decoy_id = secrets.randbits(40)
        self._failure: BaseException | None = None
        self._is_failing = False
        self.missing = store.missing()
        """What was noticed of applications that pushed and whose manifest is missing: see `core.delay`."""
        self._load()

    def get(self, key: Key, pusher: str, period: str, slots: tuple[Slot, ...]) -> Tally:
        """The tally of a question for one pushing application; a new one is empty and not on disk."""
        found = self._tallies.get((*key, pusher, period))
        if found is None:
            others = self.of(key, period)
            last = others[0].last if others else Last()
            self._last_id += 1
            found = Tally(StoredTally(self._last_id, key, pusher, period, aggregate.empty(slots)), last)
            self._add(found)
        if found.last.tally is None:
            newest = max(self.of(key, period), key=lambda one: aggregate.last_stamp(slots, one.cells))
            found.last.stamp = aggregate.last_stamp(slots, newest.cells)
            found.last.tally = newest if found.last.stamp else None
        return found

    def of(self, key: Key, period: str) -> list[Tally]:
        """All applications' tallies of a question and period."""
        return list(self._by_period.get((key, period), ()))

    def contributions(self) -> set[tuple[Key, str]]:
        """(question, pushing application) of every tally."""
        return {(one.key, one.pusher) for one in self._tallies.values()}

    def prepare(self) -> None:
        """Be ready for samples, of whatever is kept or refused. Raises StorageError."""
        self._sides = self._store, self._decoy_store.opened()

    def decoy(self, key: Key, pusher: str, period: str, slots: tuple[Slot, ...]) -> Tally:
        """What stands for a tally of a question that is refused, with a row of its own in each period; `slots` are `aggregate.decoy`'s."""
        cells = aggregate.empty(slots)
        name = key, pusher, period, len(cells)
        if name not in self._decoys:
            if len(self._decoys) >= DECOYS_MAX:
                self._decoys.clear()
                self._decoy_store.close()  # with their rows; a new file is made
            self.prepare()
            cells[:] = array("Q", list(secrets.token_bytes(len(cells))))  # below 256, as most counters are
            unspeaking = (_random_text(len(key[0])), _random_text(len(key[1])))
            self._last_decoy_id += 1
            stored = StoredTally(self._last_decoy_id, unspeaking, _random_text(len(pusher)), _random_text(_PERIOD_CHARACTERS), cells)
            self._decoys[name] = Tally(stored, Last(), is_decoy=True)
        return self._decoys[name]

    def add(self, folds: Folds, reduced: Sequence[int]) -> None:
        """Fold reduced samples of one source into its tallies; they count once `commit` has returned."""
        dirty = self._dirty
        for fold, tally in folds:
            if tally not in dirty:
                dirty[tally] = array("Q", tally.cells)
            last = tally.last
            if last.tally is not tally:
                last.tally = tally
                last.stamp += 1
            fold(tally.cells, reduced, last.stamp)

    def commit(self) -> None:
        """Write what was added since the last commit, at the end of a batch. Raises StorageError: then nothing of the batch was added.

        Also if it was a `write` in the midst of the batch that failed: everyone in it is still to be told.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            self._take_back()
            raise failure
        try:
            self.write()
        finally:
            self._failure = None

    def refuse(self, failure: BaseException) -> None:
        """The batch cannot be written: its commit fails with this, whatever it holds."""
        self._failure = failure

    def write(self) -> None:
        """Write what was added so far, before the batch is over. Raises StorageError, and `commit` will too.

        The decoys go first: what fails there is refused to everyone, and nothing may have been kept by then. After a failure, on either
        side, every commit fails until both sides take one, so that no answer tells which side a sample went to.
        """
        if not self._dirty:
            return
        try:
            self._save(self._dirty)
        except BaseException as failure:
            self._failure, self._is_failing = failure, True
            self._take_back()
            raise
        self._dirty, self._is_failing = {}, False

    def _take_back(self) -> None:
        dirty, self._dirty = self._dirty, {}
        for tally, cells in dirty.items():
            tally.cells[:] = cells

    def _save(self, dirty: Collection[Tally]) -> None:
        if self._is_failing:
            self._decoy_store.probe()
            self._store.probe()
            self.prepare()
        if len(dirty) == 1:
            (tally,) = dirty
            self._sides[tally.is_decoy].save_one(tally.stored)
        else:
            self._save_in_two([one.stored for one in dirty if not one.is_decoy], [one.stored for one in dirty if one.is_decoy])

    def _save_in_two(self, kept: list[StoredTally], decoys: list[StoredTally]) -> None:
        """Several tallies take two commits, as they must if some are kept and some not: one would tell that all are, or none.

        In all cases it is one row more than there are tallies, and the decoys' file is first.
        """
        side = self._decoy_store.opened()
        side.save([_FILLER, *decoys] if kept else [_FILLER])
        (self._store if kept else side).save(kept or decoys)

    def keep(self, tally: Tally) -> None:
        """Make sure that a tally has its row even without a sample."""
        self._store.save_one(tally.stored)

    def note_missing(self, noticed: str) -> None:
        """Keep what was noticed, for the processes to come; where the disk does not take it, this one knows."""
        if noticed != self.missing:
            self.missing = noticed
            with suppress(StorageError):
                self._store.keep_missing(noticed)

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
            self._drop(tally)
        return True

    def forget(self, key: Key, period: str) -> None:
        """The store erased a question's tallies of a period together with making its report."""
        for tally in self.of(key, period):
            self._dirty.pop(tally, None)
            self._drop(tally)

    def _load(self) -> None:
        stored = self._store.all()
        lasts = {(one.key, one.period): Last() for one in stored}
        self._tallies: dict[tuple[str, str, str, str], Tally] = {}
        self._by_period: dict[tuple[Key, str], list[Tally]] = {}
        for one in stored:
            self._add(Tally(one, lasts[one.key, one.period]))
        self._last_id = max((one.id for one in stored), default=0)

    def _add(self, tally: Tally) -> None:
        self._tallies[*tally.key, tally.pusher, tally.period] = tally
        self._by_period.setdefault((tally.key, tally.period), []).append(tally)

    def _drop(self, tally: Tally) -> None:
        del self._tallies[*tally.key, tally.pusher, tally.period]
        rest = [one for one in self._by_period.pop((tally.key, tally.period)) if one is not tally]
        if rest:
            self._by_period[tally.key, tally.period] = rest


def _random_text(characters: int) -> str:
    return secrets.token_hex(characters)[:characters]
