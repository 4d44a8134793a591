"""Who answers: which open questions have room in the privacy budget. Policy: A1, A2, M4.

The ledger holds only questions whose period has begun: their answers are *held* until the close charges or releases them. Of a question
that waits nothing is stored but its lot. Whether it has room is a view, computed from scratch at each look. Where not all fit, the rank of
the lot decides, which was drawn once: not who accepts early, late or much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.causes import Cause, Reason, because
from telemetryd.core.privacy.ledger import Sums
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from telemetryd.core.definition import Key
    from telemetryd.core.privacy.ledger import Caps, Charge

YES = Reason()
"""A waiting question has room: its answer is held when its period begins, if nothing changes until then."""
NOT_DRAWN = because(Cause.NOT_DRAWN)
"""A question asks only a part of the users, and this user is not among them so far."""


class Candidate(NamedTuple):
    """An open question that nothing shuts for good, with its drawn period.

    `accepted` and `begins` are Unix s. `entry` is the charge of its answer, or None while no endpoint is known. `is_drawn`: the user is
    among those who are asked. While `is_paused`, the question can get room, but cannot end for lack of room.
    """

    rank: int
    accepted: int
    begins: int
    entry: Charge | None
    is_drawn: bool = True
    is_paused: bool = False


class Contender(NamedTuple):
    """A question that competes for room, in the order of ranks."""

    rank: int
    key: Key
    entry: Charge


class Look(NamedTuple):
    """The result of a look: changes of the ledger (None releases), the end of each question without room, and the room of those that wait.

    An end is NOT_DRAWN or the cap that the answer would exceed. The room is YES, NOT_DRAWN or that cap. It is missing without an endpoint.
    """

    changes: dict[Key, Charge | None]
    passed: dict[Key, Reason]
    waiting: dict[Key, Reason]


def word(room: Reason | None) -> str:
    """The room as on Control1: `yes`, `so far not`, the kind of the cap, or "" if nothing is known."""
    if room is None:
        return ""
    return {Cause.NONE: "yes", Cause.NOT_DRAWN: "so far not"}.get(room.cause) or dict(room.args)["cap"]


def compete(candidates: Mapping[Key, Candidate], begins: int, host: str) -> list[Contender]:
    """The questions that compete for the room of a host when a period begins: all that are due then or later."""
    chosen = {
        key: candidate for key, candidate in candidates.items() if candidate.is_drawn and candidate.accepted < begins <= candidate.begins
    }
    return [contender for contender in _in_order(chosen) if contender.entry.host == host]


def view(sums: Sums, contenders: Iterable[Contender]) -> dict[Key, Reason | None]:
    """Each question with the cap that its answer would exceed beside the `sums` and the contenders before it, or None if it fits."""
    taken = sums.copy()
    obstacles: dict[Key, Reason | None] = {}
    for contender in contenders:
        obstacles[contender.key] = taken.obstacle(contender.entry)
        if not obstacles[contender.key]:
            taken.add(contender.entry)
    return obstacles


def look(ledger: Mapping[Key, Charge], candidates: Mapping[Key, Candidate], caps: Caps, now: int) -> Look:
    """Hold, release and pass as of `now` (Unix s), also for the periods that began while the machine was off.

    The result does not depend on the order of acceptances, nor on how often one looks. Looking again changes nothing.
    """
    turn = _Turn(ledger, candidates, caps, now)
    turn.hold_again()
    for begins in turn.due():
        turn.hold_due(begins)
    return Look(turn.changes(), turn.passed, turn.waiting())


def _in_order(candidates: Mapping[Key, Candidate]) -> list[Contender]:
    """The candidates with an endpoint, in the order in which they get room: by rank, and by key where ranks are equal."""
    return sorted(Contender(candidate.rank, key, candidate.entry) for key, candidate in candidates.items() if candidate.entry)


class _Turn:
    """One look: `held` and `passed` grow until every question that is due has its place."""

    def __init__(self, ledger: Mapping[Key, Charge], candidates: Mapping[Key, Candidate], caps: Caps, now: int) -> None:
        self._ledger, self._candidates, self._caps, self._now = ledger, candidates, caps, now
        self._charged = [entry for entry in ledger.values() if entry.is_charged]
        self.held: dict[Key, Charge] = {}
        self.passed: dict[Key, Reason] = {}

    def hold_again(self) -> None:
        """Hold what was held. A question whose host changed, and all of them if a cap is exceeded, must find room again."""
        before = {key: entry for key, entry in self._ledger.items() if not entry.is_charged}
        contenders = [contender for contender in _in_order(self._candidates) if contender.key in before]
        self.held = {key: entry for _, key, entry in contenders if entry == before[key]}
        sums = self._sums()
        if sums.is_exceeded:
            self.held, sums = {}, Sums(self._caps, self._charged)
        for contender in contenders:
            if contender.key not in self.held:
                self._hold_or_pass(contender, sums, None)

    def due(self) -> list[int]:
        """The beginnings of the periods that are not decided yet."""
        return sorted({candidate.begins for candidate in self._open().values() if candidate.begins <= self._now})

    def hold_due(self, begins: int) -> None:
        """Decide the questions whose period begins then, beside all that begin later."""
        sums = self._sums()
        open_ = self._open()
        obstacles = self._view(sums, begins, open_)
        due = {key: candidate for key, candidate in open_.items() if candidate.begins == begins}
        for contender in _in_order(due):
            self._hold_or_pass(contender, sums, obstacles.get(contender.key, NOT_DRAWN))

    def waiting(self) -> dict[Key, Reason]:
        """The room of each question whose period is to come."""
        # After a clock was set back, an acceptance can seem to be in the future.
        open_ = {key: candidate._replace(accepted=min(candidate.accepted, self._now)) for key, candidate in self._open().items()}
        obstacles = self._view(self._sums(), self._now + 1, open_)
        return {
            key: YES if key in self.held else (obstacles[key] or YES) if key in obstacles else NOT_DRAWN
            for key, candidate in self._candidates.items()
            if candidate.begins > self._now and candidate.entry and key not in self.passed
        }

    def changes(self) -> dict[Key, Charge | None]:
        """What differs from the ledger: None releases."""
        released = [key for key, entry in self._ledger.items() if not entry.is_charged and key not in self.held]
        new = {key: entry for key, entry in self.held.items() if self._ledger.get(key) != entry}
        return {**dict.fromkeys(released), **new}

    def _hold_or_pass(self, contender: Contender, sums: Sums, obstacle: Reason | None) -> None:
        candidate = self._candidates[contender.key]
        obstacle = obstacle or sums.obstacle(contender.entry)
        if not obstacle:
            self.held[contender.key] = contender.entry
            sums.add(contender.entry)
        elif candidate.begins <= self._now and not candidate.is_paused:
            self.passed[contender.key] = obstacle

    @staticmethod
    def _view(sums: Sums, begins: int, undecided: Mapping[Key, Candidate]) -> dict[Key, Reason | None]:
        # Each host by itself: what waits for another vendor changes nothing here, though both ask for one source.
        by_host: dict[str, dict[Key, Candidate]] = {}
        for key, candidate in undecided.items():
            if candidate.entry:
                by_host.setdefault(candidate.entry.host, {})[key] = candidate
        obstacles: dict[Key, Reason | None] = {}
        for host, candidates in by_host.items():
            obstacles |= view(sums, compete(candidates, begins, host))
        return obstacles

    def _open(self) -> dict[Key, Candidate]:
        return {key: candidate for key, candidate in self._candidates.items() if key not in self.held and key not in self.passed}

    def _sums(self) -> Sums:
        return Sums(self._caps, (*self._charged, *self.held.values()))
