"""`telemetryd --tick`, what the timer starts while no daemon runs."""

import signal
import time

from support.machine import WAIT_S, until
from support.machine_at import edit, found_on_disk, rows
from support.timeline import DAY_S, HOUR_S, NO_MATTER_WHEN, at, tick_soon, timer, write_ticks

from telemetryd.runtime.lock import StateLock

CONSENT, MAIN = "consent.sqlite", "telemetry.sqlite"


def read_ticks(timeline):
    """(running time of the hour, moment of its tick) in seconds."""
    return timeline.rows("SELECT passed_s, moment_s FROM tick")[0]


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


def run_timer(timeline):
    """A run whose tick comes at once."""
    tick_soon(timeline)
    with timer(timeline) as process:
        assert process.wait(WAIT_S) == 0


def damage(timeline, name):
    """Overwrite the middle of a file, its log folded in before."""
    edit(timeline.machine, "PRAGMA wal_checkpoint(TRUNCATE)", file=name)
    path = timeline.machine.root / "state/telemetryd" / name
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(1024)
        file.write(b"\xff" * (size - 1024))


def set_aside(timeline):
    """The damaged files that are kept."""
    return sorted(path.name.partition(".damaged-")[0] for path in (timeline.machine.root / "state/telemetryd").glob("*.damaged-*"))


async def test_do_not_track_is_obeyed(timeline):
    """What the last daemon's environment said holds for the timer's run, whose own does not say it: no report is made. Policy: C4."""
    await timeline.start()
    await timeline.accept()
    await timeline.restart(signal.SIGTERM, prefix=("env", "DO_NOT_TRACK=1"))
    assert "DO_NOT_TRACK" in dict(await timeline.client.get("KillSwitches"))
    timeline.stop()
    timeline.set_clock(at("2026-10-27"))
    run_timer(timeline)
    assert timeline.rows("SELECT * FROM report") == []
    await timeline.start()
    assert await timeline.question() == ("passed", "do_not_track")
    assert timeline.bodies() == []


async def test_noted_do_not_track_erases_what_waits(waiting):
    """A report that waits when the switch is noted is erased by the timer's run, not sent. Policy: C4."""
    edit(waiting.machine, "INSERT OR REPLACE INTO note VALUES ('do_not_track', 1)")
    run_timer(waiting)
    assert found_on_disk(waiting.machine, b'"nonce"') == set()
    await waiting.start()
    assert await waiting.question() == ("answered", "do_not_track")
    assert waiting.bodies() == []


async def test_damaged_consent(waiting):
    """A damaged consent file reads as "off" and its ledger as spent, whoever finds it: the report is erased, nothing leaves."""
    tick_soon(waiting)
    damage(waiting, CONSENT)
    with timer(waiting) as process:
        assert process.wait(WAIT_S) == 0
    assert set_aside(waiting) == [CONSENT]
    assert found_on_disk(waiting.machine, b'"nonce"') == set()
    await waiting.start()
    assert await waiting.client.get("Usage") == 0
    assert "spent" in dict(await waiting.client.get("Problems"))[CONSENT]
    assert (await waiting.question())[0] == "expired"
    assert waiting.bodies() == []


def is_lost(timeline):
    """Whether the consent file says that no report is made any more."""
    return rows(timeline.machine, "SELECT outcome, cause FROM life", file=CONSENT) == [("answered", "lost")]


async def test_damaged_main(waiting):
    """With the main file damaged the report is lost: answered, charged, and nothing leaves."""
    tick_soon(waiting)
    damage(waiting, MAIN)
    with timer(waiting) as process:  # it may wait: the hour's moment was lost too, and is drawn anew
        until(lambda: set_aside(waiting) == [MAIN] and is_lost(waiting))
        process.terminate()
    await waiting.start()
    assert await waiting.question() == ("answered", "lost")
    assert [row for row in await waiting.client.history() if row["body"]] == []
    assert await waiting.ledger() == {"": (2.0, 0.0), "org.kde.kate/startup": (2.0, 0.0)}
    assert waiting.bodies() == []
