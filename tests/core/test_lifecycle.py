"""A question's life: its design's table row by row, then random histories."""

from datetime import UTC, datetime

import pytest
from declared import ENDPOINT, MEMORY, define, locked, permitted, review_of, stop_of, switched
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core import lifecycle
from telemetryd.core.definition import Draw
from telemetryd.core.delay import JUMP_S, Moment
from telemetryd.core.gate import ApplicationLevels, Cause, Decision, Levels, Presence, closures, closures_without_definition, told
from telemetryd.core.lifecycle import Effect, Outcome, Record, State
from telemetryd.core.sampling_lot import Lot
from telemetryd.core.settings import Settings
from telemetryd.core.signoffs import Standing


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

DRAWN = Record(period="2026-W48", begins=BEGINS, closes=CLOSES, revision=A.revision)
REPORTING = lifecycle.reporting(DRAWN, ENDPOINT.host)
OPENED = permitted(A, at=ACCEPTED)


def clocks(now):
    """A moment of a machine that was started long ago, and never slept since."""
    return Moment(now, now - at("11.1"), now - at("11.1"), 1)


def look(record, now, definition=A, **others):
    """One look under circumstances that permit A, accepted on a Wednesday for the week after, but for `others`."""
    return lifecycle.step(record, definition, OPENED._replace(**others), now if isinstance(now, Moment) else clocks(now))


def unanswerable(record, now, **others):
    """One look at a question that nobody can read any more, and whose manifest is gone."""
    shut = closures_without_definition(A.application.id, OPENED._replace(**{"presence": Presence.GONE, **others}))
    return lifecycle.unanswerable(record, shut, clocks(now))


def facts(step):
    """What a step says, without its record."""
    return step.state, step.effect, step.is_collecting


# What shuts at once: the circumstances, the cause that is remembered, and the state that is shown before the period.
AT_ONCE = [
    ({"levels": Levels()}, Cause.LEVEL, State.WAITING),
    ({"settings": locked("usage", 0)}, Cause.LOCK, State.WAITING),
    ({"settings": switched("enabled")}, Cause.KILL_SWITCH, State.WAITING),
    ({"settings": switched("DO_NOT_TRACK")}, Cause.DO_NOT_TRACK, State.WAITING),
    ({"settings": switched("kuserfeedback")}, Cause.KILL_SWITCH, State.WAITING),
    ({"application": ApplicationLevels(usage=0)}, Cause.APPLICATION, State.WAITING),
    ({"decision": Decision(refused=True, accepted={A.digest: ACCEPTED})}, Cause.REFUSED, State.REFUSED),
    ({"standing": Standing(review_of(A), stop_of(A, "answered"))}, Cause.STOPPED, State.STOPPED),
    ({"standing": Standing(review_of(A), stop_of(A))}, Cause.SUSPENDED, State.SUSPENDED),
]
# What pauses first, and for how long.
PAUSES = [
    ({"settings": switched("unreadable")}, Cause.UNREADABLE, State.WAITING, DAY_S),
    ({"presence": Presence.UNREADABLE}, Cause.MANIFEST, State.WAITING, DAY_S),
    ({"presence": Presence.GONE}, Cause.GONE, State.WAITING, TEN_MINUTES_S),
    ({"presence": Presence.DROPPED}, Cause.DROPPED, State.WAITING, TEN_MINUTES_S),
    ({"presence": Presence.UNREGISTERED}, Cause.UNREGISTERED, State.WAITING, 3600),
    ({"standing": Standing()}, Cause.UNREVIEWED, State.UNREVIEWED, TEN_MINUTES_S),
    ({"standing": Standing(review_of(B))}, Cause.UNREVIEWED, State.UNREVIEWED, TEN_MINUTES_S),
    ({"are_reviews_readable": False}, Cause.REVIEWS, State.WAITING, DAY_S),
    ({"are_reviews_readable": False, "standing": Standing()}, Cause.REVIEWS, State.UNREVIEWED, DAY_S),
]


