"""Levels, locks, what is asked for, and signals that say only that something changed. Policy: C1, C2, C4."""

import json

import pytest
from support.machine import CONTROL, KATE, KATE_2026, PROPERTIES, CallError, Variant
from support.machine_at import accept_last_week, rows
from support.manifests.manifest_texts import this_week
from support.rows import row
from support.timeline import HOUR_S

from telemetryd.bus.transport.library import bus_call

KATE_ID = "org.kde.kate"
PROPERTY_CALLS = (CONTROL[0], CONTROL[1], PROPERTIES)


def with_memory(text):
    """Kate's manifest with a second question, which also uses a system fact."""
    second = text[text.index("[[question]]") :].replace("startup-time", "startup-by-memory").replace('"basic"', '"detailed"')
    return text + second.replace('["startup"]', '["startup", "org.telemetryd.system/memory"]')


async def _about(client, application=KATE_ID):
    applications = (await client.call(CONTROL, "ListApplications"))[0]
    return next({key: one.value for key, one in about.items()} for about in applications if about["id"].value == application)


async def test_everything_is_off_at_first(any_machine):
    """Nothing decided: both levels 0, new questions are asked for, every question pending and undecided."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            assert [await client.get(name) for name in ("System", "Usage", "NewQuestions")] == [0, 0, 1]
            question = (await client.questions())["startup-time"]
            assert (question["state"], question["consent"], question["accepted_digest"]) == ("pending", 0, "")
            about = await _about(client)
            assert (about["pending"], about["pending_shut"]) == (0, 1)


async def _refused_by(file, client, *call):
    with pytest.raises(CallError, match=file) as refused:
        await client.call(*call)
    assert refused.value.name == "org.freedesktop.DBus.Error.AccessDenied"


@pytest.mark.parametrize(("name", "limit"), [("System", 1), ("Usage", 0), ("NewQuestions", 1)])
async def test_a_lock_is_a_ceiling_and_names_its_file(machine, name, limit):
    """Setting above an administrator's lock is AccessDenied and says which file; up to it is permitted; the lock is shown."""
    key, value = {"System": ("system", "1"), "Usage": ("usage", "0"), "NewQuestions": ("new_questions", '"ask"')}[name]
    machine.configure(f"[limits]\n{key} = {value}\n", name="telemetryd.toml.d/10-fleet.toml")
    file = str(machine.root / "etc/telemetryd/telemetryd.toml.d/10-fleet.toml")
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            assert [list(one) for one in await client.get("Locks")] == [[f"{key}={limit}", file]]
            await _refused_by(file, client, PROPERTY_CALLS, "Set", "ssv", CONTROL[2], name, Variant("u", limit + 1))
            assert await client.get(name) <= limit
            await client.set(name, limit)
            assert await client.get(name) == limit
            if name != "NewQuestions":
                own = (limit + 1, 3) if name == "System" else (3, limit + 1)
                await _refused_by(file, client, CONTROL, "SetApplicationConsent", "suu", KATE_ID, *own)


async def test_a_lock_that_comes_later_holds_without_changing_the_users_choice(machine):
    """The stored level stays, shown as it is; the effective one is the lock's; when the lock goes, the user's own choice holds again."""
    machine.install(this_week(KATE))
    await accept_last_week(machine, KATE_ID)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(KATE_ID, "startup", "d", 700.0)
            machine.configure("[limits]\nusage = 0\n")
            assert (await client.get("Usage"), (await _about(client))["effective_usage"]) == (2, 0)
            assert rows(machine, "SELECT * FROM tally") == []
            machine.configure("")
            assert (await _about(client))["effective_usage"] == 2
            assert (await client.questions())["startup-time"]["state"] == "passed"


async def test_a_level_is_one_of_three_numbers(machine):
    """Anything else is InvalidArgs and changes nothing; every integer type is accepted."""
    with machine.daemon():
        async with machine.client() as client:
            for code in "ynqiuxt":
                await client.call(PROPERTY_CALLS, "Set", "ssv", CONTROL[2], "Usage", Variant(code, 1))
            for code, value in (("u", 3), ("i", -1), ("s", "2"), ("b", True), ("d", 1.0), ("t", 2**40)):
                with row((code, value)):
                    with pytest.raises(CallError) as refused:
                        await client.call(PROPERTY_CALLS, "Set", "ssv", CONTROL[2], "Usage", Variant(code, value))
                    assert refused.value.name == "org.freedesktop.DBus.Error.InvalidArgs"
                    assert await client.get("Usage") == 1


async def test_axes_are_independent_and_the_global_level_is_a_ceiling(machine):
    """An application's own level cannot exceed the global one; a question needs its own axis, and System too if it uses a system fact."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(with_memory(this_week(KATE)))
    await accept_last_week(machine, KATE_ID)
    for system, usage, own, kept in (
        (2, 2, (3, 3), {"startup-time", "startup-by-memory"}),
        (0, 2, (3, 3), {"startup-time"}),
    ):
        with machine.daemon():
            async with machine.client() as client:
                await client.set("System", system)
                await client.set("Usage", usage)
                await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, *own)
                assert {name.partition("/")[2] for name in await client.preview()} == kept
                await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 2, 2)
                about = await _about(client)
                assert (about["effective_system"], about["effective_usage"]) == (system, usage)


async def test_refusing_new_questions_silently(machine):
    """With NewQuestions 0 a new question is not counted as something to decide, and is not collected."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.set("Usage", 2)
            await client.set("NewQuestions", 0)
            about = await _about(client)
            assert (about["pending"], about["pending_shut"]) == (0, 1)


