"""What parts of the window lie on: the window and its colours, what scrolls, cards, and fields of exact bytes."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QRectF, QSize, Qt
from PySide6.QtGui import QFontDatabase, QPainter, QPalette, QPen, QTextDocument
from PySide6.QtWidgets import QApplication, QFocusFrame, QFrame, QLayout, QMainWindow, QPlainTextEdit, QScrollArea, QStylePainter, QWidget
from shiboken6 import isValid

from telemetryd.settings.widgets import told_areas
from telemetryd.settings.widgets.legible import blend, legible, raised, readable
from telemetryd.settings.widgets.wrapping import edge, paint_focus, take_height_for_width

if TYPE_CHECKING:
    from PySide6.QtGui import QPaintEvent, QResizeEvent

_INSET = 2
_RING_LEAST = 3.5
"""Contrast of the ring around what has the focus, drawn with soft edges: WCAG asks for 3."""
"""Pixels around the mark of the focus."""
_ROUND, _EDGE = 6.0, 0.28
"""A card's corners in pixels, and how much of its edge is the colour of text."""
_FIXED_LINES_MAX, _USUAL = 12, 300
"""Lines of exact bytes that are seen without scrolling, and a width in pixels before the width is known."""


class Body(QWidget):
    """What scrolls in an area. If the area itself has the focus, to be scrolled by keys, a frame shows it."""

    def __init__(self, area: QScrollArea) -> None:
        super().__init__()
        self._area = area
        area.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """The area got the focus, or lost it."""
        if event.type() in {QEvent.Type.FocusIn, QEvent.Type.FocusOut}:
            self.update()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The frame of the style."""
        super().paintEvent(event)
        if self._area.hasFocus():
            place = self.visibleRegion().boundingRect().adjusted(_INSET, _INSET, -_INSET, -_INSET)
            paint_focus(QStylePainter(self), self, place)


class FocusRing(QFocusFrame):
    """A ring around what has the focus, in the accent, with 3 : 1 to what is behind."""

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Two pixels wide, around the part."""
        palette = self.palette()
        behind = palette.color(palette.ColorRole.Window)
        accent = readable(palette.color(palette.ColorRole.Highlight), behind, _RING_LEAST)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(accent, 2))
        parent = self.parentWidget()
        seen = self.geometry().intersected(parent.rect()).translated(-self.pos()) if parent else self.rect()
        painter.drawRoundedRect(QRectF(seen).adjusted(1, 1, -1, -1), 4, 4)
        painter.end()


class FocusFollower(QObject):
    """Puts the ring around the part of a window that has the focus by keys. Only in Fusion: there the mark of the focus is hardly seen."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window, self._ring = window, FocusRing()
        if isinstance(application := QApplication.instance(), QApplication):
            application.focusChanged.connect(self._follow)

    def _follow(self, _before: QWidget | None, now: QWidget | None) -> None:
        if not isValid(self._window):  # a dialog that is being deleted
            return
        if isValid(self._ring):  # it goes with the part that it is around
            self._ring.deleteLater()
        is_by_keys = self._window.testAttribute(Qt.WidgetAttribute.WA_KeyboardFocusChange)
        if now is not None and is_by_keys and now.window() is self._window and now.style().objectName() == "fusion":
            self._ring = FocusRing(now.parentWidget())
            self._ring.setWidget(now)
            self._ring.raise_()  # Qt puts it below, where the part beside hides it


class PlainWindow(QMainWindow):
    """A window in the platform's colours, corrected only where a text could not be read in them."""

    def __init__(self) -> None:
        super().__init__()
        self.setPalette(legible(QApplication.palette()))
        told_areas.install()
        FocusFollower(self)

    def fill(self, layout: QLayout) -> None:
        """Show what is in a layout. A window of this kind is one for screen readers too; a bare widget is not."""
        inside = QWidget()
        inside.setLayout(layout)
        self.setCentralWidget(inside)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the platform from light to dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self.setPalette(legible(QApplication.palette()))


class Card(QFrame):
    """A frame around parts that belong together, on the colour of lists and fields."""

    def __init__(self) -> None:
        super().__init__()
        self.setPalette(raised(QApplication.palette()))

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the platform from light to dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self.setPalette(raised(QApplication.palette()))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """An edge of the palette's own colours: a style's is often hardly seen."""
        palette = self.palette()
        behind = palette.color(palette.ColorRole.Window)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(blend(palette.color(palette.ColorRole.WindowText), behind, _EDGE), 1))
        painter.setBrush(behind)
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), _ROUND, _ROUND)
        painter.end()


class Verbatim(QPlainTextEdit):
    """Exact bytes: monospaced, selectable, read only, as high as they need up to a limit. Tab leaves it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.setPlainText(text)
        self.setReadOnly(True)
        self.setTabChangesFocus(True)
        self.setFrameStyle(int(QFrame.Shape.Box) | int(QFrame.Shadow.Plain))
        self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        font.setPointSizeF(self.font().pointSizeF())
        self.setFont(font)
        take_height_for_width(self)
        self._colour_edge()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        """Follow the platform from light to dark."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ApplicationPaletteChange:
            self._colour_edge()

    def _colour_edge(self) -> None:
        """The frame is all that is drawn with this colour here."""
        palette = QPalette()
        palette.setResolveMask(0)
        palette.setColor(QPalette.ColorRole.WindowText, edge(self))
        self.setPalette(palette)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as at a usual width."""
        return QSize(_USUAL, self.heightForWidth(_USUAL))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """It shrinks with the window."""
        return QSize(_USUAL // 3, self.fontMetrics().height())

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """More lines where it is narrow."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """The lines of the text at this width, up to a limit."""
        frame = 2 * self.frameWidth()
        laid_out = QTextDocument(self.toPlainText())
        laid_out.setDefaultFont(self.font())
        laid_out.setDefaultTextOption(self.document().defaultTextOption())
        laid_out.setTextWidth(width - frame)
        return min(self._most, ceil(laid_out.size().height())) + frame + _INSET

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """A bar only beside what is too long: it would take width, and that more lines."""
        is_whole = self.height() >= self.heightForWidth(self.width()) < self._most
        never, if_needed = Qt.ScrollBarPolicy.ScrollBarAlwaysOff, Qt.ScrollBarPolicy.ScrollBarAsNeeded
        self.setVerticalScrollBarPolicy(never if is_whole else if_needed)
        super().resizeEvent(event)

    @property
    def _most(self) -> int:
        return _FIXED_LINES_MAX * self.fontMetrics().lineSpacing()
