"""Entering developer mode shuts what the ordinary databases have open, for good, and leaving it brings nothing back. Policy: C1, M4."""

import contextlib
import json
import signal
import subprocess
import sys

import pytest
from support.machine import CONTROL, KATE_2026, WAIT_S, CallError
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, edit, found_on_disk, rows
from support.manifests.manifest_texts import within
from support.net.tls_receiver import Receiver
from support.timeline import DAY_S, HOUR_S, QUESTION, SOURCE, at

WEEKS = {
    "answered": ("2026-10-12", "2026-10-18"),
    "passed": ("2026-10-12", "2026-10-18"),
    "reporting": ("2026-10-19", "2026-10-25"),
    "active": ("2026-10-26", "2026-11-01"),
    "waiting": ("2026-11-02", "2026-11-08"),
}
NAMES = tuple(WEEKS)
KATE_ID = "org.kde.kate"
SAVES_2026 = within(SAVES, *WEEKS["answered"])
READER = """\
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN")
print(len(connection.execute("SELECT * FROM tally").fetchall()), flush=True)
sys.stdin.read()
"""


def of(name):
    """The application that is to have its question in this state."""
    return f"org.example.{name}"


@pytest.fixture
def local():
    """A developer's receiver."""
    receiver = Receiver()
    yield receiver
    receiver.close()


async def states(timeline):
    """What the user is shown of each question: (state, cause)."""
    found = (await timeline.client.call(CONTROL, "ListQuestions", "s", ""))[0]
    plain = [{key: variant.value for key, variant in row.items()} for row in found]
    return {row["application"].rpartition(".")[2]: (row["state"], row["cause"]) for row in plain if row["application"].startswith(of(""))}


async def open_all(timeline):
    """On Monday, 26 October 2026, there is a question in each state; the one answer left at the beginning of its window."""
    for name in NAMES:
        timeline.machine.install(within(KATE_2026.replace(KATE_ID, of(name)), *WEEKS[name]))
    await timeline.start()
    await timeline.client.set("Usage", 2)
    for name in ("answered", "passed"):
        await timeline.client.accept(of(name))
    await timeline.move(at("2026-10-14 12:00"))
    await timeline.client.call(CONTROL, "Erase", "s", of("passed"))
    await timeline.client.accept(of("reporting"))
    await timeline.move(at("2026-10-19 12:00"))
    await timeline.client.accept(of("active"))
    edit(timeline.machine, f"UPDATE report SET slot = {at('2026-10-26 00:05')}", file="telemetry.sqlite")
    await timeline.go_to_slot()
    await timeline.run_until_sent()
    await timeline.move(at("2026-10-26 12:00"))
    await timeline.client.accept(of("waiting"))
    await timeline.client.push(of("active"), SOURCE, "d", 700.0)
    assert {name: state for name, (state, _) in (await states(timeline)).items()} == {name: name for name in NAMES}


def kept(timeline, table):
    """What the ordinary consent file has in a table, by question."""
    columns = {"lot": "part, period, rank", "ledger": "host, tenths, is_charged"}[table]
    found = rows(timeline.machine, f"SELECT application, {columns} FROM {table}", file="consent.sqlite")
    return {name.rpartition(".")[2]: tuple(values) for name, *values in found}


async def develop(timeline, local):
    """A while in developer mode: what is answered there is answered to the developer only."""
    timeline.machine.develop(url=local.url("127.0.0.1"))
    timeline.name_endpoint("")  # the system's is on this machine too, and would come first
    assert {state for state, _ in (await states(timeline)).values()} <= {"pending", "expired"}
    assert await timeline.client.history() == []
    await timeline.client.set("Usage", 2)
    await timeline.client.accept(of("active"))
    await timeline.client.push(of("active"), SOURCE, "d", 700.0)
    await timeline.client.call(CONTROL, "Submit")
    assert of("active").encode() in local.requests.get(timeout=5)


SHUT = "developer"
BACK = {
    "2026-10-28 12:00": ("waiting", ""),
    "2026-11-03 12:00": ("passed", SHUT),
}


