"""A question's life over weeks, lived by the real daemon in a time that the tests move."""

import json
import os
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE_2026, WAIT_S, CallError, until
from support.timeline import APPLICATION, DAY_S, HOUR_S, QUESTION, at

WEEK = "2026-W42"
HOST_FOR_LIFE = ""
ANSWERS = ("<500", "500..2000", ">=2000", "none")
MONDAY, WINDOW_BEGIN, WINDOW_END = (at(day) for day in ("2026-10-12", "2026-10-26", "2026-11-23"))
NO_NONCE = '"nonce":"' + "0" * 32
RESTART_DAYS = {"Wed", "Sun", "Mon"}
"""Both ends of a week, and the middle."""
RESTARTS = pytest.mark.parametrize(
    "restart", [None, signal.SIGTERM, signal.SIGKILL], ids=["no restart", "orderly restarts", "restarts by kill -9"]
)


class Life:
    """A daemon on a timeline that may end and start again wherever time moves on."""

    def __init__(self, timeline, restart=None, **how):
        self.timeline, self.restart, self.how = timeline, restart, how

    async def move(self, text):
        """Go to a moment such as `2026-10-07 10:00`."""
        await self.timeline.move(at(text))

    async def pause(self):
        """The daemon ends here, and another starts."""
        if self.restart:
            await self.timeline.restart(self.restart, **self.how)

    async def push(self, value):
        """Push a sample; the daemon may end right after the reply."""
        await self.timeline.push(value)
        if datetime.fromtimestamp(self.timeline.now, UTC).strftime("%a") in RESTART_DAYS:
            await self.pause()


async def live_until_closed(life):
    """Accepted on Wednesday; other values each day before, in and after the week that counts."""
    timeline = life.timeline
    for day in range(7, 12):
        await life.move(f"2026-10-{day:02} 20:00")
        await life.push(100)
        assert await timeline.question() == ("waiting", "")
        assert await timeline.client.preview() == {}
        assert timeline.rows("SELECT * FROM tally") == []
    for day in range(12, 19):
        await life.move(f"2026-10-{day:02} 20:00")
        await life.push(700)
        assert (await timeline.question())[0] == "active"
        ((_, running),) = (await timeline.client.preview()).values()
        assert json.loads(running)["answer"] == ["500..2000"]
    await life.move("2026-10-19 00:01")
    await life.push(5000)


async def queued(timeline):
    """The only report, that of the right week, as history and preview show it before it is sent."""
    assert (await timeline.question())[0] == "reporting"
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["period"], row["sent"]) == ("queued", WEEK, 0)
    assert json.loads(row["body"])["answer"][0] in ANSWERS
    assert json.loads(row["body"])["period"] == WEEK
    assert await timeline.client.preview() == {f"{APPLICATION}/{QUESTION}": (timeline.receiver.url(), row["body"])}
    assert timeline.rows("SELECT * FROM tally") == []
    assert WINDOW_BEGIN <= timeline.slot() < WINDOW_END
    return row


async def assert_answered_once(timeline, before):
    """One delivery, of the bytes that history showed; what would tell which is overwritten."""
    assert timeline.bodies() == [before["body"].encode()]
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["sent"] % DAY_S) == ("accepted", 204, 0)
    nonce = json.loads(before["body"])["nonce"]
    assert row["body"] == before["body"].replace(nonce, "0" * 32)
    assert nonce.strip("0")
    assert row["created"] % DAY_S == 0
    assert await timeline.question() == ("answered", "sent")


@RESTARTS
async def test_wednesday(timeline, restart):
    """A question accepted on Wednesday collects from Monday on: one report, for the right week, sent once, wherever it ends."""
    await timeline.start()
    life = Life(timeline, restart)
    await timeline.accept()
    await life.pause()
    await live_until_closed(life)
    before = await queued(timeline)
    moment = timeline.slot()
    await timeline.move(max(moment - 3 * HOUR_S, int(timeline.now)))
    await timeline.run(moment - int(timeline.now) - 700)
    assert timeline.sent() == 0
    sent = await timeline.run_until_sent()
    assert moment <= sent
    await life.pause()
    await assert_answered_once(timeline, before)
    for day in ("2026-11-24", "2026-12-02", "2027-01-04"):
        await life.move(day)
        await life.push(700)
        await timeline.run(2 * HOUR_S)
    await assert_answered_once(timeline, before)


