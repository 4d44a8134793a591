"""The window's building blocks: texts that are never markup, buttons that name their object, choices that act only when they are chosen.

Manifests are foreign texts: every label is plain, and no text becomes a mnemonic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QFontDatabase
from PySide6.QtWidgets import (
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Layout = TypeVar("_Layout", bound=QBoxLayout)

_HEADING_SCALE, _TITLE_SCALE = 1.5, 1.15
"""Sizes of headings beside the platform's own font."""
GAP = 12
"""Pixels between the parts of a page, at 96 dots an inch."""
_FIXED_LINES_MAX = 12


def label(text: str, name: str = "") -> QLabel:
    """A paragraph that can be selected with the mouse."""
    made = QLabel(text)
    made.setObjectName(name)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setWordWrap(True)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if made.layoutDirection() == Qt.LayoutDirection.RightToLeft:  # or a text in Latin letters would be on the left
        made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter)
    return made


def heading(text: str, name: str = "") -> QLabel:
    """The heading of a page."""
    return _scaled(label(text, name), _HEADING_SCALE)


def title(text: str, name: str = "") -> QLabel:
    """The heading of a part."""
    return _scaled(label(text, name), _TITLE_SCALE)


def note(text: str, name: str = "") -> QLabel:
    """A paragraph of less weight. Its colour keeps the palette's contrast: only the size differs."""
    made = label(text, name)
    font = made.font()
    font.setPointSizeF(font.pointSizeF() * 0.92)
    made.setFont(font)
    return made


def button(text: str, about: str, on_click: Callable[[], object], *, name: str = "") -> QPushButton:
    """A button. `about` is the object, which a screen reader adds to the text; Enter presses it as the space bar does."""
    made = QPushButton(text)
    made.setObjectName(name or text)
    plain_text = text.replace("&&", "\0").replace("&", "").replace("\0", "&")
    made.setAccessibleName(f"{plain_text}: {about}" if about else plain_text)
    made.setAutoDefault(True)
    made.clicked.connect(lambda _checked: on_click())
    return made


def escaped(text: str) -> str:
    """A foreign text for a button, in which `&` would become a mnemonic."""
    return text.replace("&", "&&")


def choices(texts: Mapping[int, str], about: str, on_choose: Callable[[int], object], *, name: str) -> dict[int, QRadioButton]:
    """Radio buttons, by their values. The arrows move between them, and only the space bar or a click chooses.

    What is chosen is shown once the daemon says so: until then the old choice stays.
    """
    made = {}
    for value, text in texts.items():
        radio = QRadioButton(text)
        radio.setObjectName(f"{name}={value}")
        radio.setAccessibleName(f"{about}: {text}")
        radio.setAutoExclusive(False)
        radio.clicked.connect(lambda _checked, radio=radio, value=value: _choose(radio, value, on_choose))
        made[value] = radio
    return made


def _choose(radio: QRadioButton, value: int, on_choose: Callable[[int], object]) -> None:
    was_chosen = not radio.isChecked()
    radio.setChecked(was_chosen)
    if not was_chosen:
        on_choose(value)


def column(*parts: QWidget | QBoxLayout | None, gap: int = GAP) -> QVBoxLayout:
    """Parts below each other; None stretches."""
    return _filled(QVBoxLayout(), parts, gap)


def row(*parts: QWidget | QBoxLayout | None, gap: int = GAP) -> QHBoxLayout:
    """Parts beside each other; None stretches."""
    return _filled(QHBoxLayout(), parts, gap)


def card(*parts: QWidget | QBoxLayout | None, name: str = "") -> QFrame:
    """A frame around parts that belong together."""
    frame = QFrame()
    frame.setObjectName(name)
    frame.setFrameShape(QFrame.Shape.StyledPanel)
    layout = column(*parts, gap=8)
    layout.setContentsMargins(GAP, GAP, GAP, GAP)
    frame.setLayout(layout)
    return frame


def verbatim(text: str, about: str, name: str) -> QPlainTextEdit:
    """Exact bytes: monospaced, selectable, read only. Tab leaves it."""
    made = QPlainTextEdit()
    made.setPlainText(text)
    made.setObjectName(name)
    made.setAccessibleName(about)
    made.setReadOnly(True)
    made.setTabChangesFocus(True)
    made.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
    made.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    lines = min(_FIXED_LINES_MAX, max(4, len(text) // 60 + text.count("\n") + 1))
    made.setFixedHeight(made.fontMetrics().lineSpacing() * lines + 2 * GAP)
    return made


def facts(rows: Iterable[tuple[str, str]]) -> QVBoxLayout:
    """Paragraphs, each below what it is about."""
    parts = []
    for about, text in rows:
        head = label(about)
        font = head.font()
        font.setWeight(QFont.Weight.DemiBold)
        head.setFont(font)
        parts.append(column(head, label(text), gap=2))
    return column(*parts, gap=8)


def _filled(layout: _Layout, parts: Iterable[QWidget | QBoxLayout | None], gap: int) -> _Layout:
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(gap)
    for part in parts:
        if part is None:
            layout.addStretch()
        elif isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.addLayout(part)
    return layout


def _scaled(made: QLabel, scale: float) -> QLabel:
    font = made.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setWeight(QFont.Weight.DemiBold)
    made.setFont(font)
    return made
