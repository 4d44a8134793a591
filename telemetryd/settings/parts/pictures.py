"""Pictures for people who would rather look than read. Each has its text for a screen reader, and none speaks by colour alone."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QPainter, QPalette, QPen, QPixmap
from PySide6.QtWidgets import QLabel

from telemetryd.settings.widgets.legible import GRAPHIC_LEAST, readable
from telemetryd.settings.widgets.wrapping import take_height_for_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor, QPaintEvent

_PAD = 6.0
_GAP = 4.0
_DOTS, _DOTS_A_ROW = 100, 25
_WRAPPED = int(Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap)
_LINES_MAX = 3
"""Most lines of a text in a box, before fewer boxes stand beside each other."""
_TALL = 10_000


class Picture(QLabel):
    """Draws with the colours of the palette. For a screen reader it is a graphic, as a label with a pixmap is."""

    def __init__(self, text: str, name: str) -> None:
        super().__init__()
        self.setPixmap(QPixmap(1, 1))
        self.setAccessibleName(text)
        self.setObjectName(name)
        take_height_for_width(self)

    @property
    def line(self) -> float:
        """The height of a line of text."""
        return float(self.fontMetrics().height())

    @property
    def is_mirrored(self) -> bool:
        """Whether people read from the right."""
        return self.layoutDirection() == Qt.LayoutDirection.RightToLeft

    @property
    def accent(self) -> QColor:
        """The accent of the palette, if need be with more contrast to what is behind."""
        return readable(self.colour(QPalette.ColorRole.Highlight), self.colour(QPalette.ColorRole.Window), GRAPHIC_LEAST)

    def colour(self, role: QPalette.ColorRole) -> QColor:
        """A colour of the palette."""
        return self.palette().color(role)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as at a usual width."""
        return QSize(300, self.heightForWidth(300))

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """It shrinks with the window."""
        return QSize(100, 1)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Its height follows from its width."""
        return True

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Pixels."""
        raise NotImplementedError

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
    """The possible answers of one source as boxes in lines; the present one is filled and has a mark above it."""

    def __init__(self, labels: Sequence[str], present: int, *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._labels, self._present = labels, present

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Fewer boxes beside each other where their texts need it."""
        across, high = self._measure(width)
        return ceil(ceil(len(self._labels) / across) * (high + self._mark_height))

    def draw(self, painter: QPainter) -> None:
        """The boxes, in the direction of reading."""
        across, high = self._measure(self.width())
        wide = (self.width() + _GAP) / across
        for index, text in enumerate(self._labels):
            line, place = divmod(index, across)
            left = (across - 1 - place if self.is_mirrored else place) * wide + 1
            box = QRectF(left, line * (high + self._mark_height) + self._mark_height, wide - _GAP - 2, high - 2)
            self._box(painter, box, text, is_present=index == self._present)

    @property
    def _mark_height(self) -> float:
        return self.line * 0.7 if self._present >= 0 else _GAP

    def _box(self, painter: QPainter, box: QRectF, text: str, *, is_present: bool) -> None:
        roles = QPalette.ColorRole
        painter.setBrush(self.colour(roles.Highlight) if is_present else Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(self.colour(roles.WindowText), 2 if is_present else 1))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(self.colour(roles.HighlightedText if is_present else roles.WindowText))
        painter.drawText(box.adjusted(_PAD, 0, -_PAD, 0), _WRAPPED, text)
        if is_present:
            self._mark(painter, box.center().x(), box.top())

    def _measure(self, width: int) -> tuple[int, float]:
        """(boxes beside each other, height of a box): as many as have room for their texts."""
        count = len(self._labels)
        for lines in range(1, count + 1):
            across = ceil(count / lines)
            room = int((width + _GAP) / across - _GAP - 2 - 2 * _PAD)
            texts = [self.fontMetrics().boundingRect(QRect(0, 0, room, _TALL), _WRAPPED, text) for text in self._labels]
            high = max(text.height() for text in texts)
            if across == 1 or (max(text.width() for text in texts) <= room and high <= _LINES_MAX * self.line):
                return across, high + 2 * _PAD
        return 1, self.line

    def _mark(self, painter: QPainter, centre: float, bottom: float) -> None:
        painter.setBrush(self.colour(QPalette.ColorRole.WindowText))
        painter.setPen(Qt.PenStyle.NoPen)
        half = self._mark_height / 2
        top = bottom - self._mark_height
        painter.drawPolygon([QPointF(centre - half, top + 1), QPointF(centre + half, top + 1), QPointF(centre, bottom - 3)])


class Noise(Picture):
    """A hundred people who answer alike: full dots send that answer, rings another one."""

    def __init__(self, truth: int, *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._truth = truth

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """Four rows of dots."""
        return ceil(self._step(width) * _DOTS / _DOTS_A_ROW)

    def draw(self, painter: QPainter) -> None:
        """The dots, the full ones first."""
        step = self._step(self.width())
        painter.setPen(QPen(self.colour(QPalette.ColorRole.WindowText), 1))
        for index in range(_DOTS):
            across = (index % _DOTS_A_ROW + 0.5) * step
            centre = QPointF(self.width() - across if self.is_mirrored else across, (index // _DOTS_A_ROW + 0.5) * step)
            painter.setBrush(self.accent if index < self._truth else Qt.BrushStyle.NoBrush)
            painter.drawEllipse(centre, step * 0.34, step * 0.34)

    def _step(self, width: int) -> float:
        return min(self.line * 1.1, width / _DOTS_A_ROW)


class Spent(NamedTuple):
    """Parts of a limit, from 0 to 1."""

    used: float
    promised: float


class Bar(Picture):
    """A limit: the used part is filled, the promised part is hatched."""

    def __init__(self, spent: Spent, *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._spent = spent

    def heightForWidth(self, _width: int) -> int:  # noqa: N802 - Qt's name
        """One line."""
        return ceil(self.line)

    def draw(self, painter: QPainter) -> None:
        """The bar, in the direction of reading."""
        frame = QRectF(0.5, 1.5, self.width() - 1, self.height() - 3)
        if self.is_mirrored:
            painter.translate(self.width(), 0)
            painter.scale(-1, 1)
        text = self.colour(QPalette.ColorRole.WindowText)
        used, promised = min(1.0, self._spent.used), min(1.0, self._spent.used + self._spent.promised)
        for part, brush in ((promised, QBrush(text, Qt.BrushStyle.BDiagPattern)), (used, QBrush(self.accent))):
            if part:
                filled = QRectF(frame.x(), frame.y(), frame.width() * part, frame.height())
                painter.fillRect(filled, self.colour(QPalette.ColorRole.Window))
                painter.fillRect(filled, brush)
                painter.drawRect(filled)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(frame)


class Timeline(Picture):
    """The last months, with a column for those in which reports were sent."""

    def __init__(self, months: Sequence[tuple[str, int]], *, text: str, name: str) -> None:
        super().__init__(text, name)
        self._months = months

    def heightForWidth(self, _width: int) -> int:  # noqa: N802 - Qt's name
        """Columns over the names of months."""
        return ceil(4.4 * self.line)

    def draw(self, painter: QPainter) -> None:
        """One column a month, in the direction of reading. Where there is no room, only some months are named."""
        width, count = self.width() / len(self._months), len(self._months)
        most, base = max(4, *(number for _, number in self._months)), self.height() - 1.4 * self.line
        widest = max(self.fontMetrics().horizontalAdvance(month + " ") for month, _ in self._months)
        named = ceil(widest / width)
        for index, (month, number) in enumerate(self._months):
            left = (count - 1 - index if self.is_mirrored else index) * width
            height = (base - self.line) * number / most
            if number:
                painter.setBrush(self.accent)
                painter.drawRect(QRectF(left + width * 0.25, base - height, width * 0.5, height))
                self._text(painter, QPointF(left + width / 2, base - height - self.line), str(number))
            if (count - 1 - index) % named == 0:
                self._text(painter, QPointF(left + width / 2, base + 2), month)
        painter.drawLine(QPointF(0, base), QPointF(self.width(), base))

    def _text(self, painter: QPainter, top: QPointF, text: str) -> None:
        """A text whose middle is below a point, moved into the picture."""
        wide = self.fontMetrics().horizontalAdvance(text) + 2.0
        left = min(max(0.0, top.x() - wide / 2), self.width() - wide)
        painter.drawText(QRectF(left, top.y(), wide, self.line), Qt.AlignmentFlag.AlignCenter, text)
