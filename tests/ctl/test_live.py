import asyncio
import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from support.machine import CONTROL, KATE, ROOT, TELEMETRY, WAIT_S, but_for_chance
from support.manifests.manifest_texts import within
from support.rows import row
from support.terminal import on_terminal

from telemetryd.ctl.control_client import ControlClient
from telemetryd.ctl.failures import Failure

APP = "org.kde.kate"
WITH_MEMORY = KATE.replace('sources = ["startup"]', 'sources = ["startup", "org.telemetryd.system/memory"]').replace("[500, 2000]", "[500]")
PUSH, SAMPLE = (*TELEMETRY, "Push", "ssv"), ("startup", "d", "700")
CONFIGURED = '[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1/reports"\n'


def plain(value):
    """A value of `busctl --json` without its type marks."""
    if isinstance(value, dict) and value.keys() == {"type", "data"}:
        return plain(value["data"])
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value


def push(machine, source, code, value):
    """Push one sample with another program than ours."""
    machine.busctl("call", *TELEMETRY, "Push", "ssv", APP, source, code, value)


def told(machine, *arguments):
    """The JSON that a command prints."""
    return json.loads(machine.control(*arguments, "--json").stdout)


def shown(machine):
    """Kate's question as the bus shows it: a telemetryctl less where its output is not what is tested."""
    ((question,),) = plain(machine.ask(CONTROL, "ListQuestions", "s", APP))
    return question


def refused(machine, status, *arguments, **options):
    """The line of a command that fails with a status and prints nothing else."""
    done = machine.run(sys.executable, "-m", "telemetryd.ctl", *arguments, check=False, **options)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (status, "", 1), done
    return done.stderr


@contextmanager
def started(machine, *arguments, **environ):
    """A command that runs meanwhile, its output in pipes."""
    command = [sys.executable, "-m", "telemetryd.ctl", *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env={**machine.environ, **environ}, stdout=pipe, stderr=pipe, text=True, cwd=ROOT) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def developing(machine):
    """A daemon in developer mode, everything consented to, and a receiver on this machine: (machine, bodies that it got)."""
    received = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            received.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        threading.Thread(target=server.serve_forever).start()
        machine.develop(f"http://127.0.0.1:{server.server_port}/v1")
        machine.install(KATE, reviewed=False)
        try:
            with machine.daemon():
                machine.consent(APP)
                yield machine, received
        finally:
            server.shutdown()


async def test_calls_at_once_end_together():
    """The first failure is raised when the other calls have ended: nothing is closed under them, which a library would tell the user."""
    ended = []

    async def fail():
        raise Failure("first")

    async def end_later():
        await asyncio.sleep(0.01)
        ended.append("second")

    with pytest.raises(Failure, match="first"):
        await ControlClient.together(fail(), end_later())
    assert ended == ["second"]


def test_not_running(any_machine):
    """Without the daemon every command ends with status 3 and one line that says how to start it, under both libraries."""
    for arguments in (["status"], ["show", APP], ["consent", "global", "--usage", "off"], ["monitor", APP]):
        assert "telemetryd is not running and the session bus cannot start it: start it with" in refused(any_machine, 3, *arguments)


def test_bus_starts_the_daemon(any_machine):
    """Where the activation files are installed, asking starts the daemon."""
    any_machine.activate()
    assert any_machine.control("status").stdout.startswith("Telemetry is off: your settings are off")


def test_json_is_what_the_bus_says(any_machine):
    """The JSON of every listing has the very values and keys that busctl gets."""
    any_machine.configure(CONFIGURED + "[limits]\nsystem = 1\n")
    any_machine.install(KATE)
    with any_machine.daemon():
        any_machine.consent(APP)
        properties = any_machine.ask((*CONTROL[:2], "org.freedesktop.DBus.Properties"), "GetAll", "s", CONTROL[2])
        for arguments, answer in [
            (["status"], properties),
            (["list"], any_machine.ask(CONTROL, "ListApplications")),
            (["show", APP], any_machine.ask(CONTROL, "ListQuestions", "s", APP)),
            (["preview"], any_machine.ask(CONTROL, "Preview", "s", "")),
            (["history"], any_machine.ask(CONTROL, "History", "tu", "0", "50")),
            (["ledger"], any_machine.ask(CONTROL, "Ledger")),
        ]:
            assert told(any_machine, *arguments) == plain(answer)[0], arguments


