"""The window: pages on the left, the page on the right, and a line above for what went wrong. Closing it changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QStackedWidget, QWidget

from telemetryd.core.translation import mark
from telemetryd.ctl.failures import UNAVAILABLE, Failure
from telemetryd.settings.acts import WindowActs
from telemetryd.settings.pages import (
    application_page,
    applications_page,
    overview_page,
    question_details,
    revealed_page,
    sent_page,
    system_page,
)
from telemetryd.settings.pages.page import PageSurroundings, Place
from telemetryd.settings.parts.banners import ActBanner, ServiceBanner
from telemetryd.settings.parts.navigation import Navigation
from telemetryd.settings.reading.service_snapshot import read_opened
from telemetryd.settings.widgets.plain import GAP, beside, column, label
from telemetryd.settings.widgets.surfaces import PlainWindow
from telemetryd.settings.words.window_words import failure_line, quoted

if TYPE_CHECKING:
    from PySide6.QtGui import QResizeEvent

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.control_thread import ControlThread
    from telemetryd.settings.pages.page import WindowPage
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

_SIZE = 820, 600
NAVIGATION = {
    overview_page.NAME: mark("Overview"),
    applications_page.NAME: mark("Applications"),
    sent_page.NAME: mark("Sent and waiting"),
    revealed_page.NAME: mark("What you have revealed"),
    system_page.NAME: mark("This system"),
}
"""Page → its name on the left."""
_PAGES: dict[str, type[WindowPage]] = {
    overview_page.NAME: overview_page.OverviewPage,
    applications_page.NAME: applications_page.ApplicationsPage,
    application_page.NAME: application_page.ApplicationPage,
    question_details.NAME: question_details.QuestionPage,
    sent_page.NAME: sent_page.SentPage,
    revealed_page.NAME: revealed_page.RevealedPage,
    system_page.NAME: system_page.SystemPage,
}
_AT_ONCE = {overview_page.NAME, applications_page.NAME}
"""Pages that are shown before everything is read. The second needs the applications."""
_OF_ONE_APPLICATION = {application_page.NAME, question_details.NAME}
"""Pages that need an application's questions in full."""
_BELOW = {application_page.NAME: applications_page.NAME, question_details.NAME: application_page.NAME}
"""Page → the page that Esc goes back to."""


