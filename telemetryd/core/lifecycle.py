"""The life of a question for one user: draw, period, answered, passed. Policy: M4, C1.

    unreviewed → pending → waiting → active → reporting → answered
                                        └─ passed      (or expired, stopped, suspended, refused on the way)

`step` is asked whenever anything changes and at each tick: it gives the state that the user sees, what is to be remembered, and what the
daemon has to do. *answered* and *passed* stick to (application, question id), whatever the definition.

Nothing final follows from not being able to look. Without the manifest that declares a question, only these end it: what the user or an
administrator decides, a stop, and the manifest's own absence once that has lasted its delay.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from telemetryd.core.definition import Draw
from telemetryd.core.delay import AT_ONCE, notice
from telemetryd.core.gate import Cause, Closed, Presence, closures, told
from telemetryd.core.period import period_at
from telemetryd.core.sampling_lot import drawn_period, takes_part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.delay import Moment
    from telemetryd.core.gate import Circumstances


class State(StrEnum):
    """Where a question is, as the user is shown it."""

    UNREVIEWED = "unreviewed"
    PENDING = "pending"
    WAITING = "waiting"
    ACTIVE = "active"
    REPORTING = "reporting"
    ANSWERED = "answered"
    PASSED = "passed"
    EXPIRED = "expired"
    STOPPED = "stopped"
    SUSPENDED = "suspended"
    REFUSED = "refused"


class Outcome(StrEnum):
    """What is kept of a question's life. OPEN until its period closed or passed; all but REPORTING are final."""

    OPEN = ""
    REPORTING = "reporting"
    ANSWERED = "answered"
    PASSED = "passed"
    SUSPENDED = "suspended"


class Effect(StrEnum):
    """What the daemon must do now."""

    NOTHING = "nothing"
    ERASE = "erase"
    CLOSE = "close"


class Record(NamedTuple):
    """What the consent file remembers of one question beside the user's decision.

    `period`, `begins` and `closes` (Unix s) are the drawn period's, 0 before it is known. `closed_cause` tells what shut the question when
    it was last looked at, and `is_paused` (1 or 0) whether that may still pass; `noticed` counts how long: see `core.delay`. `revision` is
    the definition's that the period was drawn for, "" before that: what was collected under another one is never counted.
    """

    outcome: Outcome = Outcome.OPEN
    reason: str = ""
    period: str = ""
    begins: int = 0
    closes: int = 0
    host: str = ""
    closed_cause: str = ""
    is_paused: int = 0
    noticed: str = ""
    revision: str = ""


class Step(NamedTuple):
    """The answer of `step`: `is_collecting` says whether samples are kept now."""

    record: Record
    state: State
    reason: str = ""
    effect: Effect = Effect.NOTHING
    is_collecting: bool = False


_DAY_S = 86400
_SETTLED = {
    Cause.STOPPED: State.STOPPED,
    Cause.SUSPENDED: State.SUSPENDED,
    Cause.UNREVIEWED: State.UNREVIEWED,
    Cause.REVIEW: State.UNREVIEWED,
    Cause.REFUSED: State.REFUSED,
}
"""What others settle whatever the user accepts, and the user's own refusal: the first that applies is shown."""

_SERVER_SAYS = "the server says that the question is"
_DELIVERED = {"accepted": "sent", "answered": f"{_SERVER_SAYS} answered"}
NO_PERIOD = "no whole period is left before it ends"
NOT_DRAWN = "you were not drawn: only a part of the users is asked"
TOO_LATE = "the period that was drawn for you had begun when you accepted"
CLOSED_AT_START = "it was shut when its period began"


class Look(NamedTuple):
    """One look at a question: what is asked, under which circumstances, all that shuts it, and when."""

    definition: Definition
    circumstances: Circumstances
    closures: Sequence[Closed]
    moment: Moment

    @property
    def now(self) -> int:
        """The wall time, Unix seconds."""
        return self.moment.wall

    @property
    def is_declared(self) -> bool:
        """Whether the definition is the one that is declared now; else it is what was consented to, and the manifest is not there."""
        return self.circumstances.presence is Presence.PRESENT

    @property
    def accepted(self) -> int | None:
        """When exactly this definition was accepted (Unix s), or None."""
        return self.circumstances.decision.accepted.get(self.definition.digest)

    @property
    def is_over(self) -> bool:
        """Whether the question's last day (inclusive) has passed."""
        ends = self.definition.question.ends
        return self.now >= datetime(ends.year, ends.month, ends.day, tzinfo=UTC).timestamp() + _DAY_S


def step(record: Record, definition: Definition, circumstances: Circumstances, now: Moment) -> Step:
    """One look at a question."""
    look = Look(definition, circumstances, closures(definition, circumstances), now)
    if circumstances.settings.developer:
        return _develop(record, look)
    if record.outcome is Outcome.REPORTING:
        return _report(record, [*_endpoint_changed(record, look), *_concerning_report(look)], now)
    if record.outcome is not Outcome.OPEN:
        return Step(record, State(record.outcome), record.reason)
    return _unaccepted(record, look) if look.accepted is None else _accepted(record, look, look.accepted)


