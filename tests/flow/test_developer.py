"""Developer mode: unreviewed questions are admitted, and nothing leaves this machine. Policy: C6, R1."""

import asyncio
import json

import pytest
from support.machine import CONTROL, KATE, CallError, but_for_chance
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, accept_last_week, found_on_disk, rows
from support.net.tls_receiver import Receiver

KATE_ID = "org.kde.kate"
ELSEWHERE = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'


@pytest.fixture
def local():
    """A receiver on this machine without TLS."""
    receiver = Receiver()
    yield receiver
    receiver.close()


async def _watch(client, after=0):
    number, events = await client.call(CONTROL, "Watch", "st", KATE_ID, after)
    return number, [tuple(event) for event in events]


async def test_an_unreviewed_question_runs_at_once_and_reports_to_loopback(machine, local):
    """Registered, accepted, pushed, submitted, all in one go, to http on this machine; the question can be answered again and again."""
    machine.develop(url=local.url("127.0.0.1"))
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
            await client.consent(KATE_ID)
            for value, label in ((700.0, "500..2000"), (3000.0, ">=2000")):
                assert (await client.questions())["startup-time"]["state"] == "active"
                await client.push(KATE_ID, "startup", "d", value)
                ((_, running),) = (await client.preview()).values()
                assert json.loads(running)["answer"] == [label]
                await client.call(CONTROL, "Submit")
                body = local.requests.get(timeout=5).partition(b"\r\n\r\n")[2]
                assert but_for_chance(body) == but_for_chance(running)
            assert [row["outcome"] for row in await client.history()] == ["accepted"] * 2


async def test_consent_is_needed_there_too(machine, local):
    """Without the user's acceptance a developer's question collects and sends nothing."""
    machine.develop(url=local.url("127.0.0.1"))
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
            await client.set("Usage", 2)
            await client.push(KATE_ID, "startup", "d", 700.0)
            await client.call(CONTROL, "Submit")
            assert await client.history() == []
    assert local.requests.empty()


async def test_nothing_goes_to_another_machine(machine, local):
    """The system's endpoint on another host is none in developer mode, and a user's file can name loopback ones only."""
    machine.configure(ELSEWHERE)
    machine.configure_user("developer = true\n" + ELSEWHERE.replace("kde", "other"))
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
            await client.push(KATE_ID, "startup", "d", 700.0)
            assert (await client.questions())["startup-time"]["endpoint"] == ""
            assert [url for url, _ in (await client.preview()).values()] == [""]
            await client.call(CONTROL, "Submit")
            assert await client.history() == []
            assert [text for _, text in await client.get("Problems") if "other" in text]


@pytest.mark.parametrize("member", ["Submit", "Watch"])
async def test_outside_developer_mode_its_members_refuse(machine, member):
    """Submit and Watch say NotDeveloper, and what to do."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            with pytest.raises(CallError, match="developer = true") as refused:
                await client.call(CONTROL, member, *(("st", KATE_ID, 0) if member == "Watch" else ()))
            assert refused.value.name == "org.telemetryd.Error.NotDeveloper"
            assert await client.get("Developer") is False


async def test_a_systems_file_cannot_turn_it_on(machine):
    """Only the user's own file turns developer mode on; the system's saying so is a problem that is shown."""
    machine.configure("developer = true\n")
    with machine.daemon():
        async with machine.client() as client:
            assert await client.get("Developer") is False
            assert [text for _, text in await client.get("Problems") if text.startswith("developer")]


async def test_watch_shows_each_push_as_it_arrives(machine):
    """A watcher gets source, bin and verdict of pushes since, waits for the next, and is never shown a value."""
    machine.develop()
    with machine.daemon():
        async with machine.client() as client, machine.client() as watcher:
            await client.register(KATE_ID, KATE)
            waiting = asyncio.create_task(_watch(watcher))
            await client.push(KATE_ID, "startup", "d", 700.5)
            number, events = await waiting
            assert events == [("startup", "500..2000", events[0][2])]
            assert events[0][2].startswith("startup-time: not kept")
            await client.consent(KATE_ID)
            await client.push_many(KATE_ID, {"startup": ("ad", [100.0, 3000.0])})
            _, events = await _watch(watcher, number)
            assert events == [("startup", "<500", "startup-time: kept"), ("startup", ">=2000", "startup-time: kept")]


async def test_it_has_databases_of_its_own(machine):
    """Consent given in one mode does not hold in the other, and what ran outside is shut for good when developer mode begins."""
    machine.configure(ELSEWHERE)
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
            machine.develop()
            assert await client.get("Usage") == 0
            assert (await client.questions())["saves-a-week"]["state"] == "pending"
            assert found_on_disk(machine, TOTAL_BYTES) == set()
            await client.consent(KATE_ID)
            await client.push(KATE_ID, "saves", "t", TOTAL)
            machine.configure_user("")
            assert await client.get("Usage") == 2
            question = (await client.questions())["saves-a-week"]
            assert (question["state"], question["cause"]) == ("passed", "developer")
            assert rows(machine, "SELECT * FROM tally") == []


async def test_a_kill_switch_holds_there_too(machine, local):
    """Developer mode does not get around a switch: nothing collected, nothing sent."""
    machine.develop(url=local.url("127.0.0.1"))
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
            await client.consent(KATE_ID)
            await client.push(KATE_ID, "startup", "d", 700.0)
            machine.configure("enabled = false\n")
            await client.call(CONTROL, "Submit")
            assert await client.preview() == {}
            assert rows(machine, "SELECT * FROM tally", file="developer-telemetry.sqlite") == []
    assert local.requests.empty()


async def test_samples_while_it_closes(machine):
    """Samples that come while Submit closes their period are answered, before, meanwhile and after: no row comes back to be in the way."""
    machine.develop()
    with machine.daemon():
        async with machine.client() as client, machine.client() as user:
            await client.register("org.kde.kate", KATE)
            await client.consent("org.kde.kate")

            async def pushing():
                while True:
                    await asyncio.gather(*(client.push("org.kde.kate", "startup", "d", 700.0) for _ in range(5)))

            calls = asyncio.create_task(pushing())
            for _ in range(3):
                await user.call(CONTROL, "Submit")
                await client.push("org.kde.kate", "startup", "d", 700.0)
                assert not calls.done()
            calls.cancel()
            await asyncio.wait([calls])
