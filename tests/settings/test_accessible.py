"""What a screen reader is told of the window, by Qt's own tree: role, name and state of whatever takes the focus, and of pictures."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QLabel, QRadioButton, QWidget
from support.driven_window import driven_first_run, driven_window
from support.machine import CONTROL, KATE
from support.window_user import PLACES

from telemetryd.settings.pages.page import Place
from telemetryd.settings.parts.pictures import Picture

QUESTION = "org.kde.kate/startup-time"
STATES = ("checked", "disabled", "readOnly", "checkable")


def row(part):
    """(role, name, states) of a part, as a screen reader gets them."""
    told = QAccessible.queryAccessibleInterface(part)
    state = told.state()
    return told.role().name, told.text(QAccessible.Text.Name), " ".join(name for name in STATES if getattr(state, name))


def focusable(top):
    """Everything that is shown and takes the focus by Tab, in the order of Tab."""
    parts, found = [top.nextInFocusChain()], []
    while parts[-1] is not top:
        parts.append(parts[-1].nextInFocusChain())
    for part in parts:
        is_tab = bool(part.focusPolicy() & Qt.FocusPolicy.TabFocus)
        if is_tab and part.isVisible() and top.isAncestorOf(part) and part.window() is top:
            found.append(part)
    return found


def table(window):
    """A row for each."""
    return [row(part) for part in focusable(window.top)]


@pytest.fixture
def kate(machine):
    """A running daemon, and Kate's reviewed question, which waits for an answer."""
    machine.install(KATE)
    with machine.daemon():
        machine.busctl("set-property", *CONTROL, "Usage", "u", "1")
        yield machine


def test_the_overview_is_told(kate):
    """Each level is told with what it is about and whether it is chosen; each button with its object. Tab leads to the chosen level."""
    with driven_window(kate) as window:
        window.until(lambda: window.text("headline").startswith("You allow") and window.part("review") is not None)
        assert table(window) == [
            ("List", "Pages", ""),
            ("Button", "Review 1 question…: Kate", ""),
            ("RadioButton", "About your system: Off", "checked checkable"),
            ("RadioButton", "About how you use applications: Basic", "checked checkable"),
            ("RadioButton", "New questions: Ask me here", "checked checkable"),
            ("CheckBox", "Tell me about new questions, once a week at most", "checked checkable"),
            ("Button", "Turn everything off…", ""),
        ]
        told = [row(one) for one in window.window.findChildren(QRadioButton)]
    levels = [
        f"{about}: {level}" for about in ("About your system", "About how you use applications") for level in ("Off", "Basic", "Detailed")
    ]
    new = ("Ask me here", "Always say no", "Say yes for applications whose questions I accepted before")
    assert [name for _, name, _ in told] == [*levels, *(f"New questions: {text}" for text in new)]
    assert {role for role, _, _ in told} == {"RadioButton"}


def test_a_question_is_told(kate):
    """No, Yes and Details are told with the question that they are about."""
    with driven_window(kate, page="application", application="org.kde.kate") as window:
        window.until(lambda: window.part(f"yes:{QUESTION}") is not None)
        told = table(window)
    about = "Is start-up too slow?"
    assert ("Button", "Back: to all applications", "") in told
    assert [name for role, name, _ in told if name.endswith(about)] == [
        f"Details…: {about}",
        f"No: {about}",
        f"Yes, answer this once: {about}",
    ]
    assert ("RadioButton", "About your system: As for all applications", "checked checkable") in told


def test_the_first_page_is_told(kate):
    """The page for a first login is a dialog whose description says that nothing is sent; its three buttons are told, "Not now" last."""
    with driven_first_run(kate) as (page, _):
        page.work(0.3)
        assert row(page.top)[:2] == ("Dialog", "Telemetry")
        told = QAccessible.queryAccessibleInterface(page.top).text(QAccessible.Text.Description)
        assert told.startswith("Nothing is sent until you say yes to a question.\n")
        assert sorted(table(page)) == [("Button", "Choose questions…", ""), ("Button", "Not now", ""), ("Button", "Show an example", "")]
        labels = [one for one in page.top.findChildren(QLabel) if one.isVisible()]
        assert [row(one) for one in labels] == [("StaticText", one.text(), "readOnly") for one in labels]
        assert len(labels) == 3


@pytest.mark.parametrize("name", PLACES)
def test_everything_is_told_apart(busy, name):
    """On every page all that takes the focus has a name, no two have the same, and the role says what it is."""
    with driven_window(busy) as window:
        window.until(lambda: window.part("review") is not None)
        window.window.go(Place(**PLACES[name]))
        window.until(window.window._pages[PLACES[name]["page"]].isVisible)
        told = table(window)
    names = [one for _, one, _ in told]
    assert all(names), told
    assert len(set(names)) == len(names), told
    assert {role for role, _, _ in told} <= {
        *("List", "Tree", "Table", "Button", "RadioButton", "CheckBox", "EditableText", "ComboBox", "Client", "Pane"),
    }


