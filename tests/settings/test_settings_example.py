"""The example of an application's own settings page: a button opens the window, and shows nothing of what was chosen. Policy: C2, C3."""

import runpy
import subprocess
import sys

import pytest
from support.bus.recorded_window import RecordedWindow
from support.machine import ROOT, until

pytest.importorskip("PySide6.QtDBus", exc_type=ImportError)

FOLDER = ROOT / "docs/examples/settings"
DRIVING = """\
import sys
from PySide6.QtCore import QEventLoop, QTimer
from PySide6.QtWidgets import QApplication, QLabel
sys.path.insert(0, sys.argv[1])
import settings_page

def wait(claim, milliseconds):
    loop, timer = QEventLoop(), QTimer()
    timer.timeout.connect(lambda: claim() and loop.quit())
    timer.start(10)
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()

program = QApplication([])
page = settings_page.SettingsPage()
page.show()
button, failure = page.findChild(settings_page.TelemetryButton), page.findChildren(QLabel)[-1]
wait(button.isVisible, int(sys.argv[2]))
print("visible" if button.isVisible() else "hidden", button.text())
if button.isVisible():
    button.click()
    wait(failure.text, 1500)
    print(failure.text())
"""


def drive(machine, *, language="de_DE.UTF-8", patience_ms=5000):
    """Run the page without a screen; what it showed: whether there is a button, its text, and what a click told."""
    environ = {**machine.environ, "QT_QPA_PLATFORM": "offscreen", "LC_ALL": language, "LANG": language, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-c", DRIVING, str(FOLDER), str(patience_ms)]
    done = subprocess.run(command, env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
    first, *told = done.stdout.splitlines()
    return *first.split(" ", 1), *told


@pytest.fixture
def activated(machine):
    """A machine whose bus can start the daemon, which runs already."""
    machine.activate()
    with machine.daemon():
        yield machine


def test_a_click_opens_the_window(activated):
    """The button is there in the user's language. A click has the window opened at the application's page, though it asks nothing."""
    window = RecordedWindow(activated)
    shown = drive(activated)
    until(window.calls)
    assert shown[:2] == ("visible", "Telemetrie-Einstellungen …")
    assert window.calls() == [["ActivateAction", ["show", ["org.example.Painter"], {}]]]


def test_without_the_window_it_names_the_command(activated):
    """Where only the daemon is installed, a click tells what the user can run."""
    assert "telemetryctl" in drive(activated)[2]


def test_without_telemetryd_it_is_hidden(machine):
    """Where the bus cannot start the daemon there is no button."""
    assert drive(machine, patience_ms=1500)[0] == "hidden"


def test_both_examples_have_the_same_texts_in_every_language():
    """The texts are those of all languages of the catalogues, the same in both programs and on the page of documentation."""
    own = runpy.run_path(str(FOLDER / "settings_page.py"))["TEXTS"]
    catalogues = {path.name for path in (ROOT / "telemetryd/locale").iterdir() if path.is_dir()}
    assert set(own) == {"en", *catalogues}
    page = (ROOT / "docs/pushing.md").read_text()
    for texts in own.values():
        assert all(text in (FOLDER / "settings_page.cpp").read_text() and text in page for text in texts)
