"""When a report leaves, how often it is tried, and what each answer of a server means. Policy: A2, M4.

What this protects: every user's reports arrive, and nobody's arrive together; reports that arrive together would be one report again.

- The *window* of a period's reports begins when the period closes and is as long as the period, at least seven days. The *slot*, uniform
  in the window, is the moment from which a report may leave; after a failed try that moment is a day later.
- A *tick* is the only moment at which anything leaves: one in each hour of running time, at a uniform moment of that hour. It sends one
  report at most, so a tick that finds several takes one at random and leaves the others to later ticks.
- A process that a timer starts never ticks at once: it starts at the machine's own second of the minute, and a minute after each start of
  the machine, and both would tie its reports together. If the moment passed unseen (most often between two days), it is drawn anew from the
  next hour: from less, ticks would crowd after each start.
- A *session* is a stretch of runs with no gap between them. A report is *late* if its moment came before the running session began: this
  machine was off or asleep then, or its clock was set forward, or the session in which the moment came ended without another tick. All of
  these would leave soon after a start, so they count alike: at most one late report a day (UTC), picked at random. Reports whose moment
  came in the running session are not late, however many ticks they wait; they go first.
- A *day of use* ends with a gap of four hours. The late report leaves at a tick that is uniform among as many as the longer of the last two
  days of use had, not at the first: people who start their machine at the same time each day would else send in the hour after it only,
  and be found by the time of day. It is drawn anew at each tick (one of the n that are left has the chance 1 / n), so a day that is shorter
  than usual costs a day and no report, and one that is longer changes nothing.
- What has not left by the end of a second window is dropped.

Times are whole Unix seconds; `draw(n)` gives a uniform integer in [0, n).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.limits import (
    DAY_OF_USE_GAP_S,
    DAY_S,
    HOUR_S,
    MAX_TRIES,
    RETRY_AFTER_MAX_S,
    RETRY_GAP_S,
    RUN_GAP_S,
    RUN_STEP_MAX_S,
    WINDOW_MIN_S,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from telemetryd.core.hindrance import Hindrance

_RETRIED = frozenset({408, 425, 429})
"""4xx that speak of the moment, not of the report (RFC 9110, 8470, 6585)."""
_ANSWERED, _SUSPENDED = 410, 451
_DAY_TICKS = DAY_S // HOUR_S
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATE = re.compile(rf"[A-Z][a-z]{{2}}, (\d\d) ({'|'.join(_MONTHS)}) (\d{{4}}) (\d\d):(\d\d):(\d\d) GMT", re.ASCII)
_DELAY = re.compile(r"\d{1,10}", re.ASCII)


class Result(StrEnum):
    """What became of a delivery."""

    ACCEPTED = "accepted"
    ANSWERED = "answered"
    """The question is over: nobody sends it any more (M4)."""
    SUSPENDED = "suspended"
    """The question is under review again (R4)."""
    RETRY = "retry"
    """Not accepted now, or never sent: the same bytes may be tried again."""
    REJECTED = "rejected"
    """Will never be accepted: dropped and recorded."""
    UNKNOWN = "unknown"
    """The bytes may have left and nobody says so; tried again like `RETRY`: the nonce lets the server drop the second."""
    HELD = "held"
    """Something of our own installation or configuration is in the way: nothing left, and it was no try."""


class Delivery(NamedTuple):
    """The outcome of one try. `status` is the HTTP status, 0 without an answer; `retry_after_s` is in whole days.

    `hindrance` says what is in the way of a report that is held, and is "" otherwise.
    """

    result: Result
    status: int = 0
    retry_after_s: int | None = None
    hindrance: str = ""


def held(hindrance: Hindrance) -> Delivery:
    """The outcome where something of our own is in the way."""
    return Delivery(Result.HELD, hindrance=hindrance)


class Window(NamedTuple):
    """[start, end) in which a report's slot lies."""

    start: int
    end: int


