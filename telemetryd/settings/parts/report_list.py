"""A list of reports: rows and columns of texts, of which Enter opens one. Only what is seen is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTreeView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PySide6.QtGui import QResizeEvent

    from telemetryd.settings.parts.history_model import ReportModel

_DAY = "2026-00-00"
_LEAST, _NARROW, _WIDE = 8, 12, 26
"""Letters that a column has room for at least, if its text is short, and at most."""
_AHEAD = 3
"""So many heights of the list before its end further rows are read."""


class ReportList(QTreeView):
    """Emits `opened` with the report of a row."""

    opened = Signal(object)

    def __init__(self, model: ReportModel, about: str, name: str) -> None:
        super().__init__()
        self._reports = model
        is_waiting = name == "waiting"
        self._stretched, self._widest = (3, _WIDE) if is_waiting else (2, _NARROW)
        self._spare = (4, 2, 1) if is_waiting else (4, 3, 1)
        """The columns that a narrow window can do without, in this order: to whom, what was said or who asks, and so on."""
        self.setObjectName(name)
        self.setAccessibleName(about)
        self.setModel(model)
        self.setRootIsDecorated(False)
        self.setItemsExpandable(False)
        self.setUniformRowHeights(True)
        self.setAllColumnsShowFocus(True)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self._wanted: list[int] = []
        self._size_columns()
        self.setCurrentIndex(model.index(0, 0))
        self.activated.connect(lambda index: self.opened.emit(model.rows[index.row()]))
        model.modelReset.connect(self._to_first)
        self.verticalScrollBar().valueChanged.connect(self._read_ahead)

    def show_lines(self, lines: int) -> None:
        """Make the list so high that so many lines are seen."""
        self.setFixedHeight(self.fontMetrics().lineSpacing() * (lines + 3) + 12)

    def _size_columns(self) -> None:
        """The question's column takes what the others leave. The widths are the first row's, not looked for row by row."""
        header, metrics, model = self.header(), self.fontMetrics(), self._reports
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        header.setMinimumSectionSize(1)
        header.setTextElideMode(Qt.TextElideMode.ElideRight)
        letter = metrics.averageCharWidth()
        for column in range(model.columnCount()):
            head = metrics.horizontalAdvance(str(model.headerData(column, header.orientation())))
            first = metrics.horizontalAdvance(str(model.index(0, column).data() or ""))
            wide = max(metrics.horizontalAdvance(_DAY) if not column else 0, min(head, letter * _NARROW), min(first, letter * self._widest))
            self._wanted.append(wide + 2 * letter)
        header.setSectionResizeMode(self._stretched, QHeaderView.ResizeMode.Stretch)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """In a narrow window the widest columns become narrower, and then some go. Tooltips have whole texts, an opened report has all."""
        super().resizeEvent(event)
        widths = self._widths(self.viewport().width())
        for column in range(len(self._wanted)):
            self.setColumnHidden(column, column not in widths)
            if column in widths and column != self._stretched:
                self.header().resizeSection(column, widths[column])

    def _widths(self, room: int) -> dict[int, int]:
        """The widths of the columns that have room."""
        least, left = _LEAST * self.fontMetrics().averageCharWidth(), dict(enumerate(self._wanted))
        for spare in self._spare:
            widths = _shared(list(left.values()), room)
            if all(width >= min(wanted, least) for wanted, width in zip(left.values(), widths, strict=True)):
                break
            del left[spare]
        return dict(zip(left, _shared(list(left.values()), room), strict=True))

    def _to_first(self) -> None:
        self.setCurrentIndex(self._reports.index(0, 0))

    def _read_ahead(self, value: int) -> None:
        bar = self.verticalScrollBar()
        if value > bar.maximum() - _AHEAD * bar.pageStep():
            self._reports.fetchMore(QModelIndex())


def _shared(wanted: Sequence[int], room: int) -> list[int]:
    """The widths, the widest of them cut to one width, so that all have room."""
    left = room
    for place, width in enumerate(sorted(wanted)):
        most = left // (len(wanted) - place)
        if width > most:
            return [min(one, most) for one in wanted]
        left -= width
    return list(wanted)
