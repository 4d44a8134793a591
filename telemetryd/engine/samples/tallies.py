"""The running tallies in memory, committed at the end of each batch. Policy: M2, C3.

A tally has no row on disk before its first sample. If a commit fails, every sample of its batch is undone.

A refused sample is folded into a decoy: a tally of the same size whose slots keep nothing, with a row in a file without a name. So kept and
refused samples take the same steps and the same time.
"""

from __future__ import annotations

import secrets
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

from telemetryd.core.answers import aggregate
from telemetryd.core.limits import DECOYS_MAX
from telemetryd.engine.ports import StoredTally
from telemetryd.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from telemetryd.core.answers.aggregate import Fold, Slot
    from telemetryd.core.definition import Key
    from telemetryd.engine.ports import DecoyStore, TallyStore


_PERIOD_CHARACTERS = len("2026-W48")
_FILLER = StoredTally(0, ("", ""), "", "", array("Q", [0, 0, 0]))
"""A decoy of no question. It makes the number of rows in a commit the same for kept and refused samples."""


class Tally:
    """The cells of one question, pushing application and period, or of a decoy. `cells` is that of `stored`, changed in place."""

    __slots__ = ("cells", "is_decoy", "key", "last", "period", "pusher", "stored")

    def __init__(self, stored: StoredTally, last: LastPusher, *, is_decoy: bool = False) -> None:
        self.stored, self.last = stored, last
        _, self.key, self.pusher, self.period, self.cells = stored
        self.is_decoy = is_decoy


class LastPusher:
    """The tally of the application that pushed last into a question and period. Its stamp grows when another application pushes."""

    __slots__ = ("stamp", "tally")

    def __init__(self, stamp: int = 0) -> None:
        self.stamp = stamp
        self.tally: Tally | None = None


Folds = tuple[tuple["Fold", Tally], ...]
"""The targets of one source's samples: for each question that asks for it, a tally or a decoy."""


