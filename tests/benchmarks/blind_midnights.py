"""Rows of `blind_moments.py`: the first push of a period, and midnights that close a period against those that have nothing to close.

One daemon lives through many days in a row. Each second day some application's question has its one period, which is that day.
"""

import asyncio
import time
from datetime import date, timedelta

from benchmarks.blind_judging import Compared, Connection, control, ping
from benchmarks.blind_kits import LEAST_COST, MOMENT, SINGLE, Moved, check, longest, machine_of, restore, save, undisturbed
from benchmarks.blind_registering import push
from support.machine import KATE
from support.machine_at import edit, rows
from support.manifests.manifest_texts import ENDS, STARTS
from support.timeline import at

MONTHS = (date(2026, 11, 1), date(2026, 12, 1))
"""In each of these one application's samples are kept from the first day to the last, and one's are refused."""
DAYS = [month + timedelta(days=number) for month in MONTHS for number in range(2, 28, 2)]
BEFORE_S, EARLY_S, AFTER_S = 0.35, 0.02, 0.25
"""The clock is set so long before midnight, or up to a second more; the application calls from so long before it until so long after."""
CALLS = ("ping", "kept", "refused")


def of_day(day, letter="d"):
    """The application whose question is about a day."""
    return f"org.kde.{letter}{day:%m%d}"


def of_month(day, kind):
    """The application whose samples are kept, or refused, in the month of a day."""
    return f"org.kde.{kind[0]}{day:%m}00"


def declared_in(application, first, last, period):
    """A manifest whose question has one whole period, from the first day to the last."""
    text = KATE.replace("org.kde.kate", application).replace('period = "week"', f'period = "{period}"') + LEAST_COST
    return text.replace(f"starts = {STARTS}", f"starts = {first}").replace(f"ends = {ENDS}", f"ends = {last}")


def last_of(month):
    """The last day of a month."""
    return (month + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def prepared(machine, moved):
    """Accept everything but what is there to be refused, in October; the state is kept."""
    accepted = {}
    for month in MONTHS:
        accepted[of_month(month, "kept")] = declared_in(of_month(month, "kept"), month, last_of(month), "month")
        machine.install(declared_in(of_month(month, "refused"), month, last_of(month), "month"))
    for day in DAYS:
        accepted[of_day(day)] = declared_in(of_day(day), day, day, "day")
        machine.install(declared_in(of_day(day, "r"), day, day, "day"))
    for text in accepted.values():
        machine.install(text)

    async def accept():
        moved.set(at("2026-10-20 12:00"))
        with machine.daemon(**moved.environ(is_all=False)):
            async with machine.client() as client:
                await client.set("System", 2)
                await client.set("Usage", 2)
                for application in accepted:
                    await client.accept(application)

    asyncio.run(accept())
    check(len(accepted), len(rows(machine, "SELECT 1 FROM life WHERE outcome = '' AND begins > 0", file="consent.sqlite")), "accepted")
    save(machine)


def looking():
    """The bytes of a call of the user's that waits until everything that is owed is done."""
    return control("ListQuestions", "s", of_month(MONTHS[0], "kept"))


def first_of_period(task):
    """The first push of a day that is some question's period: by its application, or by one whose question was not accepted.

    It finds the new day itself, or comes after the look at midnight that another application's push led to.
    """
    kinds = [(application, is_found) for application in ("kept", "refused") for is_found in (False, True)]
    found = {kind: [] for kind in kinds}
    with machine_of(task) as machine:
        moved = Moved(machine)
        prepared(machine, moved)
        while min(map(len, found.values())) < task.trials:
            restore(machine)
            moved.set(at("2026-11-01 12:00"))
            with machine.daemon(**moved.environ(is_all=False)), undisturbed():
                connection = Connection(machine)
                turns = task.chance.choices(kinds, k=len(DAYS))
                for day, (application, is_found) in zip(DAYS, turns, strict=True):
                    found[application, is_found].append(_push_first(machine, moved, connection, day, (application, is_found)))
                connection.close()
    for is_found, which in ((False, "it finds the day"), (True, "after midnight's look")):
        yield Compared(f"first push of a period, {which}: kept or refused", found["kept", is_found], found["refused", is_found], SINGLE)


def _push_first(machine, moved, connection, day, kind):
    application, is_found = kind
    names = {"kept": of_day(day), "refused": of_day(day, "r")}
    midnight = at(str(day))
    moved.set(midnight - 60)
    for name in (*names.values(), of_month(day, "refused")):
        connection.ask(push(name))
    connection.ask(looking())
    moved.set(midnight + 2)
    if is_found:
        connection.ask(push(of_month(day, "refused")))
        connection.ask(looking())
    took_ns = connection.ask(push(names[application]))
    is_kept = bool(rows(machine, f"SELECT 1 FROM tally WHERE period = '{day}' AND application = '{names['kept']}'"))
    check(application == "kept", is_kept, "kept")
    return took_ns


def closing(task):
    """Midnights at the end of such days; a random half of their questions was never accepted, and there is nothing to close."""
    kinds = [(is_closing, name) for is_closing in (True, False) for name in CALLS]
    found = {kind: [] for kind in kinds}
    with machine_of(task) as machine:
        moved = Moved(machine)
        prepared(machine, moved)
        while min(map(len, found.values())) < task.trials:
            restore(machine)
            moved.set(at("2026-11-01 12:00"))
            closed = set(task.chance.sample(DAYS, len(DAYS) // 2))
            for table in ("acceptance", "life", "lot", "ledger"):
                names = ", ".join(f"'{of_day(day)}'" for day in DAYS if day not in closed)
                edit(machine, f"DELETE FROM {table} WHERE application IN ({names})")
            with machine.daemon(**moved.environ(is_all=False)), undisturbed():
                connection = Connection(machine)
                for day in DAYS:
                    name = task.chance.choice(CALLS)
                    found[day in closed, name] += _over_midnight(moved, connection, day, name)
                connection.ask(looking())
                connection.close()
            _check_closed(machine, closed)
    yield Compared("ping: a midnight that closes or not", found[True, "ping"], found[False, "ping"], MOMENT)
    for is_closing, which in ((True, "closes"), (False, "has nothing to close")):
        yield Compared(f"push at a midnight that {which}: kept or refused", found[is_closing, "kept"], found[is_closing, "refused"], SINGLE)


def _over_midnight(moved, connection, day, name):
    """The longest (ns) of the calls around a midnight, or nothing if it came too soon; the daemon knows the day and waits for its end."""
    message = ping() if name == "ping" else push(of_month(day, name))
    midnight = at(str(day + timedelta(days=1)))
    moved.set(midnight - 60)
    connection.ask(push(of_day(day)))
    connection.ask(push(of_month(day, "kept")))
    connection.ask(push(of_month(day, "refused")))
    connection.ask(looking())
    moved.set(midnight - BEFORE_S)
    connection.ask(looking())
    connection.ask(message)
    rest_s = midnight - EARLY_S - moved.now()
    if rest_s < 0:
        return []
    time.sleep(rest_s)
    took_ns = longest(connection, message, time.perf_counter() + EARLY_S + AFTER_S)
    connection.ask(looking())
    return [took_ns]


def _check_closed(machine, closed):
    """Raise AssertionError unless exactly these days' questions have a report, made soon after midnight."""
    made = dict(rows(machine, "SELECT application, created FROM report WHERE application LIKE 'org.kde.d%'"))
    check({of_day(day) for day in closed}, set(made), "reports of")
    late = [day for day in closed if made[of_day(day)] - at(str(day + timedelta(days=1))) not in range(60)]
    check([], late, "not closed at midnight")