class TestOpen:
    """Nothing shuts the question."""

    def test_from_acceptance_to_report(self):
        """Accepted on a Wednesday: waits, collects from Monday on, and closes when the week is over."""
        waiting = look(Record(), ACCEPTED)
        assert facts(waiting) == (State.WAITING, Effect.ERASE, False)
        assert waiting.record == DRAWN
        assert waiting.reason == "its period begins on 2026-11-23"
        assert facts(look(DRAWN, BEGINS - 1)) == (State.WAITING, Effect.NOTHING, False)
        assert facts(look(DRAWN, BEGINS)) == (State.ACTIVE, Effect.NOTHING, True)
        active = look(DRAWN, CLOSES - 1)
        assert facts(active) == (State.ACTIVE, Effect.NOTHING, True)
        assert active.reason == "its period ends before 2026-11-30"
        assert facts(look(DRAWN, CLOSES)) == (State.ACTIVE, Effect.CLOSE, False)
        assert facts(look(REPORTING, CLOSES)) == (State.REPORTING, Effect.NOTHING, False)
        assert facts(look(lifecycle.answered(REPORTING, "sent"), AFTER)) == (State.ANSWERED, Effect.NOTHING, False)

    def test_not_accepted(self):
        """What the user did not decide on is pending and leaves nothing to remember."""
        step = look(Record(), DURING, decision=Decision())
        assert facts(step) == (State.PENDING, Effect.NOTHING, False)
        assert step.record == Record()
        assert step.reason == "you have not accepted this question"

    @pytest.mark.parametrize(("others", "_cause", "state"), [row[:3] for row in (*AT_ONCE, *PAUSES)])
    def test_not_accepted_and_shut(self, others, _cause, state):
        """A pending question shows what others settled, with the reason of that, and is pending otherwise."""
        decision = Decision(refused=others.get("decision", Decision()).refused)
        step = look(Record(), DURING, **{**others, "decision": decision})
        assert step.state is (State.PENDING if state is State.WAITING else state)
        assert step.effect is Effect.NOTHING

    @pytest.mark.parametrize(
        ("state", "reason", "others"),
        [
            (
                State.STOPPED,
                "the question has been answered (stops.toml, 2026-11-20)",
                {"standing": Standing(None, stop_of(A, "answered"))},
            ),
            (State.SUSPENDED, "the question is suspended (stops.toml, 2026-11-20)", {"standing": Standing(None, stop_of(A))}),
            (State.UNREVIEWED, "no review of this definition is installed", {"standing": Standing()}),
            (State.REFUSED, "you refused this question", {"decision": Decision(refused=True)}),
        ],
    )
    def test_reason_belongs_to_the_state(self, state, reason, others):
        """With everything off as well, the reason that is shown is the shown state's own."""
        step = look(Record(), BEFORE, **{"decision": Decision(), "levels": Levels(), **others})
        assert (step.state, step.reason) == (state, reason)

    @pytest.mark.parametrize("others", [{}, {"standing": Standing()}, {"decision": Decision(refused=True)}])
    def test_expired(self, others):
        """Past its last day a question that was not accepted is expired; on the last day it is not."""
        step = look(Record(), at("12.7", 0), **{"decision": Decision(), **others})
        assert (step.state, step.reason) == (State.EXPIRED, "it ended on 2026-12-06")
        assert look(Record(), at("12.7", 0) - 1, **{"decision": Decision(), **others}).state is not State.EXPIRED

    def test_a_stop_is_shown_before_the_end(self):
        """A question that was stopped and is over too is shown as stopped."""
        assert look(Record(), OVER, decision=Decision(), standing=Standing(None, stop_of(A))).state is State.SUSPENDED

    def test_accepted_too_late(self):
        """Accepted when no whole period is left: passed."""
        step = look(Record(), at("11.30"), decision=Decision(accepted={A.digest: at("11.30")}))
        assert (step.record.outcome, step.reason) == (Outcome.PASSED, lifecycle.NO_PERIOD)

    def test_accepted_as_the_period_begins(self):
        """Accepted in the second in which a period begins: that one is not whole."""
        assert look(Record(), BEGINS, decision=Decision(accepted={A.digest: BEGINS})).record.period == "2026-W49"
        assert look(Record(), BEGINS, decision=Decision(accepted={A.digest: BEGINS - 1})).record.period == "2026-W48"


