"""The states of a question: the table of the design row by row, then random histories."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.manifests.core_questions import ENDPOINT, MEMORY, define, locked, permitted, review_of, stop_of, switched

from telemetryd.core.answers.period import whole_periods
from telemetryd.core.causes import Cause, Reason, because
from telemetryd.core.explanation import Situation
from telemetryd.core.permission import lifecycle
from telemetryd.core.permission.gate import (
    ApplicationLevels,
    Decision,
    Levels,
    Presence,
    deciding_obstacle,
    obstacles,
    obstacles_without_definition,
)
from telemetryd.core.permission.lifecycle import Effect, State
from telemetryd.core.permission.obstacle_delay import JUMP_S, Moment
from telemetryd.core.permission.record import (
    Ending,
    Outcome,
    Record,
    begin_report,
    finish_report,
    mark_lost,
    mark_passed,
    record_attempt,
    record_delivery,
    record_developer_report,
)
from telemetryd.core.permission.signoffs import Standing
from telemetryd.core.privacy import room
from telemetryd.core.privacy.sampling_lot import Lot
from telemetryd.core.settings import Settings, Unusable


def at(day, hour=12):
    """Unix seconds of an hour (UTC) of a day given as month.day of 2026."""
    month, number = map(int, day.split("."))
    return int(datetime(2026, month, number, hour, tzinfo=UTC).timestamp())


def at_date(day):
    """The date of such a day."""
    return datetime.fromtimestamp(at(day), UTC).date()


A, B = define(), define(purpose="Why else?")
ACCEPTED = at("11.18")
BEFORE, DURING, AFTER, OVER = at("11.20"), at("11.25"), at("12.1"), at("12.8")
BEGINS, CLOSES = at("11.23", 0), at("11.30", 0)
DAY_S, TEN_MINUTES_S = 86400, 600

DRAWN = Record(period="2026-W48", begins=BEGINS, closes=CLOSES, digest=A.digest)
REPORTING = begin_report(DRAWN, ENDPOINT.host)
SENT = record_delivery(REPORTING, Ending("accepted", at("12.9"), 204))
REFUSED_BY_SERVER = because(Cause.REJECTED, date="2026-12-09", status="404")
FULL = because(Cause.NO_ROOM, cap="life", host=ENDPOINT.host)
OPENED = permitted(A, at=ACCEPTED)


def plain(**dates):
    """The reason of a state that needs no cause."""
    return Reason(Cause.NONE, tuple(dates.items()))


def clocks(now):
    """The clocks of a machine that was started long ago, and was never suspended."""
    return Moment(now, now - at("11.1"), now - at("11.1"), 1)


def step_at(record, now, definition=A, **others):
    """One step under circumstances that permit A, accepted on a Wednesday for the next week; `others` replace some of them."""
    return lifecycle.step(record, definition, OPENED._replace(**others), now if isinstance(now, Moment) else clocks(now))


def step_without_text(record, now, **others):
    """One step of a question whose text cannot be read, and whose manifest is gone."""
    blocked_by = obstacles_without_definition(A.application.id, OPENED._replace(**{"presence": Presence.GONE, **others}))
    return lifecycle.step_without_definition(record, blocked_by, clocks(now))


def facts(step):
    """The result of a step without its record."""
    return step.state, step.effect, step.is_collecting


# What shuts at once: the circumstances, the cause that is remembered, and the state that is shown before the period.
AT_ONCE = [
    ({"levels": Levels()}, Cause.LEVEL, State.WAITING),
    ({"settings": locked("usage", 0)}, Cause.LOCK, State.WAITING),
    ({"settings": switched("enabled")}, Cause.KILL_SWITCH, State.WAITING),
    ({"settings": switched("DO_NOT_TRACK")}, Cause.DO_NOT_TRACK, State.WAITING),
    ({"settings": switched("kuserfeedback")}, Cause.KILL_SWITCH, State.WAITING),
    ({"application": ApplicationLevels(usage=0)}, Cause.APPLICATION_LEVEL, State.WAITING),
    ({"decision": Decision(refused=True, accepted={A.digest: ACCEPTED})}, Cause.REFUSED, State.REFUSED),
    ({"standing": Standing(review_of(A), stop_of(A, "answered"))}, Cause.STOPPED, State.STOPPED),
    ({"standing": Standing(review_of(A), stop_of(A))}, Cause.SUSPENDED, State.SUSPENDED),
]
# What pauses first, and for how long.
PAUSES = [
    ({"settings": switched("unreadable")}, "unreadable/configuration", State.WAITING, DAY_S),
    ({"presence": Presence.UNREADABLE}, "unreadable/manifest", State.WAITING, DAY_S),
    ({"presence": Presence.GONE}, "gone/removed", State.WAITING, TEN_MINUTES_S),
    ({"presence": Presence.DROPPED}, "gone/not_asked", State.WAITING, TEN_MINUTES_S),
    ({"presence": Presence.UNREGISTERED}, "gone/unregistered", State.WAITING, 3600),
    ({"standing": Standing()}, Cause.UNREVIEWED, State.UNREVIEWED, TEN_MINUTES_S),
    ({"standing": Standing(review_of(B))}, Cause.UNREVIEWED, State.UNREVIEWED, TEN_MINUTES_S),
    ({"are_reviews_readable": False}, "reviews/stop", State.WAITING, DAY_S),
    ({"are_reviews_readable": False, "standing": Standing()}, "reviews/stop", State.UNREVIEWED, DAY_S),
]


class TestOpen:
    """No obstacle blocks the question."""

    def test_from_acceptance_to_report(self):
        """Accepted on a Wednesday: waits, collects from Monday on, and closes when the week is over."""
        waiting = step_at(Record(), ACCEPTED)
        assert facts(waiting) == (State.WAITING, Effect.ERASE, False)
        assert waiting.record == DRAWN
        assert waiting.reason == plain(begins="2026-11-23", ends="2026-11-29")
        assert facts(step_at(DRAWN, BEGINS - 1)) == (State.WAITING, Effect.NOTHING, False)
        assert facts(step_at(DRAWN, BEGINS)) == (State.ACTIVE, Effect.NOTHING, True)
        active = step_at(DRAWN, CLOSES - 1)
        assert facts(active) == (State.ACTIVE, Effect.NOTHING, True)
        assert active.reason == plain(ends="2026-11-29")
        assert step_at(DRAWN, CLOSES).reason == plain(ended="2026-11-29")
        assert facts(step_at(DRAWN, CLOSES)) == (State.ACTIVE, Effect.CLOSE, False)
        assert facts(step_at(REPORTING, CLOSES)) == (State.REPORTING, Effect.NOTHING, False)
        assert facts(step_at(SENT, AFTER)) == (State.ANSWERED, Effect.NOTHING, False)

    def test_not_accepted(self):
        """A question without a decision is pending, and its record stays empty."""
        step = step_at(Record(), DURING, decision=Decision())
        assert facts(step) == (State.PENDING, Effect.NOTHING, False)
        assert step.record == Record()
        assert step.reason == because(Cause.TOO_LATE)
        assert step_at(Record(), BEFORE, decision=Decision()).reason == Reason()

    @pytest.mark.parametrize(("others", "_cause", "state"), [row[:3] for row in (*AT_ONCE, *PAUSES)])
    def test_not_accepted_and_shut(self, others, _cause, state):
        """A pending question shows a state that no acceptance can change, with its reason; otherwise it is pending."""
        decision = Decision(refused=others.get("decision", Decision()).refused)
        step = step_at(Record(), DURING, **{**others, "decision": decision})
        assert step.state is (State.PENDING if state is State.WAITING else state)
        assert step.effect is Effect.NOTHING

    @pytest.mark.parametrize(
        ("state", "reason", "others"),
        [
            (
                State.STOPPED,
                because(Cause.STOPPED, file="stops.toml", date="2026-11-20"),
                {"standing": Standing(None, stop_of(A, "answered"))},
            ),
            (State.SUSPENDED, because(Cause.SUSPENDED, file="stops.toml", date="2026-11-20"), {"standing": Standing(None, stop_of(A))}),
            (State.UNREVIEWED, because(Cause.UNREVIEWED), {"standing": Standing()}),
            (State.REFUSED, because(Cause.REFUSED), {"decision": Decision(refused=True)}),
        ],
    )
    def test_reason_belongs_to_the_state(self, state, reason, others):
        """Even if everything else is off, the reason belongs to the shown state."""
        step = step_at(Record(), BEFORE, **{"decision": Decision(), "levels": Levels(), **others})
        assert (step.state, step.reason) == (state, reason)

    @pytest.mark.parametrize("others", [{}, {"standing": Standing()}, {"decision": Decision(refused=True)}])
    def test_expired(self, others):
        """An unaccepted question is expired after its last day, but not on it."""
        step = step_at(Record(), at("12.7", 0), **{"decision": Decision(), **others})
        assert (step.state, step.reason) == (State.EXPIRED, plain(ended="2026-12-06"))
        assert step_at(Record(), at("12.7", 0) - 1, **{"decision": Decision(), **others}).state is not State.EXPIRED

    def test_a_stop_is_shown_before_the_end(self):
        """A stopped question whose last day has passed is shown as stopped."""
        assert step_at(Record(), OVER, decision=Decision(), standing=Standing(None, stop_of(A))).state is State.SUSPENDED

    def test_accepted_too_late(self):
        """Accepted when the drawn period had begun: passed, even if it began in that very second."""
        step = step_at(Record(), BEGINS, decision=Decision(accepted={A.digest: BEGINS}))
        assert (step.record.outcome, step.reason) == (Outcome.PASSED, because(Cause.TOO_LATE))
        assert step_at(Record(), BEGINS, decision=Decision(accepted={A.digest: BEGINS - 1})).record.period == "2026-W48"


class TestShut:
    """Obstacles without a delay: level, lock, kill switch, refusal, stop, suspension."""

    @pytest.mark.parametrize(("others", "cause", "state"), AT_ONCE)
    def test_waiting(self, others, cause, state):
        """The step shows the cause and erases old data. Before the period the question goes on if the obstacle goes; later it is passed."""
        step = step_at(DRAWN, BEFORE, **others)
        assert facts(step) == (state, Effect.ERASE, False)
        assert step.reason.kind == step.record.reason.kind == cause
        reopened = step_at(step.record, BEFORE + 60)
        assert (reopened.state, reopened.record) == (State.WAITING, DRAWN)
        late = step_at(step.record, DURING)
        assert facts(late) == (State.PASSED, Effect.ERASE, False)
        assert late.reason == step.reason
        assert step_at(step.record, DURING, **others).state is State.PASSED

    @pytest.mark.parametrize(("others", "cause", "_state"), AT_ONCE)
    @pytest.mark.parametrize("now", [BEGINS, DURING, CLOSES, OVER])
    def test_active(self, others, cause, _state, now):
        """The tally is erased and the question is passed for good, even if its period was over but not closed yet."""
        step = step_at(DRAWN, now, **others)
        assert facts(step) == (State.PASSED, Effect.ERASE, False)
        assert step.reason.kind == cause
        for moment in (BEFORE, now, OVER):
            assert facts(step_at(step.record, moment)) == (State.PASSED, Effect.NOTHING, False)

    @pytest.mark.parametrize(("others", "cause", "_state"), AT_ONCE)
    def test_reporting(self, others, cause, _state):
        """The report is erased, and the question is answered with the cause."""
        step = step_at(REPORTING, AFTER, **others)
        assert facts(step) == (State.ANSWERED, Effect.ERASE, False)
        assert step.reason.kind == cause
        assert facts(step_at(step.record, AFTER)) == (State.ANSWERED, Effect.NOTHING, False)

    @pytest.mark.parametrize("record", [DRAWN, REPORTING, Record(), mark_passed(DRAWN, because(Cause.ERASED))])
    def test_developer_mode_begins(self, record):
        """Developer mode blocks all open questions at once."""
        step = lifecycle.interrupt(record, Cause.DEVELOPER, DURING)
        expected = {DRAWN: State.PASSED, REPORTING: State.ANSWERED, Record(): State.WAITING}.get(record, State.PASSED)
        assert step.state is expected
        assert not step.is_collecting
        assert (step.effect is Effect.NOTHING) == (record.outcome is Outcome.PASSED)

    def test_developer_mode_while_waiting(self):
        """If it ends before the period, nothing changes; if later, the period was not whole."""
        record = lifecycle.interrupt(DRAWN, Cause.DEVELOPER, BEFORE).record
        assert step_at(record, BEFORE + 1).record == DRAWN
        assert step_at(record, DURING).record.outcome is Outcome.PASSED


class TestPause:
    """Unreadable files for a day, missing manifests and reviews for ten minutes."""

    @pytest.mark.parametrize(("others", "cause", "_state", "grace_s"), PAUSES)
    def test_active(self, others, cause, _state, grace_s):
        """No sample is kept from the first step on. The question goes on if the cause goes in time; otherwise it is passed."""
        paused = step_at(DRAWN, DURING, **others)
        assert facts(paused) == (State.ACTIVE, Effect.NOTHING, False)
        assert Situation(paused.state, paused.reason.cause).is_paused
        last = step_at(paused.record, DURING + grace_s - 1, **others)
        assert facts(last) == (State.ACTIVE, Effect.NOTHING, False)
        reopened = step_at(last.record, DURING + grace_s - 1)
        assert (facts(reopened), reopened.record) == ((State.ACTIVE, Effect.NOTHING, True), DRAWN)
        gone = step_at(last.record, DURING + grace_s, **others)
        assert facts(gone) == (State.PASSED, Effect.ERASE, False)
        assert gone.reason.kind == cause

    @pytest.mark.parametrize(("others", "cause", "_state", "grace_s"), PAUSES)
    def test_reporting(self, others, cause, _state, grace_s):
        """The report is held, and then sent or erased in the same way."""
        paused = step_at(REPORTING, AFTER, **others)
        assert facts(paused) == (State.REPORTING, Effect.NOTHING, False)
        assert paused.record.cause
        assert Situation(paused.state, paused.reason.cause).is_paused
        reopened = step_at(paused.record, AFTER + grace_s - 1)
        assert (facts(reopened), reopened.record) == ((State.REPORTING, Effect.NOTHING, False), REPORTING)
        gone = step_at(paused.record, AFTER + grace_s, **others)
        assert facts(gone) == (State.ANSWERED, Effect.ERASE, False)
        assert gone.reason.kind == cause

    @pytest.mark.parametrize(("others", "_cause", "state", "grace_s"), PAUSES)
    def test_waiting(self, others, _cause, state, grace_s):
        """Before the period a pause is only shown. It may last into the period, but not beyond its delay."""
        paused = step_at(DRAWN, BEGINS - 60, **others)
        assert facts(paused) == (state, Effect.NOTHING, False)
        assert step_at(paused.record, BEGINS - 1).record == DRAWN
        assert step_at(paused.record, BEGINS, **others).state is State.ACTIVE
        assert step_at(paused.record, BEGINS).is_collecting
        assert step_at(paused.record, BEGINS - 60 + grace_s, **others).state is State.PASSED
        long = step_at(step_at(DRAWN, BEFORE, **others).record, BEGINS - 1, **others)
        assert step_at(long.record, BEGINS).state is State.PASSED

    def test_withdrawal_during_a_pause(self):
        """A withdrawal while a file is unreadable erases at once."""
        paused = step_at(DRAWN, DURING, presence=Presence.UNREADABLE)
        withdrawn = step_at(paused.record, DURING + 1, presence=Presence.UNREADABLE, levels=Levels())
        assert facts(withdrawn) == (State.PASSED, Effect.ERASE, False)

    def test_pause_over_the_end(self):
        """A period that ends during a pause is closed once the pause is over."""
        paused = step_at(DRAWN, CLOSES - 60, presence=Presence.UNREADABLE)
        assert step_at(paused.record, CLOSES + 60, presence=Presence.UNREADABLE).state is State.ACTIVE
        assert step_at(paused.record, CLOSES + 60).effect is Effect.CLOSE

    @pytest.mark.parametrize("seconds", [-3600, JUMP_S + 1, 30 * DAY_S])
    def test_clock_set_during_a_pause(self, seconds):
        """A clock that is set, back or forth, restarts the delay; no data is lost."""
        paused = step_at(DRAWN, DURING, presence=Presence.GONE)
        now = clocks(DURING + TEN_MINUTES_S - 1)
        again = step_at(paused.record, now._replace(wall=now.wall + seconds), presence=Presence.GONE)
        assert (again.state, again.effect, again.record.is_paused) == (State.ACTIVE, Effect.NOTHING, 1)
        last = clocks(DURING + 2 * TEN_MINUTES_S - 2)
        assert step_at(again.record, last._replace(wall=last.wall + seconds), presence=Presence.GONE).state is State.ACTIVE
        last = clocks(DURING + 2 * TEN_MINUTES_S - 1)
        assert step_at(again.record, last._replace(wall=last.wall + seconds), presence=Presence.GONE).state is State.PASSED

    @pytest.mark.parametrize(("others", "cause", "_state", "grace_s"), PAUSES)
    def test_suspended_during_a_pause(self, others, cause, _state, grace_s):
        """After a suspend for the wall clock's part, the pause goes on until the running time has passed too."""
        paused = step_at(DRAWN, BEGINS, **others)
        now = clocks(BEGINS)
        awake = now._replace(wall=now.wall + 2 * DAY_S, elapsed=now.elapsed + 2 * DAY_S)
        assert step_at(paused.record, awake, **others).state is State.ACTIVE
        ran_s = min(grace_s, 3600)
        ran = awake._replace(wall=awake.wall + ran_s, elapsed=awake.elapsed + ran_s, running=awake.running + ran_s)
        step = step_at(paused.record, ran, **others)
        assert (step.state, step.reason.kind) == (State.PASSED, cause)

    def test_each_cause_has_its_own_delay(self):
        """An obstacle that appears during another pause has its full delay. The final obstacle is named, not the first."""
        unreadable = {"settings": switched("unreadable")}
        late = DURING + DAY_S - 300
        both = step_at(step_at(DRAWN, DURING, **unreadable).record, late, presence=Presence.GONE, **unreadable)
        assert facts(both) == (State.ACTIVE, Effect.NOTHING, False)
        assert step_at(both.record, late + 299, presence=Presence.GONE).state is State.ACTIVE
        ended = step_at(both.record, late + TEN_MINUTES_S, presence=Presence.GONE)
        assert (ended.state, ended.reason.kind) == (State.PASSED, "gone/removed")
        ended = step_at(both.record, late + TEN_MINUTES_S, presence=Presence.GONE, **unreadable)
        assert (ended.state, ended.reason.kind) == (State.PASSED, "unreadable/configuration")
        assert step_at(both.record, late + 1, presence=Presence.GONE, levels=Levels(), **unreadable).reason.cause is Cause.LEVEL

    def test_a_pause_is_written_seldom(self):
        """Steps during a pause change the record only every ten minutes of running time. A final obstacle is not counted."""
        paused = step_at(DRAWN, DURING, presence=Presence.UNREADABLE).record
        assert step_at(paused, DURING + 599, presence=Presence.UNREADABLE).record == paused
        record = step_at(DRAWN, BEFORE, presence=Presence.UNREADABLE, levels=Levels()).record
        assert record.noticed == ""
        assert step_at(record, BEFORE + DAY_S, presence=Presence.UNREADABLE, levels=Levels()).record == record

    def test_review_of_a_manifest_that_is_not_there(self):
        """A package brings another definition with its review and an unreadable manifest: nothing is decided for a day."""
        others = {"presence": Presence.UNREADABLE, "standing": Standing(review_of(B))}
        for record, now, state in ((DRAWN, DURING, State.ACTIVE), (REPORTING, AFTER, State.REPORTING)):
            paused = step_at(step_at(record, now, **others).record, now + DAY_S - 1, **others)
            assert (paused.state, paused.effect) == (state, Effect.NOTHING)
            ended = step_at(paused.record, now + DAY_S, **others)
            assert (ended.effect, ended.reason.kind) == (Effect.ERASE, "unreadable/manifest")

    def test_nothing_known(self):
        """A question whose accepted text is unreadable too is kept for ten minutes if all levels permit it; otherwise it ends at once."""
        for record, now, before, after in (
            (DRAWN, DURING, State.ACTIVE, State.PASSED),
            (REPORTING, AFTER, State.REPORTING, State.ANSWERED),
        ):
            paused = step_without_text(record, now)
            assert facts(paused) == (before, Effect.NOTHING, False)
            assert facts(step_without_text(paused.record, now + TEN_MINUTES_S - 1)) == (before, Effect.NOTHING, False)
            ended = step_without_text(paused.record, now + TEN_MINUTES_S)
            assert (facts(ended), ended.reason.kind) == ((after, Effect.ERASE, False), "gone/removed")
            for others in ({"levels": Levels(1, 2)}, {"levels": Levels(2, 1)}, {"settings": switched("enabled")}, AT_ONCE[6][0]):
                assert facts(step_without_text(paused.record, now + 1, **others)) == (after, Effect.ERASE, False)
        assert facts(step_without_text(DRAWN, BEFORE)) == (State.WAITING, Effect.NOTHING, False)
        assert facts(step_without_text(DRAWN, BEFORE, levels=Levels())) == (State.WAITING, Effect.ERASE, False)
        assert step_without_text(Record(), DURING)[:2] == (Record(), State.WAITING)
        refused = step_without_text(Record(), DURING, decision=Decision(refused=True))
        assert (refused.state, refused.reason.cause) == (State.REFUSED, Cause.REFUSED)
        assert facts(step_without_text(mark_passed(DRAWN, because(Cause.ERASED)), AFTER)) == (State.PASSED, Effect.NOTHING, False)
        suspended = DRAWN._replace(outcome=Outcome.SUSPENDED)
        assert step_without_text(suspended, AFTER)[:2] == (suspended, State.SUSPENDED)


