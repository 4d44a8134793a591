"""Contrast as WCAG 2 measures it, and the platform's palette corrected where a text in it has too little. No colour is our own.

A desktop's accent behind a light text is often too pale, and what is disabled hardly readable: a locked level is still to be read.
"""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

GRAPHIC_LEAST = 3.0
"""Least contrast of a part of a picture with what is behind: WCAG 2.2, criterion 1.4.11."""
_TEXT_LEAST = 5.5
"""The same of a text. Criterion 1.4.3 asks for 4.5, but the thin lines of letters are drawn paler than their colour."""
_STEPS = 50
_LINEAR = 0.04045
"""sRGB is linear up to here."""
_WHITE, _BLACK = QColor("white"), QColor("black")
_ROLES, _GROUPS = QPalette.ColorRole, (QPalette.ColorGroup.Active, QPalette.ColorGroup.Inactive, QPalette.ColorGroup.Disabled)
_TEXTS = (
    (_ROLES.WindowText, _ROLES.Window),
    (_ROLES.Text, _ROLES.Base),
    (_ROLES.ButtonText, _ROLES.Button),
    (_ROLES.PlaceholderText, _ROLES.Base),
)


def contrast(one: QColor, other: QColor) -> float:
    """From 1 (the same) to 21 (black and white)."""
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def blend(colour: QColor, behind: QColor, part: float) -> QColor:
    """`colour` over `behind`, as if it covered only this part."""
    return QColor.fromRgbF(*(a * part + b * (1 - part) for a, b in zip(_parts(colour), _parts(behind), strict=True)))


def readable(colour: QColor, behind: QColor, least: float = _TEXT_LEAST) -> QColor:
    """The colour itself if it has the contrast, else the nearest one on the way to black or white that has it."""
    solid = blend(colour, behind, colour.alphaF())
    extreme = max(_WHITE, _BLACK, key=lambda one: contrast(one, behind))
    ways = (blend(extreme, solid, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in ways if contrast(one, behind) >= least), extreme)


def legible(palette: QPalette) -> QPalette:
    """A palette that overrides of another only what cannot be read in it: the platform decides about the rest, now and later."""
    made = QPalette()
    made.setResolveMask(0)
    for group in _GROUPS:
        for text, behind in _TEXTS:
            _correct(made, palette, (group, text), palette.color(group, behind))
        # The accent moves, not the text on it: that keeps to the text of the platform's other programs.
        _correct(made, palette, (group, _ROLES.Highlight), palette.color(group, _ROLES.HighlightedText))
    return made


def raised(palette: QPalette) -> QPalette:
    """A palette for what lies on the colour of lists and fields: its texts have the colour of texts there."""
    made, readably = QPalette(), legible(palette)
    made.setResolveMask(0)
    for group in _GROUPS:
        behind = palette.color(QPalette.ColorGroup.Active, _ROLES.Base)
        made.setColor(group, _ROLES.Window, behind)
        made.setColor(group, _ROLES.WindowText, readable(readably.color(group, _ROLES.Text), behind))
    return made


def _correct(made: QPalette, palette: QPalette, place: tuple[QPalette.ColorGroup, QPalette.ColorRole], behind: QColor) -> None:
    found = palette.color(*place)
    if contrast(blend(found, behind, found.alphaF()), behind) < _TEXT_LEAST:
        made.setColor(*place, readable(found, behind))


def _parts(colour: QColor) -> tuple[float, float, float]:
    return colour.redF(), colour.greenF(), colour.blueF()


def _luminance(colour: QColor) -> float:
    red, green, blue = (part / 12.92 if part <= _LINEAR else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour))
    return float(0.2126 * red + 0.7152 * green + 0.0722 * blue)