class TestShut:
    """Level, lock, kill switch, refusal, stop, suspension: at once."""

    @pytest.mark.parametrize(("others", "cause", "state"), AT_ONCE)
    def test_waiting(self, others, cause, state):
        """Shows the cause, whatever a clock that was set back left is erased; reopened in time it waits on, later it is passed."""
        step = look(DRAWN, BEFORE, **others)
        assert facts(step) == (state, Effect.ERASE, False)
        assert step.reason
        assert step.record.closed_cause == cause
        reopened = look(step.record, BEFORE + 60)
        assert (reopened.state, reopened.record) == (State.WAITING, DRAWN)
        late = look(step.record, DURING)
        assert facts(late) == (State.PASSED, Effect.ERASE, False)
        assert cause in late.reason
        assert look(step.record, DURING, **others).state is State.PASSED

    @pytest.mark.parametrize(("others", "cause", "_state"), AT_ONCE)
    @pytest.mark.parametrize("now", [BEGINS, DURING, CLOSES, OVER])
    def test_active(self, others, cause, _state, now):
        """The tally is erased and the question passed for good, also if its period was over and not closed yet."""
        step = look(DRAWN, now, **others)
        assert facts(step) == (State.PASSED, Effect.ERASE, False)
        assert step.reason == cause
        for moment in (BEFORE, now, OVER):
            assert facts(look(step.record, moment)) == (State.PASSED, Effect.NOTHING, False)

    @pytest.mark.parametrize(("others", "cause", "_state"), AT_ONCE)
    def test_reporting(self, others, cause, _state):
        """The report is erased and the question answered, with the cause."""
        step = look(REPORTING, AFTER, **others)
        assert facts(step) == (State.ANSWERED, Effect.ERASE, False)
        assert step.reason == cause
        assert facts(look(step.record, AFTER)) == (State.ANSWERED, Effect.NOTHING, False)

    @pytest.mark.parametrize("record", [DRAWN, REPORTING, Record(), lifecycle.passed(DRAWN, "x")])
    def test_developer_mode_begins(self, record):
        """Developer mode shuts all that is open, at once."""
        step = lifecycle.shut(record, Cause.DEVELOPER, DURING)
        expected = {DRAWN: State.PASSED, REPORTING: State.ANSWERED, Record(): State.WAITING}.get(record, State.PASSED)
        assert step.state is expected
        assert not step.is_collecting
        assert (step.effect is Effect.NOTHING) == (record.outcome is Outcome.PASSED)

    def test_developer_mode_while_waiting(self):
        """Left before the period begins it changes nothing, later the period was not whole."""
        record = lifecycle.shut(DRAWN, Cause.DEVELOPER, BEFORE).record
        assert look(record, BEFORE + 1).record == DRAWN
        assert look(record, DURING).record.outcome is Outcome.PASSED