def as_b(record, now, *accepted, **others):
    """A step while B is declared and reviewed; `accepted` are the times of acceptance of A and B."""
    digests = dict(zip((A.digest, B.digest), accepted, strict=False))
    return step_at(record, now, B, **{"decision": Decision(accepted=digests), "standing": Standing(review_of(B)), **others})


class TestChanged:
    """The definition changes."""

    def test_waiting(self):
        """A changed question is pending again, and gets its period when accepted before it. Old data is erased."""
        step = as_b(DRAWN, BEFORE, ACCEPTED)
        assert facts(step) == (State.PENDING, Effect.ERASE, False)
        assert step.record.period == step.record.digest == ""
        assert as_b(step.record, DURING, ACCEPTED, DURING).reason == because(Cause.TOO_LATE)
        assert as_b(step.record, BEFORE, ACCEPTED, BEFORE).record == DRAWN._replace(digest=B.digest)

    def test_waiting_and_over(self):
        """A changed question after its last day is expired."""
        assert as_b(as_b(DRAWN, BEFORE, ACCEPTED).record, OVER, ACCEPTED).state is State.EXPIRED

    @pytest.mark.parametrize("now", [BEGINS, DURING, AFTER])
    def test_active(self, now):
        """It is passed, whatever happens to the new definition."""
        step = as_b(DRAWN, now, ACCEPTED)
        assert facts(step) == (State.PASSED, Effect.ERASE, False)
        assert step.reason == because(Cause.CHANGED)
        assert as_b(step.record, now, ACCEPTED, now).state is State.PASSED

    @pytest.mark.parametrize("standing", [Standing(review_of(B)), Standing(review_of(A)), Standing()])
    def test_reporting(self, standing):
        """The report is sent under the accepted definition, which needs no current review."""
        step = step_at(REPORTING, AFTER, standing=standing, is_superseded=True)
        assert facts(step) == (State.REPORTING, Effect.NOTHING, False)
        assert step.record == REPORTING
        unreadable_text = as_b(REPORTING, AFTER, ACCEPTED, standing=standing)
        assert facts(unreadable_text) == (State.REPORTING, Effect.NOTHING, False)

    def test_reporting_and_shut(self):
        """All other obstacles stop the old report too."""
        for others, _, _ in AT_ONCE:
            assert step_at(REPORTING, AFTER, is_superseded=True, **others).state is State.ANSWERED
        unreadable = step_at(REPORTING, AFTER, is_superseded=True, are_reviews_readable=False, standing=Standing())
        assert unreadable.record.reason.kind == "reviews/stop"

    def test_and_back_before_the_period(self):
        """The old definition returns before its period: nothing is lost."""
        assert step_at(as_b(DRAWN, BEFORE, ACCEPTED).record, BEFORE + 60).record == DRAWN

    def test_and_back_in_the_period(self):
        """The old definition returns in its period: it was blocked when the period began."""
        changed = as_b(DRAWN, BEFORE, ACCEPTED)
        assert facts(step_at(changed.record, DURING)) == (State.PASSED, Effect.ERASE, False)

    def test_and_back_after_the_other_was_accepted(self):
        """A is accepted, then B for a later week, then A returns in A's week: A was not open when it began."""
        pending = as_b(DRAWN, BEFORE, ACCEPTED)
        later = define(purpose="Why else?", starts=at_date("11.30"))
        both = Decision(accepted={A.digest: ACCEPTED, later.digest: at("11.24")})
        waiting = step_at(pending.record, at("11.24"), later, decision=both, standing=Standing(review_of(later)))
        assert waiting.record.period == "2026-W49"
        assert facts(step_at(waiting.record, DURING, decision=both)) == (State.PASSED, Effect.ERASE, False)

    @pytest.mark.parametrize("now", [BEGINS, DURING, AFTER])
    def test_between_two_accepted_ones_of_one_week(self, now):
        """Two accepted definitions share a week: the tally of one is never continued under the other."""
        both = Decision(accepted={A.digest: ACCEPTED, B.digest: ACCEPTED + 60})
        waiting = as_b(DRAWN, BEFORE, ACCEPTED, ACCEPTED + 60)
        assert facts(waiting) == (State.WAITING, Effect.ERASE, False)
        assert facts(as_b(waiting.record, now, ACCEPTED, ACCEPTED + 60))[0] is State.ACTIVE
        assert facts(step_at(waiting.record, now, decision=both)) == (State.PASSED, Effect.ERASE, False)

    @pytest.mark.parametrize("presence", [presence for presence in Presence if presence is not Presence.PRESENT])
    @pytest.mark.parametrize("now", [BEFORE, DURING, AFTER])
    def test_pending_and_the_manifest_is_away(self, presence, now):
        """A missing manifest changes nothing: only the declared definition decides, not one that was accepted earlier."""
        pending = as_b(DRAWN, BEFORE, ACCEPTED).record
        away = step_at(pending, now, presence=presence)
        assert (away.record, away.effect) == (pending, Effect.NOTHING)
        assert away.state is State.PENDING
        assert as_b(away.record, now, ACCEPTED).state is State.PENDING
        assert as_b(away.record, BEFORE, ACCEPTED, BEFORE).record == DRAWN._replace(digest=B.digest)

    def test_not_decided_by_what_was_accepted_once(self):
        """A period that had begun is decided for the declared definition only."""
        late = {"decision": Decision(accepted={A.digest: at("11.30")})}
        assert step_at(Record(), at("11.30"), **late).state is State.PASSED
        away = step_at(Record(), at("11.30"), presence=Presence.UNREADABLE, **late)
        assert (away.record, away.state, away.effect) == (Record(), State.WAITING, Effect.NOTHING)

    def test_old_definition_elsewhere(self):
        """An accepted definition that is declared again needs no new acceptance."""
        both = Decision(accepted={A.digest: ACCEPTED, B.digest: BEFORE})
        assert step_at(as_b(DRAWN, BEFORE, ACCEPTED, BEFORE).record, BEFORE + 60, decision=both).state is State.WAITING