@pytest.mark.parametrize(
    ("place", "use", "key"), [("overview", "turn-off", "Space"), ("sent", "sent", "Return"), ("question", "more", "Space")]
)
def test_dialogs_are_told(busy, place, use, key):
    """A dialog has its question as its name; what takes the focus in it has a name of its own."""
    with driven_window(busy, **PLACES[place]) as window:
        window.until(lambda: window.part(use) is not None)
        window.tab_to(use)
        window.press(key)
        window.until(lambda: window.top is not window.window)
        role, name, _ = row(window.top)
        assert (role, name) == ("Dialog", window.top.windowTitle())
        names = [one for _, one, _ in table(window)]
        assert all(names)
        assert len(set(names)) == len(names) >= 2
        window.press("Escape")


def test_consequences_are_told_with_the_dialog(busy):
    """What ends by an act is the description of the dialog: it is read before an answer is given."""
    with driven_window(busy) as window:
        window.until(lambda: window.part("usage=0") is not None)
        window.use("usage=0")
        window.until(lambda: window.part("asked") is not None)
        told = QAccessible.queryAccessibleInterface(window.top).text(QAccessible.Text.Description)
        assert "This ends 1 question for good:\n• How many documents are open at once?" in told
        window.press("Escape")


@pytest.mark.parametrize("name", ["question", "sent", "revealed"])
def test_pictures_are_graphics_with_a_text(busy, name):
    """The bins, the dots, the bars and the timeline are graphics for a screen reader, each with its sentence."""
    with driven_window(busy, **PLACES[name]) as window:
        window.until(lambda: any(one.isVisible() for one in window.window.findChildren(Picture)))
        pictures = [one for one in window.window.findChildren(Picture) if one.isVisible()]
        told = [row(one) for one in pictures]
        assert {role for role, _, _ in told} == {"Graphic"}
        assert all(len(text.split()) >= 4 for _, text, _ in told), told


def everything(told):
    """The object of a reader, and all below it."""
    return [told, *(one for index in range(told.childCount()) if (child := told.child(index)) for one in everything(child))]


def children_too_many(window):
    """(objects of what is in front, children beyond the last of each that are there all the same). Where Qt looks too far, it ends."""
    found = everything(QAccessible.queryAccessibleInterface(window.top))
    return len(found), [child for one in found for more in range(9) if (child := one.child(one.childCount() + more)) is not None]


@pytest.mark.parametrize("name", PLACES)
def test_a_child_that_is_gone_is_none(busy, name):
    """A reader that counted before the page changed asks for a child beyond the last: there is none, and the window lives."""
    with driven_window(busy, **PLACES[name]) as window:
        window.until(window.window._pages[PLACES[name]["page"]].isVisible)
        objects, found = children_too_many(window)
        assert objects > 10
        assert found == []


def test_a_child_that_is_gone_is_none_in_a_dialog(busy):
    """The same of a question to the user."""
    with driven_window(busy) as window:
        window.until(lambda: window.part("usage=0") is not None)
        window.use("usage=0")
        window.until(lambda: window.part("asked") is not None)
        objects, found = children_too_many(window)
        assert objects > 5
        assert found == []
        window.press("Escape")


@pytest.mark.parametrize("name", PLACES)
def test_every_text_is_told(busy, name):
    """Each label is in the tree with the text that is shown, so that a reader can go through the page."""
    with driven_window(busy, **PLACES[name]) as window:
        window.until(window.window._pages[PLACES[name]["page"]].isVisible)
        labels = [one for one in window.window.findChildren(QLabel) if one.isVisible() and not isinstance(one, Picture) and one.text()]
        assert labels
        assert [row(one) for one in labels] == [("StaticText", one.text(), "readOnly") for one in labels]


def test_a_list_is_told_row_by_row(busy):
    """Each application is told with its line, and the row of the history with its cells."""
    with driven_window(busy, page="applications") as window:
        window.until(lambda: window.part("applications") is not None)
        told = QAccessible.queryAccessibleInterface(window.part("applications"))
        names = [told.child(index).text(QAccessible.Text.Name) for index in range(told.childCount())]
        assert "Dolphin: 1 question for you" in names


def test_nothing_in_the_window_is_nameless(busy):
    """The window itself, its list of pages and the page that is shown have names."""
    with driven_window(busy) as window:
        window.until(lambda: window.text("headline").startswith("You allow"))
        assert row(window.window)[:2] == ("Window", "Telemetry")
        page = window.part("page-overview")
        assert isinstance(page, QWidget)
        assert row(page)[1].startswith("You allow")


def test_a_screen_reader_toggles_a_level(kate):
    """The action of a level does what a click does: the daemon gets it. The level is shown as chosen only once the daemon has it."""
    with driven_window(kate) as window:
        window.until(lambda: window.text("headline").startswith("You allow"))
        told = QAccessible.queryAccessibleInterface(window.part("system=2")).actionInterface()
        told.doAction(told.actionNames()[0])
        assert window.part("system=0").isChecked()
        window.until(lambda: window.part("system=2").isChecked())
        assert '"data":2' in kate.busctl("--json=short", "get-property", *CONTROL, "System")