def test_looking_writes_nothing(machine):
    """With the kill switch on, no command that only looks changes a byte of the state directory."""
    machine.configure("enabled = false\n")
    machine.install(KATE)
    with machine.daemon():
        before = machine.state()
        for arguments in (["status"], ["list"], ["show", APP], ["preview"], ["history"], ["ledger"]):
            machine.control(*arguments)
        assert machine.state() == before


def test_status_says_why(machine):
    """The sentence names what holds: nothing chosen, then what waits, then a missing review, a lock's file, a switch's file."""
    machine.install(KATE, reviewed=False)
    file = str(machine.root / "etc/telemetryd/telemetryd.toml")

    def sentence():
        """Its words; a path that is longer than a line is broken."""
        return "".join(machine.control("status").stdout.partition("\n\n")[0].split())

    def joined(text):
        return "".join(text.split())

    with machine.daemon():
        assert sentence() == joined("Telemetry is off: your settings are off (System off, Usage off).")
        machine.control("consent", "global", "--usage", "basic")
        assert joined("nothing is collected: 1 question is not reviewed yet (org.kde.kate/startup-time).") in sentence()
        machine.review(KATE)
        assert joined("nothing is collected: 1 question waits for your decision (`telemetryctl show org.kde.kate`).") in sentence()
        machine.configure("[limits]\nusage = 0\n")
        assert sentence() == joined(
            f"Telemetry is off: your administrator does not allow Usage questions ({file}), and you have not turned System on."
        )
        machine.configure("enabled = false\n")
        assert sentence() == joined(f"Telemetry is off: {file} says enabled = false.")
        machine.configure("enabled = = false\n")
        assert sentence() == joined(f"Telemetry is off: {file} cannot be read or has a mistake, so everything is off to be safe.")


def test_status_shows_the_rest(machine):
    """Below the sentence stand the levels chosen and in force, locks, problems and the questions that the user decided on."""
    machine.configure("[limits]\nusage = 1\n[endpoint.kde]\nname = 'KDE'\nurl = 'http://example.org/'\n")
    machine.install(KATE)
    with machine.daemon():
        machine.control("consent", "global", "--usage", "basic")
        machine.control("consent", "refuse", APP, "startup-time")
        output = "".join(machine.control("status").stdout.split())
    assert "Usagebasic" in output
    assert f"Lockedyouradministratorallowsusagequestionsuptobasic({machine.root}/etc/telemetryd/telemetryd.toml)" in output
    assert f"Problems{machine.root}/etc/telemetryd/telemetryd.toml:[endpoint.kde]" in output
    assert "Questionsorg.kde.kate/startup-time:Yousaidnotothisquestion." in output


def test_lock_refuses(machine):
    """Setting a level above a lock fails with the lock's file, and nothing else of the same command is done either."""
    machine.configure("[limits]\nusage = 0\n")
    machine.install(KATE)
    with machine.daemon():
        line = refused(machine, 1, "consent", "global", "--usage", "basic", "--system", "basic", "--new-questions", "refuse")
        assert f"{machine.root}/etc/telemetryd/telemetryd.toml" in line
        now = told(machine, "status")
        assert (now["System"], now["Usage"], now["NewQuestions"]) == (0, 0, 1)
        assert f"{machine.root}/etc/telemetryd/telemetryd.toml" in refused(machine, 1, "consent", "application", APP, "--usage", "basic")


def test_levels(machine):
    """Levels are set by their words, for all and for one application, and what is not named stays as it is."""
    machine.install(KATE)
    with machine.daemon():
        now = told(machine, "consent", "global", "--system", "detailed", "--usage", "basic", "--new-questions", "refuse")
        assert (now["System"], now["Usage"], now["NewQuestions"]) == (2, 1, 0)
        now = told(machine, "consent", "application", APP, "--system", "basic")
        assert (now["system"], now["usage"], now["effective_system"], now["effective_usage"]) == (1, 3, 1, 1)
        now = told(machine, "consent", "application", APP, "--usage", "off")
        assert (now["system"], now["usage"], now["effective_usage"]) == (1, 0, 0)
        assert "system inherit (detailed now)" in machine.control("consent", "application", APP, "--system", "inherit").stdout
        assert "`telemetryctl list`" in refused(machine, 1, "consent", "application", "org.kde.nobody", "--usage", "off")


