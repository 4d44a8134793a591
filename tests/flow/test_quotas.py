"""What applications may ask at most, and how they are answered: by a bound that depends on nothing that is kept. Policy: C3."""

import asyncio

import pytest
from support.machine import CONTROL, KATE, CallError
from support.rows import row

from telemetryd.core import limits
from telemetryd.core.limits import APPLICATIONS_MAX, MANIFEST_BYTES, OPEN_QUESTIONS_MAX, QUESTIONS_MAX, SAMPLES_MAX, SOURCES_MAX

EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"
SOURCE, QUESTION = KATE[KATE.index("[[source]]") : KATE.index("[[question]]")], KATE[KATE.index("[[question]]") :]
HEAD = KATE[: KATE.index("[[source]]")]


def manifest(sources, questions):
    """Kate with so many sources and questions; each question asks for one source or two, and each source is asked for."""
    parts = [SOURCE.replace('"startup"', f'"startup{number}"') for number in range(sources)]
    for number in range(questions):
        asked = {f'"startup{number % sources}"', f'"startup{(number + questions) % sources}"'}
        parts.append(QUESTION.replace('"startup-time"', f'"q{number}"').replace('"startup"', ", ".join(sorted(asked))))
    return short(HEAD + "".join(parts))


def short(text):
    """The same with shorter texts, so that many questions fit into one manifest."""
    for long, brief in (
        ("Time from process start to the first window", "Start-up time"),
        ("Is start-up too slow?", "Is it slow?"),
        ("Whether the session restore is loaded lazily", "Whether loading is lazy"),
    ):
        text = text.replace(long, brief)
    return text


async def refused(call, bound):
    """The call is refused by this bound."""
    with pytest.raises(CallError) as caught:
        await call
    assert caught.value.name == EXCEEDED
    assert str(bound) in caught.value.text


async def test_declarations_are_bounded(any_machine):
    """A manifest that is too long, or declares too much, is refused with the bound, and what was registered before stays."""
    with any_machine.daemon():
        async with any_machine.client() as client:
            digest = await client.register("org.kde.kate", KATE)
            await refused(client.register("org.kde.kate", KATE + "#" * MANIFEST_BYTES), MANIFEST_BYTES)
            await refused(client.register("org.kde.kate", manifest(SOURCES_MAX + 1, QUESTIONS_MAX)), SOURCES_MAX)
            await refused(client.register("org.kde.kate", manifest(1, QUESTIONS_MAX + 1)), QUESTIONS_MAX)
            assert await client.register("org.kde.kate", "") == digest
            await client.register("org.kde.kate", manifest(SOURCES_MAX, QUESTIONS_MAX))


async def test_applications_are_bounded(machine):
    """So many applications can register by themselves. Another takes the place of the one used least recently, whatever was decided.

    So nobody is locked out. Who pushes stays, kept or refused; what makes room has to register again, and its consent is still there then.
    """
    kept, refused_one, idle = (f"org.example.b{number}" for number in range(3))
    for name in (kept, idle):
        machine.review(KATE.replace("org.kde.kate", name))
    with machine.daemon():
        async with machine.client() as client:
            for name in (kept, refused_one, idle):
                await client.register(name, KATE.replace("org.kde.kate", name))
            for name in (kept, idle):
                await client.consent(name)
            for number in range(APPLICATIONS_MAX):
                await client.register(f"org.example.a{number}", KATE.replace("org.kde.kate", f"org.example.a{number}"))
                if number % 100 == 0:
                    await client.push(kept, "startup", "d", 1.0)
                    await client.push(refused_one, "startup", "d", 1.0)
            for name in (kept, refused_one):
                await client.push(name, "startup", "d", 1.0)
            for name in (idle, "org.example.a0"):
                with pytest.raises(CallError) as caught:
                    await client.push(name, "startup", "d", 1.0)
                assert caught.value.name == "org.telemetryd.Error.UnknownApplication"
            question = (await client.questions(idle))["startup-time"]
            assert (question["state"], question["consent"]) == ("waiting", 1)
            assert (question["cause"], question["cause_args"]["how"]) == ("gone", "displaced")
            await client.register(idle, KATE.replace("org.kde.kate", idle))
            question = (await client.questions(idle))["startup-time"]
            assert (question["state"], question["consent"]) == ("waiting", 1)
            assert question["cause"] == "no_endpoint"


async def test_samples_are_bounded(any_machine):
    """More samples in one call than are taken: none is, whether they would be kept or not, and the next call is taken."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            for is_consented in (False, True):
                if is_consented:
                    await client.consent("org.kde.kate")
                with row("consented" if is_consented else "not consented"):
                    await refused(client.push_many("org.kde.kate", {"startup": ("ad", [1.0] * (SAMPLES_MAX + 1))}), SAMPLES_MAX)
                    await client.push_many("org.kde.kate", {"startup": ("ad", [1.0] * SAMPLES_MAX)})


async def test_messages_are_bounded(any_machine):
    """A call of more than a megabyte is refused before anything looks at it."""
    any_machine.install(KATE)
    with any_machine.daemon():
        async with any_machine.client() as client:
            await refused(client.push("org.kde.kate", "startup", "s", "x" * limits.MESSAGE_MAX_BYTES), limits.MESSAGE_MAX_BYTES)
            await client.push("org.kde.kate", "startup", "d", 1.0)


async def test_open_questions_are_bounded(machine):
    """The user can have so many questions open at once; one more is refused with the bound, nothing of the call is accepted."""
    applications = [f"org.example.a{number}" for number in range(OPEN_QUESTIONS_MAX // QUESTIONS_MAX + 1)]
    asked = {}
    for application in applications:
        declaration = machine.install(manifest(1, QUESTIONS_MAX).replace("org.kde.kate", application))
        asked[application] = {one.question.id: one.digest for one in declaration.definitions}
    with machine.daemon():
        async with machine.client() as client:
            await client.set("System", 2)
            await client.set("Usage", 2)
            for application in applications[:-1]:
                await client.call(CONTROL, "Accept", "sa{ss}", application, asked[application])
            await refused(client.call(CONTROL, "Accept", "sa{ss}", applications[-1], asked[applications[-1]]), OPEN_QUESTIONS_MAX)
            # By another client: ours takes no message of so many values, as the daemon does.
            (rows,) = await asyncio.to_thread(machine.ask, CONTROL, "ListQuestions", "s", applications[-1])
            assert {(row["state"]["data"], row["cause"]["data"]) for row in rows} == {("pending", "too_many")}
            for row in (await client.call(CONTROL, "ListApplications"))[0]:
                assert (row["pending"].value, row["pending_shut"].value) == (0, QUESTIONS_MAX if row["id"].value == applications[-1] else 0)
            await client.call(CONTROL, "SetQuestionConsent", "ssb", applications[-1], "q0", False)