@RESTARTS
async def test_suspends(timeline, restart):
    """A machine that sleeps through most of the weeks answers the same; sleep is no running time, so nothing leaves because of it."""
    await timeline.start(is_suspended=True)
    life = Life(timeline, restart, is_suspended=True)
    await timeline.accept()
    await live_until_closed(life)
    before = await queued(timeline)
    for day in range(5, 29, 2):
        await life.move(f"2026-11-{day:02}")
    assert timeline.sent() == 0
    await timeline.restart(restart or signal.SIGTERM)
    await timeline.run_until_sent()
    await assert_answered_once(timeline, before)


async def test_clock_set_back(timeline):
    """With the clock set back, pushes before the period are refused, a closed period does not reopen, and the slot stays."""
    await timeline.start(is_suspended=True)
    await timeline.accept()
    for moment, value in (("2026-10-14", 700), ("2026-10-09", 100), ("2026-10-15", 700)):
        await timeline.move(at(moment))
        await timeline.push(value)
    await timeline.move(at("2026-10-19 00:01"))
    before, moment = await queued(timeline), timeline.slot()
    for back in ("2026-10-15", "2026-10-08"):
        await timeline.move(at(back))
        for _ in range(3):
            await timeline.push(5000)
        assert await queued(timeline) == before
        assert timeline.slot() == moment
    await timeline.restart(signal.SIGTERM)
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    await assert_answered_once(timeline, before)


async def nothing_more(timeline):
    """The weeks of both windows, with pushes, and with everything that the user can switch on again: no report is made and none is sent."""
    with pytest.raises(CallError, match="InvalidArgs"):
        await timeline.client.accept(APPLICATION)
    for name in ("Usage", "System"):
        await timeline.client.set(name, 0)
        await timeline.client.set(name, 2)
    for day in ("2026-10-20", "2026-10-28", "2026-11-24", "2027-01-19"):
        await timeline.move(at(day))
        await timeline.push(700)
        assert await timeline.client.preview() == {}
        assert timeline.rows("SELECT * FROM tally") == []
        await timeline.run(2 * HOUR_S)
    assert timeline.rows("SELECT * FROM report WHERE outcome = 'queued'") == []


async def test_erased_while_collecting(timeline):
    """Erase while the period runs: passed, and accepted again it stays so."""
    await timeline.collect()
    await timeline.client.call(CONTROL, "Erase", "s", APPLICATION)
    assert await timeline.question() == ("passed", "erased")
    await nothing_more(timeline)
    assert await timeline.client.history() == []


async def test_erased_while_reporting(timeline):
    """Erase while the report waits: it never leaves, and there is no second one."""
    await timeline.queue()
    await timeline.client.call(CONTROL, "Erase", "s", "")
    assert await timeline.question() == ("answered", "erased")
    await nothing_more(timeline)
    assert timeline.bodies() == []


async def test_erased_after_it_was_sent(timeline):
    """Erase after the answer was sent empties the history, which does not read as if nothing was sent. There is no second answer."""
    before = await timeline.queue()
    assert "No report" not in timeline.machine.control("history").stdout
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    (sent,) = await timeline.client.history()
    await timeline.client.call(CONTROL, "Erase", "s", APPLICATION)
    assert await timeline.client.history() == []
    question = (await timeline.client.questions(APPLICATION))[QUESTION]
    assert (question["last_sent"], question["outcome"], question["cause"]) == (sent["sent"], "accepted", "sent")
    printed = " ".join(timeline.machine.control("history").stdout.split())
    assert "or when you erase it. You last erased the whole list on " in printed
    assert printed.endswith(". The ledger counts 1 report in all: 1 sent.")
    await nothing_more(timeline)
    assert timeline.bodies() == [before["body"].encode()]


