"""Pictures for people who would rather look than read. Each has its text for a screen reader, and none speaks by colour alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPalette, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor, QPaintEvent

_PAD = 6.0
_DOTS, _DOTS_A_ROW = 100, 25


class Picture(QWidget):
    """Draws with the colours of the palette."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self.setAccessibleName(text)
        self.setObjectName(name)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    @property
    def line(self) -> float:
        """The height of a line of text."""
        return float(self.fontMetrics().height())

    def colour(self, role: QPalette.ColorRole) -> QColor:
        """A colour of the palette."""
        return self.palette().color(role)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(self.colour(QPalette.ColorRole.WindowText))
        self.draw(painter)
        painter.end()

    def draw(self, painter: QPainter) -> None:
        """Draw with the colour of text."""
        raise NotImplementedError


class Bins(Picture):
    """The possible answers of one source as boxes in a row; the present one is filled and has a mark above it."""

    def __init__(self, labels: Sequence[str], present: int, *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._labels, self._present = labels, present

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As many lines as the boxes need at this width, for long labels wrap."""
        return QSize(200, int(3.2 * self.line + 3 * _PAD))

    def draw(self, painter: QPainter) -> None:
        """The boxes, in the direction of reading."""
        count, mark = len(self._labels), self.line * 0.7
        width = (self.width() - 1) / count
        order = reversed(range(count)) if self.layoutDirection() == Qt.LayoutDirection.RightToLeft else range(count)
        for place, index in enumerate(order):
            box = QRectF(place * width + 2, mark, width - 4, self.height() - mark - 2)
            is_present = index == self._present
            painter.setBrush(self.colour(QPalette.ColorRole.Highlight) if is_present else self.colour(QPalette.ColorRole.Base))
            painter.setPen(QPen(self.colour(QPalette.ColorRole.WindowText), 2 if is_present else 1))
            painter.drawRoundedRect(box, 4, 4)
            painter.setPen(self.colour(QPalette.ColorRole.HighlightedText if is_present else QPalette.ColorRole.Text))
            painter.drawText(box.adjusted(3, 2, -3, -2), Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, self._labels[index])
            if is_present:
                self._mark(painter, box.center().x(), mark)

    def _mark(self, painter: QPainter, centre: float, height: float) -> None:
        painter.setBrush(self.colour(QPalette.ColorRole.WindowText))
        painter.setPen(Qt.PenStyle.NoPen)
        half = height / 2
        painter.drawPolygon([QPointF(centre - half, 1), QPointF(centre + half, 1), QPointF(centre, height - 2)])


class Noise(Picture):
    """A hundred people who answer alike: full dots send that answer, rings another one."""

    def __init__(self, truth: int, *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._truth = truth

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Four rows of dots."""
        step = self.line
        return QSize(int(step * _DOTS_A_ROW), int(step * _DOTS / _DOTS_A_ROW))

    def draw(self, painter: QPainter) -> None:
        """The dots, the full ones first."""
        step = self.line
        is_mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for index in range(_DOTS):
            across = (index % _DOTS_A_ROW + 0.5) * step
            centre = QPointF(self.width() - across if is_mirrored else across, (index // _DOTS_A_ROW + 0.5) * step)
            is_true = index < self._truth
            painter.setBrush(self.colour(QPalette.ColorRole.Highlight) if is_true else Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.colour(QPalette.ColorRole.WindowText), 1))
            painter.drawEllipse(centre, step * 0.32, step * 0.32)


class Spent(NamedTuple):
    """Parts of a limit, from 0 to 1."""

    used: float
    promised: float


class Bar(Picture):
    """A limit: the used part is filled, the promised part is hatched."""

    def __init__(self, spent: Spent, *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._spent = spent

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """One line."""
        return QSize(200, int(self.line))

    def draw(self, painter: QPainter) -> None:
        """The bar, in the direction of reading."""
        frame = QRectF(0.5, 2.5, self.width() - 1, self.height() - 5)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        highlight = self.colour(QPalette.ColorRole.Highlight)
        used, promised = min(1.0, self._spent.used), min(1.0, self._spent.used + self._spent.promised)
        painter.fillRect(frame, self.colour(QPalette.ColorRole.Base))
        painter.fillRect(QRectF(frame.x(), frame.y(), frame.width() * promised, frame.height()), Qt.BrushStyle.BDiagPattern)
        painter.fillRect(QRectF(frame.x(), frame.y(), frame.width() * used, frame.height()), highlight)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame)


class Timeline(Picture):
    """The last months, with a square for each report that was sent in them."""

    def __init__(self, months: Sequence[tuple[str, int]], *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._months = months

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Squares over the names of months."""
        return QSize(300, int(3.6 * self.line))

    def draw(self, painter: QPainter) -> None:
        """One column a month, in the direction of reading."""
        width, count = self.width() / len(self._months), len(self._months)
        most = max(4, *(number for _, number in self._months))
        base, is_mirrored = self.height() - 1.4 * self.line, self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for index, (month, number) in enumerate(self._months):
            left = (count - 1 - index if is_mirrored else index) * width
            height = (base - self.line) * number / most
            if number:
                painter.fillRect(QRectF(left + width * 0.3, base - height, width * 0.4, height), self.colour(QPalette.ColorRole.Highlight))
                painter.drawRect(QRectF(left + width * 0.3, base - height, width * 0.4, height))
                painter.drawText(QRectF(left, base - height - self.line, width, self.line), Qt.AlignmentFlag.AlignCenter, str(number))
            painter.drawText(QRectF(left, base + 2, width, self.line), Qt.AlignmentFlag.AlignCenter, month)
        painter.drawLine(QPointF(0, base), QPointF(self.width(), base))
