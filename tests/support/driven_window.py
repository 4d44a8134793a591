"""The real window in this process, without a screen, over a real daemon: driven by keys, and read as a screen reader reads it.

with driven_window(machine) as window:
    window.until(lambda: "is off" in window.text("headline"))
    window.press("Tab", "Space")
"""

import contextlib
import os
import time

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed: there is no window", exc_type=ImportError)

from PySide6.QtCore import QEvent, QEventLoop, QPoint, QRect, Qt, QTimer
from PySide6.QtGui import QAccessible, QColor, QKeySequence, QPainter, QPalette
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QWidget

from telemetryd.ctl import language as languages
from telemetryd.settings.control_thread import ControlThread
from telemetryd.settings.pages.first_run_page import FirstRunPage
from telemetryd.settings.pages.page import Place
from telemetryd.settings.window import SettingsWindow

WAIT_S = 20
"""Longest wait for something that has to be shown."""
_TABS_MAX = 200


def qt():
    """The only QApplication of this process."""
    application = QApplication.instance() or QApplication(["telemetryd-settings"])
    application.setStyle("Fusion")
    return application


class DrivenWindow:
    """What a user without a mouse can do with the window, and see of it."""

    def __init__(self, window):
        self.window = window

    @property
    def top(self):
        """The window, or the dialog in front of it."""
        dialogs = [one for one in self.window.findChildren(QDialog) if one.isVisible()]
        return dialogs[-1] if dialogs else self.window

    def until(self, claim, *, within_s=WAIT_S):
        """Let the window work until a claim about it holds."""
        deadline = time.monotonic() + within_s
        while not claim():
            assert time.monotonic() < deadline, f"it was not shown in time; shown is:\n{self.all_text()}"
            self.work(0.01)

    def work(self, seconds=0.0):
        """Let the window work for so long."""
        loop = QEventLoop()
        QTimer.singleShot(int(1000 * seconds), loop.quit)
        loop.exec()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)

    def press(self, *keys):
        """Press keys by their names, such as `Tab`, `Alt+2` or `Space`, on whatever has the focus."""
        for key in keys:
            combination = QKeySequence(key)[0]
            self.activate()
            QTest.keyClick(self.focused or self.top, combination.key(), combination.keyboardModifiers())
            self.work()

    def activate(self):
        """Bring what is in front to life, as a desktop does when a dialog is closed."""
        if not self.top.isActiveWindow():
            self.top.activateWindow()
            self.work()

    def tab_to(self, name):
        """Press Tab until the part of this name has the focus; among choices, such as `usage=1`, arrows."""
        group = name.rpartition("=")[0]
        for _ in range(_TABS_MAX):
            if self.focus == name:
                return
            self.press("Right" if group and self.focus.startswith(f"{group}=") else "Tab")
        raise AssertionError(f"Tab does not reach {name}: {self.all_text()}")

    def use(self, name):
        """Press Tab until the part of this name has the focus, then the space bar."""
        self.tab_to(name)
        self.press("Space")

    @property
    def focused(self):
        """The part that has the focus."""
        return self.top.focusWidget()

    @property
    def focus(self):
        """Its name."""
        return self.focused.objectName() if self.focused else ""

    def part(self, name):
        """The visible part of this name in front, or None."""
        return next((one for one in self.top.findChildren(QWidget, name) if one.isVisible()), None)

    def text(self, name):
        """The text of a part; "" if it is not there."""
        found = self.part(name)
        return found.text() if found else ""

    def all_text(self):
        """Every visible text in front, a line each."""
        return "\n".join(one.text() for one in self.top.findChildren(QLabel) if one.isVisible() and one.text())

    def told(self, name):
        """What a screen reader says of a part: its name."""
        return QAccessible.queryAccessibleInterface(self.part(name)).text(QAccessible.Text.Name)

    def picture(self):
        """The window with the dialogs in front of it."""
        whole = self.window.grab()
        if self.top.height() > self.window.height():
            return self.top.grab()
        if self.top is not self.window:
            centre = QPoint((self.window.width() - self.top.width()) // 2, (self.window.height() - self.top.height()) // 2)
            painter = QPainter(whole)
            self.top.render(painter, centre)
            painter.drawRect(QRect(centre, self.top.size()))
            painter.end()
        return whole


@contextlib.contextmanager
def driven_window(machine, *, language="en", page="overview", application="", question=""):
    """A window over the daemon of a machine until the block ends."""
    chosen = languages.of((language,))
    with _desktop(machine, chosen):
        service = ControlThread()
        with _driven(SettingsWindow(service, chosen, Place(page, application, question)), service) as driven:
            yield driven


@contextlib.contextmanager
def driven_first_run(machine, *, language="en"):
    """The page for a first login over the daemon of a machine; (what drives it, the places that it led to)."""
    chosen_language, places = languages.of((language,)), []
    with _desktop(machine, chosen_language):
        service = ControlThread()
        page = FirstRunPage(service, chosen_language, places.append)
        with _driven(page, service) as driven:
            yield driven, places


@contextlib.contextmanager
def _desktop(machine, language):
    """The bus of a machine, and the direction of a language."""
    application_object, before = qt(), os.environ.get("DBUS_SESSION_BUS_ADDRESS")
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = machine.address
    application_object.setLayoutDirection(Qt.LayoutDirection.RightToLeft if language.direction == "rtl" else Qt.LayoutDirection.LeftToRight)
    try:
        yield
    finally:
        os.environ.pop("DBUS_SESSION_BUS_ADDRESS")
        if before is not None:
            os.environ["DBUS_SESSION_BUS_ADDRESS"] = before


@contextlib.contextmanager
def _driven(window, service):
    """Show a window, and serve it until the block ends."""
    window.show()
    window.activateWindow()
    driven = DrivenWindow(window)
    try:
        service.start()
        yield driven
    finally:
        service.stop()
        window.close()
        window.deleteLater()
        driven.work()


def dark():
    """A dark palette, as a desktop would give it."""
    palette, roles = QPalette(QColor("#31363b"), QColor("#202326")), QPalette.ColorRole
    for role in (roles.WindowText, roles.Text, roles.ButtonText):
        palette.setColor(role, "#eff0f1")
        palette.setColor(QPalette.ColorGroup.Disabled, role, "#9a9c9e")
    palette.setColor(roles.Base, "#141618")
    palette.setColor(roles.Highlight, "#3daee9")
    palette.setColor(roles.HighlightedText, "#10161a")
    return palette
