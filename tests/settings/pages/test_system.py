"""The page about this system: what switches telemetry off, what is locked, what is wrong, and where reports go. Policy: C4, T1."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QLabel
from support.driven_window import driven_window
from support.machine import KATE

SERVERS = """
[endpoint.kde]
name = "KDE"
url = "https://telemetry.example.org/v1"
results = "https://telemetry.example.org/results"
"""


def texts(window, name):
    """The texts of all visible parts of this name."""
    return [one.text() for one in window.window.findChildren(QLabel, name) if one.isVisible()]


def test_nothing_special(machine):
    """Where nothing is set, each part says so."""
    with machine.daemon(), driven_window(machine, page="system") as window:
        window.until(lambda: window.part("work") is not None)
        assert texts(window, "switch") == ["Nothing switches telemetry off."]
        assert texts(window, "lock") == ["Nothing is locked."]
        assert all("the environment's TELEMETRYD_" in text for text in texts(window, "problem")), "what these tests set themselves"
        assert window.text("no-server").startswith("No application asks anything")
        assert window.text("work").startswith("No work is due")
        assert "version 1 of its interface" in window.text("version")


def test_switches_locks_problems_and_servers(machine):
    """Every switch, lock and problem is there with its file, a mistake with its line, and each vendor with its server."""
    machine.configure(f"enabled = false\n[limits]\nusage = 1\n{SERVERS}")
    machine.install(KATE)
    (machine.root / "share/telemetryd/manifests/org.kde.okular.toml").write_text("schema = 1\nnonsense = = 1\n")
    with machine.daemon(), driven_window(machine, page="system") as window:
        window.until(lambda: window.part("work") is not None)
        (switch,), (lock,) = (texts(window, name) for name in ("switch", "lock"))
        (problem,) = (text for text in texts(window, "problem") if "org.kde.okular" in text)
        assert "telemetryd.toml switches telemetry off" in switch
        assert "usage questions up to basic" in lock
        assert "telemetryd.toml" in lock
        assert "org.kde.okular.toml" in problem
        assert "line 2" in problem
        server = window.part("server:kde")
        shown = [one.text() for one in server.findChildren(QLabel)]
        assert {"KDE", "https://telemetry.example.org/v1", "https://telemetry.example.org/results"} <= set(shown)


def test_copied_report(machine, monkeypatch):
    """Copy report puts what an administrator needs on the clipboard: levels, switches, servers. The user's home is `~` in it."""
    monkeypatch.setenv("HOME", str(machine.root))
    machine.configure(f"enabled = false\n{SERVERS}")
    machine.install(KATE)
    with machine.daemon(), driven_window(machine, page="system") as window:
        window.until(lambda: window.part("copy-report") is not None)
        window.use("copy-report")
        window.until(lambda: window.text("told") == "The report is copied. It holds no answer.")
        copied = QGuiApplication.clipboard().text()
    assert "levels: System 0, Usage 0, NewQuestions 1\n" in copied
    assert "server: kde: https://telemetry.example.org/v1\n" in copied
    assert "switched off: enabled ~/etc/telemetryd/telemetryd.toml\n" in copied
    assert str(machine.root) not in copied


async def test_due_work(timeline):
    """Once a question waits for its week, the day of the last due work is told; when that is long ago, the timer is named."""
    await timeline.start()
    await timeline.accept()
    with driven_window(timeline.machine, page="system") as window:
        window.until(lambda: window.text("work").startswith("Due work was last done "))
        assert "telemetryd-tick.timer" in window.text("work"), "the daemon's clock is weeks behind that of the window"