async def test_accepting_new_questions_of_known_applications(timeline):
    """NewQuestions 2 accepts at a tick, not when they are registered, and only for an application of which one was accepted before."""
    stranger = KATE_2026.replace(KATE_ID, "org.kde.kwrite")
    timeline.machine.install(stranger)
    await timeline.start()
    await timeline.accept()
    await timeline.client.set("NewQuestions", 2)
    timeline.machine.install(with_memory(KATE_2026), date="2026-02-01")
    await timeline.client.register(KATE_ID, with_memory(KATE_2026))
    assert (await timeline.client.questions(KATE_ID))["startup-by-memory"]["state"] == "pending"
    await timeline.run(2 * HOUR_S)
    assert (await timeline.client.questions(KATE_ID))["startup-by-memory"]["state"] == "waiting"
    assert (await timeline.client.questions("org.kde.kwrite"))["startup-time"]["consent"] == 0


async def test_accepting_new_questions_accepts_no_change_and_nothing_refused(timeline):
    """With NewQuestions 2, a changed definition and a question that was refused stay undecided and refused."""
    await timeline.start()
    await timeline.accept()
    timeline.machine.install(with_memory(KATE_2026), date="2026-02-01")
    await timeline.client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-by-memory", False)
    await timeline.client.set("NewQuestions", 2)
    changed = with_memory(KATE_2026.replace("bins = [500, 2000]", "bins = [500, 1500]"))
    timeline.machine.install(changed, date="2026-03-01")
    await timeline.run(2 * HOUR_S)
    questions = await timeline.client.questions(KATE_ID)
    assert (questions["startup-time"]["state"], questions["startup-time"]["consent"]) == ("pending", 0)
    assert (questions["startup-by-memory"]["state"], questions["startup-by-memory"]["consent"]) == ("refused", 2)


async def test_a_refused_question_can_be_allowed_again(machine):
    """A refusal is not final: before its period a question that is allowed again waits as before."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
            for is_allowed, state, consent in ((False, "refused", 2), (True, "waiting", 1)):
                await client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", is_allowed)
                question = (await client.questions())["startup-time"]
                assert (question["state"], question["consent"]) == (state, consent)


async def test_signals_carry_no_value(any_machine):
    """A change invalidates all properties together, without values, and QuestionsChanged has no arguments."""
    any_machine.install(KATE)
    heard = []
    with any_machine.daemon():
        async with any_machine.client(on_signal=heard.append) as client:
            await client.bus.ask(bus_call("AddMatch", "s", ["type='signal',path_namespace='/org/telemetryd'"]))
            await client.consent(KATE_ID)
            await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 3, 1)
            await client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", False)
            await client.call(CONTROL, "Erase", "s", "")
            await client.get("Usage")
    signals = [(one.interface, one.member, one.signature, one.body) for one in heard if one.path == CONTROL[1]]
    names = ["System", "Usage", "NewQuestions", "Developer", "KillSwitches", "Locks", "Problems", "ProblemDetails", "HistoryErased"]
    changed = {
        json.dumps([sorted(part) if isinstance(part, list) else part for part in body])
        for _, name, _, body in signals
        if name == "PropertiesChanged"
    }
    assert changed == {json.dumps(["org.telemetryd.Control1", {}, sorted(names)])}
    assert {(signature, len(body)) for _, name, signature, body in signals if name == "QuestionsChanged"} == {("", 0)}
    assert len(signals) == 2 * 6
    assert {one.destination for one in heard if one.path == CONTROL[1]} <= {None, ""}


async def test_levels_survive_a_restart(any_machine):
    """What the user chose holds after a restart, at all three levels."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            await client.consent(KATE_ID, system=1, usage=2)
            await client.call(CONTROL, "SetApplicationConsent", "suu", KATE_ID, 0, 1)
            await client.call(CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", False)
    with any_machine.daemon():
        async with any_machine.client() as client:
            assert (await client.get("System"), await client.get("Usage")) == (1, 2)
            about = await _about(client)
            assert (about["system"], about["usage"]) == (0, 1)
            assert (await client.questions())["startup-time"]["state"] == "refused"


async def test_a_new_question_is_announced_without_naming_it(machine):
    """A registration that changes what is declared sends QuestionsChanged and nothing else; the same text again sends nothing."""
    heard = []
    with machine.daemon():
        async with machine.client(on_signal=heard.append) as listener, machine.client() as client:
            match = bus_call("AddMatch", "s", [f"type='signal',path='{CONTROL[1]}'"])
            await listener.bus.ask(match)
            await client.register("org.kde.kate", KATE)
            await client.register("org.kde.kate", KATE)
            await listener.questions()
    assert [(signal.member, signal.body[1:2]) for signal in heard if signal.path == CONTROL[1]] == [
        ("PropertiesChanged", [{}]),
        ("QuestionsChanged", []),
    ]
