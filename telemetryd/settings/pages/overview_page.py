"""The first page: whether telemetry is on, the user's levels, what is due, and what is wrong. Policy: C1, C2, C4, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.translation import mark
from telemetryd.ctl.render.pages import problem_texts
from telemetryd.settings.pages.page import Place, WindowPage
from telemetryd.settings.parts.notification_switch import notification_switch
from telemetryd.settings.reading.service_snapshot import AXES, DUE
from telemetryd.settings.widgets.plain import button, card, choices, column, heading, label, note, row, title
from telemetryd.settings.words.window_words import (
    AXIS_TEXTS,
    AXIS_TITLES,
    LEVELS,
    NEW_QUESTIONS,
    foreign,
    headline,
    lock_label,
    name_of,
    purpose_of,
    state_line,
    switch_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from PySide6.QtWidgets import QRadioButton

    from telemetryd.settings.pages.page import Part
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

NAME = "overview"
_SHOWN = ("System", "Usage", "NewQuestions", "Developer", "KillSwitches")
_DUE_MAX = 5
_ASKED_ORDER = (1, 0, 2)
"""What happens to new questions, in the order in which it is offered."""
_NEW_QUESTIONS = mark("New questions")


class OverviewPage(WindowPage):
    """Levels are the user's choice; what is in force is said above them."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The choices and what limits them, who waits for the user, what is due, and what is wrong."""
        properties = [snapshot.properties.get(name) for name in _SHOWN]
        names = [(row["id"], row["name"], row["pending"]) for row in snapshot.applications if row["pending"]]
        due = [(_key(question), state_line(question, self.language)) for question in _due(snapshot)]
        problems = list(snapshot.properties.get("Problems", ()))
        return properties, snapshot.locks, problems, names, due, headline(snapshot, self.language.words)

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """From the top: whether it is on, what waits for the user, levels, what is due, problems."""
        _ = self._
        return [
            heading(headline(snapshot, self.language.words), "headline"),
            *self._switches(snapshot),
            *self._review(snapshot),
            *(self._axis(snapshot, axis) for axis in AXES),
            self._new_questions(snapshot),
            notification_switch(self.language),
            note(_("These settings accept nothing by themselves: each question is still yours to answer.")),
            *self._due(snapshot),
            *self._problems(snapshot),
            row(button(_("&Turn everything off…"), "", self.acts.turn_off, name="turn-off"), None),
        ]

    def _switches(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        """Every switch beside the first, which is in the headline, and the way to the page with files and lines."""
        for what, file in snapshot.switches[1:]:
            yield label(switch_line(what, file, self.language.words), "switch")
        if snapshot.switches or (snapshot.is_off and any(snapshot.chosen(axis) for axis in AXES)):
            why = button(self._("&Why?"), self._("telemetry is off"), lambda: self.around.go(Place("system")), name="why-off")
            yield row(why, None)

    def _review(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        count = snapshot.pending()
        if not count:
            return
        text = self.language.words.ngettext("&Review {number} question…", "&Review {number} questions…", count).format(number=count)
        waiting = [application for application in snapshot.applications if application["pending"]]
        where = Place("application", waiting[0]["id"]) if len(waiting) == 1 else Place("applications")
        about = ", ".join(name_of(application, self.language) for application in waiting)
        yield row(button(text, about, lambda: self.around.go(where), name="review"), None)

    def _axis(self, snapshot: ServiceSnapshot, axis: str) -> Part:
        about, chosen = self._(AXIS_TITLES[axis]), snapshot.chosen(axis)
        radios = choices(
            {value: self._(text) for value, text in enumerate(LEVELS)},
            about,
            lambda level: self.acts.set_level(axis, level, before=chosen),
            name=axis,
        )
        lock = self._limit(snapshot, axis, radios, chosen)
        return card(title(about), label(self._(AXIS_TEXTS[axis])), row(*radios.values(), None), *lock, name=f"card-{axis}")

    def _new_questions(self, snapshot: ServiceSnapshot) -> Part:
        about, chosen = self._(_NEW_QUESTIONS), int(snapshot.properties.get("NewQuestions", 1))
        texts = {value: self._(NEW_QUESTIONS[value]) for value in _ASKED_ORDER}
        radios = choices(texts, about, self.acts.set_new_questions, name="new_questions")
        lock = self._limit(snapshot, "new_questions", radios, chosen)
        return card(title(about), column(*radios.values(), gap=4), *lock, name="card-new_questions")

    def _limit(self, snapshot: ServiceSnapshot, setting: str, radios: Mapping[int, QRadioButton], chosen: int) -> list[Part]:
        """Check the chosen radio button, disable those above a lock, and say who set it."""
        limit, file = snapshot.lock(setting)
        for value, radio in radios.items():
            radio.setChecked(value == chosen)
            radio.setEnabled(value <= limit or value == chosen)
        return [label(lock_label(snapshot, file, self.language), f"lock-{setting}")] if file else []

    def _due(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        due = _due(snapshot)
        if not due:
            return
        yield title(self._("What is due"))
        yield from (self._due_card(question) for question in due[:_DUE_MAX])
        if len(due) > _DUE_MAX:
            others = len(due) - _DUE_MAX
            text = self.language.words.ngettext("{number} other question is due.", "{number} other questions are due.", others)
            yield label(text.format(number=others), "others-due")

    def _due_card(self, question: Row) -> Part:
        purpose, place = purpose_of(question, self.language), Place("question", question["application"], question["id"])
        show = button(self._("Show"), purpose, lambda: self.around.go(place), name=f"show:{_key(question)}")
        return card(label(purpose), label(state_line(question, self.language), "due"), row(None, show))

    def _problems(self, snapshot: ServiceSnapshot) -> Iterator[Part]:
        problems = problem_texts(snapshot.properties, self.language.words)
        if not problems:
            return
        yield title(self._("Problems"), "problems")
        for file, text in problems:
            shown = f"{foreign(file, self.language)}\n{foreign(text, self.language)}" if file else foreign(text, self.language)
            yield label(shown, "problem")


def _due(snapshot: ServiceSnapshot) -> list[Row]:
    return [question for state in DUE for question in snapshot.in_state(state)]


def _key(question: Row) -> str:
    return f"{question['application']}/{question['id']}"