def test_page_shows_every_text_of_the_question(machine):
    """What a question is about stands on its page, and that a system fact needs the System level too."""
    machine.configure(CONFIGURED)
    machine.install(WITH_MEMORY)
    with machine.daemon():
        output = machine.run(sys.executable, "-m", "telemetryd.ctl", "show", APP).stdout
        (question,) = told(machine, "show", APP)
    joined = "".join(output.split())
    texts = [question[key] for key in ("purpose", "decision", "ends", "example", "endpoint", "record", "digest", "reason")]
    texts += [*question["reviewers"], *question["figures"], *question["warnings"], "Time from process start to the first window", "(>=500)"]
    assert [text for text in texts if "".join(text.split()) not in joined] == []
    assert "Needs your “Usage” and “System” settings, both at “basic” or higher." in " ".join(output.split())
    (warning,) = question["warnings"]
    assert warning.startswith("13 possible answers at epsilon 2: above 8 the worst share needs more than twice the reports")
    assert len(question["figures"]) == 3


def test_show_says_the_arithmetic_and_warns(machine):
    """What `expected` adds to the figures is on the page, and so are few reports a week and one fact under two names."""
    source = KATE[KATE.index("[[source]]") : KATE.index("[[question]]")]
    doubled = KATE.replace("[[question]]", source.replace('"startup"', '"startup2"').replace("500", "700") + "[[question]]")
    doubled = doubled.replace('sources = ["startup"]', 'sources = ["startup", "startup2"]')
    doubled = within(doubled, "2026-01-05", "2026-12-27")
    machine.install(doubled + 'expected_users = 6000\nexpected = { startup = { "<500" = 1 } }\n')
    with machine.daemon():
        output = " ".join(machine.run(sys.executable, "-m", "telemetryd.ctl", "show", APP).stdout.split())
        (application,) = told(machine, "list")
    assert "warnings sources startup, startup2: their descriptions say nearly the same" in output
    assert [warning.partition(":")[0] for warning in application["warnings"]] == ["sources startup, startup2"]
    assert "at most 3.33 bits before noise, and at most 2.00 if the shares are as expected." in output
    reports, weeks = re.findall(r"If 6,000 users accept before it starts, about (\d+) reports come in each of (\d+) weeks\.", output)[0]
    assert int(reports) * int(weeks) == pytest.approx(6000, abs=int(weeks))
    assert f"about {reports} reports a week from 6,000 users" in output


def test_accept_takes_what_was_shown(machine):
    """Accepting shows the question and takes its digest; the second time nothing is left to decide, which is status 4."""
    machine.install(KATE)
    with machine.daemon():
        done = machine.control("consent", "accept", APP, "--yes")
        assert "Is start-up too slow?" in done.stdout
        (question,) = told(machine, "show", APP)
        assert (question["consent"], question["accepted_digest"]) == (1, question["digest"])
        assert "no question of org.kde.kate waits for your decision" in refused(machine, 4, "consent", "accept", APP, "--yes")
        assert "asks no question 'moon'" in refused(machine, 1, "consent", "accept", APP, "moon", "--yes")


def test_changed_definition(machine):
    """A definition that changed is shown with what changed; its old digest is refused and nothing accepted; the new one is taken."""
    machine.install(KATE)
    with machine.daemon():
        (old,) = told(machine, "consent", "accept", APP, "--yes")
        machine.install(KATE.replace("[500, 2000]", "[600, 2000]"), date="2026-01-02")
        (new,) = told(machine, "show", APP)
        output = machine.control("show", APP).stdout
        assert "an earlier definition accepted" in output
        assert "".join(new["changes"][0].split()) in "".join(output.split())
        line = refused(machine, 1, "consent", "accept", APP, f"startup-time={old['digest']}", "--yes")
        assert "see what changed with `telemetryctl show org.kde.kate`" in line
        assert told(machine, "show", APP) == [new]
        (now,) = told(machine, "consent", "accept", APP, f"startup-time={new['digest']}", "--yes")
        assert now["consent"] == 1


def test_definition_changes_while_the_person_reads(machine):
    """What a person says yes to is what stood there: if it changed behind the question, nothing is accepted."""
    machine.install(KATE)
    with machine.daemon():
        ours, theirs = pty.openpty()
        command = [sys.executable, "-m", "telemetryd.ctl", "consent", "accept", APP]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=machine.environ, stdin=theirs, stdout=pipe, stderr=pipe, cwd=ROOT) as process:
            prompt = b""
            while b"[y/N]" not in prompt:
                prompt += os.read(process.stderr.fileno(), 4096)
            machine.install(KATE.replace("[500, 2000]", "[600, 2000]"), date="2026-01-02")
            os.write(ours, b"y\n")
            _, message = process.communicate(timeout=WAIT_S)
        os.close(ours)
        os.close(theirs)
        assert process.returncode == 1
        assert b"accept again" in message
        assert shown(machine)["consent"] == 0


