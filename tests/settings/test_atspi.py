"""The window as a screen reader meets it: on a display, over the accessibility bus, by the library that screen readers use.

`make desktop` installs what it needs, which is 60 MB of X: without that the tests are skipped.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from support.machine import CONTROL, KATE, ROOT, until

LAUNCHER = Path("/usr/libexec/at-spi-bus-launcher")
READER = [shutil.which("python3", path="/usr/bin") or "", str(ROOT / "tests/support/screen_reader.py")]
QUESTION = "Is start-up too slow?"


def has_library():
    """Whether the system's Python has the library of screen readers."""
    program = "import gi; gi.require_version('Atspi', '2.0'); from gi.repository import Atspi"
    return bool(READER[0]) and subprocess.run([READER[0], "-c", program], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(
    not (shutil.which("Xvfb") and LAUNCHER.exists() and has_library()),
    reason="Xvfb, at-spi2-core or gir1.2-atspi-2.0 is missing: make desktop installs them",
)


@contextlib.contextmanager
def running(*command, environ, log, **options):
    """A program until the block ends."""
    with log.open("w") as stderr, subprocess.Popen(command, env=environ, stderr=stderr, **options) as process:
        try:
            yield process
        finally:
            process.terminate()


@pytest.fixture
def desktop(machine, tmp_path):
    """The environment of a session with a display, where a screen reader is switched on, and Kate's question waits for an answer."""
    machine.install(KATE)
    reading, writing = os.pipe()
    with contextlib.ExitStack() as stack:
        number = f":{1000 + os.getpid() % 50_000}"  # no other's: servers that begin at one time can choose one number
        # A server without a client for a moment would begin anew, and refuse whoever connects then.
        display = ("Xvfb", number, "-displayfd", str(writing), "-screen", "0", "1024x768x24", "-nolisten", "tcp", "-noreset")
        stack.enter_context(running(*display, environ=machine.environ, log=tmp_path / "xvfb.log", pass_fds=(writing,)))
        os.close(writing)
        with os.fdopen(reading) as told:
            place = {"DISPLAY": f":{told.readline().strip()}", "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
            environ = {**machine.environ, **place, "GSETTINGS_BACKEND": "memory"}  # the reader switches itself on, for this session alone
        stack.enter_context(running(str(LAUNCHER), environ=environ, log=tmp_path / "atspi.log"))
        until(lambda: "org.a11y.Bus" in machine.busctl("--json=short", "list"))
        machine.busctl("set-property", "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Status", "IsEnabled", "b", "true")
        stack.enter_context(machine.daemon())
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        yield environ


@pytest.fixture
def reader(desktop, machine, tmp_path):
    """What the screen reader does in the window: `reader("tree")`, `reader("press", NAME)`."""

    def read(*arguments):
        done = subprocess.run([*READER, *arguments], env=desktop, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr + (tmp_path / "window.log").read_text()
        return json.loads(done.stdout)

    return read


@contextlib.contextmanager
def window(desktop, tmp_path, *arguments):
    """The window as a process of its own. If it crashes, its log says where."""
    command = (sys.executable, "-X", "faulthandler", "-m", "telemetryd.settings", *arguments)
    with running(*command, environ=desktop, log=tmp_path / "window.log", cwd=ROOT) as process:
        yield process
        assert process.poll() is None


def named(tree, name):
    """The rows of a name."""
    return [row for row in tree if row["name"] == name]


def test_the_window_is_read_and_used_over_the_bus(desktop, reader, machine, tmp_path):
    """A reader finds every page and level by role, name and state. It presses one by its action, and the daemon has the new level."""
    with window(desktop, tmp_path):
        tree = reader("tree", "--until", "Turn everything off…")
        (frame,) = [row for row in tree if row["role"] == "frame"]
        assert frame["name"] == "Telemetry"
        assert [row["name"].partition(" (")[0] for row in tree if row["role"] == "list item"][:2] == ["Overview", "Applications"]
        (basic,) = named(tree, "About how you use applications: Basic")
        assert (basic["role"], "checked" in basic["states"], "focusable" in basic["states"]) == ("radio button", True, True)
        assert any(row["role"] == "label" and row["name"].startswith("You allow 0 questions.") for row in tree)
        takes_focus = [
            row["name"] for row in tree if "focusable" in row["states"] and row["role"] in {"push button", "button", "radio button"}
        ]
        assert takes_focus
        assert all(takes_focus)
        reader("press", "About your system: Detailed")
        until(lambda: json.loads(machine.busctl("--json=short", "get-property", *CONTROL, "System"))["data"] == 2)
        (detailed,) = named(reader("tree", "--until-checked", "About your system: Detailed"), "About your system: Detailed")
        assert "checked" in detailed["states"]


def test_a_question_is_answered_over_the_bus(desktop, reader, machine, tmp_path):
    """A reader hears what a yes means before the buttons, presses Yes by its action, and the question is accepted."""
    with window(desktop, tmp_path, "--app", "org.kde.kate"):
        yes = f"Yes, answer this once: {QUESTION}"
        tree = reader("tree", "--until", yes)
        names = [row["name"] for row in tree]
        assert any("of 100 people who answer as you do" in name for name in names[: names.index(yes)])
        assert [row["role"] for row in tree if row["name"] in {yes, f"No: {QUESTION}"}] in (["push button"] * 2, ["button"] * 2)
        reader("press", yes)
        until(lambda: machine.ask(CONTROL, "ListQuestions", "s", "org.kde.kate")[0][0]["state"]["data"] == "waiting")


def test_what_became_of_an_act_is_read_out(desktop, reader, tmp_path):
    """The line above the page is announced when it appears: nobody has to look for it."""
    with window(desktop, tmp_path, "--page", "system"):
        assert reader("hear", "Copy report: this page, without any answer") == ["The report is copied. It holds no answer."]


def test_pictures_are_images_with_a_text(desktop, reader, tmp_path):
    """The bins and the dots come over the bus as images with their sentences."""
    with window(desktop, tmp_path, "--app", "org.kde.kate"):
        reader("tree", "--until", f"Details…: {QUESTION}")
        reader("press", f"Details…: {QUESTION}")
        tree = reader("tree", "--until", f"More details…: {QUESTION}")
        images = [row["name"] for row in tree if row["role"] in {"image", "icon"}]
        assert len(images) == 2
        assert images[0].startswith("Possible answers: less than 500")
        assert "of 100 people who answer as you do" in images[1]


def test_a_child_that_is_gone_is_none(desktop, reader, tmp_path):
    """A reader that asks an object for a child beyond its last gets none, and the window lives. Qt's own scroll areas end the program."""
    with window(desktop, tmp_path, "--app", "org.kde.kate") as process:
        reader("tree", "--until", f"Details…: {QUESTION}")
        objects, answers = reader("ask-too-much", "--until", f"Details…: {QUESTION}")
        assert objects > 10
        assert answers == 0
        assert process.poll() is None