class SettingsWindow(PlainWindow):
    """Shows what the service reads, at a place."""

    def __init__(self, service: ControlThread, language: UserLanguage, place: Place) -> None:
        super().__init__()
        self._service, self._language, self._ = service, language, language.words.gettext
        self.setWindowTitle(self._("Telemetry"))
        self._snapshot: ServiceSnapshot | None = None
        self._place = place
        self._reading = ""
        """The application whose questions are being read."""
        self._acts = WindowActs(service, self, language)
        around = PageSurroundings(self._acts, language, self.go, service.look)
        self._pages = {name: page(around) for name, page in _PAGES.items()}
        for name, page in self._pages.items():
            page.setObjectName(f"page-{name}")
        self._lay_out()
        self._show_place()
        self._acts.told.connect(self._act_box.tell)
        self._acts.look_at.connect(self._look_at)
        service.read_anew.connect(self._show)
        service.unavailable.connect(self._miss)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self, self._leave)
        self.resize(*_SIZE)
        self._navigation.setFocus()

    def go(self, place: Place) -> None:
        """Show a place."""
        self._place = place
        self._act_box.tell("")
        self._show_place()

    def _lay_out(self) -> None:
        self._navigation = self._navigation_list()
        self._stack = QStackedWidget()
        for page in self._pages.values():
            self._stack.addWidget(page)
        self._waiting = label(self._("Asking the telemetry service …"), "waiting-for-service")
        self._waiting.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._waiting.setMargin(2 * GAP)
        self._stack.addWidget(self._waiting)
        self._stack.setCurrentWidget(self._waiting)
        self._missing_box = ServiceBanner(self._language, self._service.refresh)
        self._act_box = ActBanner(self._language)
        boxes: list[QFrame] = [self._missing_box, self._act_box]
        right = column(*boxes, self._stack, gap=0)
        whole = beside(self._navigation, right, gap=0)
        self.fill(whole)

    def _navigation_list(self) -> Navigation:
        made = Navigation({name: self._(text) for name, text in NAVIGATION.items()}, self._("Pages"))
        for number in range(len(NAVIGATION)):
            QShortcut(QKeySequence(f"Alt+{number + 1}"), self, lambda number=number: self._navigate(number))
        made.currentRowChanged.connect(self._navigate)
        return made

    def _navigate(self, number: int) -> None:
        name = list(NAVIGATION)[number]
        if _top(self._place.page) != name or self._place.page != name:
            self.go(Place(name))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Leave the page most of a narrow window."""
        super().resizeEvent(event)
        self._navigation.fit(self.width())

    def _show(self, snapshot: ServiceSnapshot) -> None:
        """A reading has come: whatever was missing is there again."""
        self._snapshot = snapshot
        self._acts.locks = snapshot.locks
        self._missing_box.found()
        count = snapshot.pending()
        line = self._navigation.item(list(NAVIGATION).index(applications_page.NAME))
        name = self._(NAVIGATION[applications_page.NAME])
        line.setText(f"{name} ({count})" if count else name)
        self._show_place()

    def _show_place(self) -> None:
        number = list(NAVIGATION).index(_top(self._place.page))
        self._navigation.blockSignals(True)  # noqa: FBT003 - Qt's signature
        self._navigation.setCurrentRow(number)
        self._navigation.blockSignals(False)  # noqa: FBT003 - Qt's signature
        self._open_application()
        if self._snapshot is None or not self._is_ready(self._snapshot):
            return
        page = self._pages[self._place.page]
        has_focus = not self._navigation.hasFocus() and self._stack.currentWidget() is not page
        page.show_place(self._place, self._snapshot)
        self._stack.setCurrentWidget(page)
        if has_focus and not self._is_inside(page):
            page.focusNextPrevChild(True)  # noqa: FBT003 - Qt's signature

    def _is_ready(self, snapshot: ServiceSnapshot) -> bool:
        page = self._place.page
        return snapshot.is_whole or (page in _AT_ONCE and (snapshot.has_applications or page != applications_page.NAME))

    def _open_application(self) -> None:
        """Have the questions of the application whose page is open in each reading, and at once if this one lacks them."""
        opened = self._place.application if self._place.page in _OF_ONE_APPLICATION else ""
        self._service.opened = opened
        is_there = self._snapshot is not None and self._snapshot.is_whole
        if not opened or not is_there or self._reading == opened or (self._snapshot and self._snapshot.opened == opened):
            return
        self._reading = opened
        self._service.look(lambda control: read_opened(control, opened), lambda answer: self._have_opened(opened, answer))

    def _have_opened(self, opened: str, answer: list[Row] | Failure) -> None:
        self._reading = "" if self._reading == opened else self._reading
        if isinstance(answer, Failure):
            self._service.refresh()  # which says what is wrong, and tries again
        elif self._snapshot is not None and self._service.opened == opened:
            self._snapshot = self._snapshot._replace(opened=opened, questions=answer)
            self._show_place()

    def _look_at(self, app_id: str) -> None:
        self.go(Place(application_page.NAME, app_id) if app_id else Place(applications_page.NAME))

    def _is_inside(self, page: WindowPage) -> bool:
        focus: QWidget | None = self.focusWidget()
        return focus is not None and page.isAncestorOf(focus)

    def _miss(self, failure: Failure) -> None:
        """A reading failed. What was read before stays on the page, if there is anything."""
        self._missing_box.miss(failure, failure_line(failure, self._language.words))
        if self._snapshot is None:
            why = quoted(failure.message) if failure.exit_code == UNAVAILABLE else ""
            self._waiting.setText(why or self._("Nothing can be shown yet."))

    def _leave(self) -> None:
        """Esc: back from a page below another, else close."""
        below = _BELOW.get(self._place.page)
        if below == application_page.NAME:
            key = f"{self._place.application}/{self._place.question}"
            self.go(Place(below, self._place.application, part=f"details:{key}"))
        elif below:
            self.go(Place(below, self._place.application, part="applications"))
        else:
            self.close()


def _top(page: str) -> str:
    """The page on the left that a page belongs to."""
    while page in _BELOW:
        page = _BELOW[page]
    return page
