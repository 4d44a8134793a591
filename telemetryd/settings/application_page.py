"""One application: what it may have, and a card for each of its questions. Policy: C1, C2, T1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from telemetryd.settings.page import Place, WindowPage
from telemetryd.settings.plain import button, card, choices, heading, label, note, row, title
from telemetryd.settings.question_card import decision_buttons, essentials
from telemetryd.settings.service_snapshot import ABSENT, AXES, INHERIT
from telemetryd.settings.window_words import AXIS_TITLES, OWN_LEVELS, foreign, name_of, purpose_of, state_line, vendor_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.settings.page import Part
    from telemetryd.settings.service_snapshot import Row, ServiceSnapshot

NAME = "application"


class ApplicationPage(WindowPage):
    """Empty texts of the manifest leave their lines out."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The application, its questions, and the global levels."""
        own = snapshot.application(self.place.application)
        locks = [snapshot.lock(axis) for axis in AXES]
        return own, snapshot.questions_of(self.place.application), locks, snapshot.properties.get("KillSwitches")

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """Who asks, the levels, the questions."""
        application = snapshot.application(self.place.application)
        if application is None:
            return [label(self._("This application is not known here any more."), "unknown"), self._back()]
        questions = snapshot.questions_of(application["id"])
        return [
            self._back(),
            heading(name_of(application, self.language), "application"),
            *self._about(application),
            *(self._axis(snapshot, application, axis) for axis in AXES),
            title(self._("Questions"), "questions"),
            *([] if questions else [label(self._("It asks no questions."), "no-questions")]),
            *(self._card(question, application) for question in questions),
            *self._forget(application),
        ]

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
        if application.get("results", "").startswith("https://"):
            url = QUrl(application["results"])
            yield row(button(_("Results…"), application["results"], lambda: QDesktopServices.openUrl(url), name="results"), None)
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
        locked = [note(self._("Set by your administrator ({file}).").format(file=foreign(file, self.language)))] if file else []
        return card(label(about), row(*radios.values(), None), *locked, name=f"card-own-{axis}")

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
            *(label(text) for text in (essentials(question, application, self.language) if question["state"] == "pending" else ())),
            label(state_line(question, self.language), f"state:{key}"),
            row(open_details, None, *decision_buttons(question, application, self.around)),
            name=f"card:{key}",
        )

    def _forget(self, application: Row) -> Iterator[Part]:
        if not application["installed"]:
            text = self._("&Forget this application…")
            yield row(button(text, name_of(application, self.language), lambda: self.acts.forget(application), name="forget"), None)
