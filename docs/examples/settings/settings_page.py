# SPDX-License-Identifier: MIT
"""An application's own settings page, with "Telemetry settings…" beside its other settings, over PySide6.

The button opens the user's telemetry settings at this application's page. It has no state, badge or switch: an application cannot know what
the user chose. It is hidden where telemetryd is not installed.
"""

import sys

from PySide6.QtCore import QLocale, QObject
from PySide6.QtDBus import QDBusConnection, QDBusMessage, QDBusPendingCall, QDBusPendingCallWatcher
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QCheckBox, QFormLayout, QLabel, QPushButton, QSpinBox, QWidget

NAME, PATH = "org.telemetryd.Telemetry1", "/org/telemetryd/Telemetry1"
TEXTS = {
    "en": ("Telemetry settings…", "Shows what this application may measure and send. You decide there."),
    "ar": ("إعدادات القياس عن بُعد…", "تعرض ما يجوز لهذا التطبيق قياسه وإرساله. أنت تقرّر هناك."),
    "de": ("Telemetrie-Einstellungen …", "Zeigt, was diese Anwendung messen und senden darf. Dort entscheiden Sie."),
    "ja": ("テレメトリーの設定…", "このアプリケーションが測定し送信できるものを表示します。決めるのはあなたです。"),
}
"""Language → the button's text and its description."""


def asked(owner: QObject, call: QDBusMessage) -> QDBusPendingCallWatcher:
    """Send a call without waiting. The watcher has the answer after two seconds at most."""
    return QDBusPendingCallWatcher(QDBusPendingCall(QDBusConnection.sessionBus().asyncCall(call, 2000)), owner)


def name_of_window(window: QWidget) -> str:
    """What the telemetry settings stay above, as the desktop portals name it. It works on X11."""
    return f"x11:{int(window.winId()):x}" if QGuiApplication.platformName() == "xcb" else ""


class TelemetryButton(QPushButton):
    """Opens the telemetry settings of an application. `failure` shows why nothing opened, if nothing did."""

    def __init__(self, application: str, failure: QLabel) -> None:
        text, description = TEXTS.get(QLocale().name().partition("_")[0], TEXTS["en"])
        super().__init__(text)
        self._application, self._failure = application, failure
        self.setToolTip(description)
        self.setAccessibleDescription(description)
        self.hide()
        self.clicked.connect(self._open)
        bus = "org.freedesktop.DBus"
        names = asked(self, QDBusMessage.createMethodCall(bus, "/org/freedesktop/DBus", bus, "ListActivatableNames"))
        names.finished.connect(lambda: self.setVisible(NAME in (names.reply().arguments() or [[]])[0]))

    def _open(self) -> None:
        call = QDBusMessage.createMethodCall(NAME, PATH, NAME, "OpenSettings")
        call.setArguments([self._application, name_of_window(self.window()), {}])
        opened = asked(self, call)
        opened.finished.connect(lambda: self._failure.setText(opened.error().message() if opened.isError() else ""))


class SettingsPage(QWidget):
    """The application's settings."""

    def __init__(self) -> None:
        super().__init__()
        layout, failure = QFormLayout(self), QLabel()
        failure.setWordWrap(True)
        layout.addRow("Undo steps:", QSpinBox())
        layout.addRow(QCheckBox("Show the grid"))
        layout.addRow(TelemetryButton("org.example.Painter", failure))
        layout.addRow(failure)


if __name__ == "__main__":
    program = QApplication(sys.argv)
    page = SettingsPage()
    page.show()
    sys.exit(program.exec())
