"""Puts a window above one of another program, as whoever opens it may ask. Qt offers this on X11 only."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QWindow

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

_X11 = re.compile("x11:([0-9A-Fa-f]{1,8})")


class ForeignParent:
    """What a window of ours is above: a window of another program, or none. Qt keeps no reference to that one, so this does."""

    def __init__(self, window: QWidget) -> None:
        self._window, self._number = window, 0
        self._flags = window.windowFlags()
        self._parent: QWindow | None = None

    def adopt(self, parent_window: str) -> None:
        """Go above another window, which is named as the desktop portals do; a name that means nothing here is none.

        If anything changes, the window is hidden afterwards.
        """
        named = _X11.fullmatch(parent_window)
        number = int(named[1], 16) if named and QGuiApplication.platformName() == "xcb" else 0
        if number == self._number:
            return
        self._number, self._parent = number, QWindow.fromWinId(number) if number else None
        # Qt tells window managers whom a window is above only for dialogs, and only when they are shown.
        self._window.setWindowFlags(self._flags | Qt.WindowType.Dialog if self._parent else self._flags)
        self._window.winId()  # so that there is a handle
        self._window.windowHandle().setTransientParent(self._parent)  # type: ignore[arg-type] # Qt takes none too; its stubs lack that
