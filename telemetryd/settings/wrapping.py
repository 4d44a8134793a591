"""Buttons, choices and paragraphs that wrap, so that nothing is cut off where a window is narrow or a font large."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import (
    QAbstractButton,
    QLabel,
    QPushButton,
    QRadioButton,
    QSizePolicy,
    QStyle,
    QStyleOptionButton,
    QStyleOptionFocusRect,
    QStylePainter,
    QWidget,
)

from telemetryd.settings.legible import GRAPHIC_LEAST, readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QColor, QKeyEvent, QPaintEvent, QResizeEvent

_FLAGS = int(Qt.TextFlag.TextShowMnemonic | Qt.TextFlag.TextWordWrap)
_TALL = 10_000
_ACROSS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_ARROWS = {**_ACROSS, Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
_LEAST_LETTERS = 8
"""A paragraph is never narrower than so many wide letters."""
_PIECE = 10
"""Letters between two places where a word is broken that is longer than its line."""
_BREAK = "\N{ZERO WIDTH SPACE}"


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
        return QSize(_longest_word(self) + self._around().width(), super().sizeHint().height())

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As many lines as the text needs."""
        around = self._around()
        return max(super().sizeHint().height(), _wrapped(self, width - around.width()).height() + around.height())

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
        flags = _FLAGS | int(Qt.AlignmentFlag.AlignCenter)
        painter.drawItemText(
            self.rect().adjusted(4, 2, -4, -2), flags, self.palette(), self.isEnabled(), self.text(), self.foregroundRole()
        )
        if self.hasFocus():
            paint_focus(painter, self, self.rect().adjusted(3, 3, -3, -3))

    def _around(self) -> QSize:
        text = self.fontMetrics().size(_FLAGS & ~int(Qt.TextFlag.TextWordWrap), self.text())
        return super().sizeHint() - text


class WrappingChoice(QRadioButton):
    """A radio button of a group, whose text wraps beside it. Arrows only move the focus. A click asks: it chooses nothing by itself."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        take_height_for_width(self)

    def nextCheckState(self) -> None:  # noqa: N802 - Qt's name
        """Stay as it is after a click; leave the place to another of the group."""
        group = self.group()
        if self.isChecked() and group.checkedButton() is not self:
            self.setChecked(False)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Qt's own arrows would click."""
        key = Qt.Key(event.key())
        step = _ARROWS.get(key, 0)
        if not step:
            super().keyPressEvent(event)
            return
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft and key in _ACROSS:
            step = -step
        others = [one for one in self.group().buttons() if one.isEnabled()]
        others[(others.index(self) + step) % len(others)].setFocus(Qt.FocusReason.TabFocusReason)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The longest word."""
        return QSize(_longest_word(self) + self._beside(), super().sizeHint().height())

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As many lines as the text needs."""
        return max(super().sizeHint().height(), _wrapped(self, width - self._beside()).height() + 4)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The style's indicator and text, and a line around the indicator that is seen: Fusion's own is not in dark palettes."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        painter, style = QStylePainter(self), self.style()
        text = style.subElementRect(QStyle.SubElement.SE_RadioButtonContents, option, self)
        option.rect = style.subElementRect(QStyle.SubElement.SE_RadioButtonIndicator, option, self)
        painter.drawPrimitive(QStyle.PrimitiveElement.PE_IndicatorRadioButton, option)
        if style.objectName() == "fusion":
            self._outline(painter, option.rect)
        flags = _FLAGS | int(style.visualAlignment(self.layoutDirection(), Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter)
        painter.drawItemText(text, flags, self.palette(), self.isEnabled(), self.text(), self.foregroundRole())
        if self.hasFocus():
            shown = style.itemTextRect(self.fontMetrics(), text, flags, self.isEnabled(), self.text())
            paint_focus(painter, self, shown.adjusted(-3, -1, 3, 1).intersected(self.rect()))

    def _outline(self, painter: QPainter, place: QRect) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(edge(self), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        side = min(place.width(), place.height()) - 1
        painter.drawEllipse(QRect(place.x(), place.y(), side, side))

    def _beside(self) -> int:
        return int(super().sizeHint().width() - self.fontMetrics().size(int(Qt.TextFlag.TextShowMnemonic), self.text()).width())


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

        shown = re.sub(r"[^\s/-]+", broken, self._whole)
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


def _wrapped(made: QAbstractButton, width: int) -> QRect:
    return made.fontMetrics().boundingRect(QRect(0, 0, max(1, width), _TALL), _FLAGS, made.text())


def _longest_word(made: QAbstractButton) -> int:
    return _wrapped(made, 1).width()


def paint_focus(painter: QStylePainter, made: QWidget, place: QRect) -> None:
    """The style's mark of the focus, around a place of a widget."""
    option = QStyleOptionFocusRect()
    option.initFrom(made)
    option.rect = place
    painter.drawPrimitive(QStyle.PrimitiveElement.PE_FrameFocusRect, option)
