"""Delays before a loss is final: over when the wall clock *and* the running time since something was first noticed say so. Policy: C1.

One clock alone can't tell. A single correction of the wall clock, or a night of suspend, uses up a day in a second. Running time alone
lasts as long as people keep their machines off. So a delay has two parts, and both must have passed.

Processes are short-lived, so what was noticed is kept as a text with the record that it concerns. The machine's running clock is the same
for all processes and begins anew at each start of the machine. What it gained since the last count is running time for certain; after
another start the machine has run at least as long as the clock shows. So a count is never too high, whoever makes it. A wall clock that
jumped makes every count begin anew: nobody can tell how much of the wall clock's part has really passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import DAY_S, HOUR_S, RUN_STEP_MAX_S

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JUMP_S = 60
"""The wall clock jumped if it gained so much more or less than the clock that counts suspends: more than slewing and leap seconds do."""
_STEP_S = RUN_STEP_MAX_S
"""Running time is written down this often (s), with each run of the timer: so much is lost of a count when the machine is switched off."""


class Moment(NamedTuple):
    """One look at the machine's three clocks, in whole seconds: UTC, and two that begin with the machine; only `elapsed` counts suspends.

    `start` is a number of the machine's start, 0 where it cannot be known.
    """

    wall: int
    running: int
    elapsed: int
    start: int = 0


class Delay(NamedTuple):
    """How long something must have lasted by both clocks (s)."""

    wall_s: int
    running_s: int


AT_ONCE = Delay(0, 0)
UNREADABLE = Delay(DAY_S, HOUR_S)
"""An unreadable file pauses at once and erases only after a day: a mistake in a file must not destroy an answer."""
GONE = Delay(RUN_STEP_MAX_S, RUN_STEP_MAX_S)
"""A manifest or review is gone after two looks ten minutes apart: package updates replace files."""
UNREGISTERED = Delay(HOUR_S, HOUR_S)
"""A registration that seems too old: the 90 days are the wall clock's part, and this hour is the running part."""

EVICTED = Delay(90 * DAY_S, HOUR_S)
"""A registration that made room: as long as one may be missing that nobody was in the way of."""


class _Left(NamedTuple):
    """What is left of a delay: the wall clock's moment from which it may be over, and seconds of running time."""

    until: int
    running_s: int

    def is_over(self, wall: int) -> bool:
        return self.running_s <= 0 and self.until <= wall


class Noticed(NamedTuple):
    """What is to be remembered, as a text, and which of the things noticed have lasted their delay."""

    text: str
    over: frozenset[str]


def notice(before: str, delays: Mapping[str, Delay], now: Moment) -> Noticed:
    """Count for what is there at this look; `before` is the last look's text, and what is not in `delays` is forgotten.

    The text changes only where something comes, goes, is over, or ten minutes of running time are to be written down.
    """
    at, lefts = _read(before)
    gained_s = _gained_s(at, now)
    known = {} if gained_s is None else {what: _Left(left.until, left.running_s - gained_s) for what, left in lefts.items()}
    counted = {what: known.get(what) or _Left(now.wall + delay.wall_s, delay.running_s) for what, delay in delays.items()}
    over = frozenset(what for what, left in counted.items() if left.is_over(now.wall))
    is_same = known.keys() == delays.keys() and over == _over(lefts, at) and _is_same_start(at, now)
    if is_same and (over == delays.keys() or (gained_s or 0) < _STEP_S):
        return Noticed(before, over)
    return Noticed(_written(now, counted), over)


def is_noticed(text: str, what: str) -> bool:
    """Whether something is being counted."""
    return what in _read(text)[1]


def is_due(texts: Iterable[str], now: Moment) -> bool:
    """Whether a look would find that a delay is over, or that the clock jumped."""
    return any(_is_due(*_read(text), now) for text in texts)


def _is_due(at: Moment, lefts: Mapping[str, _Left], now: Moment) -> bool:
    gained_s = _gained_s(at, now)
    if gained_s is None:
        return True
    return any(_Left(left.until, left.running_s - gained_s).is_over(now.wall) and not left.is_over(at.wall) for left in lefts.values())


def _over(lefts: Mapping[str, _Left], at: Moment) -> set[str]:
    return {what for what, left in lefts.items() if left.is_over(at.wall)}


def _is_same_start(at: Moment, now: Moment) -> bool:
    """Whether the machine was not started anew since then; certainly it was if one of its clocks went back."""
    return now.start == at.start and now.running >= at.running and now.elapsed >= at.elapsed


def _gained_s(at: Moment, now: Moment) -> int | None:
    """Running time since the last count, at least; None if the wall clock jumped."""
    wall_s = now.wall - at.wall
    if not _is_same_start(at, now):
        return now.running if wall_s >= now.elapsed - JUMP_S else None
    return now.running - at.running if abs(wall_s - (now.elapsed - at.elapsed)) <= JUMP_S else None


def _written(at: Moment, lefts: Mapping[str, _Left]) -> str:
    rows = [f"{what} {left.until} {max(left.running_s, 0)}" for what, left in lefts.items()]
    return ";".join([" ".join(map(str, at)), *rows]) if rows else ""


def _read(text: str) -> tuple[Moment, dict[str, _Left]]:
    """The text's parts; what damage made of it counts as nothing noticed."""
    head, *rest = text.split(";")
    try:
        at = Moment._make(map(int, head.split()))
        rows = [one.rsplit(" ", 2) for one in rest]
        return at, {what: _Left(int(until), int(running_s)) for what, until, running_s in rows}
    except (TypeError, ValueError):
        return Moment(0, 0, 0, 0), {}
