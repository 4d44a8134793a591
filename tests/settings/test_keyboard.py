"""The window by keys alone: the order of the focus, that the focus is seen, that nothing holds it, and every way in and out."""

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QApplication, QListWidget, QPlainTextEdit, QTreeView
from support.driven_window import driven_window
from support.looks import look
from support.machine import CONTROL, KATE
from support.window_user import PLACES

from telemetryd.settings.pages.page import Place
from telemetryd.settings.widgets import legible

KATE_ID, QUESTION = "org.kde.kate", "org.kde.kate/startup-time"
OWN_LEVELS = ["own-system=3", "own-usage=3"]
_MOST = 60


@pytest.fixture
def kate(machine):
    """A running daemon, and Kate's reviewed question, which waits for an answer."""
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://telemetry.example.org/v1"\n')
    machine.install(KATE)
    with machine.daemon():
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        yield machine


def round_trip(window, key):
    """The names that the focus visits until it is where it began."""
    first, visited = window.focus, []
    for _ in range(_MOST):
        visited.append(window.focus)
        window.press(key)
        if window.focus == first:
            return visited
    raise AssertionError(f"{key} does not come round: {visited}")


def open_place(window, name):
    """Go to a page and wait until all of it is read, with the focus in the list on the left."""
    window.until(lambda: window.window._snapshot is not None and window.window._snapshot.is_whole)
    window.window.go(Place(**PLACES[name]))
    window.until(lambda: window.part(f"page-{PLACES[name]['page']}") and all(window.part(part) for part in ORDERS.get(name, ())))
    window.window._navigation.setFocus(Qt.FocusReason.TabFocusReason)
    window.work()


ORDERS = {
    "overview": [
        *("navigation", "review", "system=1", "usage=1", "new_questions=1", "notifications"),
        *("show:org.kde.kate/open-documents", "turn-off"),
    ],
    "applications": ["navigation", "applications"],
    "asked": [
        *("navigation", "back", *OWN_LEVELS, "details:org.kde.dolphin/startup-time"),
        *("no:org.kde.dolphin/startup-time", "yes:org.kde.dolphin/startup-time"),
    ],
    "question": ["navigation", "back", "report", "no:org.kde.kate/open-documents", "example", "copy-example", "more"],
    "sent": ["navigation", "filter-application", "filter-outcome", "sent", "export", "erase"],
    "revealed": [
        *("navigation", "meaning-0", "source-meaning-0", "source-meaning-1", "use-meaning-org.kde.kate", "save-page"),
    ],
    "system": ["navigation", "copy-report"],
}
"""Page → the parts in the order of reading; of choices only the chosen one. A page with nothing to press takes the focus, to scroll."""


@pytest.mark.parametrize("name", ORDERS)
def test_the_focus_goes_in_the_order_of_reading(busy, name):
    """Tab visits the parts from top to bottom and comes round, and Shift+Tab visits them the other way: nothing holds the focus."""
    with driven_window(busy) as window:
        open_place(window, name)
        assert round_trip(window, "Tab") == ORDERS[name]
        assert round_trip(window, "Shift+Tab") == [ORDERS[name][0], *reversed(ORDERS[name][1:])]


@pytest.mark.parametrize("palette", ["breeze", "dark", "high contrast"])
def test_the_focus_is_seen(busy, palette):
    """Of every part that has the focus other pixels are drawn than without it: some of them differ by 3 : 1."""
    with look(palette), driven_window(busy) as window:
        for name, order in ORDERS.items():
            open_place(window, name)
            window.window.resize(820, 1600)
            window.work(0.05)
            before = picture(window)
            for _ in order:
                window.press("Tab")
                part, now = window.focused, picture(window)
                place = QRect(part.mapTo(window.window, QPoint()), part.size()).adjusted(-4, -4, 4, 4)
                figure, before = changed(before, now, place.intersected(window.window.rect())), now
                assert figure >= legible.GRAPHIC_LEAST, f"{palette}: {window.focus} hardly shows that it has the focus: {figure:.2f}"


def picture(window):
    """The window as it is drawn now."""
    return window.window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def changed(before, after, place):
    """The highest contrast between what was drawn at a pixel and what is drawn there now."""
    one, other = (memoryview(image.constBits()).cast("B").cast("I") for image in (before, after))
    pairs, width = set(), after.width()
    for y in range(max(0, place.top()), min(place.bottom() + 1, after.height())):
        line = slice(y * width + place.left(), y * width + place.right() + 1)
        pairs.update(zip(one[line], other[line], strict=True))
    return max((legible.contrast(QColor(was), QColor(now)) for was, now in pairs), default=1.0)


def test_escape_goes_up_and_out(kate):
    """Esc leads from a question to its application, to the list, and closes the window; each time the focus is where it came from."""
    with driven_window(kate, page="question", application=KATE_ID, question="startup-time") as window:
        window.until(lambda: window.part("noise") is not None)
        window.press("Escape")
        window.until(lambda: window.focus == f"details:{QUESTION}")
        window.press("Escape")
        window.until(lambda: window.focus == "applications")
        window.press("Escape")
        window.until(lambda: not window.window.isVisible())


def test_the_focus_returns_from_a_dialog(kate):
    """After a dialog the focus is on what opened it."""
    with driven_window(kate, page="question", application=KATE_ID, question="startup-time") as window:
        window.until(lambda: window.part("more") is not None)
        window.use("more")
        window.until(lambda: window.top is not window.window)
        assert round_trip(window, "Tab")
        window.press("Escape")
        window.until(lambda: window.top is window.window)
        assert window.focus == "more"