class TestPause:
    """Unreadable files for a day, missing manifests and reviews for ten minutes."""

    @pytest.mark.parametrize(("others", "cause", "_state", "grace_s"), PAUSES)
    def test_active(self, others, cause, _state, grace_s):
        """Nothing is kept from the first look on; it goes on if the cause went in time, and is passed if not."""
        paused = look(DRAWN, DURING, **others)
        assert facts(paused) == (State.ACTIVE, Effect.NOTHING, False)
        assert paused.reason.startswith("paused: ")
        last = look(paused.record, DURING + grace_s - 1, **others)
        assert facts(last) == (State.ACTIVE, Effect.NOTHING, False)
        reopened = look(last.record, DURING + grace_s - 1)
        assert (facts(reopened), reopened.record) == ((State.ACTIVE, Effect.NOTHING, True), DRAWN)
        gone = look(last.record, DURING + grace_s, **others)
        assert facts(gone) == (State.PASSED, Effect.ERASE, False)
        assert gone.reason == cause

    @pytest.mark.parametrize(("others", "cause", "_state", "grace_s"), PAUSES)
    def test_reporting(self, others, cause, _state, grace_s):
        """The report is held back, and sent on or erased in the same way."""
        paused = look(REPORTING, AFTER, **others)
        assert facts(paused) == (State.REPORTING, Effect.NOTHING, False)
        assert paused.record.closed_cause
        assert paused.reason.startswith("paused: ")
        reopened = look(paused.record, AFTER + grace_s - 1)
        assert (facts(reopened), reopened.record) == ((State.REPORTING, Effect.NOTHING, False), REPORTING)
        gone = look(paused.record, AFTER + grace_s, **others)
        assert facts(gone) == (State.ANSWERED, Effect.ERASE, False)
        assert gone.reason == cause

    @pytest.mark.parametrize(("others", "_cause", "state", "grace_s"), PAUSES)
    def test_waiting(self, others, _cause, state, grace_s):
        """Before the period a pause is only shown; it may last into the period, but not longer than it may."""
        paused = look(DRAWN, BEGINS - 60, **others)
        assert facts(paused) == (state, Effect.NOTHING, False)
        assert look(paused.record, BEGINS - 1).record == DRAWN
        assert look(paused.record, BEGINS, **others).state is State.ACTIVE
        assert look(paused.record, BEGINS).is_collecting
        assert look(paused.record, BEGINS - 60 + grace_s, **others).state is State.PASSED
        long = look(look(DRAWN, BEFORE, **others).record, BEGINS - 1, **others)
        assert look(long.record, BEGINS).state is State.PASSED

    def test_withdrawal_during_a_pause(self):
        """Whoever withdraws while a file is unreadable does not wait for a day."""
        paused = look(DRAWN, DURING, presence=Presence.UNREADABLE)
        assert facts(look(paused.record, DURING + 1, presence=Presence.UNREADABLE, levels=Levels())) == (State.PASSED, Effect.ERASE, False)

    def test_pause_over_the_end(self):
        """A period that ends during a pause is closed once the pause is over."""
        paused = look(DRAWN, CLOSES - 60, presence=Presence.UNREADABLE)
        assert look(paused.record, CLOSES + 60, presence=Presence.UNREADABLE).state is State.ACTIVE
        assert look(paused.record, CLOSES + 60).effect is Effect.CLOSE

    @pytest.mark.parametrize("seconds", [-3600, JUMP_S + 1, 30 * DAY_S])
    def test_clock_set_during_a_pause(self, seconds):
        """A clock that is set, back or forth, makes a pause begin anew: nothing is lost by it."""
        paused = look(DRAWN, DURING, presence=Presence.GONE)
        now = clocks(DURING + TEN_MINUTES_S - 1)
        again = look(paused.record, now._replace(wall=now.wall + seconds), presence=Presence.GONE)
        assert (again.state, again.effect, again.record.is_paused) == (State.ACTIVE, Effect.NOTHING, 1)
        last = clocks(DURING + 2 * TEN_MINUTES_S - 2)
        assert look(again.record, last._replace(wall=last.wall + seconds), presence=Presence.GONE).state is State.ACTIVE
        last = clocks(DURING + 2 * TEN_MINUTES_S - 1)
        assert look(again.record, last._replace(wall=last.wall + seconds), presence=Presence.GONE).state is State.PASSED

    @pytest.mark.parametrize(("others", "cause", "_state", "grace_s"), PAUSES)
    def test_suspended_during_a_pause(self, others, cause, _state, grace_s):
        """A machine that sleeps through the wall clock's part pauses on until it ran for as long as it must."""
        paused = look(DRAWN, BEGINS, **others)
        now = clocks(BEGINS)
        awake = now._replace(wall=now.wall + 2 * DAY_S, elapsed=now.elapsed + 2 * DAY_S)
        assert look(paused.record, awake, **others).state is State.ACTIVE
        ran_s = min(grace_s, 3600)
        ran = awake._replace(wall=awake.wall + ran_s, elapsed=awake.elapsed + ran_s, running=awake.running + ran_s)
        step = look(paused.record, ran, **others)
        assert (step.state, step.reason) == (State.PASSED, cause)

    def test_each_cause_has_its_own_delay(self):
        """What comes while something else pauses has its whole delay, and what ended the question is named, not what came first."""
        unreadable = {"settings": switched("unreadable")}
        late = DURING + DAY_S - 300
        both = look(look(DRAWN, DURING, **unreadable).record, late, presence=Presence.GONE, **unreadable)
        assert facts(both) == (State.ACTIVE, Effect.NOTHING, False)
        assert look(both.record, late + 299, presence=Presence.GONE).state is State.ACTIVE
        ended = look(both.record, late + TEN_MINUTES_S, presence=Presence.GONE)
        assert (ended.state, ended.reason) == (State.PASSED, Cause.GONE)
        ended = look(both.record, late + TEN_MINUTES_S, presence=Presence.GONE, **unreadable)
        assert (ended.state, ended.reason) == (State.PASSED, Cause.UNREADABLE)
        assert look(both.record, late + 1, presence=Presence.GONE, levels=Levels(), **unreadable).reason == Cause.LEVEL

    def test_a_pause_is_written_seldom(self):
        """Looks at a question that pauses change nothing, but for ten minutes of running time; for what is shut nothing is counted."""
        paused = look(DRAWN, DURING, presence=Presence.UNREADABLE).record
        assert look(paused, DURING + 599, presence=Presence.UNREADABLE).record == paused
        shut = look(DRAWN, BEFORE, presence=Presence.UNREADABLE, levels=Levels()).record
        assert shut.noticed == ""
        assert look(shut, BEFORE + DAY_S, presence=Presence.UNREADABLE, levels=Levels()).record == shut

    def test_review_of_a_manifest_that_is_not_there(self):
        """A package that brings another definition and its review, and whose manifest cannot be read: nothing is decided for a day."""
        others = {"presence": Presence.UNREADABLE, "standing": Standing(review_of(B))}
        for record, now, state in ((DRAWN, DURING, State.ACTIVE), (REPORTING, AFTER, State.REPORTING)):
            paused = look(look(record, now, **others).record, now + DAY_S - 1, **others)
            assert (paused.state, paused.effect) == (state, Effect.NOTHING)
            ended = look(paused.record, now + DAY_S, **others)
            assert (ended.effect, ended.reason) == (Effect.ERASE, Cause.MANIFEST)

    def test_nothing_known(self):
        """Where not even the accepted text can be read either: kept for ten minutes if everything is on, and at once no more if not."""
        for record, now, before, after in (
            (DRAWN, DURING, State.ACTIVE, State.PASSED),
            (REPORTING, AFTER, State.REPORTING, State.ANSWERED),
        ):
            paused = unanswerable(record, now)
            assert facts(paused) == (before, Effect.NOTHING, False)
            assert facts(unanswerable(paused.record, now + TEN_MINUTES_S - 1)) == (before, Effect.NOTHING, False)
            ended = unanswerable(paused.record, now + TEN_MINUTES_S)
            assert (facts(ended), ended.reason) == ((after, Effect.ERASE, False), Cause.GONE)
            for others in ({"levels": Levels(1, 2)}, {"levels": Levels(2, 1)}, {"settings": switched("enabled")}, AT_ONCE[6][0]):
                assert facts(unanswerable(paused.record, now + 1, **others)) == (after, Effect.ERASE, False)
        assert facts(unanswerable(DRAWN, BEFORE)) == (State.WAITING, Effect.NOTHING, False)
        assert facts(unanswerable(DRAWN, BEFORE, levels=Levels())) == (State.WAITING, Effect.ERASE, False)
        assert unanswerable(Record(), DURING)[:2] == (Record(), State.WAITING)
        assert facts(unanswerable(lifecycle.passed(DRAWN, "x"), AFTER)) == (State.PASSED, Effect.NOTHING, False)


