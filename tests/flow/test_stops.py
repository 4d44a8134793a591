"""A question that is stopped or suspended: erased at once, shown with its reason, lifted by a later review only. Policy: M4, R4."""

import json
import signal
from datetime import UTC, datetime, timedelta

import pytest
from support.machine import KATE, until
from support.machine_at import SAVES, TOTAL, TOTAL_BYTES, accept_last_week, daemon_at, found_on_disk, rows

KATE_ID, QUESTION, SAVES_ID = "org.kde.kate", "startup-time", "saves-a-week"
WHY = "it told machines with rare hardware apart"


def day(shift=0):
    """Today, in UTC, or so many days later."""
    return (datetime.now(UTC).date() + timedelta(days=shift)).isoformat()


def stops(machine, folder="share"):
    """The files that the commands wrote: name → text."""
    return {path.name: path.read_text() for path in (machine.root / folder / "telemetryd/reviews.d").glob("s*.toml")}


async def standing(machine, question=QUESTION):
    """(state, reason) as the user is shown them."""
    async with machine.client() as client:
        found = (await client.questions())[question]
    return found["state"], found["reason"]


@pytest.mark.parametrize(
    ("verb", "told"), [("stop", "others had answered it"), ("suspend", "it was stopped because of a possible problem")]
)
async def test_stopped_while_active(machine, verb, told):
    """The command ends a question in its period: its tally is in no file any more, and the reason is shown wherever the question is."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
        assert found_on_disk(machine, TOTAL_BYTES) == {TOTAL_BYTES}
        done = machine.control(verb, KATE_ID, SAVES_ID, "--reason", WHY)
        assert found_on_disk(machine, TOTAL_BYTES) == set()
        assert rows(machine, "SELECT * FROM tally") == []
        (path,) = (machine.root / "share/telemetryd/reviews.d").glob(f"{verb}-*.toml")
        reason = f"It ended without an answer: {told} (“{WHY}”, {path}, {day()})."
        assert await standing(machine, SAVES_ID) == ("passed", reason)
        for command in ((), ("status",), ("show", KATE_ID)):
            page = machine.control(*command).stdout if command else done.stdout
            assert reason.replace(" ", "") in "".join(page.split()), page
        assert daemon.stop() == 0
    assert await _for_good(machine, path)


async def _for_good(machine, path):
    """A later review, or a stop that is taken back, does not bring a period back that was passed."""
    machine.review(SAVES, date=day(1))
    path.unlink()
    with machine.daemon():
        state, reason = await standing(machine, SAVES_ID)
        return state == "passed" and str(path) in reason


async def test_stopped_while_a_report_waits(machine):
    """The report that waited is erased, and the history says which question it was and why."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with daemon_at(machine, "+7d"):
        assert (await standing(machine, SAVES_ID))[0] == "reporting"
        machine.control("suspend", KATE_ID, SAVES_ID, "--reason", WHY)
        state, reason = await standing(machine, SAVES_ID)
        assert (state, f"(“{WHY}”, " in reason) == ("answered", True)
        assert reason.replace(" ", "") in "".join(machine.control("history").stdout.split())


async def test_a_stop_that_an_update_brings_needs_no_call(machine):
    """A file that appears is obeyed at SIGHUP, which is what a package's trigger sends, without a call of anybody."""
    machine.install(SAVES)
    await accept_last_week(machine, KATE_ID)
    with machine.daemon() as daemon:
        async with machine.client() as client:
            await client.push(KATE_ID, "saves", "t", TOTAL)
        text = machine.control("suspend", KATE_ID, SAVES_ID, "--print").stdout
        (machine.root / "share/telemetryd/reviews.d/update.toml").write_text(text)
        assert found_on_disk(machine, TOTAL_BYTES) == {TOTAL_BYTES}
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: not found_on_disk(machine, TOTAL_BYTES))