class TestOtherEvents:
    """The other rows of the table."""

    def test_nothing_to_remember(self):
        """Before the draw a question has no period, and a report of which no byte left has neither a day nor a status."""
        assert Record() == (Outcome.OPEN, "", "", "", 0, 0, "", 0, "", "", "", 0)
        assert Ending("dropped") == ("dropped", 0, 0, "")
        assert record_delivery(REPORTING, Ending("dropped")).sent == Ending("dropped").day == 0

    def test_ends_over(self):
        """A period within `ends` closes normally, however late a step comes; a report does not depend on `ends`."""
        assert facts(step_at(DRAWN, OVER)) == (State.ACTIVE, Effect.CLOSE, False)
        assert step_at(REPORTING, OVER).record == REPORTING

    @pytest.mark.parametrize(
        ("record", "now", "outcome", "cause"),
        [
            (DRAWN, BEFORE, Outcome.OPEN, ""),
            (DRAWN, DURING, Outcome.PASSED, "erased"),
            (DRAWN, AFTER, Outcome.PASSED, "erased"),
            (REPORTING, AFTER, Outcome.ANSWERED, "erased"),
            (SENT, AFTER, Outcome.ANSWERED, Cause.SENT),
            (Record(), DURING, Outcome.OPEN, ""),
        ],
    )
    def test_erase(self, record, now, outcome, cause):
        """An erasure changes nothing before the period, passes a running one, and answers a report."""
        step = lifecycle.erase(record, now)
        assert (step.record.outcome, step.record.cause) == (outcome, cause)
        assert step.record.report == {Cause.SENT: "accepted"}.get(cause, "erased" if record == REPORTING else "")

    @pytest.mark.parametrize(
        ("record", "now", "outcome", "cause"),
        [
            (DRAWN, BEFORE, Outcome.OPEN, ""),
            (DRAWN, DURING, Outcome.PASSED, "damaged"),
            (REPORTING, AFTER, Outcome.ANSWERED, "lost"),
            (SENT, AFTER, Outcome.ANSWERED, Cause.SENT),
            (SENT._replace(outcome=Outcome.SUSPENDED), AFTER, Outcome.SUSPENDED, Cause.SENT),
            (mark_passed(DRAWN, FULL), AFTER, Outcome.PASSED, Cause.NO_ROOM),
            (DRAWN, BEGINS - 1, Outcome.OPEN, ""),
            (DRAWN, BEGINS, Outcome.PASSED, "damaged"),
            (Record(), AFTER, Outcome.OPEN, ""),
        ],
    )
    def test_main_database_lost(self, record, now, outcome, cause):
        """The loss of the main database loses the collected data, and nothing else."""
        lost = mark_lost(record, now)
        assert (lost.outcome, lost.cause) == (outcome, cause)

    def test_endpoint_of_a_configuration_that_cannot_be_read(self):
        """While a file is unreadable the endpoint is unknown, so the report pauses."""
        elsewhere = (ENDPOINT._replace(url="https://elsewhere.org/v1"),)
        for settings in (switched("unreadable")._replace(endpoints=elsewhere), switched("unreadable")._replace(endpoints=())):
            step = step_at(REPORTING, AFTER, settings=settings)
            assert (facts(step), step.record.reason.kind) == ((State.REPORTING, Effect.NOTHING, False), "unreadable/configuration")

    def test_endpoint(self):
        """A report waits for a missing endpoint, and never goes to another host than the accepted one."""
        assert step_at(REPORTING, AFTER, settings=Settings()).record == REPORTING
        moved = Settings(endpoints=(ENDPOINT._replace(url="https://elsewhere.org/v1"),))
        step = step_at(REPORTING, AFTER, settings=moved)
        assert facts(step) == (State.ANSWERED, Effect.ERASE, False)
        assert step.reason == because(Cause.ENDPOINT_CHANGED)
        assert step_at(REPORTING, AFTER, settings=moved._replace(kill_switches=switched("enabled").kill_switches)).reason == step.reason
        same_host = Settings(endpoints=(ENDPOINT._replace(url="https://telemetry.kde.org/v2"),))
        assert step_at(REPORTING, AFTER, settings=same_host).record == REPORTING
        for now in (BEFORE, DURING):
            assert step_at(DRAWN, now, settings=moved).record == DRAWN
            assert step_at(DRAWN, now, settings=Settings()).record == DRAWN

    @pytest.mark.parametrize(
        ("ending", "kept", "reason", "sent"),
        [
            (Ending("accepted", at("12.9"), 204), Outcome.ANSWERED, because(Cause.SENT, date="2026-12-09"), at("12.9", 0)),
            (Ending("answered", at("12.9"), 410), Outcome.ANSWERED, because(Cause.SERVER_ANSWERED, date="2026-12-09"), at("12.9", 0)),
            (Ending("suspended", at("12.9"), 451), Outcome.SUSPENDED, because(Cause.SERVER_SUSPENDED, date="2026-12-09"), at("12.9", 0)),
            (
                Ending("rejected", at("12.9"), 404),
                Outcome.ANSWERED,
                REFUSED_BY_SERVER,
                at("12.9", 0),
            ),
            (Ending("unknown", at("12.9")), Outcome.ANSWERED, because(Cause.UNKNOWN, date="2026-12-09"), at("12.9", 0)),
            (Ending("dropped"), Outcome.ANSWERED, because(Cause.DROPPED), 0),
            (Ending("dropped", error="dns"), Outcome.ANSWERED, because(Cause.DROPPED, error="dns"), 0),
            (Ending("erased"), Outcome.ANSWERED, because(Cause.WITHDRAWN), 0),
        ],
    )
    def test_delivered(self, ending, kept, reason, sent):
        """What became of a report ends the question for good, and the day on which it was sent stays with the question."""
        record = record_delivery(REPORTING, ending)
        assert (record.outcome, record.reason, record.report, record.sent) == (kept, reason, ending.outcome, sent)
        step = step_at(record, AFTER)
        assert (step.state, step.reason, step.effect) == (State(kept), reason, Effect.NOTHING)

    def test_erased_while_it_was_sent(self):
        """A report that was erased during its attempt may have left: the question says so, with the day, and its cause stays."""
        erased = step_at(REPORTING, at("12.9"), levels=Levels()).record
        assert (erased.report, erased.sent) == ("erased", 0)
        assert record_attempt(erased, at("12.9")) == erased._replace(report="unknown", sent=at("12.9", 0))

    def test_delivered_in_developer_mode(self):
        """What became of a report of developer mode is known, and ends nothing; the next step keeps it."""
        record = record_developer_report(DRAWN, Ending("accepted", at("11.25"), 204))
        assert record == DRAWN._replace(report="accepted", sent=at("11.25", 0))
        step = step_at(record, DURING, settings=Settings(developer=True))
        assert (step.record, step.is_collecting) == (record, True)

    def test_days_of_a_report_that_waits(self):
        """A report most likely leaves in its first window, whose days are told; later only its last day is."""
        assert step_at(REPORTING, AFTER).reason == plain(due_from="2026-12-07", due="2027-01-03", due_until="2027-02-28")
        later = REPORTING._replace(closes=CLOSES - 60 * DAY_S, begins=BEGINS - 60 * DAY_S)
        assert step_at(later, AFTER).reason == plain(due_until="2026-12-30")
        assert step_at(later, AFTER, settings=Settings()).reason == because(Cause.NO_ENDPOINT)

    def test_clock_set_back(self):
        """A clock that is set back keeps no data before the period, goes on in it, and never reopens a closed one."""
        active = step_at(DRAWN, DURING)
        back = step_at(active.record, BEFORE)
        assert facts(back) == (State.WAITING, Effect.NOTHING, False)
        assert facts(step_at(back.record, DURING)) == (State.ACTIVE, Effect.NOTHING, True)
        assert facts(step_at(REPORTING, DURING)) == (State.REPORTING, Effect.NOTHING, False)

    def test_clock_set_back_and_withdrawn(self):
        """A withdrawal erases the collected data, even if the clock says that there can be none."""
        for others, _, _ in AT_ONCE:
            assert step_at(step_at(DRAWN, DURING).record, BEFORE, **others).effect is Effect.ERASE

    def test_clock_set_forward(self):
        """A clock that is set forward acts like elapsed time."""
        assert facts(step_at(DRAWN, DURING + 10 * DAY_S)) == (State.ACTIVE, Effect.CLOSE, False)

    def test_crash_between_acceptance_and_the_first_look(self):
        """An acceptance without a step, because the machine was off, counts as waiting."""
        assert facts(step_at(Record(), DURING)) == (State.ACTIVE, Effect.ERASE, True)
        assert facts(step_at(Record(), AFTER)) == (State.ACTIVE, Effect.CLOSE, False)


