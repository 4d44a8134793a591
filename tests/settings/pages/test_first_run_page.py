"""The page for a first login: "Not now" is as large as the rest, Enter means it, and nothing is written. Policy: C1, C2."""

import subprocess
import sys

import pytest
from PySide6.QtWidgets import QApplication
from support.driven_window import driven_first_run
from support.machine import KATE, ROOT

ENDPOINT = '[endpoint.kde]\nname = "KDE"\nurl = "https://127.0.0.1:9/v1"\n'
CHOICES = ("example", "choose", "not-now")
ENDING = """\
import sys
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from telemetryd.ctl import language
from telemetryd.settings.application import SettingsProgram
from telemetryd.settings.control_thread import ControlThread
from telemetryd.settings.session.show_request import ShowRequest
from telemetryd.settings.session.single_instance import SingleInstance
application, service, instance = QApplication([]), ControlThread(), SingleInstance()
instance.begin(ShowRequest(is_first_run=True))
program = SettingsProgram(service, language.of(()), instance)
program.show(ShowRequest(is_first_run=True))
program.begin()
QTimer.singleShot(300, getattr(program.first_run, sys.argv[1]))
application.exec()
instance.end()
service.stop()
print("ended")
"""


def files(machine):
    """Every file and folder of the user."""
    return sorted(str(path) for folder in ("state", "home", "cache") for path in (machine.root / folder).rglob("*"))


@pytest.mark.parametrize("key", ["Return", "Escape"])
def test_enter_means_not_now(machine, key):
    """Enter and Esc close the page, open nothing, and leave not one file behind."""
    machine.install(KATE)
    machine.configure(ENDPOINT)
    with machine.daemon():
        before = files(machine), machine.state()
        with driven_first_run(machine) as (page, chosen):
            page.until(lambda: page.text("asked") == "May KDE ask your computer questions?")
            assert page.focus == "not-now"
            page.press(key)
            page.until(lambda: not page.window.isVisible())
        assert (chosen, (files(machine), machine.state())) == ([], before)


def test_not_now_is_as_prominent(machine):
    """The three buttons have one size, and Tab reaches each."""
    with machine.daemon(), driven_first_run(machine) as (page, _):
        assert len({(page.part(name).width(), page.part(name).height()) for name in CHOICES}) == 1
        for name in CHOICES:
            page.tab_to(name)


def test_an_example_of_this_system(machine):
    """The example is a question of this system with a report, byte for byte; Esc goes back to the page."""
    machine.install(KATE)
    machine.configure(ENDPOINT)
    with machine.daemon(), driven_first_run(machine) as (page, _):
        page.until(lambda: "KDE" in page.text("asked"))
        page.use("example")
        page.until(lambda: page.part("example-question") is not None)
        assert "Is start-up too slow" in page.text("example-question")
        assert '"question":"startup-time"' in page.part("example-report").toPlainText()
        page.press("Escape")
        page.until(lambda: page.part("example-question") is None)
        assert page.window.isVisible()


def test_an_example_where_nothing_is_asked(machine):
    """Without any question, or without the service, an invented one explains the idea, and no vendor is named."""
    with driven_first_run(machine) as (page, _):
        page.use("example")
        page.until(lambda: page.part("example-question") is not None)
        assert page.text("example-question").startswith("No application asks anything")
        page.press("Escape")
        page.until(lambda: page.text("asked") == "May applications ask your computer questions?")


def test_choosing_leads_to_the_levels_first(machine):
    """While everything is off the window opens where levels are set; the page is gone then."""
    with machine.daemon(), driven_first_run(machine) as (page, chosen):
        page.work(0.3)
        page.use("choose")
        page.until(lambda: not page.window.isVisible())
        assert [place.page for place in chosen] == ["overview"]
    assert QApplication.activeModalWidget() is None


@pytest.mark.parametrize("way", ["reject", "close"])
def test_the_command_ends_with_the_page(machine, way):
    """When the page is left, by "Not now" or by its frame, the program ends: a welcome program may wait for it."""
    environ = {**machine.environ, "QT_QPA_PLATFORM": "offscreen"}
    with machine.daemon():
        done = subprocess.run(
            [sys.executable, "-c", ENDING, way], env=environ, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
        )
    assert done.stdout == "ended\n"
