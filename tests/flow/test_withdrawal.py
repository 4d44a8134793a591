"""Withdrawal takes effect with the reply: nothing of what was collected is left in any file. Policy: C2, P1."""

import asyncio
import signal
import sqlite3
import time
from contextlib import closing

import pytest
from support.machine import CONTROL, CallError, until
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, TOTAL_LABEL, accept_last_week, collect_total, daemon_at, found_on_disk, rows

KATE_ID = "org.kde.kate"
ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'


async def _switch_off(machine, daemon, _client):
    machine.configure("enabled = false\n", name="telemetryd.toml.d/50-off.toml")
    daemon.process.send_signal(signal.SIGHUP)
    await asyncio.to_thread(until, lambda: not found_on_disk(machine, TOTAL_BYTES, b'"answer"'))


async def _global(_machine, _daemon, client):
    await client.set("Usage", 0)


async def _application(_machine, _daemon, client):
    await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 3, 0)


async def _question(_machine, _daemon, client):
    await client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "saves-a-week", False)


async def _erase(_machine, _daemon, client):
    await client.call(CONTROL, "Erase", "s", KATE_ID)


async def _erase_all(_machine, _daemon, client):
    await client.call(CONTROL, "Erase", "s", "")


WAYS = pytest.mark.parametrize("withdraw", [_global, _application, _question, _switch_off, _erase, _erase_all])


@WAYS
async def test_withdrawal_erases_the_running_tally(machine, withdraw):
    """Whatever the way, with its reply the total is in no file, while another process has the database open; the question is passed."""
    await collect_total(machine)
    with machine.daemon() as daemon, closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite")) as reader:
        assert len(reader.execute("SELECT * FROM tally").fetchall()) == 1
        assert found_on_disk(machine, TOTAL_BYTES) == {TOTAL_BYTES}
        async with machine.client() as client:
            await withdraw(machine, daemon, client)
            assert found_on_disk(machine, TOTAL_BYTES) == set()
            assert (await client.questions())["saves-a-week"]["state"] == "passed"
            assert await client.preview() == {}
            await client.push(KATE_ID, "saves", "t", TOTAL)
        assert found_on_disk(machine, TOTAL_BYTES) == set()
        assert daemon.stop() == 0
    assert found_on_disk(machine, TOTAL_BYTES) == set()


@WAYS
async def test_withdrawal_erases_the_queued_report(machine, withdraw):
    """Whatever the way, the answer that waits to be sent is in no file any more; the question stays answered."""
    await collect_total(machine)
    with daemon_at(machine, "+7d") as daemon, closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite")) as reader:
        async with machine.client() as client:
            assert (await client.questions())["saves-a-week"]["state"] == "reporting"
            assert len(reader.execute("SELECT * FROM report").fetchall()) == 1
            ((_, waiting),) = (await client.preview()).values()
            told = waiting[waiting.index('"answer"') :].strip().encode()
            assert found_on_disk(machine, told, TOTAL_BYTES) == {told}
            await withdraw(machine, daemon, client)
            assert found_on_disk(machine, told, TOTAL_LABEL) == set()
            assert (await client.questions())["saves-a-week"]["state"] == "answered"
            assert [row["outcome"] for row in await client.history() if row["body"]] == []


@pytest.mark.parametrize("again", [True, False])
async def test_a_reader_holds_an_erasure_up_and_the_user_is_told(machine, again):
    """With a transaction open elsewhere: Error.Busy after five seconds, nothing collected any more, erased when the reader is gone."""
    await collect_total(machine)
    with machine.daemon(), closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert len(reader.execute("SELECT * FROM tally").fetchall()) == 1
        async with machine.client() as client:
            for _ in range(1 + again):
                started = time.monotonic()
                with pytest.raises(CallError, match="erasure pending") as refused:
                    await client.set("Usage", 0)
                assert refused.value.name == "org.telemetryd.Error.Busy"
                assert 4.5 < time.monotonic() - started < 10
            assert await client.get("Usage") == 0
            await client.push(KATE_ID, "saves", "t", TOTAL)
            assert rows(machine, "SELECT * FROM tally") == []
        reader.execute("ROLLBACK")
        if again:
            async with machine.client() as client:
                await client.set("Usage", 0)
                assert found_on_disk(machine, TOTAL_BYTES) == set()
    with machine.daemon():
        assert found_on_disk(machine, TOTAL_BYTES) == set()


async def test_other_calls_are_answered_while_an_erasure_waits(machine):
    """Pushes are answered while the daemon waits for a reader, each within the time that a lock may take."""
    await collect_total(machine)
    with machine.daemon(), closing(sqlite3.connect(machine.root / "state/telemetryd/telemetry.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM tally").fetchall()
        async with machine.client() as client:
            erasing = asyncio.create_task(client.call(CONTROL, "Erase", "s", ""))
            for _ in range(5):
                await client.push(KATE_ID, "saves", "t", 1)
            assert not erasing.done()
            reader.execute("ROLLBACK")
            await erasing
        assert found_on_disk(machine, TOTAL_BYTES) == set()


async def test_what_lacks_consent_at_a_start_is_erased(machine):
    """A consent file that is gone takes what was collected under it along, before anything else happens."""
    await collect_total(machine)
    for path in (machine.root / "state/telemetryd").glob("consent.sqlite*"):
        path.unlink()
    with machine.daemon():
        assert found_on_disk(machine, TOTAL_BYTES) == set()
        assert rows(machine, "SELECT * FROM tally") == []


async def test_a_withdrawn_application_does_not_take_others_along(machine):
    """Withdrawing one application's consent leaves what another one's question collected."""
    machine.configure(ENDPOINT)
    machine.install(SAVES)
    machine.install(SAVES.replace(KATE_ID, "org.kde.kwrite"))
    await accept_last_week(machine, KATE_ID, "org.kde.kwrite")
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            await client.push("org.kde.kwrite", "saves", "t", 7)
            await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 3, 0)
            assert [
                body for name, (_, body) in (await client.preview()).items() if '"<500"' in body and name == "org.kde.kwrite/saves-a-week"
            ]
            assert len(await client.preview()) == 1
    assert found_on_disk(machine, TOTAL_BYTES) == set()