class TestDeveloper:
    """Developer mode: the current period at once, again and again."""

    DEVELOPING = Settings(developer=True)

    def develop(self, record, now, definition=A, **others):
        """A step in developer mode."""
        return step_at(record, now, definition, **{"settings": self.DEVELOPING, "standing": Standing(), **others})

    def test_current_period(self):
        """The current period counts although it is not whole, and the next one follows it."""
        step = self.develop(Record(), DURING, decision=Decision(accepted={A.digest: DURING}))
        assert facts(step) == (State.ACTIVE, Effect.NOTHING, True)
        assert step.record == DRAWN
        assert facts(self.develop(step.record, AFTER)) == (State.ACTIVE, Effect.CLOSE, False)
        assert self.develop(finish_report(DRAWN, because(Cause.DROPPED), "dropped"), DURING).is_collecting

    def test_over(self):
        """After its last day the question is expired, but its data is closed before."""
        assert facts(self.develop(Record(), OVER)) == (State.EXPIRED, Effect.ERASE, False)
        assert self.develop(DRAWN, OVER).effect is Effect.CLOSE

    def test_shut(self):
        """Consent is needed in developer mode too."""
        for others, state in (
            ({"levels": Levels()}, State.WAITING),
            ({"decision": Decision()}, State.PENDING),
            ({"decision": Decision(refused=True)}, State.REFUSED),
            ({"standing": Standing(None, stop_of(A))}, State.SUSPENDED),
        ):
            assert facts(self.develop(DRAWN, DURING, **others)) == (state, Effect.ERASE, False)

    @pytest.mark.parametrize("now", [DURING, AFTER])
    def test_changed(self, now):
        """The tally of one definition is not continued under another."""
        both = Decision(accepted={A.digest: 1, B.digest: 1})
        step = self.develop(DRAWN, now, B, decision=both)
        assert facts(step) == (State.ACTIVE, Effect.ERASE, True)
        assert step.record.digest == B.digest


