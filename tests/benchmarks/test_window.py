"""The short form of `window.py`: processor time, which other work on the machine lengthens by less."""

from statistics import quantiles

import pytest

pytest.importorskip("PySide6.QtWidgets", reason="PySide6 is not installed: there is no window", exc_type=ImportError)

from benchmarks.replies import prepared
from benchmarks.window import APPLICATIONS, FIRST_GOAL_MS, FRAME_GOAL_MS, LIST_GOAL_MS, REPORTS, opened


def test_a_window_over_many_applications_and_reports(tmp_path):
    """Over a hundred applications and thousands of reports the first content, the list, a page and every frame stay within their goals."""
    with prepared(tmp_path, "dbus-fast", applications=APPLICATIONS, reports=REPORTS // 5) as machine, machine.daemon():
        figures = opened(machine)
    assert figures.rows == REPORTS // 5
    assert figures.first.cpu_ms < FIRST_GOAL_MS
    assert figures.applications.cpu_ms < LIST_GOAL_MS
    assert figures.application.cpu_ms < LIST_GOAL_MS
    assert quantiles(figures.frames_cpu_ms, n=100)[98] < FRAME_GOAL_MS
