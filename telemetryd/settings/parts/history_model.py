"""The reports of the history as rows of a list, read while it is scrolled."""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal

from telemetryd.ctl.control_client import ReportFilter
from telemetryd.ctl.failures import Failure
from telemetryd.settings.reading.history_reading import PageQuery, ReadPage, read_page

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from telemetryd.ctl.control_client import ControlClient
    from telemetryd.settings.reading.service_snapshot import Row

    Index = QModelIndex | QPersistentModelIndex
    Look = Callable[[Callable[[ControlClient], Awaitable[Any]], Callable[[Any], None]], None]
    Names = Mapping[tuple[str, str], Row]

PAGE = 100
"""Reports that are read at a time: a hundred kilobytes, for what a report said is in its body."""
_AGAIN_MAX = 200
"""Most reports that are compared after a change elsewhere. If they are the same, those behind them are taken to be."""
_TEXT_ROLES = {Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole}


class ReportModel(QAbstractTableModel):
    """Rows of reports. `cells` makes the texts of a row, when it is painted for the first time."""

    def __init__(self, heads: Sequence[str], cells: Callable[[Row], Sequence[str]], parent: QObject) -> None:
        super().__init__(parent)
        self._heads, self._make_cells = heads, cells
        self.rows: list[Row] = []
        self._cells: dict[int, Sequence[str]] = {}
        """Number of a report → its texts."""

    def replace(self, rows: Sequence[Row]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows, self._cells = list(rows), {}
        self.endResetModel()

    def rowCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """The reports that were read."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: Index | None = None) -> int:  # noqa: N802 - Qt's name
        """The heads."""
        return 0 if parent is not None and parent.isValid() else len(self._heads)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """The text of a cell."""
        if role not in _TEXT_ROLES:
            return None
        report = self.rows[index.row()]
        cells = self._cells.get(report["id"])
        if cells is None:
            cells = self._cells[report["id"]] = self._make_cells(report)
        return cells[index.column()]

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:  # noqa: N802 - Qt's name
        """The head of a column."""
        is_head = orientation == Qt.Orientation.Horizontal and role in _TEXT_ROLES
        return self._heads[section] if is_head else None


class _Reading(Enum):
    """What is being read."""

    NOTHING = auto()
    BEGINNING = auto()
    """All again, from the newest report on."""
    FOLLOWING = auto()
    """The reports behind the last."""


class HistoryModel(ReportModel):
    """The reports that are over. Those behind the last that was read are read when the view asks for them.

    `loaded` is sent after each reading from the beginning, `failed` with the Failure of one.
    """

    loaded = Signal()
    failed = Signal(object)

    def __init__(self, heads: Sequence[str], cells: Callable[[Row, Names], Sequence[str]], look: Look, parent: QObject) -> None:
        super().__init__(heads, lambda row: cells(row, self.names), parent)
        self._look = look
        self.wanted = ReportFilter()
        self.is_read = False
        self.names: dict[tuple[str, str], Row] = {}
        """The questions that were read with the reports, by application and question."""
        self._named: frozenset[str] = frozenset()
        self._following, self._turn, self._reading = 0, 0, _Reading.NOTHING
        self._is_asked = False
        """Whether the view asked for further reports while the beginning was read. It asks only once, when it is scrolled to the end."""

    @property
    def is_complete(self) -> bool:
        """Whether no other report is behind those that were read."""
        return self.is_read and not self._following

    def reload(self, wanted: ReportFilter) -> None:
        """Read from the beginning. If nothing has changed, the rows stay as they are."""
        is_other, self.wanted = wanted != self.wanted, wanted
        self._turn += 1
        self._is_asked |= self._reading is _Reading.FOLLOWING  # what was asked for will come too late
        number = PAGE if is_other else min(max(PAGE, len(self.rows)), _AGAIN_MAX)
        self._named = frozenset()  # a question's words may have changed too
        self._read(PageQuery(wanted, 0, number), _Reading.BEGINNING, lambda page: self._begin(page, is_other=is_other))

    def canFetchMore(self, parent: Index) -> bool:  # noqa: N802 - Qt's name
        """Whether there are reports behind the last that are not being read."""
        return not parent.isValid() and bool(self._following) and self._reading is not _Reading.FOLLOWING

    def fetchMore(self, parent: Index) -> None:  # noqa: N802 - Qt's name
        """Read the reports behind the last, after the beginning if that is being read."""
        if self._reading is _Reading.BEGINNING:
            self._is_asked = True
        elif self.canFetchMore(parent):
            self._read(PageQuery(self.wanted, self._following, PAGE, self._named), _Reading.FOLLOWING, self._go_on)

    def _read(self, query: PageQuery, reading: _Reading, take: Callable[[ReadPage], None]) -> None:
        """Have a page taken when it is there, unless all is read anew meanwhile."""
        self._reading = reading
        turn = self._turn

        def have(page: ReadPage | Failure) -> None:
            if turn != self._turn:
                return
            self._reading = _Reading.NOTHING
            if isinstance(page, Failure):
                self.failed.emit(page)
            else:
                take(page)

        self._look(lambda control: read_page(control, query), have)

    def _begin(self, page: ReadPage, *, is_other: bool) -> None:
        names = dict(page.names)
        is_asked, self._is_asked = self._is_asked, False
        is_same = not is_other and page.rows == self.rows[: len(page.rows)] and (bool(page.following) or len(page.rows) == len(self.rows))
        if not self.is_read or not is_same or any(self.names.get(key) != row for key, row in names.items()):
            self._following, self.names = page.following, names
            self.replace(page.rows)  # the view asks anew
        elif is_asked:
            self.fetchMore(QModelIndex())
        self._named = page.applications
        self.is_read = True
        self.loaded.emit()

    def _go_on(self, page: ReadPage) -> None:
        self._following = page.following
        self.names |= page.names
        self._named |= page.applications
        if page.rows:
            self.beginInsertRows(QModelIndex(), len(self.rows), len(self.rows) + len(page.rows) - 1)
            self.rows += page.rows
            self.endInsertRows()
        else:  # all of them wait: the view asks only when rows come
            self.fetchMore(QModelIndex())
