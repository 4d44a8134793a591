"""The list of what was sent: read in pages, filtered, exported, and never said to be empty for the wrong reason. Policy: T1, T2."""

import csv
import json

import pytest
from benchmarks import load_applications
from benchmarks.replies import fill
from PySide6.QtWidgets import QFileDialog
from support.driven_window import driven_window
from support.machine import CONTROL
from support.timeline import DAY_S

from telemetryd.settings.parts.history_model import PAGE
from telemetryd.settings.reading.history_reading import EmptyBecause, why_empty

REPORTS = 320
NAMES = load_applications.names(3)


@pytest.fixture
def history(machine):
    """A daemon with a history of three applications, the last of which is gone."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.kde.org/v1"\n')
    for text in load_applications.manifests(2):
        machine.install(text)
    fill(machine, NAMES, REPORTS)
    with machine.daemon():
        yield machine


def column(window, number):
    """The texts of a column of the list."""
    model = window.part("sent").model()
    return [model.index(row, number).data() for row in range(model.rowCount())]


def save_as(window, path):
    """Type the name of a file into the dialog in front, and press Enter."""
    window.until(lambda: isinstance(window.top, QFileDialog))
    window.focused.setText(str(path))
    window.top.accept()
    window.until(lambda: not isinstance(window.top, QFileDialog))


def test_further_rows_come_while_it_is_scrolled(history):
    """At first a page of the list is there, and the others come with End and Page Down; each report is there once, the newest first."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        assert window.part("sent").model().rowCount() in {PAGE, 2 * PAGE}  # the list may have asked for more already
        window.tab_to("sent")
        while window.part("sent").model().rowCount() < REPORTS:
            window.press("End")
        days = column(window, 0)
        assert (len(days), days) == (REPORTS, sorted(days, reverse=True))
        numbers = [row["id"] for row in window.part("sent").model().rows]
        assert len(set(numbers)) == REPORTS
        window.press("End", "Return")
        window.until(lambda: window.part("body") is not None)
        assert "Content-Length: 1024" in window.part("headers").toPlainText()
        assert window.top.windowTitle() == f"Report: {window.text('report-question')}"
        window.press("Escape")


@pytest.mark.parametrize("is_asked_before", [False, True])
def test_further_rows_come_if_all_is_read_again_meanwhile(history, is_asked_before):
    """Who scrolls to the end just before or while the list is read again, as after a change elsewhere, gets the rows behind it too."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("sent") is not None and window.part("timeline") is not None)
        model, bar = window.part("sent").model(), window.part("sent").verticalScrollBar()
        rows = model.rowCount()
        assert rows < REPORTS
        steps = [lambda: bar.setValue(bar.maximum()), lambda: model.reload(model.wanted)]
        for step in steps if is_asked_before else steps[::-1]:
            step()
        window.until(lambda: model.rowCount() > rows)


def test_names_of_what_is_declared_and_of_what_is_gone(history):
    """A question has its words as long as it is declared. What is gone keeps its id."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        rows = list(zip(column(window, 1), column(window, 2), strict=True))
        assert set(rows) == {("Kate", "Is start-up too slow?"), *((NAMES[2], f"time{number}") for number in range(10))} & set(rows)
        assert ("Kate", "Is start-up too slow?") in rows
        assert any(row[0] == NAMES[2] for row in rows)


def test_a_report_is_named_by_its_question(busy):
    """The dialog with a report has the words of the question as its title, and the application's name."""
    with driven_window(busy, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        window.tab_to("sent")
        window.press("Return")
        window.until(lambda: window.part("body") is not None)
        assert window.top.windowTitle() == "Report: Is start-up too slow?"
        assert window.text("report-question") == "Is start-up too slow?"
        assert "Application\nKate\nTo\n" in window.all_text()
        window.press("Escape")


def test_filters(history):
    """A filter leaves the reports that are so, and says so if none is; the list of all comes back."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("filter-outcome") is not None)
        window.tab_to("filter-outcome")
        window.press("Down", "Down")
        window.until(lambda: window.text("nothing-sent") == "No report in the list is like this.")
        assert window.focus == "filter-outcome"
        window.press("Up")
        window.until(lambda: window.part("sent") is not None)
        assert set(column(window, 5)) == {"arrived"}


@pytest.mark.parametrize("ending", ["json", "csv"])
def test_export(history, tmp_path, ending):
    """The file has every report, with its exact bytes."""
    path = tmp_path / f"mine.{ending}"
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("export") is not None)
        window.use("export")
        save_as(window, path)
        window.until(lambda: window.text("told") == f"Saved: {path}")
    if ending == "json":
        rows = json.loads(path.read_text())
        assert (len(rows), rows[0]["outcome"], len(rows[0]["body"])) == (REPORTS, "accepted", 1024)
    else:
        lines = list(csv.reader(path.read_text().splitlines()))
        assert (len(lines), lines[0][:3], lines[1][9]) == (REPORTS + 1, ["id", "application", "question"], "accepted")


def test_a_file_that_cannot_be_written(history, tmp_path):
    """A place where nothing can be written is said, and nothing else happens."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("export") is not None)
        window.use("export")
        window.until(lambda: isinstance(window.top, QFileDialog))
        window.top.fileSelected.emit(str(tmp_path / "nowhere/mine.json"))
        window.top.reject()
        window.until(lambda: window.text("told").startswith("The file could not be written:"))


def test_erased_elsewhere(history):
    """What another program erases goes from the list within a second. Nothing was charged, so nothing is said to have been sent."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        history.busctl("call", *CONTROL, "Erase", "s", "")
        window.until(lambda: window.text("nothing-sent") == "Nothing has been sent from this account.", within_s=1.5)


def test_a_report_that_went_meanwhile(history):
    """Enter on a report that another program has erased says that it is there no more."""
    with driven_window(history, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        row = window.part("sent").model().rows[0]
        history.busctl("call", *CONTROL, "Erase", "s", row["application"])
        window.window._pages["sent"]._open(row)
        window.until(lambda: window.text("told") == "This report is not in the list any more.")


async def test_an_empty_list_says_when_it_was_erased(timeline):
    """Erased in the window, the list says on which day that was, and how many reports were made."""
    await timeline.queue()
    with driven_window(timeline.machine, page="sent") as window:
        window.until(lambda: window.part("waiting") is not None)
        window.use("erase")
        window.until(lambda: window.part("do") is not None)
        window.use("do")
        window.until(lambda: window.text("nothing-sent") == "You erased this list on 2026-10-19. 1 report was made in all.")


@pytest.mark.parametrize(
    ("last_sent", "erased", "why"),
    [
        (0, 0, EmptyBecause.OLD),
        (0, 100, EmptyBecause.ERASED),
        (100, 100, EmptyBecause.ERASED),
        (101, 100, EmptyBecause.OLD),
        (600, 0, EmptyBecause.LOST),
        (600, 100, EmptyBecause.LOST),
        (600, 600, EmptyBecause.ERASED),
    ],
)
def test_why_a_list_is_empty(last_sent, erased, why):
    """On day 700: erased, if nothing was sent after that day; lost, if something was that is not a year old; else too old."""
    assert why_empty(last_sent * DAY_S, erased * DAY_S, 700 * DAY_S) is why