class Queued(NamedTuple):
    """A report that waits. `tries` counts the tries begun; `not_before` is the earliest moment of the next one, 0 before the first.

    Before a try begins, `tries + 1` and `retry_at(now)` are committed: a try whose outcome is lost is followed by the next a day later.
    """

    id: int
    window: Window
    slot: int
    tries: int = 0
    not_before: int = 0

    @property
    def moment(self) -> int:
        """From when it may leave."""
        return max(self.slot, self.not_before)


class Choice(NamedTuple):
    """The report that a tick sends; a late one uses up the day."""

    id: int
    is_late: bool


class Ticks(NamedTuple):
    """Running time and its ticks, kept over sessions.

    `seen` is the wall time of the last run and `since` the wall time at which the running session began; of the running hour,
    `passed_s` seconds are over, its tick comes at `moment_s` and `is_done` says whether it came. `today` ticks came in the running day of
    use, `before` and `earlier` in the last two that had any.
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
        """How many ticks a usual day of use has left, the one that has just come included; at least 1."""
        return max(self.before - self.today + 1, self.earlier - self.today + 1, 1)

    @property
    def wait_s(self) -> int:
        """Seconds of running time after which `advance` is worth calling: at most the longest step."""
        goal = HOUR_S if self.is_done else self.moment_s
        return min(max(goal - self.passed_s, 1), RUN_STEP_MAX_S)

    @property
    def tick_in_s(self) -> int | None:
        """Seconds until the tick if it comes before the timer's next run, and so has to be waited for."""
        return None if self.is_done or self.moment_s - self.passed_s > RUN_STEP_MAX_S else self.wait_s

    def resume(self, now: int, elapsed_s: int, draw: Callable[[int], int]) -> Ticks:
        """The state after the first run of a process that a timer started; never a tick."""
        hour = _rolled_over(self._counted(now, elapsed_s), draw)
        if not hour.is_done and hour.passed_s >= hour.moment_s:
            return hour._replace(moment_s=hour.passed_s + draw(HOUR_S))
        return hour

    def advance(self, now: int, elapsed_s: int, draw: Callable[[int], int]) -> tuple[Ticks, bool]:
        """The state after a run that was waited for, and whether this run is a tick."""
        hour = self._counted(now, elapsed_s)
        if not hour.is_done and hour.passed_s >= hour.moment_s:
            return _rolled_over(_ticked(hour), draw), True
        return _rolled_over(hour, draw), False

    def _counted(self, now: int, elapsed_s: int) -> Ticks:
        """Running time and session after a run.

        `elapsed_s` is the time since the last run by the caller's best clock; it counts up to the timer's interval, and not at all if
        negative. A gap in wall time, or a clock set back, begins a session.
        """
        gap_s = now - self.seen
        of_use = _next_day(self) if gap_s > DAY_OF_USE_GAP_S else self
        passed_s = self.passed_s + min(max(elapsed_s, 0), RUN_STEP_MAX_S)
        return of_use._replace(seen=now, since=self.since if 0 <= gap_s <= RUN_GAP_S else now, passed_s=passed_s)


def first_hour(now: int, draw: Callable[[int], int]) -> Ticks:
    """The state where none is kept yet."""
    return Ticks(seen=now, since=now, passed_s=0, moment_s=draw(HOUR_S))


def window(period_start: int, period_end: int) -> Window:
    """The window of the reports of the period [period_start, period_end)."""
    return Window(period_end, period_end + max(period_end - period_start, WINDOW_MIN_S))


def slot(of: Window, draw: Callable[[int], int]) -> int:
    """A uniform moment in the window."""
    return of.start + draw(of.end - of.start)


def retry_at(now: int) -> int:
    """The earliest moment of the try after one that begins now."""
    return now + RETRY_GAP_S