class RunningTallies:
    """Everything that is being collected."""

    def __init__(self, store: TallyStore, decoys: DecoyStore) -> None:
        self._store = store
        self._decoy_store = decoys
        self._stores: tuple[TallyStore, ...] = (store,)
        """The stores of kept tallies and of decoys, indexed by `Tally.is_decoy`: both take the same number of steps."""
        self._decoys: dict[tuple[Key, str, str, int], Tally] = {}
        self._dirty: dict[Tally, array[int]] = {}
        self._last_decoy_id = secrets.randbits(40)
        self._failure: BaseException | None = None
        self._is_failing = False
        self.missing = store.missing()
        """The stored delays of applications that pushed and whose manifest is missing: see `core.permission.obstacle_delay`."""
        self._load()

    def get(self, key: Key, pusher: str, period: str, slots: tuple[Slot, ...]) -> Tally:
        """The tally of a question for one pushing application. A new one is empty and not on disk."""
        tally = self._tallies.get((*key, pusher, period))
        if tally is None:
            siblings = self.of(key, period)
            last = siblings[0].last if siblings else LastPusher()
            self._last_id += 1
            tally = Tally(StoredTally(self._last_id, key, pusher, period, aggregate.empty_tally(slots)), last)
            self._add(tally)
        if tally.last.tally is None:
            newest = max(self.of(key, period), key=lambda candidate: aggregate.last_stamp(slots, candidate.cells))
            tally.last.stamp = aggregate.last_stamp(slots, newest.cells)
            tally.last.tally = newest if tally.last.stamp else None
        return tally

    def of(self, key: Key, period: str) -> list[Tally]:
        """The tallies of all applications for a question and period."""
        return list(self._by_period.get((key, period), ()))

    def contributions(self) -> set[tuple[Key, str]]:
        """(question, pushing application) of every tally."""
        return {(tally.key, tally.pusher) for tally in self._tallies.values()}

    def measured(self) -> set[tuple[Key, str]]:
        """(question, pushing application) of every tally that holds a sample."""
        return {(tally.key, tally.pusher) for tally in self._tallies.values() if any(tally.cells)}

    def prepare(self) -> None:
        """Open the decoys before the first sample, kept or refused. Raises StorageError."""
        self._stores = self._store, self._decoy_store.opened()

    def decoy(self, key: Key, pusher: str, period: str, slots: tuple[Slot, ...]) -> Tally:
        """The decoy for a tally that is refused, with a row of its own in each period. `slots` are those of `aggregate.decoy_slots`."""
        cells = aggregate.empty_tally(slots)
        name = key, pusher, period, len(cells)
        if name not in self._decoys:
            if len(self._decoys) >= DECOYS_MAX:
                self._decoys.clear()
                self._decoy_store.close()  # with their rows; a new file is made
            self.prepare()
            cells[:] = array("Q", list(secrets.token_bytes(len(cells))))  # below 256, like most counters
            random_key = (_random_text(len(key[0])), _random_text(len(key[1])))
            self._last_decoy_id += 1
            stored = StoredTally(self._last_decoy_id, random_key, _random_text(len(pusher)), _random_text(_PERIOD_CHARACTERS), cells)
            self._decoys[name] = Tally(stored, LastPusher(), is_decoy=True)
        return self._decoys[name]

    def add(self, folds: Folds, reduced: Sequence[int]) -> None:
        """Fold reduced samples of one source into its tallies. They count once `commit` has returned."""
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

        A `write` that failed earlier in the batch fails the commit too, because all replies of the batch must report the error.
        """
        failure, self._failure = self._failure, None
        if failure is not None:
            self._roll_back()
            raise failure
        if self._dirty:
            try:
                self.write()
            finally:
                self._failure = None

    def refuse(self, failure: BaseException) -> None:
        """Make the commit of the batch fail with this error, whatever the batch contains."""
        self._failure = failure

    def write(self) -> None:
        """Write what was added so far, before the batch is over. Raises StorageError, and then `commit` raises it too.

        The decoys are written first: if that fails, all samples of the batch are refused, so none may be stored yet. After a failure of
        either store every commit fails until both can be written, so that no reply shows which store a sample went to.
        """
        if not self._dirty:
            return
        try:
            self._save(self._dirty)
        except BaseException as failure:
            self._failure, self._is_failing = failure, True
            self._roll_back()
            raise
        self._dirty, self._is_failing = {}, False

    def _roll_back(self) -> None:
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
            self._stores[tally.is_decoy].save_one(tally.stored)
        else:
            kept = [tally.stored for tally in dirty if not tally.is_decoy]
            self._save_in_two_commits(kept, [tally.stored for tally in dirty if tally.is_decoy])

    def _save_in_two_commits(self, kept: list[StoredTally], decoys: list[StoredTally]) -> None:
        """Save several tallies in two commits, because a mix of kept ones and decoys needs two: a single commit would show that it is none.

        In all cases one row more than there are tallies is written, and the decoys' file comes first.
        """
        decoy_store = self._decoy_store.opened()
        decoy_store.save([_FILLER, *decoys] if kept else [_FILLER])
        (self._store if kept else decoy_store).save(kept or decoys)

    def keep(self, tally: Tally) -> None:
        """Write a tally's row, even without a sample."""
        self._store.save_one(tally.stored)

    def note_missing(self, noticed: str) -> None:
        """Store the delays for later processes. If they cannot be written, this process still has them in memory."""
        if noticed != self.missing:
            self.missing = noticed
            with suppress(StorageError):
                self._store.keep_missing(noticed)

    def erase(self, keys: Iterable[Key], pusher: str | None = None) -> bool:
        """Erase questions' tallies from memory and disk, or only one application's part. True if there was anything."""
        erased = set(keys)
        matching = [tally for tally in self._tallies.values() if tally.key in erased and pusher in {None, tally.pusher}]
        if not matching:
            return False
        for tally in matching:
            self._dirty.pop(tally, None)
            tally.cells[:] = array("Q", bytes(8 * len(tally.cells)))
        self._store.erase(sorted({tally.key for tally in matching}), pusher)
        for tally in matching:
            self._drop(tally)
        return True

    def forget(self, key: Key, period: str) -> None:
        """Drop a question's tallies of a period from memory: the store erased them in the transaction of the report."""
        for tally in self.of(key, period):
            self._dirty.pop(tally, None)
            self._drop(tally)

    def _load(self) -> None:
        stored = self._store.all()
        last_pushers = {(tally.key, tally.period): LastPusher() for tally in stored}
        self._tallies: dict[tuple[str, str, str, str], Tally] = {}
        self._by_period: dict[tuple[Key, str], list[Tally]] = {}
        for tally in stored:
            self._add(Tally(tally, last_pushers[tally.key, tally.period]))
        self._last_id = max((tally.id for tally in stored), default=0)

    def _add(self, tally: Tally) -> None:
        self._tallies[*tally.key, tally.pusher, tally.period] = tally
        self._by_period.setdefault((tally.key, tally.period), []).append(tally)

    def _drop(self, tally: Tally) -> None:
        del self._tallies[*tally.key, tally.pusher, tally.period]
        remaining = [other for other in self._by_period.pop((tally.key, tally.period)) if other is not tally]
        if remaining:
            self._by_period[tally.key, tally.period] = remaining


def _random_text(characters: int) -> str:
    return secrets.token_hex(characters)[:characters]
