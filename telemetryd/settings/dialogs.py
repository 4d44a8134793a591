"""The window's dialogs: what follows from an act, and the exact bytes of a report. Esc closes them and changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QBoxLayout, QDialog, QWidget

from telemetryd.settings.plain import GAP, button, column, facts, label, row, title, verbatim
from telemetryd.settings.window_words import outcome_line

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.service_snapshot import Row

_WIDTH, _WIDE = 480, 720


class ConfirmationText(NamedTuple):
    """What the user is asked: a question, what follows in paragraphs, and the words for doing it, for leaving it, and for a look before."""

    question: str
    paragraphs: Sequence[str]
    do: str
    leave: str
    look: str = ""


class Confirmation(QDialog):
    """Asks before an act. Leaving it is the default: Enter and Esc mean it. `looked`: it was left for a look at what would follow."""

    looked = Signal()

    def __init__(self, parent: QWidget, asking: ConfirmationText, on_agree: Callable[[], object]) -> None:
        super().__init__(parent)
        self.setObjectName("confirmation")
        self.setWindowTitle(asking.question)
        self._on_agree = on_agree
        leave = button(asking.leave, "", self.reject, name="leave")
        leave.setDefault(True)
        do = button(asking.do, asking.question, self._agree, name="do")
        parts = [label(text, "consequence") for text in asking.paragraphs]
        self.setAccessibleDescription("\n".join(asking.paragraphs))
        look = [button(asking.look, "", self._look, name="look")] if asking.look else []
        self.setLayout(_framed(title(asking.question, "asked"), *parts, row(*look, None, leave, do)))
        self.setMinimumWidth(_WIDTH)
        leave.setFocus()

    def _look(self) -> None:
        self.reject()
        self.looked.emit()

    def _agree(self) -> None:
        self.accept()
        self._on_agree()


class ReportDialog(QDialog):
    """One report: its outcome, its headers and its body, byte for byte."""

    def __init__(self, parent: QWidget, report: Row, language: UserLanguage) -> None:
        super().__init__(parent)
        _ = language.words.gettext
        name = f"{report['application']}/{report['question']}"
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("report")
        self.setWindowTitle(_("Report: {question}").format(question=name))
        head = title(name, "report-question")
        head.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        headers = "\n".join(f"{header}: {value}" for header, value in report["headers"])
        body = report["body"].rstrip(" ")
        blanks = len(report["body"]) - len(body)
        filled = _("{number} blanks follow, so that all reports have one size.").format(number=blanks)
        self.setLayout(
            _framed(
                head,
                facts([(_("To"), report["endpoint"]), (_("What became of it"), outcome_line(report, language.words))]),
                *([label(_("Headers")), verbatim(headers, _("Headers"), "headers")] if headers else []),
                label(_("Body")),
                verbatim(body, _("Body"), "body"),
                *([label(filled, "blanks")] if blanks else []),
                label(_("The answer may have been changed by chance; which it was is not kept."), "chance"),
                row(
                    None,
                    button(_("&Copy"), _("the report's body"), lambda: QGuiApplication.clipboard().setText(report["body"]), name="copy"),
                    button(_("Close"), "", self.reject, name="close"),
                ),
            )
        )
        self.setMinimumWidth(_WIDE)


class TextDialog(QDialog):
    """Paragraphs to read, and exact texts."""

    def __init__(self, parent: QWidget, head: str, parts: Sequence[QWidget], language: UserLanguage) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setObjectName("text")
        self.setWindowTitle(head)
        self.setLayout(_framed(title(head), *parts, row(None, button(language.words.gettext("Close"), "", self.reject, name="close"))))
        self.setMinimumWidth(_WIDE)


def _framed(*parts: QWidget | QBoxLayout | None) -> QBoxLayout:
    layout = column(*parts)
    layout.setContentsMargins(2 * GAP, 2 * GAP, 2 * GAP, 2 * GAP)
    return layout
