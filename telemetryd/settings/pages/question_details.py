"""One question: everything that consent is given to, with pictures, and the decision. Policy: T1, T2, T3, C1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from telemetryd.core.privacy import admissibility, noise
from telemetryd.ctl.failures import Failure
from telemetryd.describe.sentences import describe
from telemetryd.settings.pages.page import Place, WindowPage
from telemetryd.settings.pages.question_card import changes, decision_buttons, definition_of, destination, reviewers
from telemetryd.settings.parts.dialogs import TextDialog
from telemetryd.settings.parts.pictures import Bins, Noise
from telemetryd.settings.widgets.plain import button, card, column, emphasised, facts, heading, label, note, row, title, verbatim
from telemetryd.settings.words.window_words import failure_line, foreign, in_line, name_of, purpose_of, state_line, vendor_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from telemetryd.core.definition import Definition
    from telemetryd.describe.sentences import Description, SourceDescription
    from telemetryd.settings.pages.page import Part
    from telemetryd.settings.reading.service_snapshot import Row, ServiceSnapshot

NAME = "question"
_WITH_REPORT = {"active", "reporting"}


class QuestionPage(WindowPage):
    """The texts come from the definition whose digest is accepted: if they do not fit each other, nothing is shown to say yes to."""

    def shown(self, snapshot: ServiceSnapshot) -> object:
        """The question and its application."""
        is_read = snapshot.questions_of(self.place.application) is not None
        question = snapshot.question(self.place.application, self.place.question)
        return is_read, question, snapshot.application(self.place.application)

    def parts(self, snapshot: ServiceSnapshot) -> Sequence[Part]:
        """The question, where it stands, the decision, then what it means."""
        question, application = snapshot.question(self.place.application, self.place.question), snapshot.application(self.place.application)
        if application is not None and snapshot.questions_of(application["id"]) is None:
            return [self._back(), label(self._("The question is being read …"), "reading")]
        if question is None or application is None:
            return [self._back(), label(self._("This question is not known here any more."), "unknown")]
        definition = definition_of(question)
        buttons = decision_buttons(question, application, self.around)
        return [
            self._back(),
            heading(purpose_of(question, self.language), "purpose"),
            label(state_line(question, self.language), "state"),
            row(*self._report_button(question), None, *buttons),
            *(self._meaning(question, application, definition) if definition else [label(self._unreadable(question), "unreadable")]),
        ]

    def _back(self) -> Part:
        where = Place("application", self.place.application, part=f"details:{self.place.application}/{self.place.question}")
        return row(button(self._("&Back"), self._("to the application"), lambda: self.around.go(where), name="back"), None)

    def _unreadable(self, question: Row) -> str:
        if question["digest"]:
            return self._("The service gives a definition that does not fit its digest, so there is nothing to say yes to.")
        return self._("Nothing declares this question any more.")

    def _meaning(self, question: Row, application: Row, definition: Definition) -> Iterator[Part]:
        _, language = self._, self.language
        described = describe(definition, language.words, language.texts(question["translations"]))
        yield facts(self._why(question, application, described))
        yield title(_("What is measured"))
        for index, source in enumerate(described.sources):
            yield self._source(question, source, index)
        yield label(f"{described.together} {described.when} {described.often}")
        yield from self._chance(question, definition, described)
        yield title(_("A report as it could be sent"))
        yield verbatim(question["example"], _("A report as it could be sent"), "example")
        more = button(_("&More details…"), purpose_of(question, language), lambda: self._more(question, definition, described), name="more")
        copy = button(_("&Copy"), _("the example"), lambda: QGuiApplication.clipboard().setText(question["example"]), name="copy-example")
        yield row(copy, more, None)

    def _why(self, question: Row, application: Row, described: Description) -> Iterator[tuple[str, str]]:
        _, language = self._, self.language
        name, vendor = name_of(application, language), vendor_of(application, language)
        yield _("Who asks"), _("{application}, for {vendor}").format(application=name, vendor=vendor)
        yield _("What your answer decides"), foreign(described.outcome, language)
        yield _("Where it goes"), destination(question, application, language)
        yield _("Reviewed in public by"), reviewers(question, language)
        if changed := changes(question, language):
            yield _("What changed since you said yes"), "\n".join(foreign(change, language) for change in changed)

    def _source(self, question: Row, source: SourceDescription, index: int) -> Part:
        language, so_far = self.language, question.get("so_far", [])
        labels = [foreign(answer.text, language) for answer in source.bins]
        present = next((place for place, answer in enumerate(source.bins) if so_far[index : index + 1] == [answer.label]), -1)
        text = self._("Possible answers: {answers}.").format(answers=", ".join(labels))
        if present >= 0:
            text += " " + self._("So far: {answer}.").format(answer=labels[present])
        measured = in_line((source.whence, source.how, source.coarse))
        parts = [label(foreign(source.what, language)), Bins(labels, present, text=text, name=f"bins-{source.id}"), note(measured)]
        return card(*parts, *([note(self._("So far: {answer}.").format(answer=labels[present]), "so-far")] if present >= 0 else []))

    def _chance(self, question: Row, definition: Definition, described: Description) -> Iterator[Part]:
        yield title(self._("Chance protects you"))
        if question["epsilon"] and '"epsilon":null' not in question["example"]:
            truth = noise.probabilities(definition.cells, definition.question.epsilon)[0]
            yield Noise(round(100 * truth), text=described.protection, name="noise")
            yield note(self._("Full dots send the true answer, rings another answer."))
            yield label(foreign(described.protection, self.language), "protection")
        else:
            yield label(self._("No chance is added: the report says the answer as it is."), "no-noise")

    def _report_button(self, question: Row) -> list[Part]:
        if question["state"] not in _WITH_REPORT:
            return []
        return [button(self._("&See the report…"), purpose_of(question, self.language), lambda: self._ask_report(question), name="report")]

    def _ask_report(self, question: Row) -> None:
        self.around.look(lambda control: control.preview(question["application"]), lambda answer: self._show_report(question, answer))

    def _show_report(self, question: Row, answer: object) -> None:
        _, name = self._, f"{question['application']}/{question['id']}"
        if isinstance(answer, Failure):
            self.acts.told.emit(failure_line(answer, self.language.words))
            return
        bodies = [body for key, _url, body in answer if key == name]  # type: ignore[attr-defined] # rows of Preview
        is_final = question["state"] == "reporting"
        waits, made = (
            _("It waits, and will be sent exactly so."),
            _("Not final: the noise and a random number are added before it is sent."),
        )
        text = waits if is_final else made
        shown = [label(text, "final"), *(verbatim(body.rstrip(" "), _("Body"), "body") for body in bodies)]
        TextDialog(self, _("The report"), shown if bodies else [label(_("No report is there yet."), "final")], self.language).open()

    def _more(self, question: Row, definition: Definition, described: Description) -> None:
        _, language = self._, self.language
        rows = [
            (_("Needs"), described.needs),
            (_("Who takes part"), described.part),
            (_("Until when"), described.until),
            (_("Figures"), "\n".join(admissibility.sentences(admissibility.figures(definition), language.words))),
            (_("Warnings"), "\n".join(question["warnings"])),
            (_("Record of the review"), foreign(question["record"], language)),
            (_("Possible answers, as a report names them"), "\n".join(foreign(answer, language) for answer in question["answers"])),
            (_("The original text, which was reviewed"), "\n".join(foreign(question[key], language) for key in ("purpose", "decision"))),
        ]
        parts = facts([(about, text) for about, text in rows if text])
        digest = column(emphasised(_("Digest")), verbatim(question["digest"], _("Digest"), "digest"), gap=4)
        TextDialog(self, _("More details"), [card(parts, digest)], language).open()