# Random histories. A look follows each event, as in the daemon.
C = define(MEMORY, category="system", period="day", purpose="What for?")
DEFINITIONS = (A, B, C)
SHUTS = [others for others, *_ in (*AT_ONCE, *PAUSES) if "decision" not in others]
PASSING = st.tuples(st.just("pass"), st.sampled_from([1, 599, 600, 3600, DAY_S, 2 * DAY_S, 3 * DAY_S]))
DECLARING = st.tuples(st.just("declare"), st.sampled_from(DEFINITIONS))
SHUTTING = st.tuples(st.just("shut"), st.sampled_from(SHUTS))
EVENTS = st.one_of(
    *(PASSING, PASSING, PASSING, DECLARING, SHUTTING),
    st.sampled_from([("accept", None), ("accept", None), ("open", None), ("open", None), ("refuse", True), ("refuse", False)]),
)


class History:
    """A user, a clock and files; the daemon's data is marked with its origin."""

    def __init__(self, *, is_clock_steady=True):
        self.is_clock_steady = is_clock_steady
        self.now, self.declared, self.overrides = at("11.13"), A, {}
        self.decision, self.record = Decision(accepted={A.digest: self.now}), Record()
        self.tally, self.reports = set(), []
        self.was_open = []
        """(moment, open definition or None) of every step."""
        self.look()

    def live(self, kind, value):
        """One event and the step after it."""
        if kind == "pass":
            self.now += value
        elif kind == "accept":
            self.decision = Decision(False, {self.declared.digest: self.now, **self.decision.accepted})
        elif kind == "declare":
            self.declared = value
        elif kind == "refuse":
            self.decision = self.decision._replace(refused=value)
        else:
            self.overrides = value or {}
        self.look()

    def look(self):
        """Take a step and its effects as the daemon does; every step brings a sample."""
        standing = Standing(review_of(self.declared))
        circumstances = permitted(self.declared)._replace(**{"decision": self.decision, "standing": standing, **self.overrides})
        before = self.record
        step = lifecycle.step(before, self.declared, circumstances, clocks(self.now))
        self.record = step.record
        if step.effect is Effect.ERASE:
            self.tally.clear()
        if step.effect is Effect.CLOSE:
            self.reports.append((self.declared, step.record, set(self.tally)))
            self.tally.clear()
            self.record = begin_report(step.record, ENDPOINT.host)
        if step.is_collecting:
            self.tally.add((self.declared.digest, self.record.period))
        blocked_by = obstacles(self.declared, circumstances)
        is_open = not blocked_by or not deciding_obstacle(blocked_by)[1]
        self.was_open.append((self.now, self.declared if is_open else None))
        self.check(before, step, blocked_by)

    def check(self, before, step, blocked_by):
        """The invariants after every step."""
        if before.outcome not in {Outcome.OPEN, Outcome.REPORTING}:
            assert step.record == before
        assert len(self.reports) <= 1
        if step.is_collecting:
            assert blocked_by == []
            assert self.decision.accepted[self.declared.digest] < step.record.begins <= self.now < step.record.closes
            if self.is_clock_steady:
                waiting = sum(moment < step.record.begins for moment, _ in self.was_open)
                assert {opened for _, opened in self.was_open[waiting - 1 :]} == {self.declared}
        for definition, record, samples in self.reports:
            assert samples <= {(definition.digest, record.period)}
        if self.record.outcome is not Outcome.OPEN:
            assert not self.tally


