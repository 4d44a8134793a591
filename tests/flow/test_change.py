"""A changed definition is a new question to the user; a known one never asks again. Policy: C1, T4, R2."""

import json

import pytest
from support.machine import CONTROL, KATE, CallError
from support.machine_at import accept_last_week, rows
from support.manifests.manifest_texts import this_week, within

KATE_ID, QUESTION = "org.kde.kate", "startup-time"
CHANGED = KATE.replace("bins = [500, 2000]", "bins = [500, 1000, 2000]")
SENTENCE = "`startup` is now kept in 4 bins instead of 3: the edge 1000\u00a0ms is new (finer)."


async def _question(client):
    return (await client.questions())[QUESTION]


@pytest.mark.parametrize("is_installed", [True, False])
async def test_one_edge_more_collects_nothing_until_it_is_accepted(any_machine, is_installed):
    """One bin edge more: nothing kept, the change told in plain words, the old digest refused, the new one accepted: then kept again."""
    machine = any_machine
    machine.develop()
    if is_installed:
        machine.install(KATE, reviewed=False)
    with machine.daemon():
        async with machine.client() as client:
            old = await client.register(KATE_ID, KATE)
            await client.consent(KATE_ID)
            accepted = (await _question(client))["digest"]
            await client.push(KATE_ID, "startup", "d", 700.0)
            assert len(await client.preview()) == 1
            if is_installed:
                machine.install(CHANGED, reviewed=False)
            assert await client.register(KATE_ID, CHANGED) != old
            await client.push(KATE_ID, "startup", "d", 700.0)
            question = await _question(client)
            assert (question["state"], question["consent"], question["accepted_digest"]) == ("pending", 0, accepted)
            assert question["changes"] == [SENTENCE]
            assert await client.preview() == {}
            assert rows(machine, "SELECT * FROM tally", file="developer-telemetry.sqlite") == []
            with pytest.raises(CallError) as refused:
                await client.call(CONTROL, "Accept", "sa{ss}", KATE_ID, {QUESTION: accepted})
            assert refused.value.name == "org.telemetryd.Error.Changed"
            assert (await _question(client))["state"] == "pending"
            await client.accept(KATE_ID)
            await client.push(KATE_ID, "startup", "d", 700.0)
            ((_, body),) = (await client.preview()).values()
            assert json.loads(body)["answer"] == ["500..1000"]
            assert (await _question(client))["changes"] == []


def test_telemetryctl_tells_the_change(machine):
    """`telemetryctl show` says in plain words what changed."""
    machine.develop()
    machine.install(KATE, reviewed=False)
    with machine.daemon():
        digest = machine.ask(CONTROL, "ListQuestions", "s", KATE_ID)[0][0]["digest"]["data"]
        machine.busctl("call", *CONTROL, "Accept", "sa{ss}", KATE_ID, "1", QUESTION, digest)
        machine.install(CHANGED, reviewed=False)
        shown = " ".join(machine.control("show", KATE_ID).stdout.split())
    assert " ".join(SENTENCE.split()) in shown


async def test_one_of_several_stale_digests_accepts_nothing(machine):
    """Accepting two questions, one by a digest that is not shown any more, accepts neither."""
    machine.develop()
    second = KATE[KATE.index("[[question]]") :].replace(QUESTION, "startup-by-month").replace('"week"', '"month"')
    second = within(second, "2026-01-01", "2026-12-31")
    machine.install(KATE + second, reviewed=False)
    with machine.daemon():
        async with machine.client() as client:
            await client.set("Usage", 2)
            shown = {name: row["digest"] for name, row in (await client.questions()).items()}
            stale = {**shown, QUESTION: "sha256:" + "0" * 64}
            with pytest.raises(CallError, match="nothing was accepted"):
                await client.call(CONTROL, "Accept", "sa{ss}", KATE_ID, stale)
            assert {row["consent"] for row in (await client.questions()).values()} == {0}


async def test_the_old_definition_again_asks_nothing(machine):
    """Another installation that registers the definition accepted before changes nothing for the user, in whatever order and number."""
    for text, day in ((KATE, "2026-01-01"), (CHANGED, "2026-01-02"), (KATE, "2026-01-03")):
        machine.review(text, date=day)
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
            await client.consent(KATE_ID)
            before = await _question(client)
            assert before["state"] == "waiting"
            await client.register(KATE_ID, CHANGED)
            assert (await _question(client))["state"] == "unreviewed"
            for _ in range(2):
                await client.register(KATE_ID, KATE)
                assert await _question(client) == before
                (about,) = (await client.call(CONTROL, "ListApplications"))[0]
                assert about["pending"].value == 0


async def test_both_definitions_accepted_ask_nothing_in_turn(machine):
    """Two installations of different versions, both accepted: each registers its own and neither is asked about again."""
    machine.develop()
    with machine.daemon():
        async with machine.client() as client:
            for text in (KATE, CHANGED):
                await client.register(KATE_ID, text)
                await client.consent(KATE_ID)
            for text in (KATE, CHANGED, KATE):
                await client.register(KATE_ID, text)
                question = await _question(client)
                assert (question["state"], question["consent"], question["changes"]) == ("active", 1, [])


async def test_a_change_within_the_period_passes_it(machine):
    """The running tally of another definition is erased for good: its period is passed."""
    machine.install(this_week(KATE))
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "startup", "d", 700.0)
            machine.install(this_week(CHANGED), date="2026-02-01")
            question = await _question(client)
            assert (question["state"], question["cause"]) == ("passed", "changed")
            assert rows(machine, "SELECT * FROM tally") == []


async def test_only_the_latest_reviews_definition_is_admitted(machine):
    """A definition that a later review replaced collects nothing, though the user accepts it: it is unreviewed."""
    machine.install(KATE)
    machine.review(CHANGED, date="2026-02-01")
    with machine.daemon():
        async with machine.client() as client:
            assert (await _question(client))["state"] == "unreviewed"
            with pytest.raises(CallError) as refused:
                await client.accept(KATE_ID)
            assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
