"""The moments at which a report may leave, and the running time that they are drawn in. Policy: A2.

A *tick* is the only moment at which a report leaves. Each hour of running time has one tick, at a uniform moment of that hour.

- A process that was started by a timer never ticks at once. It starts at a fixed second of the minute, and a minute after each boot; both
  would link its reports. A tick whose moment passed between two processes is drawn again from the next hour. From a shorter span, ticks
  would crowd after each start.
- A *session* is a sequence of runs without a gap.
- A *day of use* ends with a gap of four hours.

Times are whole Unix seconds; `rng(n)` gives a uniform integer in [0, n).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import DAY_OF_USE_GAP_S, DAY_S, HOUR_S, RUN_GAP_S, RUN_STEP_MAX_S
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_DAY_TICKS = DAY_S // HOUR_S


class Ticks(NamedTuple):
    """Running time and its ticks, stored across sessions.

    `seen` is the wall time of the last run, and `since` that of the start of the current session. `passed_s` seconds of the current hour
    are over; its tick comes at `moment_s`, and `is_done` says whether it came. `today` counts the ticks of the current day of use,
    `before` and `earlier` those of the last two that had any.
    """

    seen: int
    since: int
    passed_s: int
    moment_s: int
    is_done: bool = False
    today: int = 0
    before: int = 0
    earlier: int = 0

    @property
    def left(self) -> int:
        """The number of ticks left in a usual day of use, including the current one; at least 1."""
        return max(self.before - self.today + 1, self.earlier - self.today + 1, 1)

    @property
    def wait_s(self) -> int:
        """Seconds of running time after which `advance` is worth calling: at most the longest step."""
        goal = HOUR_S if self.is_done else self.moment_s
        return min(max(goal - self.passed_s, 1), RUN_STEP_MAX_S)

    @property
    def tick_in_s(self) -> int | None:
        """Seconds until the tick, if it comes before the timer's next run, so that the process has to wait for it."""
        return None if self.is_done or self.moment_s - self.passed_s > RUN_STEP_MAX_S else self.wait_s

    def resume(self, now: int, elapsed_s: int, rng: Callable[[int], int]) -> Ticks:
        """The state after the first run of a process that a timer started; never a tick."""
        hour = _next_hour_if_over(self._after_run(now, elapsed_s), rng)
        if not hour.is_done and hour.passed_s >= hour.moment_s:
            return hour._replace(moment_s=hour.passed_s + rng(HOUR_S))
        return hour

    def advance(self, now: int, elapsed_s: int, rng: Callable[[int], int]) -> tuple[Ticks, bool]:
        """The state after a later run of the process, and whether this run is a tick."""
        hour = self._after_run(now, elapsed_s)
        if not hour.is_done and hour.passed_s >= hour.moment_s:
            return _next_hour_if_over(_after_tick(hour), rng), True
        return _next_hour_if_over(hour, rng), False

    def _after_run(self, now: int, elapsed_s: int) -> Ticks:
        """The state with the running time and session of a run.

        `elapsed_s` is the time since the last run by the caller's best clock. At most the timer's interval of it counts; a negative one
        counts as 0. A gap in wall time, or a clock that was set back, begins a session.
        """
        gap_s = now - self.seen
        ticks = _next_day(self) if gap_s > DAY_OF_USE_GAP_S else self
        passed_s = self.passed_s + min(max(elapsed_s, 0), RUN_STEP_MAX_S)
        return ticks._replace(seen=now, since=self.since if 0 <= gap_s <= RUN_GAP_S else now, passed_s=passed_s)


def first_hour(now: int, rng: Callable[[int], int]) -> Ticks:
    """The first state, if none is stored."""
    return Ticks(seen=now, since=now, passed_s=0, moment_s=rng(HOUR_S))


def _next_hour_if_over(hour: Ticks, rng: Callable[[int], int]) -> Ticks:
    """The state of the next hour of running time, if this one is over and had its tick; otherwise this state."""
    if hour.passed_s < HOUR_S or not hour.is_done:
        return hour
    return hour._replace(passed_s=hour.passed_s % HOUR_S, moment_s=rng(HOUR_S), is_done=False)


def _after_tick(hour: Ticks) -> Ticks:
    """The state after the hour's tick. A machine that is never off has days of use of 24 ticks."""
    ticks = _next_day(hour) if hour.today >= _DAY_TICKS else hour
    return ticks._replace(is_done=True, today=ticks.today + 1)


def _next_day(ticks: Ticks) -> Ticks:
    """The state with a new day of use. A day without a tick does not count."""
    return ticks._replace(today=0, before=ticks.today, earlier=ticks.before) if ticks.today else ticks