ONLY_A = Decision(accepted={A.digest: ACCEPTED})


def as_b(record, now, *accepted, **others):
    """A look while B is declared and reviewed; `accepted` are the moments of A's and B's acceptance."""
    digests = dict(zip((A.digest, B.digest), accepted, strict=False))
    return look(record, now, B, **{"decision": Decision(accepted=digests), "standing": Standing(review_of(B)), **others})


class TestChanged:
    """The definition changes."""

    def test_waiting(self):
        """Pending anew, and accepted anew it has a new period; what a clock that was set back left is erased."""
        step = as_b(DRAWN, BEFORE, ACCEPTED)
        assert facts(step) == (State.PENDING, Effect.ERASE, False)
        assert step.record.period == step.record.revision == ""
        accepted = as_b(step.record, DURING, ACCEPTED, DURING)
        assert (accepted.state, accepted.record.period) == (State.WAITING, "2026-W49")
        assert as_b(step.record, BEFORE, ACCEPTED, BEFORE).record == DRAWN._replace(revision=B.revision)

    def test_waiting_and_over(self):
        """A changed question that is over is expired."""
        assert as_b(as_b(DRAWN, BEFORE, ACCEPTED).record, OVER, ACCEPTED).state is State.EXPIRED

    @pytest.mark.parametrize("now", [BEGINS, DURING, AFTER])
    def test_active(self, now):
        """Passed, whatever becomes of the new definition."""
        step = as_b(DRAWN, now, ACCEPTED)
        assert facts(step) == (State.PASSED, Effect.ERASE, False)
        assert step.reason == Cause.CHANGED
        assert as_b(step.record, now, ACCEPTED, now).state is State.PASSED

    @pytest.mark.parametrize("standing", [Standing(review_of(B)), Standing(review_of(A)), Standing()])
    def test_reporting(self, standing):
        """The report is sent under the definition that was consented to, which nobody need review any more."""
        step = look(REPORTING, AFTER, standing=standing, is_superseded=True)
        assert facts(step) == (State.REPORTING, Effect.NOTHING, False)
        assert step.record == REPORTING
        unreadable_text = as_b(REPORTING, AFTER, ACCEPTED, standing=standing)
        assert facts(unreadable_text) == (State.REPORTING, Effect.NOTHING, False)

    def test_reporting_and_shut(self):
        """All else stops the old report as it stops any."""
        for others, _, _ in AT_ONCE:
            assert look(REPORTING, AFTER, is_superseded=True, **others).state is State.ANSWERED
        unreadable = look(REPORTING, AFTER, is_superseded=True, are_reviews_readable=False, standing=Standing())
        assert unreadable.record.closed_cause == Cause.REVIEWS

    def test_and_back_before_the_period(self):
        """The old definition again, before its period: nothing was lost."""
        assert look(as_b(DRAWN, BEFORE, ACCEPTED).record, BEFORE + 60).record == DRAWN

    def test_and_back_in_the_period(self):
        """The old definition again, when its period has begun: it was shut as it began."""
        changed = as_b(DRAWN, BEFORE, ACCEPTED)
        assert facts(look(changed.record, DURING)) == (State.PASSED, Effect.ERASE, False)

    def test_and_back_after_the_other_was_accepted(self):
        """A, then B accepted for a later week, then A again in the middle of A's week: A was not open when it began."""
        pending = as_b(DRAWN, BEFORE, ACCEPTED)
        waiting = as_b(pending.record, at("11.24"), ACCEPTED, at("11.24"))
        assert waiting.record.period == "2026-W49"
        both = Decision(accepted={A.digest: ACCEPTED, B.digest: at("11.24")})
        assert facts(look(waiting.record, DURING, decision=both)) == (State.PASSED, Effect.ERASE, False)

    @pytest.mark.parametrize("now", [BEGINS, DURING, AFTER])
    def test_between_two_accepted_ones_of_one_week(self, now):
        """Two accepted definitions with one week: the running one's tally is never continued under the other."""
        both = Decision(accepted={A.digest: ACCEPTED, B.digest: ACCEPTED + 60})
        waiting = as_b(DRAWN, BEFORE, ACCEPTED, ACCEPTED + 60)
        assert facts(waiting) == (State.WAITING, Effect.ERASE, False)
        assert facts(as_b(waiting.record, now, ACCEPTED, ACCEPTED + 60))[0] is State.ACTIVE
        assert facts(look(waiting.record, now, decision=both)) == (State.PASSED, Effect.ERASE, False)

    @pytest.mark.parametrize("presence", [one for one in Presence if one is not Presence.PRESENT])
    @pytest.mark.parametrize("now", [BEFORE, DURING, AFTER])
    def test_pending_and_the_manifest_is_away(self, presence, now):
        """A changed question is judged by what is declared, not by what was accepted once: away for a look it stays as it was."""
        pending = as_b(DRAWN, BEFORE, ACCEPTED).record
        away = look(pending, now, presence=presence)
        assert (away.record, away.effect) == (pending, Effect.NOTHING)
        assert away.state is State.PENDING
        assert as_b(away.record, now, ACCEPTED).state is State.PENDING
        assert as_b(away.record, BEFORE, ACCEPTED, BEFORE).record == DRAWN._replace(revision=B.revision)

    @pytest.mark.parametrize(
        "change",
        [{"question": A.question._replace(share=0.1)}, {"question": A.question._replace(draw=Draw.UNIFORM, ends=at_date("11.29"))}],
    )
    def test_not_decided_by_what_was_accepted_once(self, change):
        """Not drawn, or no period left: decided of what is declared now, or not at all."""
        accepted = A._replace(**change)
        late = {"decision": Decision(accepted={accepted.digest: at("11.30")}), "lot": Lot((1 << 64) - 1, 0)}
        assert look(Record(), at("11.30"), accepted, **late).state is State.PASSED
        away = look(Record(), at("11.30"), accepted, presence=Presence.UNREADABLE, **late)
        assert (away.record, away.state, away.effect) == (Record(), State.WAITING, Effect.NOTHING)

    def test_old_definition_elsewhere(self):
        """An accepted definition that is declared again asks nothing."""
        both = Decision(accepted={A.digest: ACCEPTED, B.digest: BEFORE})
        assert look(as_b(DRAWN, BEFORE, ACCEPTED, BEFORE).record, BEFORE + 60, decision=both).state is State.WAITING


