"""Nothing is cut off, elided without its whole text, or out of the window: in any language, with large fonts, in small windows."""

import os
import subprocess
import sys

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QHeaderView, QLabel, QScrollArea, QTreeView, QWidget
from support.driven_window import driven_first_run, driven_window
from support.looks import look
from support.machine import KATE, ROOT
from support.window_user import PLACES

from telemetryd.settings.pages.page import Place
from telemetryd.settings.parts.pictures import Picture

SIZES = (820, 600), (640, 480)
WRAP = int(Qt.TextFlag.TextWordWrap | Qt.TextFlag.TextShowMnemonic)
TALL = 10_000
_STEPS = 10


def faults(top):
    """What is wrong with the layout of a window or a dialog, in words."""
    shown = [part for part in top.findChildren(QWidget) if part.isVisible()]
    return [*(fault for part in shown for fault in of_part(part, top)), *overlaps(shown)]


def of_part(part, top):
    """What is wrong with one part."""
    what = f"{type(part).__name__} {part.objectName()}"
    if isinstance(part, QScrollArea):
        if part.horizontalScrollBar().maximum() or part.widget().width() > part.viewport().width():
            yield f"{what} is wider than its page by {part.widget().width() - part.viewport().width()}"
    elif isinstance(part, QHeaderView):
        yield from (f"{what} is elided: {text}" for text in short_heads(part))
    elif isinstance(part, QAbstractItemView):
        yield from (f"{what} is elided: {text}" for text in short_cells(part))
        if part.horizontalScrollBar().maximum():
            yield f"{what} scrolls sideways by {part.horizontalScrollBar().maximum()}"
    elif isinstance(part, (QLabel, QAbstractButton)) and (isinstance(part, Picture) or part.text()):
        if part.height() < part.heightForWidth(part.width()):
            yield f"{what} is {part.heightForWidth(part.width()) - part.height()} too low: {part.text()}"
        if not isinstance(part, Picture) and too_wide(part):
            yield f"{what} has a word that is cut off: {part.text()}"
        yield from outside(part, top, what)


def too_wide(part):
    """Whether a word is longer than the part is wide."""
    text = QLabel.text(part) if isinstance(part, QLabel) else part.text()  # as it is shown: a Paragraph breaks long words
    room = part.contentsRect().width()
    return part.fontMetrics().boundingRect(QRect(0, 0, room, TALL), WRAP, text).width() > room


def outside(part, top, what):
    """Whether a part is out of the window sideways, or out of a dialog or bar that does not scroll."""
    place = QRect(part.mapTo(top, QPoint()), part.size())
    if place.left() < 0 or place.right() >= top.width():
        yield f"{what} is outside: {place} of {top.width()}"


def short_cells(view):
    """Texts of cells without room that have no tooltip with the whole text."""
    model, metrics = view.model(), view.fontMetrics()
    for row in range(model.rowCount()):
        for column in range(view.header().count() if isinstance(view, QTreeView) else 1):
            index = model.index(row, column)
            room, text = view.visualRect(index), index.data()
            if not text or index.data(Qt.ItemDataRole.ToolTipRole):
                continue
            is_wrapped = not isinstance(view, QTreeView) and view.wordWrap()
            needed = metrics.boundingRect(QRect(0, 0, room.width() - 6 if is_wrapped else TALL, TALL), WRAP if is_wrapped else 0, text)
            if needed.width() > room.width() - 6 or needed.height() > room.height():
                yield text


def short_heads(header):
    """The same of a table's header."""
    model = header.model()
    for section in range(header.count()):
        text = str(model.headerData(section, Qt.Orientation.Horizontal))
        tip = model.headerData(section, Qt.Orientation.Horizontal, Qt.ItemDataRole.ToolTipRole)
        if header.fontMetrics().horizontalAdvance(text) > header.sectionSize(section) - 6 and not tip:
            yield text


def overlaps(shown):
    """Parts that lie on each other."""
    leaves = [part for part in shown if isinstance(part, (QLabel, QAbstractButton)) and not part.findChildren(QLabel)]
    for index, one in enumerate(leaves):
        for other in leaves[index + 1 :]:
            if one.parent() is other.parent() and one.geometry().intersects(other.geometry()):
                yield f"{one.objectName()} lies on {other.objectName()}"


def settled(window):
    """What is wrong with the layout once it is final: a word that is broken makes its page higher, in a second step."""
    for _ in range(_STEPS):
        window.work(0.03)
        if not (found := faults(window.top)):
            break
    return found


def visit(window, where):
    """Go to a place, at each size; what is wrong there."""
    found = []
    for size in SIZES:
        window.window.resize(*size)
        window.window.go(Place(**where))
        page = window.window._pages[where["page"]]
        window.until(page.isVisible)
        found += [f"{size}: {fault}" for fault in settled(window)]
        assert (window.window.width(), window.window.height()) == size, "the window keeps the size that the user gives it"
    return found


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("language", ["en", "de", "ja", "ar"])
def test_nothing_is_cut_off(busy, language, scale):
    """Every page, at 820 by 600 and at 640 by 480 pixels, with the usual font and with twice its size."""
    with look(font_scale=scale), driven_window(busy, language=language) as window:
        window.until(lambda: window.part("review") is not None)
        found = {name: visit(window, where) for name, where in PLACES.items()}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("language", ["en", "de", "ar"])
