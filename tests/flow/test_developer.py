"""Developer mode: unreviewed questions are admitted, and nothing leaves this machine. Policy: C6, R1."""

import asyncio
import json
import re
import time

import pytest
from support.machine import CONTROL, KATE, TELEMETRY, WAIT_S, CallError, but_for_chance
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, accept_last_week, found_on_disk, rows
from support.manifests.shared_sources import CRASH, SHARED, USER
from support.net.tls_receiver import Receiver
from support.rows import row

from telemetryd.bus.transport.library import Variant
from telemetryd.core.limits import LEAVE_STEP_S

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


async def test_outside_developer_mode_its_members_refuse(machine):
    """Submit, Watch and Monitor say NotDeveloper, and what to do."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            assert await client.get("Developer") is False
            for member, *arguments in (("Submit",), ("Watch", "st", KATE_ID, 0), ("Monitor", "st", KATE_ID, 0)):
                with row(member):
                    with pytest.raises(CallError, match="developer = true") as refused:
                        await client.call(CONTROL, member, *arguments)
                    assert refused.value.name == "org.telemetryd.Error.NotDeveloper"


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


async def monitored(client, application="", after=0):
    """The events of Monitor as plain dictionaries, without keys that are empty; and the number for the next call."""
    number, rows = await client.call(CONTROL, "Monitor", "st", application, after)
    return number, [{key: variant.value for key, variant in row.items() if variant.value} for row in rows]


async def test_monitor_shows_what_was_refused_and_to_whom(any_machine):
    """Each kind of refusal is an event with application, source and the error's name and text; a push has its bin and verdict. No value."""
    any_machine.develop()
    any_machine.install(USER)
    with any_machine.daemon() as daemon:
        async with any_machine.client() as client:
            await client.register(KATE_ID, KATE.replace("Is start-up too slow?", "Is the start too slow?"))
            await client.push(KATE_ID, "startup", "d", 700.5)
            samples = {"startup": Variant("d", 1.0), "nothing": Variant("d", 1.0)}
            for call in (
                ("Push", "sss", KATE_ID, "startup", "700.5"),
                ("PushMany", "sa{sv}", KATE_ID, samples),
                ("Push", "ssv", KATE_ID, "startup", Variant("s", "700.5")),
                ("Push", "ssv", KATE_ID, CRASH, Variant("u", 3)),
                ("Push", "ssv", "org.kde.nobody", "startup", Variant("d", 700.5)),
                ("Pusch", "u", 3),
            ):
                with pytest.raises(CallError):
                    await client.call(TELEMETRY, *call)
            await any_machine.send_and_leave(daemon, TELEMETRY, "Push", "ssv", KATE_ID, "startup", Variant("d", 700.5))
            number, events = await monitored(client)
            while len(events) < 9:
                number, later = await monitored(client, after=number)
                events += later
            _, own = await monitored(client, KATE_ID)
            assert [event for event in events if event.get("application") != "org.kde.nobody"] == own
            assert (await _watch(client))[1] == [("startup", "500..2000", events[1]["verdict"])]
    told = [(event.get("error", "").rpartition(".")[2], event.get("source"), event["verdict"]) for event in events]
    assert told[0] == ("", None, "the installed manifest holds instead of the registered text")
    assert told[1][2].startswith("startup-time: not kept")
    assert told[2] == ("InvalidArgs", None, "expected arguments of the types 'ssv', and Push came with 'sss'")
    assert told[3][:2] == ("UnknownSource", "nothing")
    assert told[4][:2] == ("InvalidValue", "startup")
    assert told[5] == ("UnknownSource", CRASH, f"{CRASH} is listed in uses, but org.kde.frameworks is not installed here")
    assert told[6][:2] == ("UnknownApplication", "startup")
    assert told[7] == ("UnknownMethod", None, "Pusch: the interface has no such method")
    assert told[8][:2] == ("NameHasNoOwner", "startup")
    assert "700" not in str(told).replace("startup-time", "")


async def test_monitor_names_a_shared_source_as_its_pusher_does(machine):
    """A sample of a shared source is shown under the application that pushed it, with the source's owner; Watch gives the source alone."""
    machine.develop()
    machine.install(USER)
    machine.install(SHARED)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, CRASH, "u", 3)
            _, (event,) = await monitored(client, KATE_ID)
            assert (event["application"], event["source"], event["bin"]) == (KATE_ID, CRASH, "+3")
            ((source, label, _),) = (await _watch(client))[1]
            assert (source, label) == ("crash", "+3")


async def test_a_refusal_wakes_who_waits_and_a_long_one_is_cut(machine):
    """A waiting client is told of a refusal at once. Names and texts as long as a message do not make the daemon remember as much."""
    machine.develop()
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client, machine.client() as watcher:
            waiting = asyncio.create_task(monitored(watcher, KATE_ID))
            with pytest.raises(CallError):
                await client.push(KATE_ID, "s" * 500_000, "d", 1.0)
            _, (event,) = await asyncio.wait_for(waiting, 10)
            assert event["source"] == "s" * 128 + "…"
            assert event["error"] == "org.telemetryd.Error.UnknownSource"


async def test_more_events_than_a_reply_holds(machine):
    """A reply has as many events as fit, and the next one goes on where it ended: none is lost or told twice."""
    machine.develop()
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            for number in range(1000):
                unknown = "".join(f"unknown-{number}-{each}{'y' * 180} = 1\n" for each in range(5))
                with pytest.raises(CallError):
                    await client.register(KATE_ID, KATE.replace("[[source]]", f"[[source]]\n{unknown}"))
        numbers, texts = [0], []
        while len(texts) < 1000:
            number, events = machine.ask(CONTROL, "Monitor", "st", KATE_ID, str(numbers[-1]))
            numbers.append(number)
            texts += [re.search(r"unknown-\d+", event["verdict"]["data"])[0] for event in events]
        assert len(numbers) > 2
        assert texts == [f"unknown-{number}" for number in range(1000)]


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


async def test_told_to_exit_while_it_sends(machine, local):
    """Told to exit while a server does not answer, the daemon breaks off at once and begins no other report; Submit is answered Busy.

    The report whose bytes left never leaves again. The other one does, with the next Submit.
    """
    machine.develop(url=local.url("127.0.0.1"))
    local.silent_in = "headers"
    with machine.daemon() as daemon:
        async with machine.client() as client:
            for application in (KATE_ID, "org.kde.okular"):
                await client.register(application, KATE.replace(KATE_ID, application))
                await client.consent(application)
            submitting = asyncio.create_task(client.call(CONTROL, "Submit"))
            first = await asyncio.to_thread(local.requests.get, timeout=WAIT_S)
            began = time.monotonic()
            assert await asyncio.to_thread(daemon.stop) == 0
            assert time.monotonic() - began < LEAVE_STEP_S
            with pytest.raises(CallError, match=r"Busy.*told to exit"):
                await submitting
        assert daemon.log == ""
    marks = "SELECT outcome, started > 0 FROM report ORDER BY started > 0"
    assert rows(machine, marks, file="developer-telemetry.sqlite") == [("queued", 0), ("queued", 1)]
    local.silent_in = ""
    with machine.daemon():
        async with machine.client() as client:
            await client.call(CONTROL, "Submit")
    others = [local.requests.get(timeout=WAIT_S) for _ in range(local.requests.qsize())]
    assert first not in others
    assert {json.loads(request.partition(b"\r\n\r\n")[2])["application"] for request in (first, *others)} == {KATE_ID, "org.kde.okular"}
