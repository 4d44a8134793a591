"""The window's building blocks: texts that are never markup, buttons that name their object, choices that act only when they are chosen.

Manifests are foreign texts: every label is plain, and no text becomes a mnemonic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QBoxLayout, QButtonGroup, QFrame, QHBoxLayout, QLabel, QLayout, QPlainTextEdit, QVBoxLayout, QWidget

from telemetryd.settings.widgets.row_layout import WrappingRow
from telemetryd.settings.widgets.surfaces import Card, Verbatim
from telemetryd.settings.widgets.wrapping import Paragraph, WrappingButton
from telemetryd.settings.widgets.wrapping_choices import WrappingChoice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_HEADING_SCALE, _TITLE_SCALE, _NOTE_SCALE = 1.5, 1.15, 0.92
"""Sizes beside the platform's own font."""
GAP = 12
"""Pixels between the parts of a page, at 96 dots an inch."""
_CLOSE, _TIGHT = 8, 2
"""Pixels between the parts of a card, and between a line and what it is about."""
_TITLE = "isTitle"
"""A property of labels: more room is left above it, because it belongs to what follows."""


def label(text: str, name: str = "") -> Paragraph:
    """A paragraph that can be selected with the mouse."""
    made = Paragraph(text)
    made.setObjectName(name)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    if made.layoutDirection() == Qt.LayoutDirection.RightToLeft:  # or a text in Latin letters would be on the left
        made.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute | Qt.AlignmentFlag.AlignVCenter)
    return made


def heading(text: str, name: str = "") -> QLabel:
    """The heading of a page."""
    return _scaled(label(text, name), _HEADING_SCALE)


def title(text: str, name: str = "") -> QLabel:
    """The heading of a part."""
    made = _scaled(label(text, name), _TITLE_SCALE)
    made.setProperty(_TITLE, True)  # noqa: FBT003 - Qt's signature
    return made


def note(text: str, name: str = "") -> QLabel:
    """A paragraph of less weight. Its colour keeps the palette's contrast: only the size differs."""
    made = label(text, name)
    font = made.font()
    font.setPointSizeF(font.pointSizeF() * _NOTE_SCALE)
    made.setFont(font)
    return made


def button(text: str, about: str, on_click: Callable[[], object], *, name: str = "") -> WrappingButton:
    """A button. `about` is the object, which a screen reader adds to the text; Enter presses it as the space bar does."""
    made = WrappingButton(text)
    made.setObjectName(name or text)
    plain_text = text.replace("&&", "\0").replace("&", "").replace("\0", "&")
    made.setAccessibleName(f"{plain_text}: {about}" if about else plain_text)
    made.setAutoDefault(True)
    made.clicked.connect(lambda _checked: on_click())
    return made


def escaped(text: str) -> str:
    """A foreign text for a button, in which `&` would become a mnemonic."""
    return text.replace("&", "&&")


def choices(texts: Mapping[int, str], about: str, on_choose: Callable[[int], object], *, name: str) -> dict[int, WrappingChoice]:
    """Radio buttons, by their values. The arrows move between them, and only the space bar or a click chooses.

    What is chosen is shown once the daemon says so: until then the old choice stays.
    """
    made: dict[int, WrappingChoice] = {}
    for value, text in texts.items():
        radio = WrappingChoice(text)
        radio.setObjectName(f"{name}={value}")
        radio.setAccessibleName(f"{about}: {text}")
        radio.clicked.connect(lambda _checked, radio=radio, value=value: None if radio.isChecked() else on_choose(value))
        made[value] = radio
    _ChoiceGroup(made, on_choose)
    return made


class _ChoiceGroup(QButtonGroup):
    """Tab leads to what is chosen of a group. What a screen reader toggles is asked for like a click, and not shown before it is true."""

    def __init__(self, choices: Mapping[int, WrappingChoice], on_choose: Callable[[int], object]) -> None:
        super().__init__(next(iter(choices.values())))
        self._chosen: WrappingChoice | None = None
        self._on_choose = on_choose
        for value, radio in choices.items():
            self.addButton(radio, value)
        self.idToggled.connect(self._on_toggled)

    def _on_toggled(self, value: int, is_checked: bool) -> None:  # noqa: FBT001 - Qt's signal
        radio = self.button(value)
        if is_checked and radio.isVisible() and self._chosen is not None:
            with QSignalBlocker(self):
                self._chosen.setChecked(True)
            self._on_choose(value)
        elif is_checked and isinstance(radio, WrappingChoice):
            self._chosen = radio
            for one in self.buttons():
                one.setFocusPolicy(Qt.FocusPolicy.StrongFocus if one is radio else Qt.FocusPolicy.ClickFocus)


def column(*parts: QWidget | QLayout | None, gap: int = GAP) -> QVBoxLayout:
    """Parts below each other, with twice the gap above a title; None stretches."""
    layout = QVBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(gap)
    for part in parts:
        if isinstance(part, QWidget) and part.property(_TITLE) and layout.count():
            layout.addSpacing(GAP)
        _add(layout, part)
    return layout


def beside(*parts: QWidget | QLayout | None, gap: int = GAP) -> QHBoxLayout:
    """Parts in one line, however narrow it is; None stretches."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(gap)
    for part in parts:
        _add(layout, part)
    return layout


def row(*parts: QWidget | QLayout | None, gap: int = GAP) -> WrappingRow:
    """Parts beside each other, which wrap where there is no room; what follows None stands at the end of the line."""
    layout = WrappingRow()
    layout.setSpacing(gap)
    for part in parts:
        if part is None:
            layout.push()
        elif isinstance(part, QWidget):
            layout.addWidget(part)
        else:
            layout.add_layout(part)
    return layout


def card(*parts: QWidget | QLayout | None, name: str = "") -> QFrame:
    """A card with parts below each other."""
    frame = Card()
    frame.setObjectName(name)
    layout = column(*parts, gap=_CLOSE)
    layout.setContentsMargins(GAP + 4, GAP, GAP + 4, GAP)
    frame.setLayout(layout)
    return frame


def verbatim(text: str, about: str, name: str) -> QPlainTextEdit:
    """Exact bytes, and what a screen reader calls them."""
    made = Verbatim(text)
    made.setObjectName(name)
    made.setAccessibleName(about)
    return made


def emphasised(text: str, name: str = "") -> QLabel:
    """What the paragraph below is about."""
    made = label(text, name)
    font = made.font()
    font.setWeight(QFont.Weight.DemiBold)
    made.setFont(font)
    return made


def facts(rows: Iterable[tuple[str, str]]) -> QVBoxLayout:
    """Paragraphs, each below what it is about."""
    return column(*(column(emphasised(about), label(text), gap=_TIGHT) for about, text in rows), gap=_CLOSE)


def _add(layout: QBoxLayout, part: QWidget | QLayout | None) -> None:
    if part is None:
        layout.addStretch()
    elif isinstance(part, QWidget):
        layout.addWidget(part)
    else:
        layout.addLayout(part)


def _scaled(made: Paragraph, scale: float) -> QLabel:
    font = made.font()
    font.setPointSizeF(font.pointSizeF() * scale)
    font.setWeight(QFont.Weight.DemiBold)
    made.setFont(font)
    return made
