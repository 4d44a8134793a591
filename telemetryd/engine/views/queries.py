"""The views of Control1, made from the state that is enforced. Nothing is written. Policy: T1, T2, T3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from telemetryd.core.limits import DAY_S
from telemetryd.core.privacy import ledger, odds
from telemetryd.core.sending.hindrance import error_word
from telemetryd.core.sending.schedule import Window
from telemetryd.engine.budget import caps_in_force
from telemetryd.engine.ports import QUEUED
from telemetryd.engine.views.query_rows import QueryRows
from telemetryd.engine.views.question_rows import ALL, QuestionRows, Wanted
from telemetryd.errors import BusyError
from telemetryd.named_tuple import NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from telemetryd.core.definition import Definition, Key
    from telemetryd.core.permission.lifecycle import Step
    from telemetryd.core.permission.user_change import UserChange
    from telemetryd.engine.choices.foresight import Foreseen, Foresight
    from telemetryd.engine.choices.known_questions import KnownQuestions
    from telemetryd.engine.declarations.catalogue import Catalogue
    from telemetryd.engine.ports import Clock, ConsentStore, ReportSelection, ReportStore, StoredReport
    from telemetryd.engine.question_states import Questions
    from telemetryd.engine.samples.period_close import PeriodClose
    from telemetryd.engine.views.query_rows import Shown


class ViewChangedError(BusyError):
    """The state changed while a view was being made."""


class QuestionQuery(NamedTuple):
    """What a page of questions is to have. No states mean all of them.

    It begins with the first question behind `after`, in the order of the views. If that one is gone, it begins with its application.
    """

    application: str = ""
    states: frozenset[str] = frozenset()
    after: Key = ("", "")
    wanted: Wanted = ALL


class Queries:
    """Read-only views. Each yields rows, or None where a row is left out, so that the caller can pause after each step.

    A view shows one moment: it raises ViewChangedError if user's choices, records, files or the day changed since its first row.
    Registrations meanwhile do not count: they concern one application, and any program could prevent the view by registering again.
    """

    def __init__(  # noqa: PLR0913 - by keyword: what the composition root puts in place
        self,
        *,
        catalogue: Catalogue,
        consents: ConsentStore,
        questions: Questions,
        period_close: PeriodClose,
        reports: ReportStore,
        clock: Clock,
        known: KnownQuestions,
        foresight: Foresight,
    ) -> None:
        self._catalogue, self._consents, self._questions, self._period_close = catalogue, consents, questions, period_close
        self._reports, self._clock, self._known = reports, clock, known
        self._foresight = foresight
        self._rows = QueryRows(catalogue, consents, questions, known)
        self._question_rows = QuestionRows(
            catalogue=catalogue, consents=consents, questions=questions, period_close=period_close, clock=clock, newest=reports.newest
        )

    def applications(self, callers: Mapping[str, frozenset[str]]) -> Iterator[Shown | None]:
        """Every application that is declared or has stored data. `callers` are the identities that called for each application."""
        catalogue, known, check_unchanged = self._catalogue, self._known, self._unchanged_check()
        stored = known.kept()
        for name in known.applications():
            declaration, its_callers, its_stored = catalogue.find(name), sorted(callers.get(name, ())), stored.get(name, set())
            if declaration:
                yield self._rows.application(declaration, its_callers, self._steps_of(name, its_stored))
            elif not catalogue.is_installed(name) or known.is_anything_kept(name, stored):
                yield self._rows.absent(name, its_stored, its_callers, self._steps_of(name, its_stored))
            else:
                yield None  # nothing is known of it but an unreadable manifest, which the property Problems shows
            check_unchanged()

    def questions(self, application: str) -> Iterator[Shown]:
        """Every question of an application, or of all (""), that is declared or has stored data.

        Raises UnknownApplicationError.
        """
        yield from filter(None, self.selected_questions(QuestionQuery(application)))

    def selected_questions(self, query: QuestionQuery) -> Iterator[Shown | None]:
        """The questions of a query, from the first of its page on.

        Raises UnknownApplicationError.
        """
        known, check_unchanged = self._known, self._unchanged_check()
        if query.application:
            known.check(query.application)
        stored = known.kept()
        for name in [query.application] if query.application else known.applications():
            if name >= query.after[0]:
                for key, definition in self._questions_behind(query.after, name, stored.get(name, set())):
                    yield self._question_row(key, definition, query)
                    check_unchanged()

    def manifests(self) -> Iterator[None]:
        """Read every manifest, so that the problems of the files are those of all of them."""
        settings = self._catalogue.settings
        for name in self._catalogue.applications():
            self._catalogue.find(name)
            yield None
            if self._catalogue.settings is not settings:
                raise ViewChangedError("the files changed while they were read: call again")
        self._catalogue.note_all_read()

    def foresee(self, change: UserChange) -> Iterator[Foreseen | None]:
        """What would follow from a change, as the last item. Raises what doing it would raise, but for a failing disk."""
        check_unchanged = self._unchanged_check()
        for looked in self._foresight.look(change):
            yield looked
            check_unchanged()

    def named(self, keys: Iterable[Key]) -> Iterator[Shown]:
        """The present rows of some questions, as in `questions`. Those of which nothing is kept or declared are left out."""
        for key in keys:
            definition = self._questions.definition(key)
            if definition or self._known.is_question_kept(key):
                row = self._question_row(key, definition, QuestionQuery())
                if row:
                    yield row

    def preview(self, application: str) -> Iterator[tuple[str, str, str] | None]:
        """(application/question, URL, body) of each report that is being made or waits. A report being made has a blank nonce."""
        check_unchanged = self._unchanged_check()
        if application:
            self._known.check(application)
        for row in self._reports.queue():
            if application in {"", row.application}:
                yield f"{row.application}/{row.question}", row.url, row.body.decode(errors="replace")
                check_unchanged()
        for key in self._questions.accepted():
            if application in {"", key[0]}:
                yield self._preview_of(key)
                check_unchanged()

    def history(self, since: int) -> Iterator[Shown]:
        """The reports created at or after `since` (Unix s), newest first. A few rows are read at a time."""
        yield from map(self._report_row, self._reports.latest(min(since, _LATEST)))

    def selected_history(self, selection: ReportSelection) -> Iterator[Shown]:
        """The reports of a selection, newest first. A few rows are read at a time."""
        yield from map(self._report_row, self._reports.select(selection))

    def _report_row(self, row: StoredReport) -> Shown:
        keys = ("id", "application", "question", "revision", "period", "created", "outcome", "status")
        endpoint = self._catalogue.settings.endpoint(row.vendor)
        return {
            **{key: getattr(row, key) for key in keys},
            "sent": 0 if row.outcome == QUEUED else row.started,
            "due_until": Window(row.opens, row.closes).expires,
            "error": error_word(row.held, row.outcome),
            "tries": [[day, error_word(word, QUEUED)] for day, word in row.tries],
            "endpoint": row.url,
            "vendor_name": endpoint.name if endpoint else "",
            "headers": [list(header) for header in row.headers],
            "body": row.body.decode(errors="replace"),
        }

    def ledger(self) -> Iterator[Shown]:
        """Every line of the privacy ledger, with a sentence for the user."""
        check_unchanged = self._unchanged_check()
        caps = caps_in_force(self._catalogue.settings, self._consents)
        entries = self._consents.ledger
        for line in ledger.lines(entries, caps):
            revealed = ledger.revealed(line, entries)
            yield {
                "host": line.host,
                "source": line.source,
                "year": line.year,
                "spent": line.spent / 10,
                "reserved": line.reserved / 10,
                "cap": line.cap / 10,
                "answers": line.answers,
                "vendor_name": self._vendor_name(line.host),
                "application": line.application,
                "capped": not line.application,
                "largest": revealed.largest,
                "charges": revealed.answers,
                "text": odds.sentences(revealed),
            }
            check_unchanged()

    def _vendor_name(self, host: str) -> str:
        """The names of the vendors whose endpoints have this host now; "" if there is none."""
        endpoints = self._catalogue.settings.endpoints
        return ", ".join(sorted({endpoint.name for endpoint in endpoints if endpoint.host == host}))

    def _unchanged_check(self) -> Callable[[], None]:
        """A function that raises ViewChangedError if the state is not the present one.

        It compares identities, which is enough: all of these objects are replaced and never changed in place.
        """
        initial, day = self._state(), self._clock.now() // DAY_S

        def check() -> None:
            is_same = all(current is before for current, before in zip(self._state(), initial, strict=True))
            if not is_same or self._clock.now() // DAY_S != day:
                raise ViewChangedError("the answer changed while it was made: call again")

        return check

    def _state(self) -> tuple[object, ...]:
        consents = self._consents
        return (
            self._catalogue.settings,
            consents.levels,
            consents.applications,
            consents.decisions,
            consents.records,
            consents.lots,
            consents.ledger,
        )

    def _steps_of(self, application: str, stored: set[str]) -> list[Step]:
        """Where each question of an application stands."""
        return [self._step_of(key, definition) for key, definition in self._questions_of(application, stored)]

    def _step_of(self, key: Key, definition: Definition | None) -> Step:
        if definition:
            return self._questions.step(definition)
        return self._question_rows.step_without_definition(key, self._reports.newest(key))

    def _questions_of(self, application: str, stored: set[str]) -> Iterator[tuple[Key, Definition | None]]:
        """The questions of an application: the declared ones in their order, then others with stored data."""
        declaration = self._catalogue.find(application)
        declared = {definition.key: definition for definition in declaration.definitions} if declaration else {}
        yield from declared.items()
        undeclared = {(application, question) for question in stored.union(self._reports.questions(application))}
        for key in sorted(undeclared - declared.keys()):
            yield key, self._questions.definition(key)

    def _questions_behind(self, after: Key, application: str, stored: set[str]) -> Iterator[tuple[Key, Definition | None]]:
        """The questions of an application behind one of them. All of them if that is another application's, or is gone."""
        listed = list(self._questions_of(application, stored))
        number = next((number for number, (key, _) in enumerate(listed) if key == after), -1)
        yield from listed[number + 1 :]

    def _question_row(self, key: Key, definition: Definition | None, query: QuestionQuery) -> Shown | None:
        """The row of a question, or None if its state is not one of the query's."""
        if definition:
            step = self._questions.step(definition)
            return self._question_rows.question(definition, step, query.wanted) if _is_in(step, query.states) else None
        newest = self._reports.newest(key)
        step = self._question_rows.step_without_definition(key, newest)
        return self._question_rows.question_without_definition(key, newest, query.wanted) if _is_in(step, query.states) else None

    def _preview_of(self, key: Key) -> tuple[str, str, str] | None:
        definition = self._questions.definition(key)
        step = self._questions.step(definition) if definition else None
        if not definition or not step or not step.is_collecting:
            return None
        body = self._period_close.preview(definition, step.record.period).decode()
        return f"{key[0]}/{key[1]}", self._url(definition), body

    def _url(self, definition: Definition) -> str:
        endpoint = self._catalogue.settings.endpoint(definition.application.vendor)
        return endpoint.url if endpoint else ""


def _is_in(step: Step, states: frozenset[str]) -> bool:
    return not states or str(step.state) in states


_LATEST = (1 << 63) - 1
"""The largest number of the store. The bus type `t` has larger ones."""