def unanswerable(record: Record, shut: Sequence[Closed], now: Moment) -> Step:
    """A look at a question of which not even the accepted text can be read; `shut` is `consent.closures_without_definition`."""
    if record.outcome is Outcome.REPORTING:
        return _report(record, shut, now)
    if record.outcome is not Outcome.OPEN:
        return Step(record, State(record.outcome), record.reason)
    if not record.begins:
        return Step(record, State.WAITING, told(shut)[0].text)
    return _shut(*_judged(record, shut, now), now.wall)


def erased(record: Record, now: int, reason: str = "erased") -> Step:
    """The user erases what was collected: a running period is passed, a report is answered; before, nothing changes."""
    if record.outcome is Outcome.REPORTING:
        return _answered(record, reason)
    if record.outcome is Outcome.OPEN and record.begins and record.begins <= now:
        return _pass(record, reason)
    return Step(record, State(record.outcome) if record.outcome else State.WAITING, record.reason)


def lost(record: Record, now: int) -> Record:
    """The main database is lost: what was collected with it."""
    if record.outcome is Outcome.REPORTING:
        return record._replace(outcome=Outcome.ANSWERED, reason="lost")
    if record.outcome is Outcome.OPEN and record.begins and record.begins <= now:
        return record._replace(outcome=Outcome.PASSED, reason="damaged")
    return record


def shut(record: Record, cause: Cause, now: int) -> Step:
    """Something outside the definition shuts everything at once: developer mode begins."""
    if record.outcome is Outcome.REPORTING:
        return _answered(record, cause)
    if record.outcome is not Outcome.OPEN:
        return Step(record, State(record.outcome), record.reason)
    record = record._replace(closed_cause=cause, is_paused=0, noticed="")
    if record.begins and record.begins <= now:
        return _pass(record, cause)
    return Step(record, State.WAITING, str(cause), Effect.ERASE)


def without_budget(step: Step, obstacle: str) -> Step:
    """The privacy budget has no room for the answer: the question is passed."""
    return _pass(step.record, f"no budget: {obstacle}")


def reporting(record: Record, host: str) -> Record:
    """The period closed and its report is made for `host`."""
    return _unmark(record)._replace(outcome=Outcome.REPORTING, reason="", host=host)


def answered(record: Record, reason: str) -> Record:
    """The report's life is over: sent, dropped or lost."""
    return _unmark(record)._replace(outcome=Outcome.ANSWERED, reason=reason)


def delivered(record: Record, outcome: str) -> Record:
    """No try of the report is possible any more; `outcome` as the history calls it."""
    if outcome == "suspended":
        return record._replace(outcome=Outcome.SUSPENDED, reason=f"{_SERVER_SAYS} suspended")
    return answered(record, _DELIVERED.get(outcome, outcome))


def passed(record: Record, reason: str) -> Record:
    """The period is over without an answer."""
    return _unmark(record)._replace(outcome=Outcome.PASSED, reason=reason)


def _report(record: Record, shut: Sequence[Closed], now: Moment) -> Step:
    if not shut:
        record = _unmark(record)
        return Step(record, State.REPORTING, record.reason)
    record, closed = _judged(record, shut, now)
    return Step(record, State.REPORTING, "paused: " + closed.text) if record.is_paused else _answered(record, closed.cause)


def _concerning_report(look: Look) -> list[Closed]:
    """A report is sent under the definition that was consented to: a changed one, and the review that moved on, do not concern it."""
    is_changed = look.circumstances.is_superseded or look.accepted is None
    ignored = {Cause.CHANGED, Cause.PENDING, Cause.UNREVIEWED} if is_changed else set()
    return [one for one in look.closures if one.cause not in ignored]


def _endpoint_changed(record: Record, look: Look) -> list[Closed]:
    """Consent named another host than the one that is configured now; not known while a file of the configuration cannot be read."""
    endpoint = look.circumstances.settings.endpoint(look.definition.application.vendor)
    is_known = all(one.what != "unreadable" for one in look.circumstances.settings.kill_switches)
    is_other = is_known and record.host and endpoint and endpoint.way != record.host
    return [Closed(Cause.ENDPOINT, "reports would go another way than the one consented to")] if is_other else []


def _unaccepted(record: Record, look: Look) -> Step:
    """Without an acceptance of exactly this definition nothing is kept; the running period of another definition is passed."""
    if record.begins and record.begins <= look.now:
        return _pass(record, Cause.CHANGED)
    state, text = _settled(look) or (State.PENDING, look.closures[0].text)
    if not look.circumstances.decision.accepted:
        return Step(record, state, text)
    record, _ = _judged(record._replace(period="", begins=0, closes=0, revision=""), look.closures, look.moment)
    return Step(record, state, text, Effect.ERASE)


