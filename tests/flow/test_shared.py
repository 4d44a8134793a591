"""Shared sources: many applications push, each under its own consent, and nothing says which one. Policy: C1, M3."""

import json

import pytest
from support.machine import CONTROL, KATE, CallError
from support.machine_at import accept_last_week, daemon_at, rows
from support.manifests.shared_sources import CRASH, FRAMEWORKS, KATE_ID, KWRITE_ID, SESSION, SHARED, USER

ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n'


@pytest.fixture
async def sharing(machine):
    """The shared questions are in their period; Kate and KWrite may push into them."""
    machine.configure(ENDPOINT)
    machine.install(SHARED)
    machine.install(USER)
    machine.install(USER.replace(KATE_ID, KWRITE_ID))
    await accept_last_week(machine, FRAMEWORKS)
    return machine


async def _answers(client):
    return {json.loads(body)["question"]: json.loads(body)["answer"][0] for _, body in (await client.preview()).values()}


async def _push(client, *applications):
    for application in applications:
        await client.push_many(application, {SESSION: ("t", 1), CRASH: ("at", [1, 2])})


async def test_only_the_consenting_application_counts(sharing):
    """Kate's level covers the question, KWrite's does not: `applications` counts one, and the sum has Kate's samples alone."""
    with sharing.daemon():
        async with sharing.client() as client:
            await client.call(CONTROL, "SetApplicationConsent", "suu", KWRITE_ID, 3, 0)
            await _push(client, KATE_ID, KWRITE_ID, KWRITE_ID)
            assert await _answers(client) == {"programs": "1..2", "crashes": "1..5"}
            assert {pusher for (pusher,) in rows(sharing, "SELECT pusher FROM tally")} == {KATE_ID}


async def test_the_consenting_ones_are_merged(sharing):
    """Two consenting applications: they are counted as two however often they push, and their sums add up."""
    with sharing.daemon():
        async with sharing.client() as client:
            await _push(client, KATE_ID, KWRITE_ID, KWRITE_ID)
            assert await _answers(client) == {"programs": "2..3", "crashes": "5..10"}


async def test_each_application_withdraws_its_own_part(sharing):
    """Withdrawn within the period, KWrite's part is gone from disk and answer before the reply; Kate's stays; coming back starts anew."""
    with sharing.daemon():
        async with sharing.client() as client:
            await _push(client, KATE_ID, KWRITE_ID, KWRITE_ID)
            await client.call(CONTROL, "SetApplicationConsent", "suu", KWRITE_ID, 3, 0)
            assert {pusher for (pusher,) in rows(sharing, "SELECT pusher FROM tally")} == {KATE_ID}
            assert await _answers(client) == {"programs": "1..2", "crashes": "1..5"}
            await client.call(CONTROL, "SetApplicationConsent", "suu", KWRITE_ID, 3, 3)
            assert await _answers(client) == {"programs": "1..2", "crashes": "1..5"}
            await _push(client, KWRITE_ID)
            assert await _answers(client) == {"programs": "2..3", "crashes": "5..10"}


async def test_without_the_shared_questions_acceptance_nothing_counts(machine):
    """That the pusher's own question is accepted says nothing of the shared one."""
    machine.configure(ENDPOINT)
    machine.install(SHARED)
    machine.install(USER)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await _push(client, KATE_ID)
            assert list(await client.preview()) == ["org.kde.kate/startup-time"]
            assert rows(machine, "SELECT * FROM tally") == []


async def test_only_who_lists_a_shared_source_may_push_into_it(sharing):
    """An application whose manifest does not list it gets UnknownSource, and a shared manifest cannot be registered over the bus."""
    sharing.install(KATE.replace(KATE_ID, "org.kde.konsole"))
    with sharing.daemon():
        async with sharing.client() as client:
            with pytest.raises(CallError) as unlisted:
                await _push(client, "org.kde.konsole")
            assert unlisted.value.name == "org.telemetryd.Error.UnknownSource"
            with pytest.raises(CallError) as registered:
                await client.register("org.kde.other", SHARED.replace(FRAMEWORKS, "org.kde.other"))
            assert registered.value.name == "org.telemetryd.Error.InvalidManifest"


async def test_the_report_does_not_say_who_pushed(sharing):
    """After the close there is one report, and no row or body tells an application apart."""
    with sharing.daemon():
        async with sharing.client() as client:
            await _push(client, KATE_ID, KWRITE_ID)
            assert await _answers(client) == {"programs": "2..3", "crashes": "5..10"}
    with daemon_at(sharing, "+7d"):
        async with sharing.client() as client:
            assert (await _answers(client)).keys() == {"programs", "crashes"}
            assert [row["application"] for row in await client.history()] == [FRAMEWORKS] * 2
            assert not [body for _, body in (await client.preview()).values() if KATE_ID in body or KWRITE_ID in body]
            assert rows(sharing, "SELECT * FROM tally") == []
