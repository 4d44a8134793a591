"""Rows of `blind_moments.py`: withdrawals that erase collected samples, against those of questions that collected none.

One daemon in the month that forty questions are about. Of a random half of them a sample is collected; then each is withdrawn once.
"""

import asyncio
import time
from datetime import date

from benchmarks.blind_judging import Compared, Connection, control, ping
from benchmarks.blind_kits import (
    QUESTION,
    SEVERAL,
    SINGLE,
    Moved,
    applications_with_tally,
    check,
    longest,
    machine_of,
    restore,
    save,
    undisturbed,
)
from benchmarks.blind_midnights import CALLS, declared_in, last_of, looking, of_month
from benchmarks.blind_registering import push
from support.timeline import at

MONTH = date(2026, 11, 1)
WITHDRAWN = [f"org.kde.w{number:04}" for number in range(40)]
WINDOW_S = 0.06
"""An application calls so long from the withdrawal on."""


def erasing(task):
    """The longest call beside a withdrawal."""
    found = {(is_collected, name): [] for is_collected in (True, False) for name in CALLS}
    with machine_of(task) as machine:
        moved = Moved(machine)
        _prepared(machine, moved)
        while min(map(len, found.values())) < task.trials:
            restore(machine)
            moved.set(at("2026-11-10 12:00"))
            collected = set(task.chance.sample(WITHDRAWN, len(WITHDRAWN) // 2))
            with machine.daemon(**moved.environ(is_all=False)), undisturbed():
                for application, name, took_ns in _withdraw_all(machine, collected, task.chance):
                    found[application in collected, name].append(took_ns)
    yield Compared("ping: a withdrawal that erases or not", found[True, "ping"], found[False, "ping"], SEVERAL)
    for is_collected, which in ((True, "erases"), (False, "has nothing to erase")):
        name = f"push at a withdrawal that {which}: kept or refused"
        yield Compared(name, found[is_collected, "kept"], found[is_collected, "refused"], SINGLE)


def _prepared(machine, moved):
    """All but one application's question is accepted in October; the state is kept."""
    for application in (of_month(MONTH, "kept"), of_month(MONTH, "refused"), *WITHDRAWN):
        machine.install(declared_in(application, MONTH, last_of(MONTH), "month"))

    async def accept():
        async with machine.client() as client:
            await client.set("System", 2)
            await client.set("Usage", 2)
            for application in (of_month(MONTH, "kept"), *WITHDRAWN):
                await client.accept(application)

    moved.set(at("2026-10-20 12:00"))
    with machine.daemon(**moved.environ(is_all=False)):
        asyncio.run(accept())
    save(machine)


def _withdraw_all(machine, collected, chance):
    """Yields (application withdrawn, what was called, longest wait in ns)."""
    caller, user = Connection(machine), Connection(machine)
    for name in ("kept", "refused"):
        caller.ask(push(of_month(MONTH, name)))
    for application in collected:
        caller.ask(push(application))
    user.ask(looking())
    check(collected | {of_month(MONTH, "kept")}, applications_with_tally(machine), "collected")
    for application in chance.sample(WITHDRAWN, len(WITHDRAWN)):
        name = chance.choice(CALLS)
        message = ping() if name == "ping" else push(of_month(MONTH, name))
        user.send(control("SetQuestionConsent", "ssb", application, QUESTION, False))
        took_ns = longest(caller, message, time.perf_counter() + WINDOW_S)
        user.wait()
        yield application, name, took_ns
        time.sleep(WINDOW_S / 2)
    check({of_month(MONTH, "kept")}, applications_with_tally(machine), "left")
    caller.close()
    user.close()
