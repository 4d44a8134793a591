"""What telemetryctl shows a user, against the real daemon."""

import json
import os
import re
import subprocess
import sys
import time
from itertools import product

import pytest
from ctl.test_live import APP, on_terminal, refused, shown, told
from support.machine import KATE, ROOT
from support.machine_at import accept_last_week
from support.manifests.manifest_texts import EVERY_TYPE, STARTUP, application, question, this_week
from support.rows import row

LANGUAGES = ["C", "de_DE.UTF-8", "ja_JP.UTF-8", "ar_EG.UTF-8"]
FLAGS = application("org.example.flags", "Flags", "Four flags") + "".join(
    f'[[source]]\nid = "flag{number}"\ntype = "flag"\ndescription = "{"Whether the thing is on, in many words " * 2}{number}"\n'
    for number in range(4)
)
MOST_SOURCES = FLAGS + question(
    "all", "flag0", "flag1", "flag2", "flag3", purpose="Which are on?", decision="Which is the default", more="epsilon = 2.0"
)
"""A question with as many sources as the number of possible answers permits."""

FAILED = "waits to be sent: the connection to the server failed or broke off"


def control(machine, *arguments, locale="C.UTF-8", columns=80):
    """What a command prints in a language and width."""
    environ = {**machine.environ, "LC_ALL": locale, "COLUMNS": str(columns)}
    command = [sys.executable, "-m", "telemetryd.ctl", *arguments]
    return subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True, encoding="utf-8").stdout


