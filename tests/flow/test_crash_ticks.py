"""Killed at random moments of closing a period or of sending, daemon or uploader: one report each, one charge each, one body at most."""

import asyncio
import os
import signal
from collections import Counter
from pathlib import Path

import pytest
from support.bus.call_books import PUSHERS, Left, declare
from support.campaign import IS_CAMPAIGN, TIMEOUT_S, chance, tell
from support.disk.crashing_daemon import copied
from support.disk.lossy_disk import build_recorder, recording
from support.machine import CONTROL, WAIT_S, CallError, until
from support.shifted_time import library
from support.timeline import HOUR_S, STEP_S, at

from telemetryd.core.limits import JOB_MAX_S

CLOSINGS = 200 if IS_CAMPAIGN else 3
SENDINGS, KILLS_MIN = (70, 200) if IS_CAMPAIGN else (2, 0)
APPLICATIONS = PUSHERS[:2]
MONDAY = at("2026-10-19 00:01")
NAMES = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
WAITS_MAX = 16
"""Three hours each in which nothing is sent: a late report waits less than all of them."""


class Ticking:
    """A daemon on a timeline whose processes are killed; two applications with two questions each have collected for a week."""

    def __init__(self, timeline, recorder, chance):
        self.timeline, self.recorder, self.chance = timeline, recorder, chance
        self.machine = timeline.machine
        self.state, self.log = self.machine.root / "state/telemetryd", self.machine.root / "steps"
        self.kills = Counter()

    @property
    def process(self):
        """The daemon's."""
        return self.timeline.daemon.process

    async def collect(self):
        """Up to the middle of the week that counts; ended by a kill. A copy of what is there is the beginning of every round."""
        for application in APPLICATIONS:
            self.machine.install(declare(application))
        await self.timeline.start()
        for application in APPLICATIONS:
            await self.timeline.client.consent(application)
        await self.timeline.move(at("2026-10-14 12:00"))
        samples = {"delay": ("ad", [1.0] * 9), "view": ("s", "list")}
        await self.timeline.client.push_many(APPLICATIONS[0], samples | {"presses": ("u", 7)})
        await self.timeline.client.push_many(APPLICATIONS[1], samples)  # of one question there is no sample: it has a report all the same
        self.timeline.stop(signal.SIGKILL)
        self.before = copied(self.state, self.machine.root / "before")
        self.kept = self.lasting()

    def begin_anew(self):
        """Back to that copy; the clock stands after the end of the week."""
        copied(self.before, self.state)
        self.timeline.set_clock(MONDAY)

    async def start_to_die(self, die_at):
        """Start a daemon that dies between two writes, if it gets so far."""
        environ = recording(self.recorder, self.state, log=self.log, also=library(), die_at=die_at)
        await self.timeline.start(prefix=("env", *(f"{name}={value}" for name, value in environ.items())), wait=False)
        until(lambda: self.is_dead or self.machine.ask(NAMES, "NameHasOwner", "s", CONTROL[0])[0])

    @property
    def is_dead(self):
        """Whether the daemon has died."""
        return self.process.poll() is not None

    async def count_moments(self):
        """How many moments before or after a write there are until the week is closed."""
        self.begin_anew()
        await self.start_to_die(0)
        await self.timeline.client.history()
        self.kill_daemon("")
        (log,) = self.log.parent.glob(self.log.name + ".*")
        left = self.reports()
        assert len(left) == 2 * len(APPLICATIONS)
        return 2 * log.read_bytes().count(str(self.state).encode())

    async def die_closing(self, moments):
        """One death while a period is closed or that is recovered."""
        if self.chance.random() < 0.6:
            await self.start_to_die(self.chance.randrange(self.chance.choice([1, moments // 2]), moments))
            if not self.is_dead:
                await self.ask_the_dying()
            self.kill_daemon("at a write")
        else:
            await self.start_to_die(0)
            await asyncio.sleep(self.chance.uniform(0, 0.08))
            self.kill_daemon("at any time")

    async def ask_the_dying(self):
        """Whatever is due is done by the time of the reply, or the daemon is dead."""
        try:
            await self.timeline.client.history()
        except CallError:
            until(lambda: self.is_dead)

    def kill_daemon(self, how):
        """Kill it if it is not dead yet."""
        if how:
            self.kills[how] += 1
        self.process.kill()
        self.process.wait(WAIT_S)
        self.timeline.stop()

    def left(self):
        """What is on the disk, while nothing runs."""
        return Left(copied(self.state, self.machine.root / "left"))

    def reports(self):
        """(application, question) → body of every report that is queued, while nothing runs."""
        rows = self.left().rows("SELECT application, question, body FROM report WHERE outcome = 'queued'")
        assert len({row[:2] for row in rows}) == len(rows)
        return {row[:2]: row[2] for row in rows}

    def lasting(self):
        """Consent and draws."""
        left = self.left()
        return [left.rows(f"SELECT * FROM {table} ORDER BY 1, 2", "consent.sqlite") for table in ("level", "note", "acceptance", "lot")]

    def check_closed(self):
        """One report and one charge for each question, and nothing else of the week."""
        left = self.left()
        assert len(self.reports()) == len(left.rows("SELECT 1 FROM report")) == 2 * len(APPLICATIONS)
        assert left.rows("SELECT 1 FROM tally") == []
        ledger = left.rows("SELECT application, question, tenths, is_charged FROM ledger", "consent.sqlite")
        assert [row[2:] for row in ledger] == [(10, 1)] * 2 * len(APPLICATIONS)
        assert left.rows("SELECT DISTINCT outcome FROM life", "consent.sqlite") == [("reporting",)]
        assert self.lasting() == self.kept

    async def send_all(self):
        """Let time pass until nothing is queued any more; most attempts are disturbed."""
        self.timeline.is_settling = False
        await self.timeline.start()
        waits = 0
        while rows := self.timeline.rows("SELECT slot, started FROM report WHERE outcome = 'queued' ORDER BY started = 0, slot"):
            before, (slot, started) = self.attempts(), rows[0]
            await self.timeline.move(max(slot, int(self.timeline.now), started + JOB_MAX_S if started else 0))
            for _ in range(3 * HOUR_S // STEP_S):
                if self.attempts() != before:
                    break
                await self.timeline.run(STEP_S)
            waits = 0 if self.attempts() != before else waits + 1
            assert waits <= WAITS_MAX
            for number, _, _ in self.attempts() - before:
                await self.disturb(number)

    async def random_moment(self):
        """Some moment of an attempt, or one soon after the server had the report."""
        got = len(self.timeline.bodies())
        if self.chance.random() < 0.5:
            await asyncio.sleep(self.chance.uniform(0, 0.5))
            return
        while self.running() and len(self.timeline.bodies()) == got:
            await asyncio.sleep(0.001)
        await asyncio.sleep(self.chance.uniform(0, 0.03))

    def running(self):
        """The daemon's children: the uploader."""
        return Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()

    def attempts(self):
        """What has happened to every report: (report's number, when its attempt began, outcome)."""
        return set(self.timeline.rows("SELECT id, started, outcome FROM report"))

    def is_under_way(self, number):
        """Whether a report's attempt has begun, and its outcome is not stored."""
        return bool(self.timeline.rows(f"SELECT 1 FROM report WHERE id = {number} AND outcome = 'queued' AND started > 0"))

    async def disturb(self, number):
        """Kill the daemon or its uploader at some moment of a report's attempt, or nobody; over when nothing is under way."""
        victim = self.chance.choice(["daemon", "uploader", "nobody", "daemon"]) if self.is_under_way(number) else "nobody"
        if victim != "nobody":
            await self.random_moment()
        children = self.running()
        if victim == "daemon":
            self.kill_daemon("daemon killed")
            until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
            await self.timeline.start()
            return
        if victim == "uploader" and children:
            self.kills["uploader killed"] += 1
            os.kill(int(children[0]), signal.SIGKILL)
        until(lambda: not self.is_under_way(number))


@pytest.fixture
def ticking(timeline, tmp_path):
    """The same, before anything happened."""
    return Ticking(timeline, build_recorder(tmp_path), chance())


@pytest.mark.timeout(TIMEOUT_S)
async def test_killed_while_closing(ticking):
    """Killed at any moment of closing a period, and again of what the next start recovers: one report and one charge a question."""
    await ticking.collect()
    moments = await ticking.count_moments()
    for _ in range(CLOSINGS):
        ticking.begin_anew()
        for _ in range(ticking.chance.choice([1, 1, 2, 3])):
            await ticking.die_closing(moments)
            before = ticking.reports()
        await ticking.timeline.start()
        await ticking.timeline.client.history()
        ticking.kill_daemon("")
        ticking.check_closed()
        assert before.items() <= ticking.reports().items(), "a report that was made is not made again"
    tell(f"{CLOSINGS} closings of {2 * len(APPLICATIONS)} questions, {moments} moments", ticking.kills)


@pytest.mark.timeout(TIMEOUT_S)
async def test_killed_while_sending(ticking):
    """Daemon or uploader killed at any moment of an attempt: at most one body of each answer reaches the server.

    An accepted report reached it, and what nobody knows of is unknown. Nothing else becomes of a report, and none is sent again.
    """
    timeline, outcomes, requests = ticking.timeline, Counter(), 0
    await ticking.collect()
    for _ in range(SENDINGS):
        ticking.begin_anew()
        await timeline.start()
        await timeline.client.history()
        ticking.kill_daemon("")
        queued = ticking.reports()
        first = len(timeline.bodies())
        await ticking.send_all()
        history = await timeline.client.history()
        ticking.kill_daemon("")
        got = timeline.bodies()[first:]
        assert len(queued) == len(history) == 2 * len(APPLICATIONS)
        assert all(any(body.startswith(beginning) for body in queued.values()) for beginning in got), "a kill may cut a report short"
        assert len(got) <= len(queued), "as many requests as reports, cut ones included"
        assert all(Counter(got)[body] <= 1 for body in queued.values())
        accepted = {(row["application"], row["question"]) for row in history if row["outcome"] == "accepted"}
        assert all(Counter(got)[queued[key]] == 1 for key in accepted)
        assert {row["outcome"] for row in history} <= {"accepted", "unknown"}
        assert ticking.lasting() == ticking.kept
        assert ticking.left().rows("SELECT tenths, is_charged FROM ledger", "consent.sqlite") == [(10, 1)] * len(queued)
        outcomes += Counter(row["outcome"] for row in history)
        requests += len(got)
    tell(f"sending, {requests} requests", {**outcomes, **ticking.kills})
    assert ticking.kills.total() >= KILLS_MIN
