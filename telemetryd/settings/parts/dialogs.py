"""The window's dialogs: what follows from an act, and the exact bytes of a report. Esc closes them and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QDialog, QFrame, QLayout, QMainWindow, QScrollArea, QWidget

from telemetryd.settings.widgets.plain import GAP, button, column, emphasised, facts, label, row, title, verbatim
from telemetryd.settings.widgets.surfaces import Body, FocusFollower
from telemetryd.settings.widgets.wrapping import equal
from telemetryd.settings.words.window_words import foreign, outcome_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PySide6.QtGui import QShowEvent

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.reading.service_snapshot import Row
    from telemetryd.settings.words.report_cells import ReportSubject

    Part = QWidget | QLayout | None

_WIDTH, _WIDE = 480, 720
_FROM_EDGE = 2 * GAP
"""Pixels of the window that are seen around a dialog at least."""


class PlainDialog(QDialog):
    """Parts that scroll if there are too many, and buttons below that are always seen. As high as it has to be."""

    def __init__(self, parent: QWidget | None, name: str, head: str, width: int) -> None:
        super().__init__(parent)
        self._parent = parent
        self.setAttribute(Qt.WidgetAttribute.WA_WindowPropagation)  # the window's colours
        self.setObjectName(name)
        self.setWindowTitle(head)
        self._wanted = width
        FocusFollower(self)

    def lay_out(self, parts: Sequence[Part], *buttons: QWidget | None) -> None:
        """Fill it. Buttons after None stand at the end of their line."""
        self._scroll = QScrollArea()
        body = Body(self._scroll)
        self._inner = column(*parts, None)
        self._inner.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, GAP)
        body.setLayout(self._inner)
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setAccessibleName(self.windowTitle())
        self._scroll.setWidget(body)
        self._buttons = row(*buttons)
        self._buttons.setContentsMargins(2 * GAP, GAP, 2 * GAP, 2 * GAP)
        self.setLayout(column(self._scroll, self._buttons, gap=0))

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        """Take the size that the texts need."""
        self.fit()
        super().showEvent(event)

    def fit(self) -> None:
        """Take the size that the texts need, within the window, else within the screen. What is longer scrolls, by keys too."""
        behind = self._parent.window() if self._parent else None
        room = behind.size() if isinstance(behind, QMainWindow) else self.screen().availableSize()
        width = min(self._wanted, room.width() - _FROM_EDGE)
        wanted, below = self._inner.totalHeightForWidth(width), self._buttons.heightForWidth(width)
        height = min(wanted + below, room.height() - _FROM_EDGE)
        self.resize(width, height)
        scrolls = height < wanted + below
        self._scroll.setFocusPolicy(Qt.FocusPolicy.StrongFocus if scrolls else Qt.FocusPolicy.NoFocus)


class ConfirmationText(NamedTuple):
    """What the user is asked: a question, what follows in paragraphs, and the words for doing it, for leaving it, and for a look before."""

    question: str
    paragraphs: Sequence[str]
    do: str
    leave: str
    look: str = ""


class Confirmation(PlainDialog):
    """Asks before an act. Leaving it is the default: Enter and Esc mean it. `looked`: it was left for a look at what would follow."""

    looked = Signal()

    def __init__(self, parent: QWidget, asking: ConfirmationText, on_agree: Callable[[], object]) -> None:
        super().__init__(parent, "confirmation", asking.question, _WIDTH)
        self._on_agree = on_agree
        leave = button(asking.leave, "", self.reject, name="leave")
        leave.setDefault(True)
        do = button(asking.do, asking.question, self._agree, name="do")
        equal([leave, do])
        self.setAccessibleDescription("\n".join(asking.paragraphs))
        look = [button(asking.look, "", self._look, name="look")] if asking.look else []
        parts = [label(text, "consequence") for text in asking.paragraphs]
        self.lay_out([title(asking.question, "asked"), *parts], *look, None, leave, do)
        leave.setFocus()

    def _look(self) -> None:
        self.reject()
        self.looked.emit()

    def _agree(self) -> None:
        self.accept()
        self._on_agree()


class ReportDialog(PlainDialog):
    """One report: its outcome, its headers and its body, byte for byte."""

    def __init__(self, parent: QWidget, report: Row, about: ReportSubject, language: UserLanguage) -> None:
        _ = language.words.gettext
        super().__init__(parent, "report", _("Report: {question}").format(question=about.question), _WIDE)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        headers = "\n".join(f"{header}: {value}" for header, value in report["headers"])
        body = report["body"].rstrip(" ")
        filled = _("{number} blanks follow, so that all reports have one size.").format(number=len(report["body"]) - len(body))
        parts: list[Part] = [
            title(about.question, "report-question"),
            facts(
                [
                    (_("Application"), about.application),
                    (_("To"), foreign(report["endpoint"], language)),
                    (_("Outcome"), outcome_line(report, language.words)),
                ]
            ),
            *([_exact(_("Headers"), headers, "headers")] if headers else []),
            _exact(_("Body"), body, "body"),
            *([label(filled, "blanks")] if len(body) < len(report["body"]) else []),
            label(_("The answer may have been changed by chance; which it was is not kept."), "chance"),
        ]
        copy = button(_("&Copy"), _("the report's body"), lambda: QGuiApplication.clipboard().setText(report["body"]), name="copy")
        close = button(_("Close"), "", self.reject, name="close")
        close.setDefault(True)
        self.lay_out(parts, None, copy, close)


class TextDialog(PlainDialog):
    """Paragraphs to read, and exact texts."""

    def __init__(self, parent: QWidget, head: str, parts: Sequence[Part], language: UserLanguage) -> None:
        super().__init__(parent, "text", head, _WIDE)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.lay_out([title(head), *parts], None, button(language.words.gettext("Close"), "", self.reject, name="close"))


def _exact(about: str, text: str, name: str) -> QLayout:
    return column(emphasised(about), verbatim(text, about, name), gap=4)
