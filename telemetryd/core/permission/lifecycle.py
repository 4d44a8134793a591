"""The state machine of a question for one user. Policy: M4, C1.

    unreviewed → pending → waiting → active → reporting → answered
                                        └─ passed      (or expired, stopped, suspended, refused on the way)

The daemon calls `step` whenever something changes, and at each tick. A step gives the state to show, the record to store and the
effect to carry out.

*answered* and *passed* belong to (application, question id), whatever the definition.

While the declaring manifest cannot be read, only three things end a question. They are a decision of the user or an administrator, a stop,
and the absence of the manifest once its delay is over.
"""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from telemetryd.core.answers.period import first_whole_period, period_at
from telemetryd.core.causes import Cause, Reason, because
from telemetryd.core.limits import DAY_S, OPEN_QUESTIONS_MAX
from telemetryd.core.permission.gate import NO_REVIEW_READABLE, Obstacle, Presence, deciding_obstacle, nowhere, obstacles
from telemetryd.core.permission.obstacle_delay import AT_ONCE, notice
from telemetryd.core.permission.record import ERASED, Outcome, Record, clear_obstacle, finish_report, iso_date, mark_passed
from telemetryd.core.privacy.sampling_lot import drawn_period
from telemetryd.core.sending.schedule import window
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.core.permission.gate import Circumstances
    from telemetryd.core.permission.obstacle_delay import Moment


class State(StrEnum):
    """The state of a question that the user sees."""

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


class Effect(StrEnum):
    """The action of the daemon: nothing, delete the collected data, or close the period and make its report."""

    NOTHING = "nothing"
    ERASE = "erase"
    CLOSE = "close"


class Step(NamedTuple):
    """The result of one step. `is_collecting` says whether samples are stored from now on."""

    record: Record
    state: State
    reason: Reason = Reason()
    effect: Effect = Effect.NOTHING
    is_collecting: bool = False


_FIXED_STATES = {
    str(Cause.STOPPED): State.STOPPED,
    str(Cause.SUSPENDED): State.SUSPENDED,
    str(Cause.UNREVIEWED): State.UNREVIEWED,
    NO_REVIEW_READABLE.kind: State.UNREVIEWED,
    str(Cause.REFUSED): State.REFUSED,
}
"""States that no acceptance can change, by the cause of the obstacle or its kind. The first that applies is shown."""
ANSWERABLE = {Cause.NONE, Cause.CHANGED}
"""Causes of a pending question that a yes removes."""


class Evaluation(NamedTuple):
    """The input of one step: the definition, its circumstances and obstacles, and the time."""

    definition: Definition
    circumstances: Circumstances
    obstacles: Sequence[Obstacle]
    moment: Moment

    @property
    def now(self) -> int:
        """The wall time, Unix seconds."""
        return self.moment.wall

    @property
    def is_declared(self) -> bool:
        """Whether a manifest declares this definition now. Otherwise it is the accepted text, and the manifest is missing."""
        return self.circumstances.presence is Presence.PRESENT

    @property
    def has_endpoint(self) -> bool:
        """Whether the vendor has a server now, and it can work on this machine."""
        return self.circumstances.settings.usable_endpoint(self.definition.application.vendor) is not None

    @property
    def is_endpoint_named(self) -> bool:
        """Whether the vendor has a server now. A report that waits is tried, and the try says what does not work."""
        return self.circumstances.settings.endpoint(self.definition.application.vendor) is not None

    @property
    def accepted(self) -> int | None:
        """When exactly this definition was accepted (Unix s), or None."""
        return self.circumstances.decision.accepted.get(self.definition.digest)

    @property
    def is_over(self) -> bool:
        """Whether the question's last day (inclusive) has passed."""
        ends = self.definition.question.ends
        return self.now >= datetime(ends.year, ends.month, ends.day, tzinfo=UTC).timestamp() + DAY_S


def step(record: Record, definition: Definition, circumstances: Circumstances, now: Moment) -> Step:
    """The next step of a question whose definition is known."""
    evaluation = Evaluation(definition, circumstances, obstacles(definition, circumstances), now)
    if circumstances.settings.developer:
        return _step_developer(record, evaluation)
    if record.outcome is Outcome.REPORTING:
        blocked_by = [*_route_obstacle(record, evaluation), *_report_obstacles(evaluation)]
        return _step_report(record, blocked_by, now, has_endpoint=evaluation.is_endpoint_named)
    if record.outcome is not Outcome.OPEN:
        return Step(record, State(record.outcome), record.reason)
    return _step_unaccepted(record, evaluation) if evaluation.accepted is None else _step_accepted(record, evaluation, evaluation.accepted)


