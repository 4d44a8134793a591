"""Prints how long the settings window takes over 100 applications of ten questions and a history of 10,000 reports; see README.md here.

    python tests/benchmarks/window.py [--awake] [--starts N] [--applications N] [--reports N]

Without a screen, in processes of its own. Times are those that pass; beside them stands processor time of the window's process, which a
busy machine lengthens less.
"""
# ruff: noqa: T201 - printing is what it is for

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from statistics import median, quantiles
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.awake import awake
from benchmarks.replies import prepared
from support.machine import CONTROL

APPLICATIONS, REPORTS, STARTS = 100, 10_000, 5
FIRST_GOAL_MS, LIST_GOAL_MS, FRAME_GOAL_MS, CHANGE_GOAL_MS = 400, 300, 16, 1000
APPLICATION = "org.example.app0000"
WAIT_S = 60


class Took(NamedTuple):
    """Milliseconds that passed, and those of processor time that the process took."""

    wall_ms: float
    cpu_ms: float


class Figures(NamedTuple):
    """What one window took. Each frame of a scrolling list is model and paint, in time of the window's own thread."""

    first: Took
    whole: Took
    applications: Took
    application: Took
    sent: Took
    change: Took
    frames_ms: list[float]
    frames_cpu_ms: list[float]
    rows: int