def test_person_decides(machine):
    """Only a yes accepts; no, return, end of input and Ctrl-C are a no, with status 4."""
    machine.install(KATE)
    with machine.daemon():
        for answer, status, consent in (("n\n", 4, 0), ("\n", 4, 0), ("\x04", 4, 0), ("\x03", 4, 0), ("y\n", 0, 1)):
            with row(answer):
                done, output = on_terminal(machine, "consent", "accept", APP, answer=answer)
                assert done == status, output
                assert output.index("Is start-up too slow?") < output.index("Accept it?")
                assert ("nothing was changed" in output) is (status == 4)
                assert shown(machine)["consent"] == consent


def test_nobody_to_ask(machine):
    """Without a terminal and without --yes nothing is accepted or erased: status 2."""
    machine.install(KATE)
    with machine.daemon():
        for arguments in (["consent", "accept", APP], ["erase", "--all"]):
            done = machine.run(sys.executable, "-m", "telemetryd.ctl", *arguments, check=False, stdin=subprocess.DEVNULL)
            assert done.returncode == 2
            assert "--yes" in done.stderr
        assert shown(machine)["consent"] == 0


def test_refuse_and_allow(machine):
    """A refused question is refused whatever was accepted; taking it back gives the state before; an unknown one is named."""
    machine.install(KATE)
    with machine.daemon():
        (question,) = told(machine, "consent", "refuse", APP, "startup-time")
        assert (question["state"], question["consent"]) == ("refused", 2)
        assert "refused" in machine.control("consent", "refuse", APP, "startup-time").stdout
        (question,) = told(machine, "consent", "allow", APP, "startup-time")
        assert (question["state"], question["consent"]) == ("pending", 0)
        assert "`telemetryctl show org.kde.kate` names its questions" in refused(machine, 1, "consent", "refuse", APP, "moon")


def test_colours_are_for_terminals(machine):
    """A terminal gets escape sequences; with NO_COLOR, or without a terminal, there is none."""
    with machine.daemon():
        assert "\x1b[" in on_terminal(machine, "status")[1]
        assert "\x1b[" not in on_terminal(machine, "status", NO_COLOR="1")[1]
        assert "\x1b[" not in machine.control("status").stdout


def test_developer_mode_is_off(machine):
    """What needs developer mode says how to switch it on."""
    machine.install(KATE)
    with machine.daemon():
        for command in ("submit", "monitor"):
            assert "write `developer = true` into your own telemetryd.toml" in refused(machine, 1, command)


def test_submit_sends_what_the_preview_showed(developing):
    """Receiver and history have the same bytes but for the nonce, the preview but for noise too; submit tells what became of the report."""
    machine, received = developing
    push(machine, "startup", "d", "700")
    ((question, url, body),) = told(machine, "preview")
    assert question == f"{APP}/startup-time"
    assert body.rstrip(" ") in machine.control("preview", APP).stdout
    (report,) = told(machine, "submit")
    assert (report["outcome"], report["status"], report["endpoint"]) == ("accepted", 204, url)

    def blank(text):
        return re.sub('"nonce":"[0-9a-f]{32}"', "", text)

    assert [blank(body) for body in received] == [blank(report["body"])]
    assert but_for_chance(report["body"]) == but_for_chance(body)
    assert told(machine, "history") == [report]
    page = machine.control("history", "--bodies").stdout
    assert report["body"].rstrip(" ") in page
    assert [f"{name}: {value}" for name, value in report["headers"] if f"{name}: {value}" not in page] == []
    assert machine.control("submit").stdout.split()[-1] == "arrived"
    assert len(received) == len(told(machine, "history", "--limit", "0")) == 2
    assert len(told(machine, "history", "--limit", "1")) == 1
    assert told(machine, "history", "--since", "2099-01-01") == []
    assert len(told(machine, "history", "--since", "1")) == 2


