"""Every act of the user: foreseen by the daemon, asked about if something ends or starts by it, then done exactly so. Policy: C1, C2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QObject, Signal

from telemetryd.ctl.failures import Failure
from telemetryd.errors import ChangedError
from telemetryd.settings.parts.dialogs import Confirmation, ConfirmationText
from telemetryd.settings.words.consequence_sentences import needs_question, paragraphs
from telemetryd.settings.words.window_words import failure_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from PySide6.QtWidgets import QWidget

    from telemetryd.ctl.control_client import Consequences
    from telemetryd.ctl.language import UserLanguage
    from telemetryd.settings.control_thread import ControlThread
    from telemetryd.settings.reading.service_snapshot import Row, ShownLock

    Change = Mapping[str, Any]


class Wish(NamedTuple):
    """What the user wants: the change, the question to confirm it, and the word for doing it.

    `paragraphs` come before what was foreseen. `is_always_asked`: also if nothing ends or starts by it. `if_changed` is what the user is
    told if something else would follow by now; "" for what is always told then.
    """

    change: Change
    question: str
    do: str
    paragraphs: Sequence[str] = ()
    is_always_asked: bool = False
    if_changed: str = ""


class WindowActs(QObject):
    """Carries out one wish at a time. `told` has a sentence for the user: why something was not done, or "" when something is.

    `look_at` has the application whose questions the user wants to see before deciding; "" if there are several.
    """

    told = Signal(str)
    look_at = Signal(str)

    def __init__(self, service: ControlThread, window: QWidget, language: UserLanguage) -> None:
        super().__init__(window)
        self._service, self._window, self._language = service, window, language
        self.locks: Sequence[ShownLock] = ()
        """The locks, as they were last read."""
        self._is_busy = False

    def set_level(self, axis: str, level: int, *, before: int) -> None:
        """Set a global level."""
        _ = self._language.words.gettext
        lowering = {
            "system": _("Lower the setting for questions about your system?"),
            "usage": _("Lower the setting for questions about use?"),
        }
        raising = _("Start questions that you accepted?")
        do = _("Start") if level > before else _("Change") if level else _("Turn off")
        self.do(Wish({axis: level}, lowering[axis] if level < before else raising, do))

    def set_own_level(self, application: Row, axis: str, level: int) -> None:
        """Set an application's own level."""
        _ = self._language.words.gettext
        text = _("Change what {application} may ask?").format(application=application["name"])
        self.do(Wish({"application": application["id"], f"app_{axis}": level}, text, _("Change")))

    def set_new_questions(self, value: int) -> None:
        """Set what happens to new questions."""
        _ = self._language.words.gettext
        self.do(Wish({"new_questions": value}, _("Change what happens to new questions?"), _("Change")))

    def accept(self, question: Row) -> None:
        """Accept a question exactly as it was shown."""
        _ = self._language.words.gettext
        change = {"accept": {question["application"]: {question["id"]: question["digest"]}}}
        changed = _("This question changed while you were reading. Nothing was accepted.")
        self.do(Wish(change, _("Accept this question?"), _("Accept"), if_changed=changed))

    def refuse(self, question: Row) -> None:
        """Refuse a question, or withdraw what was accepted."""
        _ = self._language.words.gettext
        self.do(Wish({"refuse": [[question["application"], question["id"]]]}, _("Withdraw your yes?"), _("Withdraw")))

    def allow(self, question: Row) -> None:
        """Undo a refusal."""
        _ = self._language.words.gettext
        self.do(Wish({"allow": [[question["application"], question["id"]]]}, _("Undo your no?"), _("Undo")))

    def turn_off(self) -> None:
        """Turn everything off and refuse new questions."""
        _ = self._language.words.gettext
        text = _(
            "All levels go to Off, and new questions are refused. What was sent cannot be called back, because nobody can tell which "
            "reports are yours."
        )
        self.do(Wish({"system": 0, "usage": 0, "new_questions": 0}, _("Turn everything off?"), _("Turn off"), [text], is_always_asked=True))

    def erase(self) -> None:
        """Erase what is measured and not sent, and the history."""
        _ = self._language.words.gettext
        text = _(
            "Erases what is measured and unsent, and this list. It does not erase what was sent, nor the count of how much you have "
            "revealed: that count protects you."
        )
        self.do(Wish({"erase": ""}, _("Erase what is kept?"), _("Erase"), [text], is_always_asked=True))

    def forget(self, application: Row) -> None:
        """Forget an application that is not installed."""
        _ = self._language.words.gettext
        text = _("Your answers to its questions and what is kept about it are erased. Your refusals stay.")
        asked = _("Forget {application}?").format(application=application["name"])
        self.do(Wish({"forget": application["id"]}, asked, _("Forget"), [text], is_always_asked=True))

    def do(self, wish: Wish) -> None:
        """Foresee, ask if need be, and do. While one wish is carried out, no other begins."""
        if self._is_busy:
            return
        self._is_busy = True
        self.told.emit("")
        self._service.ask(lambda control: control.foresee(wish.change, ""), lambda answer: self._foreseen(wish, answer))

    def _foreseen(self, wish: Wish, answer: Consequences | Failure) -> None:
        if isinstance(answer, Failure):
            self._done(wish, answer)
        elif wish.is_always_asked or needs_question(answer, wish.change):
            self._confirm(wish, answer)
        else:
            self._apply(wish, answer)

    def _confirm(self, wish: Wish, foreseen: Consequences) -> None:
        _ = self._language.words.gettext
        told = [*wish.paragraphs, *paragraphs(foreseen, self._language)]
        starting = {row["application"] for row in foreseen.resumes} if not (foreseen.ends or wish.is_always_asked) else set()
        look = _("&Look at them") if starting else ""
        text = ConfirmationText(wish.question, told, wish.do, _("Change nothing"), look)
        dialog = Confirmation(self._window, text, lambda: self._apply(wish, foreseen))
        dialog.looked.connect(lambda: self.look_at.emit(next(iter(starting)) if len(starting) == 1 else ""))
        dialog.rejected.connect(lambda: self._done(wish, None))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def _apply(self, wish: Wish, foreseen: Consequences) -> None:
        self._service.ask(
            lambda control: control.apply(wish.change, foreseen.digest, ""),
            lambda answer: self._done(wish, answer),
        )

    def _done(self, wish: Wish, answer: object) -> None:
        self._is_busy = False
        if isinstance(answer, Failure):
            is_changed = answer.name == ChangedError.bus_name
            self.told.emit((is_changed and wish.if_changed) or failure_line(answer, self._language.words, self.locks))