def test_consent_is_short(machine):
    """Before the prompt each question takes at most 40 lines of 80 columns, the example report included, in every language."""
    machine.install(EVERY_TYPE)
    machine.install(MOST_SOURCES)
    with machine.daemon():
        for locale, name in product(LANGUAGES, ("org.example.app", "org.example.flags")):
            _, output = on_terminal(machine, "consent", "accept", name, answer="n\n", LC_ALL=locale, PYTHONUTF8="1", NO_COLOR="1")
            _, *pages = re.split(rf"(?m)^[^a-z]*{name}/", output.replace("\r", "").rpartition("--details")[0])
            with row((locale, name)):
                assert pages, output
                for page in pages:
                    lines = sum(-(-max(1, len(re.sub(r"\x1b\[\d+m", "", line))) // 80) for line in page.rstrip().split("\n"))
                    assert lines <= 40, page


def test_details_are_behind_an_option(machine):
    """What a user needs is shown; figures, warnings, digest and state only with --details."""
    machine.install(KATE)
    with machine.daemon():
        row = shown(machine)
        short = on_terminal(machine, "consent", "accept", APP, answer="n\n")[1]
        long = on_terminal(machine, "consent", "accept", APP, "--details", answer="n\n")[1]
    needed = ["Is start-up too slow?", "Whether the session restore is loaded lazily", "less than 500\u00a0ms (<500)", "a factor of 7.4"]
    needed += ["Ada <ada@example.org>", row["example"]]
    assert [text for text in needed if text not in short] == []
    details = [row["digest"], "Measured by the application", "An answer holds at most"]
    assert [text for text in details if text in short] == []
    assert [text for text in [*needed, *details] if text not in long] == []


async def test_reports_can_be_copied(machine):
    """An example report, and a report of the preview, is alone on its line, whatever the width."""
    machine.install(this_week(KATE))
    await accept_last_week(machine, APP)
    with machine.daemon():
        async with machine.client() as client:
            await client.push(APP, "startup", "d", 700.0)
        question, preview = shown(machine), told(machine, "preview")
        assert preview
        for columns in (40, 80, 120, 200):
            with row(columns):
                assert question["example"] in control(machine, "show", "kate", columns=columns).splitlines()
                for _, _, body in preview:
                    assert body.rstrip() in control(machine, "preview", columns=columns).splitlines()


def test_every_command_takes_a_name(machine):
    """`kate` is the application in each command that is about one, also as it is copied from Arabic output."""
    machine.install(KATE)
    with machine.daemon():
        assert told(machine, "list", "kate") == told(machine, "list")
        assert told(machine, "show", "\u2066kate\u2069") == [shown(machine)]
        assert told(machine, "consent", "application", "Kate", "--usage", "basic")["id"] == APP
        assert told(machine, "consent", "accept", "kate", "--yes")[0]["consent"] == 1
        assert told(machine, "preview", "kate") == []
        assert told(machine, "consent", "refuse", "kde.kate", "startup-time")[0]["consent"] == 2
        assert told(machine, "consent", "allow", "kate", "startup-time")[0]["consent"] == 1
        assert told(machine, "erase", "kate", "--yes")[0]["application"] == APP
        assert "installed" in refused(machine, 1, "forget", "kate", "--yes")
        machine.install(KATE.replace(APP, "org.gnome.Kate"))
        assert "org.gnome.Kate, org.kde.kate" in refused(machine, 1, "erase", "kate", "--yes")
        assert told(machine, "show", APP)


def test_a_reader_that_has_gone(machine):
    """Output that nobody reads any more is no error: status 0, and nothing on standard error."""
    machine.install(KATE)
    with machine.daemon():
        for arguments in (["list"], ["show", APP], ["status"], ["--help"], ["history"], ["list", "--json"]):
            with row(arguments):
                left_alone(machine, *arguments)
                machine.run("bash", "-o", "pipefail", "-c", f"{sys.executable} -m telemetryd.ctl {' '.join(arguments)} | head -1")


def left_alone(machine, *arguments):
    """A command whose output nobody can read ends well and says nothing."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        command = [sys.executable, "-m", "telemetryd.ctl", *arguments]
        done = subprocess.run(command, env=machine.environ, cwd=ROOT, stdout=closed, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_history_says_that_it_stops(machine):
    """Where older reports are left out it is said, with the command that shows all; else it is not."""
    machine.develop()
    machine.install(this_week(EVERY_TYPE), reviewed=False)
    with machine.daemon():
        machine.consent("org.example.app")
        machine.control("submit")
        assert len(told(machine, "history")) == 2
        cut = machine.control("history", "--limit", "1").stdout
        assert "Only the newest report is shown; `telemetryctl history --limit 0` shows all." in cut
        assert "The ledger counts" not in cut
        for all_of_them in (["--limit", "2"], ["--limit", "0"], []):
            assert "Only the newest" not in machine.control("history", *all_of_them).stdout
        assert len(told(machine, "history", "--limit", "1")) == 1


def test_submit_says_why(machine):
    """Without a report submit says why: nothing asks, nothing is accepted, or where each accepted question stands."""
    machine.develop()
    with machine.daemon():
        assert machine.control("submit").stdout == "No report was made: no application asks a question.\n"
        machine.install(KATE, reviewed=False)
        assert "you have accepted no question. `telemetryctl consent accept APP`" in machine.control("submit").stdout
        machine.control("consent", "accept", APP, "--yes")
        output = " ".join(machine.control("submit").stdout.split())
        assert output.startswith("No report was made. This is where the questions stand that you accepted: QUESTION STATE WHY startup-time")
        assert "it needs your Usage setting at Basic or higher" in output
        machine.control("consent", "global", "--usage", "basic", "--yes")
        assert FAILED in " ".join(control(machine, "submit", columns=200).split())
        again = " ".join(control(machine, "submit", columns=200).split())
        assert FAILED in again  # it was tried again, although nothing changed


def test_do_not_track_ends_invitations(machine):
    """With DO_NOT_TRACK nothing waits for the user, in status and list, and nothing asks for a decision."""
    machine.install(KATE)
    with machine.daemon():
        machine.control("consent", "global", "--usage", "basic")
        assert "waits for your decision" in machine.control("status").stdout
    with machine.daemon(DO_NOT_TRACK="1"):
        output = machine.control("status").stdout
        assert output.startswith("Telemetry is off: DO_NOT_TRACK is set in the environment of telemetryd.")
        assert re.search(r"^Waiting for you +nothing$", output, re.MULTILINE)
        assert "decision" not in output
        assert re.search(r"^org\.kde\.kate +Kate +off +off +- ", machine.control("list").stdout, re.MULTILINE)
        assert "A yes could not start it now: DO_NOT_TRACK" in " ".join(machine.control("show", APP).stdout.split())


def test_a_hundred_applications(machine):
    """With a hundred applications of ten questions, one is shown as fast as it is read, and status stays short."""
    questions = "".join(question(f"q{number}", "startup", purpose=f"Is {number} too slow?", decision="Which part") for number in range(10))
    for number in range(100):
        machine.install(application(f"org.example.app{number}", f"App {number}", "One of many") + STARTUP + questions)
    with machine.daemon():
        machine.control("consent", "global", "--usage", "basic")
        begin = time.monotonic()
        assert len(told(machine, "show", "app42")) == 10
        output = control(machine, "show", "App 42")
        assert time.monotonic() - begin < 20
        assert output.count("org.example.app42/q") == 10
        assert len(control(machine, "list").splitlines()) == 101
        status = control(machine, "status")
        assert "1000 questions wait for your decision" in " ".join(status.split())


@pytest.mark.parametrize(("locale", "texts"), [("de_DE.UTF-8", ["Käte", "Texteditor"]), ("C", ["Kate", "Text editor"])])
def test_names_are_in_the_users_language(machine, locale, texts):
    """Where the daemon gives translations of an application, its name and its summary are shown in the user's language."""
    machine.install(KATE.replace("summary", '"name[de]" = "Käte"\n"summary[de]" = "Texteditor"\nsummary', 1))
    with machine.daemon():
        if "translations" not in told(machine, "list")[0]:
            pytest.skip("this daemon gives the translations of questions only")
        assert " ".join(control(machine, "show", texts[0], locale=locale).split()).startswith(f"{texts[0]} (org.kde.kate): {texts[1]}")
        assert f"{texts[0]} (1)" in control(machine, "status", locale=locale) or "Usage" in json.dumps(told(machine, "status"))
        assert texts[0] in control(machine, "list", locale=locale)