def test_erase(developing):
    """Erasing takes what was collected out of the preview, for one application or all."""
    machine, _ = developing
    for whom in (APP, "--all"):
        push(machine, "startup", "d", "700")
        assert "500..2000" in told(machine, "preview")[0][2]
        assert machine.control("erase", whom, "--yes").stdout.startswith("Erased.\n")
        assert "500..2000" not in json.dumps(told(machine, "preview"))
    assert "`telemetryctl list`" in refused(machine, 1, "erase", "org.kde.nobody", "--yes")


def test_forget(developing):
    """An application that registered itself is gone with the command; an installed one cannot be forgotten, and one unknown is said so."""
    machine, _ = developing
    other = "org.example.editor"
    machine.busctl("call", *TELEMETRY, "Register", "ssa{sv}", other, KATE.replace(APP, other), "0")
    assert [application["id"] for application in told(machine, "list")] == [other, APP]
    assert machine.control("forget", other, "--yes").stdout.startswith("Forgotten.")
    assert [application["id"] for application in told(machine, "list")] == [APP]
    pushed = machine.run("busctl", f"--address={machine.address}", "call", *PUSH, other, *SAMPLE, check=False)
    assert "is installed or registered" in pushed.stderr
    assert "installed" in refused(machine, 1, "forget", APP, "--yes")
    assert "`telemetryctl list`" in refused(machine, 1, "forget", other, "--yes")


@pytest.mark.parametrize("text", ["", "broken"])
def test_what_is_gone_is_in_reach(machine, text):
    """An application whose manifest is away, or cannot be read, is listed and shown as it was accepted, and can be refused and erased."""
    machine.install(KATE)
    machine.configure(CONFIGURED)
    with machine.daemon():
        machine.consent(APP)
        path = machine.root / f"share/telemetryd/manifests/{APP}.toml"
        path.write_text(text)
        if not text:
            path.unlink()
        assert f"{APP} " in machine.control("list").stdout
        assert ("unreadable" if text else "gone") in machine.control("list").stdout
        output = machine.control("show", APP).stdout
        for part in ("this is what telemetryd still keeps", "Is start-up too slow?", "cannot start now: the file", "accepted"):
            assert part in output
        assert "collects" in output
        assert told(machine, "consent", "application", APP, "--usage", "off")["usage"] == 0
        assert "refused" in machine.control("consent", "refuse", APP, "startup-time").stdout
        assert "Erased" in machine.control("erase", APP, "--yes").stdout
        assert "asks nothing now" in refused(machine, 1, "consent", "accept", APP, "startup-time", "--yes")
    with machine.daemon():
        (question,) = told(machine, "show", APP)
        assert question["consent"] == 2


def test_what_nobody_can_read_any_more_is_shown(machine):
    """A question of which a refusal alone is left is shown without its texts."""
    machine.install(KATE)
    with machine.daemon():
        machine.control("consent", "refuse", APP, "startup-time")
        (machine.root / f"share/telemetryd/manifests/{APP}.toml").unlink()
        output = machine.control("show", APP).stdout
        assert "unknown: nothing declares this question any more" in output
        assert "refused" in output
        machine.control("consent", "allow", APP, "startup-time", check=False)
        assert told(machine, "list") == []


def test_monitor_shows_pushes_live(developing):
    """Each push appears at once with its bin and whether it is kept; Ctrl-C ends it with status 0 and says nothing."""
    machine, _ = developing
    with started(machine, "monitor", APP) as monitor:
        assert monitor.stdout.readline().split() == ["APPLICATION", "SOURCE", "BIN", "VERDICT"]
        for value, label in (("700", "500..2000"), ("9000", ">=2000")):
            push(machine, "startup", "d", value)
            line = monitor.stdout.readline()
            assert line.split()[:3] == [APP, "startup", label]
            assert "kept" in line
            assert "not kept" not in line
        machine.control("consent", "refuse", APP, "startup-time")
        push(machine, "startup", "d", "1")
        assert "not kept" in monitor.stdout.readline()
        for source, value, text in (
            ("nothing", "d", "UnknownSource: org.kde.kate declares no such source"),
            ("startup", "s", "InvalidValue: "),
        ):
            with contextlib.suppress(AssertionError):
                push(machine, source, value, "1")
            line = monitor.stdout.readline()
            assert line.split()[:3] == [APP, source, "-"]
            assert f"refused, {text}" in line
        monitor.send_signal(signal.SIGINT)
        assert monitor.communicate(timeout=WAIT_S) == ("", "")
        assert monitor.returncode == 0


