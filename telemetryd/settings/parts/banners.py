"""The lines above a page: the service that is away or busy, and what became of an act."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QProcess
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QFrame

from telemetryd.ctl.failures import UNAVAILABLE, failure_for
from telemetryd.errors import STANDARD, AccessDeniedError
from telemetryd.settings.parts.dialogs import TextDialog
from telemetryd.settings.widgets.plain import GAP, button, label, row
from telemetryd.settings.words.window_words import foreign, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from telemetryd.ctl.failures import Failure
    from telemetryd.ctl.language import UserLanguage

_START = ["--user", "start", "telemetryd.service"]


class _Banner(QFrame):
    def __init__(self) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAutoFillBackground(True)

    def _fill(self, *parts: QWidget) -> None:
        layout = row(*parts)
        layout.setContentsMargins(2 * GAP, GAP, 2 * GAP, GAP)
        layout.setStretch(0, 1)
        self.setLayout(layout)
        self.hide()

    def _read_out(self, text: str) -> None:
        """Have a screen reader say a line that appears while the focus is elsewhere."""
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, text))


class ServiceBanner(_Banner):
    """Says that the service does not answer. Start begins it where it is away; where it is busy, Try again asks it again.

    In a sandbox that hides the service neither helps.
    """

    def __init__(self, language: UserLanguage, ask_again: Callable[[], object]) -> None:
        super().__init__()
        _ = language.words.gettext
        self._language, self._ask_again, self._why_text, self._is_starting = language, ask_again, "", False
        self._text = label("", "missing")
        self._start = button(_("&Start"), _("the telemetry service"), self._begin, name="start")
        self._again = button(_("&Try again"), "", ask_again, name="again")
        self._why = button(_("&Why?"), _("the telemetry service does not answer"), self._tell_why, name="why")
        self._fill(self._text, self._start, self._again, self._why)

    def miss(self, failure: Failure, text: str) -> None:
        """Show why the service does not answer."""
        is_away, is_hidden = failure.exit_code == UNAVAILABLE, failure.name == AccessDeniedError.bus_name
        if self.isHidden() or text != self._text.text():
            self._read_out(text)
        self._text.setText(text)
        self._why_text = quoted(failure.message or failure_for(f"{STANDARD}NameHasNoOwner", "", "").message)
        self._start.setVisible(is_away and not is_hidden)
        self._again.setVisible(not is_away)
        self._why.setVisible(is_away)
        self.show()
        if self._is_starting:
            self._start_by_systemd()

    def found(self) -> None:
        """The service has answered."""
        self._is_starting = False
        self.hide()

    def _begin(self) -> None:
        """Ask the service, so that the bus starts it. If the bus cannot, systemd is asked to."""
        self._is_starting = True
        self._ask_again()

    def _start_by_systemd(self) -> None:
        self._is_starting = False
        process = QProcess(self)
        process.finished.connect(self._ask_again)
        process.errorOccurred.connect(lambda _error: self._ask_again())
        process.start("systemctl", _START)

    def _tell_why(self) -> None:
        _ = self._language.words.gettext
        text = label(foreign(self._why_text, self._language), "why-text")
        TextDialog(self.window(), _("Why the telemetry service does not answer"), [text], self._language).open()


class ActBanner(_Banner):
    """A sentence for the user: why something was not done."""

    def __init__(self, language: UserLanguage) -> None:
        super().__init__()
        _ = language.words.gettext
        self._text = label("", "told")
        self._fill(self._text, button(_("&Dismiss"), "", lambda: self.tell(""), name="dismiss"))

    def tell(self, text: str) -> None:
        """Show a sentence; "" shows none."""
        self._text.setText(text)
        self.setVisible(bool(text))
        if text:
            self._read_out(text)
