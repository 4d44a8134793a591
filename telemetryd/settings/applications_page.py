"""The applications that ask, a line each: Enter opens one. Policy: T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QListWidget, QListWidgetItem

from telemetryd.settings.page import Place, WindowPage
from telemetryd.settings.plain import heading, label
from telemetryd.settings.window_words import application_line, name_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.settings.page import Part
    from telemetryd.settings.service_snapshot import Row, ServiceSnapshot

NAME = "applications"


class ApplicationsPage(WindowPage):
    """Those with questions for the user come first."""

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
        made = [
            (row, (name_of(row, self.language), application_line(row, snapshot.questions_of(row["id"]), self.language.words)))
            for row in snapshot.applications
        ]
        return sorted(made, key=lambda line: (not line[0]["pending"], line[1][0].casefold()))

    def _list(self, lines: Sequence[tuple[Row, tuple[str, str]]]) -> QListWidget:
        made = QListWidget()
        made.setObjectName("applications")
        made.setAccessibleName(self._("Applications"))
        made.setSpacing(2)
        for row, (name, line) in lines:
            item = QListWidgetItem(f"{name}\n{line}")
            item.setData(Qt.ItemDataRole.UserRole, row["id"])
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}: {line}")
            item.setSizeHint(QSize(0, 3 * made.fontMetrics().height()))
            made.addItem(item)
        made.setCurrentRow(next((index for index, (row, _) in enumerate(lines) if row["id"] == self.place.application), 0))
        made.setFixedHeight(made.sizeHintForRow(0) * made.count() + 4 * made.count() + 8)
        made.itemActivated.connect(lambda item: self.around.go(Place("application", item.data(Qt.ItemDataRole.UserRole))))
        return made
