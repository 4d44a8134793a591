"""The program around the window: language, direction of writing, the service's thread."""

from __future__ import annotations

import sys

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from telemetryd.ctl import language as languages
from telemetryd.settings.control_thread import ControlThread
from telemetryd.settings.page import Place
from telemetryd.settings.window import SettingsWindow


def run(page: str, app_id: str) -> int:
    """Show the window until it is closed. Returns the exit status."""
    application = QApplication([sys.argv[0]])
    language = languages.of_environment()
    application.setApplicationName("telemetryd-settings")
    application.setDesktopFileName("org.telemetryd.Settings")
    rtl, ltr = Qt.LayoutDirection.RightToLeft, Qt.LayoutDirection.LeftToRight
    application.setLayoutDirection(rtl if language.direction == "rtl" else ltr)
    service = ControlThread()
    window = SettingsWindow(service, language, Place("application", app_id) if app_id else Place(page))
    window.show()
    service.start()
    try:
        return application.exec()
    finally:
        service.stop()
