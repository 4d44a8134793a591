"""One application: what it may have, and a card for each of its questions. Policy: C1, C2, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.settings.pages.page import Place, WindowPage
from telemetryd.settings.pages.question_card import card_lines, decision_buttons, link_button
from telemetryd.settings.reading.service_snapshot import ABSENT, AXES, INHERIT
from telemetryd.settings.widgets.plain import button, card, choices, column, emphasised, heading, label, note, row, title
from telemetryd.settings.words.budget_words import yearly_room
from telemetryd.settings.words.window_words import (
    AXIS_TITLES,
    OWN_LEVELS,
    foreign,
    lock_label,
    name_of,
    purpose_of,
    state_line,
    vendor_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.settings.pages.page import Part
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

NAME = "application"


class ApplicationPage(WindowPage):
    """Empty texts of the manifest leave their lines out."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The application, its questions, the global levels, and what its vendor may still be told."""
        own = snapshot.application(self.place.application)
        locks = snapshot.locks
        room = yearly_room(own, snapshot.budgets, self.language) if own else ""
        return own, snapshot.questions_of(self.place.application), locks, snapshot.properties.get("KillSwitches"), room

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """Who asks, the levels, the questions."""
        application = snapshot.application(self.place.application)
        if application is None:
            return [label(self._("This application is not known here any more."), "unknown"), self._back()]
        return [
            self._back(),
            heading(name_of(application, self.language), "application"),
            column(*self._about(application), gap=4),
            *(self._axis(snapshot, application, axis) for axis in AXES),
            title(self._("Questions"), "questions"),
            *self._questions(snapshot, application),
            *self._forget(application),
        ]

    def _questions(self, snapshot: ServiceSnapshot, application: Row) -> Iterator[Part]:
        questions = snapshot.questions_of(application["id"])
        if questions is None:
            yield label(self._("The questions are being read …"), "reading")
            return
        if not questions:
            yield label(self._("It asks no questions."), "no-questions")
        if any(question["state"] == "pending" for question in questions):
            yield label(yearly_room(application, snapshot.budgets, self.language), "room")
        yield from (self._card(question, application) for question in questions)

    def _back(self) -> Part:
        back = button(self._("&Back"), self._("to all applications"), lambda: self.around.go(self._all()), name="back")
        return row(back, None)

    def _all(self) -> Place:
        return Place("applications", self.place.application, part="applications")

    def _about(self, application: Row) -> Iterator[Part]:
        _, language = self._, self.language
        texts = language.texts(application.get("translations", {}))
        if summary := texts.get("summary", application["summary"]):
            yield label(foreign(summary, language), "summary")
        if application["vendor"]:
            yield label(_("Its vendor: {vendor}").format(vendor=vendor_of(application, language)), "vendor")
        if application["contact"]:
            yield label(_("Questions or concerns: {contact}").format(contact=foreign(application["contact"], language)), "contact")
        if results := link_button(application, application["results"], _("Results…"), "results"):
            yield row(results, None)
        if not application["installed"] and application["kind"] not in ABSENT:
            yield note(_("Not installed: a program has declared it. Who that is cannot be verified."), "not-installed")

    def _axis(self, snapshot: ServiceSnapshot, application: Row, axis: str) -> Part:
        about, (limit, file) = self._(AXIS_TITLES[axis]), snapshot.lock(axis)
        radios = choices(
            {value: self._(text) for value, text in OWN_LEVELS.items()},
            about,
            lambda level: self.acts.set_own_level(application, axis, level),
            name=f"own-{axis}",
        )
        for value, radio in radios.items():
            radio.setChecked(value == application[axis])
            radio.setEnabled(value in {INHERIT, application[axis]} or value <= limit)
        locked = [note(lock_label(snapshot, file, self.language))] if file else []
        return card(emphasised(about), row(*radios.values(), None), *locked, name=f"card-own-{axis}")

    def _card(self, question: Row, application: Row) -> Part:
        purpose, place = purpose_of(question, self.language), Place("question", question["application"], question["id"])
        key = f"{question['application']}/{question['id']}"
        open_details = button(self._("&Details…"), purpose, lambda: self.around.go(place), name=f"details:{key}")
        texts = self.language.texts(question["translations"])
        decision = texts.get(f"question/{question['id']}/decision", question["decision"])
        decides = [label(self._("Your answer decides: {decision}").format(decision=foreign(decision, self.language)))] if decision else []
        return card(
            title(purpose, f"purpose:{key}"),
            *decides,
            label(state_line(question, self.language), f"state:{key}"),
            *(label(text, f"{name}:{key}") for name, text in card_lines(question, application, self.language)),
            row(open_details, None, *decision_buttons(question, application, self.around)),
            name=f"card:{key}",
        )

    def _forget(self, application: Row) -> Iterator[Part]:
        if not application["installed"]:
            text = self._("&Forget this application…")
            yield row(button(text, name_of(application, self.language), lambda: self.acts.forget(application), name="forget"), None)
