"""What follows is said before it is done: over the bus, with both libraries, and for a client that is not ours."""

import sqlite3
from contextlib import closing

import pytest
from support.machine import CONTROL, KATE, CallError, Variant
from support.terminal import words_on_terminal

KATE_ID, QUESTION = "org.kde.kate", "startup-time"
ON = {"usage": Variant("y", 2), "system": Variant("i", 1)}
OFF = {"usage": Variant("u", 0)}


def plain(value):
    """A value without its variants; structs as lists."""
    if isinstance(value, Variant):
        return plain(value.value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


async def foresee(client, change):
    """(ends, resumes, refused, digest)."""
    return plain(await client.call(CONTROL, "Foresee", "a{sv}", change))


async def apply(client, change, foreseen=""):
    """(questions, accepted, closed)."""
    return plain(await client.call(CONTROL, "Apply", "a{sv}s", change, foreseen))


async def error(call):
    """The name of the error with which a call ends."""
    with pytest.raises(CallError) as refused:
        await call
    return refused.value.name.rpartition(".")[2]


def kept(machine):
    """(file, bytes) of the state directory, but for the empty lock and SQLite's index of a log, in which every reader leaves a mark."""
    return {(name, content) for name, content in machine.state().items() if content and not name.endswith("-shm")}


async def digest(client):
    """The digest of Kate's question as it is shown."""
    return (await client.questions(KATE_ID))[QUESTION]["digest"]


async def test_foreseen_and_done(any_machine):
    """A user's way over the bus: an acceptance under a level that is too low, a level that resumes it, and a no that closes it."""
    any_machine.install(KATE)
    any_machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n')
    with any_machine.daemon():
        async with any_machine.client() as client:
            accept = {"accept": Variant("a{sa{ss}}", {KATE_ID: {QUESTION: await digest(client)}})}
            ends, resumes, refused, foreseen = await foresee(client, accept)
            assert (ends, resumes) == ([], [])
            assert [(row["application"], row["question"], row["cause"], row["cause_args"], row["closes"]) for row in refused] == [
                (KATE_ID, QUESTION, "level", {"axis": "usage", "level": "basic"}, False)
            ]
            assert kept(any_machine) == set()
            questions, accepted, closed = await apply(client, accept, foreseen)
            assert (accepted, closed) == ([f"{KATE_ID}/{QUESTION}"], {f"{KATE_ID}/{QUESTION}": "level"})
            assert questions == [plain(row) for row in (await client.call(CONTROL, "ListQuestions", "s", KATE_ID))[0]]

            _, (row,), _, foreseen = await foresee(client, ON)
            assert (row["question"], row["room"], row["erases"], row["pusher"]) == (QUESTION, "yes", [], "")
            assert 0 < row["accepted_at"] < row["period_begins"] < row["period_ends"]
            assert await error(apply(client, {**ON, **accept}, foreseen)) == "Changed"
            (now,), _, _ = await apply(client, ON, foreseen)
            assert (now["state"], now["cause"]) == ("waiting", "")
            assert [await client.get(name) for name in ("Usage", "System")] == [2, 1]

            refuse = {"refuse": Variant("a(ss)", [[KATE_ID, QUESTION]])}
            _, _, (row,), foreseen = await foresee(client, refuse)
            assert (row["cause"], row["closes"]) == ("refused", True)
            await apply(client, refuse, foreseen)
            assert (await client.questions(KATE_ID))[QUESTION]["state"] == "refused"


async def test_what_is_no_change(any_machine):
    """Keys, types and levels that a change does not have are refused, and nothing is done of it."""
    any_machine.install(KATE)
    changes = [
        {"colour": Variant("s", "blue"), **ON},
        {"usage": Variant("d", 2.0)},
        {"usage": Variant("b", True)},
        {"usage": Variant("u", 3)},
        {"usage": Variant("i", -1)},
        {"accept": Variant("a{ss}", {QUESTION: "sha256:0"})},
        {"refuse": Variant("as", [QUESTION]), **ON},
        {"erase": Variant("u", 0)},
        {"app_usage": Variant("u", 0)},
        {"application": Variant("s", KATE_ID)},
    ]
    with any_machine.daemon():
        async with any_machine.client() as client:
            for change in changes:
                assert await error(foresee(client, change)) == "InvalidArgs"
                assert await error(apply(client, change)) == "InvalidArgs"
            assert await foresee(client, {}) == [[], [], [], (await foresee(client, {}))[3]]
            assert await apply(client, {}) == [[], [], {}]
            assert kept(any_machine) == set()


def test_another_client(machine):
    """Another program asks what follows, and has it done by the digest that it got."""
    machine.install(KATE)
    change = ("2", "usage", "u", "2", "refuse", "a(ss)", "1", KATE_ID, QUESTION)
    with machine.daemon():
        *_, foreseen = machine.ask(CONTROL, "Foresee", "a{sv}", *change)
        (row,), _, _ = machine.ask(CONTROL, "Apply", "a{sv}s", *change, foreseen)
        assert row["state"]["data"] == "refused"


async def test_foreseeing_leaves_the_state_as_it_is(timeline):
    """Whatever is foreseen, while a question is measured, every byte of the state directory is as before."""
    await timeline.collect()
    changes = [
        OFF,
        {"erase": Variant("s", "")},
        {"application": Variant("s", KATE_ID), "app_usage": Variant("u", 0)},
        {"refuse": Variant("a(ss)", [[KATE_ID, QUESTION]]), "new_questions": Variant("u", 0)},
        {"accept": Variant("a{sa{ss}}", {KATE_ID: {QUESTION: await digest(timeline.client)}}), "system": Variant("u", 2)},
    ]
    before = kept(timeline.machine)
    assert len(before) >= 2
    ends = [(await foresee(timeline.client, change))[0] for change in changes]
    assert kept(timeline.machine) == before
    assert [[(row["question"], row["erases"]) for row in rows] for rows in ends] == [[(QUESTION, ["tally"])]] * 4 + [[]]
    *_, foreseen = await foresee(timeline.client, OFF)
    ((row,), _, _) = await apply(timeline.client, OFF, foreseen)
    assert (row["state"], row["cause"]) == ("passed", "level")


async def test_a_withdrawal_that_cannot_be_foreseen(timeline):
    """If a file cannot be read, telemetryctl cannot say what follows; it withdraws all the same, and raises nothing."""
    await timeline.collect()
    with closing(sqlite3.connect(timeline.machine.root / "state/telemetryd/telemetry.sqlite")) as connection:
        connection.execute("ALTER TABLE report RENAME TO lost")
        raised = timeline.machine.control("consent", "global", "--system", "detailed", "--yes", check=False)
        lowered = timeline.machine.control("consent", "global", "--usage", "off", check=False)
        connection.execute("ALTER TABLE lost RENAME TO report")
    assert raised.returncode == lowered.returncode == 1
    assert "it holds from now on" in lowered.stderr
    assert [await timeline.client.get(name) for name in ("Usage", "System")] == [0, 2]
    assert (await timeline.question()) == ("passed", "level")


async def test_what_ends_is_said(timeline):
    """Where a period runs, a lower level says that the question ends for good and what is erased; only a yes does it."""
    await timeline.collect()
    for arguments in (["consent", "global", "--usage", "off"], ["consent", "refuse", KATE_ID, QUESTION], ["erase", "--all"]):
        done, output = words_on_terminal(timeline.machine, *arguments, answer="n\n")
        assert done == 4, output
        said = "This ends 1 question for good: org.kde.kate/startup-time Is start-up too slow? What was measured is erased."
        assert said in output
        assert (await timeline.question())[0] == "active"
    assert "The list of what was sent is erased too." in output
    done, output = words_on_terminal(timeline.machine, "consent", "global", "--usage", "off", answer="y\n")
    assert (done, (await timeline.question())[1]) == (0, "level"), output