class Watch:
    """Lets the window work until a claim holds and what it shows is painted."""

    def __init__(self, application: Any) -> None:
        self._application = application

    def until(self, claim: Callable[[], Any]) -> Took:
        """Work until the claim holds."""
        began, cpu = time.perf_counter(), time.process_time()
        while not claim():
            assert time.perf_counter() - began < WAIT_S, "the window did not show it in time"
            self._application.processEvents(self._flags(), 50)
        self._application.processEvents()  # paints
        return Took((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000)

    @staticmethod
    def _flags() -> Any:
        from PySide6.QtCore import QEventLoop  # noqa: PLC0415 - PySide6 is an extra

        return QEventLoop.ProcessEventsFlag.WaitForMoreEvents


def look() -> Figures:
    """Open a window over the daemon of this environment, go to its pages, and scroll through the whole history."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication, QLabel, QWidget  # noqa: PLC0415 - PySide6 is an extra

    from telemetryd.ctl import language as languages  # noqa: PLC0415 - after the platform
    from telemetryd.settings.control_thread import ControlThread  # noqa: PLC0415 - after the platform
    from telemetryd.settings.pages.page import Place  # noqa: PLC0415 - after the platform
    from telemetryd.settings.window import SettingsWindow  # noqa: PLC0415 - after the platform

    qt = QApplication.instance() or QApplication(["telemetryd-settings"])
    watch, began, cpu = Watch(qt), time.perf_counter(), time.process_time()
    service = ControlThread()
    window = SettingsWindow(service, languages.of(()), Place("overview"))
    window.show()
    service.start()

    def part(name: str) -> Any:
        return next((one for one in window.findChildren(QWidget, name) if one.isVisible()), None)

    def since() -> Took:
        return Took((time.perf_counter() - began) * 1000, (time.process_time() - cpu) * 1000)

    try:
        watch.until(lambda: part("headline"))
        first = since()
        watch.until(lambda: window._snapshot.is_whole)
        whole = since()
        window.go(Place("applications"))
        applications = watch.until(lambda: part("applications"))
        window.go(Place("application", APPLICATION))
        application = watch.until(lambda: any(one.objectName().startswith("purpose:") for one in window.findChildren(QLabel)))
        window.go(Place("sent"))
        sent = watch.until(lambda: part("sent"))
        watch.until(lambda: part("timeline"))
        change = watch.until(changed(window))
        frames = list(scroll(watch, part("sent")))
        rows = part("sent").model().rowCount()
    finally:
        service.stop()
        window.close()
    walls, cpus = ([one[number] for one in frames] for number in (0, 1))
    return Figures(first, whole, applications, application, sent, change, walls, cpus, rows)


def changed(window: Any) -> Callable[[], bool]:
    """Have another program change a level; whether the window knows of it."""
    level = 1 - window._snapshot.chosen("system")
    command = ["busctl", f"--address={os.environ['DBUS_SESSION_BUS_ADDRESS']}", "set-property", *CONTROL, "System", "u", str(level)]
    subprocess.run(command, check=True)
    return lambda: window._snapshot.chosen("system") == level


def scroll(watch: Watch, view: Any) -> Any:
    """Scroll a page at a time to the end, which moves as further rows come: (ms that passed, ms of this thread) of each frame."""
    bar, model = view.verticalScrollBar(), view.model()
    while bar.value() < bar.maximum() or not model.is_complete:
        if bar.value() == bar.maximum():
            watch.until(lambda: bar.value() < bar.maximum() or model.is_complete)
            continue
        before, cpu = time.perf_counter(), time.thread_time()
        bar.setValue(bar.value() + bar.pageStep())
        view.viewport().repaint()
        yield (time.perf_counter() - before) * 1000, (time.thread_time() - cpu) * 1000
        watch.until(lambda: True)


def opened(machine: Any) -> Figures:
    """The figures of a window in a process of its own, over the daemon of a machine."""
    done = subprocess.run(
        [sys.executable, __file__, "--look"], env={**os.environ, **machine.environ}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    return Figures(*(Took(*one) for one in figures[:6]), *figures[6:])


def main() -> None:
    """Measure and print."""
    options = arguments()
    if find_spec("PySide6") is None:
        print("PySide6 is not installed: there is no window to measure")
        return
    print(f"Python {platform.python_version()}, {os.cpu_count()} processors; load {os.getloadavg()[0]:.1f}")
    print(f"{options.applications} applications of ten questions, {options.reports:,} reports; median (most) of {options.starts} windows")
    sizes = {"applications": options.applications, "reports": options.reports}
    with awake(is_wanted=options.awake), tempfile.TemporaryDirectory() as folder, prepared(Path(folder), "dbus-fast", **sizes) as machine:
        cold = []
        for _ in range(options.starts):
            with machine.daemon():
                cold.append(opened(machine))
        with machine.daemon():
            opened(machine)
            warm = [opened(machine) for _ in range(options.starts)]
    print(*lines("daemon just started", cold), *lines("daemon that has read the manifests", warm), sep="\n")


def lines(about: str, figures: list[Figures]) -> Any:
    """The table of some windows."""
    yield f"\n{about}"
    named = (
        ("window to first content", [one.first for one in figures], f"< {FIRST_GOAL_MS}"),
        ("window to everything read", [one.whole for one in figures], ""),
        ("list of applications", [one.applications for one in figures], f"< {LIST_GOAL_MS}"),
        ("page of an application", [one.application for one in figures], ""),
        ("first rows of the history", [one.sent for one in figures], ""),
        ("a change by another program", [one.change for one in figures], f"< {CHANGE_GOAL_MS:,}"),
    )
    yield f"  {'':<32} {'passed (ms)':>16} {'processor (ms)':>16}   goal"
    for name, took, goal in named:
        yield f"  {name:<32} {_told([one.wall_ms for one in took]):>16} {_told([one.cpu_ms for one in took]):>16}   {goal}"
    walls, cpus = (
        [value for one in figures for value in values(one)] for values in (lambda one: one.frames_ms, lambda one: one.frames_cpu_ms)
    )
    for name, at in (("frame of a scrolling list, median", 50), ("the slowest in a hundred", 99)):
        wall, cpu = (quantiles(values, n=100)[at - 1] for values in (walls, cpus))
        yield f"  {name:<32} {wall:>16.1f} {cpu:>16.1f}   < {FRAME_GOAL_MS}"
    yield f"  {'the slowest':<32} {max(walls):>16.1f} {max(cpus):>16.1f}   of {len(walls):,} frames, {figures[0].rows:,} rows"


def _told(values: list[float]) -> str:
    return f"{median(values):.0f} ({max(values):.0f})"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="How long the settings window takes.")
    parser.add_argument("--look", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--starts", type=int, default=STARTS, help=f"windows of which the median is taken ({STARTS})")
    parser.add_argument("--applications", type=int, default=APPLICATIONS, help=f"installed applications ({APPLICATIONS})")
    parser.add_argument("--reports", type=int, default=REPORTS, help=f"reports in the history ({REPORTS})")
    parser.add_argument("--awake", action="store_true", help="keep a virtual machine's idle processors awake meanwhile (as root)")
    return parser.parse_args()


if __name__ == "__main__":
    if "--look" in sys.argv:
        print(json.dumps(look()))
    else:
        main()