async def test_only_a_later_review_lifts_a_suspension(machine):
    """Suspended before its period: a review of an earlier or the same day changes nothing; with one of a later day it waits as before."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
        before = await standing(machine)
        assert before[0] == "waiting"
        machine.control("suspend", KATE_ID, QUESTION, "--reason", WHY)
        state, reason = await standing(machine)
        assert (state, f"(“{WHY}”, " in reason) == ("suspended", True)
        for shift in (-1, 0):
            machine.review(KATE, date=day(shift))
            assert await standing(machine) == (state, reason)
        machine.review(KATE, date=day(1))
        assert await standing(machine) == before
        machine.control("stop", KATE_ID, QUESTION)
        assert (await standing(machine))[0] == "stopped"
        machine.review(KATE, date=day(2))
        assert (await standing(machine))[0] == "stopped"


async def test_a_review_of_a_day_to_come(machine):
    """No date of a review defeats a suspension: it takes the day of the one that holds, says so, and only a later one lifts it."""
    machine.install(KATE)
    machine.review(KATE, date=day(9))
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
        assert (await standing(machine))[0] == "waiting"
        done = machine.control("suspend", KATE_ID, QUESTION)
        assert f"note: the review of {day(9)} in " in done.stderr
        assert (await standing(machine))[0] == "suspended"
        assert machine.control("suspend", KATE_ID, QUESTION, check=False).returncode == 4
        machine.review(KATE, date=day(10))
        assert (await standing(machine))[0] == "waiting"


async def test_a_suspension_without_effect_is_a_failure(machine):
    """Written where the daemon of the session does not read, it ends with status 1 and says that the question goes on."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
        elsewhere = f"TELEMETRYD_DATA_DIRS={machine.root}/elsewhere"
        for verb in ("stop", "suspend"):
            done = machine.run("env", elsewhere, machine.python, "-m", "telemetryd.ctl", verb, KATE_ID, QUESTION, check=False)
            assert done.returncode == 1
            assert "does not obey it: the question is still waiting" in done.stderr


async def test_a_users_own(machine):
    """--user writes a file of one's own, which ends the question like the system's; a review there lifts nothing."""
    machine.install(KATE)
    with machine.daemon():
        async with machine.client() as client:
            await client.consent(KATE_ID)
        assert "suspended" in machine.control("suspend", KATE_ID, QUESTION, "--user").stdout
        own = machine.root / f"home/telemetryd/reviews.d/suspend-{KATE_ID}-{QUESTION}.toml"
        told = f"It is stopped for you for now: a file of your own suspends it ({own}, {day()})."
        assert await standing(machine) == ("suspended", told)
        assert stops(machine) == {}
        assert [*stops(machine, "home")] == [f"suspend-{KATE_ID}-{QUESTION}.toml"]
        machine.review(KATE, date=day(1))
        assert (await standing(machine))[0] == "waiting"
        own = machine.root / "home/telemetryd/reviews.d/own.toml"
        own.write_text((machine.root / f"share/telemetryd/reviews.d/{KATE_ID}-{day(1)}.toml").read_text().replace(day(1), day(3)))
        machine.control("stop", KATE_ID, QUESTION, "--user")
        state, reason = await standing(machine)
        assert (state, reason.partition(" (")[0]) == ("stopped", "It is over for you: a file of your own ends it")
        assert [row[0] for row in json.loads(machine.control("status", "--json").stdout)["Problems"]][:1] == [str(own)]


def test_the_file(machine):
    """Readable for everyone whatever the umask, never moved back, not written twice, and as `--print` says it."""
    printed = machine.control("suspend", KATE_ID, QUESTION, "--reason", 'It said "too much"', "--print").stdout
    assert stops(machine) == {}
    machine.run(
        "sh", "-c", f'umask 077; exec "$0" -m telemetryd.ctl suspend {KATE_ID} {QUESTION} --reason \'It said "too much"\'', machine.python
    )
    ((name, text),) = stops(machine).items()
    assert (name, text) == (f"suspend-{KATE_ID}-{QUESTION}.toml", printed)
    path = machine.root / "share/telemetryd/reviews.d" / name
    assert path.stat().st_mode & 0o777 == 0o644
    again = machine.control("suspend", KATE_ID, QUESTION, "--reason", 'It said "too much"', check=False)
    assert (again.returncode, again.stdout) == (4, "")
    path.write_text(text.replace(day(), day(9)))
    assert machine.control("suspend", KATE_ID, QUESTION, check=False).returncode == 4
    assert day(9) in path.read_text()
    path.write_text("[[stop")
    assert machine.control("suspend", KATE_ID, QUESTION, check=False).returncode == 1
    assert path.read_text() == "[[stop"


def test_without_the_rights(machine):
    """Where the system's directory cannot be written the file is printed, with the place where it belongs, and the status is 1."""
    done = machine.run(
        "env", "TELEMETRYD_DATA_DIRS=/proc/nothing", machine.python, "-m", "telemetryd.ctl", "stop", KATE_ID, QUESTION, check=False
    )
    assert done.returncode == 1
    assert done.stdout == machine.control("stop", KATE_ID, QUESTION, "--print").stdout
    assert f"/proc/nothing/telemetryd/reviews.d/stop-{KATE_ID}-{QUESTION}.toml cannot be written" in done.stderr


