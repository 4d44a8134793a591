"""What every page does: show a snapshot again only if what it shows has changed, and keep focus and place when it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QApplication, QFrame, QLabel, QPushButton, QScrollArea, QWidget

from telemetryd.settings.widgets.plain import GAP, column
from telemetryd.settings.widgets.surfaces import Body

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from PySide6.QtGui import QKeyEvent
    from PySide6.QtWidgets import QLayout

    from telemetryd.ctl.control_client import ControlClient
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.acts import WindowActs
    from telemetryd.settings.reading.service_snapshot import ServiceSnapshot

    Part = QWidget | QLayout | None

_LINES_WIDE = 60
"""A page is never wider than so many lines are high: longer lines are hard to read."""

_OWN_MOVES = {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.MouseFocusReason}
"""Reasons of a move of the focus by the user."""


class Place(NamedTuple):
    """Where the window is: a page, and on it an application and one of its questions. `part` names what has the focus."""

    page: str
    application: str = ""
    question: str = ""
    part: str = ""


class PageSurroundings(NamedTuple):
    """What pages need: the user's acts, the language, a way to another place, and a way to ask the daemon."""

    acts: WindowActs
    language: UserLanguage
    go: Callable[[Place], object]
    look: Callable[[Callable[[ControlClient], Awaitable[Any]], Callable[[Any], None]], None]


class WindowPage(QScrollArea):
    """A page that scrolls. Its parts are made anew when what it shows has changed, and only then."""

    def __init__(self, around: PageSurroundings) -> None:
        super().__init__()
        self.around, self.language, self.acts = around, around.language, around.acts
        self._ = around.language.words.gettext
        self.place = Place("")
        self._shown: object = None
        self._sought = ""
        """The part that is to get the focus once it is there."""
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def show_place(self, place: Place, snapshot: ServiceSnapshot) -> None:
        """Show a snapshot at a place of this page."""
        is_moved, self.place = place != self.place, place
        wanted = self.shown(snapshot)
        if wanted == self._shown and not is_moved:
            return
        self._shown = wanted
        if is_moved:
            self._sought = place.part
        focus, position = self._focused(), self.verticalScrollBar().value()
        self._rebuild(snapshot)
        if not (self._restore(self._sought) or is_moved):
            self._restore(focus)
        self.verticalScrollBar().setValue(0 if is_moved else position)

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """What of the snapshot the page depends on."""
        raise NotImplementedError

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """The parts of the page, from the top."""
        raise NotImplementedError

    def _rebuild(self, snapshot: ServiceSnapshot) -> None:
        body = Body(self)
        layout = column(*self.parts(snapshot), None)
        layout.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
        body.setLayout(layout)
        body.setMaximumWidth(_LINES_WIDE * self.fontMetrics().height())
        self.setWidget(body)
        focusable = [child for child in body.findChildren(QWidget) if child.focusPolicy() & Qt.FocusPolicy.TabFocus]
        for child in focusable:
            child.installEventFilter(self)
        # A page with nothing to press is scrolled by the keyboard itself.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if focusable else Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(next((text.text() for text in body.findChildren(QLabel)), ""))

    def eventFilter(self, watched: QWidget, event: QFocusEvent | QKeyEvent) -> bool:  # type: ignore[override]  # noqa: N802 - Qt's name
        """Scroll to what gets the focus by a key. From then on the focus stays where the user puts it."""
        if event.type() == event.Type.FocusIn:
            self.ensureWidgetVisible(watched, 2 * GAP, 2 * GAP)
            if isinstance(event, QFocusEvent) and event.reason() in _OWN_MOVES:
                self._sought = ""
        return super().eventFilter(watched, event)

    def _focused(self) -> str:
        focus = QApplication.focusWidget()
        return focus.objectName() if focus and self.isAncestorOf(focus) else ""

    def _restore(self, name: str) -> bool:
        """Give the focus to the part of this name. If it is gone, to another part about the same thing. Returns whether there is one."""
        found = self.findChild(QWidget, name) if name else None
        about = name.partition(":")[2]
        if about and not (found and found.isEnabled()):
            found = next((one for one in self.findChildren(QPushButton) if one.objectName().endswith(":" + about)), None)
        if found:
            self._sought = ""
            found.setFocus(Qt.FocusReason.OtherFocusReason)
        return found is not None
