"""A delay is over when the wall clock and the running time both say so, whichever process counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetryd.core.permission.obstacle_delay import AT_ONCE, EVICTED, GONE, JUMP_S, UNREADABLE, Delay, Moment, is_due, is_noticed, notice

START = Moment(1_790_000_000, 5000, 9000, 1)
DAY_S, HOUR_S, MINUTE_S = 86400, 3600, 60
BOTH = {"gone": GONE, "unreadable": UNREADABLE}


def run(at, seconds):
    """The machine runs."""
    return at._replace(wall=at.wall + seconds, running=at.running + seconds, elapsed=at.elapsed + seconds)


def sleep(at, seconds):
    """The machine is suspended."""
    return at._replace(wall=at.wall + seconds, elapsed=at.elapsed + seconds)


def jump(at, seconds):
    """The clock is set."""
    return at._replace(wall=at.wall + seconds)


def boot(at, seconds, up_s=MINUTE_S):
    """The machine is off for so long, and has run for `up_s` since."""
    return Moment(at.wall + seconds + up_s, up_s, up_s, at.start + 1)


def first(cause="gone", delay=GONE, at=START):
    """The text after a first count."""
    text, over = notice("", {cause: delay}, at)
    assert not over
    return text


def test_nothing():
    """Without a cause the text is empty, and a cause that has gone is dropped."""
    assert notice("", {}, START) == ("", frozenset())
    assert notice(first(), {}, run(START, 1)) == ("", frozenset())
    assert not is_due([], START)
    assert not is_due([first()], START)


@pytest.mark.parametrize(
    ("cause", "delay", "last_s"), [("gone", GONE, 600), ("unreadable", UNREADABLE, DAY_S), ("evicted", EVICTED, 90 * DAY_S)]
)
def test_a_machine_that_runs(cause, delay, last_s):
    """On a machine that is always on, the wall clock's part decides, to the second."""
    text = first(cause, delay)
    for seconds, is_over in ((last_s - 1, False), (last_s, True)):
        assert is_due([text], run(START, seconds)) is is_over
        assert notice(text, {cause: delay}, run(START, seconds)).over == ({cause} if is_over else set())


def test_at_once():
    """A cause without a delay is over when it is noticed: not a second later, nor a second before."""
    assert notice("", {"locked": AT_ONCE}, START).over == {"locked"}
    assert notice("", {"locked": AT_ONCE}, START).text.endswith(f";locked {START.wall} 0")


def test_a_night_of_suspend():
    """A suspend uses up the wall clock's part only."""
    text = first("unreadable", UNREADABLE)
    awake = sleep(START, 3 * DAY_S)
    for at, is_over in ((awake, False), (run(awake, HOUR_S - 1), False), (run(awake, HOUR_S), True)):
        assert notice(text, {"unreadable": UNREADABLE}, at).over == ({"unreadable"} if is_over else set())


@pytest.mark.parametrize("seconds", [-3 * DAY_S, -JUMP_S - 1, JUMP_S + 1, 3 * DAY_S])
def test_a_jump(seconds):
    """A clock that is set, back or forth, restarts both parts of the count."""
    text = first("unreadable", UNREADABLE)
    almost = run(START, DAY_S - 1)
    text = notice(text, {"unreadable": UNREADABLE}, almost).text
    jumped = jump(almost, seconds)
    assert is_due([text], jumped)
    text, over = notice(text, {"unreadable": UNREADABLE}, jumped)
    assert not over
    assert not is_due([text], jumped)
    assert not notice(text, {"unreadable": UNREADABLE}, run(jumped, DAY_S - 1)).over
    assert notice(text, {"unreadable": UNREADABLE}, run(jumped, DAY_S)).over


@pytest.mark.parametrize("seconds", [-JUMP_S, JUMP_S])
def test_a_clock_that_is_put_right(seconds):
    """Slewing and leap seconds do not count as a jump."""
    text = first()
    assert not is_due([text], jump(START, seconds))
    assert notice(text, {"gone": GONE}, jump(run(START, 700), seconds)).over


def test_starts_of_the_machine_add_up():
    """Running time adds up over reboots: counted time stays, and a boot has run as long as its clock shows."""
    at, text = START, first("unreadable", UNREADABLE)
    for number in range(1, 8):
        at = run(boot(at, DAY_S), 599)
        text, over = notice(text, {"unreadable": UNREADABLE}, at)
        assert over == (frozenset() if number * 659 < HOUR_S else {"unreadable"})


def test_starts_that_cannot_be_told_apart():
    """Without its number, a boot is recognised by a clock that went back; otherwise the clock counts as set. Neither is too early."""
    text = first(at=START._replace(start=0))
    started = boot(START, DAY_S, up_s=4999)._replace(start=0)
    assert notice(text, {"gone": GONE}, started).over
    assert not notice(text, {"gone": GONE}, started._replace(running=6000, elapsed=9001)).over


