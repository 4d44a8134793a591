"""Radio buttons and check boxes whose text wraps beside the mark. So nothing is cut off where a window is narrow or a font large."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QCheckBox, QRadioButton, QStyle, QStyleOptionButton, QStylePainter

from telemetryd.settings.widgets.wrapping import FLAGS, edge, longest_word, paint_focus, take_height_for_width, wrapped

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QKeyEvent, QPaintEvent

    _Button = QCheckBox
else:
    _Button = object  # Qt permits one base of its own, which the classes below name

_ACROSS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
_ARROWS = {**_ACROSS, Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}


class _Mark(NamedTuple):
    """How a style calls the mark beside a text, the mark's place and the text's place."""

    primitive: QStyle.PrimitiveElement
    place: QStyle.SubElement
    text: QStyle.SubElement
    is_round: bool


_RADIO = _Mark(
    QStyle.PrimitiveElement.PE_IndicatorRadioButton,
    QStyle.SubElement.SE_RadioButtonIndicator,
    QStyle.SubElement.SE_RadioButtonContents,
    is_round=True,
)
_CHECK = _Mark(
    QStyle.PrimitiveElement.PE_IndicatorCheckBox,
    QStyle.SubElement.SE_CheckBoxIndicator,
    QStyle.SubElement.SE_CheckBoxContents,
    is_round=False,
)


class _WrappingText(_Button):
    """The text of a button of Qt's, in as many lines as it needs, beside the button's mark. It stands before Qt's class."""

    _mark: ClassVar[_Mark]

    def __init__(self, text: str) -> None:
        super().__init__(text)
        take_height_for_width(self)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The longest word."""
        return QSize(longest_word(self) + self._beside(), super().sizeHint().height())

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As many lines as the text needs."""
        return max(super().sizeHint().height(), wrapped(self, width - self._beside()).height() + 4)

    def hitButton(self, place: QPoint) -> bool:  # noqa: N802 - Qt's name
        """On the mark and all lines of the text, of which Qt has the first only, and not on the empty place beside them."""
        beside = self._beside()
        hit = QRect(0, 0, beside + wrapped(self, self.width() - beside).width(), self.height())
        return QStyle.visualRect(self.layoutDirection(), self.rect(), hit).contains(place)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The style's mark, and the text beside it. Also a line around the mark that is seen: Fusion's own is not in dark palettes."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        painter, style = QStylePainter(self), self.style()
        text = style.subElementRect(self._mark.text, option, self)
        option.rect = style.subElementRect(self._mark.place, option, self)
        painter.drawPrimitive(self._mark.primitive, option)
        if style.objectName() == "fusion":
            self._outline(painter, option.rect)
        flags = FLAGS | int(style.visualAlignment(self.layoutDirection(), Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter)
        painter.drawItemText(text, flags, self.palette(), self.isEnabled(), self.text(), self.foregroundRole())
        if self.hasFocus():
            shown = style.itemTextRect(self.fontMetrics(), text, flags, self.isEnabled(), self.text())
            paint_focus(painter, self, shown.adjusted(-3, -1, 3, 1).intersected(self.rect()))

    def _outline(self, painter: QPainter, place: QRect) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, self._mark.is_round)
        painter.setPen(QPen(edge(self), 1))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        side = min(place.width(), place.height()) - 1
        square = QRect(place.x(), place.y(), side, side)
        if self._mark.is_round:
            painter.drawEllipse(square)
        else:
            painter.drawRect(square)

    def _beside(self) -> int:
        """The width of the mark and of what is around the text."""
        return int(super().sizeHint().width() - self.fontMetrics().size(int(Qt.TextFlag.TextShowMnemonic), self.text()).width())


class WrappingChoice(_WrappingText, QRadioButton):
    """A radio button of a group. Arrows only move the focus. A click asks: it chooses nothing by itself."""

    _mark = _RADIO

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


class WrappingCheck(_WrappingText, QCheckBox):
    """A check box."""

    _mark = _CHECK