@given(st.lists(EVENTS, min_size=5, max_size=20))
def test_random_histories(events):
    """A collected sample was accepted before its period, under a definition open at every step since. There is at most one answer."""
    history = History()
    for event in events:
        history.live(*event)


@given(st.lists(EVENTS | st.tuples(st.just("pass"), st.integers(-9 * DAY_S, 0)), min_size=5, max_size=20))
def test_random_histories_with_a_clock_set_back(events):
    """Whatever the clock does, a blocked question keeps no data, definitions do not mix, and there is at most one answer."""
    history = History(is_clock_steady=False)
    for event in events:
        history.live(*event)
        assert len(history.tally) <= 1


def test_nothing_is_collected_before_the_draw():
    """An accepted question without a draw waits, and its record stays empty."""
    step = step_at(Record(), BEGINS, lot=None)
    assert (step.state, step.is_collecting, step.record) == (State.WAITING, False, Record())


@pytest.mark.parametrize("obstacle", [room.NOT_DRAWN, FULL])
def test_without_room_a_question_is_passed(obstacle):
    """Who is not drawn is not asked. A question whose answer exceeds the budget is over, and the cap is named. Data is erased."""
    step = lifecycle.pass_without_room(step_at(DRAWN, BEGINS), obstacle)
    assert (step.state, step.reason, step.effect) == (State.PASSED, obstacle, Effect.ERASE)


