"""What is read has a contrast of 4.5 : 1, and what is looked at one of 3 : 1, measured in pixels. Nothing is said by colour alone."""

from collections import Counter

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage, QPalette, QRegion
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QCheckBox,
    QLabel,
    QRadioButton,
    QStyle,
    QStyleOptionButton,
    QTreeView,
    QWidget,
)
from support.driven_window import driven_first_run, driven_window, qt
from support.looks import PALETTES, look
from support.window_user import PLACES

from telemetryd.settings.pages.page import Place
from telemetryd.settings.parts.pictures import Bar, Bins, Noise, Picture, Spent, Timeline
from telemetryd.settings.widgets import legible

TEXT_LEAST = 4.5
"""WCAG 2.2, criterion 1.4.3."""
TALL = 2000
"""A height in which no page has to be scrolled."""
ROLES = [role for role in QPalette.ColorRole if role != QPalette.ColorRole.NColorRoles]
EDGES = {QRadioButton: QStyle.SubElement.SE_RadioButtonIndicator, QCheckBox: QStyle.SubElement.SE_CheckBoxIndicator}
LOCKED = "[limits]\nusage = 0\n"


def measured(image, place):
    """The contrast of the colour that differs most from the commonest colour of a place: that of its text, or of its lines."""
    place = place.intersected(image.rect())
    whole, width = memoryview(image.constBits()).cast("B").cast("I"), image.width()
    pixels = Counter()
    for y in range(place.top(), place.bottom() + 1):
        pixels.update(whole[y * width + place.left() : y * width + place.right() + 1])
    behind = QColor(pixels.most_common(1)[0][0])
    return max((legible.contrast(QColor(pixel), behind) for pixel in pixels), default=1.0)


def texts(window):
    """(what, place in the window) of every text that is shown."""
    top = window.top
    for part in top.findChildren(QWidget):
        if not part.isVisible():
            continue
        if isinstance(part, QAbstractItemView):
            yield from ((f"{part.objectName()}: {text}", place) for text, place in items(part, top))
        elif isinstance(part, (QLabel, QAbstractButton)) and part.text():
            inside = part.rect().adjusted(3, 3, -3, -3) if isinstance(part, QAbstractButton) else part.rect()
            yield part.text(), inside.translated(part.mapTo(top, QPoint()))


def items(view, top):
    """(text, place) of every cell of a list."""
    model = view.model()
    for row in range(model.rowCount()):
        for column in range(view.header().count() if isinstance(view, QTreeView) else 1):
            index = model.index(row, column)
            place = view.visualRect(index).intersected(view.viewport().rect())
            if index.data() and not place.isEmpty():
                yield index.data(), place.translated(view.viewport().mapTo(top, QPoint()))


def too_pale(window):
    """Every text with too little contrast, with its figure."""
    image = window.top.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    found = {what: measured(image, place) for what, place in texts(window)}
    assert len(found) >= 4
    return {what: round(figure, 2) for what, figure in found.items() if figure < TEXT_LEAST}


@pytest.mark.parametrize("palette", PALETTES)
def test_every_text_can_be_read(busy, palette):
    """Each label, button, choice and cell on each page has 4.5 : 1 in the platform's light, dark and high contrast colours."""
    with look(palette), driven_window(busy) as window:
        window.until(lambda: window.part("review") is not None)
        window.window.resize(820, TALL)
        for name, where in PLACES.items():
            window.window.go(Place(**where))
            page = window.window._pages[where["page"]]
            window.until(lambda page=page: page.isVisible())
            window.work(0.05)
            assert (name, too_pale(window)) == (name, {})


@pytest.mark.parametrize("palette", PALETTES)
def test_the_first_page_can_be_read(busy, palette):
    """So have the page for a first login and its example."""
    with look(palette), driven_first_run(busy) as (page, _):
        page.work(0.3)
        assert too_pale(page) == {}
        page.use("example")
        page.until(lambda: page.part("example-question") is not None)
        assert too_pale(page) == {}
        page.press("Escape")


@pytest.mark.parametrize("palette", PALETTES)
def test_what_is_locked_can_be_read(machine, palette):
    """A level that an administrator shuts is disabled and still has 4.5 : 1; so has the question before an act."""
    machine.configure(LOCKED)
    with machine.daemon(), look(palette), driven_window(machine) as window:
        window.until(lambda: window.part("usage=2") is not None)
        window.window.resize(820, TALL)
        window.work(0.05)
        assert not window.part("usage=2").isEnabled()
        assert too_pale(window) == {}
        window.use("turn-off")
        window.until(lambda: window.part("asked") is not None)
        assert too_pale(window) == {}


