"""`telemetryd --tick`, what the timer starts while no daemon runs."""

import contextlib
import signal
import sqlite3
import time

import pytest
from harness import WAIT_S, until
from timeline import DAY_S, HOUR_S, timer

from telemetryd.lock import StateLock


NO_MATTER_WHEN = -60
"""The last run was as long *ahead*: a clock that was set back counts for nothing, however long a process takes to start."""


def write_ticks(timeline, ago_s, passed_s, moment_s):
    """Put the running hour into the database, as the last run left it."""
    seen = int(timeline.now) - ago_s
    with contextlib.closing(sqlite3.connect(timeline.machine.root / "state/telemetryd/telemetry.sqlite")) as connection, connection:
        columns = "id, seen, since, passed_s, moment_s, is_done, late_day"
        connection.execute(f"INSERT OR REPLACE INTO tick ({columns}) VALUES (1, ?, ?, ?, ?, 0, -1)", (seen, seen, passed_s, moment_s))


def read_ticks(timeline):
    """(running time of the hour, moment of its tick) in seconds."""
    return timeline.rows("SELECT passed_s, moment_s FROM tick")[0]


@pytest.fixture
async def waiting(timeline):
    """A report whose moment has come, and no daemon."""
    await timeline.queue()
    timeline.set_clock(timeline.slot() + DAY_S)
    timeline.stop()
    return timeline


async def test_tick_is_waited_for(waiting):
    """A run stays for a tick that comes before the next run, and sends at its moment."""
    write_ticks(waiting, NO_MATTER_WHEN, passed_s=100, moment_s=105)
    begin = time.monotonic()
    with timer(waiting) as process:
        assert process.wait(WAIT_S) == 0
    assert time.monotonic() - begin >= 4
    assert len(waiting.bodies()) == 1


async def test_later_tick(waiting):
    """A run leaves at once if the tick comes after the next run, and the time since the last one counts."""
    write_ticks(waiting, 300, passed_s=100, moment_s=1100)
    with timer(waiting) as process:
        assert process.wait(WAIT_S) == 0
    passed, moment = read_ticks(waiting)
    assert 400 <= passed < 430
    assert (moment, waiting.bodies()) == (1100, [])


async def test_moment_that_passed_unseen(waiting):
    """After a start of the machine the tick is drawn anew, so nothing leaves at the timer's own moment; a daemon can start meanwhile.

    Policy: A2.
    """
    write_ticks(waiting, DAY_S, passed_s=100, moment_s=400)
    with timer(waiting) as process:
        until(lambda: read_ticks(waiting) != (100, 400))
        passed, moment = read_ticks(waiting)
        assert passed == 700
        assert passed <= moment < passed + HOUR_S
        lock = StateLock(waiting.machine.root / "state/telemetryd")
        until(lock.try_take)
        lock.release()
        assert moment < passed + 30 or waiting.bodies() == []
        process.send_signal(signal.SIGTERM)