def test_enter_presses_a_button(kate):
    """Enter does what the space bar does on a button, and nothing on a level: a level is chosen by the space bar."""
    with driven_window(kate) as window:
        window.until(lambda: window.text("headline").startswith("You allow") and window.part("review") is not None)
        window.tab_to("usage=2")
        window.press("Return")
        window.work(0.2)
        assert window.part("usage=1").isChecked()
        window.tab_to("review")
        window.press("Return")
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)


def test_letters_with_alt(kate):
    """Alt with the underlined letter presses a button that is alone with it; Yes needs Tab and a key of its own on a page with several."""
    with driven_window(kate) as window:
        window.until(lambda: window.text("headline").startswith("You allow") and window.part("review") is not None)
        window.press("Alt+R")
        window.until(lambda: window.part(f"details:{QUESTION}") is not None)
        window.press("Alt+D")
        window.until(lambda: window.part("noise") is not None)
        window.press("Alt+B")
        window.until(lambda: window.part(f"details:{QUESTION}") is not None)


@pytest.mark.parametrize("name", ["question", "revealed", "application"])
def test_page_down_reads_to_the_end(busy, name):
    """A page that is longer than the window is scrolled to its end and back by keys, wherever on the page the focus is."""
    with driven_window(busy) as window:
        open_place(window, name)
        window.window.resize(640, 400)
        window.press("Tab")
        bar = window.window._pages[PLACES[name]["page"]].verticalScrollBar()
        assert bar.maximum() > 0
        for _ in range(_MOST):
            window.press("PgDown")
        assert bar.value() == bar.maximum()
        for _ in range(_MOST):
            window.press("PgUp")
        assert bar.value() == bar.minimum()


@pytest.mark.parametrize("name", [name for name in ORDERS if name != "applications"])
def test_what_has_the_focus_is_in_sight(busy, name):
    """In a small window with a large font, each part that Tab reaches is scrolled into the window."""
    with look(font_scale=1.5), driven_window(busy) as window:
        open_place(window, name)
        window.window.resize(640, 480)
        window.work(0.05)
        for _ in ORDERS[name]:
            window.press("Tab")
            part = window.focused
            if not isinstance(part, (QTreeView, QListWidget, QPlainTextEdit)):  # these may be higher than the window
                assert not part.visibleRegion().isEmpty()
                assert window.window.rect().intersects(QRect(part.mapTo(window.window, QPoint()), part.size()))


def test_an_applications_own_level(kate):
    """The level of one application is set by keys, and the question says what shuts it; Open the setting leads to that level."""
    with driven_window(kate, page="application", application=KATE_ID) as window:
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
        window.use("own-usage=0")
        window.until(lambda: window.part(f"setting:{QUESTION}") is not None)
        assert window.part(f"yes:{QUESTION}") is None
        window.use(f"setting:{QUESTION}")
        window.until(lambda: window.focus.startswith("own-usage="))
        window.tab_to("own-usage=3")
        window.press("Space")
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)


def test_yes_and_withdraw_on_a_card(kate):
    """Yes by Enter, then Withdraw by the space bar: what would end is said, and Esc leaves it; agreeing ends it."""
    with driven_window(kate, page="application", application=KATE_ID) as window:
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
        window.tab_to(f"yes:{QUESTION}")
        window.press("Return")
        window.until(lambda: "will be measured" in window.text(f"state:{QUESTION}"))
        window.use(f"no:{QUESTION}")
        window.until(lambda: window.part("asked") is not None or window.part(f"allow:{QUESTION}") is not None)
        if window.part("asked"):
            window.press("Escape")
            window.until(lambda: window.part("asked") is None)
            assert "will be measured" in window.text(f"state:{QUESTION}")
            window.use(f"no:{QUESTION}")
            window.until(lambda: window.part("asked") is not None)
            window.use("do")
        window.until(lambda: window.part(f"allow:{QUESTION}") is not None)
        window.use(f"allow:{QUESTION}")
        window.until(lambda: window.part("asked") is not None)
        assert "This starts 1 question" in window.all_text(), "the yes of before counts again"
        window.use("do")
        window.until(lambda: "will be measured" in window.text(f"state:{QUESTION}"))


def test_the_exact_bytes_are_copied(busy):
    """From the list of reports Enter leads to the bytes, the arrow keys select in them, and Copy takes them all."""
    with driven_window(busy, page="sent") as window:
        window.until(lambda: window.part("sent") is not None)
        window.tab_to("sent")
        window.press("Return")
        window.until(lambda: window.part("body") is not None)
        window.tab_to("body")
        window.press("Ctrl+A", "Ctrl+C")
        assert QApplication.clipboard().text().startswith('{"schema":1,"application":"org.kde.kate"')
        window.press("Tab")
        assert window.focus == "copy", "the field does not keep the Tab key"
        window.press("Escape")
        window.until(lambda: window.top is window.window)
        assert window.focus == "sent"


def test_the_line_about_a_failed_act_is_left_by_keys(kate):
    """A line that says why something was not done is reached by Tab, and its button puts it away."""
    with driven_window(kate) as window:
        window.until(lambda: window.text("headline").startswith("You allow") and window.part("review") is not None)
        window.window._acts.told.emit("Something changed while you were reading, so nothing was done.")
        window.work()
        window.tab_to("dismiss")
        window.press("Space")
        window.until(lambda: window.part("told") is None)
        assert window.focused is not None