@pytest.mark.parametrize(("level", "reason"), [("Usage", "level"), ("refusal", "refused")])
async def test_withdrawn_for_a_moment(timeline, level, reason):
    """Consent withdrawn and given again within the period: passed, at once and for good."""
    await timeline.collect()
    if level == "refusal":
        for is_allowed in (False, True):
            await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", APPLICATION, QUESTION, is_allowed)
    else:
        await timeline.client.set(level, 0)
        await timeline.client.set(level, 2)
    assert await timeline.question() == ("passed", reason)
    assert timeline.rows("SELECT * FROM tally") == []


async def test_off_for_weeks(timeline):
    """A machine that was off from the acceptance until after the period still gives one answer, that of `none` behind noise."""
    await timeline.start()
    await timeline.accept()
    timeline.stop()
    timeline.set_clock(at("2026-11-25"))
    await timeline.start()
    await timeline.wake()
    (row,) = await timeline.client.history()
    assert json.loads(row["body"])["period"] == WEEK
    assert json.loads(row["body"])["answer"][0] in ANSWERS
    await timeline.run_until_sent()
    await assert_answered_once(timeline, row)


async def test_off_for_too_long(timeline):
    """What has not left by the end of a second window never leaves; the history says so."""
    await timeline.collect()
    timeline.stop(signal.SIGKILL)
    timeline.set_clock(at("2027-01-18"))
    await timeline.start()
    await timeline.run(2 * HOUR_S)
    assert await timeline.question() == ("answered", "dropped")
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["sent"]) == ("dropped", 0)
    assert NO_NONCE in row["body"]
    assert timeline.bodies() == []


async def test_too_late_to_accept(timeline):
    """Accepted when the drawn period has begun: passed. After its last day: expired, and nothing can be accepted."""
    await timeline.start()
    await timeline.move(at("2026-10-12 12:00"))
    await timeline.client.consent(APPLICATION)
    assert await timeline.question() == ("passed", "too_late")
    timeline.machine.install(KATE_2026.replace('"startup-time"', '"startup-again"'))
    await timeline.move(at("2026-10-18 23:50"))
    assert (await timeline.client.questions())["startup-again"]["state"] == "pending"
    await timeline.move(at("2026-10-19"))
    assert (await timeline.client.questions())["startup-again"]["state"] == "expired"
    digest = (await timeline.client.questions())["startup-again"]["digest"]
    with pytest.raises(CallError, match="InvalidArgs"):
        await timeline.client.call(CONTROL, "Accept", "sa{ss}", APPLICATION, {"startup-again": digest})


async def test_last_period(timeline):
    """The last period's answer leaves after the question's last day."""
    before = await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    await assert_answered_once(timeline, before)


def stop_question(timeline, reason):
    """The next package update brings a stop; the cause that the user is told."""
    path = timeline.machine.root / "share/telemetryd/reviews.d/stop.toml"
    text = f'[[stop]]\napplication = "{APPLICATION}"\nquestion = "{QUESTION}"\nreason = "{reason}"\ndate = 2026-10-14\n'
    path.write_text(text + 'text = "It was too fine."\n')
    return "stopped" if reason == "answered" else "suspended"


@pytest.mark.parametrize("reason", ["answered", "suspended"])
async def test_stopped(timeline, reason):
    """A stop that an update brings mid-period erases at the next tick, without any call; state and reason are shown. Policy: M4, R4."""
    await timeline.collect()
    told = stop_question(timeline, reason)
    await timeline.run(HOUR_S + HOUR_S)
    assert timeline.rows("SELECT * FROM tally") == []
    assert await timeline.question() == ("passed", told)
    await timeline.move(at("2026-10-20"))
    assert await timeline.client.history() == []


async def test_stopped_while_reporting(timeline):
    """A stop erases a report that waits."""
    await timeline.queue()
    told = stop_question(timeline, "suspended")
    await timeline.run(2 * HOUR_S)
    assert await timeline.question() == ("answered", told)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["body"]) == ("erased", "")
    await timeline.move(at("2026-11-24"))
    await timeline.run(2 * HOUR_S)
    assert timeline.bodies() == []