@pytest.mark.parametrize("found", [None, room.YES, room.NOT_DRAWN, FULL])
def test_a_waiting_question_says_whether_it_has_room(found):
    """Before the period nothing about room is final: it is shown, and the record stays as it is."""
    step = lifecycle.show_room(step_at(DRAWN, BEFORE), found)
    reason = plain(begins="2026-11-23", ends="2026-11-29") if found in {None, room.YES} else found
    assert (step.state, step.reason, step.record) == (State.WAITING, reason, DRAWN)
    shut = step_at(DRAWN, BEFORE, levels=Levels())
    assert lifecycle.show_room(shut, found) == shut
    assert lifecycle.show_room(step_at(DRAWN, DURING), found) == step_at(DRAWN, DURING)


def test_without_an_endpoint():
    """A question that waits or runs says that nothing could be sent, and goes on all the same: the endpoint may come back."""
    for now in (BEFORE, DURING):
        step = step_at(DRAWN, now, settings=Settings())
        assert (step.reason, step.record, step.is_collecting) == (because(Cause.NO_ENDPOINT), DRAWN, now == DURING)


@pytest.mark.parametrize(
    ("unusable", "args"),
    [(Unusable("ca_file", "/ca.pem"), {"what": "ca_file", "file": "/ca.pem"}), (Unusable("extra"), {"what": "extra"})],
)
def test_with_an_endpoint_that_cannot_work(unusable, args):
    """It says so, and why: an endpoint that is named is not missing. A report waits for its time all the same."""
    settings = OPENED.settings._replace(unusable={A.application.vendor: unusable})
    for now in (BEFORE, DURING):
        step = step_at(DRAWN, now, settings=settings)
        assert (step.reason, step.record, step.is_collecting) == (because(Cause.UNUSABLE_ENDPOINT, **args), DRAWN, now == DURING)
    assert step_at(REPORTING, AFTER, settings=settings) == step_at(REPORTING, AFTER)


