"""How a report is delivered: when, that it is sent once, and what each answer of the server ends in."""

import json
import signal
from itertools import pairwise
from pathlib import Path

import pytest
from support.machine import CONTROL, until
from support.net.tls_receiver import RESET
from support.timeline import APPLICATION, DAY_S, HOUR_S
from support.upload_tries import NO_NONCE, held, never_again, send, status, waiting

from telemetryd.core.limits import JOB_MAX_S


@pytest.mark.parametrize(
    ("line", "outcome", "state"),
    [
        ("200 OK", "accepted", ("answered", "sent")),
        ("410 Gone", "answered", ("answered", "server_answered")),
        ("451 Unavailable For Legal Reasons", "suspended", ("suspended", "server_suspended")),
        ("404 Not Found", "rejected", ("answered", "rejected")),
        ("302 Found", "rejected", ("answered", "rejected")),
        ("429 Too Many Requests", "rejected", ("answered", "rejected")),
        ("503 Service Unavailable", "rejected", ("answered", "rejected")),
    ],
)
async def test_final_answers(timeline, line, outcome, state):
    """The report is sent once, whatever the server says; the history says how, not which report it was, after a restart too.

    Policy: A2, M4, R4.
    """
    before = await send(timeline, status(line, "Location: https://localhost/elsewhere", "Retry-After: 86400"))
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"]) == (outcome, int(line[:3]))
    assert row["sent"] == int(timeline.now) // DAY_S * DAY_S
    assert row["error"] == ("status" if outcome == "rejected" else "")
    assert NO_NONCE in row["body"]
    assert json.loads(row["body"]) | {"nonce": ""} == json.loads(before["body"]) | {"nonce": ""}
    assert await timeline.question() == state
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()]
    await timeline.restart(signal.SIGTERM)
    assert await timeline.client.history() == [row]


async def test_no_answer(timeline):
    """A server that breaks the connection off after the body leaves the outcome unknown, and never gets the report again."""
    before = await send(timeline, [RESET])
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["error"]) == ("unknown", 0, "refused")
    assert NO_NONCE in row["body"]
    assert await timeline.question() == ("answered", "unknown")
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()]


async def test_server_down(timeline):
    """Without any server the report waits, slot after slot, without a problem that anybody is told of, and is dropped in the end."""
    await timeline.queue()
    timeline.receiver.close()
    for _ in range(3):
        await held(timeline, "refused")
        (row,) = await timeline.client.history()
        assert (row["outcome"], row["sent"], row["error"]) == ("queued", 0, "refused")
    assert await waiting(timeline) == []
    await timeline.move(row["due_until"])
    await timeline.run(2 * HOUR_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["sent"], row["error"]) == ("dropped", 0, "refused")
    days = [day for day, _ in row["tries"]]
    assert (days, [error for _, error in row["tries"]]) == (sorted(set(days)), ["refused"] * len(days))
    assert 1 <= len(days) <= 3
    assert all(day % DAY_S == 0 for day in days)


async def test_authority_that_is_gone(timeline):
    """A certificate file that is missing, or none, uses up no report in four slots; the user is told which file, until it is back."""
    before = await timeline.queue()
    file = Path(timeline.ca_file)
    text = file.read_text()
    for broken in (None, "", "no certificate", None):
        file.unlink(missing_ok=True) if broken is None else file.write_text(broken)
        await held(timeline, "ca-file")
        ((name, told),) = await waiting(timeline)
        assert (name, told) == (timeline.ca_file, "[endpoint.kde] reports wait: this file cannot be read, or holds no certificate")
        assert told in " ".join(timeline.machine.control("status").stdout.split())
    assert "telemetryd-upload: [endpoint.kde] ca_file: No such file or directory; nothing was sent" in timeline.daemon.log
    assert not any(timeline.ca_file in line for line in timeline.daemon.log.splitlines() if line.startswith("telemetryd-upload"))
    file.write_text(text)
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=30 * HOUR_S)
    assert timeline.rows("SELECT outcome, status FROM report") == [("accepted", 204)]
    assert timeline.bodies() == [before["body"].encode()]
    assert await waiting(timeline) == []


async def test_a_machine_that_is_on_is_not_late(timeline):
    """Whoever is on when the moment of a report comes is in a session that began before it, so the report is not a late one."""
    await timeline.queue()
    await timeline.go_to_slot()
    ((since,),) = timeline.rows("SELECT since FROM tick")
    assert since < timeline.slot() <= timeline.now
    await timeline.run_until_sent()
    assert timeline.rows("SELECT since, late_day FROM tick") == [(since, -1)]


