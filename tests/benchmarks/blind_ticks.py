"""Rows of `blind_moments.py`: a tick that sends a report against one that has nothing to send.

One daemon with many queued reports. Hours of running time pass by jumps of its clock, so that each has its tick; the moments of the reports
are set so that about every second tick has one. The receiver is a process of its own, behind TLS.
"""

import asyncio
import contextlib
import multiprocessing
import os
import ssl
import time
from datetime import date

from benchmarks.blind_judging import Compared, Connection, ping
from benchmarks.blind_kits import MOMENT, SINGLE, Moved, check, longest, machine_of, restore, save, undisturbed
from benchmarks.blind_midnights import CALLS, declared_in, last_of, looking, of_day, of_month
from benchmarks.blind_registering import push
from support.machine import until
from support.machine_at import edit, rows
from support.net.tls_receiver import Receiver
from support.timeline import HOUR_S, STEP_S, at

MONTH, DAY = date(2026, 11, 1), date(2026, 11, 3)
REPORTS = 40
"""In the queue: answers of applications to the same question about one day."""
TICKS = 2 * REPORTS
SLACK_S = 2
LONG_S, PRETENDED_S = 0.7, 0.15
"""An application calls so long after a tick has begun; then two more seconds are passed at once, and it calls so long. A report
that has not arrived by then is waited for."""


@contextlib.contextmanager
def receiving(folder):
    """The receiver's configuration of an endpoint, while it runs."""
    import trustme  # noqa: PLC0415 - only here

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_receive, args=(theirs, str(folder / "server.pem")), daemon=True)
    process.start()
    try:
        yield f'idle_exit_minutes = 0\n[endpoint.kde]\nname = "KDE"\nurl = "{ours.recv()}"\nca_file = "{folder}/ca.pem"\n'
    finally:
        process.kill()
        process.join()


def _receive(pipe, certificate):
    """Takes every report, with the time that others leave."""
    os.nice(19)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    pipe.send(Receiver(context).url())
    pipe.recv()


def sending(task):
    """The longest call from the beginning of a tick until all that it does is done."""
    found = {(is_sending, name): [] for is_sending in (True, False) for name in CALLS}
    with receiving(task.folder) as endpoint, machine_of(task, endpoint=endpoint) as machine:
        moved = Moved(machine)
        _queue(machine, moved)
        while min(map(len, found.values())) < task.trials:
            restore(machine)
            _deal(machine, task.chance)
            moved.set(at("2026-11-04 06:00"))
            with machine.daemon(**moved.environ(is_all=True)), undisturbed():
                _pass_hours(machine, moved, found, task.chance)
    yield Compared("ping: a tick that sends or not", found[True, "ping"], found[False, "ping"], MOMENT)
    for is_sending, which in ((True, "sends"), (False, "has nothing to send")):
        yield Compared(f"push at a tick that {which}: kept or refused", found[is_sending, "kept"], found[is_sending, "refused"], SINGLE)


def _queue(machine, moved):
    """A question about the third of November of forty applications is answered, and one application's samples are kept in that month."""
    accepted = {of_month(MONTH, "kept"): declared_in(of_month(MONTH, "kept"), MONTH, last_of(MONTH), "month")}
    for number in range(REPORTS):
        application = f"{of_day(DAY)}{number:02}"
        accepted[application] = declared_in(application, DAY, DAY, "day")
    machine.install(declared_in(of_month(MONTH, "refused"), MONTH, last_of(MONTH), "month"))
    for text in accepted.values():
        machine.install(text)

    async def answer():
        async with machine.client() as client:
            await client.set("System", 2)
            await client.set("Usage", 2)
            for application in accepted:
                await client.accept(application)
            moved.set(at("2026-11-03 12:00"))
            for application in accepted:
                await client.push(application, "startup", "d", 700.0)
            await client.questions()
            moved.set(at("2026-11-04 00:01"))
            await client.questions(of_month(MONTH, "kept"))

    moved.set(at("2026-10-20 12:00"))
    with machine.daemon(**moved.environ(is_all=False)):
        asyncio.run(answer())
    check(REPORTS, len(rows(machine, "SELECT 1 FROM report WHERE outcome = 'queued'")), "reports")
    save(machine)


def _deal(machine, chance):
    """Each report gets the beginning of an hour of its own as its moment, from the second hour on."""
    first = at("2026-11-04 08:00")
    cases = " ".join(
        f"WHEN {id_} THEN {first + hour * HOUR_S}"
        for (id_,), hour in zip(rows(machine, "SELECT id FROM report"), chance.sample(range(TICKS), REPORTS), strict=True)
    )
    edit(machine, f"UPDATE report SET slot = CASE id {cases} END", file="telemetry.sqlite")


def _pass_hours(machine, moved, found, chance):
    connection = Connection(machine)
    for name in ("kept", "refused"):
        connection.ask(push(of_month(MONTH, name)))
    for tick in range(TICKS + 4):
        name = chance.choice(CALLS)
        message = ping() if name == "ping" else push(of_month(MONTH, name))
        _go_to_tick(machine, moved, connection)
        due, sent = _reports(machine, f"slot <= {int(moved.now())} AND outcome = 'queued'"), _reports(machine, "outcome = 'accepted'")
        took_ns = longest(connection, message, time.perf_counter() + LONG_S)
        moved.set(moved.now() + SLACK_S)
        took_ns = max(took_ns, longest(connection, message, time.perf_counter() + PRETENDED_S))
        while due and _reports(machine, "outcome = 'accepted'") == sent:
            took_ns = max(took_ns, longest(connection, message, time.perf_counter() + PRETENDED_S))
        for _ in range(2):
            connection.ask(looking())
        if rows(machine, "SELECT is_done FROM tick") != [(1,)]:
            continue
        check(int(due > 0), _reports(machine, "outcome = 'accepted'") - sent, "sent")
        if tick:
            found[due > 0, name].append(took_ns)
    connection.close()


def _reports(machine, condition):
    ((count,),) = rows(machine, f"SELECT count(*) FROM report WHERE {condition}")
    return count


def _go_to_tick(machine, moved, connection):
    """Move the clock to the next tick's moment, in steps that are counted as running time. The tick begins with the next call.

    A step that comes before the daemon waits for the next is not seen: the clock is moved once more. No tick is no trial.
    """
    while True:
        before = rows(machine, "SELECT seen, passed_s, moment_s, is_done FROM tick")
        ((_, passed_s, moment_s, is_done),) = before
        rest_s = (HOUR_S if is_done else moment_s) - passed_s
        moved.set(moved.now() + min(max(rest_s, 1), STEP_S) + SLACK_S)
        if not is_done and rest_s <= STEP_S:
            return

        def is_counted(before=before):
            connection.ask(ping())
            return rows(machine, "SELECT seen, passed_s, moment_s, is_done FROM tick") != before

        with contextlib.suppress(AssertionError):
            until(is_counted, within_s=1)
        for _ in range(2):
            connection.ask(looking())
