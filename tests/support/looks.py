"""How a desktop can make the window look: its colours and the size of its font."""

import contextlib

from PySide6.QtGui import QColor, QPalette
from support.driven_window import dark, qt

_ROLES, _DISABLED = QPalette.ColorRole, QPalette.ColorGroup.Disabled


def breeze(*, is_dark=False):
    """The colours of Plasma's Breeze, whose accent behind white text has a contrast of 2.5 : 1."""
    window, base, text, button = ("#202326", "#141618", "#fcfcfc", "#292c30") if is_dark else ("#eff0f1", "#ffffff", "#232629", "#fcfcfc")
    palette = QPalette(QColor(button), QColor(window))
    for role in (_ROLES.WindowText, _ROLES.Text, _ROLES.ButtonText):
        palette.setColor(role, text)
        palette.setColor(_DISABLED, role, "#6e7173" if is_dark else "#a0a2a4")
    palette.setColor(_ROLES.Base, base)
    palette.setColor(_ROLES.AlternateBase, "#1d1f22" if is_dark else "#f7f7f7")
    palette.setColor(_ROLES.Highlight, "#3daee9")
    palette.setColor(_ROLES.HighlightedText, "#ffffff")
    return palette


def high_contrast(*, is_dark=True):
    """Black and white, with an accent that is neither."""
    back, text, accent, on_accent = (
        ("#000000", "#ffffff", "#1aebff", "#000000") if is_dark else ("#ffffff", "#000000", "#37006e", "#ffffff")
    )
    palette = QPalette(QColor(back), QColor(back))
    for role in (_ROLES.WindowText, _ROLES.Text, _ROLES.ButtonText):
        palette.setColor(role, text)
        palette.setColor(_DISABLED, role, "#3ff23f" if is_dark else "#600000")
    for role in (_ROLES.Base, _ROLES.AlternateBase, _ROLES.Button):
        palette.setColor(role, back)
    palette.setColor(_ROLES.Highlight, accent)
    palette.setColor(_ROLES.HighlightedText, on_accent)
    return palette


PALETTES = {
    "fusion": lambda: qt().style().standardPalette(),
    "dark": dark,
    "breeze": breeze,
    "breeze dark": lambda: breeze(is_dark=True),
    "high contrast": high_contrast,
    "high contrast light": lambda: high_contrast(is_dark=False),
}
"""Palettes by their names; made when asked for."""


@contextlib.contextmanager
def look(palette="fusion", *, font_scale=1.0, families=()):
    """A palette and a font for what is shown in the block."""
    before = qt().font()
    font = qt().font()
    font.setPointSizeF(font.pointSizeF() * font_scale)
    if families:
        font.setFamilies([*families, before.family()])
    qt().setFont(font)
    qt().setPalette(PALETTES[palette]())
    try:
        yield
    finally:
        qt().setFont(before)
        qt().setPalette(PALETTES["fusion"]())