async def test_manifest_removed(timeline):
    """A manifest is gone after two looks ten minutes apart; one that a package update replaced meanwhile was never gone."""
    await timeline.collect()
    manifest = timeline.machine.root / f"share/telemetryd/manifests/{APPLICATION}.toml"
    manifest.unlink()
    await timeline.client.get("Version")
    await timeline.client.questions()
    await timeline.move(int(timeline.now) + 300)
    await timeline.client.questions()
    assert len(timeline.rows("SELECT * FROM tally")) == 1
    timeline.machine.install(KATE_2026)
    assert (await timeline.question())[0] == "active"
    await timeline.push(700)
    manifest.unlink()
    await timeline.client.questions()
    await timeline.move(int(timeline.now) + 601)
    await timeline.client.questions()  # the second look, of whatever kind
    assert timeline.rows("SELECT * FROM tally") == []
    timeline.machine.install(KATE_2026)
    assert await timeline.question() == ("passed", "gone")


async def test_no_endpoint_at_the_close(timeline):
    """Without an endpoint when the period closes: passed, and an endpoint that comes later gets nothing."""
    await timeline.collect()
    timeline.name_endpoint("")
    await timeline.move(at("2026-10-19 00:01"))
    assert await timeline.question() == ("passed", "no_endpoint")
    assert timeline.rows("SELECT * FROM tally") == []
    timeline.name_endpoint(timeline.receiver.url())
    await nothing_more(timeline)
    assert timeline.bodies() == []


async def test_endpoint_changed(timeline):
    """A report whose endpoint is another host now than when it was made is erased: consent named that host. Policy: C6."""
    await timeline.queue()
    timeline.name_endpoint(timeline.receiver.url("127.0.0.1"))
    assert await timeline.question() == ("answered", "endpoint_changed")
    await timeline.move(at("2026-11-24"))
    await timeline.run(2 * HOUR_S)
    assert timeline.bodies() == []


async def test_endpoint_missing_for_a_while(timeline):
    """A report whose endpoint is missing waits, and leaves once it is back within the second window."""
    before = await timeline.queue()
    timeline.name_endpoint("")
    await timeline.move(at("2026-11-24"))
    await timeline.run(2 * HOUR_S)
    assert (await timeline.question())[0] == "reporting"
    timeline.name_endpoint(timeline.receiver.url())
    await timeline.run_until_sent()
    await assert_answered_once(timeline, before)


async def dies_at(timeline, number):
    """Start the daemon with a kill -9 at so many syncs of files to the disk; False if it gets through its start without so many."""
    prefix = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", f"inject=fdatasync:signal=KILL:when={number}")
    await timeline.start(prefix=prefix, wait=False)
    names = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"

    def is_settled():
        return timeline.daemon.process.poll() is not None or timeline.machine.ask(names, "NameHasOwner", "s", CONTROL[0])[0]

    until(is_settled)
    try:
        await timeline.client.history()
    except CallError:
        until(lambda: timeline.daemon.process.poll() is not None)
    is_dead = timeline.daemon.process.poll() is not None
    tracer = timeline.daemon.process.pid
    for traced in Path(f"/proc/{tracer}/task/{tracer}/children").read_text().split() if not is_dead else ():
        os.kill(int(traced), signal.SIGKILL)
    timeline.daemon.process.wait(WAIT_S)
    timeline.stop()
    return is_dead


async def test_killed_while_closing(timeline, strace):
    """Killed between any two steps of closing the period, the next start still ends with exactly one report, charged exactly once."""
    await timeline.collect()
    timeline.stop(signal.SIGKILL)
    state = timeline.machine.root / "state"
    before = shutil.copytree(state, timeline.machine.root / "before")
    timeline.set_clock(at("2026-10-19 00:01"))
    deaths = 0
    while await dies_at(timeline, deaths + 1):
        deaths += 1
        await timeline.start()
        await queued(timeline)
        assert await timeline.ledger() == {HOST_FOR_LIFE: (2.0, 0.0), "org.kde.kate/startup": (2.0, 0.0)}
        timeline.stop(signal.SIGKILL)
        shutil.rmtree(state)
        shutil.copytree(before, state)
    assert deaths >= 2
