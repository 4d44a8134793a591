"""OpenSettings names a window of its caller. On X11 the settings window stays above it; elsewhere it stands for itself. Policy: C2."""

import contextlib
import os
import shutil
import subprocess
import sys

import pytest
from support.machine import ROOT, Machine, until

WINDOW = ("org.telemetryd.Settings", "/org/telemetryd/Settings", "org.freedesktop.Application")
CALLER = """\
import sys
from PySide6.QtWidgets import QApplication, QWidget
program, window = QApplication([]), QWidget()
window.show()
print(f"{int(window.winId()):x}", flush=True)
program.exec()
"""

pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and shutil.which("xprop")), reason="Xvfb or xprop is missing: make desktop installs them"
)


@contextlib.contextmanager
def running(*command, environ, **options):
    """A program until the block ends."""
    with subprocess.Popen(command, env=environ, text=True, stdout=subprocess.PIPE, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def display(tmp_path_factory):
    """The environment of a session on X11, its machine, and the number of a window of another program."""
    reading, writing = os.pipe()
    with Machine(tmp_path_factory.mktemp("x11")) as machine, contextlib.ExitStack() as stack:
        number = f":{1000 + os.getpid() % 50_000}"  # no other's: servers that begin at one time can choose one number
        server = ("Xvfb", number, "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset")
        stack.enter_context(running(*server, environ=machine.environ, pass_fds=(writing,), stderr=subprocess.DEVNULL))
        os.close(writing)
        with os.fdopen(reading) as told:
            environ = {**machine.environ, "DISPLAY": f":{told.readline().strip()}", "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
        stack.enter_context(machine.daemon())
        caller = stack.enter_context(running(sys.executable, "-c", CALLER, environ=environ))
        yield machine, environ, caller.stdout.readline().strip()


def show(machine, page, parent=""):
    """Have the window show a page, as OpenSettings does; returns when it was shown."""
    platform = ("1", "parent-window", "s", parent) if parent else ("0",)
    machine.busctl("call", *WINDOW, "ActivateAction", "sava{sv}", "show", "1", "s", page, *platform)


def above(environ):
    """What the settings window stays above, as a window manager reads it: a number, or "" for none; None while there is no window."""
    command = ["xprop", "-name", "Telemetry", "WM_TRANSIENT_FOR"]
    listed = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    if listed.returncode:
        return None
    return next((line.rpartition("# 0x")[2] for line in listed.stdout.splitlines() if "WINDOW): window id" in line), "")


def test_on_x11_it_stays_above_its_caller(display):
    """A window that starts, and one that runs, goes above the caller's window. Without a parent, or with a strange one, it stands alone."""
    machine, environ, caller = display
    with running(sys.executable, "-m", "telemetryd.settings", environ=environ, cwd=ROOT) as process:
        until(lambda: above(environ) == "")
        for parent, number in ((f"x11:{caller}", caller), ("wayland:abc", ""), (f"x11:{caller.upper()}", caller), ("x11:", ""), ("", "")):
            show(machine, "sent", parent)
            until(lambda number=number: above(environ) == number)
        show(machine, "sent", "x11:ffffffff")  # of no window: Qt and the server shrug
        show(machine, "overview")
        until(lambda: above(environ) == "")
        assert process.poll() is None
