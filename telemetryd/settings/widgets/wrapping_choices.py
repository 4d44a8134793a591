"""Radio buttons and check boxes whose text wraps beside the mark, so that nothing is cut off where a window is narrow or a font large."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPen
from PySide6.QtWidgets import QCheckBox, QRadioButton, QStyle, QStyleOptionButton, QStylePainter

from telemetryd.settings.widgets.wrapping import FLAGS, edge, longest_word, paint_focus, take_height_for_width, wrapped

if TYPE_CHECKING:
    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QKeyEvent, QPaintEvent

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


class WrappingChoice(QRadioButton):
    """A radio button of a group. Arrows only move the focus. A click asks: it chooses nothing by itself."""

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
        return _least(self, super().sizeHint())

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As many lines as the text needs."""
        return _height(self, super().sizeHint(), width)

    def hitButton(self, place: QPoint) -> bool:  # noqa: N802 - Qt's name
        """Also on the second line of the text, which Qt's own place for clicks does not have."""
        return _clickable(self, super().sizeHint()).contains(place)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The style's mark, and the text beside it."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        _paint(self, option, _RADIO)


class WrappingCheck(QCheckBox):
    """A check box."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        take_height_for_width(self)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """The longest word."""
        return _least(self, super().sizeHint())

    def heightForWidth(self, width: int) -> int:  # noqa: N802 - Qt's name
        """As many lines as the text needs."""
        return _height(self, super().sizeHint(), width)

    def hitButton(self, place: QPoint) -> bool:  # noqa: N802 - Qt's name
        """Also on the second line of the text, which Qt's own place for clicks does not have."""
        return _clickable(self, super().sizeHint()).contains(place)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The style's mark, and the text beside it."""
        option = QStyleOptionButton()
        self.initStyleOption(option)
        _paint(self, option, _CHECK)


def _paint(made: QRadioButton | QCheckBox, option: QStyleOptionButton, mark: _Mark) -> None:
    """Also a line around the mark that is seen: Fusion's own is not in dark palettes."""
    painter, style = QStylePainter(made), made.style()
    text = style.subElementRect(mark.text, option, made)
    option.rect = style.subElementRect(mark.place, option, made)
    painter.drawPrimitive(mark.primitive, option)
    if style.objectName() == "fusion":
        _outline(painter, option.rect, made, mark)
    flags = FLAGS | int(style.visualAlignment(made.layoutDirection(), Qt.AlignmentFlag.AlignLeft) | Qt.AlignmentFlag.AlignVCenter)
    painter.drawItemText(text, flags, made.palette(), made.isEnabled(), made.text(), made.foregroundRole())
    if made.hasFocus():
        shown = style.itemTextRect(made.fontMetrics(), text, flags, made.isEnabled(), made.text())
        paint_focus(painter, made, shown.adjusted(-3, -1, 3, 1).intersected(made.rect()))


def _outline(painter: QPainter, place: QRect, made: QRadioButton | QCheckBox, mark: _Mark) -> None:
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, mark.is_round)
    painter.setPen(QPen(edge(made), 1))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    side = min(place.width(), place.height()) - 1
    square = QRect(place.x(), place.y(), side, side)
    if mark.is_round:
        painter.drawEllipse(square)
    else:
        painter.drawRect(square)


def _least(made: QRadioButton | QCheckBox, hint: QSize) -> QSize:
    return QSize(longest_word(made) + _beside(made, hint), hint.height())


def _height(made: QRadioButton | QCheckBox, hint: QSize, width: int) -> int:
    return max(hint.height(), wrapped(made, width - _beside(made, hint)).height() + 4)


def _clickable(made: QRadioButton | QCheckBox, hint: QSize) -> QRect:
    """The mark and all lines of the text, and not the empty place beside them."""
    beside = _beside(made, hint)
    place = QRect(0, 0, beside + wrapped(made, made.width() - beside).width(), made.height())
    return QStyle.visualRect(made.layoutDirection(), made.rect(), place)


def _beside(made: QRadioButton | QCheckBox, hint: QSize) -> int:
    """The width of the mark and of what is around the text."""
    return int(hint.width() - made.fontMetrics().size(int(Qt.TextFlag.TextShowMnemonic), made.text()).width())