@pytest.mark.parametrize(
    "words", [("kate", QUESTION), (KATE_ID, "../x"), (KATE_ID, QUESTION, "--reason", ""), (KATE_ID, QUESTION, "--reason", "a\nb")]
)
def test_what_cannot_stand_in_a_file(machine, words):
    """A name or a reason that no reviews file takes is a wrong command line, and nothing is written."""
    done = machine.control("stop", *words, check=False)
    assert (done.returncode, stops(machine)) == (2, {})
    assert "expected" in done.stderr


def test_the_name_of_an_application(machine):
    """As in every other command APP is the id, an end of the id or the name: without a daemon by the installed manifests."""
    machine.install(KATE)
    for number, name in enumerate((KATE_ID, "kde.kate", "KATE"), 1):
        machine.control("stop", name, f"question-{number}")
    assert sorted(stops(machine)) == [f"stop-{KATE_ID}-question-{number}.toml" for number in (1, 2, 3)]
    assert f'application = "{KATE_ID}"' in machine.control("suspend", "kate", QUESTION, "--print").stdout
    machine.install(KATE.replace(f'id = "{KATE_ID}"', 'id = "org.gnome.Kate"'))
    done = machine.control("stop", "kate", QUESTION, check=False)
    assert (done.returncode, f"org.gnome.Kate, {KATE_ID}; give the whole id" in done.stderr) == (1, True)
    assert len(stops(machine)) == 3


async def test_the_name_of_an_application_that_registered_itself(machine):
    """Only the daemon knows its name."""
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
        machine.control("stop", "kate", QUESTION, "--user")
    assert [*stops(machine, "home")] == [f"stop-{KATE_ID}-{QUESTION}.toml"]


async def test_an_id_is_not_taken_for_a_name(machine):
    """A whole id is meant as it is written, whether or not a daemon knows it, though an installed application has it as its name."""
    machine.install(KATE.replace(f'id = "{KATE_ID}"', 'id = "org.example.viewer"').replace('name = "Kate"', f'name = "{KATE_ID}"'))
    assert f'application = "{KATE_ID}"' in machine.control("stop", KATE_ID, QUESTION, "--print").stdout
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
        done = machine.control("stop", KATE_ID, QUESTION)
    assert ([*stops(machine)], done.stderr) == ([f"stop-{KATE_ID}-{QUESTION}.toml"], "")


async def test_a_name_of_an_installed_and_of_a_registered_application(machine):
    """A name that two applications have is refused also if only the daemon knows one of them: which is meant is never guessed."""
    machine.install(KATE.replace(f'id = "{KATE_ID}"', 'id = "org.gnome.Kate"'))
    with machine.daemon():
        async with machine.client() as client:
            await client.register(KATE_ID, KATE)
        done = machine.control("stop", "kate", QUESTION, check=False)
    assert (done.returncode, stops(machine)) == (1, {})
    assert f"org.gnome.Kate, {KATE_ID}; give the whole id" in done.stderr


def test_what_was_understood(machine):
    """Before it writes, the command says which id it took a name for; of a word that names nothing it says what is known."""
    machine.install(KATE)
    done = machine.control("suspend", "kate", QUESTION, "--print")
    assert (done.stderr, f'application = "{KATE_ID}"' in done.stdout) == (f"note: kate is understood as {KATE_ID}\n", True)
    assert machine.control("suspend", KATE_ID, QUESTION, "--print").stderr == ""
    other_case = KATE_ID.upper()
    assert machine.control("suspend", other_case, QUESTION, "--print").stderr == f"note: {other_case} is understood as {KATE_ID}\n"
    done = machine.control("stop", "calc", QUESTION, check=False)
    assert (done.returncode, stops(machine)) == (2, {})
    assert "'calc': expected the whole id of an application, such as org.example.Editor, or what names one" in done.stderr
    assert f"that is known here ({KATE_ID})" in done.stderr


async def test_a_daemon_that_does_not_answer(machine):
    """A daemon that hangs holds up no stop: after some seconds the installed manifests say what is meant."""
    machine.install(KATE)
    with machine.daemon() as daemon:
        daemon.process.send_signal(signal.SIGSTOP)
        try:
            assert f'application = "{KATE_ID}"' in machine.control("stop", "kate", QUESTION, "--print").stdout
        finally:
            daemon.process.send_signal(signal.SIGCONT)


def test_names_that_nobody_knows(machine):
    """A stop for a question that this session's daemon does not know is written, and doubted."""
    with machine.daemon():
        assert "are the names right?" in machine.control("stop", KATE_ID, QUESTION).stdout
    assert "No daemon answers here" in machine.control("suspend", KATE_ID, QUESTION).stdout
