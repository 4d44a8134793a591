"""Signals follow causes, never effects: a sandbox that hears them learns nothing of what was decided. Policy: C3."""

import asyncio

import pytest
from support.machine import CONTROL, KATE, TELEMETRY
from support.machine_at import accept_last_week
from support.manifests.manifest_texts import this_week

from telemetryd.bus.transport.library import bus_call

KATE_ID = "org.kde.kate"
RULE = "type='signal',path_namespace='/org/telemetryd'"
OTHER = KATE.replace("Is start-up too slow", "Is start-up much too slow")


async def heard(machine, acts):
    """How many signals come of each act, on a connection that hears all of them."""
    counts, signals = [], []
    with machine.daemon():
        async with machine.client(on_signal=lambda one: signals.append(one.member)) as sandbox, machine.client() as client:
            await sandbox.bus.ask(bus_call("AddMatch", "s", [RULE]))
            await client.get("Version")
            for act in acts:
                before = len(signals)
                await act(client)
                await sandbox.call((TELEMETRY[0], TELEMETRY[1], "org.freedesktop.DBus.Peer"), "Ping")
                await sandbox.call((CONTROL[0], CONTROL[1], "org.freedesktop.DBus.Peer"), "Ping")  # what came before is heard by now
                await asyncio.sleep(0.05)
                counts.append(sorted(signals[before:]))
    return counts


@pytest.mark.parametrize("text", ["enabled = false\n", "idle_exit_minutes = 7\n"])
async def test_as_many_whatever_was_accepted(machine, text):
    """Pushes, looks, a file that changes and acts that change nothing are heard alike, accepted or not, collecting or not."""
    machine.install(this_week(KATE))

    async def push(client):
        await client.push(KATE_ID, "startup", "d", 700.0)

    async def look(client):
        await client.questions()

    async def configure(client):
        machine.configure(text)
        await client.get("Usage")

    async def act(client):
        await client.set("NewQuestions", 1)

    acts = (push, look, configure, look, act, push)
    unaccepted = await heard(machine, acts)
    machine.configure("")
    await accept_last_week(machine, KATE_ID)
    accepted = await heard(machine, acts)
    one = ["PropertiesChanged", "QuestionsChanged"]
    assert unaccepted == accepted == [[], [], one, [], one, []]


async def test_a_registered_text_is_heard_of_later(machine):
    """Registering a text that is news tells nobody at once; the user's next call decides it, and that is heard, accepted or not."""

    async def register(client):
        await client.register("org.kde.ark", OTHER.replace(KATE_ID, "org.kde.ark"))

    async def look(client):
        await client.questions()

    one = ["PropertiesChanged", "QuestionsChanged"]
    assert await heard(machine, (register, look, look)) == [[], one, []]


async def test_problems_of_no_file_are_told_with_the_next_signal(machine):
    """What follows from what was stored or sent makes no signal of its own: Problems has it after the next one. Here a set-aside file."""
    told = []

    async def look(client):
        told.append(await client.get("Problems"))

    async def set_aside(_):
        (machine.root / "state/telemetryd/consent.sqlite.damaged-2026-11-30").write_text("")

    async def configure(client):
        machine.configure("idle_exit_minutes = 7\n")
        await client.get("Usage")

    one = ["PropertiesChanged", "QuestionsChanged"]
    assert await heard(machine, (look, set_aside, look, configure, look)) == [[], [], [], one, []]
    assert told[1] == told[0]
    assert len(told[2]) == len(told[0]) + 1


async def test_a_faulty_manifest_is_a_problem_whether_it_was_read_or_not(machine):
    """Reading Problems reads every manifest first: no signal follows when another call reads one, and none is missing before."""
    (machine.root / "share/telemetryd/manifests/org.kde.ark.toml").write_text("schema = = 1")
    told = []

    async def look(client):
        told.append(await client.get("Problems"))

    async def read(client):
        await client.call(CONTROL, "ListApplications")

    assert await heard(machine, (look, read, look)) == [[], [], []]
    assert told[0] == told[1]
    assert "org.kde.ark.toml" in str(told[0])


async def test_a_manifest_that_changed_is_told_whatever_is_accepted(machine):
    """Which manifests were read depends on what was accepted, so a change of one is told only after somebody asked for all of them."""
    path = machine.root / "share/telemetryd/manifests" / f"{KATE_ID}.toml"

    async def change(client):
        path.write_text(path.read_text() + "\n")
        await client.get("Usage")

    async def look(client):
        await client.get("Problems")

    counts = []
    for accept in (False, True):
        machine.install(this_week(KATE))
        if accept:
            await accept_last_week(machine, KATE_ID)
        counts.append([bool(signals) for signals in await heard(machine, (change, look, change))])
    assert counts == 2 * [[False, False, True]]


async def test_a_removed_database_is_heard_of(machine):
    """Whoever removes the files of the daemon changes what the user is shown: that is told, with the first call that finds it."""
    machine.install(KATE)

    async def consent(client):
        await client.set("Usage", 2)

    async def remove(client):
        (machine.root / "state/telemetryd/consent.sqlite").unlink()
        assert await client.get("Usage") == 0

    one = ["PropertiesChanged", "QuestionsChanged"]
    assert await heard(machine, (consent, remove)) == [one, one]