async def send_to_silent(timeline, silent_in="headers"):
    """The server has the bytes, or a connection only, and says nothing; the daemon waits."""
    timeline.receiver.silent_in = silent_in
    before = await timeline.queue()
    timeline.is_settling = False
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    until(timeline.bodies if silent_in == "headers" else timeline.receiver.met.is_set)
    return before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_ended_while_sending(timeline, number):
    """A daemon that ends while the server has the bytes takes the uploader along, and nobody knows: the report never leaves again."""
    before = await send_to_silent(timeline)
    timeline.stop(number)
    assert timeline.receiver.ended.get(timeout=20)
    timeline.receiver.silent_in = ""
    await timeline.start()
    assert (await timeline.question())[0] == "reporting"
    timeline.set_clock(int(timeline.now) + JOB_MAX_S)
    await timeline.run(2 * HOUR_S)
    timeline.is_settling = True
    assert await timeline.question() == ("answered", "unknown")
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["error"]) == ("unknown", 0, "own")
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()]


async def test_told_to_leave_before_it_sends(timeline):
    """A daemon that is told to leave while no connection stands does not wait for one, and the report leaves in another slot."""
    before = await send_to_silent(timeline, "handshake")
    timeline.stop()
    assert timeline.receiver.ended.get(timeout=20)
    timeline.receiver.silent_in, timeline.is_settling = "", True
    assert timeline.rows("SELECT outcome, started FROM report") == [("queued", 0)]
    await timeline.start()
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=30 * HOUR_S)
    (row,) = await timeline.client.history()
    assert row["outcome"] == "accepted"
    assert timeline.bodies() == [before["body"].encode()]


@pytest.mark.parametrize("act", ["level", "erase"])
async def test_withdrawn_while_sending(timeline, act):
    """Withdrawal while the server has the bytes ends the connection; the history says that nobody knows. Policy: C1, C2."""
    await send_to_silent(timeline)
    if act == "level":
        await timeline.client.set("Usage", 0)
        (row,) = await timeline.client.history()
        assert (row["outcome"], row["body"]) == ("unknown", "")
    else:
        await timeline.client.call(CONTROL, "Erase", "s", APPLICATION)
        assert await timeline.client.history() == []
    assert timeline.receiver.ended.get(timeout=20)
    timeline.receiver.silent_in = ""
    timeline.is_settling = True
    await never_again(timeline)


async def test_half_an_hour_a_day(timeline):
    """Used for half an hour a day, it still sends within the second window: running time counts over sessions."""
    before = await timeline.queue()
    begin = timeline.slot() // DAY_S * DAY_S
    timeline.stop()
    for day in range(14):
        timeline.set_clock(begin + day * DAY_S + 20 * HOUR_S)
        await timeline.start()
        await timeline.run(HOUR_S // 2)
        timeline.stop()
    assert timeline.bodies() == [before["body"].encode()]


async def test_running_time_is_kept(timeline):
    """A session of twenty minutes that ends by kill -9 counts as twenty minutes of the hour in which there is one tick."""
    await timeline.queue()
    passed = []
    for _ in range(3):
        await timeline.run(HOUR_S // 3)
        passed += timeline.rows("SELECT passed_s FROM tick")
        await timeline.restart(signal.SIGKILL)
    grown = [(after - before) % HOUR_S for (before,), (after,) in pairwise(passed)]
    assert grown == [pytest.approx(HOUR_S // 3, abs=30)] * 2


@pytest.mark.parametrize("name", ["etc/telemetryd/telemetryd.toml.d/50-local.toml", "share/telemetryd/reviews.d/more.toml"])
async def test_unreadable_file_pauses(timeline, name):
    """A file that cannot be read pauses sending at once; a report whose moment came meanwhile leaves once it is mended. Policy: C4, R4."""
    before = await timeline.queue()
    path = timeline.machine.root / name
    path.parent.mkdir(exist_ok=True)
    await timeline.move(max(timeline.slot() - HOUR_S, int(timeline.now)))
    path.write_text("this is no TOML")
    await timeline.run(4 * HOUR_S)
    assert timeline.sent() == 0
    assert (await timeline.question())[0] == "reporting"
    path.unlink()
    await timeline.run_until_sent()
    assert timeline.bodies() == [before["body"].encode()]


async def test_kill_switch_erases(timeline):
    """A kill switch erases a report that waits, and switching it off again brings nothing back. Policy: C4."""
    await timeline.queue()
    timeline.name_endpoint(timeline.receiver.url(), "enabled = false\n")
    await timeline.run(2 * HOUR_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["body"]) == ("erased", "")
    timeline.name_endpoint(timeline.receiver.url())
    assert await timeline.question() == ("answered", "kill_switch")
    await never_again(timeline)
    assert timeline.bodies() == []
