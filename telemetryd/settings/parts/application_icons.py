"""The icon of an application, as its desktop entry and the platform's theme have it, else the first letter of its name."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtCore import QFile, QIODevice, QRectF, QStandardPaths, Qt
from PySide6.QtGui import QGuiApplication, QIcon, QPainter, QPalette, QPixmap

_ENTRY_MAX_BYTES = 65_536
"""Longer desktop entries are not read to their end: Icon is near the beginning."""
_SIZE = 96
"""Pixels of a drawn icon: enough for two lines of text at 200 %."""
_ROUND, _LETTER = 0.2, 0.5
"""Radius of the corners and height of the letter, of the size."""


def icon_of(app_id: str, name: str) -> QIcon:
    """The icon of an application with this name."""
    letter = next((one for one in name if one.isalnum()), "?")  # not the mark that a foreign text may begin with
    return _icon(app_id, letter.upper(), QGuiApplication.palette().cacheKey())


@lru_cache(maxsize=256)
def _icon(app_id: str, letter: str, _palette: int) -> QIcon:
    for name in (_of_entry(app_id), app_id):
        if name.startswith("/"):
            return QIcon(name)
        if name and QIcon.hasThemeIcon(name):
            return QIcon.fromTheme(name)
    return _drawn(letter)


def _of_entry(app_id: str) -> str:
    """`Icon` in the application's desktop entry; "" without one."""
    path = QStandardPaths.locate(QStandardPaths.StandardLocation.ApplicationsLocation, f"{app_id}.desktop")
    file = QFile(path)
    if not path or not file.open(QIODevice.OpenModeFlag.ReadOnly):
        return ""
    text = bytes(file.read(_ENTRY_MAX_BYTES).data()).decode(errors="replace")
    file.close()
    lines = text.partition("[Desktop Entry]")[2].partition("\n[")[0].splitlines()
    return next((line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "Icon"), "")


def _drawn(letter: str) -> QIcon:
    """A letter on a square with round corners, in the colours of buttons."""
    pixmap, palette = QPixmap(_SIZE, _SIZE), QGuiApplication.palette()
    pixmap.fill(Qt.GlobalColor.transparent)
    painter, square = QPainter(pixmap), QRectF(2, 2, _SIZE - 4, _SIZE - 4)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(palette.color(QPalette.ColorRole.Button))
    painter.setPen(palette.color(QPalette.ColorRole.ButtonText))
    painter.drawRoundedRect(square, _SIZE * _ROUND, _SIZE * _ROUND)
    font = painter.font()
    font.setPixelSize(round(_SIZE * _LETTER))
    painter.setFont(font)
    painter.drawText(square, Qt.AlignmentFlag.AlignCenter, letter)
    painter.end()
    return QIcon(pixmap)
