"""The applications that ask, a line each: Enter opens one. Policy: T1."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from telemetryd.settings.pages.page import Place, WindowPage
from telemetryd.settings.parts.application_icons import icon_of
from telemetryd.settings.widgets.plain import heading, label
from telemetryd.settings.words.window_words import application_line, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.settings.pages.page import Part
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

NAME = "applications"
_LINES = 3
"""Lines of text that an application takes: two, and the space around them."""


class ApplicationsPage(WindowPage):
    """Those with questions for the user come first."""

    def show_place(self, place: Place, snapshot: ServiceSnapshot) -> None:
        """Show the list, and in it the application that the user comes back from."""
        super().show_place(place, snapshot)
        if place.application:
            QTimer.singleShot(0, self._keep_in_sight)

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The lines."""
        return [(row["id"], *texts) for row, texts in self._lines(snapshot)]

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """A list, or why there is none."""
        _, lines = self._, self._lines(snapshot)
        if not lines:
            return [heading(_("Applications")), label(_("No application asks anything on this system."), "empty")]
        return [heading(_("Applications")), self._list(lines)]

    def _lines(self, snapshot: ServiceSnapshot) -> list[tuple[Row, tuple[str, str]]]:
        running, language = Counter(row["application"] for row in snapshot.due), self.language
        made = [(row, (name_of(row, language), application_line(row, running[row["id"]], language.words))) for row in snapshot.applications]
        return sorted(made, key=lambda line: (not line[0]["pending"], line[1][0].casefold()))

    def _list(self, lines: Sequence[tuple[Row, tuple[str, str]]]) -> QListWidget:
        made = QListWidget()
        made.setObjectName("applications")
        made.setAccessibleName(self._("Applications"))
        made.setSpacing(2)
        made.setUniformItemSizes(True)
        height = made.fontMetrics().height()
        made.setIconSize(QSize(2 * height, 2 * height))
        for row, (name, line) in lines:
            item = _ApplicationItem(f"{name}\n{line}")
            item.setData(Qt.ItemDataRole.UserRole, row["id"])
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}: {line}")
            item.setSizeHint(QSize(0, _LINES * height))
            made.addItem(item)
        made.setCurrentRow(next((index for index, (row, _) in enumerate(lines) if row["id"] == self.place.application), 0))
        made.setFixedHeight((_LINES * height + 4) * made.count() + 8)
        made.currentRowChanged.connect(lambda _row: self._keep_in_sight())
        made.itemActivated.connect(lambda item: self.around.go(Place("application", item.data(Qt.ItemDataRole.UserRole))))
        return made

    def _keep_in_sight(self) -> None:
        """Scroll to the present line: the list is as long as all of its lines, so it does not scroll itself."""
        found, body = self.findChild(QListWidget, "applications"), self.widget()
        if body is not None and found is not None and found.currentItem() is not None:
            line = found.visualItemRect(found.currentItem())
            middle = found.viewport().mapTo(body, line.center())
            self.ensureVisible(0, middle.y(), 0, line.height())


class _ApplicationItem(QListWidgetItem):
    """A line whose icon is looked for when it is painted: most of a long list is never seen."""

    def data(self, role: int) -> Any:
        """As the list asks for it."""
        if role == Qt.ItemDataRole.DecorationRole:
            return icon_of(super().data(Qt.ItemDataRole.UserRole), super().data(Qt.ItemDataRole.DisplayRole))
        return super().data(role)
