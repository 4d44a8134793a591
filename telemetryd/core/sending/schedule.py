"""When a report leaves, and what the outcome of its one delivery means. Policy: A2, M4.

The aim: every report arrives, no two reports of a user arrive together, and no server gets a report twice. Reports that arrive together
could be linked, as could two copies of one report.

- The *window* of a period's reports begins seven days after the period's end and is as long as the period, at least 28 days. The *slot*,
  uniform in the window, is the moment from which a report may leave. The *second window* is the next 56 days. A report that has not left
  by its end is dropped. So the day of arrival says little of when the machine was on.
- A report is *delivered* when its connection stood and the first byte of its request was written. Then it is final, whatever came: the
  server's status, or nothing. A server that could make a machine send twice would tie two moments and addresses together.
- What surely reached nobody is not a try: no network, name, connection or TLS, or a fault of our own installation. Such a report is *held*:
  its slot is drawn anew, uniform in what is left of the window, else of the second window.
- A *tick* (`core.sending.ticks`) sends at most one report. If several are due, it picks one at random and leaves the others to later
  ticks.
- On a metered line or with little power a report waits for another slot: see `core.sending.sparing`.
- The last part of a daemon's idle time sends nothing, because the exit would break the delivery off. What was due waits for another tick.
- A report is *late* if its slot came before the current session began. The machine was off or asleep then, or its clock was set forward, or
  the earlier session ended without another tick. All these reports would leave soon after a start, so they are treated alike: at most one
  late report a day (UTC), that whose second window ends first. Other reports go first, and are never late, however many ticks they wait.
- The late report does not leave at the first tick of a day of use. Otherwise users who start their machine at the same time each day would
  be recognised by the time of day. It leaves at a uniform tick among as many as the longer of the last two days of use had. Each tick draws
  again, with probability 1 / n if n are left. A shorter day delays the report by a day; a longer one changes nothing.

Times are whole Unix seconds; `rng(n)` gives a uniform integer in [0, n).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.limits import DAY_S, IDLE_MARGIN_S, SECOND_WINDOW_S, WINDOW_DELAY_S, WINDOW_MIN_S
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from telemetryd.core.sending.hindrance import Hindrance
    from telemetryd.core.sending.ticks import Ticks

_ANSWERED, _SUSPENDED = 410, 451


class Result(StrEnum):
    """The result of handing a report over. All but `HELD` are final."""

    ACCEPTED = "accepted"
    ANSWERED = "answered"
    """The question is over: nobody sends it any more (M4)."""
    SUSPENDED = "suspended"
    """The question is under review again (R4)."""
    REJECTED = "rejected"
    """Any other status."""
    UNKNOWN = "unknown"
    """The bytes may have left, and no status came."""
    HELD = "held"
    """Surely nothing left. The report waits for another slot."""


class Delivery(NamedTuple):
    """The outcome of handing a report over. `status` is the HTTP status, 0 without an answer.

    `hindrance` names the cause of a held delivery, and of one without a status. It is "" otherwise.
    """

    result: Result
    status: int = 0
    hindrance: str = ""


def held_delivery(hindrance: Hindrance) -> Delivery:
    """The outcome if the report reached nobody."""
    return Delivery(Result.HELD, hindrance=hindrance)


def unknown_delivery(hindrance: Hindrance) -> Delivery:
    """The outcome if bytes may have left and no status came."""
    return Delivery(Result.UNKNOWN, hindrance=hindrance)


class Window(NamedTuple):
    """The span [start, end) that contains a report's slot at first. The second window is [end, expires)."""

    start: int
    end: int

    @property
    def expires(self) -> int:
        """The end of the second window."""
        return self.end + SECOND_WINDOW_S


class Queued(NamedTuple):
    """A waiting report, none of whose bytes has left."""

    id: int
    window: Window
    slot: int


class Choice(NamedTuple):
    """The report that a tick sends; a late report uses up the day."""

    id: int
    is_late: bool


def window(period_start: int, period_end: int) -> Window:
    """The window of the reports of the period [period_start, period_end)."""
    start = period_end + WINDOW_DELAY_S
    return Window(start, start + max(period_end - period_start, WINDOW_MIN_S))


def slot(window: Window, rng: Callable[[int], int]) -> int:
    """A uniform moment in the window."""
    return window.start + rng(window.end - window.start)


def next_slot(window: Window, now: int, rng: Callable[[int], int]) -> int:
    """The slot of a report that was held: uniform in what is left of the window, else of the second one.

    If both are over, it is `now`; the report is dropped then.
    """
    start = max(now, window.start)
    end = window.end if start < window.end else window.expires
    return start + rng(end - start) if start < end else start


def is_expired(window: Window, now: int) -> bool:
    """Whether the second window is over."""
    return now >= window.expires


def choose(queue: Iterable[Queued], ticks: Ticks, last_late_day: int, rng: Callable[[int], int]) -> Choice | None:
    """The report that the tick at `ticks.seen` sends, if any; `last_late_day` is the `day_of` the last late report, or -1."""
    now = ticks.seen
    due = [report for report in queue if report.slot <= now and not is_expired(report.window, now)]
    on_time = [report.id for report in due if report.slot >= ticks.since]
    if on_time:
        return Choice(on_time[rng(len(on_time))], is_late=False)
    if not due or last_late_day == day_of(now) or rng(ticks.left):
        return None
    first = min(report.window.expires for report in due)
    # By chance among equals: the order of ids is that of their making, and would repeat itself.
    soonest = [report.id for report in due if report.window.expires == first]
    return Choice(soonest[rng(len(soonest))], is_late=True)


def has_time(idle_s: float, rest_s: float) -> bool:
    """Whether a delivery that begins now ends before an idle exit, which is due in `rest_s` of `idle_s` seconds (0: never).

    An exit breaks a delivery off. It does not wait for a delivery either. Else the time at which the names are released would tell
    applications of a delivery, and a server that is slow on purpose whose report it is. Half of a short idle time is kept, so that
    frequent calls do not hold every report back.
    """
    return not idle_s or rest_s >= min(IDLE_MARGIN_S, idle_s / 2)


def day_of(now: int) -> int:
    """The number of the UTC day."""
    return now // DAY_S


def delivery_of(status: int) -> Delivery:
    """The delivery that an HTTP status means.

    Redirects are never followed, because the new host has no consent (Policy: C6). So 3xx is a rejection, as is any unexpected status. A
    report whose endpoint has moved is lost.
    """
    if status == _ANSWERED:
        return Delivery(Result.ANSWERED, status)
    if status == _SUSPENDED:
        return Delivery(Result.SUSPENDED, status)
    return Delivery(Result.ACCEPTED if status // 100 == 2 else Result.REJECTED, status)  # noqa: PLR2004 - a class of statuses
