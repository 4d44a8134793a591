"""The pages on the left: a line or more each, and never more than a third of the window."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPalette
from PySide6.QtWidgets import QFrame, QListWidget, QListWidgetItem, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from telemetryd.settings.widgets.plain import GAP

if TYPE_CHECKING:
    from collections.abc import Mapping

_WIDEST = 260
_INSET = 6
"""Pixels between the edge and the lines."""
_BESIDE_TEXT = 8
"""Pixels on both sides of a text, within the mark of the chosen page. Styles keep three, which looks cut off."""
_TALL = 10_000
_COUNT = " (1000)"
"""Room is kept for a number behind each name, so that the pages stay where they are."""


class Navigation(QListWidget):
    """`names` are page → its name, in the user's language. A page's item has the page as its UserRole."""

    def __init__(self, names: Mapping[str, str], about: str) -> None:
        super().__init__()
        self.setObjectName("navigation")
        self.setAccessibleName(about)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSpacing(2)
        self.setItemDelegate(_Line(self))
        self.setViewportMargins(_INSET, _INSET, _INSET, _INSET)
        for name, text in names.items():
            item = QListWidgetItem(text)
            item.setData(Qt.ItemDataRole.UserRole, name)
            self.addItem(item)
        self.setAutoFillBackground(True)
        self.setBackgroundRole(QPalette.ColorRole.Base)
        self.itemChanged.connect(self._give_room)
        self._widest = max(self.fontMetrics().horizontalAdvance(text + _COUNT) for text in names.values())
        self._beside = 2 * (_INSET + self.spacing() + _BESIDE_TEXT)

    def fit(self, window_width: int) -> None:
        """Take a width that suits the window, and the lines that the names need at that width."""
        width = min(_WIDEST, window_width // 3, self._widest + self._beside)
        if width == self.width():
            return
        self.setFixedWidth(width)
        for index in range(self.count()):
            self._give_room(self.item(index))

    def _give_room(self, item: QListWidgetItem) -> None:
        """Make a line as high as its text has to be at this width."""
        room = QRect(0, 0, self.width() - self._beside, _TALL)
        size = QSize(0, self.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, item.text()).height() + GAP)
        if size != item.sizeHint():
            item.setSizeHint(size)


class _Line(QStyledItemDelegate):
    """A line as the style paints it, but for the place of the text."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """The mark of the chosen page, and the text with room on both sides."""
        line = QStyleOptionViewItem(option)
        self.initStyleOption(line, index)
        text, line.text = line.text, ""
        style = line.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, line, painter, line.widget)
        is_chosen = bool(line.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if is_chosen else QPalette.ColorRole.Text
        left = style.visualAlignment(line.direction, Qt.AlignmentFlag.AlignLeft)
        flags = int(left | Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap)
        place = line.rect.adjusted(_BESIDE_TEXT, 0, -_BESIDE_TEXT, 0)
        style.drawItemText(painter, place, flags, line.palette, bool(line.state & QStyle.StateFlag.State_Enabled), text, role)