class TestOtherEvents:
    """The other rows of the table."""

    def test_ends_over(self):
        """A period within `ends` closes normally, however late that is noticed; a report is not concerned."""
        assert facts(look(DRAWN, OVER)) == (State.ACTIVE, Effect.CLOSE, False)
        assert look(REPORTING, OVER).record == REPORTING

    @pytest.mark.parametrize(
        ("record", "now", "outcome", "reason"),
        [
            (DRAWN, BEFORE, Outcome.OPEN, ""),
            (DRAWN, DURING, Outcome.PASSED, "erased"),
            (DRAWN, AFTER, Outcome.PASSED, "erased"),
            (REPORTING, AFTER, Outcome.ANSWERED, "erased"),
            (lifecycle.answered(REPORTING, "sent"), AFTER, Outcome.ANSWERED, "sent"),
            (Record(), DURING, Outcome.OPEN, ""),
        ],
    )
    def test_erase(self, record, now, outcome, reason):
        """Erase changes nothing before the period, passes a running one, and answers a report."""
        step = lifecycle.erased(record, now)
        assert (step.record.outcome, step.record.reason) == (outcome, reason)

    @pytest.mark.parametrize(
        ("record", "now", "outcome", "reason"),
        [
            (DRAWN, BEFORE, Outcome.OPEN, ""),
            (DRAWN, DURING, Outcome.PASSED, "damaged"),
            (REPORTING, AFTER, Outcome.ANSWERED, "lost"),
            (lifecycle.answered(REPORTING, "sent"), AFTER, Outcome.ANSWERED, "sent"),
        ],
    )
    def test_main_database_lost(self, record, now, outcome, reason):
        """With the main database goes what was collected, and only that."""
        lost = lifecycle.lost(record, now)
        assert (lost.outcome, lost.reason) == (outcome, reason)

    def test_endpoint_of_a_configuration_that_cannot_be_read(self):
        """Which host is configured is not known while a file cannot be read: the report pauses."""
        elsewhere = (ENDPOINT._replace(url="https://elsewhere.org/v1"),)
        for settings in (switched("unreadable")._replace(endpoints=elsewhere), switched("unreadable")._replace(endpoints=())):
            step = look(REPORTING, AFTER, settings=settings)
            assert (facts(step), step.record.closed_cause) == ((State.REPORTING, Effect.NOTHING, False), Cause.UNREADABLE)

    def test_endpoint(self):
        """A report waits for a missing endpoint and never goes to another host than the one that was consented to."""
        assert look(REPORTING, AFTER, settings=Settings()).record == REPORTING
        moved = Settings(endpoints=(ENDPOINT._replace(url="https://elsewhere.org/v1"),))
        step = look(REPORTING, AFTER, settings=moved)
        assert facts(step) == (State.ANSWERED, Effect.ERASE, False)
        assert step.reason == Cause.ENDPOINT
        same_host = Settings(endpoints=(ENDPOINT._replace(url="https://telemetry.kde.org/v2"),))
        assert look(REPORTING, AFTER, settings=same_host).record == REPORTING
        for now in (BEFORE, DURING):
            assert look(DRAWN, now, settings=moved).record == DRAWN
            assert look(DRAWN, now, settings=Settings()).record == DRAWN

    @pytest.mark.parametrize(
        ("outcome", "kept", "reason"),
        [
            ("accepted", Outcome.ANSWERED, "sent"),
            ("answered", Outcome.ANSWERED, "the server says that the question is answered"),
            ("suspended", Outcome.SUSPENDED, "the server says that the question is suspended"),
            ("dropped", Outcome.ANSWERED, "dropped"),
            ("unknown", Outcome.ANSWERED, "unknown"),
        ],
    )
    def test_delivered(self, outcome, kept, reason):
        """What the server said ends the question for good."""
        record = lifecycle.delivered(REPORTING, outcome)
        assert (record.outcome, record.reason) == (kept, reason)
        step = look(record, AFTER)
        assert (step.state, step.reason, step.effect) == (State(kept), reason, Effect.NOTHING)

    def test_clock_set_back(self):
        """Before the period nothing is kept, in it the tally goes on, and a closed period never reopens."""
        active = look(DRAWN, DURING)
        back = look(active.record, BEFORE)
        assert facts(back) == (State.WAITING, Effect.NOTHING, False)
        assert facts(look(back.record, DURING)) == (State.ACTIVE, Effect.NOTHING, True)
        assert facts(look(REPORTING, DURING)) == (State.REPORTING, Effect.NOTHING, False)

    def test_clock_set_back_and_withdrawn(self):
        """What was collected goes with the consent, also while the clock says that nothing can have been."""
        for others, _, _ in AT_ONCE:
            assert look(look(DRAWN, DURING).record, BEFORE, **others).effect is Effect.ERASE

    def test_clock_set_forward(self):
        """As if the time had passed."""
        assert facts(look(DRAWN, DURING + 10 * DAY_S)) == (State.ACTIVE, Effect.CLOSE, False)

    def test_crash_between_acceptance_and_the_first_look(self):
        """An acceptance that nobody looked at counts as waiting: the machine was off."""
        assert facts(look(Record(), DURING)) == (State.ACTIVE, Effect.ERASE, True)
        assert facts(look(Record(), AFTER)) == (State.ACTIVE, Effect.CLOSE, False)


