"""What was erased, and whether anything of it is left in our files. Policy: C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.engine.durability import Point

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from telemetryd.engine.durability import Steps
    from telemetryd.engine.ports import Key


class Erasure:
    """An erasure is pending from its begin until the logs were emptied after it. `abort` breaks off sending what was erased.

    Pending at first: a run that was killed may have left one.
    """

    def __init__(self, abort: Callable[[Iterable[Key]], None]) -> None:
        self._abort = abort
        self.is_pending = True
        self.is_held_up = False
        """Whether the last attempt failed, because another process reads."""
        self._left: Callable[[], bool] = lambda: True

    def begin(self, keys: Iterable[Key] = ()) -> None:
        """Rows were erased, those of some questions among them; their text is in the database's log until that is emptied."""
        self._abort(keys)
        self.is_pending = True

    def include(self, left: Callable[[], bool]) -> None:
        """An erasure in other files is pending as well; `left` tries to finish it, and says whether it did."""
        self._left, self.is_pending = left, True

    def finishing(self) -> Steps[bool]:
        """Empty the logs; whether nothing is pending. The disk is asked for the same whether anything was erased or not. Policy: C3."""
        is_done = yield Point.EMPTIED
        self.is_held_up = self.is_pending = not (self._left() and is_done)
        return not self.is_pending
