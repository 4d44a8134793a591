"""The window follows the daemon by signals alone, and says so when the daemon is away, busy or replaced. Policy: T1, C2."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from support.campaign import IS_CAMPAIGN
from support.driven_window import driven_window
from support.machine import CONTROL, KATE, ROOT, Machine, until

KATE_ID, QUESTION = "org.kde.kate", "org.kde.kate/startup-time"
SOON_S = 1.0
"""A change elsewhere is shown within this time."""
IDLE_S = 60 if IS_CAMPAIGN else 3
AWAY = "The telemetry service is not running, so nothing is collected or sent."


@contextlib.contextmanager
def calls(machine):
    """The method calls on the bus during the block, as a monitor of the bus sees them: a list that is complete afterwards."""
    seen = []
    command = ["busctl", f"--address={machine.address}", "monitor", "--json=short"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=machine.environ) as process:
        time.sleep(0.5)  # until it monitors; nothing else says so
        yield seen
        process.terminate()
        messages = [json.loads(line) for line in process.stdout]
    seen += [message["member"] for message in messages if message["type"] == "method_call"]


def test_a_change_elsewhere_is_shown(machine):
    """What busctl, telemetryctl or an application changes is on the page within a second."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.part("usage=0") is not None)
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        window.until(lambda: window.part("usage=1").isChecked(), within_s=SOON_S)
        machine.control("consent", "accept", KATE_ID, "--yes")
        window.until(lambda: window.text("headline").startswith("You allow 1 question."), within_s=SOON_S)


def test_two_windows_agree(machine):
    """What is chosen in one window is shown in another."""
    with machine.daemon(), driven_window(machine) as first, driven_window(machine) as second:
        for window in (first, second):
            window.until(lambda window=window: window.part("system=0") is not None)
        second.use("system=2")
        second.until(lambda: second.part("system=2").isChecked())
        first.until(lambda: first.part("system=2").isChecked(), within_s=SOON_S)


