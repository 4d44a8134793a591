"""Buttons and paragraphs that wrap, so that nothing is cut off where a window is narrow or a font large."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionFocusRect,
    QStylePainter,
    QWidget,
)

from telemetryd.settings.widgets.legible import GRAPHIC_LEAST, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor, QPaintEvent, QResizeEvent

FLAGS = int(Qt.TextFlag.TextShowMnemonic | Qt.TextFlag.TextWordWrap)
"""How a text on a button is laid out."""
_TALL = 10_000
_LEAST_LETTERS = 8
"""A paragraph is never narrower than so many wide letters."""
_PIECE = 10
"""Letters between two places where a word is broken that is longer than its line."""
_BREAK = "\N{ZERO WIDTH SPACE}"
_NO_BREAK = "\N{NO-BREAK SPACE}"


class WrappingButton(QPushButton):
    """A button whose text wraps. `widen` gives it the width of its twin."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._twin = 0
        take_height_for_width(self)

    def widen(self, width: int) -> None:
        """Be as wide as another button, if there is room."""
        self._twin = width
        self.updateGeometry()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The text in one line."""
        hint = super().sizeHint()
        return QSize(max(hint.width(), self._twin), hint.height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The longest word."""
        return QSize(longest_word(self) + self._around().width(), super().sizeHint().height())

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As many lines as the text needs."""
        around = self._around()
        return max(super().sizeHint().height(), wrapped(self, width - around.width()).height() + around.height())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """As the style paints it, if the text has room in one line. Fusion's edge is hardly seen in dark colours: it is drawn again."""
        if self.width() >= super().sizeHint().width():
            super().paintEvent(event)
        else:
            self._paint_wrapped()
        if self.style().objectName() == "fusion" and not self.hasFocus():
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(edge(self), 1))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 2, 2)
            painter.end()

    def _paint_wrapped(self) -> None:
        option = QStyleOptionButton()
        self.initStyleOption(option)
        painter = QStylePainter(self)
        painter.drawControl(QStyle.ControlElement.CE_PushButtonBevel, option)
        flags = FLAGS | int(Qt.AlignmentFlag.AlignCenter)
        painter.drawItemText(
            self.rect().adjusted(4, 2, -4, -2), flags, self.palette(), self.isEnabled(), self.text(), self.foregroundRole()
        )
        if self.hasFocus():
            paint_focus(painter, self, self.rect().adjusted(3, 3, -3, -3))

    def _around(self) -> QSize:
        text = self.fontMetrics().size(FLAGS & ~int(Qt.TextFlag.TextWordWrap), self.text())
        return super().sizeHint() - text


class Paragraph(QLabel):
    """A label that wraps anywhere in a word that is longer than a line: no foreign text pushes a button out of the window."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._whole = text
        self.setWordWrap(True)

    def text(self) -> str:
        """The text as it was given."""
        return self._whole

    def setText(self, text: str) -> None:  # noqa: N802 - Qt's name
        """Show a text."""
        self._whole = text
        self._break()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """A few letters: a longer word is broken."""
        hint = super().minimumSizeHint()
        return QSize(min(hint.width(), _LEAST_LETTERS * self.fontMetrics().horizontalAdvance("M")), hint.height())

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Another width breaks other words."""
        super().resizeEvent(event)
        self._break()

    def _break(self) -> None:
        width, metrics = self.contentsRect().width(), self.fontMetrics()

        def broken(found: re.Match[str]) -> str:
            word = found[0]
            is_long = len(word) > _PIECE and metrics.horizontalAdvance(word) > width
            return _BREAK.join(word[start : start + _PIECE] for start in range(0, len(word), _PIECE)) if is_long else word

        unbroken = re.sub(r" (?==)|(?<==) ", _NO_BREAK, self._whole)  # no line ends within "ε = 2"
        shown = re.sub(r"[^\s/-]+", broken, unbroken)
        if shown != super().text():
            super().setText(shown)
            self.setAccessibleName(self._whole if shown != self._whole else "")


def edge(made: QWidget) -> QColor:
    """A colour for the edge of a part that is pressed or chosen, seen on what is behind."""
    palette = made.palette()
    return readable(palette.color(palette.ColorRole.Mid), palette.color(palette.ColorRole.Window), GRAPHIC_LEAST)


def equal(buttons: Sequence[WrappingButton]) -> None:
    """Give buttons the width of the widest."""
    width = max((one.sizeHint().width() for one in buttons), default=0)
    for one in buttons:
        one.widen(width)


def take_height_for_width(made: QWidget) -> None:
    """Let a layout ask the part how high it has to be. It may be higher or lower than its hint, which does not know the width."""
    policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
    policy.setHeightForWidth(True)
    made.setSizePolicy(policy)


def wrapped(made: QAbstractButton, width: int) -> QRect:
    """The place that its text needs at a width."""
    return made.fontMetrics().boundingRect(QRect(0, 0, max(1, width), _TALL), FLAGS, made.text())


def longest_word(made: QAbstractButton) -> int:
    """The width of the longest word of its text."""
    return wrapped(made, 1).width()


def paint_focus(painter: QStylePainter, made: QWidget, place: QRect) -> None:
    """The style's mark of the focus, around a place of a widget."""
    option = QStyleOptionFocusRect()
    option.initFrom(made)
    option.rect = place
    painter.drawPrimitive(QStyle.PrimitiveElement.PE_FrameFocusRect, option)
