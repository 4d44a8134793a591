"""How areas that scroll are told to screen readers: without Qt's own way, which ends the program when a reader asks for a missing child.

A reader counts the children of an object and then asks for each. Meanwhile the page may have changed, and the scroll bar is gone. Qt 6
looks up the child of a QScrollArea in a list whose length it does not look at. For the other widgets of our pages it does, as a test tells.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QAccessibleWidget, QScrollArea

if TYPE_CHECKING:
    from PySide6.QtCore import QObject


@cache
def install() -> None:
    """Tell every QScrollArea of this program as a plain widget with its parts. Only the first call does anything."""
    QAccessible.installFactory(_told)


def _told(_class_name: str, shown: QObject) -> QAccessibleWidget | None:
    return QAccessibleWidget(shown, QAccessible.Role.Client, "") if isinstance(shown, QScrollArea) else None