def test_monitor_for_scripts(developing):
    """--count ends by itself after so many, the latest ones first among them; --json has one object for each."""
    machine, _ = developing
    for value in ("700", "1", "2500"):
        push(machine, "startup", "d", value)
    lines = machine.control("monitor", "--count", "2", "--json").stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [(row["application"], row["source"], row["bin"], row["error"]) for row in rows] == [
        (APP, "startup", "500..2000", ""),
        (APP, "startup", "<500", ""),
    ]
    assert all(row["verdict"].endswith("kept") for row in rows)
    assert "`telemetryctl list`" in refused(machine, 1, "monitor", "org.kde.nobody")
    call = machine.run("busctl", f"--address={machine.address}", "call", *CONTROL, "Watch", "st", "org.kde.nobody", "0", check=False)
    assert "no manifest of 'org.kde.nobody'" in call.stderr


def test_daemon_leaves_while_monitored(developing):
    """If the daemon dies under a waiting monitor, the monitor says so and ends with status 3."""
    machine, _ = developing
    with started(machine, "monitor") as monitor:
        monitor.stdout.readline()
        pid = machine.busctl(
            "call", "org.freedesktop.DBus", "/", "org.freedesktop.DBus", "GetConnectionUnixProcessID", "s", CONTROL[0]
        ).split()[1]
        os.kill(int(pid), signal.SIGKILL)
        _, message = monitor.communicate(timeout=WAIT_S)
        assert monitor.returncode == 3
        assert message.startswith("telemetryctl: telemetryd ")


def test_bus_leaves_while_monitored(any_machine):
    """If the session bus itself ends, the monitor ends too, at once, with status 3."""
    any_machine.develop()
    any_machine.install(KATE)
    with any_machine.daemon(), started(any_machine, "monitor") as monitor:
        monitor.stdout.readline()
        any_machine.bus.kill()
        _, message = monitor.communicate(timeout=WAIT_S)
        assert monitor.returncode == 3
        assert message.startswith("telemetryctl: the session bus closed the connection")


def test_call_after_the_bus_has_left(any_machine):
    """A call, a signal's match and a wait for the end on a connection that the bus has closed say so at once."""
    program = """
import asyncio, sys
from telemetryd.ctl.control_client import ControlClient
from telemetryd.ctl.failures import Failure

async def main():
    async with ControlClient() as control:
        print("connected", flush=True)
        await control.closed()
        for call in (control.applications(), control.follow(print), control.reload_activation()):
            try:
                await asyncio.wait_for(call, 2)
            except Failure as failure:
                print(failure.exit_code, failure)

asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], env=any_machine.environ, stdout=subprocess.PIPE, text=True, cwd=ROOT) as client:
        client.stdout.readline()
        any_machine.bus.kill()
        output, _ = client.communicate(timeout=WAIT_S)
    assert output.splitlines() == ["3 the session bus closed the connection: try again"] * 3


def test_reader_that_goes_away(machine):
    """A pipe that is closed early ends the command without a traceback."""
    with machine.daemon():
        shell = f"{sys.executable} -m telemetryd.ctl status --json | true"
        assert machine.run("sh", "-c", shell).stderr == ""


@pytest.mark.parametrize(("answer", "status"), [("y\n", 0), ("n\n", 4), ("\n", 4)])
def test_sign_off_on_a_terminal(machine, answer, status):
    """A reviewer is shown the page and then asked; whatever is not yes signs nothing."""
    machine.install(KATE, reviewed=False)
    manifest = str(machine.root / f"share/telemetryd/manifests/{APP}.toml")
    who = ("--sign-off", "Ada <ada@example.org>", "--record", "https://example.org/1")
    done, output = on_terminal(machine, "review", manifest, *who, answer=answer)
    assert (done, "Clauses of the policy" in output) == (status, True)
    assert (machine.root / f"share/telemetryd/reviews.d/signed-{APP}.toml.draft").exists() == (status == 0)


def test_status_says_when_work_was_done(machine):
    """`status` says when due work was last looked for, exactly while the service has such a time: once a question was accepted."""
    machine.configure(CONFIGURED)
    machine.install(KATE)
    with machine.daemon():
        for is_accepted in (False, True):
            if is_accepted:
                machine.consent(APP)
            assert bool(told(machine, "status").get("LastWork", 0)) == is_accepted
            assert ("Due work" in machine.control("status").stdout) == is_accepted
