"""One window for a session: a second start hands over, and whoever asks over the bus is shown what was asked for. Policy: C2."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from PySide6.QtCore import QProcessEnvironment, Qt
from support.bus.recorded_window import RecordedWindow
from support.driven_window import DrivenWindow, qt
from support.machine import KATE, ROOT, until

from telemetryd.ctl import language as languages
from telemetryd.settings.application import SettingsProgram
from telemetryd.settings.control_thread import ControlThread
from telemetryd.settings.session.show_request import ShowRequest
from telemetryd.settings.session.single_instance import InstanceRole, SingleInstance

KATE_ID = "org.kde.kate"
WINDOW = ("org.telemetryd.Settings", "/org/telemetryd/Settings", "org.freedesktop.Application")
BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")
STANDING = """\
import sys, time
from telemetryd.settings.session.show_request import ShowRequest
from telemetryd.settings.session.single_instance import SingleInstance
instance = SingleInstance()
print(instance.begin(ShowRequest(page="sent")).name, flush=True)
sys.stdin.readline()
instance.end()
"""
HANDING_OVER = """\
import sys
from telemetryd.settings.__main__ import main
status = main(sys.argv[1:])
print(status, "PySide6" in sys.modules)
"""


@pytest.fixture
def session(machine, monkeypatch):
    """The machine's bus is the session bus of this process."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", machine.address)
    return machine


@contextlib.contextmanager
def program(request=ShowRequest()):  # noqa: B008 - a value that cannot change
    """The program, in this process."""
    qt()
    instance, service = SingleInstance(), ControlThread()
    assert instance.begin(request) is InstanceRole.FIRST
    made = SettingsProgram(service, languages.of(("en",)), instance)
    try:
        made.show(request)
        made.begin()
        yield made
    finally:
        instance.end()
        if made._is_begun:
            service.stop()
        for window in filter(None, (made.window, made.first_run)):
            window.close()
            window.deleteLater()
        made.deleteLater()
        DrivenWindow(made.window or made.first_run).work()


def owner(machine):
    """The process that has the name, or 0."""
    done = machine.run(
        "busctl", f"--address={machine.address}", "--json=short", "call", *BUS, "GetConnectionUnixProcessID", "s", WINDOW[0], check=False
    )
    return int(done.stdout.partition('"data":[')[2].partition("]")[0] or 0)


def second(machine, *arguments, **environ):
    """Start the program once more; what it printed."""
    environment = {**machine.environ, **environ}
    done = subprocess.run(
        [sys.executable, "-c", HANDING_OVER, *arguments], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_a_second_start_hands_over(session):
    """The second start ends at once, without Qt. The first shows the page that was asked for, in front, with the second one's token."""
    session.install(KATE)
    with session.daemon(), program() as first:
        window = DrivenWindow(first.window)
        window.until(lambda: window.part("usage=0") is not None)
        first.window.showMinimized()
        assert second(session, "--app", KATE_ID, XDG_ACTIVATION_TOKEN="token-1", DESKTOP_STARTUP_ID="x") == ["0", "False"]
        window.until(lambda: window.part("page-application") is not None)
        assert not first.window.windowState() & Qt.WindowState.WindowMinimized
        seen = QProcessEnvironment.systemEnvironment()  # as Qt reads it
        assert (first.window.isActiveWindow(), seen.value("XDG_ACTIVATION_TOKEN")) == (True, "token-1")
        assert not seen.contains("DESKTOP_STARTUP_ID")
        os.environ.pop("XDG_ACTIVATION_TOKEN")


def test_a_bare_start_shows_the_window_as_it_is(session):
    """A start without arguments raises the window and changes no page."""
    with session.daemon(), program(ShowRequest(page="sent")) as first:
        window = DrivenWindow(first.window)
        window.until(lambda: window.part("page-sent") is not None)
        first.window.showMinimized()
        assert second(session) == ["0", "False"]
        window.until(lambda: not first.window.windowState() & Qt.WindowState.WindowMinimized)
        assert window.part("page-sent") is not None


def test_no_page_changes_behind_a_question(session):
    """While the user is asked something, a request brings the window to the front and leaves the page."""
    with session.daemon(), program() as first:
        window = DrivenWindow(first.window)
        window.until(lambda: window.part("turn-off") is not None)
        window.use("turn-off")
        window.until(lambda: window.part("do") is not None)
        session.busctl("call", *WINDOW, "ActivateAction", "sava{sv}", "show", "1", "s", "sent", "0")
        window.work(0.3)
        window.press("Escape")
        window.until(lambda: window.part("do") is None)
        assert window.part("page-overview") is not None
        session.busctl("call", *WINDOW, "ActivateAction", "sava{sv}", "show", "1", "s", "sent", "0")
        window.until(lambda: window.part("page-sent") is not None)


def test_from_the_first_run_to_the_window(session):
    """Choosing on the page for the first run opens the window in the same program. Then a first run is the window itself."""
    with session.daemon(), program(ShowRequest(is_first_run=True)) as first:
        page = DrivenWindow(first.first_run)
        assert first.window is None
        page.use("choose")
        window = DrivenWindow(first.window)
        window.until(lambda: window.part("page-overview") is not None and not first.first_run.isVisible())
        session.busctl("call", *WINDOW, "ActivateAction", "sava{sv}", "first-run", "0", "0")
        window.work(0.3)
        assert (first.first_run.isVisible(), first.window.isVisible()) == (False, True)


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        (("Activate", "a{sv}", "0"), ""),
        (("Open", "asa{sv}", "1", "file:///etc/passwd", "0"), ""),
        (("ActivateAction", "sava{sv}", "show", "0", "0"), ""),
        (("ActivateAction", "sava{sv}", "first-run", "0", "0"), ""),
        (("ActivateAction", "sava{sv}", "show", "1", "s", "org.example.Unknown", "1", "activation-token", "u", "1"), ""),
        (("ActivateAction", "sava{sv}", "erase", "0", "0"), "expected the action"),
        (("ActivateAction", "sava{sv}", "show", "1", "u", "1", "0"), "expected the action"),
        (("ActivateAction", "sava{sv}", "show", "1", "s", "../x", "0"), "expected an application id"),
        (("ActivateAction", "s", "show"), "expected arguments of the types"),
        (("Quit",), "the methods are those"),
    ],
)
def test_calls(session, call, answer):
    """The members of org.freedesktop.Application are answered; what is not known, or has other types, is refused and shows nothing."""
    instance = SingleInstance()
    assert instance.begin(ShowRequest()) is InstanceRole.FIRST
    done = session.run("busctl", f"--address={session.address}", "call", *WINDOW, *call, check=False)
    requests = instance.take()
    instance.end()
    assert (done.returncode == 0, answer in done.stderr, len(requests)) == (not answer, True, not answer)


