"""What waits to be sent and what was sent, with the exact bytes. Policy: T1, T2, C2."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QComboBox

from telemetryd.ctl.control_client import ReportFilter
from telemetryd.ctl.failures import Failure
from telemetryd.settings.pages.page import Place, WindowPage
from telemetryd.settings.parts.dialogs import ReportDialog
from telemetryd.settings.parts.history_model import HistoryModel, ReportModel
from telemetryd.settings.parts.pictures import Timeline
from telemetryd.settings.parts.report_list import ReportList
from telemetryd.settings.parts.saving import ask_where, write
from telemetryd.settings.reading.history_export import as_csv, as_json
from telemetryd.settings.reading.history_reading import last_sent, months_of, read_report, why_empty
from telemetryd.settings.widgets.plain import button, heading, label, note, row, title
from telemetryd.settings.words.report_cells import OUTCOMES, SENT, WAITING, empty_line, sent_cells, subject, waiting_cells
from telemetryd.settings.words.window_words import day, failure_line, foreign, name_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from telemetryd.settings.pages.page import PageSurroundings, Part
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

NAME = "sent"
_MONTHS = 12
_LINES_MAX = 10
"""Most lines of a list that are seen without scrolling it."""
_FILES = ("telemetry.json", "telemetry.csv")
_COUNTED = ReportFilter(keys=("sent", "outcome"))
"""What the timeline needs of each report."""


class SentPage(WindowPage):
    """Rows of the history, read while they are scrolled. Enter opens one."""

    def __init__(self, around: PageSurroundings) -> None:
        super().__init__(around)
        self._snapshot: ServiceSnapshot | None = None
        self._waiting = ReportModel([self._(head) for head in WAITING], self._waiting_cells, self)
        self._history = HistoryModel([self._(head) for head in SENT], self._sent_cells, around.look, self)
        self._history.loaded.connect(self._on_loaded)
        self._history.failed.connect(self._tell)
        self._wanted, self._last_sent = ReportFilter(), 0
        self._months: Counter[str] = Counter()
        self._turn = 0
        """Counts the readings: what an earlier reading began is dropped."""

    def show_place(self, place: Place, snapshot: ServiceSnapshot) -> None:
        """Show what waits at once, and read the history anew if the daemon was read anew."""
        has_changed = self._snapshot is None or (snapshot.waiting, snapshot.due) != (self._snapshot.waiting, self._snapshot.due)
        if snapshot is not self._snapshot:
            self._snapshot = snapshot
            self._turn += 1
            self._history.reload(self._wanted)
        if has_changed:
            self._waiting.replace(snapshot.waiting)
        super().show_place(place, snapshot)

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """Whether there are lists and how high they are, what the ledger counts, and what the filters offer."""
        names = [(application["id"], application["name"]) for application in snapshot.applications]
        heights = min(_LINES_MAX, len(snapshot.waiting)), min(_LINES_MAX, len(self._history.rows))
        return heights, self._history.is_read, self._last_sent, self._months, snapshot.made, snapshot.erased, names, self._is_filtered

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """What waits, then what was sent or ended."""
        _, waiting, rows = self._, self._waiting.rows, self._history.rows
        return [
            heading(_("Sent and waiting")),
            title(_("Waiting to be sent")),
            self._list(self._waiting, "waiting") if waiting else label(_("Nothing is waiting to be sent."), "nothing-waits"),
            title(_("Sent or ended")),
            *([self._timeline()] if self._months else []),
            *self._filters(snapshot),
            self._list(self._history, "sent") if rows else label(self._empty(snapshot), "nothing-sent"),
            *([note(_("Enter opens a report with its exact bytes. Reports are kept for a year."))] if waiting or rows else []),
            row(*self._buttons(), None),
        ]

    @property
    def _is_filtered(self) -> bool:
        return bool(self._wanted.application or self._wanted.outcomes)

    def _list(self, model: ReportModel, name: str) -> ReportList:
        is_waiting = name == "waiting"
        made = ReportList(model, self._("Waiting to be sent") if is_waiting else self._("Sent or ended"), name)
        made.show_lines(min(_LINES_MAX, len(model.rows)))
        made.opened.connect(self._open)
        return made

    def _buttons(self) -> list[Part]:
        _ = self._
        erase = button(_("&Erase…"), _("what is unsent, and this list"), self.acts.erase, name="erase")
        if not (self._waiting.rows or self._history.rows):
            return [erase]
        return [button(_("E&xport…"), _("this list"), self._export, name="export"), erase]

    def _filters(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        """Which reports the list has. The applications are those that the ledger has answers of."""
        if not (self._history.rows or self._is_filtered):
            return
        applications = {"": self._("All applications")}
        for line in snapshot.budgets:
            if line["application"]:
                known = snapshot.application(line["application"])
                applications[line["application"]] = name_of(known, self.language) if known else foreign(line["application"], self.language)
        outcomes = {outcomes: self._(text) for text, outcomes in OUTCOMES.items()}
        wanted = self._wanted
        of = _Filter("filter-application", self._("Show reports of"), applications, wanted.application)
        that = _Filter("filter-outcome", self._("Show reports that"), outcomes, wanted.outcomes)
        yield row(_combo(of, self._choose_application), _combo(that, self._choose_outcomes), None)

    def _choose_application(self, app_id: str) -> None:
        self._choose(self._wanted._replace(application=app_id))

    def _choose_outcomes(self, outcomes: tuple[str, ...]) -> None:
        self._choose(self._wanted._replace(outcomes=outcomes))

    def _choose(self, wanted: ReportFilter) -> None:
        self._wanted = wanted
        self._history.reload(wanted)

    def _empty(self, snapshot: ServiceSnapshot) -> str:
        _, made = self._, snapshot.made
        if not self._history.is_read:
            return _("The list is being read …")
        if self._is_filtered:
            return _("No report in the list is like this.")
        if not made:
            return _("Nothing has been sent from this account.")
        why = why_empty(self._last_sent, snapshot.erased, datetime.now(UTC).timestamp())
        return empty_line(why, made, day(snapshot.erased, self.language), self.language.words)

    def _waiting_cells(self, report: Row) -> Sequence[str]:
        return waiting_cells(report, self._snapshot, self.language) if self._snapshot else ()

    def _sent_cells(self, report: Row, names: Mapping[tuple[str, str], Row]) -> Sequence[str]:
        return sent_cells(report, self._snapshot, names, self.language)

    def _on_loaded(self) -> None:
        """The beginning of the list is there: find what else the page says about the whole history."""
        history, turn = self._history, self._turn
        if not self._is_filtered:
            if history.is_complete:
                self._have_months(turn, months_of(history.rows))
            else:
                self._count(turn, 0, Counter())
            if not history.rows and self._snapshot is not None and self._snapshot.made:
                self.around.look(last_sent, partial(self._have_last_sent, turn))
        self._show_again()

    def _count(self, turn: int, before: int, counted: Counter[str]) -> None:
        """Count the reports of each month, a page at a time, so that what the user does meanwhile comes between."""

        def have(answer: tuple[list[Row], int] | Failure) -> None:
            if isinstance(answer, Failure) or turn != self._turn:
                return
            rows, following = answer
            both = counted + months_of(rows)
            if following:
                self._count(turn, following, both)
            else:
                self._have_months(turn, both)

        self.around.look(lambda control: control.history_page(before, 0, _COUNTED), have)

    def _have_months(self, turn: int, months: Counter[str]) -> None:
        if turn == self._turn and months != self._months:
            self._months = months
            self._show_again()

    def _have_last_sent(self, turn: int, answer: int | Failure) -> None:
        if turn == self._turn and not isinstance(answer, Failure):
            self._last_sent = answer
            self._show_again()

    def _show_again(self) -> None:
        if self._snapshot is not None:
            super().show_place(self.place, self._snapshot)

    def _open(self, report: Row) -> None:
        self.around.look(lambda control: read_report(control, report["id"]), self._show_report)

    def _show_report(self, answer: Row | Failure | None) -> None:
        if isinstance(answer, Failure):
            self._tell(answer)
        elif answer is None:
            self.acts.told.emit(self._("This report is not in the list any more."))
        else:
            about = subject(answer, self._snapshot, self._history.names, self.language)
            ReportDialog(self, answer, about, self.language).open()

    def _tell(self, failure: Failure) -> None:
        self.acts.told.emit(failure_line(failure, self.language.words))

    def _timeline(self) -> Timeline:
        months = _last_months(max(self._months))
        told = ", ".join(f"{month}: {self._months[month]}" for month in months if self._months[month])
        text = self._("Sent by month: {months}").format(months=told)
        return Timeline([(self._short(month), self._months[month]) for month in months], text=text, name="timeline")

    def _short(self, month: str) -> str:
        """A month's short name in the user's language; January has its year."""
        year, number = map(int, month.split("-"))
        return str(year) if number == 1 else QLocale(self.language.tag).standaloneMonthName(number, QLocale.FormatType.ShortFormat)

    def _export(self) -> None:
        ask_where(self, self._("Export"), _FILES, self._export_to)

    def _export_to(self, path: Path) -> None:
        def have(answer: list[Row] | Failure) -> None:
            if isinstance(answer, Failure):
                self._tell(answer)
            else:
                text = as_csv(answer) if path.suffix == ".csv" else as_json(answer)
                self.acts.told.emit(write(path, text, self.language.words))

        self.around.look(lambda control: control.history(0, 0), have)


class _Filter(NamedTuple):
    """A choice of the list: its name, what it is about, the value of each text, and what is chosen."""

    name: str
    about: str
    texts: Mapping[Any, str]
    chosen: object


def _combo(offered: _Filter, on_choose: Callable[[Any], object]) -> QComboBox:
    made, values = QComboBox(), list(offered.texts)
    made.setObjectName(offered.name)
    made.setAccessibleName(offered.about)
    made.addItems(list(offered.texts.values()))
    made.setCurrentIndex(values.index(offered.chosen) if offered.chosen in values else 0)
    made.activated.connect(lambda index: on_choose(values[index]))
    return made


def _last_months(last: str) -> list[str]:
    """Months up to one of them, as `2026-10`."""
    year, month = map(int, last.split("-"))
    numbers = range(12 * year + month - _MONTHS, 12 * year + month)
    return [f"{number // 12:04}-{number % 12 + 1:02}" for number in numbers]