def next_try(tries: int, now: int, delivery: Delivery) -> int | None:
    """The earliest moment of the next try after this outcome of try number `tries`; None: there is no other, the report is over.

    What is held does not count as a try, however often it happens.
    """
    if delivery.result is Result.HELD:
        return now + RETRY_GAP_S
    if delivery.result not in {Result.RETRY, Result.UNKNOWN} or tries >= MAX_TRIES:
        return None
    return now + max(RETRY_GAP_S, delivery.retry_after_s or 0)


def is_expired(of: Window, now: int) -> bool:
    """Whether the second window is over."""
    return now >= of.end + (of.end - of.start)


def is_over(report: Queued, now: int) -> bool:
    """Whether no try is left; one whose last outcome was lost is over a day after its last try began."""
    return is_expired(report.window, now) or (report.tries >= MAX_TRIES and now >= report.not_before)


def choose(queue: Iterable[Queued], ticks: Ticks, last_late_day: int, draw: Callable[[int], int]) -> Choice | None:
    """The report that the tick at `ticks.seen` sends; `last_late_day` is the day (`day_of`) of the last late report sent, -1 without."""
    now = ticks.seen
    due = [one for one in queue if one.moment <= now and one.tries < MAX_TRIES and not is_expired(one.window, now)]
    on_time = [one.id for one in due if one.moment >= ticks.since]
    if on_time:
        return Choice(on_time[draw(len(on_time))], is_late=False)
    if not due or last_late_day == day_of(now) or draw(ticks.left):
        return None
    return Choice(due[draw(len(due))].id, is_late=True)


def day_of(now: int) -> int:
    """The number of the UTC day."""
    return now // DAY_S


def delivery_of(status: int, retry_after: str | None, now: int) -> Delivery:
    """What an HTTP status means; `retry_after` is the header of that name as received.

    Redirects are never followed: 3xx, like any status that HTTP does not give for a whole answer, is a rejection. A report whose
    endpoint moved is lost; a report that follows a redirect would leave for a host that nobody consented to (Policy: C6).
    """
    if status == _ANSWERED:
        return Delivery(Result.ANSWERED, status)
    if status == _SUSPENDED:
        return Delivery(Result.SUSPENDED, status)
    if status in _RETRIED or status // 100 == 5:  # noqa: PLR2004 - a class of statuses
        return Delivery(Result.RETRY, status, _retry_after_s(retry_after, now))
    return Delivery(Result.ACCEPTED if status // 100 == 2 else Result.REJECTED, status)  # noqa: PLR2004 - the same


def _rolled_over(hour: Ticks, draw: Callable[[int], int]) -> Ticks:
    """The next hour of running time with a moment of its own, once this one is over and had its tick."""
    if hour.passed_s < HOUR_S or not hour.is_done:
        return hour
    return hour._replace(passed_s=hour.passed_s % HOUR_S, moment_s=draw(HOUR_S), is_done=False)


def _ticked(hour: Ticks) -> Ticks:
    """The state after the hour's tick; a machine that is never off has days of use of 24 ticks."""
    of_use = _next_day(hour) if hour.today >= _DAY_TICKS else hour
    return of_use._replace(is_done=True, today=of_use.today + 1)


def _next_day(of_use: Ticks) -> Ticks:
    """Another day of use begins; one without a tick does not count."""
    return of_use._replace(today=0, before=of_use.today, earlier=of_use.before) if of_use.today else of_use


def _retry_after_s(header: str | None, now: int) -> int | None:
    """Whole days, rounded up; None where the header says nothing believable. The obsolete forms of dates are not read."""
    text = (header or "").strip()
    seconds = int(text) if _DELAY.fullmatch(text) else _seconds_until(text, now)
    days = -(-seconds // DAY_S)
    return days * DAY_S if 0 < seconds <= RETRY_AFTER_MAX_S else None


def _seconds_until(text: str, now: int) -> int:
    match = _HTTP_DATE.fullmatch(text)
    if match is None:
        return 0
    day, month, year, hour, minute, second = match.groups()
    try:
        moment = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp()) - now