def test_an_idle_window_calls_nothing(machine):
    """Once everything is shown, no message goes out until something happens."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.part("turn-off") is not None)
        window.work(0.5)
        with calls(machine) as seen:
            window.work(IDLE_S)
        assert [member for member in seen if member != "BecomeMonitor"] == []


def test_gone_and_back(machine):
    """A daemon that went and cannot be started is said to be away, over the last page; the next one is found by itself."""
    with driven_window(machine) as window:
        with machine.daemon():
            window.until(lambda: window.part("usage=0") is not None)
        window.until(lambda: window.text("missing") == AWAY)
        assert window.part("usage=0").isVisible()
        window.use("usage=1")
        window.until(lambda: window.text("told") == AWAY)
        with machine.daemon():
            window.until(lambda: window.part("missing") is None)
            window.use("usage=1")
            window.until(lambda: window.part("usage=1").isChecked())


def test_killed_and_replaced(machine):
    """A daemon that is killed and followed by another is no loss: the window reads the other."""
    with driven_window(machine) as window:
        with machine.daemon() as daemon:
            window.until(lambda: window.part("usage=0") is not None)
            daemon.stop(signal.SIGKILL)
        machine.configure("[limits]\nusage = 0\n")
        with machine.daemon():
            window.until(lambda: not window.part("usage=1").isEnabled() and window.part("missing") is None)


def test_no_service_at_first(machine):
    """Without a service the window says so and how to start it; Start and a new daemon both bring the page."""
    with driven_window(machine) as window:
        window.until(lambda: window.text("missing") == AWAY)
        assert "start it with “telemetryd” or “systemctl --user start telemetryd”," in window.text("waiting-for-service")
        window.tab_to("start")
        with machine.daemon():
            window.press("Space")
            window.until(lambda: window.part("usage=0") is not None)


def test_a_service_that_rests_is_not_woken(machine):
    """A daemon that exits because it has nothing to do is not started again by a window that only lies there; an act starts it."""
    machine.activate()
    with driven_window(machine) as window:
        window.until(lambda: window.part("usage=0") is not None)
        window.work(0.5)  # the start of the service was a change too
        os.kill(owner(machine), signal.SIGTERM)
        until(lambda: owner(machine) == 0)
        window.work(1.0)
        assert (owner(machine), window.part("missing")) == (0, None)
        window.use("usage=1")
        window.until(lambda: window.part("usage=1").isChecked())
        os.kill(owner(machine), signal.SIGTERM)
        until(lambda: owner(machine) == 0)


def owner(machine):
    """The process that has the name, or 0."""
    bus = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
    done = machine.busctl("--json=short", "call", *bus, "GetConnectionUnixProcessID", "s", CONTROL[0], check=False)
    return json.loads(done)["data"][0] if done else 0


def test_busy_until_it_is_not(machine, tmp_path):
    """While a daemon of another session holds the files the window says that the service is busy. Then the page comes by itself."""
    elsewhere = Machine(tmp_path / "other")
    with elsewhere, elsewhere.daemon(XDG_STATE_HOME=str(machine.root / "state")) as serving, machine.daemon(wait=False):
        busy = "The telemetry service is busy."
        with driven_window(machine) as window:
            window.until(lambda: window.text("missing").startswith(busy), within_s=40)
            serving.stop()
            window.until(lambda: window.part("usage=0") is not None and window.part("missing") is None, within_s=40)


def test_the_bus_goes(tmp_path, machine):
    """If the session bus closes, the window says that nothing is collected, and ends in order."""
    with machine.daemon(), driven_window(machine) as window:
        window.until(lambda: window.part("usage=0") is not None)
        os.kill(machine.bus.pid, signal.SIGTERM)
        window.until(lambda: window.text("missing") == AWAY)


def test_it_starts_without_the_daemons_parts():
    """The window imports no part of the daemon that keeps, decides or sends anything."""
    program = "import sys, telemetryd.settings.application; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = ("telemetryd.engine", "telemetryd.store", "telemetryd.runtime", "telemetryd.upload", "sqlite3", "aiohttp", "pydantic", "rich")
    assert [name for name in done.stdout.split() if name.split(".")[0] in heavy or name.startswith(tuple(f"{one}." for one in heavy))] == []


def test_without_pyside():
    """Where PySide6 is missing the command says what to install, and ends with 3."""
    program = "import sys; sys.modules['PySide6'] = None; from telemetryd.settings.__main__ import main; sys.exit(main([]))"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, "python3-pyside6.qtwidgets" in done.stderr) == (3, True)


@pytest.mark.parametrize("arguments", [["--page", "nowhere"], ["--page", "sent", "--app", KATE_ID]])
def test_arguments(arguments):
    """Unknown pages, and a page together with an application, are refused with the usage."""
    done = subprocess.run([sys.executable, "-m", "telemetryd.settings", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.startswith("usage: telemetryd-settings")) == (2, True)


def test_a_change_elsewhere_on_every_page(machine):
    """An application's card and the list of applications follow a change by busctl within a second, though only a part is read."""
    machine.install(KATE)
    with machine.daemon():
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        with driven_window(machine, page="application", application=KATE_ID) as window:
            window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
            machine.busctl("call", *CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", "false")
            window.until(lambda: window.part(f"allow:{QUESTION}") is not None, within_s=SOON_S)
            window.press("Escape")
            window.until(lambda: window.part("applications") is not None)
            machine.busctl("call", *CONTROL, "SetQuestionConsent", "ssb", KATE_ID, "startup-time", "true")
            window.until(lambda: window.part("applications").item(0).text() == "Kate\n1 question for you", within_s=SOON_S)


def test_only_what_is_shown_is_asked_for(machine):
    """No page asks for all questions in full, or for the whole history. After a visit to each, with the history open, nothing is asked."""
    machine.install(KATE)
    with machine.daemon(), calls(machine) as seen, driven_window(machine) as window:
        window.until(lambda: window.part("turn-off") is not None)
        for key, name in (("Alt+4", "save-page"), ("Alt+5", "work"), ("Alt+2", "applications")):
            window.press(key)
            window.until(lambda name=name: window.part(name) is not None)
        window.tab_to("applications")
        window.press("Return")
        window.until(lambda: window.part(f"details:{QUESTION}") is not None)
        window.press("Alt+3")
        window.until(lambda: window.text("nothing-sent").startswith("Nothing"))
        window.work(0.5)
        with calls(machine) as idle:
            window.work(IDLE_S)
    assert [member for member in idle if member != "BecomeMonitor"] == []
    assert {"Questions", "HistoryPage", "ListApplications"} <= set(seen)
    assert not {"ListQuestions", "History"} & set(seen)