@pytest.mark.parametrize("left", BACK, ids=["left before the period", "left in it"])
async def test_every_state(timeline, local, left):
    """What ran is passed and what was to be sent answered, for good; what is over stays so; what waits goes on if its period is ahead."""
    await open_all(timeline)
    lots, sent, earlier = kept(timeline, "lot"), await timeline.client.history(), len(timeline.bodies())
    await develop(timeline, local)
    assert timeline.rows("SELECT * FROM tally") == []
    assert timeline.rows("SELECT 1 FROM report WHERE outcome = 'queued'") == []
    await timeline.restart(signal.SIGKILL)
    await timeline.move(at(left))
    timeline.name_endpoint(timeline.receiver.url())
    timeline.machine.configure_user("")
    shown = {
        "answered": ("answered", "sent"),
        "passed": ("passed", "erased"),
        "reporting": ("answered", SHUT),
        "active": ("passed", SHUT),
        "waiting": BACK[left],
    }
    assert await states(timeline) == shown
    history = await timeline.client.history()
    assert [row for row in history if row["application"] == of("answered")] == [row for row in sent if row["application"] == of("answered")]
    assert {row["outcome"] for row in history if row["application"] == of("reporting")} <= {"erased", "unknown"}
    ledger = kept(timeline, "ledger")
    assert {name: entry[-1] for name, entry in ledger.items()} == {"answered": 1, "reporting": 1}
    assert kept(timeline, "lot") == lots
    for name in ("answered", "passed", "reporting", "active"):
        with pytest.raises(CallError, match="InvalidArgs"):
            await timeline.client.accept(of(name))
    await timeline.move(int(timeline.now) + 2 * DAY_S)
    await timeline.run(2 * HOUR_S)
    assert {name: state for name, state in (await states(timeline)).items() if name != "waiting"} == {
        name: state for name, state in shown.items() if name != "waiting"
    }
    assert len(timeline.bodies()) == earlier
    assert QUESTION in json.loads(timeline.bodies()[0])["question"]


@contextlib.contextmanager
def reader(timeline):
    """A process with a read transaction on the ordinary database, until the block ends."""
    command = [sys.executable, "-c", READER, str(timeline.machine.root / "state/telemetryd/telemetry.sqlite")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"1\n"
        yield
        process.stdin.close()
        assert process.wait(WAIT_S) == 0


async def _call(timeline):
    await timeline.client.call(CONTROL, "Erase", "s", "")


async def _tick(timeline):
    await timeline.run(2 * HOUR_S)


async def _restart(timeline):
    await timeline.restart(signal.SIGTERM)
    assert await timeline.client.get("Developer")


async def _killed(timeline):
    await timeline.restart(signal.SIGKILL)
    assert await timeline.client.get("Developer")


@pytest.mark.parametrize("retry", [_call, _tick, _restart, _killed])
async def test_a_reader_holds_the_erasure_up(timeline, retry):
    """What a reader of the ordinary database held up stays pending, is shown and refused as such, and is done in developer mode."""
    timeline.machine.install(SAVES_2026)
    await timeline.start()
    await timeline.client.consent(KATE_ID)
    await timeline.move(at("2026-10-14 12:00"))
    await timeline.client.push(KATE_ID, "saves", "t", TOTAL)
    with reader(timeline):
        timeline.machine.develop()
        assert "erasure pending" in dict(await timeline.client.get("Problems"))["telemetry.sqlite"]
        assert timeline.rows("SELECT * FROM tally") == []
        assert found_on_disk(timeline.machine, TOTAL_BYTES) == {TOTAL_BYTES}
        with pytest.raises(CallError, match="erasure pending") as refused:
            await timeline.client.call(CONTROL, "Erase", "s", "")
        assert refused.value.name == "org.telemetryd.Error.Busy"
    assert timeline.daemon.log == ""  # nothing was tried on a file that is closed
    await retry(timeline)
    assert found_on_disk(timeline.machine, TOTAL_BYTES) == set()
    await timeline.client.set("NewQuestions", 1)  # Problems that no file is the cause of are told anew after an act
    assert "telemetry.sqlite" not in dict(await timeline.client.get("Problems"))
    assert await timeline.client.get("Developer")