def step_without_definition(record: Record, blocked_by: Sequence[Obstacle], now: Moment) -> Step:
    """The step if not even the accepted text can be read. `blocked_by` comes from `gate.obstacles_without_definition`."""
    if record.outcome is Outcome.REPORTING:
        return _step_report(record, blocked_by, now)
    if record.outcome is not Outcome.OPEN:
        return Step(record, State(record.outcome), record.reason)
    if not record.begins:
        is_refused = any(obstacle.reason.cause is Cause.REFUSED for obstacle in blocked_by)
        refused = Step(record, State.REFUSED, because(Cause.REFUSED))
        return refused if is_refused else Step(record, State.WAITING, deciding_obstacle(blocked_by)[0].reason)
    return _step_blocked_period(*_count_obstacles(record, blocked_by, now), now.wall)


def erase(record: Record, now: int, cause: Cause = Cause.ERASED) -> Step:
    """The user erases the collected data: a running period is passed, and a report is answered. Before the period nothing changes."""
    if record.outcome is Outcome.REPORTING:
        return _finish_report(record, because(cause))
    if record.outcome is Outcome.OPEN and record.begins and record.begins <= now:
        return _pass(record, because(cause))
    return Step(record, State(record.outcome) if record.outcome else State.WAITING, record.reason)


def interrupt(record: Record, cause: Cause, now: int) -> Step:
    """Block a question at once for a reason outside its definition: developer mode begins."""
    if record.outcome is Outcome.REPORTING:
        return _finish_report(record, because(cause))
    if record.outcome is not Outcome.OPEN:
        return Step(record, State(record.outcome), record.reason)
    # The cause stays in the record: `_step_open` passes the question if its period begins before developer mode ends.
    record = record.with_reason(because(cause))._replace(is_paused=0, noticed="")
    if record.begins and record.begins <= now:
        return _pass(record, because(cause))
    return Step(record, State.WAITING, because(cause), Effect.ERASE)


def pass_without_room(step: Step, obstacle: Reason) -> Step:
    """Pass a question whose period has begun. `obstacle` is that of `room.Look.passed`."""
    return _pass(step.record, obstacle)


def show_room(step: Step, shown: Reason | None) -> Step:
    """Say that a waiting question has no room; `shown` is that of `room.Look.waiting`, or None if nothing is known."""
    is_plain = step.state is State.WAITING and not step.record.cause
    return step._replace(reason=shown) if is_plain and shown and shown.cause else step


def _step_report(record: Record, blocked_by: Sequence[Obstacle], now: Moment, *, has_endpoint: bool = True) -> Step:
    if not blocked_by:
        reason = _due(record, now.wall) if has_endpoint else because(Cause.NO_ENDPOINT)
        return Step(clear_obstacle(record), State.REPORTING, reason)
    record, obstacle = _count_obstacles(record, blocked_by, now)
    return Step(record, State.REPORTING, obstacle.reason) if record.is_paused else _finish_report(record, obstacle.reason)


def _due(record: Record, now: int) -> Reason:
    """The days between which the report most likely leaves, and its last day; the last day alone once those are over."""
    first = window(record.begins, record.closes)
    most_likely = {"due_from": iso_date(first.start), "due": _last_day(first.end)} if now < first.end else {}
    return _plain(**most_likely, due_until=_last_day(first.expires))


def _report_obstacles(evaluation: Evaluation) -> list[Obstacle]:
    """The obstacles of a report. It is sent under the accepted definition, so a new definition or its review does not block it."""
    is_changed = evaluation.circumstances.is_superseded or evaluation.accepted is None
    ignored = {Cause.CHANGED, Cause.NONE, Cause.UNREVIEWED} if is_changed else set()
    return [obstacle for obstacle in evaluation.obstacles if obstacle.cause not in ignored]


def _route_obstacle(record: Record, evaluation: Evaluation) -> list[Obstacle]:
    """The obstacle of a report whose accepted route is no longer configured."""
    endpoint = evaluation.circumstances.settings.endpoint(evaluation.definition.application.vendor)
    # An unreadable file may hold the endpoint, so its absence proves nothing.
    is_known = all(switch.what != "unreadable" for switch in evaluation.circumstances.settings.kill_switches)
    has_changed = is_known and record.host and endpoint and endpoint.route_id != record.host
    return [Obstacle(because(Cause.ENDPOINT_CHANGED))] if has_changed else []


