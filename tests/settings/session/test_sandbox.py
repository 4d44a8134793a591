"""In a sandbox whose bus shows the applications' name only, the window cannot work, and says so. Policy: C2, C3."""

import subprocess
import sys
import types

import pytest
from support.bus.filtered_bus import filtered_bus
from support.driven_window import driven_window
from support.machine import KATE, ROOT

HIDDEN = "This window runs in a sandbox that keeps the telemetry service from it. Open it outside of the sandbox."


@pytest.fixture
def sandboxed(machine):
    """A machine as a Flatpak with the permission for Telemetry1 sees it."""
    machine.install(KATE)
    with machine.daemon(), filtered_bus(machine, "org.telemetryd.Telemetry1") as address:
        yield types.SimpleNamespace(address=address, environ={**machine.environ, "DBUS_SESSION_BUS_ADDRESS": address})


def test_the_window_says_so(sandboxed):
    """It says neither that the service is away, which it is not, nor offers to start it. Each page says the same, and nothing waits."""
    with driven_window(sandboxed) as window:
        window.until(lambda: window.text("missing") == HIDDEN)
        assert (window.part("start"), window.part("again")) == (None, None)
        assert "hides org.telemetryd.Control1" in window.text("waiting-for-service")
        window.press("Alt+3")
        assert "hides org.telemetryd.Control1" in window.text("waiting-for-service")
        window.use("why")
        window.until(lambda: "outside of the sandbox" in window.text("why-text"))
        window.press("Escape")


def test_the_program_runs_and_ends(sandboxed):
    """The program opens its window, though the bus lets it own no name, and writes no traceback."""
    environ = {**sandboxed.environ, "QT_QPA_PLATFORM": "offscreen"}
    command = [sys.executable, "-m", "telemetryd.settings"]
    with subprocess.Popen(command, env=environ, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2)
        process.terminate()
        assert "Traceback" not in process.stderr.read()


def test_telemetryctl_says_so(sandboxed):
    """The command ends with 3 and the same advice; a notifying run too."""
    for command in (["telemetryd.ctl", "status"], ["telemetryd.settings", "--notify"]):
        done = subprocess.run(
            [sys.executable, "-m", *command], env=sandboxed.environ, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
        )
        assert (done.returncode, "run it outside of the sandbox" in done.stderr, "Traceback" in done.stderr) == (3, True, False)
