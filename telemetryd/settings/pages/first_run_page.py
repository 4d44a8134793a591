"""The one page for a first login, opened by a welcome program. It writes nothing, and nothing here opens it again. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QApplication

from telemetryd.settings.pages.page import Place
from telemetryd.settings.pages.question_card import essentials
from telemetryd.settings.parts.dialogs import PlainDialog, TextDialog
from telemetryd.settings.widgets.legible import legible
from telemetryd.settings.widgets.plain import button, heading, label, note, verbatim
from telemetryd.settings.widgets.wrapping import equal
from telemetryd.settings.words.window_words import foreign, name_of, purpose_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from PySide6.QtWidgets import QWidget

    from telemetryd.ctl.control_client import ControlClient
    from telemetryd.ctl.failures import Failure
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.control_thread import ControlThread
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

_WIDTH = 560


class FirstRunPage(PlainDialog):
    """Asks whether the user wants to look. "Not now" is as large as the others; Enter, Esc and closing mean it."""

    def __init__(self, service: ControlThread, language: UserLanguage, choose: Callable[[Place], object]) -> None:
        _ = language.words.gettext
        super().__init__(None, "first-run", _("Telemetry"), _WIDTH)
        self.setPalette(legible(QApplication.palette()))
        self._service, self._language, self._choose_at = service, language, choose
        self._snapshot: ServiceSnapshot | None = None
        self._asked = heading(_("May applications ask your computer questions?"), "asked")
        buttons = [
            button(_("Show an &example"), "", self._show_example, name="example"),
            button(_("&Choose questions…"), "", self._choose, name="choose"),
            button(_("&Not now"), "", self.reject, name="not-now"),
        ]
        equal(buttons)
        buttons[-1].setDefault(True)
        texts = [
            label(_("Nothing is sent until you say yes to a question."), "nothing-sent"),
            note(_("Without your yes nothing is measured either. This page does not come back by itself."), "no-return"),
        ]
        self.lay_out([self._asked, *texts], None, *buttons)
        self.setAccessibleDescription("\n".join(text.text() for text in texts))
        buttons[-1].setFocus()
        service.read_anew.connect(self._read)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the platform from light to dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self.setPalette(legible(QApplication.palette()))

    def _read(self, snapshot: ServiceSnapshot) -> None:
        """Name the vendor, if only one asks and the system's configuration has its name."""
        self._snapshot = snapshot
        vendors = {application["vendor_name"] for application in snapshot.applications}
        if len(vendors) == 1 and (name := vendors.pop()):
            asked = self._language.words.gettext("May {vendor} ask your computer questions?")
            self._asked.setText(asked.format(vendor=foreign(name, self._language)))
            self.fit()

    def _choose(self) -> None:
        """Open the window: where levels are set while all are off, else where the questions are."""
        is_on = self._snapshot is not None and not self._snapshot.is_off
        self._choose_at(Place("applications" if is_on else "overview"))
        self.accept()

    def _show_example(self) -> None:
        self._service.ask(_example, self._example_read)

    def _example_read(self, found: tuple[Row, Row] | Failure | None) -> None:
        parts = self._question(*found) if isinstance(found, tuple) else self._invented()
        TextDialog(self, self._language.words.gettext("An example"), parts, self._language).open()

    def _question(self, application: Row, question: Row) -> list[QWidget]:
        """A question of this system, and a report as it could be sent."""
        _, language = self._language.words.gettext, self._language
        asks = _("{application} asks: {question}").format(
            application=name_of(application, language), question=purpose_of(question, language)
        )
        paragraphs = [label(asks, "example-question"), *(label(text) for text in essentials(question, application, language))]
        head = _("A report as it could be sent")
        return [*paragraphs, label(head), verbatim(question["example"], head, "example-report")]

    def _invented(self) -> list[QWidget]:
        """A question that could be asked, where nothing is asked yet."""
        _ = self._language.words.gettext
        return [
            label(_("No application asks anything on this system yet. A text editor could ask: Is start-up too slow?"), "example-question"),
            label(_("How long start-up takes would be measured for one week, as one of three ranges: under 0.5 s, 0.5 to 2 s, over 2 s.")),
            label(_("One report would be sent. It has that range, no name and no exact time, and chance may change the range before.")),
        ]


async def _example(control: ControlClient) -> tuple[Row, Row] | None:
    """A question with its application: of one that waits for the user, if there is one. Raises `Failure`."""
    applications = await control.applications()
    for application in sorted(applications, key=lambda one: not (one["pending"] or one["pending_shut"])):
        for question in await control.questions(application["id"]):
            if question["definition"]:
                return application, question
    return None
