"""What is remembered of a question: its result, what blocks or ended it, its period, and what became of its report. Policy: M4, C1."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum

from telemetryd.core import causes
from telemetryd.core.causes import Cause, Reason, because
from telemetryd.core.limits import DAY_S
from telemetryd.named_tuple import NamedTuple

ERASED, UNKNOWN = "erased", "unknown"
"""What became of a report: deleted before it was sent, and some of its bytes may have left."""


class Outcome(StrEnum):
    """The stored result. It is OPEN until the period has closed or passed. All others but REPORTING are final."""

    OPEN = ""
    REPORTING = "reporting"
    ANSWERED = "answered"
    PASSED = "passed"
    SUSPENDED = "suspended"


UNFINISHED = frozenset({Outcome.OPEN, Outcome.REPORTING})
"""The outcomes of a question that has not ended for good."""


class Record(NamedTuple):
    """One row of the consent file: the state of a question, without the user's decision.

    `cause` and `args` (`core.causes`) are the obstacle at the last step, or what ended the question. `is_paused` (1 or 0) says whether the
    obstacle may still pass, and `noticed` is the state of its delay: see `core.permission.obstacle_delay`.

    `period`, `begins` and `closes` (Unix s) describe the drawn period; they are "" or 0 before the draw. `host` is the report's route id.
    `digest` is that of the definition that the period was drawn for, or "". Data that was collected under another definition is never
    counted.

    `report` is what became of the report, in the words of the history, or "". `sent` is the beginning of the day on which it was sent
    (Unix s), 0 if it never began to leave. Both stay when the history goes.
    """

    outcome: Outcome = Outcome.OPEN
    cause: str = ""
    args: str = ""
    period: str = ""
    begins: int = 0
    closes: int = 0
    host: str = ""
    is_paused: int = 0
    noticed: str = ""
    digest: str = ""
    report: str = ""
    sent: int = 0

    @property
    def is_over(self) -> bool:
        """Whether the question ended for good."""
        return self.outcome not in UNFINISHED

    @property
    def reason(self) -> Reason:
        """Cause and arguments. Raises ValueError if this version does not know them."""
        return causes.stored(self.cause, self.args)

    def with_reason(self, reason: Reason) -> Record:
        """The record with another cause."""
        return self._replace(cause=str(reason.cause), args=reason.text)


class Ending(NamedTuple):
    """The end of a report: its outcome in the words of the history, its status, and when its attempt began.

    That time is in Unix seconds, and 0 if no byte left.

    `error` says why nothing left, or why no status came (`hindrance.error_word`), or is "".
    """

    outcome: str
    started: int = 0
    status: int = 0
    error: str = ""

    @property
    def day(self) -> int:
        """The beginning of the day on which it was sent (Unix s), or 0."""
        return self.started // DAY_S * DAY_S

    @property
    def reason(self) -> Reason:
        """The end of the question to which this leads. Raises KeyError for a report that still waits."""
        cause = _CAUSES_OF_ENDS[self.outcome]
        match cause:
            case Cause.DROPPED:
                return because(cause, error=self.error) if self.error else because(cause)
            case Cause.WITHDRAWN:
                return because(cause)
            case Cause.UNKNOWN if self.error:
                return because(cause, date=iso_date(self.started), error=self.error)
            case Cause.REJECTED:
                return because(cause, date=iso_date(self.started), status=str(self.status))
            case _:
                return because(cause, date=iso_date(self.started))


_CAUSES_OF_ENDS = {
    "accepted": Cause.SENT,
    "answered": Cause.SERVER_ANSWERED,
    "suspended": Cause.SERVER_SUSPENDED,
    "rejected": Cause.REJECTED,
    "unknown": Cause.UNKNOWN,
    "dropped": Cause.DROPPED,
    "erased": Cause.WITHDRAWN,
}
REPORT_ENDS = frozenset(_CAUSES_OF_ENDS)
"""Every way in which a report ends, as it is stored and shown."""


def mark_lost(record: Record, now: int) -> Record:
    """The main database is lost with all collected data and reports."""
    if record.outcome is Outcome.REPORTING:
        return finish_report(record, because(Cause.LOST), UNKNOWN)
    if record.outcome is Outcome.OPEN and record.begins and record.begins <= now:
        return mark_passed(record, because(Cause.DAMAGED))
    return record


def begin_report(record: Record, host: str) -> Record:
    """The period has closed, and its report is made for the route `host`."""
    return clear_obstacle(record)._replace(outcome=Outcome.REPORTING, host=host)


def finish_report(record: Record, reason: Reason, report: str) -> Record:
    """The report is over; `report` is its outcome, in the words of the history."""
    return clear_obstacle(record).with_reason(reason)._replace(outcome=Outcome.ANSWERED, report=report)


def record_delivery(record: Record, ending: Ending) -> Record:
    """The report is delivered or dropped."""
    ended = finish_report(record, ending.reason, ending.outcome)._replace(sent=ending.day)
    return ended._replace(outcome=Outcome.SUSPENDED) if ending.outcome == "suspended" else ended


def record_attempt(record: Record, started: int) -> Record:
    """The report was erased while an attempt that began at `started` (Unix s) was under way: bytes may have left."""
    return record._replace(report=UNKNOWN, sent=started // DAY_S * DAY_S)


def record_developer_report(record: Record, ending: Ending) -> Record:
    """The end of a report of developer mode, in which no report ends a question."""
    return record._replace(report=ending.outcome, sent=ending.day)


def mark_passed(record: Record, reason: Reason) -> Record:
    """The period is over without an answer."""
    return clear_obstacle(record).with_reason(reason)._replace(outcome=Outcome.PASSED)


def clear_obstacle(record: Record) -> Record:
    """Nothing blocks the question any more."""
    return record._replace(cause="", args="", is_paused=0, noticed="")


def iso_date(unix: int) -> str:
    """The day (UTC) of a moment (Unix s)."""
    return datetime.fromtimestamp(unix, UTC).date().isoformat()