class TestDeveloper:
    """Developer mode: the current period at once, again and again."""

    DEVELOPING = Settings(developer=True)

    def develop(self, record, now, definition=A, **others):
        """A look in developer mode."""
        return look(record, now, definition, **{"settings": self.DEVELOPING, "standing": Standing(), **others})

    def test_current_period(self):
        """The running period counts although it was not whole, and a closed one is followed by the next."""
        step = self.develop(Record(), DURING, decision=Decision(accepted={A.digest: DURING}))
        assert facts(step) == (State.ACTIVE, Effect.NOTHING, True)
        assert step.record == DRAWN
        assert facts(self.develop(step.record, AFTER)) == (State.ACTIVE, Effect.CLOSE, False)
        assert self.develop(lifecycle.answered(DRAWN, "sent"), DURING).is_collecting

    def test_over(self):
        """Past its last day it is expired, but what was collected before is closed."""
        assert facts(self.develop(Record(), OVER)) == (State.EXPIRED, Effect.ERASE, False)
        assert self.develop(DRAWN, OVER).effect is Effect.CLOSE

    def test_shut(self):
        """Consent holds in developer mode too."""
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
        assert step.record.revision == B.revision


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
    """A user, a clock and files; what the daemon keeps, marked with where it came from."""

    def __init__(self, *, is_clock_steady=True):
        self.is_clock_steady = is_clock_steady
        self.now, self.declared, self.shut = at("11.13"), A, {}
        self.decision, self.record = Decision(accepted={A.digest: self.now}), Record()
        self.tally, self.reports = set(), []
        self.was_open = []
        """(moment, definition that was open then or None) of every look."""
        self.look()

    def live(self, kind, what):
        """One event and the look after it."""
        if kind == "pass":
            self.now += what
        elif kind == "accept":
            self.decision = Decision(False, {self.declared.digest: self.now, **self.decision.accepted})
        elif kind == "declare":
            self.declared = what
        elif kind == "refuse":
            self.decision = self.decision._replace(refused=what)
        else:
            self.shut = what or {}
        self.look()

    def look(self):
        """Look, and do what the daemon does; every look brings a sample."""
        standing = Standing(review_of(self.declared))
        circumstances = permitted(self.declared)._replace(**{"decision": self.decision, "standing": standing, **self.shut})
        before = self.record
        step = lifecycle.step(before, self.declared, circumstances, clocks(self.now))
        self.record = step.record
        if step.effect is Effect.ERASE:
            self.tally.clear()
        if step.effect is Effect.CLOSE:
            self.reports.append((self.declared, step.record, set(self.tally)))
            self.tally.clear()
            self.record = lifecycle.reporting(step.record, ENDPOINT.host)
        if step.is_collecting:
            self.tally.add((self.declared.digest, self.record.period))
        shut = closures(self.declared, circumstances)
        is_open = not shut or not told(shut)[1]
        self.was_open.append((self.now, self.declared if is_open else None))
        self.check(before, step, shut)

    def check(self, before, step, shut):
        """What must hold after every look."""
        if before.outcome not in {Outcome.OPEN, Outcome.REPORTING}:
            assert step.record == before
        assert len(self.reports) <= 1
        if step.is_collecting:
            assert shut == []
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
    """Collecting means: accepted before the period, and the same definition open at every look since before it; one answer at most."""
    history = History()
    for event in events:
        history.live(*event)