def test_a_clock_that_was_set_back_while_the_machine_was_off():
    """A boot that would have begun before the last count shows that the clock was set back."""
    text = first()
    at = boot(START, -HOUR_S, up_s=1000)
    assert is_due([text], at)
    assert not notice(text, {"gone": GONE}, at).over
    assert notice(text, {"gone": GONE}, boot(START, 0, up_s=1000)).over


@pytest.mark.parametrize(("seconds", "is_jump"), [(1, False), (-JUMP_S, False), (-JUMP_S - 1, True), (-DAY_S, True)])
def test_a_boot_that_begins_before_the_last_count(seconds, is_jump):
    """A boot that seems to begin up to a minute before the last count is no jump, because clocks are put right; further back it is one."""
    at = boot(START, seconds, up_s=1000)
    assert notice(first(), {"gone": GONE}, at).over == (set() if is_jump else {"gone"})


def test_each_thing_has_a_count_of_its_own():
    """A second cause begins its own delay when it appears, and a delay that is over stays over."""
    text = first("unreadable", UNREADABLE)
    late = run(START, DAY_S - 1)
    text, over = notice(text, BOTH, late)
    assert not over
    text, over = notice(text, BOTH, run(late, 1))
    assert over == {"unreadable"}
    text, over = notice(text, {"gone": GONE}, run(late, 599))
    assert not over
    assert notice(text, {"gone": GONE}, run(late, 600)).over == {"gone"}


def test_written_seldom():
    """The text changes when a delay is over, every ten minutes until then, and at a reboot; counts between do not change it."""
    text = first("unreadable", UNREADABLE)
    delays = {"unreadable": UNREADABLE}
    assert notice(text, delays, run(START, 599)).text == text
    later = notice(text, delays, run(START, 600)).text
    assert later != text
    started = notice(later, delays, boot(START, 700)).text
    assert started != later
    text = notice(text, delays, run(START, DAY_S)).text
    assert notice(text, delays, run(START, 3 * DAY_S)) == (text, {"unreadable"})
    assert not is_due([text], run(START, 3 * DAY_S))


@pytest.mark.parametrize("text", ["x", "1 2", "1 2 3 4;gone", "1 2 3 4;gone x 1", "1 2 3 4 5;gone 1 1", "1 2 3 x;gone 1 1"])
def test_damage(text):
    """An invalid text counts as empty, and nothing of an empty one is ever due."""
    assert not is_due(["", text], START)
    assert not notice(text, {"gone": GONE}, START).over
    assert notice(notice(text, {"gone": GONE}, START).text, {"gone": GONE}, run(START, 600)).over


SECONDS = st.integers(0, 2 * DAY_S)
EVENTS = st.lists(
    st.tuples(st.sampled_from([run, run, run, sleep, boot]), SECONDS) | st.tuples(st.just(jump), st.integers(-DAY_S, DAY_S)), max_size=20
)


@given(EVENTS, st.builds(Delay, SECONDS, st.integers(1, 2 * HOUR_S)))
def test_never_too_early(events, delay):
    """Whatever the clocks do, a delay is over only if its time has passed since the first count, and its running time too."""
    at, text = START, first("it", delay, START)
    passed_s = ran_s = 0
    for event, seconds in events:
        at = event(at, seconds)
        passed_s += 0 if event is jump else seconds + MINUTE_S if event is boot else seconds
        ran_s += {run: seconds, boot: MINUTE_S}.get(event, 0)
        text, over = notice(text, {"it": delay}, at)
        if over:
            assert ran_s >= delay.running_s
            assert passed_s + JUMP_S * len(events) >= delay.wall_s


@given(st.lists(st.tuples(st.sampled_from([run, sleep]), SECONDS), max_size=20))
def test_looks_between_change_nothing(events):
    """The number of counts and stored texts does not matter on a machine that runs and sleeps; only the first count does."""
    at, text, ran_s = START, first(), 0
    for event, seconds in events:
        at = event(at, seconds)
        ran_s += seconds if event is run else 0
        text, over = notice(text, {"gone": GONE}, at)
        assert bool(over) == (ran_s >= GONE.running_s and at.wall - START.wall >= GONE.wall_s)


def test_what_is_counted_is_known():
    """A text has each cause that is counted, and no other."""
    text = notice("", BOTH, START).text
    assert is_noticed(text, "gone")
    assert not is_noticed(text, "other")
    assert not is_noticed(notice(text, {"unreadable": UNREADABLE}, START).text, "gone")
    assert not is_noticed("", "gone")
