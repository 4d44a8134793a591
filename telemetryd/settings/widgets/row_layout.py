"""A row that wraps: where a window is narrow or a font large, what does not fit beside the rest goes below."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QStyle

_Placed = tuple[QLayoutItem, int, bool]
"""A part, its width, and whether it stands at the end of its line."""


class WrappingRow(QLayout):
    """Parts beside each other, in as many lines as they need; those after `push` end their line. Mirrored for right to left."""

    def __init__(self) -> None:
        super().__init__()
        self._items: list[QLayoutItem] = []
        self._pushed: int | None = None
        self._stretched: int | None = None

    def push(self) -> None:
        """What is added from now on stands at the end of its line."""
        self._pushed = len(self._items)

    def setStretch(self, index: int, _factor: int) -> None:  # noqa: N802 - as Qt's other layouts have it
        """Give a part what the others leave of a line. It takes a line for itself if that is less than half a line."""
        self._stretched = index

    def addItem(self, item: QLayoutItem) -> None:  # noqa: N802 - Qt's name
        """Qt calls it from addWidget."""
        self._items.append(item)

    def add_layout(self, layout: QLayout) -> None:
        """Add a part that is a layout."""
        self.addChildLayout(layout)
        self.addItem(layout)

    def count(self) -> int:
        """How many parts there are."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        """A part, or None."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:  # noqa: N802 - Qt's name
        """Remove a part."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:  # noqa: N802 - Qt's name
        """It is as wide as there is room."""
        return Qt.Orientation.Horizontal

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """More lines where it is narrow."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """The lines' heights and the gaps between them."""
        around = self._around()
        return self._arrange(QRect(0, 0, width - around.width(), 0), is_real=False) + around.height()

    def setGeometry(self, rect: QRect) -> None:  # noqa: N802 - Qt's name
        """Place the parts."""
        super().setGeometry(rect)
        self._arrange(rect.marginsRemoved(self.contentsMargins()), is_real=True)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """All parts in one line."""
        hints = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(hint.width() for hint in hints) + self.spacing() * max(0, len(hints) - 1)
        return QSize(width, max((hint.height() for hint in hints), default=0)) + self._around()

    def minimumSize(self) -> QSize:  # noqa: N802 - Qt's name
        """A part in each line."""
        least = [item.minimumSize() for item in self._items if not item.isEmpty()]
        whole = QSize(max((one.width() for one in least), default=0), max((one.height() for one in least), default=0))
        return whole + self._around()

    def _around(self) -> QSize:
        margins = self.contentsMargins()
        return QSize(margins.left() + margins.right(), margins.top() + margins.bottom())

    def _arrange(self, rect: QRect, *, is_real: bool) -> int:
        y = rect.y()
        for line in self._lines(rect.width()):
            height = max(_height(item, width) for item, width, _ in line)
            ends = [width for _, width, is_pushed in line if is_pushed]
            left, right = rect.x(), rect.right() + 1 - sum(ends) - self.spacing() * max(0, len(ends) - 1)
            for item, width, is_pushed in line:
                own = _height(item, width)
                place = QRect(QPoint(right if is_pushed else left, y + (height - own) // 2), QSize(width, own))
                if is_real:
                    item.setGeometry(QStyle.visualRect(self._direction(), rect, place))
                left, right = (left, right + width + self.spacing()) if is_pushed else (left + width + self.spacing(), right)
            y += height + self.spacing()
        return max(0, y - self.spacing() - rect.y())

    def _lines(self, width: int) -> list[list[_Placed]]:
        lines: list[list[_Placed]] = []
        room = -1
        for index, item in enumerate(self._items):
            if item.isEmpty():
                continue
            own = self._left_for(item, width) if index == self._stretched else min(width, item.sizeHint().width())
            if own > room:
                lines.append([])
                room = width
            lines[-1].append((item, own, self._pushed is not None and index >= self._pushed))
            room -= own + self.spacing()
        return lines

    def _left_for(self, part: QLayoutItem, width: int) -> int:
        others = [item.sizeHint().width() + self.spacing() for item in self._items if item is not part and not item.isEmpty()]
        left = width - sum(others)
        return left if left >= width // 2 else width

    def _direction(self) -> Qt.LayoutDirection:
        parent = self.parentWidget()
        return parent.layoutDirection() if parent else Qt.LayoutDirection.LeftToRight


def _height(item: QLayoutItem, width: int) -> int:
    return item.heightForWidth(width) if item.hasHeightForWidth() else item.sizeHint().height()