def test_no_more_at_once():
    """Where as many questions as are possible are open, a yes cannot start another, and the pending question says so."""
    step = step_at(Record(), BEFORE, decision=Decision(), is_full=True)
    assert (step.state, step.reason) == (State.PENDING, because(Cause.TOO_MANY, number="500"))
    assert step_at(Record(), OVER, decision=Decision(), is_full=True).reason != step.reason
    lower = step_at(Record(), BEFORE, decision=Decision(), is_full=True, levels=Levels())
    assert lower.reason.cause is Cause.LEVEL
    assert step_at(DRAWN, BEFORE, is_full=True) == step_at(DRAWN, BEFORE)


@pytest.mark.parametrize("now", [at("11.1"), BEGINS - 1, at("11.30", 0) - 1, at("11.30", 0), OVER])
@pytest.mark.parametrize("lot", [None, Lot(0, 0, 0), Lot(0, (1 << 64) - 1, 0)])
def test_a_yes_that_comes_too_late(now, lot):
    """A pending question says so if a yes could not lead to an answer: its drawn period has begun, or before the draw its last one."""
    periods = whole_periods(A.question.period, A.question.starts, A.question.ends)
    starts = [periods[lot.period * len(periods) >> 64].start] if lot else [period.start for period in periods]
    step = step_at(Record(), now, decision=Decision(), lot=lot)
    if step.state is State.PENDING:
        assert step.reason == (Reason() if now < max(starts) else because(Cause.TOO_LATE))
    shut = step_at(Record(), now, decision=Decision(), lot=lot, levels=Levels())
    assert shut.state is not State.PENDING or shut.reason == because(Cause.LEVEL, axis="usage", level="basic")
