"""What waits to be sent and what was sent, with the exact bytes. Policy: T1, T2, C2."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QFileDialog, QHeaderView, QTreeWidget, QTreeWidgetItem

from telemetryd.settings.dialogs import ReportDialog
from telemetryd.settings.page import WindowPage
from telemetryd.settings.pictures import Timeline
from telemetryd.settings.plain import button, heading, label, note, row, title
from telemetryd.settings.window_words import day, foreign, name_of, outcome_line, purpose_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telemetryd.settings.page import Part
    from telemetryd.settings.service_snapshot import Row, ServiceSnapshot

NAME = "sent"
_MONTHS = 12
_NOTHING = "—"
_LINES_MAX = 10
"""Most lines of a list that are seen without scrolling it."""


class SentPage(WindowPage):
    """Rows of the history. Enter opens one."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The reports, what the ledger counts, and the names."""
        return list(snapshot.reports), snapshot.made, [(row["id"], row["name"]) for row in snapshot.applications]

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """What waits, then what was sent or ended."""
        _, waiting = self._, [report for report in snapshot.reports if report["outcome"] == "queued"]
        ended = [report for report in snapshot.reports if report["outcome"] != "queued"]
        sent = [report for report in ended if report["sent"]]
        return [
            heading(_("Sent and waiting")),
            title(_("Waiting to be sent")),
            self._list(snapshot, waiting, "waiting") if waiting else label(_("Nothing is waiting to be sent."), "nothing-waits"),
            title(_("Sent or ended")),
            *([self._timeline(sent)] if sent else []),
            self._list(snapshot, ended, "sent") if ended else label(self._empty(snapshot), "nothing-sent"),
            *([note(_("Enter opens a report with its exact bytes. Reports are kept for a year."))] if snapshot.reports else []),
            row(*self._buttons(snapshot), None),
        ]

    def _buttons(self, snapshot: ServiceSnapshot) -> list[Part]:
        _ = self._
        erase = button(_("&Erase…"), _("what is unsent, and this list"), self.acts.erase, name="erase")
        if not snapshot.reports:
            return [erase]
        return [button(_("E&xport…"), _("this list"), lambda: self._export(snapshot.reports), name="export"), erase]

    def _empty(self, snapshot: ServiceSnapshot) -> str:
        if not snapshot.made:
            return self._("Nothing has been sent from this account.")
        text = self.language.words.ngettext(
            "No report is in the list. Reports are kept for a year, or until you erase the list; {number} was made in all.",
            "No report is in the list. Reports are kept for a year, or until you erase the list; {number} were made in all.",
            snapshot.made,
        )
        return text.format(number=snapshot.made)

    def _list(self, snapshot: ServiceSnapshot, reports: Sequence[Row], name: str) -> QTreeWidget:
        _, is_waiting = self._, name == "waiting"
        made = QTreeWidget()
        made.setObjectName(name)
        made.setAccessibleName(_("Waiting to be sent") if is_waiting else _("Sent or ended"))
        made.setRootIsDecorated(False)
        made.setUniformRowHeights(True)
        first = _("At the latest") if is_waiting else _("Day")
        made.setHeaderLabels([first, _("Application"), _("Question"), _("Answer"), _("What became of it")])
        for report in reports:
            item = QTreeWidgetItem(self._cells(snapshot, report))
            item.setData(0, Qt.ItemDataRole.UserRole, report["id"])
            made.addTopLevelItem(item)
        header = made.header()
        for column in (0, 1, 3):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(4, QHeaderView.ResizeMode.ResizeToContents)
        made.setCurrentIndex(made.model().index(0, 0))
        made.setFixedHeight(made.fontMetrics().lineSpacing() * (min(_LINES_MAX, len(reports)) + 3) + 12)
        by_id = {report["id"]: report for report in reports}
        made.itemActivated.connect(lambda item: self._open(by_id[item.data(0, Qt.ItemDataRole.UserRole)]))
        return made

    def _cells(self, snapshot: ServiceSnapshot, report: Row) -> list[str]:
        application = snapshot.application(report["application"])
        question = snapshot.question(report["application"], report["question"])
        return [
            self._day(report),
            name_of(application, self.language) if application else foreign(report["application"], self.language),
            purpose_of(question, self.language) if question else foreign(report["question"], self.language),
            foreign(_answer(report), self.language),
            outcome_line(report, self.language.words),
        ]

    def _day(self, report: Row) -> str:
        """The last day of a report that waits, else the day on which it was sent."""
        unix = report["due_until"] if report["outcome"] == "queued" else report["sent"]
        return day(unix, self.language) if unix else _NOTHING

    def _open(self, report: Row) -> None:
        ReportDialog(self, report, self.language).open()

    def _timeline(self, sent: Sequence[Row]) -> Timeline:
        counts = Counter(datetime.fromtimestamp(report["sent"], UTC).strftime("%Y-%m") for report in sent)
        months = _last_months(max(counts))
        told = ", ".join(f"{month}: {counts[month]}" for month in months if counts[month])
        text = self._("Sent by month: {months}").format(months=told)
        return Timeline([(self._short(month), counts[month]) for month in months], text=text, name="timeline")

    def _short(self, month: str) -> str:
        """A month's short name in the user's language; January has its year."""
        year, number = map(int, month.split("-"))
        return str(year) if number == 1 else QLocale(self.language.tag).standaloneMonthName(number, QLocale.FormatType.ShortFormat)

    def _export(self, reports: Sequence[Row]) -> None:
        path, _chosen = QFileDialog.getSaveFileName(self, self._("Export"), "telemetry.json", "JSON (*.json)")
        if not path:
            return
        try:
            with open(path, "w", encoding="utf-8") as file:  # noqa: PTH123 - a path as Qt gives it
                json.dump(list(reports), file, indent=2, ensure_ascii=False)
        except OSError as error:
            self.acts.told.emit(self._("The file could not be written: {why}").format(why=error.strerror or error))


def _answer(report: Row) -> str:
    """What the report said, by its labels; nothing if no body is kept."""
    try:
        return ", ".join(json.loads(report["body"])["answer"])
    except (ValueError, KeyError, TypeError):
        return _NOTHING


def _last_months(last: str) -> list[str]:
    """Months up to one of them, as `2026-10`."""
    year, month = map(int, last.split("-"))
    numbers = range(12 * year + month - _MONTHS, 12 * year + month)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers]
