"""Under systemd the uploader is a unit of its own: the daemon passes reports over its socket. What is promised of a child holds."""

import time
from pathlib import Path

import pytest
from support.control_groups import unit_groups
from support.installation import Installation
from support.machine import WAIT_S, until
from support.timeline import DAY_S, HOUR_S, tick_soon, timer
from support.upload_tries import held, never_again, waiting
from support.upload_unit import upload_unit

from telemetryd.core.limits import ANSWER_TIMEOUT_S
from telemetryd.core.sending.hindrance import problem
from telemetryd.core.settings import Endpoint


@pytest.fixture(scope="module")
def groups():
    """The units of a user."""
    with unit_groups() as groups:
        yield groups


@pytest.fixture
def unit(timeline, groups, tmp_path):
    """The uploader's unit. The daemon and the timer's run are started as their units do it."""
    with upload_unit(tmp_path, groups, timeline.machine.environ) as unit:
        timeline.machine.prefix = unit.served
        yield unit


def children(process):
    """The processes that a process has started."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [number for task in tasks for number in (task / "children").read_text().split()]


async def under_way(timeline, silent_in):
    """A report is handed over, and the server falls silent there; the history's row as it was before."""
    timeline.receiver.silent_in, timeline.is_settling = silent_in, False
    before = await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    assert timeline.receiver.met.wait(WAIT_S)
    until(lambda: timeline.bodies() or silent_in == "handshake")
    return before


async def test_report_leaves_by_the_unit(timeline, unit):
    """A report is sent once, by a process of the uploader's unit, with the bytes that the history shows; the daemon starts no process."""
    before = await under_way(timeline, "headers")
    assert children(timeline.daemon.process.pid) == []
    (process,) = unit.running()
    assert "telemetryd-upload@" in Path(f"/proc/{process}/cgroup").read_text()
    unit.kill()
    timeline.receiver.silent_in, timeline.is_settling = "", True
    await timeline.wake()
    assert timeline.bodies() == [before["body"].encode()]
    assert timeline.rows("SELECT outcome FROM report") == [("unknown",)]
    await never_again(timeline)


async def test_accepted(timeline, unit):
    """What the server says reaches the history over the unit's socket."""
    before = await timeline.queue()
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    assert timeline.rows("SELECT outcome, status FROM report") == [("accepted", 204)]
    assert timeline.bodies() == [before["body"].encode()]
    until(lambda: unit.running() == [])


async def test_killed_before_it_has_a_connection(timeline, unit):
    """A report whose uploader is killed in the handshake has not left: it waits for another slot, and is sent there."""
    before = await under_way(timeline, "handshake")
    unit.kill()
    timeline.receiver.silent_in, timeline.is_settling = "", True
    await timeline.wake()
    assert timeline.rows("SELECT outcome, started, held FROM report") == [("queued", 0, "uploader")]
    await timeline.go_to_slot()
    await timeline.run_until_sent(within_s=30 * HOUR_S)
    assert timeline.rows("SELECT outcome FROM report") == [("accepted",)]
    assert timeline.bodies() == [before["body"].encode()]


async def test_withdrawal(timeline, unit):
    """A withdrawal ends the connection to the server before its reply, and the unit's process with it. Policy: C1."""
    await under_way(timeline, "headers")
    began = time.monotonic()
    await timeline.client.set("Usage", 0)
    assert unit.running() == []
    assert await timeline.receiver.end() - began < ANSWER_TIMEOUT_S / 2


async def test_exit_during_a_delivery(timeline, unit):
    """A daemon that exits ends the uploader, and the report of which nothing left waits."""
    await under_way(timeline, "handshake")
    timeline.stop()
    until(lambda: unit.running() == [])
    assert timeline.rows("SELECT outcome, started FROM report") == [("queued", 0)]


async def test_without_the_socket(timeline, unit):
    """Where the unit's socket is gone no report leaves by another way: it waits, and the user's programs are told."""
    await timeline.queue()
    unit.path.unlink()
    await held(timeline, "uploader")
    assert await waiting(timeline) == [problem("uploader", Endpoint("kde", "KDE", ""))[:2]]
    assert "telemetryd-upload cannot be started: No such file or directory" in timeline.daemon.log
    assert timeline.bodies() == []


async def test_another_version(timeline, groups, tmp_path):
    """An uploader of other files than the daemon's, as systemd starts it after an upgrade, sends nothing: the report waits."""
    other = Installation(tmp_path / "other", is_copy=True)
    environ = {**timeline.machine.environ, "PATH": "/usr/bin:/bin"}
    with upload_unit(tmp_path, groups, environ, python=str(other.python), working=other.root) as unit:
        timeline.machine.prefix = unit.served
        await timeline.queue()
        await held(timeline, "package")
        assert "telemetryd was replaced while it was running; nothing was sent" in unit.log
    assert timeline.bodies() == []


async def test_run_of_the_timer(timeline, unit):
    """The timer's run passes its report over the same socket, from a unit of its own."""
    before = await timeline.queue()
    timeline.stop()
    timeline.set_clock(timeline.slot() + DAY_S)
    tick_soon(timeline)
    with timer(timeline, prefix=unit.in_tick) as process:
        assert process.wait(WAIT_S) == 0
    assert timeline.rows("SELECT outcome, status FROM report") == [("accepted", 204)]
    assert timeline.bodies() == [before["body"].encode()]