def _step_unaccepted(record: Record, evaluation: Evaluation) -> Step:
    """Without an acceptance of exactly this definition nothing is kept. A running period of another definition is passed."""
    if record.begins and record.begins <= evaluation.now:
        return _pass(record, because(Cause.CHANGED))
    state, reason = _fixed_state(evaluation) or (State.PENDING, _why_pending(evaluation))
    if not evaluation.circumstances.decision.accepted:
        return Step(record, state, reason)
    record, _ = _count_obstacles(record._replace(period="", begins=0, closes=0, digest=""), evaluation.obstacles, evaluation.moment)
    return Step(record, state, reason, Effect.ERASE)


def _why_pending(evaluation: Evaluation) -> Reason:
    """What a yes would not remove; else that the definition changed, or nothing."""
    others = [obstacle.reason for obstacle in evaluation.obstacles if obstacle.cause not in ANSWERABLE]
    if others:
        return others[0]
    if not has_period_left(*evaluation[:2], evaluation.now):
        return because(Cause.TOO_LATE)
    return because(Cause.TOO_MANY, number=str(OPEN_QUESTIONS_MAX)) if evaluation.circumstances.is_full else evaluation.obstacles[0].reason


def has_period_left(definition: Definition, circumstances: Circumstances, now: int) -> bool:
    """Whether a yes now (Unix s) could lead to an answer: the drawn period, or any before the draw, is still to begin."""
    question, lot = definition.question, circumstances.lot
    if circumstances.settings.developer:
        return True
    if lot is not None:
        return drawn_period(question, lot, now) is not None
    return first_whole_period(question.period, question.starts, question.ends, now + 1) is not None


def _step_accepted(record: Record, evaluation: Evaluation, accepted: int) -> Step:
    question, lot, digest = evaluation.definition.question, evaluation.circumstances.lot, evaluation.definition.digest
    if lot is None:
        return Step(record, State.WAITING)
    is_drawn = record.digest == digest
    if not is_drawn and not evaluation.is_declared:
        return _step_undecided(record, evaluation)
    period = drawn_period(question, lot, accepted)
    if period is None:
        return _pass(record, because(Cause.TOO_LATE))
    # The drawn period, or the one that is stored for another definition.
    has_begun = period.start <= evaluation.now or 0 < record.begins <= evaluation.now
    # The record belongs to another definition. Data of two definitions must not mix, so the period is passed.
    if not is_drawn and has_begun and record != Record():
        return _pass(record, because(Cause.CHANGED))
    record = record._replace(period=period.label, begins=period.start, closes=period.end, digest=digest)
    step = _step_blocked(record, evaluation) if evaluation.obstacles else _step_open(record, evaluation)
    # A fresh draw also deletes what an earlier definition left behind.
    return step if is_drawn or step.effect is not Effect.NOTHING else step._replace(effect=Effect.ERASE)


def _step_undecided(record: Record, evaluation: Evaluation) -> Step:
    """Wait: no period is drawn for the accepted text, and the manifest is missing. A draw without it could pass the question for good."""
    unsettled = State.WAITING if record == Record() else State.PENDING
    return Step(record, *(_fixed_state(evaluation) or (unsettled, deciding_obstacle(evaluation.obstacles)[0].reason)))


def _step_blocked(record: Record, evaluation: Evaluation) -> Step:
    record, obstacle = _count_obstacles(record, evaluation.obstacles, evaluation.moment)
    step = _step_blocked_period(record, obstacle, evaluation.now)
    fixed = _fixed_state(evaluation) if step.state is State.WAITING else None
    return step._replace(state=fixed[0], reason=fixed[1]) if fixed else step


def _step_blocked_period(record: Record, obstacle: Obstacle, now: int) -> Step:
    """A final obstacle passes a period that has begun. Before that there is data to erase only if the clock was set back."""
    if now < record.begins:
        return Step(record, State.WAITING, obstacle.reason, Effect.NOTHING if record.is_paused else Effect.ERASE)
    return Step(record, State.ACTIVE, obstacle.reason) if record.is_paused else _pass(record, obstacle.reason)


