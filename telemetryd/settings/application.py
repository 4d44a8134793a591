"""The program around the window: language, direction of writing, the service's thread, and what other programs ask to be shown."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtWidgets import QApplication

from telemetryd.ctl import language as languages
from telemetryd.settings.control_thread import ControlThread
from telemetryd.settings.pages.first_run_page import FirstRunPage
from telemetryd.settings.pages.page import Place
from telemetryd.settings.parts.foreign_parent import ForeignParent
from telemetryd.settings.session.show_request import ShowRequest
from telemetryd.settings.window import SettingsWindow

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.session.single_instance import SingleInstance

_X11_TOKEN = "DESKTOP_STARTUP_ID"  # noqa: S105 - the name of a variable, no secret


class SettingsProgram(QObject):
    """Shows what is asked for: the window, which is made once, or the page for the first run."""

    asked = Signal()
    """Emitted by the instance's thread; what is asked for is taken in this one."""

    def __init__(self, service: ControlThread, language: UserLanguage, instance: SingleInstance) -> None:
        super().__init__()
        self._service, self._language, self._instance = service, language, instance
        self.window: SettingsWindow | None = None
        self.first_run: FirstRunPage | None = None
        self._parents: dict[QWidget, ForeignParent] = {}
        self._is_begun = False
        self.asked.connect(self._take)

    def begin(self) -> None:
        """Read what the service says, and take what other programs ask for."""
        self._service.start()
        self._is_begun = True
        self._instance.tell(self.asked.emit)

    def show(self, request: ShowRequest) -> None:
        """Show it, and come to the front. A page changes behind no question that is being asked."""
        # Qt takes a Wayland token from the environment when a window is activated. A startup id of X11 it reads at its start only.
        os.environ.update(request.tokens)
        if request.is_first_run and self.window is None:
            self.first_run = self.first_run or FirstRunPage(self._service, self._language, self._choose)
            self._come_to_front(self.first_run, request)
        else:
            self._come_to_front(self._window_at(request), request)
        os.environ.pop(_X11_TOKEN, None)

    def _come_to_front(self, window: QWidget, request: ShowRequest) -> None:
        """Show a window above its parent, unless the user is being asked something: changing the parent hides it for a moment."""
        if QApplication.activeModalWidget() is None:
            if window not in self._parents:
                self._parents[window] = ForeignParent(window)
            self._parents[window].adopt(request.parent_window)
        window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
        window.show()
        window.raise_()
        window.activateWindow()

    def _window_at(self, request: ShowRequest) -> SettingsWindow:
        where = Place("application", request.application) if request.application else Place(request.page) if request.page else None
        if self.window is None:
            self.window = SettingsWindow(self._service, self._language, where or Place("overview"))
            if self._is_begun:
                self._service.refresh()
        elif where and QApplication.activeModalWidget() is None:
            self.window.go(where)
        return self.window

    def _choose(self, where: Place) -> None:
        """From the page for the first run to the window."""
        self.show(ShowRequest(page=where.page))

    def _take(self) -> None:
        for request in self._instance.take():
            self.show(request)


def run(request: ShowRequest, instance: SingleInstance) -> int:
    """Show the window until it is closed. Returns the exit status."""
    os.environ.update(request.tokens)  # before Qt's start: it reads both then
    application = QApplication([sys.argv[0]])
    language = languages.of_environment()
    application.setApplicationName("telemetryd-settings")
    application.setDesktopFileName("org.telemetryd.Settings")
    rtl, ltr = Qt.LayoutDirection.RightToLeft, Qt.LayoutDirection.LeftToRight
    application.setLayoutDirection(rtl if language.direction == "rtl" else ltr)
    service = ControlThread()
    program = SettingsProgram(service, language, instance)
    program.show(request)
    program.begin()
    try:
        return application.exec()
    finally:
        instance.end()
        service.stop()