def test_whose_window_asks(session):
    """The window of the caller comes with the call, and goes on to the next instance; a name that is no text or too long is none."""
    instance = SingleInstance()
    assert instance.begin(ShowRequest()) is InstanceRole.FIRST
    for kind, value in (("s", "x11:2a"), ("u", "7"), ("s", "x" * 1025)):
        session.busctl("call", *WINDOW, "Activate", "a{sv}", "1", "parent-window", kind, value)
    requests = instance.take()
    instance.end()
    assert [request.parent_window for request in requests] == ["x11:2a", "", ""]
    assert {key: variant.value for key, variant in requests[0].call().body[-1].items()} == {"parent-window": "x11:2a"}


def test_what_busctl_sees(session):
    """The object describes itself, so tools can call it by the names of its members."""
    instance = SingleInstance()
    instance.begin(ShowRequest())
    seen = session.busctl("introspect", WINDOW[0], WINDOW[1])
    instance.end()
    assert all(member in seen for member in ("ActivateAction", "Activate", "Open"))


def test_many_starts_at_once(session):
    """Of programs that start at the same moment one owns the name, and gets what all others were asked to show."""
    command = [sys.executable, "-c", STANDING]
    places = {"env": session.environ, "cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as running:
        processes = [running.enter_context(subprocess.Popen(command, **places)) for _ in range(4)]
        standings = sorted(process.stdout.readline().strip() for process in processes)
        for process in processes:
            process.communicate("\n")
    assert standings == ["FIRST", "HANDED_OVER", "HANDED_OVER", "HANDED_OVER"]


def test_who_asks_a_window_that_is_closing(session):
    """What came when the window was being closed, and was shown by nobody, is shown by the next window."""
    next_window = RecordedWindow(session)
    instance = SingleInstance()
    instance.begin(ShowRequest())
    session.busctl("call", *WINDOW, "ActivateAction", "sava{sv}", "show", "1", "s", KATE_ID, "0")
    instance.end()
    until(next_window.calls)
    assert next_window.calls() == [["ActivateAction", ["show", [KATE_ID], {}]]]


def test_the_bus_starts_it(session):
    """Started by the bus for a call, as its activation file does, it owns the name and asks the service; a second call starts no other."""
    command = f"/usr/bin/env QT_QPA_PLATFORM=offscreen {sys.executable} -m telemetryd.settings --service"
    RecordedWindow(session, command)
    with session.daemon():
        session.busctl("call", *WINDOW, "ActivateAction", "sava{sv}", "show", "1", "s", KATE_ID, "0")
        first = owner(session)
        session.busctl("call", *WINDOW, "Activate", "a{sv}", "0")
        assert (owner(session), first > 0) == (first, True)
        os.kill(first, signal.SIGTERM)
        until(lambda: owner(session) == 0)


def test_without_a_bus(monkeypatch):
    """Without a session bus the window opens all the same: nobody can ask it for anything."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nonexistent/bus")
    instance, begin = SingleInstance(), time.monotonic()
    assert instance.begin(ShowRequest()) is InstanceRole.ALONE
    instance.end()
    assert time.monotonic() - begin < 5


def test_a_window_that_hangs_is_not_waited_for_forever(session):
    """If the owner of the name does not answer, the second start opens a window of its own."""
    places = {"env": session.environ, "cwd": ROOT, "stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", STANDING], **places) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)  # all its threads have stopped, on a busy machine too
        instance = SingleInstance(patience_s=1)
        try:
            assert instance.begin(ShowRequest()) is InstanceRole.ALONE
        finally:
            process.send_signal(signal.SIGCONT)
            process.communicate("\n")
        instance.end()
