"""Rows of `blind_moments.py`: Register beside what the user decided, about other applications' questions and about its own."""

import asyncio
import contextlib
import itertools

from benchmarks.blind_judging import Compared, Connection, call
from benchmarks.blind_kits import QUESTION, SINGLE, check, declared, machine_of, restore, save, states, undisturbed
from support.machine import CONTROL, KATE
from support.machine_at import daemon_at, rows
from support.manifests.manifest_texts import this_week

from telemetryd.bus.transport.library import Variant

APP, REFUSED, OTHERS = "org.kde.kate", "org.kde.kite", [f"org.kde.ko{number:02}" for number in range(20)]
ROOM = "epsilon = 0.5\n"
"""The ledger has room for twenty of these."""
PAIRS = 130
"""Pairs of calls to two daemons before the next two are started: how fast one process happens to be is not to count."""
STATES = ("pending", "waiting", "active")
_NONE_REGISTERED = "saved-earlier"
OF_EACH = 24
"""Applications whose question is in one state, in one daemon."""


def changed(text):
    """The same with another purpose, which is as long."""
    return text.replace("start-up too slow", "start-up too fast")


def registration(application, text):
    """The bytes of a call of Register."""
    return call("Register", "ssa{sv}", application, text, {})


def against_others(task):
    """One daemon whose user accepted nothing, and one with twenty accepted questions of others in their periods; called in turn."""
    with _beside_others(task) as machines:
        found = {(name, count): [] for name in ("same", "changed") for count in machines}
        while len(found["changed", 0]) < task.trials:
            _call_in_turn(machines, found, task.chance)
        for count, machine in machines.items():
            check(count, len(rows(machine, "SELECT 1 FROM acceptance", file="consent.sqlite")), "accepted")
    for name in ("same", "changed"):
        yield Compared(f"Register of the {name} text: 0 or 20 others", found[name, 0], found[name, 20], SINGLE)


def first_against_others(task):
    """The same, where a Register or a Push is the first call that a daemon gets: each trial starts one, in the same state.

    Another application has registered on both machines. None has for "of all": it makes a file, which what is accepted makes too.
    """
    register = registration(APP, declared(APP))
    calls = {"Register": register, "Push": push(REFUSED), "Register of all": register}
    with _beside_others(task) as machines:
        for count, machine in machines.items():
            check(count > 0, (machine.root / "state/telemetryd/telemetry.sqlite").exists(), "telemetry.sqlite")
            save(machine, _NONE_REGISTERED)
            machine.install(declared(REFUSED))
            _register_earlier(machine)
            save(machine)
        found = {(name, count): [] for name in calls for count in machines}
        while len(found["Push", 0]) < task.trials:
            for name, count in task.chance.sample(sorted(found), len(found)):
                restore(machines[count], *[_NONE_REGISTERED] * name.endswith("of all"))
                with machines[count].daemon():
                    connection = Connection(machines[count])
                    found[name, count].append(connection.ask(calls[name]))
                    connection.close()
    for name in calls:
        yield Compared(f"first {name} after a start: 0 or 20 others", found[name, 0], found[name, 20], SINGLE)


def _register_earlier(machine):
    with machine.daemon():
        connection = Connection(machine)
        connection.ask(registration("org.kde.warm", declared("org.kde.warm")))
        connection.close()


@contextlib.contextmanager
def _beside_others(task):
    """Two machines with the same twenty applications: nothing is accepted on one, and all their questions on the other."""
    with contextlib.ExitStack() as stack:
        machines = {count: stack.enter_context(machine_of(task, f"of-{count:02}")) for count in (0, 20)}
        for count, machine in machines.items():
            for application in OTHERS:
                machine.install(declared(application, more=ROOM))
            asyncio.run(_accept_others(machine, OTHERS[:count]))
        yield machines


async def _accept_others(machine, accepted):
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            await client.set("System", 2)
            await client.set("Usage", 2)
            for application in accepted:
                await client.accept(application)
    with machine.daemon():
        async with machine.client() as client:
            found = states(await client.call(CONTROL, "ListQuestions", "s", ""))
    check((len(accepted), len(OTHERS)), (found.get("active", 0), sum(found.values())), "active questions, of")


def _call_in_turn(machines, found, chance):
    text = declared(APP)
    turn = chance.sample(sorted(machines), 2)
    with contextlib.ExitStack() as stack:
        for count in turn:
            stack.enter_context(machines[count].daemon(PYTHONHASHSEED="0"))
        connections = {count: Connection(machines[count]) for count in turn}
        texts = {count: itertools.cycle([registration(APP, changed(text)), registration(APP, text)]) for count in turn}
        same = registration(APP, text)
        for count in turn:
            for message in (same, next(texts[count]), next(texts[count])):
                connections[count].ask(message)
        with undisturbed():
            for _ in range(PAIRS):
                for count in chance.sample(turn, 2):
                    found["same", count].append(connections[count].ask(same))
            for _ in range(PAIRS):
                for count in chance.sample(turn, 2):
                    found["changed", count].append(connections[count].ask(next(texts[count])))


def of_own(task):
    """In one daemon applications register another text, each once: their questions are pending, waiting or active until then."""
    names = {f"org.kde.{state[0]}{number:02}": state for state in STATES for number in range(OF_EACH)}
    with machine_of(task) as machine:
        for application, state in names.items():
            machine.review(_text(application, state))
        asyncio.run(_register(machine, names))
        save(machine)
        found = {(state, is_first): [] for state in STATES for is_first in (True, False)}
        while min(map(len, found.values())) < task.trials:
            restore(machine)
            with machine.daemon():
                _register_changed(machine, names, found, task.chance)
            told = rows(machine, "SELECT count(*) FROM text WHERE manifest LIKE '%start-up too fast%'")
            check([(len(names) + 1,)], told, "changed texts, and one to warm up")
    for is_first, (one, other) in itertools.product((True, False), itertools.combinations(STATES, 2)):
        name = f"{'first Register' if is_first else 'Register after Push'}, changed: {one} or {other}"
        yield Compared(name, found[one, is_first], found[other, is_first], SINGLE)


def _text(application, state):
    """A manifest whose question is waiting, or in its period, if it is accepted a week ago; both are as long."""
    return declared(application, KATE if state == "waiting" else this_week(KATE))


async def _register(machine, names):
    """Some are accepted a week ago and are in their period, others now and are waiting for it."""
    with daemon_at(machine, "-7d"):
        async with machine.client() as client:
            for application, state in names.items():
                await client.register(application, _text(application, state))
            await client.set("System", 2)
            await client.set("Usage", 2)
            for application, state in names.items():
                if state == "active":
                    await client.accept(application)
    with machine.daemon():
        async with machine.client() as client:
            for application, state in names.items():
                if state == "waiting":
                    await client.accept(application)
                check(state, (await client.questions(application))[QUESTION]["state"], application)


def _register_changed(machine, names, found, chance):
    connection, warm = Connection(machine), "org.kde.warm"
    for text in (declared(warm), changed(declared(warm))):
        connection.ask(registration(warm, text))
    connection.ask(push(warm))
    turns = [(application, state, int(application[-2:]) % 2 == 0) for application, state in names.items()]
    chance.shuffle(turns)
    with undisturbed():
        for application, state, is_first in turns:
            message = registration(application, changed(_text(application, state)))
            if not is_first:
                connection.ask(push(application))
            found[state, is_first].append(connection.ask(message))


def push(application):
    """The bytes of a call of Push."""
    return call("Push", "ssv", application, "startup", Variant("d", 700.0))