@given(st.lists(EVENTS | st.tuples(st.just("pass"), st.integers(-9 * DAY_S, 0)), min_size=5, max_size=20))
def test_random_histories_with_a_clock_set_back(events):
    """Whatever the clock does: nothing is kept of a shut question, no two definitions mix, and there is one answer at most."""
    history = History(is_clock_steady=False)
    for event in events:
        history.live(*event)
        assert len(history.tally) <= 1


def test_nothing_is_collected_before_the_draw():
    """An accepted question whose lot is not drawn yet waits, and remembers nothing."""
    step = look(Record(), BEGINS, lot=None)
    assert (step.state, step.is_collecting, step.record) == (State.WAITING, False, Record())


def test_who_accepts_after_the_drawn_period_began_is_passed():
    """With the uniform draw a late acceptance has no other period: the question is passed, and says why."""
    uniform = A._replace(question=A.question._replace(draw=Draw.UNIFORM))
    circumstances = permitted(uniform, at=BEGINS + 1)
    step = look(Record(), BEGINS + 2, uniform, **circumstances._asdict())
    assert (step.state, step.reason) == (State.PASSED, lifecycle.TOO_LATE)


def test_who_is_not_drawn_is_passed():
    """A user whose lot is not below the question's share is not asked."""
    asked = A._replace(question=A.question._replace(share=0.5))
    step = look(Record(), ACCEPTED + 1, asked, **permitted(asked, at=ACCEPTED, lot=Lot(1 << 63, 0))._asdict())
    assert (step.state, step.reason) == (State.PASSED, lifecycle.NOT_DRAWN)


def test_without_budget_a_question_is_passed():
    """A question whose answer finds no room in the ledger is over, what was collected goes, and the cap is named."""
    step = lifecycle.without_budget(look(DRAWN, BEGINS), "the budget of x is spent")
    assert (step.state, step.reason, step.effect) == (State.PASSED, "no budget: the budget of x is spent", Effect.ERASE)