@pytest.mark.parametrize("palette", PALETTES)
def test_every_choice_can_be_seen(machine, palette):
    """The edge of a radio button and of a check box has 3 : 1 with what is behind, checked or not."""
    with machine.daemon(), look(palette), driven_window(machine) as window:
        window.until(lambda: window.part("usage=2") is not None)
        window.window.resize(820, TALL)
        window.work(0.05)
        window.part("notifications").setChecked(False)
        image = window.window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        seen = 0
        for kind, element in EDGES.items():
            for choice in window.window.findChildren(kind):
                option = QStyleOptionButton()
                choice.initStyleOption(option)
                edge = qt().style().subElementRect(element, option, choice)
                place = edge.adjusted(-2, -2, 2, 2).translated(choice.mapTo(window.window, QPoint()))
                assert measured(image, place) >= legible.GRAPHIC_LEAST
                seen += 1
        assert seen == 10


def picture(part):
    """A picture as it is drawn, on the colour that is behind it."""
    part.resize(400, part.heightForWidth(400))
    image = QImage(part.size(), QImage.Format.Format_RGB32)
    image.fill(part.palette().color(QPalette.ColorRole.Window))
    part.render(image, QPoint(), QRegion(), QWidget.RenderFlag.DrawChildren)
    return image


PICTURES = {
    "bins": lambda: Bins(["few", "some", "many"], 1, text="t", name="n"),
    "noise": lambda: Noise(45, text="t", name="n"),
    "bar": lambda: Bar(Spent(0.4, 0.3), text="t", name="n"),
    "timeline": lambda: Timeline([("Oct", 0), ("Nov", 3)], text="t", name="n"),
}


@pytest.mark.parametrize("palette", PALETTES)
def test_pictures_can_be_seen(palette):
    """What is drawn in the accent has 3 : 1 with what is behind, and what is written on it 4.5 : 1."""
    with look(palette):
        for make in PICTURES.values():
            made = make()
            made.setPalette(legible.legible(qt().palette()))
            behind = made.palette().color(QPalette.ColorRole.Window)
            assert legible.contrast(made.accent, behind) >= legible.GRAPHIC_LEAST
            assert measured(picture(made), made.rect()) >= legible.GRAPHIC_LEAST
        on_accent = [made.palette().color(role) for role in (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Highlight)]
        assert legible.contrast(*on_accent) >= TEXT_LEAST


def grey(image):
    """A picture as somebody sees it who sees no colours."""
    return image.convertToFormat(QImage.Format.Format_Grayscale8)


def same_colours(palette):
    """A palette in which the accent is the colour behind: what is told by colour alone is gone."""
    for role, like in (
        (QPalette.ColorRole.Highlight, QPalette.ColorRole.Window),
        (QPalette.ColorRole.HighlightedText, QPalette.ColorRole.Text),
    ):
        palette.setColor(role, palette.color(like))
    return palette


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: Bins(["few", "some", "many"], 1, text="t", name="n"), lambda: Bins(["few", "some", "many"], 0, text="t", name="n")),
        (lambda: Bar(Spent(0.4, 0.0), text="t", name="n"), lambda: Bar(Spent(0.0, 0.4), text="t", name="n")),
        (lambda: Bar(Spent(0.4, 0.0), text="t", name="n"), lambda: Bar(Spent(0.6, 0.0), text="t", name="n")),
    ],
    ids=["the present range", "used and promised", "how much is used"],
)
def test_pictures_do_not_speak_by_colour_alone(one, other):
    """Even where the accent is the colour behind, the picture shows which range is present, and what is used or promised."""
    drawn = []
    for make in (one, other):
        made = make()
        made.setPalette(same_colours(qt().palette()))
        assert isinstance(made, Picture)
        drawn.append(grey(picture(made)))
    assert drawn[0] != drawn[1]


def test_the_platforms_colours_stay():
    """A palette that can be read is left as it is, and of another only what cannot be read is overridden."""
    with look("high contrast"):
        made = legible.legible(qt().palette())
        assert {role for role in ROLES if made.isBrushSet(QPalette.ColorGroup.Active, role)} <= {QPalette.ColorRole.PlaceholderText}
    with look("breeze"):
        made = legible.legible(qt().palette())
        changed = {role for role in ROLES if made.isBrushSet(QPalette.ColorGroup.Active, role)}
        assert changed == {QPalette.ColorRole.Highlight, QPalette.ColorRole.PlaceholderText}


@pytest.mark.parametrize(
    ("one", "other", "ratio"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48), ("#0000ff", "#ffffff", 8.59)]
)
def test_contrast_as_wcag_has_it(one, other, ratio):
    """The figures are those of WCAG's own examples."""
    assert round(legible.contrast(QColor(one), QColor(other)), 2) == ratio
