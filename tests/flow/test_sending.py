"""How a report is delivered: when, how often, and what each answer of the server ends in."""

import json
import signal
from datetime import UTC, datetime
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path

import pytest
from harness import CONTROL, until
from timeline import APPLICATION, DAY_S, HOUR_S
from tries import NO_NONCE, held, never_again, send_first, status, try_again, wait_for_the_next, waiting

SILENT = b""


@pytest.mark.parametrize(
    ("line", "outcome", "state"),
    [
        ("200 OK", "accepted", ("answered", "sent")),
        ("410 Gone", "answered", ("answered", "the server says that the question is answered")),
        ("451 Unavailable For Legal Reasons", "suspended", ("suspended", "the server says that the question is suspended")),
        ("404 Not Found", "dropped", ("answered", "dropped")),
        ("302 Found", "dropped", ("answered", "dropped")),
    ],
)
async def test_final_answers(timeline, line, outcome, state):
    """One try settles it; the history says how, without what would tell which report it was. Policy: M4, R4."""
    before, _ = await send_first(timeline, status(line, "Location: https://localhost/elsewhere"))
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"]) == (outcome, int(line[:3]), 1)
    assert NO_NONCE in row["body"]
    assert json.loads(row["body"]) | {"nonce": ""} == json.loads(before["body"]) | {"nonce": ""}
    assert await timeline.question() == state
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()]


@pytest.mark.parametrize("restart", [None, signal.SIGKILL])
async def test_three_tries(timeline, restart):
    """A server that is away gets three tries of the same bytes, at least 24 hours apart, wherever the daemon ends; no more."""
    before, moment = await send_first(timeline, status("503 Service Unavailable"))
    for tries in (2, 3):
        assert (await timeline.question())[0] == "reporting"
        (row,) = await timeline.client.history()
        assert (row["outcome"], row["status"], row["tries"], row["body"]) == ("queued", 503, tries - 1, before["body"])
        if restart:
            await timeline.restart(restart)
        again = await try_again(timeline, tries, DAY_S)
        assert again >= moment + DAY_S
        moment = again
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"]) == ("dropped", 503, 3)
    assert NO_NONCE in row["body"]
    assert await timeline.question() == ("answered", "dropped")
    await never_again(timeline)
    assert timeline.bodies() == [before["body"].encode()] * 3


@pytest.mark.parametrize(("retry_after", "days"), [("1", 1), ("172801", 3), ("-172801", 1), ("99999999999", 1)])
async def test_retry_after(timeline, retry_after, days):
    """429 with Retry-After is tried again that many days later, rounded up, and then can be accepted."""
    before, _ = await send_first(timeline, status("429 Too Many Requests", f"Retry-After: {retry_after}"))
    timeline.receiver.answer = status("204 No Content")
    await try_again(timeline, 2, days * DAY_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"]) == ("accepted", 204, 2)
    assert timeline.bodies() == [before["body"].encode()] * 2


async def test_retry_after_as_a_date(timeline):
    """The other form of Retry-After counts too, by the clock of this machine: two days and a half are three."""

    def away(_request):
        moment = datetime.fromtimestamp(timeline.now + 2.5 * DAY_S, UTC)
        return status("503 Service Unavailable", f"Retry-After: {format_datetime(moment, usegmt=True)}")

    before, _ = await send_first(timeline, away)
    timeline.receiver.answer = status("204 No Content")
    await try_again(timeline, 2, 3 * DAY_S)
    assert timeline.bodies() == [before["body"].encode()] * 2


async def test_server_down(timeline):
    """Without any server the report is tried three times and dropped; nothing else changes."""
    timeline.receiver.close()
    await send_first(timeline, SILENT)
    for tries in (2, 3):
        await try_again(timeline, tries, DAY_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["status"], row["tries"]) == ("dropped", 0, 3)


async def test_authority_that_is_gone(timeline):
    """A certificate file that is missing, or none, uses up no report in four days; the user is told which file, until it is back."""
    before = await timeline.queue()
    await timeline.go_to_slot()
    file = Path(timeline.ca_file)
    text = file.read_text()
    for broken in (None, "", "no certificate", None):
        file.unlink(missing_ok=True) if broken is None else file.write_text(broken)
        await held(timeline, "ca-file")
        ((name, told),) = await waiting(timeline)
        assert (name, told) == (timeline.ca_file, "[endpoint.kde] reports wait: this file cannot be read, or holds no certificate")
        assert told in " ".join(timeline.machine.control("status").stdout.split())
    assert "telemetryd-upload: [endpoint.kde] ca_file: No such file or directory; nothing was sent" in timeline.daemon.log
    assert timeline.ca_file not in timeline.daemon.log
    file.write_text(text)
    await wait_for_the_next(timeline)
    await timeline.run_until_tried(1, within_s=4 * HOUR_S)
    assert timeline.rows("SELECT outcome, status, tries FROM report") == [("accepted", 204, 1)]
    assert timeline.bodies() == [before["body"].encode()]
    assert await waiting(timeline) == []


async def send_to_silent(timeline):
    """The server has the bytes and says nothing; the daemon waits."""
    timeline.receiver.silent_in = "headers"
    before = await timeline.queue()
    timeline.is_settling = False
    await timeline.go_to_slot()
    await timeline.run_until_tried(1, within_s=3 * HOUR_S)
    until(timeline.bodies)
    return before


async def test_killed_while_sending(timeline):
    """A daemon killed while the server has the bytes takes the uploader along, and does not know: the same bytes go out a day later."""
    before = await send_to_silent(timeline)
    timeline.stop(signal.SIGKILL)
    assert timeline.receiver.ended.get(timeout=20)
    timeline.receiver.silent_in = ""
    await timeline.start()
    assert (await timeline.question())[0] == "reporting"
    await try_again(timeline, 2, DAY_S)
    until(lambda: len(timeline.bodies()) == 2)
    timeline.is_settling = True
    assert timeline.bodies() == [before["body"].encode()] * 2


async def test_told_to_leave_while_sending(timeline):
    """A daemon that is told to leave does not wait for a silent server."""
    await send_to_silent(timeline)
    timeline.stop()
    assert timeline.receiver.ended.get(timeout=20)
    await timeline.start()
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["tries"]) == ("queued", 1)


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
    timeline.stop()
    for day in range(14):
        timeline.set_clock(before["created"] // DAY_S * DAY_S + day * DAY_S + 20 * HOUR_S)
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
    assert timeline.tries() == 0
    assert (await timeline.question())[0] == "reporting"
    path.unlink()
    await timeline.run_until_tried(1, within_s=3 * HOUR_S)
    assert timeline.bodies() == [before["body"].encode()]


async def test_kill_switch_erases(timeline):
    """A kill switch erases a report that waits, and switching it off again brings nothing back. Policy: C4."""
    await timeline.queue()
    timeline.name_endpoint(timeline.receiver.url(), "enabled = false\n")
    await timeline.run(2 * HOUR_S)
    (row,) = await timeline.client.history()
    assert (row["outcome"], row["body"]) == ("erased", "")
    timeline.name_endpoint(timeline.receiver.url())
    assert await timeline.question() == ("answered", "kill switch")
    await never_again(timeline)
    assert timeline.bodies() == []
