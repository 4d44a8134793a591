"""Delays before an obstacle is final. A delay is over when the wall clock *and* the running time both say so. Policy: C1.

One clock is not enough. A correction of the wall clock, or a night of suspend, uses up a day in a second. Running time alone stands still
while the machine is off. So a delay has two parts, and both must have passed.

Processes are short-lived, so the counts are stored as a text in the record of the question. All processes of one boot share the running
clock, which restarts at 0 with each boot. Its gain since the last count is certain running time. After a reboot its reading is a lower
bound. So no count is ever too high. After a jump of the wall clock all counts restart, because nobody knows how much time really passed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import DAY_S, HOUR_S, RUN_STEP_MAX_S
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

JUMP_S = 60
"""The wall clock jumped if its gain differs so much (s) from `elapsed`; slewing and leap seconds stay below."""
_STEP_S = RUN_STEP_MAX_S
"""Interval (s) at which counts are stored: that of the timer. A power-off loses at most so much of a count."""


class Moment(NamedTuple):
    """A reading of three clocks, in whole seconds: UTC, and two that start at boot, of which only `elapsed` includes suspends.

    `start` identifies the boot; 0 if it is unknown.
    """

    wall: int
    running: int
    elapsed: int
    start: int = 0


class Delay(NamedTuple):
    """The least duration (s) by each of both clocks."""

    wall_s: int
    running_s: int


AT_ONCE = Delay(0, 0)
UNREADABLE = Delay(DAY_S, HOUR_S)
"""An unreadable file pauses at once and erases only after a day: a mistake in a file must not destroy an answer."""
GONE = Delay(RUN_STEP_MAX_S, RUN_STEP_MAX_S)
"""A manifest or review counts as gone after ten minutes, because package updates replace files."""
UNREGISTERED = Delay(HOUR_S, HOUR_S)
"""A registration that seems too old. The wall clock has shown 90 days already; this hour is the running part."""

EVICTED = Delay(90 * DAY_S, HOUR_S)
"""A registration that made room for another. It has the same 90 days to return as one that expires."""


class _DelayLeft(NamedTuple):
    """The remaining part of a delay: the earliest end by the wall clock (Unix s), and seconds of running time."""

    until: int
    running_s: int

    def is_over(self, wall: int) -> bool:
        return self.running_s <= 0 and self.until <= wall


class Noticed(NamedTuple):
    """The text to store, and the causes whose delay is over."""

    text: str
    over: frozenset[str]


def notice(before: str, delays: Mapping[str, Delay], now: Moment) -> Noticed:
    """Count on for the causes that exist now. `before` is the stored text; causes that are not in `delays` are dropped from it.

    The text changes only if a cause comes, goes or is over, or if ten minutes of running time have to be stored.
    """
    at, delays_left = _from_text(before)
    gained_s = _gained_s(at, now)
    # After a jump no count is known, so each begins again with its full delay.
    known = {} if gained_s is None else {cause: _DelayLeft(left.until, left.running_s - gained_s) for cause, left in delays_left.items()}
    counted = {cause: known.get(cause) or _DelayLeft(now.wall + delay.wall_s, delay.running_s) for cause, delay in delays.items()}
    over = frozenset(cause for cause, left in counted.items() if left.is_over(now.wall))
    # The caller writes the text to disk if it differs, so small gains of running time do not change it.
    is_same = known.keys() == delays.keys() and over == _ended(delays_left, at) and _is_same_start(at, now)
    if is_same and (over == delays.keys() or (gained_s or 0) < _STEP_S):
        return Noticed(before, over)
    return Noticed(_to_text(now, counted), over)


def is_noticed(text: str, cause: str) -> bool:
    """Whether a cause is being counted."""
    return cause in _from_text(text)[1]


def is_due(texts: Iterable[str], now: Moment) -> bool:
    """Whether `notice` would find that a delay has ended or the wall clock has jumped."""
    return any(_is_due(*_from_text(text), now) for text in texts)


def _is_due(at: Moment, delays_left: Mapping[str, _DelayLeft], now: Moment) -> bool:
    gained_s = _gained_s(at, now)
    if gained_s is None:
        return True
    return any(
        _DelayLeft(left.until, left.running_s - gained_s).is_over(now.wall) and not left.is_over(at.wall) for left in delays_left.values()
    )


def _ended(delays_left: Mapping[str, _DelayLeft], at: Moment) -> set[str]:
    return {cause for cause, left in delays_left.items() if left.is_over(at.wall)}


def _is_same_start(at: Moment, now: Moment) -> bool:
    """Whether both readings are of one boot. A clock that went back proves a reboot, even if the boots are not identified."""
    return now.start == at.start and now.running >= at.running and now.elapsed >= at.elapsed


def _gained_s(at: Moment, now: Moment) -> int | None:
    """A lower bound of the running time since the last count; None if the wall clock jumped."""
    wall_s = now.wall - at.wall
    if not _is_same_start(at, now):
        # After a reboot only a wall clock behind `elapsed` is surely wrong: the machine may have been off for long.
        return now.running if wall_s >= now.elapsed - JUMP_S else None
    return now.running - at.running if abs(wall_s - (now.elapsed - at.elapsed)) <= JUMP_S else None


def _to_text(at: Moment, delays_left: Mapping[str, _DelayLeft]) -> str:
    rows = [f"{cause} {left.until} {max(left.running_s, 0)}" for cause, left in delays_left.items()]
    return ";".join([" ".join(map(str, at)), *rows]) if rows else ""


def _from_text(text: str) -> tuple[Moment, dict[str, _DelayLeft]]:
    """The reading and the counts of a stored text. A damaged text counts as empty."""
    head, *entries = text.split(";")
    try:
        at = Moment._make(map(int, head.split()))
        rows = [row.rsplit(" ", 2) for row in entries]
        return at, {cause: _DelayLeft(int(until), int(running_s)) for cause, until, running_s in rows}
    except (TypeError, ValueError):
        return Moment(0, 0, 0, 0), {}