def _step_open(record: Record, evaluation: Evaluation) -> Step:
    now = evaluation.now
    # The last step saw a final obstacle, so the question was still blocked when its period began. A period with a gap does not count.
    if record.cause and not record.is_paused and record.begins <= now:
        return _pass(record, record.reason)
    record = clear_obstacle(record)
    if record.closes <= now:
        return Step(record, State.ACTIVE, _plain(ended=_last_day(record.closes)), Effect.CLOSE)
    is_active, ends = record.begins <= now, _last_day(record.closes)
    plain = _plain(ends=ends) if is_active else _plain(begins=iso_date(record.begins), ends=ends)
    reason = plain if evaluation.has_endpoint else nowhere(evaluation.circumstances.settings, evaluation.definition.application.vendor)
    return Step(record, State.ACTIVE if is_active else State.WAITING, reason, is_collecting=is_active)


def _step_developer(record: Record, evaluation: Evaluation) -> Step:
    """The step in developer mode: collect in the current period at once, even if it is partly over. An answer ends nothing."""
    fresh = Record(report=record.report, sent=record.sent)
    if evaluation.obstacles:
        unsettled = (State.PENDING, _why_pending(evaluation))
        if evaluation.accepted is not None:
            unsettled = (State.WAITING, evaluation.obstacles[0].reason)
        return Step(fresh, *(_fixed_state(evaluation) or unsettled), Effect.ERASE)
    running = period_at(evaluation.definition.question.period, evaluation.now)
    is_other = record.digest not in {"", evaluation.definition.digest}
    # The stored period has ended since the last step. It is closed before its data is replaced by that of the current one.
    if record.period and record.period != running.label and not is_other:
        return Step(record, State.ACTIVE, _plain(ended=_last_day(record.closes)), Effect.CLOSE)
    if evaluation.is_over:
        return Step(fresh, State.EXPIRED, _end_text(evaluation), Effect.ERASE)
    record = fresh._replace(period=running.label, begins=running.start, closes=running.end, digest=evaluation.definition.digest)
    reason = _plain(ends=_last_day(record.closes))
    return Step(record, State.ACTIVE, reason, Effect.ERASE if is_other else Effect.NOTHING, is_collecting=True)


def _fixed_state(evaluation: Evaluation) -> tuple[State, Reason] | None:
    """The state and reason that no acceptance can change, if any: see `_FIXED_STATES`. A stop comes before *expired*."""
    reasons = {name: obstacle.reason for obstacle in evaluation.obstacles for name in (obstacle.kind, str(obstacle.reason.cause))}
    if evaluation.is_over and evaluation.is_declared and not {Cause.STOPPED, Cause.SUSPENDED} & reasons.keys():
        return State.EXPIRED, _end_text(evaluation)
    return next(((state, reasons[name]) for name, state in _FIXED_STATES.items() if name in reasons), None)


def _end_text(evaluation: Evaluation) -> Reason:
    return _plain(ended=evaluation.definition.question.ends.isoformat())


def _count_obstacles(record: Record, blocked_by: Sequence[Obstacle], now: Moment) -> tuple[Record, Obstacle]:
    """The record with the obstacle that counts, and that obstacle."""
    # A final obstacle ends the question now. Counting the others would only write the consent file once more.
    is_final = any(obstacle.delay == AT_ONCE for obstacle in blocked_by)
    noticed = notice(record.noticed, {} if is_final else {obstacle.kind: obstacle.delay for obstacle in blocked_by}, now)
    obstacle, is_over = deciding_obstacle(blocked_by, noticed.over)
    return record.with_reason(obstacle.reason)._replace(is_paused=int(not is_over), noticed=noticed.text), obstacle


def _pass(record: Record, reason: Reason) -> Step:
    return Step(mark_passed(record, reason), State.PASSED, reason, Effect.ERASE)


def _finish_report(record: Record, reason: Reason) -> Step:
    """Erase the report. `engine.samples.erasure` corrects what became of it if an attempt is under way."""
    return Step(finish_report(record, reason, ERASED), State.ANSWERED, reason, Effect.ERASE)


def _plain(**args: str) -> Reason:
    """The dates of a state that needs no cause."""
    return Reason(Cause.NONE, tuple(args.items()))


def _last_day(end: int) -> str:
    """The day before an end (Unix s) that is exclusive."""
    return iso_date(end - 1)