def _accepted(record: Record, look: Look, accepted: int) -> Step:
    asked, lot = look.definition.question, look.circumstances.lot
    if lot is None:
        return Step(record, State.WAITING, "the draw is to come")
    is_drawn = record.revision == look.definition.revision
    if not is_drawn and not look.is_declared:
        return _undecided(record, look)
    if not takes_part(lot, asked.share):
        return _pass(record, NOT_DRAWN)
    period = drawn_period(asked, lot, accepted)
    if period is None:
        return _pass(record, NO_PERIOD if asked.draw is Draw.FIRST else TOO_LATE)
    has_begun = period.start <= look.now or 0 < record.begins <= look.now
    if not is_drawn and has_begun and record != Record():
        return _pass(record, Cause.CHANGED)
    record = record._replace(period=period.label, begins=period.start, closes=period.end, revision=look.definition.revision)
    step = _closed(record, look) if look.closures else _open(record, look.now)
    return step if is_drawn or step.effect is not Effect.NOTHING else step._replace(effect=Effect.ERASE)


def _undecided(record: Record, look: Look) -> Step:
    """The period was not drawn for what was accepted, and what is declared now is not there: nothing is decided before it is back."""
    unsettled = State.WAITING if record == Record() else State.PENDING
    return Step(record, *(_settled(look) or (unsettled, told(look.closures)[0].text)))


def _closed(record: Record, look: Look) -> Step:
    record, closed = _judged(record, look.closures, look.moment)
    step = _shut(record, closed, look.now)
    settled = _settled(look) if step.state is State.WAITING else None
    return step._replace(state=settled[0], reason=settled[1]) if settled else step


def _shut(record: Record, closed: Closed, now: int) -> Step:
    """A period that has begun is lost; before it there is something to erase only if the clock was set back."""
    if now < record.begins:
        return Step(record, State.WAITING, closed.text, Effect.NOTHING if record.is_paused else Effect.ERASE)
    return Step(record, State.ACTIVE, "paused: " + closed.text) if record.is_paused else _pass(record, closed.cause)


def _open(record: Record, now: int) -> Step:
    if record.closed_cause and not record.is_paused and record.begins <= now:
        return _pass(record, f"{CLOSED_AT_START} ({record.closed_cause})")
    record = _unmark(record)
    if now < record.begins:
        return Step(record, State.WAITING, f"its period begins on {_date(record.begins)}")
    if now < record.closes:
        return Step(record, State.ACTIVE, f"its period ends before {_date(record.closes)}", is_collecting=True)
    return Step(record, State.ACTIVE, "its period is over", Effect.CLOSE)


def _develop(record: Record, look: Look) -> Step:
    """Developer mode: the current period counts at once, whole or not, and an answer does not end anything."""
    if look.closures:
        unsettled = State.PENDING if look.accepted is None else State.WAITING
        state, text = _settled(look) or (unsettled, look.closures[0].text)
        return Step(Record(), state, text, Effect.ERASE)
    running = period_at(look.definition.question.period, look.now)
    is_other = record.revision not in {"", look.definition.revision}
    if record.period and record.period != running.label and not is_other:
        return Step(record, State.ACTIVE, "its period is over", Effect.CLOSE)
    if look.is_over:
        return Step(Record(), State.EXPIRED, _ended(look), Effect.ERASE)
    record = Record(period=running.label, begins=running.start, closes=running.end, revision=look.definition.revision)
    return Step(record, State.ACTIVE, "developer mode", Effect.ERASE if is_other else Effect.NOTHING, is_collecting=True)


def _settled(look: Look) -> tuple[State, str] | None:
    """The state, with its reason, that does not depend on what the user accepts: see `_SETTLED`; *expired* comes after a stop."""
    texts = {one.cause: one.text for one in look.closures}
    if look.is_over and look.is_declared and not {Cause.STOPPED, Cause.SUSPENDED} & texts.keys():
        return State.EXPIRED, _ended(look)
    return next(((state, texts[cause]) for cause, state in _SETTLED.items() if cause in texts), None)


def _ended(look: Look) -> str:
    return "it ended on " + look.definition.question.ends.isoformat()


def _judged(record: Record, shut: Sequence[Closed], now: Moment) -> tuple[Record, Closed]:
    """Remember what shuts a question, and the closure that counts. What ends it at once needs no count: nothing is written for one."""
    is_final = any(one.delay == AT_ONCE for one in shut)
    noticed = notice(record.noticed, {} if is_final else {one.cause: one.delay for one in shut}, now)
    closed, is_over = told(shut, noticed.over)
    return record._replace(closed_cause=closed.cause, is_paused=int(not is_over), noticed=noticed.text), closed


def _unmark(record: Record) -> Record:
    return record._replace(closed_cause="", is_paused=0, noticed="")


def _pass(record: Record, reason: str) -> Step:
    return Step(passed(record, reason), State.PASSED, reason, Effect.ERASE)


def _answered(record: Record, reason: str) -> Step:
    return Step(answered(record, reason), State.ANSWERED, reason, Effect.ERASE)


def _date(unix: int) -> str:
    return datetime.fromtimestamp(unix, UTC).date().isoformat()