def test_dialogs_fit_into_the_window(busy, language, scale):
    """What is asked before an act, the exact bytes and the details are whole, or scroll, and never larger than the window."""
    steps = (
        ({"page": "overview"}, "usage=0", "Space"),
        ({"page": "sent"}, "sent", "Return"),
        (PLACES["question"], "more", "Space"),
        (PLACES["question"], "report", "Space"),
    )
    with look(font_scale=scale), driven_window(busy, language=language) as window:
        for where, part, key in steps:
            window.window.resize(640, 480)
            window.window.go(Place(**where))
            window.until(lambda part=part: window.part(part) is not None)
            window.tab_to(part)
            window.press(key)
            window.until(lambda: window.top is not window.window)
            assert settled(window) == []
            assert window.top.width() <= 640
            assert window.top.height() <= 480
            assert all(window.top.rect().contains(QRect(one.mapTo(window.top, QPoint()), one.size())) for one in buttons_below(window.top))
            window.press("Escape")
            window.until(lambda: window.top is window.window)


@pytest.mark.parametrize("scale", [1.0, 2.0])
@pytest.mark.parametrize("language", ["en", "de", "ja", "ar"])
def test_the_first_page_is_whole(machine, language, scale):
    """The page for a first login takes the size that its texts need, also once it names the vendor; so does the example in it."""
    machine.install(KATE)
    machine.configure('[endpoint.kde]\nname = "KDE"\nurl = "https://127.0.0.1:9/v1"\n')
    with machine.daemon(), look(font_scale=scale), driven_first_run(machine, language=language) as (page, _):
        page.until(lambda: "KDE" in page.text("asked"))
        assert settled(page) == []
        screen = page.top.screen().availableSize()
        assert (page.top.width() <= screen.width(), page.top.height() <= screen.height()) == (True, True)
        page.use("example")
        page.until(lambda: page.part("example-question") is not None)
        assert settled(page) == []
        page.press("Escape")


def test_a_click_on_any_line_of_a_choice_counts(machine):
    """Where the text of a check box takes two lines, a click on the second changes it too, and one beside the text does not."""
    with machine.daemon(), look(font_scale=2.0), driven_window(machine) as window:
        window.window.resize(640, 480)
        window.until(lambda: window.part("notifications") is not None)
        window.work(0.05)
        box = window.part("notifications")
        assert box.height() > 2 * box.fontMetrics().height()
        for x, y, is_hit in ((60, 5, True), (60, box.height() - 5, True), (box.width() - 1, box.height() - 5, False)):
            assert box.hitButton(QPoint(x, y)) is is_hit


def buttons_below(dialog):
    """The buttons of a dialog, which do not scroll."""
    return [one for one in dialog.findChildren(QAbstractButton) if one.isVisible() and one.parent() is dialog]


LONG_WORD = "a" * 60
HOSTILE = (
    KATE.replace('name = "Kate"', f'name = "{LONG_WORD}"').replace("Is start-up too slow?", LONG_WORD).replace("Text editor", LONG_WORD)
)


@pytest.mark.parametrize("page", ["application", "question"])
def test_a_long_word_pushes_no_button_away(machine, page):
    """However long the words of a manifest are, No and Yes stay in the window, and no text is cut off."""
    machine.install(HOSTILE)
    where = {"page": page, "application": "org.kde.kate", "question": "startup-time" if page == "question" else ""}
    with machine.daemon(), look(font_scale=1.5), driven_window(machine) as window:
        window.until(lambda: window.part("usage=1") is not None)
        window.use("usage=1")
        window.until(lambda: window.part("review") is not None)
        window.window.go(Place(**where))
        window.until(lambda: LONG_WORD in window.all_text())
        assert visit(window, where) == []
        for answer in ("no", "yes"):
            part = window.part(f"{answer}:org.kde.kate/startup-time")
            assert 0 <= part.mapTo(window.window, QPoint()).x() <= 640 - part.width()


@pytest.mark.parametrize("language", ["en", "de"])
def test_no_and_yes_have_one_size(machine, language):
    """Neither answer is larger, and none is the default."""
    machine.install(KATE)
    with machine.daemon(), driven_window(machine, language=language) as window:
        window.until(lambda: window.part("usage=1") is not None)
        window.use("usage=1")
        window.until(lambda: window.part("review") is not None)
        window.window.go(Place("application", "org.kde.kate"))
        window.until(lambda: window.part("no:org.kde.kate/startup-time") is not None)
        no, yes = (window.part(f"{answer}:org.kde.kate/startup-time") for answer in ("no", "yes"))
        assert no.size() == yes.size()
        assert (no.isDefault(), yes.isDefault()) == (False, False)


@pytest.mark.skipif("QT_SCALE_FACTOR" in os.environ, reason="this is the run at another scale")
def test_at_200_percent():
    """The same holds on a screen with twice as many pixels: every page in German, the dialogs in Arabic."""
    tests = (f"{__file__}::test_nothing_is_cut_off[de-1.0]", f"{__file__}::test_dialogs_fit_into_the_window[ar-1.0]")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    environ = {**os.environ, "QT_SCALE_FACTOR": "2"}
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, "2 passed" in done.stdout) == (0, True), done.stdout
