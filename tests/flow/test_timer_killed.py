"""The timer's run killed between any two of its steps: one report, charged once, and one body at most for the server."""

import itertools
import shutil
import signal

import pytest
from support.campaign import IS_CAMPAIGN, TIMEOUT_S
from support.machine import WAIT_S
from support.machine_at import rows
from support.timeline import DAY_S, at, tick_soon, timer

STRIDE = 1 if IS_CAMPAIGN else 7
"""Of so many syncs one is the end of a run: a run has about twenty, and several at each of its steps."""
RUNS_MAX = 4
"""Runs, a day apart, within which the report has left for sure, or counts as unknown: one late report a day."""


ENDS = {"accepted": ("answered", "sent"), "unknown": ("answered", "unknown")}
"""The end of a report, and then of its question."""


def killed_at(timeline, number):
    """A run of the timer with a kill -9 at so many syncs of files to the disk; False if it got through without so many."""
    strace = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:signal=KILL:when={number}")
    tick_soon(timeline)
    with timer(timeline, prefix=strace) as process:
        return process.wait(WAIT_S) == -signal.SIGKILL


def run_until_over(timeline):
    """Let the timer go on, day by day, until the report's life is over."""
    for _ in range(RUNS_MAX):
        tick_soon(timeline)
        with timer(timeline) as process:
            assert process.wait(WAIT_S) == 0
        if outcome(timeline) in ENDS:
            return
        timeline.set_clock(int(timeline.now) + DAY_S)


def outcome(timeline):
    """The outcome of the report, "" before it is made; there is never a second one."""
    return "".join(outcome for (outcome,) in timeline.rows("SELECT outcome FROM report"))


@pytest.mark.timeout(TIMEOUT_S)
async def test_killed_at_each_step(timeline, strace):
    """Killed at any sync while it closes, charges, sends or completes: one report in the end, charged once, and sent once at most.

    Nobody knows of a report whose attempt was stored as begun. It never leaves again, whether or not it did.
    """
    await timeline.collect()
    timeline.stop(signal.SIGKILL)
    state = timeline.machine.root / "state"
    before = shutil.copytree(state, timeline.machine.root / "before")
    deaths = []
    for number in itertools.count(1, STRIDE):
        timeline.set_clock(at("2026-11-24"))  # a day after its window: due as soon as it is made
        earlier = len(timeline.bodies())
        if not killed_at(timeline, number):
            break
        deaths.append((outcome(timeline), len(timeline.bodies()) - earlier))
        is_begun = bool(timeline.rows("SELECT 1 FROM report WHERE outcome = 'queued' AND started > 0"))
        run_until_over(timeline)
        assert outcome(timeline) == ("unknown" if is_begun else "accepted")
        assert len(timeline.bodies()) - earlier == (deaths[-1][1] if is_begun else 1)
        assert rows(timeline.machine, "SELECT tenths, is_charged FROM ledger", file="consent.sqlite") == [(20, 1)]
        assert rows(timeline.machine, "SELECT outcome, cause FROM life", file="consent.sqlite") == [ENDS[outcome(timeline)]]
        assert timeline.rows("SELECT * FROM tally") == []
        shutil.rmtree(state)
        shutil.copytree(before, state)
    assert set(deaths) == {("", 0), ("queued", 0), ("accepted", 1)}, "no death between two of the steps"
